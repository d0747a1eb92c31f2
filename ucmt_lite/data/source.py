"""A set of cases in two forms: `Source`, a Hugging Face dataset, and `Cases`, arrays in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import (
    ARRAYS,
    OWN_MASK,
    Item,
    Lazy,
    in_threads,
    picture_file,
    resize_nearest,
    scaled_spacing,
    to_split,
    unnpy,
    unpng,
)
from ucmt_lite.data.pictures import decoding
from ucmt_lite.data.preparation import Preparation

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class Source:
    """A named set with its splits, and what a network has to know about it.

    Every split has the columns `id`, `group` (the patient where known, else the id), `image`,
    `mask` (class indices), `spacing` (mm per axis, empty when unknown) and, for phantoms,
    `ambiguity` (how uncertain the truth is, 0..1). Where images have no mask, `has_mask` says so
    and their `mask` is zeros. Where pictures were resized, `own_size` are their sides before, and
    all splits but "train" have `own_mask`, the mask as it was before.
    """

    name: str  # "phantom_heart", "folder", "isic2018", ...
    splits: datasets.DatasetDict  # "train" and "test" always, "validation" where the set has one
    classes: tuple[str, ...]  # ("background", "lesion")
    channels: int  # of an image as the network sees it: 1 or 3
    dims: int  # 2 or 3
    split_rule: str = ""  # where the splits came from, to be written with every result
    preparation: Preparation = Preparation()  # how images were prepared, for a network's card
    labeled: tuple[str, ...] = ()  # ids that a list in the folder calls labeled
    notes: tuple[str, ...] = ()  # sentences on what was seen, assumed and passed over
    mask_values: Mapping[str, Any] = field(default_factory=dict)  # as `Meaning.as_dict` keeps them
    lost_masks: int = 0  # masks that lose all pixels of a class at the size they were read at


@dataclass(frozen=True)
class Cases:
    """Plain arrays in memory: what training and evaluation read."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    images: list[np.ndarray]  # each C *S, uint8 (0..255) or float16 (already normalised, volumes)
    masks: list[np.ndarray]  # each *S, uint8 class indices
    spacing: tuple[tuple[float, ...] | None, ...]  # mm per axis of *S at this size, or None
    ambiguity: list[np.ndarray] | None = None  # each *S, float16 in [0, 1]
    # Where images were resized: masks and spacing as they were, to score predictions at.
    own_masks: Sequence[np.ndarray] | None = None
    own_spacing: tuple[tuple[float, ...] | None, ...] | None = None
    has_mask: tuple[bool, ...] = ()  # of each case; empty where all have one

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, ids: Iterable[str]) -> Cases:
        """Return the cases of these ids, in the order of `ids`; an unknown id is an InputError."""
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
            None if self.own_masks is None else Lazy(self.own_masks.__getitem__, rows),
            None if self.own_spacing is None else tuple(self.own_spacing[i] for i in rows),
            tuple(self.has_mask[i] for i in rows) if self.has_mask else (),
        )


def build_source(
    name: str,
    parts: Mapping[str, Sequence[Item]],
    *,
    classes: Sequence[str],
    channels: int,
    dims: int,
    split_rule: str,
    **others: Any,
) -> Source:
    """Make a `Source` of cases that are checked and encoded; a split without any is left out.

    `others` are the fields of a `Source` that have a default.
    """
    import datasets

    splits = datasets.DatasetDict(
        {split: to_split(items, dims, channels) for split, items in parts.items() if items}
    )
    return Source(name, splits, tuple(classes), channels, dims, split_rule, **others)


def cases(split: datasets.Dataset, *, size: int | None = None, own_masks: bool = False) -> Cases:
    """Read one split into arrays, so that a training loop never opens a file.

    2D images are resized to `size` x `size` (bilinear with antialias; masks by nearest neighbour;
    spacing is scaled along). Volumes stay as they are: training cuts patches from them. With
    `own_masks` the masks of 2D images before they were resized are at hand, too, and `evaluate`
    scores there; they stay compressed until then.

    >>> from ucmt_lite.data.columns import Item, png, to_split
    >>> image, mask = np.zeros((4, 6, 3), np.uint8), np.ones((4, 6), np.uint8)
    >>> split = to_split([Item("a", "a", png(image), png(mask), (0.5, 1.0))], dims=2, channels=3)
    >>> one = cases(split, size=2)
    >>> one.ids, one.images[0].shape, one.masks[0].tolist(), one.spacing
    (('a',), (3, 2, 2), [[1, 1], [1, 1]], ((1.0, 3.0),))
    """
    needed = ("id", "group", "image", "mask", "spacing")
    if missing := [name for name in needed if name not in split.column_names]:
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

    plain = split.with_format(None)
    if is_2d := isinstance(split.features["image"], datasets.Image):
        for name in {*ARRAYS, OWN_MASK} & set(split.column_names):
            plain = plain.cast_column(name, datasets.Image(decode=False))
        mode = split.features["image"].mode or "RGB"
        rows = in_threads(lambda row: _picture_arrays(row, mode, size), plain)
    else:
        # Threads pay for pictures, which have to be decoded; of volumes they would only hold more
        # copies at once.
        rows = [_volume_arrays(row) for row in plain]
    read = Cases(
        tuple(plain["id"]),
        tuple(plain["group"]),
        [row.image for row in rows],
        [row.mask for row in rows],
        tuple(row.spacing for row in rows),
        [row.ambiguity for row in rows] if "ambiguity" in split.column_names else None,
        has_mask=tuple(plain["has_mask"]) if "has_mask" in split.column_names else (),
    )
    return _with_own_masks(read, plain) if own_masks and is_2d else read


def own_sizes(split: datasets.Dataset) -> list[tuple[int, ...]]:
    """Return the sides of every picture of a split before it was resized; [] where none was.

    >>> from ucmt_lite.data.columns import Item, png, to_split
    >>> pixels = png(np.zeros((2, 2), np.uint8))
    >>> own_sizes(to_split([Item("a", "a", pixels, pixels, own_size=(4, 6))], dims=2, channels=1))
    [(4, 6)]
    """
    if "own_size" not in split.column_names:
        return []
    return [tuple(sides) for sides in split.with_format(None)["own_size"]]


def _with_own_masks(read: Cases, plain: datasets.Dataset) -> Cases:
    """Add the masks as they were before pictures were resized, and the spacing that they have."""
    column = OWN_MASK if OWN_MASK in plain.column_names else "mask"
    masks = Lazy(lambda file: unpng(file, "L"), [picture_file(cell) for cell in plain[column]])
    spacing = [
        mm and scaled_spacing(mm, mask.shape, masks[i].shape)
        for i, (mm, mask) in enumerate(zip(read.spacing, read.masks, strict=True))
    ]
    return replace(read, own_masks=masks, own_spacing=tuple(spacing))


class _Arrays(NamedTuple):
    """The arrays of one row of a split, as `Cases` holds them."""

    image: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, ...] | None
    ambiguity: Any = None


def _volume_arrays(row: dict) -> _Arrays:
    """Read one row of a 3D split."""
    ambiguity = unnpy(row["ambiguity"]).astype(np.float16) if "ambiguity" in row else None
    spacing = tuple(row["spacing"]) or None
    return _Arrays(unnpy(row["image"])[None], unnpy(row["mask"]), spacing, ambiguity)


def _picture_arrays(row: dict, mode: str, size: int | None) -> _Arrays:
    """Read one row of a 2D split."""
    files = {name: picture_file(row[name]) for name in ARRAYS if name in row}
    with decoding("Image", row["id"]):
        image = channels_first(unpng(files["image"], mode, size))
    mask = unpng(files["mask"], "L")
    spacing = tuple(row["spacing"])
    if size is not None:
        spacing = scaled_spacing(spacing, mask.shape, (size, size))
        mask = resize_nearest(mask, size)
    ambiguity = None
    if "ambiguity" in files:
        ambiguity = (unpng(files["ambiguity"], "L", size) / 255).astype(np.float16)
    return _Arrays(image, mask, spacing or None, ambiguity)


def channels_first(pixels: np.ndarray) -> np.ndarray:
    """Return pixels `H W` or `H W 3`, as pictures hold them, as `C H W`.

    >>> channels_first(np.zeros((4, 6))).shape, channels_first(np.zeros((4, 6, 3))).shape
    ((1, 4, 6), (3, 4, 6))
    """
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))
