"""A set of cases in two forms: `Source`, a Hugging Face dataset with its splits, and `Cases`, plain
arrays in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import (
    ARRAYS,
    Item,
    in_threads,
    resize_nearest,
    to_split,
    unnpy,
    unpng,
    unreadable,
)
from ucmt_lite.data.pictures import DAMAGED

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class Source:
    """A named set with its splits, and what a network has to know about it.

    Every split has the columns `id`, `group` (the patient where known, else the id), `image`,
    `mask` (class indices), `spacing` (mm per axis, empty when unknown) and, for phantoms,
    `ambiguity` (how uncertain the truth is, 0..1).
    """

    name: str  # "phantom_heart", "folder", "isic2018", ...
    splits: datasets.DatasetDict  # "train" and "test" always, "validation" where the set has one
    classes: tuple[str, ...]  # ("background", "lesion")
    channels: int  # of an image as the network sees it: 1 or 3
    dims: int  # 2 or 3
    split_rule: str = ""  # where the splits came from, to be written with every result


@dataclass(frozen=True)
class Cases:
    """Plain arrays in memory: what training and evaluation read."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    images: list[np.ndarray]  # each C *S, uint8 (0..255) or float16 (already normalised, volumes)
    masks: list[np.ndarray]  # each *S, uint8 class indices
    spacing: tuple[tuple[float, ...] | None, ...]  # mm per axis of *S at this size, or None
    ambiguity: list[np.ndarray] | None = None  # each *S, float16 in [0, 1]

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, ids: Iterable[str]) -> Cases:
        """The cases of these ids, in the order of `ids`; an unknown id is an InputError."""
        place = {name: i for i, name in enumerate(self.ids)}
        ids = tuple(ids)
        if unknown := [name for name in ids if name not in place]:
            raise InputError(
                f"Case '{unknown[0]}' is not among these {len(self)} cases: take ids from"
                " cases.ids."
            )
        rows = [place[name] for name in ids]
        return Cases(
            ids,
            tuple(self.groups[i] for i in rows),
            [self.images[i] for i in rows],
            [self.masks[i] for i in rows],
            tuple(self.spacing[i] for i in rows),
            None if self.ambiguity is None else [self.ambiguity[i] for i in rows],
        )


def build_source(
    name: str,
    parts: Mapping[str, Sequence[Item]],
    *,
    classes: Sequence[str],
    channels: int,
    dims: int,
    split_rule: str,
) -> Source:
    """Put cases that a reader has checked and encoded into a `Source`; a split without cases is
    left out.
    """
    import datasets

    splits = datasets.DatasetDict(
        {k: to_split(items, dims, channels) for k, items in parts.items() if items}
    )
    return Source(name, splits, tuple(classes), channels, dims, split_rule)


def cases(split: datasets.Dataset, *, size: int | None = None) -> Cases:
    """Read one split into arrays: what a training loop needs so that it never opens a file.

    2D images are resized to `size` x `size` (bilinear with antialias; masks by nearest neighbour;
    spacing is scaled along). Volumes stay as they are: training cuts patches from them.

    >>> from ucmt_lite.data.columns import Item, png, to_split
    >>> image, mask = np.zeros((4, 6, 3), np.uint8), np.ones((4, 6), np.uint8)
    >>> split = to_split([Item("a", "a", png(image), png(mask), (0.5, 1.0))], dims=2, channels=3)
    >>> one = cases(split, size=2)
    >>> one.ids, one.images[0].shape, one.masks[0].tolist(), one.spacing
    (('a',), (3, 2, 2), [[1, 1], [1, 1]], ((1.0, 3.0),))
    """
    missing = [
        name
        for name in ("id", "group", "image", "mask", "spacing")
        if name not in split.column_names
    ]
    if missing:
        columns = ", ".join(split.column_names)
        raise InputError(
            f"A split needs the column '{missing[0]}' but has {columns}: make it with"
            " ucmt_lite.data.from_dataset."
        )
    if size is not None and (size != int(size) or size < 1):
        raise InputError(
            f"size={size} is no side length: give a positive number of pixels, such as size=128."
        )
    import datasets

    volumes = not isinstance(split.features["image"], datasets.Image)
    plain = split.with_format(None)
    if not volumes:
        for name in set(ARRAYS) & set(split.column_names):
            plain = plain.cast_column(name, datasets.Image(decode=False))
    mode = "L" if volumes else split.features["image"].mode or "RGB"
    # Threads pay for pictures, which have to be decoded; of volumes they would only hold more
    # copies at once.
    read = (
        list(map(_volume, plain))
        if volumes
        else in_threads(lambda row: _picture(row, mode, size), plain)
    )
    images, masks, spacing, ambiguity = (
        map(list, zip(*read, strict=True)) if read else ([], [], [], [None])
    )
    return Cases(
        tuple(plain["id"]),
        tuple(plain["group"]),
        images,
        masks,
        tuple(spacing),
        ambiguity if "ambiguity" in split.column_names else None,
    )


def _volume(row: dict) -> tuple:
    """Arrays of one row of a 3D split: image, mask, spacing, ambiguity."""
    ambiguity = unnpy(row["ambiguity"]).astype(np.float16) if "ambiguity" in row else None
    return unnpy(row["image"])[None], unnpy(row["mask"]), tuple(row["spacing"]) or None, ambiguity


def _picture(row: dict, mode: str, size: int | None) -> tuple:
    """Arrays of one row of a 2D split: image, mask, spacing, ambiguity."""
    files = {name: row[name]["bytes"] or Path(row[name]["path"]) for name in ARRAYS if name in row}
    try:
        image = unpng(files["image"], mode, size)
    except DAMAGED as error:
        raise unreadable("Image", row["id"], error) from error
    mask = unpng(files["mask"], "L")
    spacing = tuple(row["spacing"]) or None
    if size is not None:
        if spacing is not None:
            spacing = tuple(mm * side / size for mm, side in zip(spacing, mask.shape, strict=True))
        mask = resize_nearest(mask, size)
    ambiguity = None
    if "ambiguity" in files:
        ambiguity = (unpng(files["ambiguity"], "L", size) / 255).astype(np.float16)
    channels_first = (
        image[None] if image.ndim == 2 else np.ascontiguousarray(image.transpose(2, 0, 1))
    )
    return channels_first, mask, spacing, ambiguity
