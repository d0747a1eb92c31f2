"""A network for others: the ONNX file gives torch's probabilities, the Hub gets a page about it."""

import json
import sys

import httpx
import numpy as np
import pytest
import torch
from torch import nn

from ucmt_lite import cli, predict
from ucmt_lite.common import InputError
from ucmt_lite.nets import make
from ucmt_lite.predict import export, push_to_hub, to_onnx


def segmenter(**changes):
    card = {
        "network": "unet_small",
        "in_channels": 1,
        "classes": ["background", "lesion"],
        "dims": 2,
        "size": 32,
        "norm": "batch",
    } | changes
    torch.manual_seed(0)
    sizes = (card["in_channels"], len(card["classes"]), card["dims"])
    net = make(card["network"], *sizes, norm=card["norm"])
    net(torch.randn(2, card["in_channels"], *[32] * card["dims"]))
    return predict.Segmenter(net.eval(), card)


def need_onnx():
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is optional")


# ONNX


@pytest.mark.parametrize(
    ("changes", "shapes"),
    [
        ({}, [(1, 1, 48, 32), (3, 1, 64, 64)]),
        ({"norm": "instance"}, [(1, 1, 48, 32)]),
        (
            {"network": "vnet_small", "dims": 3, "size": None, "patch": [32, 16, 16]},
            [(2, 1, 32, 16, 16)],
        ),
    ],
    ids=["2D", "instance norm", "3D"],
)
def test_an_onnx_file_gives_the_probabilities_of_torch(tmp_path, changes, shapes):
    need_onnx()
    import onnxruntime

    one = segmenter(**changes)
    path = tmp_path / "net.onnx"
    assert to_onnx(one, path) <= 1e-4 and list(tmp_path.iterdir()) == [path]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    card = session.get_modelmeta().custom_metadata_map["card"]
    assert json.loads(card) == json.loads(json.dumps(one.card))
    for shape in shapes:
        images = torch.rand(shape) * 2 - 1
        (probs,) = session.run(["probabilities"], {"image": images.numpy()})
        with torch.inference_mode():
            np.testing.assert_allclose(probs, one.net(images).softmax(1), atol=1e-4)


def test_a_file_that_gives_other_probabilities_is_not_kept(tmp_path, monkeypatch):
    need_onnx()
    monkeypatch.setattr(export, "_difference", lambda *_: 0.1)
    with pytest.raises(InputError, match="differ by 1.0e-01 from torch's, so it is not kept"):
        to_onnx(segmenter(), tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_float32_costs_torch_itself_is_no_fault_of_the_file(tmp_path, monkeypatch):
    """A network with steep logits rounds by more than calm ones are allowed to differ."""
    need_onnx()
    monkeypatch.setattr(export, "_difference", lambda *_: 2e-4)
    with pytest.raises(InputError, match="is not kept"):
        to_onnx(segmenter(), tmp_path / "net.onnx")
    monkeypatch.setattr(export, "_rounding", lambda *_: 1e-4)
    assert to_onnx(segmenter(), tmp_path / "net.onnx") == 2e-4


def test_rounding_is_measured_against_float64():
    halves = nn.Softmax(1)
    images = torch.tensor([[[[1.0]], [[1.0 + 1e-6]]]])
    exact = images.double().softmax(1)
    wanted = (images.softmax(1) - exact).abs().max().item()
    assert export._rounding(halves, images) == pytest.approx(wanted)


def test_a_3d_network_needs_a_window(tmp_path):
    need_onnx()
    with pytest.raises(InputError, match="has no 'patch'"):
        to_onnx(segmenter(network="vnet_small", dims=3, size=None), tmp_path / "net.onnx")


def test_without_onnx_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r'onnx: run pip install "ucmt-lite\[export\]"'):
        to_onnx(segmenter(), tmp_path / "net.onnx")


def test_the_command_exports(tmp_path, monkeypatch, capsys):
    one = segmenter()
    predict.save_segmenter(one.net, tmp_path / "teacher.safetensors", one.card)
    monkeypatch.setattr(export, "to_onnx", lambda net, path: 2e-7)
    assert cli.main(["export", str(tmp_path), str(tmp_path / "net.onnx")]) == 0
    assert "net.onnx gives torch's probabilities, up to 2.0e-07" in capsys.readouterr().out


# The Hub


@pytest.fixture
def hub(monkeypatch):
    """A stand-in of the Hub, which keeps what it is given."""
    kept = {}

    def create_repo(api, repo_id, **options):
        kept["repo"] = {"repo_id": repo_id, "token": api.token, **options}
        return f"https://hub.invalid/{repo_id}"

    def upload_folder(api, *, repo_id, folder_path, commit_message):
        from pathlib import Path

        kept["files"] = {file.name: file.read_bytes() for file in Path(folder_path).iterdir()}
        kept["message"] = commit_message

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", create_repo)
    monkeypatch.setattr("huggingface_hub.HfApi.upload_folder", upload_folder)
    return kept


def test_a_pushed_network_can_be_loaded_and_has_a_page(hub, tmp_path):
    import yaml

    about = {
        "method": "ucmt",
        "dataset": "phantom_heart",
        "scores": {"dice": 0.81234, "hd95": None},
        "config": {"seed": 3, "data": "/where/it/lay"},
    }
    one = segmenter(**about)
    url = push_to_hub(one, "me/heart", private=True, token="secret", license="mit")
    assert url == "https://hub.invalid/me/heart"
    assert hub["repo"] == {
        "repo_id": "me/heart",
        "token": "secret",
        "private": True,
        "exist_ok": True,
    }
    (tmp_path / "net.safetensors").write_bytes(hub["files"]["teacher.safetensors"])
    image = np.arange(1600, dtype=np.uint8).reshape(40, 40)
    back = predict.load_segmenter(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(back.segment(image), one.segment(image))
    page = hub["files"]["README.md"].decode()
    _, head, text = page.split("---\n", 2)
    assert yaml.safe_load(head) == {
        "library_name": "ucmt-lite",
        "pipeline_tag": "image-segmentation",
        "tags": ["medical", "semi-supervised", "ucmt", "phantom_heart"],
        "license": "mit",
    }
    assert "| dice | 0.8123 |" in text and "hd95" not in text and "| seed | 3 |" in text
    assert "trained by the method ucmt on phantom_heart" in text and "secret" not in page
    assert "/where/it/lay" not in page and back.card["config"] == {"seed": 3, "data": ""}
    assert 'hf_hub_download("me/heart", "teacher.safetensors")' in text


def test_a_hub_that_is_not_there_ends_with_a_sentence(hub, monkeypatch):
    def unreachable(*_, **__):
        raise httpx.ConnectError("no route\nto host")

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", unreachable)
    with pytest.raises(InputError, match=r"did not take me/heart \(no route to host\): check"):
        push_to_hub(segmenter(), "me/heart")


def test_a_name_that_the_hub_does_not_take_is_refused(monkeypatch):
    from huggingface_hub.errors import HFValidationError

    def refused(*_, **__):
        raise HFValidationError("Repo id must be ...")

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", refused)
    with pytest.raises(InputError, match="'me/he art' is no name of a repository: give OWNER/NAME"):
        push_to_hub(segmenter(), "me/he art")
