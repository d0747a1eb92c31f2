"""`phantom_atrium`: a grey volume like late gadolinium MR cropped around the left atrium.

Axes: x from the patient's right to left, y from front to back, z from feet to head. The label is
the left atrium with its appendage and the first stretch of four pulmonary veins. The other chambers
and vessels hold blood of nearly the same brightness; valve and septum are thinner than a voxel; and
where a vein stops being atrium, no edge is to be seen.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from numpy.random import Generator

from ucmt_lite.data.phantoms.shapes import (
    Array,
    ambiguity,
    edge_width,
    ellipsoid,
    field,
    grid,
    paint,
    rician,
    sigmoid,
    union,
)

OSTIUM = 0.012  # width s with which readers place the cut across a vein, where nothing shows it
Point = tuple[float, float, float]


def draw_atrium(rng: Generator, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Return image, mask and ambiguity of one volume, each `X Y Z`; image, ambiguity in 0..1."""
    noise = rng.uniform(0.02, 0.07)
    blood = rng.uniform(0.45, 0.8)
    grey = SimpleNamespace(
        blood=blood, muscle=blood * rng.uniform(0.4, 0.75), lung=rng.uniform(0.04, 0.15)
    )
    radii = np.array([0.28, 0.185, 0.28]) * rng.uniform(0.8, 1.18) * rng.uniform(0.88, 1.12, 3)
    centre = rng.normal((0.5, 0.57, 0.52), 0.04)
    position = [axis - c for axis, c in zip(grid(shape), centre, strict=True)]
    x, y, z = (axis + 0.012 * field(rng, shape, 4) for axis in position)
    tilt = rng.normal(0, 0.2)
    position = [np.cos(tilt) * x + np.sin(tilt) * y, np.cos(tilt) * y - np.sin(tilt) * x, z]
    w = edge_width(rng, shape, np.exp(rng.uniform(np.log(0.004), np.log(0.012))), 0.5)

    image = _surroundings(rng, position, radii, w, grey)
    seen, beyond, p_beyond = _atrium(rng, position, radii, w)
    scar = 1 + rng.uniform(0, 0.9) * sigmoid((field(rng, shape, 7) - 1) / 0.2)
    image, _ = paint(image, np.minimum(grey.muscle * scar, 1), seen + rng.uniform(0.012, 0.03), w)
    filled = grey.blood * rng.uniform(0.9, 1.1) * (1 + 0.06 * field(rng, shape, 8))
    image, p_seen = paint(image, filled, seen, w, noise)
    p = p_seen * (1 - p_beyond)
    image = image * (1 + 0.05 * field(rng, shape, 12))
    image = image * np.exp(rng.uniform(0.05, 0.25) * field(rng, shape, 3))
    image = rician(rng, image * rng.uniform(0.7, 1.15), noise)
    return image, ((seen > 0) & ~beyond).astype(np.uint8), ambiguity(p, 1 - p)


def _tube(
    position: list[Array], start: Point, end: Point, thick: tuple[float, float]
) -> tuple[Array, Array]:
    """Return `d` of a tapering tube, and how far along its axis each voxel lies."""
    axis = np.subtract(end, start)
    length = float(np.linalg.norm(axis))
    off = [a - s for a, s in zip(position, start, strict=True)]
    along = sum(o * c / length for o, c in zip(off, axis, strict=True))
    t = np.clip(along / length, 0, 1)
    away = np.sqrt(sum((o - t * c) ** 2 for o, c in zip(off, axis, strict=True)))
    return thick[0] + (thick[1] - thick[0]) * t - away, along


def _atrium(
    rng: Generator, position: list[Array], radii: Array, w: Array
) -> tuple[Array, Array, Array]:
    """Return `d` of all that is seen, where a vein is past its cut, and the chance of that.

    Seen are the veins as a whole.
    """
    shift = radii * (0, -0.1, -0.25)
    lower = [a - s for a, s in zip(position, shift, strict=True)]
    seen = union(ellipsoid(position, radii), ellipsoid(lower, radii * 0.85), 0.05)
    seen = seen + 0.01 * field(rng, seen.shape, 6)
    rx, ry, rz = radii
    knee = (rx * 1.0, -ry * rng.uniform(0.8, 1.1), rz * rng.uniform(0.1, 0.5))
    tip = (
        knee[0] - rng.uniform(-0.04, 0.12),
        knee[1] - rng.uniform(0.06, 0.12),
        knee[2] + rng.normal(0, 0.06),
    )
    appendage = ((rx * 0.6, -ry * 0.3, rz * 0.3), knee, tip)  # bent forward
    for start, end in zip(appendage[:-1], appendage[1:], strict=True):
        part, _ = _tube(position, start, end, tuple(rng.uniform(0.035, 0.06, 2)))
        seen = union(seen, part, 0.03)
    beyond = np.zeros(seen.shape, bool)
    p_beyond = np.zeros(seen.shape, np.float32)
    for side in (-1, 1):
        for level in (-1, 1):
            start = (side * rx * 0.6, ry * 0.3, level * rz * 0.45)
            end = (
                side * (rx + 0.3),
                ry * rng.uniform(0.5, 1.6),
                level * rz * rng.uniform(0.4, 1.1),
            )
            thick = (rng.uniform(0.05, 0.075), rng.uniform(0.03, 0.05))
            vein, along = _tube(position, start, end, thick)
            seen = union(seen, vein, 0.03)
            past = along - rx * 0.4 - rng.uniform(0.05, 0.12)
            beyond |= (past > 0) & (vein > -0.04)
            p_beyond = np.maximum(p_beyond, sigmoid(past / OSTIUM) * sigmoid((vein + 0.04) / w))
    return seen, beyond, p_beyond


def _surroundings(
    rng: Generator, position: list[Array], radii: Array, w: Array, grey: SimpleNamespace
) -> Array:
    """Return the chest around the atrium, with the chambers and vessels next to it."""
    rx, ry, rz = radii
    shape = position[0].shape

    def blob(centre: Point, size: Point) -> Array:
        middle = np.array(centre) + rng.normal(0, 0.015, 3)
        radius = np.array(size) * rng.uniform(0.88, 1.12, 3)
        return ellipsoid([a - m for a, m in zip(position, middle, strict=True)], radius)

    def vary(low: float = 0.85, high: float = 1.12) -> float:
        return grey.blood * rng.uniform(low, high)

    image = grey.lung + 0.03 * np.abs(field(rng, shape, 10))
    fat = grey.muscle * rng.uniform(0.5, 1.1)
    front = -ry - 0.17
    image, _ = paint(image, fat, blob((0, -0.12, 0), (rx + 0.13, ry + 0.3, 0.75)), 2 * w)
    spine = blob((-0.04, ry + 0.24, 0), (0.15, 0.14, 2.0))
    image, _ = paint(image, grey.muscle, spine, w)
    gullet = blob((0.02, ry + 0.05, 0), (0.05, 0.035, 2.0))
    image, _ = paint(image, grey.muscle, gullet, w)
    left_ventricle = blob((rx * 0.7, front, -rz * 0.75), (0.19, 0.19, 0.24))
    right_ventricle = blob((-0.08, front - 0.1, -rz * 0.6), (0.22, 0.13, 0.26))
    right_atrium = blob((-rx * 0.8, -ry - 0.06, -rz * 0.25), (0.17, 0.14, 0.27))
    for chamber in (right_ventricle, right_atrium, left_ventricle):
        image, _ = paint(image, grey.muscle, chamber + rng.uniform(0.015, 0.04), w)
        image, _ = paint(image, vary(), chamber, w)
    root = blob((0.01, -ry - 0.07, rz * 0.4), (0.09, 0.085, 0.4))
    lung_artery = blob((0.08, -ry - 0.08, rz + 0.13), (0.22, 0.07, 0.07))
    upper_vein = blob((-rx * 0.75, -ry * 0.7, rz + 0.15), (0.055, 0.055, 0.3))
    descending = blob((rx * 0.45, ry + 0.1, 0), (0.065, 0.065, 3.0))
    for vessel in (root, lung_artery, upper_vein, descending):
        image, _ = paint(image, grey.muscle, vessel + 0.012, w)
        image, _ = paint(image, vary(), vessel, w)
    return image
