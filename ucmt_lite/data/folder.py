"""Your own pictures: a folder with images and masks in any common layout."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ..errors import InputError
from .columns import Item, in_threads, nearest, png, unpng, unreadable
from .masks import class_indices, class_names
from .source import Source, build
from .splits import split_groups, split_lists

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
IMAGES = {"image", "images", "img", "imgs", "isic2018_task1-2_training_input"}
MASKS = {"mask", "masks", "label", "labels", "isic2018_task1_training_groundtruth"}
SUFFIXES = ("_segmentation", "_mask", "_masks", "_label", "_labels", "_seg", "_gt")
PARTS = {"train": "train", "training": "train", "val": "validation", "valid": "validation",
         "validation": "validation", "test": "test", "testing": "test"}  # fmt: skip


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

    Layouts: `images/` beside `masks/` (or `labels/`), the same below `train/`, `validation/`, `test/` or with these
    below it, or both kinds in one folder. A mask has its image's name, with or without `_segmentation`, `_mask`,
    `_label`, `_seg`, `_gt`. Masks: 0/1, 0/255 or JPEG grey (above 127) for two classes, class indices for more.
    Splits, first that is there: `train.list`, `val.list`, `test.list` (one id a line); the folders' names; by seed,
    `shares` of the groups. `groups.csv` (id,group) says which images are of one patient.
    With `size` everything is resized while it is read, which saves memory and time where pictures are large.
    """
    names = class_names(classes)
    pairs = {pair.id: pair for pair in find_pairs(root)}
    groups = read_groups(root, pairs) or {key: group_of(key) for key in pairs}
    parts, rule = split_up(root, {key: pair.split for key, pair in pairs.items()}, groups, shares, seed)
    parts = first(parts, count)
    rows = [pairs[key] for ids in parts.values() for key in ids]
    channels = max(in_threads(_channels, rows, f"looking at {name}"))
    mode = "RGB" if channels == 3 else "L"
    read = in_threads(lambda pair: _read(pair, groups[pair.id], len(names), mode, size), rows, f"reading {name}")
    if not any(foreground for _, foreground in read):
        raise InputError(f"No mask in {root} has any foreground: masks must be 0/1 or 0/255, or class indices.")
    items = {item.id: item for item, _ in read}
    return build(
        name,
        {split: [items[key] for key in ids] for split, ids in parts.items()},
        classes=names,
        channels=channels,
        dims=2,
        split_rule=rule,
    )


def find_pairs(root: Path) -> list[Pair]:
    """Pair every image below `root` with its mask by name; an image or mask that stays alone is an InputError."""
    if not root.is_dir():
        raise InputError(f"There is no folder {root}: give the folder that holds images/ and masks/.")
    images: dict[tuple[str | None, str], Path] = {}
    masks: dict[tuple[str | None, str], Path] = {}
    for file in sorted(root.rglob("*")):
        parts = [part.lower() for part in file.relative_to(root).parts]
        if file.suffix.lower() not in PICTURES or any(part.startswith((".", "__")) for part in parts):
            continue
        split = next((PARTS[part] for part in parts[:-1] if part in PARTS), None)
        stem, suffix = _bare(file.stem)
        is_mask = MASKS & set(parts[:-1]) or (suffix and not IMAGES & set(parts[:-1]))
        key = (split, stem if is_mask else file.stem)
        kind, files = ("masks", masks) if is_mask else ("images", images)
        if key in files:
            raise InputError(
                f"Two {kind} in {root} have the id '{key[1]}' ({files[key].name}, {file.name}): rename one."
            )
        files[key] = file
    if not images and not masks:
        raise InputError(f"{root} holds no pictures (PNG, JPEG, BMP, TIFF): put them into images/ and masks/ below it.")
    all_paired(root, images, masks)
    ids = [stem for _, stem in images]
    unique = len(set(ids)) == len(ids)  # train/001.png and test/001.png are two cases
    return [Pair(stem if unique else f"{split}/{stem}", file, masks[split, stem], split)
            for (split, stem), file in images.items()]  # fmt: skip


def _bare(stem: str) -> tuple[str, str]:
    """A mask's name without its suffix, and the suffix."""
    suffix = next((s for s in SUFFIXES if stem.lower().endswith(s)), "")
    return stem[: len(stem) - len(suffix)], suffix


def all_paired(root: Path, images: dict, masks: dict) -> None:
    for one, other, what, missing in ((images, masks, "Image", "mask"), (masks, images, "Mask", "image")):
        alone = [file for key, file in one.items() if key not in other]
        if alone:
            more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
            raise InputError(
                f"{what} '{alone[0].relative_to(root)}'{more} has no {missing}: add a {missing} of the same name "
                f"({missing}s/{_bare(alone[0].stem)[0]}.png) or take it out."
            )


def read_groups(root: Path, known: dict) -> dict[str, str] | None:
    """Read `groups.csv` (id,group); None where there is none. An id without a row is a group of its own."""
    file = root / "groups.csv"
    if not file.is_file():
        return None
    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not {"id", "group"} <= set(rows[0]):
        raise InputError(f"{file} needs the columns id,group in its first line and one row for each image.")
    if unknown := [row["id"] for row in rows if row["id"] not in known]:
        raise InputError(f"{file} names '{unknown[0]}' but there is no such image: add its files or remove the row.")
    return {key: key for key in known} | {row["id"]: row["group"] for row in rows}


def split_up(
    root: Path, folders: dict[str, str | None], groups: dict[str, str], shares: tuple[float, float, float], seed: int
) -> tuple[dict[str, list[str]], str]:
    """Ids of every split, and in words where the splits came from: lists, folders, or a seed."""
    listed = split_lists(root, groups)
    if listed is not None:
        return listed, "lists in the folder"
    if len(set(folders.values())) > 1 and None not in folders.values():
        parts = {split: [key for key, where in folders.items() if where == split] for split in PARTS.values()}
        parts = {split: ids for split, ids in parts.items() if ids}
        if "test" not in parts:
            parts["test"] = parts.pop("validation")
        if "train" in parts:
            return parts, "folders"
    percent = "/".join(f"{100 * share:.0f}" for share in shares)
    return split_groups(groups, shares=shares, seed=seed), f"by seed {seed}, {percent} % of the groups"


def first(parts: dict[str, list[str]], count: Sequence[int] | None) -> dict[str, list[str]]:
    """The first cases of every split: `count` gives the numbers for train, validation, test, or for train alone."""
    if count is None:
        return parts
    wanted = dict(zip(("train", "validation", "test"), count, strict=False))
    for split, number in wanted.items():
        if number > len(parts.get(split, ())):
            raise InputError(
                f"count asks for {number} {split} cases but there are {len(parts.get(split, ()))}: ask for fewer."
            )
    return {split: ids[: wanted.get(split, len(ids))] for split, ids in parts.items()}


def _channels(pair: Pair) -> int:
    """Compare sizes, which the files' first bytes tell, and say how many channels the image has."""
    sizes = []
    for what, file in (("Image", pair.image), ("Mask", pair.mask)):
        try:
            with Image.open(file) as picture:
                turned = picture.getexif().get(0x0112, 1) >= 5  # EXIF orientation: width and height change places
                sizes.append(picture.size[::-1] if turned else picture.size)
                grey = picture.mode in ("1", "L", "LA", "F") or picture.mode.startswith("I")
        except (OSError, SyntaxError, ValueError) as error:
            raise unreadable(what, file, error) from error
        channels = 1 if grey else 3
        if what == "Image":
            of_image = channels
    if sizes[0] != sizes[1]:
        (w, h), (v, g) = sizes
        raise InputError(f"Mask '{pair.mask}' is {v} x {g} pixels but its image is {w} x {h}: save both at one size.")
    return of_image


def _read(pair: Pair, group: str, classes: int, mode: str, size: int | None) -> tuple[Item, bool]:
    """Check and encode one case; also say whether its mask has foreground."""
    mask = read_mask(pair.mask, classes)
    if size is not None:
        mask = nearest(mask, size)
    return Item(pair.id, group, read_image(pair.image, mode, size), png(mask)), bool(mask.any())


def read_mask(file: Path, classes: int) -> np.ndarray:
    """Class indices of a mask file, uint8 `H W`."""
    try:
        with Image.open(file) as picture:
            lossy = picture.format == "JPEG"
            values = np.asarray(ImageOps.exif_transpose(picture))
    except (OSError, SyntaxError, ValueError) as error:
        raise unreadable("Mask", file, error) from error
    if values.ndim == 3:
        colour = values[..., :3] if values.shape[2] >= 3 else values[..., :1]  # an alpha channel says nothing
        spread = np.ptp(colour.astype(np.int16), axis=2).max()
        if spread > (16 if lossy else 0):
            raise InputError(f"Mask '{file}' is a colour picture: save it as one grey channel of class indices.")
        values = colour[..., 0]
    return class_indices(values, classes, str(file), lossy=lossy)


def read_image(file: Path, mode: str, size: int | None) -> bytes | Path:
    """Leave an 8-bit picture in its file, or encode it at `size`; 16-bit and float greys are scaled to 8 bits first."""
    try:
        with Image.open(file) as picture:
            deep = picture.mode == "F" or picture.mode.startswith("I")
            if not deep:
                return file if size is None else png(unpng(file, mode, size))
            values = np.asarray(ImageOps.exif_transpose(picture), np.float32)
    except (OSError, SyntaxError, ValueError) as error:
        raise unreadable("Image", file, error) from error
    grey = eight_bits(values, str(file))
    return png(grey) if size is None else png(unpng(png(grey), "L", size))


def eight_bits(values: np.ndarray, name: str) -> np.ndarray:
    """Scale greys to 0..255: values within 0..1 by 255, others linearly from their own minimum to maximum.

    >>> eight_bits(np.array([100.0, 200.0]), "x").tolist()
    [0, 255]
    """
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise InputError(f"Image '{name}' holds NaN or infinite values: repair it or take it out.")
    if low < 0 or high > 1:
        values = (values - low) / max(high - low, 1e-12)
    return np.round(values * 255).astype(np.uint8)
