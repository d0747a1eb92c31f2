"""From a configuration to a run: what is refused, and that a refused run leaves nothing behind."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from ucmt_lite import predict
from ucmt_lite.common import InputError
from ucmt_lite.experiments.assemble import prepare
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.folder import RunFolder
from ucmt_lite.experiments.method_settings import method_settings
from ucmt_lite.experiments.run import run

pytestmark = pytest.mark.usefixtures("few_cases")
SMALL = {"size": 32, "labeled": 2, "iterations": 2, "batch": 2, "device": "cpu", "distances": False}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"method": "umct"}, "did you mean 'ucmt'"),
        ({"network": "unett"}, "did you mean 'unet'"),
        ({"dataset": "phantom_hart"}, "did you mean 'phantom_heart'"),
        ({"labeled": 0}, "labeled=0"),
        ({"labeled": 99}, "labeled=99 is more than the 8 training cases"),
        ({"iterations": 0}, "iterations=0"),
        ({"size": 36, "settings": {"grid": 4}}, "multiple of 8, one is 36"),
        ({"settings": {"grid": 5}}, "does not split into 5 equal cells"),
        ({"settings": {"grid": 4, "top_k": 9}}, "top_k=9 does not fit 16 cells"),
        ({"settings": {"topk": 2}}, "did you mean 'top_k'"),
        ({"settings": {"make_mix": "cutmx"}}, "did you mean 'cutmix'"),
        ({"settings": {"loss": "dice"}}, "did you mean 'dice_loss'"),
        ({"patch": (8, 8)}, "is for volumes"),
        ({"dataset": "phantom_atrium", "patch": (8, 8)}, "2 numbers"),
        ({"dataset": "folder"}, "needs a folder"),
        ({"precision": "float16"}, "needs a GPU"),
        (
            {"settings": {"grid": 8, "top_k": "two"}},
            "top_k='two' does not fit method ucmt: its default is 2",
        ),
        ({"settings": {"grid": 8, "top_k": 1.5}}, "top_k=1.5"),
        ({"settings": {"grid": 8.0}}, "grid=8.0"),
        ({"settings": {"grid": [8, 8, 8]}}, "grid="),
        ({"settings": {"grid": 8, "weight": "abc"}}, "weight='abc'"),
        ({"settings": {"grid": 8, "weight": -1.0}}, "weight=-1.0: give 0"),
        (
            {"method": "gct", "settings": {"correction_weight": -1.0}},
            "correction_weight=-1.0",
        ),
        ({"method": "unimatch", "batch": 1}, "batch=1: unimatch mixes an image with another one"),
        ({"method": "adamix", "batch": 1}, "batch=1: adamix mixes an image with another one"),
        ({"method": "bcp", "batch": 1}, "batch=1: bcp mixes an image with another one"),
        ({"settings": {"grid": 8, "ema_decay": 1.5}}, "ema_decay=1.5: give a number from 0 to 1"),
        ({"method": "fixmatch", "settings": {"threshold": 1.2}}, "threshold=1.2: give a number"),
        ({"method": "bcp", "settings": {"pretraining": -1.0}}, "pretraining=-1.0: give a number"),
        ({"method": "ua_mt", "settings": {"passes": 0}}, "passes=0: give a positive number"),
        ({"method": "adamix", "settings": {"grid": 4}}, "top_k=16 does not fit 16 cells"),
        ({"settings": {"grid": 8, "ema_share": 0.5}}, "ema_share=0.5"),
        ({"settings": {"grid": 8, "ema_share": (0.9, 0.9)}}, "together 1"),
        ({"settings": {"grid": 8, "forward": "separatly"}}, "did you mean 'separately'"),
        ({"settings": {"grid": 8, "labeled_views": ("x", "x3")}}, "labeled view 'x3'"),
        ({"lr": -1.0}, "lr=-1.0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"weight_decay": -1.0}, "weight_decay=-1.0"),
        ({"ramp": -1.0}, "ramp=-1.0"),
        ({"seed": -1}, "seed=-1"),
        ({"network2": "unet"}, "ema_share=(1, 0)"),
        ({"method": "supervised", "network2": "unet"}, "has no second student"),
        ({"data": "/some/folder"}, "leave it out"),
        ({"classes": 7}, "is for your own data"),
        ({"dataset": "phantom_atrium", "patch": (-8, -8, -8)}, "give positive numbers"),
        ({"dataset": "phantom_atrium", "patch": (10**9,) * 3}, "more than twice as long as the"),
        ({"dataset": "phantom_atrium", "patch": (20, 20, 20), "method": "cps"}, "multiple of 8"),
        ({"dataset": "a\nb"}, "Unknown data set 'a b'"),
        ({"unlabeled": -1}, "unlabeled=-1: give a number from 0"),
        ({"unlabeled": 999}, "unlabeled=999 is more than the 6 training cases besides"),
        ({"unlabeled": 4, "method": "supervised"}, "unlabeled=4 changes nothing with method"),
        ({"labeled_by": "patient"}, "did you mean 'patients'"),
        ({"labeled_by": "patients"}, "no patients are known of these 8 images"),
        (
            {"size": 10**12},
            "'phantom_heart' at size=1000000000000 does not fit into this machine's",
        ),
        ({"dataset": "phantom_atrium", "patch": (20, 20, 20)}, "does not split into 8 equal cells"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_leaves_nothing(values, sentence, tmp_path):
    with pytest.raises(InputError) as error:
        run(RunConfig.of({**SMALL, **values}), tmp_path / "run")
    assert sentence in str(error.value) and "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_run_sees_as_many_images_without_masks_as_it_is_told():
    config = RunConfig(**{**SMALL, "method": "cps", "unlabeled": 3})
    few, every = (prepare(c).batches for c in (config, replace(config, unlabeled=0)))
    assert len(few.labeled) == len(every.labeled) == 2
    assert (len(few.unlabeled), len(every.unlabeled)) == (5, 8)
    assert config.fingerprint != replace(config, unlabeled=0).fingerprint
    assert replace(config, unlabeled=0).fingerprint == RunConfig(**SMALL, method="cps").fingerprint


@pytest.mark.parametrize(
    "method, dims, grid", [("ucmt", 2, 16), ("ucmt", 3, 8), ("adamix", 2, 8), ("adamix", 3, 4)]
)
def test_a_volume_has_half_as_many_cells_an_axis(method, dims, grid):
    config = RunConfig(method=method)
    assert method_settings(config, dims, sides=(64,) * dims)["grid"] == grid


def test_a_volume_may_have_a_grid_of_its_own_along_each_axis():
    config = RunConfig(method="ucmt", settings={"grid": [8, 8, 4]})
    assert method_settings(config, 3, sides=(64, 64, 32))["grid"] == [8, 8, 4]


@pytest.mark.parametrize("mix", ["noise", "identity"])
def test_where_no_cells_are_moved_the_image_need_not_split_into_cells(mix):
    config = RunConfig(method="ucmt", settings={"make_mix": mix})
    assert "grid" not in method_settings(config, 2, sides=(40, 40))


@pytest.mark.parametrize("name, sizes", [("jointly", [4]), ("separately", [2, 2])])
def test_minibatches_go_forward_as_asked(name, sizes):
    """Labeled and unlabeled images share their batch-norm statistics, or each kind has its own."""
    config = RunConfig(method="cps", settings={"forward": name})
    forward = method_settings(config, dims=2, sides=(32, 32))["forward"]
    seen = []
    forward(lambda image: seen.append(len(image)) or image, *torch.zeros(2, 2, 1, 8, 8))
    assert seen == sizes


def test_the_teacher_may_follow_the_student_of_its_own_architecture_alone(tmp_path):
    config = RunConfig.of(
        {**SMALL, "network2": "unet", "settings": {"grid": 8, "ema_share": (1, 0)}}
    )
    assert run(config, tmp_path / "run").config == config


def test_a_finished_run_is_read_whatever_kinds_of_numbers_its_settings_had(tmp_path, monkeypatch):
    config = RunConfig.of({**SMALL, "lr": 1, "settings": {"grid": 8, "ema_share": (0.5, 0.5)}})
    run(config, tmp_path / "run")
    monkeypatch.setattr(
        "ucmt_lite.experiments.run.prepare", lambda *_: pytest.fail("it was trained again")
    )
    assert run(config, tmp_path / "run").config == config
    assert config.fingerprint == RunConfig.of({**config.as_dict(), "lr": 1.0}).fingerprint


def test_a_finished_run_is_read_where_nothing_can_be_written(tmp_path, monkeypatch):
    config = RunConfig.of({**SMALL, "settings": {"grid": 8}})
    scores = run(config, tmp_path / "run").metrics["scores"]
    monkeypatch.setattr(RunFolder, "alone", lambda _: pytest.fail("a lock was asked for"))
    assert run(config, tmp_path / "run").metrics["scores"] == scores


def test_what_a_killed_run_left_before_its_first_checkpoint_does_not_stand_in_the_way(tmp_path):
    work = tmp_path / ".run.unfinished"
    work.mkdir()
    (work / "config.json").write_text(json.dumps(RunConfig(seed=9).as_dict()))
    (work / ".checkpoint.abc.pt").write_bytes(b"half")
    result = run(RunConfig.of({**SMALL, "method": "supervised"}), tmp_path / "run")
    names = {"config.json", "metrics.json", "trace.npz", "teacher.safetensors"}
    assert {file.name for file in result.folder.iterdir()} == names and list(
        tmp_path.iterdir()
    ) == [result.folder]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written.*--out"):
        run(RunConfig.of({**SMALL, "method": "supervised"}), tmp_path / "file" / "run")


def test_nifti_volumes_can_be_run_and_a_network_knows_the_window_of_its_set(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind).mkdir(parents=True)
        for i in range(5):
            values = (
                rng.normal(50, 200, (16,) * 3) if kind == "images" else np.indices((16,) * 3)[0] > 7
            )
            nibabel.save(
                nibabel.Nifti1Image(values.astype(np.float32), np.eye(4)),
                tmp_path / "data" / kind / f"{i}.nii.gz",
            )
    for name, window in (("nifti", None), ("pancreas_ct", [-125.0, 275.0])):
        values = {
            "dataset": name,
            "data": str(tmp_path / "data"),
            "method": "supervised",
            "patch": (16, 16, 16),
        }
        result = run(RunConfig.of({**SMALL, **values}), tmp_path / name)
        card = predict.load_segmenter(result.folder / "teacher.safetensors").card
        assert card["preparation"]["window"] == window
