"""What the grey values of a volume mean: bytes as they are, all others standardised."""

from collections.abc import Sequence

import numpy as np

from ucmt_lite.common import InputError


def clipped(volume: np.ndarray, window: Sequence[float] | None) -> np.ndarray:
    """Return the values clipped to a window (CT: Hounsfield units); as they are without one.

    >>> clipped(np.array([-1000.0, 40.0]), (-125, 275)).tolist()
    [-125.0, 40.0]
    """
    return volume if window is None else np.clip(volume, window[0], window[1])


def standardised(values: np.ndarray) -> bool:
    """Return whether floats look standardised already.

    They do if some are negative, |mean| < 2.5 and 0.2 < standard deviation < 2.5. The limits are
    wide because LA 2018 was standardised over the whole scan and cropped afterwards: its crops have
    means up to 1.94 and deviations from 0.31 to 1.66.
    """
    return bool(values.min() < 0 and abs(values.mean()) < 2.5 and 0.2 < values.std() < 2.5)


def normalised(volume: np.ndarray, name: str) -> np.ndarray:
    """Return a volume as the network sees it.

    Integers in 0..255 become uint8, anything else is standardised (once) and becomes float16.

    >>> normalised(np.array([0, 255]), "v").dtype.name, normalised(np.array([0, 256]), "v").tolist()
    ('uint8', [-1.0, 1.0])
    """
    if volume.dtype.kind in "ui" and volume.min() >= 0 and volume.max() <= 255:
        return volume.astype(np.uint8)
    values = volume.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"Image '{name}' holds NaN or infinite values: repair it or take it out.")
    if volume.dtype.kind != "f" or not standardised(values):
        if values.std() == 0:
            raise InputError(f"Image '{name}' has the same value everywhere: take it out.")
        values = (values - values.mean()) / values.std()
    return values.astype(np.float16)
