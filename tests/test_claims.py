"""What the lessons say of the recorded runs is what their scores on the test images say."""

import json

import pytest

from ucmt_lite.lessons import NOTEBOOKS

SEEDS = (2, 3, 4)


@pytest.fixture(scope="module")
def dice():
    """Dice on the 200 test images: method -> seed -> value."""
    rows = json.loads((NOTEBOOKS.parent / "results/phantom_heart_4.json").read_text())
    assert all(row["cases"] == 200 and row["config"]["iterations"] == 1000 for row in rows)
    found = {}
    for row in rows:
        found.setdefault(row["config"]["method"], {})[row["config"]["seed"]] = row["test"]["dice"]
    assert all(tuple(sorted(seeds)) == SEEDS for seeds in found.values())
    return found


def gains(dice, method, over):
    return [round(dice[method][seed] - dice[over][seed], 2) for seed in SEEDS]


def mean(values):
    return sum(values.values()) / len(values)


def test_start_here_says_that_ucmt_ends_above_the_baseline_in_each_seed(dice):
    assert gains(dice, "ucmt", over="supervised") == [0.01, 0.02, 0.05]


def test_mean_teacher_ends_below_the_baseline_in_each_seed(dice):
    assert sorted(gains(dice, "mean_teacher", over="supervised")) == [-0.04, -0.03, -0.01]


def test_cps_gains_in_two_of_three_seeds(dice):
    assert gains(dice, "cps", over="supervised") == [0.05, -0.01, 0.08]


def test_ucmt_and_cps_are_not_told_apart_by_these_seeds(dice):
    assert gains(dice, "ucmt", over="cps") == [-0.04, 0.03, -0.03]
    assert (
        mean(dice["cps"])
        > mean(dice["ucmt"])
        > mean(dice["cmt"])
        > mean(dice["supervised"])
        > mean(dice["mean_teacher"])
    )
