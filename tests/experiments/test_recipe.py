"""The recipe of a run: its norm, statistics, views and the size of volumes, and how it is kept."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from ucmt_lite import RECIPE_OF_BEFORE, RunConfig, predict
from ucmt_lite.common import InputError
from ucmt_lite.experiments.assemble import make_nets, prepare
from ucmt_lite.experiments.run import read_run, run, train

SMALL = {"size": 32, "iterations": 3, "labeled": 2, "method": "supervised", "device": "cpu"}
VOLUMES = {**SMALL, "dataset": "phantom_atrium", "network": "unet_small", "size": 48, "batch": 1}


def norms(net):
    return {type(module) for module in net.modules() if "Norm" in type(module).__name__}


def test_a_run_older_than_a_field_keeps_its_meaning_and_its_digits():
    old = {"method": "cps", "seed": 3}
    saved = RunConfig.of_saved(old)
    assert saved.norm == "batch" and saved.labeled_views == "strong" and saved.views["degrees"] == 0
    assert saved == RunConfig(**old, **RECIPE_OF_BEFORE)
    assert saved.fingerprint != RunConfig(**old).fingerprint
    values = {
        name: value for name, value in saved.as_dict().items() if name not in RECIPE_OF_BEFORE
    }
    assert RunConfig.of_saved(values).fingerprint == saved.fingerprint


@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_the_norm_is_trained_saved_and_built_again(few_cases, tmp_path, norm):
    result = run(RunConfig(**SMALL, norm=norm, distances=False), tmp_path / "run")
    segmenter = predict.load_segmenter(result.folder / "teacher.safetensors")
    assert segmenter.card["norm"] == norm
    expected = torch.nn.BatchNorm2d if norm == "batch" else torch.nn.GroupNorm
    assert norms(segmenter.net) == {expected}


def test_estimated_statistics_change_the_network_and_nothing_else(few_cases):
    nets = {}
    for statistics in ("running", "estimated"):
        config = RunConfig(**SMALL, norm="batch", statistics=statistics)
        nets[statistics] = train(config).net
    running, estimated = (nets[name].state_dict() for name in ("running", "estimated"))
    weights = [name for name in running if "running" not in name and "batches" not in name]
    assert all(torch.equal(running[name], estimated[name]) for name in weights)
    assert any(not torch.equal(running[n], estimated[n]) for n in running if "running_mean" in n)


def test_volumes_are_shrunk_for_the_network_and_scored_at_their_own_size(few_cases, tmp_path):
    result = run(RunConfig(**VOLUMES, shrink=2, distances=False), tmp_path / "run")
    card = predict.load_segmenter(result.folder / "teacher.safetensors").card
    assert card["shrink"] == 2 and card["patch"] == [32, 32, 32]
    voxels = 48**3
    (case, *_) = result.metrics["cases"]
    assert voxels / 100 < case["present"][0] < voxels, "counted in whole voxels"


def test_small_volumes_keep_their_size_and_the_patch_is_about_the_whole(few_cases):
    prepared = prepare(RunConfig(**VOLUMES))
    assert prepared.shrink == 1 and prepared.patch == (48, 48, 48)


def test_labeled_views_and_strengths_reach_the_minibatches(few_cases):
    weak = prepare(RunConfig(**SMALL, labeled_views="weak")).batches(0)
    strong = prepare(RunConfig(**SMALL)).batches(0)
    assert torch.equal(weak.x1, weak.x) and not torch.equal(strong.x1, strong.x)
    assert prepare(RunConfig(**SMALL, views={"degrees": 5})).batches.views.degrees == 5


def test_a_network_that_learned_nothing_is_told_in_the_metrics(few_cases, tmp_path, monkeypatch):
    empty = {"predicted": [0, 0, 0], "present": [9, 9, 9], "dice": [0.0] * 3, "jaccard": [0.0] * 3}
    scores = {"cases": [{"id": "a", **empty}], "mean": {"dice": 0.0}, "sides": (32, 32)}
    scores["unit"] = "pixels"
    monkeypatch.setattr(predict, "evaluate", lambda *args, **more: scores)
    result = run(RunConfig(**SMALL, distances=False), tmp_path / "run")
    (sentence,) = [s for s in result.metrics["findings"] if "learned nothing" in s]
    assert sentence in json.loads((result.folder / "metrics.json").read_text())["findings"]
    assert read_run(result.folder).metrics["findings"] == result.metrics["findings"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"norm": "bach"}, "did you mean 'batch'"),
        ({"statistics": "estimated"}, "is for batch norm, norm='instance' has none"),
        ({"labeled_views": "week"}, "did you mean 'weak'"),
        ({"shrink": 0.5}, "shrink=0.5: give 1 for volumes as they are"),
        ({"shrink": 2}, "shrink=2.0 is for volumes"),
        ({"views": {"zom": 2}}, "did you mean 'zoom'"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(few_cases, values, sentence):
    with pytest.raises(InputError, match=sentence):
        prepare(RunConfig(**{**SMALL, **values}))


def test_networks_keep_their_layout_on_apples_gpus(monkeypatch):
    class Source:
        channels, classes, dims = 1, ("background", "a"), 2

    seen = {}
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *a, **k: seen.update(k) or self)
    real, config = torch.zeros, RunConfig(**SMALL)
    monkeypatch.setattr(torch, "zeros", lambda *sides, device=None: real(*sides))
    make_nets(config, Source, torch.device("mps"), (32, 32))
    assert "memory_format" not in seen
    make_nets(config, Source, torch.device("cpu"), (32, 32))
    assert seen["memory_format"] == torch.channels_last


def test_shrunk_probabilities_come_back_at_the_size_of_the_volume(few_cases, tmp_path):
    result = run(RunConfig(**VOLUMES, shrink=2, distances=False), tmp_path / "run")
    segmenter = predict.load_segmenter(result.folder / "teacher.safetensors")
    volume = np.random.default_rng(0).integers(0, 255, (40, 50, 30), dtype=np.uint8)
    assert segmenter.segment(volume).shape == (40, 50, 30)


def test_images_without_masks_are_neither_labeled_nor_watched(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    mask = np.zeros((40, 40), np.uint8)
    mask[5:20, 7:20] = 255
    for i in range(12):
        Image.fromarray(mask // 2 + 40).save(tmp_path / f"images/c{i:02d}.png")
        if i % 2:
            Image.fromarray(mask).save(tmp_path / f"masks/c{i:02d}.png")
    config = RunConfig(**{**SMALL, "labeled": 2, "dataset": "folder", "data": str(tmp_path)})
    prepared = prepare(config)
    assert all(int(name[1:]) % 2 for name in (*prepared.labeled_ids, *prepared.probe.ids))
    assert len(prepared.batches.unlabeled) > len([i for i in range(12) if i % 2]) - 3
