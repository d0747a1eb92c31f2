"""Masks one can see: a colour for every class, and an image with the outlines of its mask."""

import colorsys

import numpy as np
from numpy.typing import NDArray

# Okabe & Ito's colours, which all common kinds of sight tell apart; black is the background.
_FIRST = (
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
_SMALLEST = 384  # pixels: smaller images are enlarged, or an outline would hide what is below


def _palette() -> NDArray[np.uint8]:
    """Return 256 colours: the first ones by hand, then hues a golden angle apart."""
    hues = [(index * 0.618034) % 1 for index in range(256 - len(_FIRST))]
    more = [colorsys.hsv_to_rgb(hue, 0.55 + 0.4 * (i % 2), 0.95) for i, hue in enumerate(hues)]
    return np.array([*_FIRST, *(np.multiply(rgb, 255) for rgb in more)], np.uint8)


PALETTE = _palette()  # 256 x 3: the colour of every class index


def with_outline(image: NDArray, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image, and beside it the same with the outlines of its mask, as `H 2W 3` bytes.

    `image` is `H W` or `H W 3`, of any numbers; what is not bytes is stretched from its 1st to its
    99th percentile. Small images are enlarged.

    >>> with_outline(np.zeros((200, 300)), np.zeros((200, 300), np.uint8)).shape
    (400, 1200, 3)
    """
    pixels = _shown(image)
    factor = max(1, -(-_SMALLEST // max(mask.shape)))
    pixels, enlarged = (
        array.repeat(factor, axis=0).repeat(factor, axis=1) for array in (pixels, mask)
    )
    outlined = pixels.copy()
    borders = {label: _border(enlarged == label) for label in np.unique(enlarged[enlarged > 0])}
    for border in borders.values():
        outlined[_grown(border)] = 0  # a halo keeps the line readable on bright images
    for label, border in borders.items():
        outlined[border] = PALETTE[label]
    return np.concatenate([pixels, outlined], axis=1)


def _shown(image: NDArray) -> NDArray[np.uint8]:
    """Return an image as bytes `H W 3`."""
    values = image[..., None] if image.ndim == 2 else image
    if values.dtype != np.uint8:
        low, high = np.percentile(values, (1, 99))
        scaled = (values.astype(np.float64) - low) / max(high - low, 1e-12)
        values = (np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    return np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values[..., :3]


def _border(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a region that touch what is outside of it."""
    padded = np.pad(inside, 1, mode="edge")
    around = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~around


def _grown(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return pixels and their neighbours."""
    padded = np.pad(pixels, 1)
    return pixels | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
