"""Pictures are scored at their own size, and as `ucmt-lite predict` scores them."""

import json

import numpy as np
import pytest
from PIL import Image

from ucmt_lite import RunConfig, cli, predict
from ucmt_lite.experiments.run import read_run, run

SMALL = {"dataset": "folder", "size": 32, "iterations": 3, "labeled": 2, "method": "supervised"}
SMALL |= {"distances": False, "device": "cpu"}


def folder_of(root, objects, sides=((60, 80), (50, 44))):
    """Write pictures whose sides take turns, with `objects` pixels a side marked, in splits."""
    for i in range(8):
        height, width = sides[i % 2]
        mask = np.zeros((height, width), np.uint8)
        mask[12 : 12 + objects, 21 + i : 21 + i + objects] = 255
        part = "train" if i < 4 else "test"
        for kind, pixels in (("images", mask // 2 + 10 * i), ("masks", mask)):
            file = root / part / kind / f"c{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    return root


def test_objects_too_small_for_the_network_are_missed_not_found(tmp_path, capsys):
    data = str(folder_of(tmp_path / "data", objects=1))
    command = ["run", "--dataset", "folder", "--data", data, "--size", "16", "--iterations", "3"]
    command += ["--method", "supervised", "--labeled", "2", "--no-distances"]
    assert cli.main([*command, "--out", str(tmp_path / "run")]) == 0
    result = read_run(tmp_path / "run")
    assert result.metrics["scored_at"] == "the pictures' own size, 44 to 80 pixels"
    assert [case["present"] for case in result.metrics["cases"]] == [[1]] * 4
    assert result.scores["dice"] < 0.1
    said = capsys.readouterr().out
    assert "8 of 8 masks (first 'c0') lose all pixels of foreground at size=16" in said
    assert said.count("dice") == 1, "of the test images, not of those that it watches: all empty"


def test_a_run_of_before_is_scored_where_it_was(tmp_path):
    data = str(folder_of(tmp_path / "data", objects=12))
    config = RunConfig(**SMALL, data=data, score_size="network")
    old = {name: value for name, value in config.as_dict().items() if name != "score_size"}
    old |= {"norm": "instance", "views": {}, "shrink": 0.0}
    assert RunConfig.of_saved(old) == config
    result = run(config, tmp_path / "run")
    assert result.metrics["scored_at"] == "the size that the network learned at, 32 pixels"
    assert max(case["present"][0] for case in result.metrics["cases"]) < 12 * 12


def test_predict_and_run_agree_on_the_dice_of_a_set(tmp_path, capsys):
    data = folder_of(tmp_path / "data", objects=20)
    out = str(tmp_path / "run")
    command = ["run", "--out", out, "--data", str(data), "--dataset", "folder", "--size", "32"]
    command += ["--iterations", "25", "--method", "supervised", "--no-distances", "--labeled", "4"]
    assert cli.main(command) == 0
    assert "scored at the pictures' own size, 44 to 80 pixels" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    done = predict.predict_files(
        predict.load_segmenter(tmp_path / "run/teacher.safetensors"),
        data / "test/images",
        tmp_path / "masks",
        masks=data / "test/masks",
    )
    assert 0.02 < metrics["scores"]["dice"] < 1, "a score that could be another"
    by_name = {row.image.stem: row.dice for row in done.files}
    for case in metrics["cases"]:
        assert by_name[case["id"]] == pytest.approx(case["dice"], abs=1e-4)
    assert done.summary["dice"] == pytest.approx(metrics["scores"]["dice"], abs=1e-4)


def test_the_size_of_a_volume_is_told_too(few_cases, tmp_path):
    config = RunConfig(
        dataset="phantom_atrium", size=48, shrink=2, batch=1, iterations=1, labeled=2,
        method="supervised", distances=False, device="cpu",
    )  # fmt: skip
    result = run(config, tmp_path / "run")
    assert result.metrics["scored_at"] == "the volumes' own size, 48 voxels"


def test_another_size_to_score_at_is_refused(tmp_path, capsys):
    command = ["run", "--score-size", "netwrok", "--out", str(tmp_path / "run")]
    assert cli.main(command) == 2
    assert "Unknown size to score at 'netwrok': did you mean 'network'" in capsys.readouterr().err
