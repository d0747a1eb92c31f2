"""Your own pictures: a folder with images and masks in any common layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import in_threads
from ucmt_lite.data.masks import class_names
from ucmt_lite.data.pictures import look, read_pair
from ucmt_lite.data.source import Source, build_source
from ucmt_lite.data.splits import PARTS, first, read_groups, split_up

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
IMAGES = {"image", "images", "img", "imgs", "isic2018_task1-2_training_input"}
MASKS = {"mask", "masks", "label", "labels", "isic2018_task1_training_groundtruth"}
SUFFIXES = ("_segmentation", "_mask", "_masks", "_label", "_labels", "_seg", "_gt")


class Pair(NamedTuple):
    """An image file, its mask file, and the split whose folder they lie in, if any."""

    id: str
    image: Path
    mask: Path
    split: str | None


def read_folder(
    root: Path,
    *,
    name: str = "folder",
    classes: int | Sequence[str] | None = None,
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    size: int | None = None,
    count: Sequence[int] | None = None,
    group_of: Callable[[str], str] = str,
) -> Source:
    """Read images and masks (PNG, JPEG, BMP, TIFF) that lie in a folder.

    Layouts: `images/` beside `masks/` (or `labels/`), the same below `train/`, `validation/`,
    `test/` or with these below it, or both kinds in one folder. A mask has its image's name, with
    or without `_segmentation`, `_mask`, `_label`, `_seg`, `_gt`. Masks: 0/1, 0/255 or JPEG grey
    (above 127) for two classes, class indices for more. Splits, first that is there: `train.list`,
    `val.list`, `test.list` (one id a line); the folders' names; by seed, `shares` of the groups.
    `groups.csv` (id,group) says which images are of one patient. With `size` everything is resized
    while it is read, which saves memory and time where pictures are large.
    """
    names = class_names(classes)
    pairs = {pair.id: pair for pair in _find_pairs(root)}
    groups = read_groups(root, pairs) or {key: group_of(key) for key in pairs}
    parts, rule = split_up(
        root, {key: pair.split for key, pair in pairs.items()}, groups, shares, seed
    )
    parts = first(parts, count)
    rows = [pairs[key] for ids in parts.values() for key in ids]
    channels = max(
        in_threads(lambda pair: look(pair.image, pair.mask, pair.id), rows, f"looking at {name}")
    )
    encode = partial(read_pair, classes=len(names), mode="RGB" if channels == 3 else "L", size=size)
    read = in_threads(
        lambda pair: encode(pair.id, groups[pair.id], pair.image, pair.mask),
        rows,
        f"reading {name}",
    )
    if not any(foreground for _, foreground in read):
        raise InputError(
            f"No mask in {root} has any foreground: masks must be 0/1 or 0/255, or class indices."
        )
    items = {item.id: item for item, _ in read}
    return build_source(
        name,
        {split: [items[key] for key in ids] for split, ids in parts.items()},
        classes=names,
        channels=channels,
        dims=2,
        split_rule=rule,
    )


def _find_pairs(root: Path) -> list[Pair]:
    """Pair every image below `root` with its mask by name; an image or mask that stays alone is an
    InputError.
    """
    if not root.is_dir():
        raise InputError(
            f"There is no folder {root}: give the folder that holds images/ and masks/."
        )
    images: dict[tuple[str | None, str], Path] = {}
    masks: dict[tuple[str | None, str], Path] = {}
    for is_mask, split, file in sorted(_pictures(root), key=lambda found: found[0]):  # images first
        own = (split, file.stem)
        key = own if not is_mask or own in images else (split, _bare(file.stem)[0])
        kind, files = ("masks", masks) if is_mask else ("images", images)
        if key in files:
            raise InputError(
                f"Two {kind} in {root} have the id '{key[1]}' ({files[key].name}, {file.name}):"
                " rename one."
            )
        files[key] = file
    if not images and not masks:
        raise InputError(
            f"{root} holds no pictures (PNG, JPEG, BMP, TIFF): put them into images/ and masks/"
            " below it."
        )
    all_paired(root, images, masks)
    ids = [stem for _, stem in images]
    unique = len(set(ids)) == len(ids)  # train/001.png and test/001.png are two cases
    return [
        Pair(stem if unique else f"{split}/{stem}", file, masks[split, stem], split)
        for (split, stem), file in images.items()
    ]


def _pictures(root: Path) -> Iterator[tuple[bool, str | None, Path]]:
    """Every picture below `root`: whether it is a mask, and the split whose folder it lies in."""
    for file in sorted(root.rglob("*")):
        *folders, name = (part.lower() for part in file.relative_to(root).parts)
        hidden = name.startswith(".") or any(folder.startswith((".", "__")) for folder in folders)
        if file.suffix.lower() in PICTURES and not hidden:
            split = next((PARTS[folder] for folder in folders if folder in PARTS), None)
            named = bool(_bare(file.stem)[1]) and not IMAGES & set(folders)
            yield bool(MASKS & set(folders)) or named, split, file


def _bare(stem: str) -> tuple[str, str]:
    """A mask's name without its suffix, and the suffix."""
    suffix = next((s for s in SUFFIXES if stem.lower().endswith(s)), "")
    return stem[: len(stem) - len(suffix)], suffix


def all_paired(root: Path, images: dict, masks: dict, suffix: str = ".png") -> None:
    """Refuse an image without a mask, and a mask without an image."""
    for one, other, what, missing in (
        (images, masks, "Image", "mask"),
        (masks, images, "Mask", "image"),
    ):
        alone = [file for key, file in one.items() if key not in other]
        if alone:
            more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
            raise InputError(
                f"{what} '{alone[0].relative_to(root)}'{more} has no {missing}: add a {missing} of"
                f" the same name ({missing}s/{_bare(alone[0].name.partition('.')[0])[0]}{suffix})"
                " or take it out."
            )
