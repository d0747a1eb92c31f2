"""What the phantoms share: coordinates, soft shapes, paint, and the ambiguity of what was painted.

Everything is drawn in relative coordinates, 0..1 along each axis, and distances are fractions of a
side, so one seed gives the same anatomy at any size. `d` is always a signed distance to a border,
positive inside, accurate near it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter

Array = np.ndarray
PIXEL = 0.35  # no edge is sharper than this many pixels: each pixel averages over its own extent
_REACH = 0.03  # of a side: how far along and across a border its contrast is judged
# A border drowned in noise is read at most this many widths more loosely than its blur allows.
DOUBT = 2.0


@lru_cache(maxsize=16)
def grid(shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Return the pixel centres along each axis, each of shape `*S`, in 0..1.

    >>> [axis.tolist() for axis in grid((2, 2))]
    [[[0.25, 0.25], [0.75, 0.75]], [[0.25, 0.75], [0.25, 0.75]]]
    """
    axes = [(np.arange(n, dtype=np.float32) + 0.5) / n for n in shape]
    return tuple(np.meshgrid(*axes, indexing="ij"))


@lru_cache(maxsize=64)
def _weights(n: int, cells: int) -> Array:
    """Return the matrix, rows of norm 1, that spreads `cells` values over `n` pixels by bumps."""
    place = (np.arange(n) + 0.5) / n * (cells - 1)
    bumps = np.exp(-0.5 * ((place[:, None] - np.arange(cells)) / 0.6) ** 2)
    return (bumps / np.linalg.norm(bumps, axis=1, keepdims=True)).astype(np.float32)


def field(rng: Generator, shape: tuple[int, ...], cells: int) -> Array:
    """Return a smooth random field `*S` of mean 0 and variance 1.

    Its hills are about 1 / `cells` wide. The `cells` numbers along each axis are drawn alike at
    every size, so the field is the same at every size.
    """
    values = rng.standard_normal((cells,) * len(shape), dtype=np.float32)
    for n in shape:
        # Spreads the first axis and moves it last, so that all axes come back in order.
        values = np.tensordot(values, _weights(n, cells), axes=(0, 1))
    return values


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z)) without overflow.

    >>> sigmoid(np.array([-1e9, 0.0, 1e9])).tolist()
    [0.0, 0.5, 1.0]
    """
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def ellipsoid(position: Sequence[Array], radii: Sequence[float] | Array) -> Array:
    """Return `d` for an ellipse or ellipsoid at the origin.

    It is k0 (1 - k0) / k1 with k0 = |x / r| and k1 = |x / r^2|.
    """
    scaled = [p / r for p, r in zip(position, radii, strict=True)]
    k0 = np.sqrt(sum(s * s for s in scaled))
    k1 = np.sqrt(sum((s / r) ** 2 for s, r in zip(scaled, radii, strict=True)))
    return k0 * (1 - k0) / np.maximum(k1, 1e-6) + np.where(k0 < 1e-3, min(radii), 0)


def union(a: Array, b: Array, smooth: float) -> Array:
    """Return `d` of two shapes joined, their crease filled over a distance `smooth`."""
    h = np.maximum(smooth - np.abs(a - b), 0) / smooth
    return np.maximum(a, b) + h * h * smooth / 4


def edge_width(rng: Generator, shape: tuple[int, ...], width: float, vary: float) -> Array:
    """Return a locally varying edge width w(x) `*S`: `width` times exp(vary * field).

    It is never below a pixel's extent.
    """
    pixel = PIXEL * float(np.mean([1 / n for n in shape]))
    return np.hypot(width * np.exp(vary * np.clip(field(rng, shape, 4), -2, 2)), pixel)


def paint(
    canvas: Array, fill: Array | float, d: Array, w: Array | float, noise: float = 0.0
) -> tuple[Array, Array]:
    """Paint a soft shape; return the new canvas and the chance `p` of every pixel.

    The chance is that with which a reader calls the pixel part of the shape:

        canvas <- canvas + o (fill - canvas),   o = sigmoid(d / w)      what the blur leaves to see
        p = sigmoid(d / s),   s = w (1 + min(noise / c, DOUBT))         what a reader makes of it

    c is the contrast |fill - canvas| averaged over a neighbourhood (a Gaussian of _REACH of the
    side), because readers judge a stretch of border and not a pixel. `canvas` and `fill` are `*S`
    or `*S C` (then c is the root mean square over C); `d`, `w` and `p` are `*S`.
    """
    gap = fill - canvas
    colour = canvas.ndim > d.ndim
    o = sigmoid(d / w)
    canvas = canvas + (o[..., None] if colour else o) * gap
    if noise == 0:
        return canvas, o
    c = np.sqrt((gap * gap).mean(-1)) if colour else np.abs(gap)
    c = gaussian_filter(c, [_REACH * n for n in c.shape], truncate=2.5, mode="nearest")
    return canvas, sigmoid(d / (w * (1 + np.minimum(noise / np.maximum(c, 1e-6), DOUBT))))


def ambiguity(*chances: Array) -> Array:
    """Return 1 - (p1 - p2), where p1 and p2 are the two greatest of the class probabilities.

    Each is `*S`, and they sum to 1. With two classes this is 1 - |2 p - 1|: 1 where a reader would
    toss a coin, 0 where none would hesitate.

    >>> ambiguity(np.array([0.5, 0.1, 0.0]), np.array([0.5, 0.9, 1.0])).round(2).tolist()
    [1.0, 0.2, 0.0]
    """
    second, first = np.sort(np.stack(chances), axis=0)[-2:]
    return 1 - (first - second)


def rician(rng: Generator, image: Array, noise: float) -> Array:
    """Return a magnitude image: |image + complex Gaussian noise|, as MR scanners make it."""
    real, imaginary = rng.standard_normal((2, *image.shape), dtype=np.float32) * noise
    return np.hypot(image + real, imaginary)
