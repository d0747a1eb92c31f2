"""Your own pictures: a folder with images and masks in any common layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ucmt_lite.common import InputError
from ucmt_lite.data.files import add_unique, check_paired, split_mask_ending
from ucmt_lite.data.pictures import PICTURE_SUFFIXES, look_at_pair
from ucmt_lite.data.reading import Entry, Form, Request, read_set
from ucmt_lite.data.source import Source
from ucmt_lite.data.splits import PARTS

_IMAGE_FOLDERS = {"image", "images", "img", "imgs", "isic2018_task1-2_training_input"}
_MASK_FOLDERS = {"mask", "masks", "label", "labels", "isic2018_task1_training_groundtruth"}


def read_folder(root: Path, request: Request) -> Source:
    """Read images and masks (PNG, JPEG, BMP, TIFF) that lie in a folder.

    Layouts: `images/` beside `masks/` (or `labels/`), the same below `train/`, `validation/`,
    `test/` or with these below it, or both kinds in one folder. A mask has its image's name, with
    or without `_segmentation`, `_mask`, `_label`, `_seg`, `_gt`. Masks: 0/1, 0/255 or JPEG grey
    (above 127) for two classes, class indices for more. Splits, first that is there: `train.list`,
    `val.list`, `test.list` (one id a line); the folders' names; by seed, shares of the groups.
    `groups.csv` (id,group) says which images are of one patient. With a size everything is resized
    while it is read, which saves memory and time where pictures are large.
    """
    return read_set(
        _find_entries(root),
        request,
        look=lambda entry: Form(2, look_at_pair(entry.image, entry.mask, entry.id)),
        open_case=lambda entry: (entry.image, entry.mask),
        root=root,
        empty=(
            f"No mask in {root} has any foreground: masks must be 0/1 or 0/255, or class indices."
        ),
    )


def _find_entries(root: Path) -> list[Entry]:
    """Pair every image below `root` with its mask by name; one that stays alone is refused."""
    if not root.is_dir():
        raise InputError(
            f"There is no folder {root}: give the folder that holds images/ and masks/."
        )
    images: dict[tuple[str | None, str], Path] = {}
    masks: dict[tuple[str | None, str], Path] = {}
    for is_mask, split, file in sorted(_pictures(root), key=lambda row: row[0]):  # images first
        if not is_mask:
            add_unique(images, (split, file.stem), file, root, "images")
            continue
        stem = file.stem if (split, file.stem) in images else split_mask_ending(file.stem)[0]
        add_unique(masks, (split, stem), file, root, "masks")
    if not images and not masks:
        raise InputError(
            f"{root} holds no pictures (PNG, JPEG, BMP, TIFF): put them into images/ and masks/"
            " below it."
        )
    check_paired(root, images, masks, ".png")
    ids = [stem for _, stem in images]
    unique = len(set(ids)) == len(ids)  # train/001.png and test/001.png are two cases
    return [
        Entry(stem if unique else f"{split}/{stem}", file, masks[split, stem], split)
        for (split, stem), file in images.items()
    ]


def _pictures(root: Path) -> Iterator[tuple[bool, str | None, Path]]:
    """Yield every picture below `root`: whether it is a mask, the split whose folder it lies in."""
    for file in sorted(root.rglob("*")):
        *folders, name = (part.lower() for part in file.relative_to(root).parts)
        hidden = name.startswith(".") or any(folder.startswith((".", "__")) for folder in folders)
        if file.suffix.lower() not in PICTURE_SUFFIXES or hidden:
            continue
        split = next((PARTS[folder] for folder in folders if folder in PARTS), None)
        named = bool(split_mask_ending(file.stem)[1]) and not _IMAGE_FOLDERS & set(folders)
        yield bool(_MASK_FOLDERS & set(folders)) or named, split, file
