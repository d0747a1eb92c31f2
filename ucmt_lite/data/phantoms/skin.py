"""`phantom_skin`: one dermoscopic photograph of a skin lesion, RGB.

The skin goes from very light to very dark, the lesion from pale pink to black, its border from
sharp to melting away. Hair, rulers, bubbles, freckles, moles and dark corners lie over and around
it; none of them belongs to the lesion.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ucmt_lite.data.phantoms.shapes import (
    PIXEL,
    Array,
    ambiguity,
    edge_width,
    ellipsoid,
    field,
    grid,
    paint,
    sigmoid,
)

# From very light to very dark, sRGB in 0..1: six anchors by eye, after Fitzpatrick's types, evenly
# likely here
TONES = (
    np.array(
        [
            (248, 214, 198),
            (238, 190, 164),
            (216, 163, 130),
            (176, 122, 88),
            (128, 84, 60),
            (84, 54, 42),
        ]
    )
    / 255
)


def draw_skin(rng: Generator, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Return image `H W 3`, mask and ambiguity `H W` of one lesion; image, ambiguity in 0..1."""
    y, x = grid(shape)
    tone = _tone(rng)
    mottle = rng.uniform(0.02, 0.06)
    sensor = rng.uniform(0.006, 0.025)
    grain = 0.6 * field(rng, shape, 28) + 0.4 * field(rng, shape, 8)
    skin = tone * (1 + mottle * grain)[..., None]
    skin = skin * np.exp(0.07 * field(rng, shape, 3))[..., None]
    d = _outline(rng, y, x)
    colour = _lesion_colour(rng, tone)
    for _ in range(rng.integers(0, 12)):  # freckles and small moles
        centre = rng.uniform(0, 1, 2)
        radius = rng.uniform(0.006, 0.03)
        spot = ellipsoid((y - centre[0], x - centre[1]), (radius, radius * rng.uniform(0.7, 1.4)))
        spot_colour = skin * (1 - rng.uniform(0.15, 0.8) * (1 - colour / tone))
        skin, _ = paint(skin, spot_colour, spot, 0.005)
    soft = np.exp(rng.uniform(np.log(0.003), np.log(0.022)))
    w = edge_width(rng, shape, soft, 0.6)
    noise = float(np.hypot(sensor, mottle * tone.mean()))
    image, p = paint(skin, _inside(rng, skin / tone * colour, y, x, d), d, w, noise)
    image = _over(rng, image, y, x)
    image = image + sensor * rng.standard_normal(image.shape, dtype=np.float32)
    return image, (d > 0).astype(np.uint8), ambiguity(p, 1 - p)


def _tone(rng: Generator) -> Array:
    """Return a skin colour between two neighbouring tones, all equally likely, with a cast."""
    place = rng.uniform(0, len(TONES) - 1)
    low = min(int(place), len(TONES) - 2)
    tone = TONES[low] + (place - low) * (TONES[low + 1] - TONES[low])
    return (tone * rng.uniform(0.9, 1.08) * rng.uniform(0.94, 1.06, 3)).astype(np.float32)


def _outline(rng: Generator, y: Array, x: Array) -> Array:
    """Return `d` of an irregular lesion: an ellipse whose plane is warped by hills of two sizes."""
    # The share of the picture; most lesions are small.
    share = np.clip(np.exp(rng.normal(np.log(0.15), 0.85)), 0.012, 0.6)
    radius = np.sqrt(share / np.pi)
    oval = np.exp(rng.normal(0, 0.16))
    turn = rng.uniform(0, np.pi)
    rough = rng.uniform((0.05, 0.03), (0.24, 0.14)) * radius
    cells = (4, 9) if radius > 0.2 else (6, 14)
    y = y - np.clip(rng.normal(0.5, 0.09), 0.25, 0.75) + rough[0] * field(rng, y.shape, cells[0])
    x = x - np.clip(rng.normal(0.5, 0.09), 0.25, 0.75) + rough[0] * field(rng, y.shape, cells[0])
    d = ellipsoid(_turned(y, x, turn), (radius * oval, radius / oval))
    return d + rough[1] * field(rng, y.shape, cells[1])


def _turned(y: Array, x: Array, turn: float) -> tuple[Array, Array]:
    """Return the coordinates along and across an axis that is turned away from the rows."""
    return np.cos(turn) * x + np.sin(turn) * y, -np.sin(turn) * x + np.cos(turn) * y


def _lesion_colour(rng: Generator, tone: Array) -> Array:
    """Return the lesion's main colour: the skin's, through brown, black, red or blue-grey."""
    depth = rng.uniform(0.28, 1.0) if rng.random() < 0.8 else rng.uniform(0.12, 0.3)
    absorbs = np.array([(0.55, 0.95, 1.15), (1.3, 1.45, 1.4), (0.2, 0.75, 0.65), (0.9, 0.75, 0.5)])
    colour = tone * np.exp(-depth * absorbs[rng.choice(4, p=(0.55, 0.2, 0.15, 0.1))])
    return colour.astype(np.float32)


def _inside(rng: Generator, fill: Array, y: Array, x: Array, d: Array) -> Array:
    """Return the lesion's inside: blotches, a pigment network, dots, a pale or dark centre."""
    shape = y.shape
    blotch = rng.uniform(0.05, 0.3) * np.tanh(1.5 * field(rng, shape, 7))
    blotch = blotch + 0.06 * field(rng, shape, 18)
    bend_y = y + 0.02 * field(rng, shape, 9)
    bend_x = x + 0.02 * field(rng, shape, 9)
    lines = [rng.uniform(35, 70) * (bend_y + side * bend_x) for side in (1, -1)]
    net = 2 - np.abs(np.sin(lines[0])) - np.abs(np.sin(lines[1]))
    net = net * sigmoid(field(rng, shape, 5) / 0.4)
    blotch = blotch - rng.uniform(0, 0.2) * net
    core = rng.uniform(-0.45, 0.12) * sigmoid((d - rng.uniform(0.03, 0.15)) / 0.02)
    dots = rng.uniform(0, 0.5) * np.maximum(field(rng, shape, 26) - 1.6, 0)
    fill = fill * np.exp(blotch + core - dots)[..., None]
    return fill * (1 + 0.05 * np.tanh(field(rng, shape, 5)))[..., None]


def _over(rng: Generator, image: Array, y: Array, x: Array) -> Array:
    """Return the image under hairs, gel bubbles, a ruler, and the dark corners of the optics."""
    pixel = PIXEL / y.shape[0]
    hair = rng.uniform(0.02, 0.3) * np.array([1, 0.85, 0.7])
    for _ in range(int(rng.exponential(9)) if rng.random() < 0.55 else 0):
        image, _ = paint(image, hair, _hair(rng, y, x), pixel)
    bubbles = rng.integers(1, 8) if rng.random() < 0.2 else 0  # bright rings in the gel
    for _ in range(bubbles):
        centre = rng.uniform(0, 1, 2)
        radius = rng.uniform(0.01, 0.04)
        ring = 0.004 - np.abs(ellipsoid((y - centre[0], x - centre[1]), (radius, radius)))
        image, _ = paint(image, np.minimum(image + 0.25, 1), ring, pixel)
    if rng.random() < 0.25:
        image, _ = paint(image, np.full(3, rng.uniform(0.02, 0.2)), _ruler(rng, y, x), pixel)
    away = np.hypot(y - rng.normal(0.5, 0.03), x - rng.normal(0.5, 0.03))
    if rng.random() < 0.3:  # the round field of the dermatoscope
        outside = away - rng.uniform(0.5, 0.64)
        image, _ = paint(image, np.zeros(3), outside, rng.uniform(0.003, 0.02))
    return image * (1 - rng.uniform(0, 0.9) * away**2)[..., None]


def _hair(rng: Generator, y: Array, x: Array) -> Array:
    """Return `d` of one hair: a parabola of finite length at a random place and angle."""
    turn = rng.uniform(0, np.pi)
    bend = rng.normal(0, 0.6)
    half = rng.uniform(0.1, 0.6)
    y = y - rng.uniform(0, 1)
    x = x - rng.uniform(0, 1)
    u, v = _turned(y, x, turn)
    away = np.abs(v - bend * u * u) / np.hypot(1, 2 * bend * u)
    return np.minimum(rng.uniform(0.002, 0.006) - away, half - np.abs(u))


def _ruler(rng: Generator, y: Array, x: Array) -> Array:
    """Return `d` of a ruler near one side: ticks a millimetre apart, every fifth one longer."""
    turn = rng.integers(4) * np.pi / 2 + rng.normal(0, 0.1)
    step = rng.uniform(0.03, 0.06)
    near = rng.uniform(0.3, 0.47)
    u, v = _turned(y - 0.5, x - 0.5, turn)
    v = v - near
    tick = np.round(u / step)
    length = np.where(tick % 5 == 0, 0.06, 0.035)
    return np.minimum(0.0045 - np.abs(u - tick * step), np.minimum(-v, length + v))
