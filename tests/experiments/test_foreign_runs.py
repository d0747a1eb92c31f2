"""Runs with networks of other packages: trained, resumed, kept in a file, loaded, exported."""

import json

import numpy as np
import pytest
import torch

from ucmt_lite import cli, predict
from ucmt_lite.common import InputError
from ucmt_lite.experiments.assemble import prepare
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.run import run, train
from ucmt_lite.nets import make

pytestmark = pytest.mark.usefixtures("few_cases")

SMALL = {"size": 32, "labeled": 2, "iterations": 3, "batch": 2, "device": "cpu", "distances": False}
FEATURES = [4, 4, 4, 8, 8, 4]
BASIC = {"network": "monai:BasicUNet", "network_settings": {"features": FEATURES}}
UCMT = {**SMALL, **BASIC, "method": "ucmt", "settings": {"grid": 4, "top_k": 2}}


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)


@pytest.mark.parametrize("values", [UCMT, {**UCMT, "method": "gct", "settings": {}}])
def test_a_run_is_trained_scored_kept_loaded_and_exported(values, image, tmp_path):
    result = run(RunConfig.of(values), tmp_path / "run")
    file = result.folder / "teacher.safetensors"
    segmenter = predict.load_segmenter(file)
    assert segmenter.card["network"] == "monai:BasicUNet"
    assert segmenter.card["network_settings"] == {"features": FEATURES}
    assert segmenter.segment(image).shape == image.shape

    np.save(tmp_path / "image.npy", image)
    command = ["predict", str(result.folder), str(tmp_path / "image.npy")]
    assert cli.main([*command, "--out", str(tmp_path / "masks"), "--device", "cpu"]) == 0
    mask = np.load(next((tmp_path / "masks").glob("*.npy")))
    assert np.array_equal(mask, segmenter.segment(tmp_path / "image.npy"))
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is optional")
    assert cli.main(["export", str(result.folder), str(tmp_path / "net.onnx")]) == 0
    assert (tmp_path / "net.onnx").is_file()


def test_what_the_exporter_cannot_do_is_one_sentence(tmp_path, monkeypatch, capsys):
    def fails(*_):
        raise RuntimeError("Reshape failed\nhere is why")

    card = {**BASIC, "in_channels": 1, "classes": ["b", "a"], "dims": 2}
    net = make("monai:BasicUNet", 1, 2, settings=card["network_settings"])
    file = tmp_path / "net.safetensors"
    predict.save_segmenter(net, file, card)
    monkeypatch.setattr(predict, "to_onnx", fails, raising=False)
    assert cli.main(["export", str(file), str(tmp_path / "net.onnx")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "monai:BasicUNet cannot be written as ONNX (Reshape failed)" in line


def test_an_interrupted_run_goes_on_to_the_same_weights(tmp_path):
    def interrupt(look):
        raise KeyboardInterrupt

    config = RunConfig.of(UCMT)
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "stopped", on_look=interrupt)
    for name in ("stopped", "whole"):
        run(config, tmp_path / name)
    one, other = (
        predict.load_segmenter(tmp_path / name / "teacher.safetensors").net.state_dict()
        for name in ("stopped", "whole")
    )
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_two_students_may_be_of_two_packages(tmp_path):
    values = {**UCMT, "method": "cps", "settings": {}, "network2": "unet_small"}
    nets = prepare(RunConfig.of(values)).nets
    assert [type(net).__name__ for net in nets.children()] == ["ForeignNet", "UNet"]
    again = prepare(RunConfig.of({**values, "network2": "monai:BasicUNet"})).nets
    shapes = [[p.shape for p in net.parameters()] for net in again.children()]
    assert shapes[0] == shapes[1], "settings are those of the network, by whichever name"


def test_the_command_takes_settings_of_the_network(tmp_path, capsys):
    command = [
        "run",
        "--network",
        "monai:BasicUNet",
        "--network-settings",
        "features=[4,4,4,8,8,4]",
    ]
    small = ["--size", "32", "--labeled", "2", "--iterations", "2", "--method", "supervised"]
    out = ["--no-distances", "--out", str(tmp_path / "run"), "--json"]
    assert cli.main([*command, *small, *out]) == 0
    assert 0 <= json.loads(capsys.readouterr().out)["dice"] <= 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"network": "monai:BasicUnt"}, "did you mean 'BasicUNet'"),
        ({"network2": "monia:UNet", "method": "cps"}, "did you mean 'monai'"),
        ({**BASIC, "norm": "batch"}, "is for networks of this kit, 'monai:BasicUNet' has its own"),
        ({**BASIC, "statistics": "estimated"}, "'monai:BasicUNet' has none"),
        ({"network_settings": {"features": FEATURES}}, "is for networks of other packages"),
        ({**BASIC, "size": 16}, "monai:BasicUNet cannot be trained on minibatches of 2 x 1 x 16"),
        ({**BASIC, "size": 40}, "multiple of 16, one is 40"),
    ],
)
def test_what_cannot_be_is_refused_before_training_and_leaves_nothing(values, sentence, tmp_path):
    with pytest.raises(InputError) as error:
        run(RunConfig.of({**SMALL, "method": "supervised", **values}), tmp_path / "run")
    assert sentence in str(error.value) and list(tmp_path.iterdir()) == []


def test_statistics_are_estimated_where_the_network_has_batch_norms():
    settings = {"features": FEATURES, "norm": "batch"}
    values = {**SMALL, **BASIC, "network_settings": settings, "method": "supervised"}
    running, estimated = (
        train(RunConfig.of({**values, "statistics": statistics})).net.state_dict()
        for statistics in ("running", "estimated")
    )
    differ = {name for name in running if not torch.equal(running[name], estimated[name])}
    assert differ and all("running" in name or "tracked" in name for name in differ)


def test_runs_from_before_the_setting_keep_their_digits():
    config = RunConfig(method="cps").as_dict()
    assert config.pop("network_settings") == {}
    assert RunConfig.of_saved(config).fingerprint == RunConfig(method="cps").fingerprint
