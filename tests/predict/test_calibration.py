"""Calibration: on hand-made numbers, and on networks that are made sure or unsure."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load
from ucmt_lite.predict.calibration import calibration_error, measure_calibration
from ucmt_lite.predict.metrics import area_under_risk, area_under_roc


class Oracle(nn.Module):
    """Says the classes of a fixed mask, with a confidence of its own."""

    stride = 1

    def __init__(self, mask, confidence):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(()))
        p = torch.full((2, *mask.shape), 1 - confidence)
        p.scatter_(0, torch.tensor(mask)[None].long(), confidence)
        self.logits = p.log()

    def forward(self, x):
        return self.logits.expand(len(x), -1, -1, -1) + self.scale


class Many(NamedTuple):
    """As many images and masks as one likes, in the shape of `Cases`."""

    images: list
    masks: list


@pytest.fixture(scope="module")
def lesion():
    return cases(load("phantom_skin", size=32, count=(4, 2, 1)).splits["test"])


def test_confidence_in_bins_is_compared_with_what_is_right():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([1, 1, 1, 0, 1, 0])
    wanted = 4 / 6 * abs(0.75 - 0.95) + 2 / 6 * abs(0.5 - 0.55)
    assert calibration_error(confidence, right) == pytest.approx(wanted)


def test_a_perfect_order_has_the_smallest_area_and_one_by_chance_the_error_rate():
    rng = np.random.default_rng(0)
    right = rng.random(20_000) < 0.8
    perfect, by_chance = (
        area_under_risk(~right, ~right),
        area_under_risk(rng.random(20_000), ~right),
    )
    assert perfect < 0.03 and by_chance == pytest.approx(0.2, abs=0.01)
    assert area_under_risk(right, ~right) > 0.5


def test_the_area_under_roc_is_what_all_pairs_say_and_only_order_counts():
    rng = np.random.default_rng(1)
    wrong = rng.random((20, 20)) < 0.3
    doubt = np.round(rng.random((20, 20)) + 0.2 * wrong, 1)
    one, other = doubt[wrong][:, None], doubt[~wrong][None]
    by_pairs = ((one > other) + 0.5 * (one == other)).mean()
    assert area_under_roc(doubt, wrong) == pytest.approx(by_pairs)
    assert area_under_roc(np.exp(5 * doubt), wrong) == area_under_roc(doubt, wrong)
    assert area_under_roc(-doubt, wrong) == pytest.approx(1 - by_pairs)
    assert np.isnan(area_under_roc(doubt, np.zeros_like(wrong)))


@pytest.mark.parametrize("confidence", [0.7, 0.99])
def test_a_right_network_that_doubts_is_underconfident_and_a_wrong_one_overconfident(
    lesion, confidence
):
    mask = lesion.masks[0]
    right = measure_calibration(Oracle(mask, confidence), lesion)
    assert right["ece"] == pytest.approx(1 - confidence, abs=1e-4)
    assert right["overconfidence"] == pytest.approx(confidence - 1, abs=1e-4)
    assert right["risk_area"] == 0
    wrong = measure_calibration(Oracle(1 - mask, confidence), lesion)
    assert wrong["ece_object"] == pytest.approx(confidence, abs=1e-4)
    assert wrong["overconfidence"] == pytest.approx(confidence, abs=1e-4)


def test_a_calibrated_network_is_not_called_overconfident(lesion):
    # A tenth of the pixels at 0.9, the others at 0.1, and the truth drawn with these probabilities.
    rng = np.random.default_rng(0)
    probability = np.where(rng.random(lesion.masks[0].shape) < 0.1, 0.9, 0.1)
    drawn = [rng.random(probability.shape) < probability for _ in range(60)]
    images = [lesion.images[0]] * len(drawn)
    network = Oracle(probability > 0.5, 0.9)
    measured = measure_calibration(network, Many(images, drawn))
    assert abs(measured["overconfidence"]) < 0.02 and measured["ece_object"] < 0.02


def test_a_network_that_calls_nothing_an_object_has_no_confidence_there(lesion):
    empty = measure_calibration(Oracle(0 * lesion.masks[0], 0.9), lesion)
    assert np.isnan(empty["overconfidence"]) and np.isnan(empty["ece_object"])
    assert empty["ece"] > 0


def test_where_there_is_no_case_a_sentence_says_so(lesion):
    with pytest.raises(InputError, match="no cases"):
        measure_calibration(Oracle(lesion.masks[0], 0.9), lesion.select([]))
