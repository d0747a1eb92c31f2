"""The benchmarks' plain baseline computes what the kit computes, and the script runs; how fast
anything is, no test says.
"""

import json

import pytest
import torch

from benchmarks import checks, floor, speed
from benchmarks.plain import step as plain
from benchmarks.scene import TINY, TINY_3D
from benchmarks.timing import Lap, interleaved, summary


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
        given, ours = next(stream), scene.batches()(0)
    assert [view.shape for view in given] == [view.shape for view in ours]
    assert [view.dtype for view in given] == [view.dtype for view in ours]
    assert given.x.min() >= -1 and given.x.max() <= 1


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
