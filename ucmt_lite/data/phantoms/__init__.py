"""Phantoms: medical-looking images whose truth is known, and how ambiguous every border is.

No download, any size. Each sample is drawn by one function from one random generator seeded with
(name, seed, i), in relative coordinates.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ucmt_lite.common import InputError, one_of
from ucmt_lite.data.phantoms import atrium, heart, skin

SMALLEST = 16  # pixels a side; below, the thin walls vanish


@dataclass(frozen=True)
class Phantom:
    """What a phantom is.

    It is drawn by `draw(rng, shape) -> image *S [C] in 0..1, mask *S, ambiguity *S in 0..1`.
    """

    dims: int
    channels: int
    classes: tuple[str, ...]
    size: tuple[int, ...]
    draw: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]
    takes_size: bool = True  # drawn at any


PHANTOMS: dict[str, Phantom] = {
    "phantom_skin": Phantom(2, 3, ("background", "lesion"), (64, 64), skin.draw_skin),
    "phantom_heart": Phantom(
        2,
        1,
        ("background", "right ventricle", "myocardium", "left ventricle"),
        (64, 64),
        heart.draw_heart,
    ),
    "phantom_atrium": Phantom(
        3, 1, ("background", "left atrium"), (48, 48, 32), atrium.draw_atrium
    ),
}


def generate(
    name: str, count: int, size: int | tuple[int, ...] | None = None, seed: int = 0
) -> dict[str, np.ndarray]:
    """Draw `count` samples of a phantom and return `image`, `mask` and `ambiguity`, stacked.

    Shapes: image `N *S` (grey) or `N *S 3` (RGB), uint8; mask `N *S`, uint8 class indices;
    ambiguity `N *S`, float16 in 0..1. `size` is one side for all axes or a tuple (default: the
    phantom's own). Sample i depends only on (name, size, seed, i): asking for more keeps the first
    ones.

    **Ambiguity.** The generator paints every labeled region with a soft edge, o = sigmoid(d / w),
    where d(x) is the signed distance to the true border and w(x) a width that varies along it. A
    reader who sees that blurred edge of contrast c(x) (averaged nearby) under noise of standard
    deviation n (the skin's mottling included), both as painted, before gain, gamma and bias field,
    is taken to call a pixel part of the region with the chance

        p = sigmoid(d / s),    s = w (1 + min(n / c, 2))

    and the ambiguity of a pixel is what is left of the lead of the likeliest class over the next
    one,

        ambiguity = 1 - (p_first - p_second)      (two classes: 1 - |2 p - 1|).

    It is 1 on a border, falls to 0 within two pixels where the border is sharp, and stays high over
    a broad band where it is soft or fainter than the noise. Nested and overlapping regions multiply
    their chances, so a hidden border does not count; nor do hair or marks over a border. Where the
    atrium ends across a vein, no edge exists and s is a constant (`atrium.OSTIUM`).

    Raises InputError for an unknown name, a count below 0, a negative seed, or a size with too few
    pixels.

    >>> few = generate("phantom_heart", 1, size=32, seed=7)["image"]
    >>> more = generate("phantom_heart", 2, size=32, seed=7)["image"]
    >>> more.shape, more.dtype.name, bool((few[0] == more[0]).all())
    ((2, 32, 32), 'uint8', True)
    """
    phantom = PHANTOMS[one_of("phantom", name, PHANTOMS)]
    shape = _shape(name, phantom, size)
    if count < 0 or seed < 0:
        raise InputError(
            f"{name} was asked for count {count} with seed {seed}: give numbers that are not"
            " negative."
        )
    colour = (phantom.channels,) if phantom.channels > 1 else ()
    images = _room((count, *shape, *colour), np.uint8)
    masks = _room((count, *shape), np.uint8)
    doubts = _room((count, *shape), np.float16)
    for i in range(count):
        rng = np.random.default_rng([zlib.crc32(name.encode()), seed, i])
        image, masks[i], doubts[i] = phantom.draw(rng, shape)
        images[i] = np.clip(image * 255 + 0.5, 0, 255)
    return {"image": images, "mask": masks, "ambiguity": np.clip(doubts, 0, 1)}


def _room(shape: tuple[int, ...], kind: type) -> np.ndarray:
    """Return an array to be filled; one that no machine can hold is a MemoryError, too."""
    try:
        return np.empty(shape, kind)
    except ValueError as cause:  # numpy's word for a size beyond all addresses
        raise MemoryError(str(cause)) from None


def _shape(name: str, phantom: Phantom, size: int | tuple[int, ...] | None) -> tuple[int, ...]:
    if size is None:
        return phantom.size
    shape = np.atleast_1d(size).tolist() * (phantom.dims if np.ndim(size) == 0 else 1)
    if len(shape) != phantom.dims or any(n != int(n) or n < SMALLEST for n in shape):
        raise InputError(
            f"{name} cannot be drawn at size {size}: "
            f"give one side or {phantom.dims} sides of at least {SMALLEST} pixels."
        )
    return tuple(int(n) for n in shape)
