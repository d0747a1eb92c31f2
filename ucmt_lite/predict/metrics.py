"""How good a mask is: overlap (Dice, Jaccard) and border distance (HD95, ASD), and their means.

Empty masks are decided here and nowhere else:

| prediction | truth  | Dice, Jaccard | HD95, ASD |
|------------|--------|---------------|-----------|
| empty      | empty  | 1: they agree | undefined |
| empty      | object | 0             | undefined |
| object     | empty  | 0             | undefined |

An undefined distance is NaN: where there is no border there is nothing to measure to. (MONAI says
NaN or infinity in the same cases.) `summary` averages the distances that exist *and* counts the
cases in which one does not; read both numbers.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ucmt_lite.common import InputError

Mask = NDArray[np.bool_]
METRICS = ("dice", "jaccard", "hd95", "asd")


def dice(pred: ArrayLike, truth: ArrayLike) -> float:
    """Return the Dice coefficient of two boolean masks `*S` (Dice 1945); 1 if both are empty.

    It is 2 |P and T| / (|P| + |T|).

    >>> dice([[1, 1, 0]], [[0, 1, 0]]) == 2 / 3
    True
    """
    p, t = _pair(pred, truth)
    total = int(p.sum()) + int(t.sum())
    return 2 * int((p & t).sum()) / total if total else 1.0


def jaccard(pred: ArrayLike, truth: ArrayLike) -> float:
    """Return the Jaccard index of two boolean masks `*S` (Jaccard 1901); 1 if both are empty.

    It is |P and T| / |P or T|.

    >>> jaccard([[1, 1, 0]], [[0, 1, 0]])
    0.5
    """
    p, t = _pair(pred, truth)
    union = int((p | t).sum())
    return int((p & t).sum()) / union if union else 1.0


def hd95(pred: ArrayLike, truth: ArrayLike, spacing: Sequence[float] | None = None) -> float:
    """Return the 95 % Hausdorff distance of two boolean masks `*S`.

    It is the 95th percentile of border-to-border distances, the larger of the two directions. In
    voxels, or in millimetres where `spacing` (mm per axis of `*S`) is given; NaN if a mask is
    empty. The definition is MONAI's; MedPy, which the UCMT code calls, pools both directions before
    taking the percentile and gives less.

    >>> mask = np.zeros((8, 8), bool)
    >>> mask[2:5, 2:5] = True
    >>> hd95(mask, np.roll(mask, 2, axis=0)), hd95(mask, np.roll(mask, 2, axis=0), spacing=(0.5, 3))
    (2.0, 1.0)
    """
    return _hd95(*_border_distances(*_pair(pred, truth), spacing))


def asd(pred: ArrayLike, truth: ArrayLike, spacing: Sequence[float] | None = None) -> float:
    """Return the average surface distance of two boolean masks `*S`.

    It is the mean over the border distances of both directions, pooled (symmetric). In voxels, or
    in millimetres where `spacing` (mm per axis of `*S`) is given; NaN if a mask is empty. The
    definition is MONAI's with `symmetric=True`; MedPy's `asd`, which the UCMT code calls, goes from
    the prediction to the truth only.

    >>> asd([[1, 0, 0, 0]], [[0, 0, 0, 1]], spacing=(1, 0.5))
    1.5
    """
    return _asd(*_border_distances(*_pair(pred, truth), spacing))


def scores(
    pred: ArrayLike,
    truth: ArrayLike,
    classes: int,
    spacing: Sequence[float] | None = None,
    *,
    distances: bool = True,
) -> dict[str, list[float]]:
    """Score one case: each metric is a list with one value per foreground class.

    `predicted` and `present` are the numbers of pixels of each class. `pred` and `truth` are class
    indices `*S`. `distances=False` leaves out HD95 and ASD, and the 4 s that MONAI takes to import.

    >>> scores([[0, 1, 2, 2]], [[0, 1, 1, 2]], classes=3, distances=False)["jaccard"]
    [0.5, 0.5]
    """
    p = _indices(pred, classes, "prediction")
    t = _indices(truth, classes, "truth")
    names = METRICS if distances else METRICS[:2]
    result: dict[str, list[float]] = {name: [] for name in (*names, "predicted", "present")}
    for k in range(1, classes):
        pair = p == k, t == k
        result["predicted"].append(int(pair[0].sum()))
        result["present"].append(int(pair[1].sum()))
        result["dice"].append(dice(*pair))
        result["jaccard"].append(jaccard(*pair))
        if distances:
            # Once for both metrics: it is the slow part.
            between = _border_distances(*_pair(*pair), spacing)
            result["hd95"].append(_hd95(*between))
            result["asd"].append(_asd(*between))
    return result


def summary(
    cases: Iterable[dict[str, list[float]]],
) -> dict[str, float | int | list[float] | list[int]]:
    """Average the scores of several cases: per class where it is defined, then over the classes.

    `dice_present` is the Dice of each class over the cases that show it, then over the classes;
    NaN, and left out, where no case shows it. With distances among the scores, `undefined` counts
    the cases in which some class has none, and `undefined_per_class` says of which class. A
    distance that is defined nowhere is NaN.

    >>> nan = float("nan")
    >>> mean = summary([{"dice": [1.0], "hd95": [4.0]}, {"dice": [0.0], "hd95": [nan]}])
    >>> mean["dice"], mean["hd95"], mean["undefined"]
    (0.5, 4.0, 1)
    """
    cases = list(cases)
    if not cases:
        raise InputError("There are no scores to average: the list of cases is empty.")
    result: dict[str, float | int | list[float] | list[int]] = {}
    for name in (name for name in METRICS if name in cases[0]):
        values = np.array([case[name] for case in cases], float)  # cases x classes
        per_class = [_mean(column) for column in values.T]
        result[name] = _mean(per_class)
        result[f"{name}_per_class"] = per_class
        if name in METRICS[2:]:  # a distance
            undefined = np.isnan(values)
            result["undefined"] = int(undefined.any(axis=1).sum())
            result["undefined_per_class"] = undefined.sum(axis=0).tolist()
    if "present" in cases[0]:
        # An image without a class counts as 1 where nothing of it is predicted: an empty network
        # scores on those alone.
        dice_values = np.array([case["dice"] for case in cases], float)
        present = np.array([case["present"] for case in cases]) > 0
        shown = [
            _mean(column[there]) for column, there in zip(dice_values.T, present.T, strict=True)
        ]
        result["dice_present"], result["dice_present_per_class"] = _mean(shown), shown
    return result


def _mean(values: ArrayLike) -> float:
    """Return the mean of the values that are not NaN; NaN if there are none."""
    values = np.asarray(values, float)
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _border_distances(
    p: Mask, t: Mask, spacing: Sequence[float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return from each border voxel of `p` the distance to the border of `t`, and back.

    Both are empty if a mask is.
    """
    fits = spacing is None or (len(spacing) == p.ndim and np.all(np.asarray(spacing, float) > 0))
    if spacing is not None and not fits:
        raise InputError(
            f"spacing {tuple(spacing)} does not fit a mask {p.shape}: give one positive mm value"
            " per axis."
        )
    if not p.any() or not t.any():
        return np.empty(0), np.empty(0)
    # Late: importing MONAI takes 4 s.
    from monai.metrics.utils import get_mask_edges, get_surface_distance

    # It cuts out the box around both first: 519 masks of 128 x 128 take 2 s.
    edges_p, edges_t = get_mask_edges(p, t)
    there = get_surface_distance(edges_p, edges_t, spacing=spacing)
    back = get_surface_distance(edges_t, edges_p, spacing=spacing)
    return np.asarray(there, float), np.asarray(back, float)


def _hd95(there: np.ndarray, back: np.ndarray) -> float:
    if not len(there):
        return float("nan")
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def _asd(there: np.ndarray, back: np.ndarray) -> float:
    return float(np.concatenate([there, back]).mean()) if len(there) else float("nan")


def _pair(pred: ArrayLike, truth: ArrayLike) -> tuple[Mask, Mask]:
    """Return both masks as boolean arrays of the same shape."""
    p = np.asarray(pred)
    t = np.asarray(truth)
    if p.shape != t.shape:
        raise InputError(
            f"The prediction is {p.shape} but the truth is {t.shape}: both masks must have the same"
            " shape."
        )
    for name, mask in (("prediction", p), ("truth", t)):
        if mask.dtype != bool and not np.isin(mask, (0, 1)).all():
            raise InputError(
                f"The {name} holds other values than 0 and 1: compare one class, as in mask == 1."
            )
    return p.astype(bool), t.astype(bool)


def _indices(mask: ArrayLike, classes: int, name: str) -> np.ndarray:
    """Return a mask of class indices, each below `classes`."""
    mask = np.asarray(mask)
    if mask.dtype.kind not in "biu":
        raise InputError(
            f"The {name} holds {mask.dtype} numbers: a mask holds class indices, which are"
            " integers."
        )
    if mask.size and (mask.min() < 0 or mask.max() >= classes):
        raise InputError(
            f"The {name} holds the values {mask.min()} to {mask.max()}, but with {classes} classes "
            f"a mask holds the class indices 0 to {classes - 1}."
        )
    return mask


def area_under_risk(doubt: ArrayLike, wrong: ArrayLike) -> float:
    """Return the mean risk over all coverages, pixels kept from the least doubt to the most.

    0 is the best; of a map that knows nothing it is the share of wrong labels. Of pixels with equal
    doubt none comes first: they are wrong as often as they are on average. (Geifman & El-Yaniv,
    2017, arXiv 1705.08500.)

    >>> wrong = [True, False, False, False]
    >>> [area_under_risk(doubt, wrong) for doubt in ([9, 2, 1, 0], [0, 0, 0, 0])]
    [0.0625, 0.25]
    """
    _, group, size = np.unique(doubt, return_inverse=True, return_counts=True)
    rate = np.bincount(group.ravel(), np.ravel(wrong)) / size
    errors = np.repeat(rate, size).cumsum()
    return float((errors / np.arange(1, errors.size + 1)).mean())


def area_under_roc(doubt: ArrayLike, wrong: ArrayLike) -> float:
    """Return how often a wrong pixel has more doubt than a right one, equal doubt counted half.

    1 is the best, 0.5 a map that knows nothing; nan where no pixel is wrong, or none right. Only
    the order of doubts counts: what is a probability and what is not makes no difference.

    >>> wrong = [True, False, False, False]
    >>> [round(area_under_roc(doubt, wrong), 2) for doubt in ([9, 2, 1, 0], [1, 2, 1, 0])]
    [1.0, 0.5]
    """
    doubt, wrong = np.ravel(doubt), np.ravel(wrong).astype(bool)
    if wrong.all() or not wrong.any():
        return float("nan")
    right = np.sort(doubt[~wrong])
    below = np.searchsorted(right, doubt[wrong], "left")
    not_above = np.searchsorted(right, doubt[wrong], "right")
    return float((below + not_above).mean() / 2 / right.size)
