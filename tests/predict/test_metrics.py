"""The metrics agree with the reference numbers, and empty masks are counted, never dropped."""

import subprocess
import sys

import numpy as np
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.predict import metrics


def ball(shape=(24, 20), centre=(10, 9), radius=5.0):
    grid = np.indices(shape)
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def test_every_reference_case_agrees(oracle):
    file = oracle("surface.npz")
    for i, case in enumerate(file["cases"]):
        pred, truth, spacing = (file[f"{case}/{name}"] for name in ("pred", "truth", "spacing"))
        pair = pred.astype(bool), truth.astype(bool)
        assert metrics.dice(*pair) == pytest.approx(file["monai_dice"][i], abs=1e-6), case
        assert metrics.jaccard(*pair) == pytest.approx(file["monai_jaccard"][i], abs=1e-6), case
        for name in ("hd95", "asd"):
            value = getattr(metrics, name)(*pair, tuple(spacing))
            expected = file[f"monai_{name}"][i]
            if np.isfinite(expected):
                assert value == pytest.approx(expected, abs=1e-5), (case, name)
            else:  # MONAI says NaN or infinity where a mask is empty; here it is NaN
                assert "empty" in str(case) and np.isnan(value), (case, name)


@pytest.mark.parametrize(
    ("pred", "truth", "overlap"),
    [(False, False, 1.0), (False, True, 0.0), (True, False, 0.0)],
    ids=str,
)
def test_empty_masks(pred, truth, overlap):
    pair = ball() & pred, ball() & truth
    assert metrics.dice(*pair) == metrics.jaccard(*pair) == overlap
    assert np.isnan(metrics.hd95(*pair)) and np.isnan(metrics.asd(*pair))


def test_swapping_the_masks_changes_nothing():
    pair = ball(), ball(centre=(13, 8), radius=3.5)
    for name in metrics.METRICS:
        metric = getattr(metrics, name)
        assert metric(*pair) == pytest.approx(metric(*pair[::-1]))


def test_the_box_around_both_masks_is_enough():
    """Empty surroundings change no distance, even where an object touched the border before."""
    pair = ball(centre=(2, 9)), ball(centre=(5, 17), radius=4)
    wide = [np.pad(mask, 40) for mask in pair]
    assert metrics.hd95(*pair, (0.7, 2)) == metrics.hd95(*wide, (0.7, 2)) > 0
    assert metrics.asd(*pair, (0.7, 2)) == metrics.asd(*wide, (0.7, 2)) > 0


def test_scores_give_every_foreground_class_in_order():
    truth, pred = np.zeros((2, 24, 20), np.uint8)
    truth[ball()], pred[ball()] = 1, 1
    pred[20:, 15:], truth[:2, :2] = 2, 3
    result = metrics.scores(pred, truth, classes=4, spacing=(1, 1))
    assert result["dice"] == result["jaccard"] == [1.0, 0.0, 0.0]
    assert result["hd95"][0] == result["asd"][0] == 0.0
    assert np.isnan(result["hd95"][1:]).all() and np.isnan(result["asd"][1:]).all()


def test_scores_equal_the_single_metrics():
    truth, pred = ball().astype(np.uint8), ball(centre=(12, 8), radius=4).astype(np.uint8)
    result = metrics.scores(pred, truth, classes=2, spacing=(0.5, 2))
    for name in ("dice", "jaccard"):
        assert result[name] == [getattr(metrics, name)(pred, truth)]
    for name in ("hd95", "asd"):
        assert result[name] == [getattr(metrics, name)(pred, truth, (0.5, 2))]
        assert result[name] != metrics.scores(pred, truth, classes=2)[name], (
            "spacing makes no difference"
        )


def test_summary_averages_what_is_defined_and_counts_the_rest():
    nan = float("nan")
    cases = [
        {"dice": [1.0, 0.5], "hd95": [2.0, nan], "asd": [1.0, nan]},
        {"dice": [0.0, 0.5], "hd95": [4.0, nan], "asd": [2.0, nan]},
        {"dice": [0.5, 0.2], "hd95": [nan, 9.0], "asd": [nan, 5.0]},
        {"dice": [0.5, 0.2], "hd95": [6.0, 9.0], "asd": [3.0, 5.0]},
    ]
    mean = metrics.summary(cases)
    assert mean["dice_per_class"] == pytest.approx([0.5, 0.35]) and mean["dice"] == pytest.approx(
        0.425
    )
    assert mean["hd95_per_class"] == [4.0, 9.0] and mean["hd95"] == 6.5
    assert mean["asd_per_class"] == [2.0, 5.0]
    assert mean["undefined"] == 3 and mean["undefined_per_class"] == [1, 2]


def test_summary_of_distances_defined_nowhere_is_nan_and_says_so():
    mean = metrics.summary(
        [metrics.scores(np.zeros((4, 4), int), np.ones((4, 4), int), classes=2)] * 2
    )
    assert mean["dice"] == 0.0 and np.isnan(mean["hd95"]) and mean["undefined"] == 2


def test_summary_of_overlap_alone_has_no_undefined():
    mean = metrics.summary([metrics.scores([[0, 1]], [[0, 1]], classes=2, distances=False)])
    assert mean == {
        "dice": 1.0,
        "dice_per_class": [1.0],
        "jaccard": 1.0,
        "jaccard_per_class": [1.0],
        "dice_present": 1.0,
        "dice_present_per_class": [1.0],
    }


def test_an_empty_network_scores_nothing_where_classes_are_present():
    empty, object_ = np.zeros((4, 4), int), np.eye(4, dtype=int)
    pairs = [(empty, empty)] * 3 + [(empty, object_)] * 7
    rows = [metrics.scores(pred, truth, 2, distances=False) for pred, truth in pairs]
    mean = metrics.summary(rows)
    assert mean["dice"] == pytest.approx(0.3) and mean["dice_present"] == 0
    nowhere = metrics.summary(rows[:3])
    assert nowhere["dice"] == 1 and np.isnan(nowhere["dice_present"])


def test_dice_does_not_wait_for_monai():
    code = (
        "import sys, numpy as np; from ucmt_lite.predict import metrics; "
        "metrics.scores(np.ones((3, 3), int), np.ones((3, 3), int), 2, distances=False); "
        "assert not {'monai', 'torch', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: metrics.dice(np.ones((3, 3), bool), np.ones((3, 4), bool)),
            r"\(3, 3\) but the truth is \(3, 4\)",
        ),
        (lambda: metrics.jaccard(np.array([[0, 2]]), np.array([[0, 1]])), "compare one class"),
        (lambda: metrics.hd95(ball(), ball(), spacing=(1, 1, 1)), "one positive mm value per axis"),
        (lambda: metrics.asd(ball(), ball(), spacing=(1, 0)), "one positive mm value per axis"),
        (
            lambda: metrics.scores([[0, 1]], [[0, 255]], classes=2),
            "truth holds the values 0 to 255",
        ),
        (lambda: metrics.scores([[0.0, 0.5]], [[0, 1]], classes=2), "prediction holds float64"),
        (lambda: metrics.summary([]), "list of cases is empty"),
    ],
    ids=["shapes", "indices", "spacing-length", "spacing-zero", "mask-255", "floats", "no-cases"],
)
def test_wrong_input_is_told_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message) as error:
        call()
    assert str(error.value).endswith(".") and "\n" not in str(error.value)
