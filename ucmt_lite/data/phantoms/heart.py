"""`phantom_heart`: one short-axis slice of a cardiac MR scan, grey.

The labels are right ventricle, myocardium and left ventricle. Rows run from the chest wall (top) to
the spine, columns from the patient's right (image left, where the liver is) to the left. Vessels,
fat and the far side of the chest are as bright as the blood in the ventricles, so brightness alone
does not find them. Papillary muscles count as left ventricle, as in ACDC; the thin right wall is
background.
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
)


def draw_heart(rng: Generator, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Return image, mask and ambiguity of one slice, each `H W`; image and ambiguity in 0..1."""
    size = rng.uniform(1.0, 1.55)
    soft = np.exp(rng.uniform(np.log(0.002), np.log(0.009)))
    noise = rng.uniform(0.01, 0.04)
    grey = _tissues(rng)
    y, x = grid(shape)
    y, x = (axis + 0.012 * field(rng, shape, 6) for axis in (y, x))
    # Now the left ventricle is at the origin.
    y = y - rng.uniform(0.4, 0.6)
    x = x - rng.uniform(0.46, 0.66)
    w = edge_width(rng, shape, soft, 0.55)
    canvas = _chest(rng, y, x, w, grey)
    angle = rng.normal(0.35, 0.3)  # the septum faces right and front
    u = (np.cos(angle) * x + np.sin(angle) * y) / size
    v = (-np.sin(angle) * x + np.cos(angle) * y) / size
    w = edge_width(rng, shape, soft, 0.6)
    image, chances, mask = _ventricles(rng, canvas, u, v, w / size, grey, noise)
    image = (
        image
        * (1 + 0.05 * field(rng, shape, 24))
        * np.exp(rng.uniform(0.03, 0.2) * field(rng, shape, 3))
    )
    image = rician(
        rng, np.maximum(image, 0) ** rng.uniform(0.8, 1.3) * rng.uniform(0.7, 1.1), noise
    )
    return image, mask, ambiguity(*chances)


def _tissues(rng: Generator) -> SimpleNamespace:
    """Return the grey value of every tissue; the contrast of blood to muscle varies threefold."""
    blood = rng.uniform(0.55, 0.9)
    muscle = blood * rng.uniform(0.25, 0.5)
    return SimpleNamespace(
        blood=blood,
        # The right side holds blood of its own contrast and coil distance.
        right=blood * rng.uniform(0.85, 1.12),
        muscle=muscle,
        fat=blood * rng.uniform(0.6, 1.2),
        lung=rng.uniform(0.03, 0.14),
        liver=muscle * rng.uniform(0.8, 1.5),
    )


def _chest(rng: Generator, y: Array, x: Array, w: Array, grey: SimpleNamespace) -> Array:
    """Return the torso around the heart, with vessels as bright as the blood in it."""
    shape = y.shape
    centred = y - rng.uniform(0.12, 0.22), x + rng.uniform(0.02, 0.2)
    radii = rng.uniform(0.5, 0.64), rng.uniform(0.6, 0.85)
    skin = rng.uniform(0.02, 0.09)
    body = ellipsoid(centred, radii)
    canvas = np.full(shape, 0.02, np.float32)
    canvas, _ = paint(canvas, grey.fat, body, w)
    canvas, _ = paint(canvas, grey.muscle * rng.uniform(0.7, 1.1), body - skin, w)
    wall = skin + rng.uniform(0.04, 0.09)
    lung = grey.lung + 0.03 * np.abs(field(rng, shape, 12))
    canvas, _ = paint(canvas, lung, body - wall, w)
    for _ in range(rng.integers(3, 9)):  # vessels in the lungs
        centre = rng.uniform(-0.5, 0.5, 2)
        blood = grey.blood * rng.uniform(0.5, 1.0)
        canvas, _ = paint(canvas, blood, _disc(y, x, centre, rng.uniform(0.006, 0.02)), w)
    liver = ellipsoid(
        (y - rng.uniform(0.3, 0.5), x + rng.uniform(0.25, 0.5)),
        rng.uniform((0.2, 0.25), (0.3, 0.4)),
    )
    canvas, _ = paint(canvas, grey.liver * (1 + 0.1 * field(rng, shape, 10)), liver, w)
    spine = _disc(
        y, x, (rng.uniform(0.38, 0.5), rng.uniform(-0.25, -0.05)), rng.uniform(0.07, 0.11)
    )
    canvas, _ = paint(canvas, grey.fat * rng.uniform(0.4, 0.8), spine, w)
    aorta = _disc(y, x, (rng.uniform(0.25, 0.4), rng.uniform(-0.02, 0.2)), rng.uniform(0.03, 0.055))
    canvas, _ = paint(canvas, grey.blood * rng.uniform(0.85, 1.15), aorta, w)
    return canvas


def _disc(y: Array, x: Array, centre: Array | tuple[float, float], radius: float) -> Array:
    return ellipsoid((y - centre[0], x - centre[1]), (radius, radius))


def _ventricles(
    rng: Generator, canvas: Array, u: Array, v: Array, w: Array, grey: SimpleNamespace, noise: float
) -> tuple[Array, list[Array], Array]:
    """Paint the heart in its own frame, u from septum to free wall.

    Return image, class probabilities and mask.
    """
    apex = rng.uniform(0, 1)  # 0 at the base, 1 at the apex
    inner = (0.125 - 0.06 * apex) * rng.uniform(0.7, 1.15)
    outer = inner + rng.uniform(0.035, 0.075)  # thick in systole
    oval = rng.uniform(0.86, 1.14)
    epi = ellipsoid((v, u), (outer * oval, outer / oval))
    shift = rng.uniform(-0.2, 0.2, 2) * (outer - inner)
    endo = ellipsoid((v - shift[0], u - shift[1]), (inner * oval, inner / oval))
    long = outer * rng.uniform(0.95, 1.35) * (1 - 0.3 * apex)
    deep = outer * rng.uniform(0.9, 1.4) * (1 - 0.3 * apex)
    bent = u + outer * rng.uniform(0.85, 1.05) - rng.uniform(0.4, 1.4) * v * v / (2 * outer)
    right = ellipsoid((v + outer * rng.uniform(-0.35, 0.25), bent), (long, deep))

    sac = np.maximum(right, epi) + rng.uniform(0.015, 0.05)  # fat around the heart
    canvas, _ = paint(canvas, grey.fat * rng.uniform(0.5, 1.0), sac, 2 * w)
    canvas = _great_vessels(rng, canvas, u, v, w, outer, apex, grey)
    canvas, _ = paint(canvas, grey.muscle, right + 0.016, w)
    ripple = 1 + 0.08 * field(rng, u.shape, 16)
    canvas, p_right = paint(canvas, grey.right * ripple, right, w, noise)
    canvas, p_epi = paint(canvas, grey.muscle * (1 + 0.06 * field(rng, u.shape, 16)), epi, w, noise)
    canvas, p_endo = paint(canvas, grey.blood * ripple, endo, w, noise)
    for turn in rng.uniform((0.3, 2.2), (1.6, 3.8)):  # two papillary muscles
        centre = 0.6 * inner * np.array([np.sin(turn), np.cos(turn)]) + shift
        papillary = _disc(v, u, centre, inner * rng.uniform(0.1, 0.24))
        canvas, _ = paint(canvas, grey.muscle, papillary, w)
    chances = [
        (1 - p_epi) * (1 - p_right),
        (1 - p_epi) * p_right,
        p_epi * (1 - p_endo),
        p_epi * p_endo,
    ]
    mask = np.where(epi > 0, np.where(endo > 0, 3, 2), np.where(right > 0, 1, 0)).astype(np.uint8)
    return canvas, chances, mask


def _great_vessels(
    rng: Generator,
    canvas: Array,
    u: Array,
    v: Array,
    w: Array,
    outer: float,
    apex: float,
    grey: SimpleNamespace,
) -> Array:
    """Paint, near the base, blood beside the heart that is none of the labels."""
    for _ in range(rng.integers(0, 4) if apex < 0.6 else 0):
        # Outflow vessels, or the right atrium.
        turn = rng.uniform(-2.6, -0.9) if rng.random() < 0.7 else rng.uniform(1.9, 2.8)
        away = rng.uniform(1.5, 2.2)
        centre = outer * away * np.array([np.sin(turn), np.cos(turn)])
        d = _disc(v, u, centre, outer * rng.uniform(0.3, 0.6))
        canvas, _ = paint(canvas, grey.muscle, d + 0.01, w)
        canvas, _ = paint(canvas, grey.blood * rng.uniform(0.85, 1.15), d, w)
    return canvas
