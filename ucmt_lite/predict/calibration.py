"""Whether a network is as sure as it is right: calibration, and the risk of what it is sure of."""

import math
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

    `ece` is over all pixels, `risk_area` too. Since most of them are easy background, `ece_object`
    is over those that the network *calls* an object, and `overconfidence` there is the mean
    confidence minus the share that is right; both are NaN where it calls nothing an object. Pixels
    chosen by their truth would make a calibrated network look too sure: among those that it rightly
    called 10 % certain to be an object, they pick the tenth on which it was wrong.
    """
    if not len(cases):
        raise InputError("There are no cases to look at: the split is empty.")
    pixels = [
        _judged(probabilities(net, image, patch=patch), mask)
        for image, mask in zip(cases.images, cases.masks, strict=True)
    ]
    confidence, right, called = map(np.concatenate, zip(*pixels, strict=True))
    sure, hits = confidence[called], right[called]
    return {
        "ece": calibration_error(confidence, right),
        "ece_object": calibration_error(sure, hits) if called.any() else math.nan,
        "overconfidence": float(sure.mean() - hits.mean()) if called.any() else math.nan,
        "risk_area": area_under_risk(1 - confidence, ~right),
    }


def _judged(
    probs: NDArray, mask: NDArray
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return confidence, whether right, whether called an object, of each pixel of a case, flat."""
    decided = probs.argmax(0)
    return probs.max(0).ravel(), (decided == mask).ravel(), (decided > 0).ravel()
