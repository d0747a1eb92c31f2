"""What the curves of a run advise: a loss that still falls is told from noise and from its end."""

import subprocess
import sys

import numpy as np
import pytest

from ucmt_lite.training.advice import advice, still_falling
from ucmt_lite.training.traces import Trace

STEPS = np.array([1, *range(20, 601, 20)])


def noisy(losses, deviation, seed=0):
    return losses + np.random.default_rng(seed).normal(0, deviation, len(losses))


@pytest.mark.parametrize("seed", range(20))
def test_a_steady_fall_goes_on_and_a_plateau_does_not(seed):
    line = 1 - 0.8 * STEPS / 600
    assert still_falling(STEPS, noisy(line, 0.05, seed))
    plateau = np.where(STEPS < 300, 1 - 0.8 * STEPS / 300, 0.2)
    assert not still_falling(STEPS, noisy(plateau, 0.01, seed))


def test_noise_alone_is_rarely_taken_for_a_fall():
    flat = np.ones(len(STEPS))
    assert sum(still_falling(STEPS, noisy(flat, 0.2, seed)) for seed in range(200)) <= 15


def test_a_fall_that_matters_no_more_is_not_told():
    nearly_done = np.where(STEPS < 300, 1.0, 0.1 - 0.00002 * STEPS)
    assert not still_falling(STEPS, nearly_done)


def test_a_loss_that_rises_does_not_fall():
    assert not still_falling(STEPS, STEPS / 600)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 12])
def test_few_looks_say_nothing(count):
    steps = np.arange(1, count + 1)
    assert not still_falling(steps, -steps.astype(float))


def test_uneven_looks_count_by_their_iterations():
    """As where maps are read between the curves: the fifths are those of training."""
    steps = np.sort(np.concatenate([STEPS, np.arange(5, 100, 5)]))
    assert still_falling(steps, 1 - 0.8 * steps / 600)


def test_the_advice_names_a_length_and_is_silent_where_all_is_well():
    falling = Trace({"method": "cps"}, STEPS, {"loss/sup": 1 - 0.8 * STEPS / 600})
    (text,) = advice(falling)
    assert "iterations=1200" in text and text.endswith(".") and text.count(". ") == 0
    assert advice(Trace({"method": "cps"}, STEPS, {"loss/sup": np.exp(-STEPS / 60)})) == []
    assert advice(Trace({"method": "cps"}, STEPS, {"dice": STEPS / 600})) == []
    assert advice(Trace({"method": "cps"}, np.zeros(0), {"loss/sup": np.zeros(0)})) == []


def test_advice_needs_no_torch():
    code = "import sys, ucmt_lite.training.advice; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
