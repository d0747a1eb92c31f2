"""What the values of an image mean, decided once for a set, and how each image is prepared so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ucmt_lite.common import InputError, one_of
from ucmt_lite.data.spread import BYTE, STEP, check_spread

# Of pictures: "bytes", "stretched". Of volumes: "bytes", "kept", "standardised".
VALUES = ("bytes", "stretched", "kept", "standardised", "each")


@dataclass(frozen=True)
class Preparation:
    """How the images of a set were prepared, which a network that learned from them must know.

    `values`: "bytes" (whole numbers within 0..255 stay, floats within 0..1 are multiplied by 255);
    "stretched" (pictures: each from its own minimum to its own maximum); "kept" (volumes that look
    standardised stay, any other is standardised); "standardised" (volumes: each to mean 0 and
    deviation 1); "each" (every file by itself, as for older networks). `window`:
    values are clipped to it first. `orientation`: the directions that volumes are turned to, such
    as "RAS"; empty where axes stay as they are stored.

    >>> Preparation.of(Preparation("standardised", window=(-125.0, 275.0)).as_dict()).window
    (-125.0, 275.0)
    """

    values: str = "bytes"
    window: tuple[float, ...] | None = None
    orientation: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain types, as a network's card holds them."""
        return {**asdict(self), "window": None if self.window is None else list(self.window)}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Preparation:
        """Return the preparation that `as_dict` wrote."""
        window = content.get("window")
        return cls(
            one_of("preparation of values", content.get("values", "each"), VALUES),
            None if window is None else tuple(float(value) for value in window),
            str(content.get("orientation") or ""),
        )

    @classmethod
    def of_card(cls, card: Mapping[str, Any]) -> Preparation:
        """Return the preparation that a network's card tells; older cards tell it in pieces.

        >>> Preparation.of_card({"bytes": False, "window": [0, 1]}).values
        'kept'
        """
        if card.get("preparation"):
            return cls.of(card["preparation"])
        window = card.get("window")
        by_file = card.get("bytes", True) and window is None
        return cls(
            "each" if by_file else "kept",
            None if window is None else tuple(float(value) for value in window),
        )


def kind_of_picture(values: np.ndarray) -> str:
    """Return "bytes" for whole numbers within 0..255, "unit" for floats within 0..1, else "deep".

    >>> [kind_of_picture(np.array(x)) for x in ([0, 7], [0.2, 0.4], [-100.0, 200.0])]
    ['bytes', 'unit', 'deep']
    """
    if not values.size:
        return "bytes"
    low, high = values.min(), values.max()
    if values.dtype.kind in "uib":
        return "bytes" if low >= 0 and high <= 255 else "deep"
    return "unit" if low >= 0 and high <= 1 else "deep"


def kind_of_volume(values: np.ndarray) -> str:
    """Return "bytes" for whole numbers within 0..255, "kept" for standardised floats, else "raw".

    >>> kind_of_volume(np.array([0, 255])), kind_of_volume(np.array([0.0, 255.0]))
    ('bytes', 'raw')
    """
    if values.dtype.kind in "uib":
        return "bytes" if values.min() >= 0 and values.max() <= 255 else "raw"
    return "kept" if looks_standardised(values.astype(np.float32, copy=False)) else "raw"


def decide_values(kinds: Mapping[str, str], dims: int) -> tuple[str, str]:
    """Decide how the values of all images of a set are read; also return a sentence if they differ.

    `kinds` gives for every id the `kind_of_picture` or `kind_of_volume`.

    >>> decide_values({"a": "bytes", "b": "bytes"}, dims=3)
    ('bytes', '')
    >>> decide_values({"a": "bytes", "b": "raw"}, dims=3)[0]
    'standardised'
    """
    different = set(kinds.values())
    if dims == 2:
        if "deep" not in different:
            return "bytes", ""
        values, odd = "stretched", [key for key, kind in kinds.items() if kind != "deep"]
        sentence = (
            "hold values as 8 bits have them while the others have a wider range: all are stretched"
            " from their own minimum to their own maximum"
        )
    else:
        if len(different) == 1 and different <= {"bytes", "kept"}:
            return different.pop(), ""
        values, odd = "standardised", [key for key, kind in kinds.items() if kind != "raw"]
        sentence = (
            "hold bytes, or floats that look standardised, while the others do not: all are"
            " standardised, each by its own mean and deviation"
        )
    if not odd:
        return values, ""
    return values, f"{len(odd)} of {len(kinds)} images (first '{odd[0]}') {sentence}."


def clipped(volume: np.ndarray, window: Sequence[float] | None) -> np.ndarray:
    """Return the values clipped to a window (CT: Hounsfield units); as they are without one.

    >>> clipped(np.array([-1000.0, 40.0]), (-125, 275)).tolist()
    [-125.0, 40.0]
    """
    return volume if window is None else np.clip(volume, window[0], window[1])


def looks_standardised(values: np.ndarray) -> bool:
    """Return whether floats look standardised already.

    They do if some are negative, |mean| < 2.5 and 0.2 < standard deviation < 2.5. The limits are
    wide because LA 2018 was standardised over the whole scan and cropped afterwards: its crops have
    means up to 1.94 and deviations from 0.31 to 1.66.
    """
    return bool(values.min() < 0 and abs(values.mean()) < 2.5 and 0.2 < values.std() < 2.5)


def check_plain(values: np.ndarray, name: str) -> None:
    """Refuse text, records and complex numbers."""
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"Image '{name}' holds {values.dtype} and no plain numbers: save one number a pixel."
        )


def check_finite_values(values: np.ndarray, name: str) -> None:
    """Refuse NaN and infinite values."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"Image '{name}' holds NaN or infinite values: repair it or take it out.")


def eight_bits(values: np.ndarray, name: str) -> np.ndarray:
    """Return values scaled to 0..255, uint8.

    Integers within 0..255 stay, floats within 0..1 are multiplied by 255, all others go linearly
    from their own minimum to their own maximum.

    >>> [eight_bits(np.array(x), "x").tolist() for x in ([0, 7], [0.2, 0.4], [-100.0, 200.0])]
    [[0, 7], [51, 102], [0, 255]]
    """
    check_finite_values(values, name)
    kind = kind_of_picture(values)
    if kind == "bytes":
        return np.ascontiguousarray(values, np.uint8)
    return np.round(values * 255).astype(np.uint8) if kind == "unit" else stretched(values, name)


def stretched(values: np.ndarray, name: str) -> np.ndarray:
    """Return values scaled linearly from their own minimum to their own maximum, uint8.

    One extreme value beside which all others would be the same byte is refused (`check_spread`).

    >>> stretched(np.array([0, 7]), "a").tolist()
    [0, 255]
    """
    low, high = float(values.min()), float(values.max())
    check_spread(values, name, (high - low) * BYTE)
    return np.round((values.astype(np.float64) - low) / max(high - low, 1e-12) * 255).astype(
        np.uint8
    )


def prepare_volume(volume: np.ndarray, values: str, name: str) -> np.ndarray:
    """Return a volume as the network sees it: uint8 bytes, or standardised float16.

    `values` is the set's `Preparation.values`.

    >>> prepare_volume(np.array([0, 255]), "bytes", "v").dtype.name
    'uint8'
    >>> prepare_volume(np.array([0, 255]), "standardised", "v").tolist()
    [-1.0, 1.0]
    """
    is_bytes = volume.dtype.kind in "uib" and kind_of_volume(volume) == "bytes"
    if values == "each" and is_bytes:
        return volume.astype(np.uint8)
    if values == "bytes":
        return _as_bytes(volume, name)
    numbers = volume.astype(np.float32)
    check_finite_values(numbers, name)
    may_stay = values != "standardised" and volume.dtype.kind == "f"
    if not (may_stay and looks_standardised(numbers)):
        # In float64, as a sum of squares of -1e30 is too large for float32.
        mean = float(numbers.mean(dtype=np.float64))
        deviation = float(numbers.std(dtype=np.float64))
        if deviation == 0:
            raise InputError(f"Image '{name}' has the same value everywhere: take it out.")
        check_spread(numbers, name, deviation * STEP)
        numbers = (numbers - mean) / deviation
    return numbers.astype(np.float16)


def _as_bytes(volume: np.ndarray, name: str) -> np.ndarray:
    """Return whole numbers within 0..255 as uint8; anything else is refused."""
    check_finite_values(volume, name)
    whole = volume.dtype.kind != "f" or np.array_equal(volume, np.rint(volume))
    if not whole or volume.min() < 0 or volume.max() > 255:
        raise InputError(
            f"Image '{name}' holds values from {volume.min():g} to {volume.max():g}, but the"
            " network learned from whole numbers within 0..255: scale it as its training images"
            " were."
        )
    return volume.astype(np.uint8)
