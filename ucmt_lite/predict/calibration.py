"""Whether a network is as sure as it is right: calibration, and the risk of what it is sure of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ucmt_lite.common import InputError
from ucmt_lite.predict.metrics import area_under_risk
from ucmt_lite.predict.network import probabilities

if TYPE_CHECKING:
    from ucmt_lite.data import Cases

_BINS = 15


def calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = _BINS) -> float:
    r"""Return the expected calibration error (ECE; Guo et al., ICML 2017, arXiv 1706.04599).

    .. math:: \text{ECE} = \sum_m \frac{|B_m|}{n} \big|\operatorname{acc}(B_m)
              - \operatorname{conf}(B_m)\big|

    over `bins` of equal width between 0 and 1. Shapes: confidence and right (boolean), any, alike.
    0 is calibrated; a network that is always sure has its share of errors.

    >>> calibration_error([0.9, 0.9, 0.6, 0.6], [True, True, True, False])
    0.1
    """
    confidence, right = np.ravel(confidence), np.ravel(right)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    sure = np.bincount(place, confidence, bins)
    hits = np.bincount(place, right, bins)
    return round(float(np.abs(hits - sure).sum() / len(confidence)), 12)


def measure_calibration(
    net: nn.Module, cases: "Cases", *, patch: int | Sequence[int] | None = None
) -> dict[str, float]:
    """Return how far a network's confidence can be believed, over all pixels of all cases.

    `ece`, over all pixels and, since most of them are easy background, `ece_object` over those that
    truth or prediction call an object; `overconfidence` there, the mean confidence minus the share
    that is right; `risk_area` over all pixels.
    """
    if not len(cases):
        raise InputError("There are no cases to look at: the split is empty.")
    pixels = [
        _judged(probabilities(net, image, patch=patch), mask)
        for image, mask in zip(cases.images, cases.masks, strict=True)
    ]
    confidence, right, is_object = map(np.concatenate, zip(*pixels, strict=True))
    on_object = confidence[is_object], right[is_object]
    return {
        "ece": calibration_error(confidence, right),
        "ece_object": calibration_error(*on_object) if is_object.any() else float("nan"),
        "overconfidence": float(on_object[0].mean() - on_object[1].mean())
        if is_object.any()
        else float("nan"),
        "risk_area": area_under_risk(1 - confidence, ~right),
    }


def _judged(
    probs: NDArray, mask: NDArray
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return confidence, whether right, whether object, of every pixel of one case, flat."""
    decided = probs.argmax(0)
    is_object = (decided > 0) | (mask > 0)
    return probs.max(0).ravel(), (decided == mask).ravel(), is_object.ravel()
