"""What the phantoms' data cards show: their numbers, measured, and their pictures, drawn.

`python -m ucmt_lite.data.phantoms.card data_cards/pictures` prints the numbers and draws the
pictures anew.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import grey_dilation

from ucmt_lite.common import atomic
from ucmt_lite.data.phantoms import PHANTOMS, generate

_SAMPLES = {2: 300, 3: 24}  # samples behind the numbers of a card, by dims
# The colour of each class.
OUTLINES = np.array([(0, 0, 0), (80, 170, 255), (120, 230, 90), (255, 90, 80)], np.uint8)


def measure(name: str, count: int, size: int | Sequence[int], seed: int) -> dict[str, float]:
    """Return min, median, mean and max of the foreground share in percent, rounded to two digits.

    >>> sorted(measure("phantom_heart", 2, 32, 0))
    ['max', 'mean', 'median', 'min']
    """
    masks = generate(name, count, size if isinstance(size, int) else tuple(size), seed)["mask"]
    share = 100 * (masks > 0).reshape(count, -1).mean(1)
    return {
        key: round(float(getattr(np, key)(share)), 2) for key in ("min", "median", "mean", "max")
    }


def picture(
    name: str, path: str | Path, *, columns: int = 5, side: int = 80, seed: int = 0
) -> None:
    """Write a PNG of a few samples: image above, true outline in the middle, ambiguity below.

    Ambiguity is black at 0 and white at 1. Of volumes the axial slice with most foreground is
    shown, front of the chest up.
    """
    phantom = PHANTOMS[name]
    drawn = generate(name, columns, side if phantom.dims == 2 else (side, side, side // 4), seed)
    rows: list[list[np.ndarray]] = [[], [], []]
    for image, mask, doubt in zip(drawn["image"], drawn["mask"], drawn["ambiguity"], strict=True):
        if phantom.dims == 3:
            z = int(mask.sum((0, 1)).argmax())
            image, mask, doubt = (volume[:, :, z].T for volume in (image, mask, doubt))
        image = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        edge = grey_dilation(mask, 3) * (mask != grey_dilation(mask, 3))
        outlined = np.where(edge[..., None] > 0, OUTLINES[edge], image)
        grey = np.repeat((255 * doubt.astype(np.float32)).astype(np.uint8)[..., None], 3, axis=2)
        for row, tile in zip(rows, (image, outlined, grey), strict=True):
            row.append(tile)
    sheet = Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in rows]))
    with atomic(path) as temporary:  # few colours keep a noisy picture small
        sheet.quantize(64, dither=Image.Dither.NONE).save(temporary, optimize=True)


def draw_cards(folder: str) -> None:
    """Print the head fields of every phantom's card and draw its picture into `folder`."""
    for name, phantom in PHANTOMS.items():
        count = _SAMPLES[phantom.dims]
        size = list(phantom.size) if phantom.dims == 3 else phantom.size[0]
        picture(name, Path(folder) / f"{name}.png")
        print(
            f"{name}: count: {count}, size: {size}, seed: 0, foreground_percent:"
            f" {measure(name, count, size, 0)}"
        )


if __name__ == "__main__":
    draw_cards(*sys.argv[1:])
