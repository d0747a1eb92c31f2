"""Whether one extreme value of an image, as a mark for no data, leaves room for the others."""

import numpy as np

from ucmt_lite.common import InputError

STEP = 2.0**-10  # between two numbers of float16 from 1 to 2, in deviations
BYTE = 1 / 255  # between two bytes, of the range
_NO_MEASUREMENT = 2.0**32  # no scanner counts so far: -1e30 stands for "no data"
_NEARLY_ALL = 0.99  # of the values


def check_spread(values: np.ndarray, name: str, step: float) -> None:
    """Refuse an image whose extreme value leaves no room for the others: all lie within a `step`.

    Others are what is neither that value nor beyond any measurement. They must be of several
    levels, else nothing is lost, and nearly all: many saturated pixels are no mistake. So bright
    pixels of different values always pass.
    """
    some = values.reshape(-1)[:: max(1, values.size // 4096)]
    low, high, middle = float(values.min()), float(values.max()), float(np.median(some))
    extreme = low if middle - low > high - middle else high
    # A few thousand values that lie further apart show it for all, and nearly always they do.
    if _reach(_others(some, extreme)) > step:
        return
    others = _others(values, extreme)
    measured = np.count_nonzero(np.abs(values) < _NO_MEASUREMENT)
    if others.size > _NEARLY_ALL * measured and 0 < _reach(others) <= step:
        raise InputError(
            f"Image '{name}' has the extreme value {extreme:g}, beside which all others"
            f" ({others.min():g} to {others.max():g}) become one: replace it, if it stands for no"
            " data, by the value of the background, or clip it (window= of NIfTI volumes)."
        )


def _others(values: np.ndarray, extreme: float) -> np.ndarray:
    return values[(values != extreme) & (np.abs(values) < _NO_MEASUREMENT)]


def _reach(values: np.ndarray) -> float:
    return float(values.max()) - float(values.min()) if values.size else 0.0
