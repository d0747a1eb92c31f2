"""The phantoms as a `Source`: drawn on the spot, every split from its own stream of seeds."""

from collections.abc import Sequence

import numpy as np

from ucmt_lite.data.columns import Item, npy, png
from ucmt_lite.data.phantoms import PHANTOMS, generate
from ucmt_lite.data.source import Source, build_source
from ucmt_lite.data.splits import SPLITS

_DEFAULT_COUNTS = {2: (300, 50, 200), 3: (24, 4, 12)}  # train, validation, test by dimension


def draw_phantom(
    name: str, *, count: Sequence[int] | None = None, size: int | None = None, seed: int = 0
) -> Source:
    """Draw a phantom set.

    `count` gives the numbers for train, validation and test, or for train alone. Split k of seed s
    is drawn with seed 3 s + k, so no sample is ever in two splits or in two seeds' sets.
    """
    phantom = PHANTOMS[name]
    counts = tuple(count or ()) + _DEFAULT_COUNTS[phantom.dims][len(count or ()) :]
    parts = {
        split: _items(f"{split}_", generate(name, number, size, 3 * seed + k), phantom.dims)
        for k, (split, number) in enumerate(zip(SPLITS, counts, strict=True))
    }
    return build_source(
        name,
        parts,
        classes=phantom.classes,
        channels=phantom.channels,
        dims=phantom.dims,
        split_rule=f"drawn with the seeds {3 * seed}, {3 * seed + 1}, {3 * seed + 2}",
    )


def _items(prefix: str, drawn: dict[str, np.ndarray], dims: int) -> list[Item]:
    encode = png if dims == 2 else npy
    items = []
    for i, (image, mask, doubt) in enumerate(
        zip(drawn["image"], drawn["mask"], drawn["ambiguity"], strict=True)
    ):
        if dims == 2:
            doubt = np.round(doubt.astype(np.float32) * 255).astype(np.uint8)
        name = f"{prefix}{i:04d}"
        items.append(Item(name, name, encode(image), encode(mask), ambiguity=encode(doubt)))
    return items
