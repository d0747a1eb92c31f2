"""Scores image by image, and intervals over seeds and images."""

import json

import numpy as np
import pandas as pd
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.experiments.cases import cases_of_sweep, crossed_interval, right_choices


def scattered(between_seeds, between_images, seeds=6, images=40, gain=0.05):
    """Two variants whose difference scatters between seeds and between images as asked."""
    random = np.random.default_rng(0)
    shared = random.standard_normal(images)
    rows = []
    for seed in range(seeds):
        own = gain + between_seeds * random.standard_normal()
        for image in range(images):
            base = random.random()
            noise = between_images * shared[image]
            rows += [("a", seed, f"i{image}", base + own + noise), ("b", seed, f"i{image}", base)]
    return pd.DataFrame(rows, columns=["variant", "seed", "id", "dice"])


def test_the_interval_knows_both_kinds_of_luck():
    widths = {}
    for name, (seeds, images) in {
        "none": (0, 0),
        "images": (0, 0.3),
        "seeds": (0.1, 0),
        "both": (0.1, 0.3),
    }.items():
        mean, low, high = crossed_interval(scattered(seeds, images), "a", "b", draws=400)
        widths[name] = high - low
        assert low <= mean <= high
    assert widths["none"] == pytest.approx(0, abs=1e-9)
    assert 0.14 < widths["images"] < 0.24, "four standard errors of 40 images, not of 240"
    assert widths["seeds"] > 0.05 and widths["both"] > widths["images"]


def test_pairs_are_kept():
    """Images differ far more than methods; what they share cancels."""
    mean, low, high = crossed_interval(scattered(0, 0.001), "a", "b", draws=200)
    assert mean == pytest.approx(0.05, abs=0.001) and high - low < 0.001


def test_variants_of_other_images_are_refused():
    table = scattered(0, 0)
    table.loc[table["variant"] == "b", "id"] += "x"
    with pytest.raises(InputError, match="images in common"):
        crossed_interval(table, "a", "b")


def test_a_sweep_over_labels_is_several_comparisons():
    table = pd.concat([scattered(0, 0), scattered(0, 0)])
    with pytest.raises(InputError, match="stands twice"):
        crossed_interval(table, "a", "b")


def test_a_missing_image_and_a_sweep_without_runs_are_told(tmp_path):
    with pytest.raises(InputError, match="images in common"):
        crossed_interval(scattered(0, 0).iloc[1:], "a", "b")
    (tmp_path / "grid.json").write_text(json.dumps({"cps_0": {"variant": "cps"}}))
    with pytest.raises(InputError, match="No run of the sweep"):
        cases_of_sweep(tmp_path)


def test_finished_runs_give_a_row_an_image(tmp_path):
    plan = {"cps_0": {"variant": "cps"}, "cps_1": {"variant": "cps"}}
    (tmp_path / "grid.json").write_text(json.dumps(plan))
    run = tmp_path / "runs/cps_0"
    run.mkdir(parents=True)
    cases = [{"id": "one", "dice": [0.5, 1.0]}, {"id": "two", "dice": [0.0, 0.2]}]
    (run / "metrics.json").write_text(json.dumps({"cases": cases, "split": "test"}))
    (run / "config.json").write_text(json.dumps({"seed": 0, "labeled": 4}))
    table = cases_of_sweep(tmp_path)
    assert list(table["id"]) == ["one", "two"] and np.allclose(table["dice"], [0.75, 0.1])
    assert set(table["variant"]) == {"cps"} and set(table["seed"]) == {0}


def test_few_images_choose_right_as_often_as_one_can_compute():
    """One image of ten makes the difference: n of ten hold it in n of ten draws."""
    rows = [("a", 0, f"i{image}", float(image == 3)) for image in range(10)]
    rows += [("b", 0, f"i{image}", 0.05) for image in range(10)]
    table = pd.DataFrame(rows, columns=["variant", "seed", "id", "dice"])
    shares = right_choices(table, "a", "b", [1, 5, 10], draws=4000).loc[0]
    assert shares["difference"] == pytest.approx(0.05)
    expected = {"1 images": 0.1, "5 images": 0.5, "10 images": 1.0}
    for name, share in expected.items():
        assert shares[name] == pytest.approx(share, abs=0.03)
    mirrored = right_choices(table, "b", "a", [5], draws=4000).loc[0]
    assert mirrored["5 images"] == shares["5 images"], "right is what all images say, either way"


def test_more_images_than_there_are_cannot_choose():
    with pytest.raises(InputError, match="41 of 40 images cannot be drawn"):
        right_choices(scattered(0, 0), "a", "b", [4, 41])
