"""The benchmarks' baseline computes what the kit computes, and the scripts run."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import checks, floor, speed, time_to_dice
from benchmarks.plain import monai_loop
from benchmarks.plain import step as plain
from benchmarks.scene import TINY, TINY_3D
from benchmarks.time_to_dice import Outcome, Point, Stopwatch
from benchmarks.timing import Lap, interleaved, summary
from ucmt_lite.data import Cases
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.run import run
from ucmt_lite.predict import evaluate


def test_plain_mixing_is_umix():
    checks.check_mix()


def test_plain_ema_is_the_teachers_update():
    checks.check_ema()


@pytest.mark.parametrize("method", checks.METHODS)
def test_plain_iterations_train_the_same_networks(method):
    checks.check_step(method)


def test_plain_pictures_are_the_kits_images():
    checks.check_pictures()


def test_a_wrong_baseline_is_refused(monkeypatch):
    right = plain.ema
    monkeypatch.setattr(
        plain, "ema", lambda t, s, decay, step, share: right(t, s, decay, step, share[::-1])
    )
    with pytest.raises(AssertionError):
        checks.check_ema()
    with pytest.raises(AssertionError):
        checks.check_step("cmt")


@pytest.mark.parametrize("scene", [TINY, TINY_3D])
def test_plain_loaders_give_minibatches_of_the_kits_shapes(scene):
    with scene.plain_batches(workers=0) as stream:
        theirs, ours = next(stream), scene.batches()(0)
    assert [view.shape for view in theirs] == [view.shape for view in ours]
    assert [view.dtype for view in theirs] == [view.dtype for view in ours]
    assert theirs.x.min() >= -1 and theirs.x.max() <= 1


def test_the_floor_counts_a_convolution_by_hand():
    net = torch.nn.Conv2d(3, 5, 3, padding=1, bias=False)
    x = torch.randn(2, 3, 8, 8)
    counted = floor.count(lambda: net(x).sum().backward(), {"flops": 1e9, "bytes": 1e9})
    forward = 2 * 2 * 8 * 8 * 5 * 3 * 9
    assert counted.flops == 2 * forward, "one way forward, and back to the weights alone"
    assert counted.bytes >= 4 * (2 * x.numel() + 2 * net.weight.numel() + 2 * 2 * 5 * 64)
    assert counted.alone >= counted.flops / 1e9


def test_rows_compare_with_their_first_variant():
    calls = []
    seconds = interleaved(
        {name: lambda n=name: calls.append(n) for name in "ab"}, rounds=3, least=0
    )
    assert calls == ["a", "b"] + ["a", "b"] + ["b", "a"] + [
        "a",
        "b",
    ], "in turn, after one call each to warm up"
    assert {name: len(s) for name, s in seconds.items()} == {"a": 3, "b": 3}
    row = summary(
        "part",
        "case",
        {"plain": [Lap(4, 3), Lap(2, 3), Lap(9, 3)], "kit": [Lap(1, 1), Lap(5, 1), Lap(2, 1)]},
    )
    assert row["times"]["kit"]["ratio"] == 2 and row["times"]["kit"]["cpu ratio"] == 3
    assert row["times"]["plain"]["ms"] == 4000


def test_quick_runs_and_keeps_valid_json(tmp_path, capsys):
    file = tmp_path / "speed.json"
    only = ["iteration", "parts", "alone", "floor", "scaling", "disk", "levers"]
    assert speed.main(["--quick", "--only", *only, "--json", str(file)]) == 0
    kept = json.loads(file.read_text())
    assert kept["machine"]["torch"] == torch.__version__ and kept["quick"] and kept["commit"]
    names = {row["part"] for row in kept["rows"]}
    assert {
        "iteration",
        "views",
        "mixing",
        "EMA",
        "optimiser",
        "recorder",
        "alone",
        "floor",
        "scaling",
        "disk",
    } <= names
    assert all(t["ms"] > 0 for row in kept["rows"] for t in row.get("times", {}).values())
    assert capsys.readouterr().out.count("\n") >= len(kept["rows"])


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit):
        speed.main(["--only", "everything"])
    assert "invalid choice: 'everything'" in capsys.readouterr().err


def test_time_to_a_dice_runs_quickly_and_keeps_every_look(tmp_path, capsys):
    file = tmp_path / "time.json"
    assert time_to_dice.main(["--quick", "--seeds", "0", "1", "--json", str(file)]) == 0
    outcomes = json.loads(file.read_text())["outcomes"]
    names = ["kit, supervised", "before, supervised", "MONAI loop, supervised"]
    assert [(row["seed"], row["contestant"]) for row in outcomes] == [
        (seed, name) for seed in (0, 1) for name in names
    ]
    for row in outcomes:
        assert [point[0] for point in row["points"]] == [2, 4]
        (_, early, _, _), (_, late, _, _) = row["points"]
        assert 0 < early < late
    assert "| until | kit, supervised | before, supervised |" in capsys.readouterr().out


def test_the_stopwatch_stands_while_it_scores_and_ends_at_the_dice_or_the_budget():
    scores = iter([0.2, 0.9, 0.1])

    def score(net):
        time.sleep(0.05)
        return next(scores)

    watch = Stopwatch(score, target=0.8, budget=100)
    assert [watch.look(step, None) for step in (1, 2)] == [False, True]
    assert watch.wall < 0.05
    assert Stopwatch(lambda net: 0.1, target=0.8, budget=0).look(1, None)


def test_an_outcome_is_the_first_look_that_reached_the_dice():
    points = [Point(1, 1.0, 1.0, 0.1), Point(2, 2.0, 2.0, 0.9), Point(3, 3.0, 3.0, 0.95)]
    outcome = Outcome("hearts", 0.8, "kit", 0, points)
    assert outcome.reached == points[1] and outcome.best == 0.95
    assert outcome._replace(target=0.99).reached is None
    text = time_to_dice.table([outcome, outcome._replace(task="skin", contestant="MONAI")])
    assert "| hearts, Dice 0.80 | 2.0 / 2.0 s | - |" in text
    assert "| skin, Dice 0.80 | - | 2.0 / 2.0 s |" in text


def test_each_contestant_trains_on_the_labeled_images_of_the_others():
    """And the recipe of before is that of the recorded runs, in everything that it sets."""
    parts = dict(time_to_dice.contestants(time_to_dice.QUICK, ["supervised"], 3))
    now, before, monai = (train.args[1] for train in parts.values())
    assert now == monai and now.norm != before.norm == "batch"
    assert (now.seed, now.labeled, now.dataset) == (before.seed, before.labeled, before.dataset)
    assert before.labeled_views == "strong" and before.views["degrees"] == 0


def test_real_sets_are_read_from_the_folder_of_all_sets(tmp_path, monkeypatch, capsys):
    """And left out, in a sentence, where they are not there."""
    pixels = np.random.default_rng(0).integers(0, 255, (12, 32, 32, 3), np.uint8)
    for kind, pictures in (("images", pixels), ("masks", (pixels[..., 0] > 99) * np.uint8(255))):
        (tmp_path / "kvasir_seg" / kind).mkdir(parents=True)
        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(tmp_path / "kvasir_seg" / kind / f"{i}.png")
    monkeypatch.setenv("UCMT_DATA", str(tmp_path))
    tasks = time_to_dice.TASKS
    few = tasks["polyps"].config | {"size": 32, "labeled": 2, "iterations": 2}
    monkeypatch.setitem(tasks, "polyps", replace(tasks["polyps"], config=few, every=2))
    monkeypatch.setattr(time_to_dice, "warm_up", lambda: None)
    assert time_to_dice.main(["--sets", "polyps", "lesions", "atria"]) == 0
    said = capsys.readouterr().out
    assert "| polyps, Dice 0.60 |" in said and said.count("polyps, seed 0") == 3
    for name, folder in (("lesions", "isic2018"), ("atria", "la2018")):
        assert f"{name}: left out, there is no folder {tmp_path / folder}." in said


@pytest.mark.parametrize("sides, patch", [((32, 32), None), ((40, 32, 32), (32, 32, 32))])
def test_the_monai_loop_learns_its_images(sides, patch):
    random = np.random.default_rng(0)
    mask = np.zeros(sides, np.uint8)
    mask[:, : sides[1] // 2] = 1
    image = (mask[None] * 100 + random.integers(0, 50, (1, *sides))).astype(np.uint8)
    torch.manual_seed(0)
    net = monai_loop.build_net(1, 2, len(sides))
    steps = monai_loop.train_steps(net, [(image, mask)] * 3, batch=2, patch=patch)
    assert [next(steps) for _ in range(12)] == list(range(1, 13))
    cases = Cases(("a",), ("a",), [image], [mask], (None,))
    assert evaluate(net, cases, patch=patch, distances=False)["mean"]["dice"] > 0.8


@pytest.fixture
def kills(monkeypatch):
    """The script that kills runs, with runs of four iterations."""
    script = pytest.importorskip("benchmarks.kills", reason="processes are forked on Unix alone")
    monkeypatch.setattr(script, "RUN", {**script.SMALL, "method": "supervised", "iterations": 4})
    monkeypatch.setattr(script, "EVERY", 1)
    return script


def test_runs_are_killed_and_compared_with_one_that_was_not(kills, tmp_path, capsys):
    file = tmp_path / "kills.json"
    assert kills.main(["--runs", "2", "--sweeps", "0", "--json", str(file)]) == 0
    outcomes = json.loads(file.read_text())["runs"]
    assert sum(len(outcome["kills"]) for outcome in outcomes) == 2
    assert all(outcome["differs"] == [] for outcome in outcomes)
    assert "2 of 2 kills of runs changed nothing" in capsys.readouterr().out


def test_what_a_kill_changes_is_seen(kills, tmp_path):
    config = RunConfig(**kills.draw_pictures(tmp_path / "data"), **kills.RUN)
    for name in ("one", "two"):
        run(config, tmp_path / name)
    assert kills.differences(tmp_path / "one", tmp_path / "two", config) == []
    file = tmp_path / "two/teacher.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    (tmp_path / "two/half").touch()
    assert kills.differences(tmp_path / "one", tmp_path / "two", config) == ["weights", "files"]
