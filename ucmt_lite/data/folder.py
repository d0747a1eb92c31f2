"""Your own pictures: a folder with images and masks in any common layout."""

from __future__ import annotations

from pathlib import Path

from ucmt_lite.common import InputError
from ucmt_lite.data.files import check_folder, tell_unread, walk_set
from ucmt_lite.data.lists import is_list, tell_passed_over
from ucmt_lite.data.pairing import Layout, check_whole, find_layout
from ucmt_lite.data.pictures import PICTURE_SUFFIXES, PICTURE_WORDS, look_at_pair
from ucmt_lite.data.reading import Content, Entry, Form, Request, read_set
from ucmt_lite.data.source import Source


def read_folder(root: Path, request: Request) -> Source:
    """Read images and masks (PNG, JPEG, BMP, TIFF, GIF, WebP) that lie in a folder.

    Layouts: `images/` beside `masks/` (or `labels/`, `gt/`, `Ground Truth/`, ...), the same below
    `train/`, `validation/`, `test/` or with these below it, both kinds in one folder, or a folder
    for each patient. A mask has its image's name, with or without `_segmentation`, `_mask`,
    `_label`, `_seg`, `_gt`, or begins with `mask_`; the union of several is read, and an image
    without one is for training only. Masks: 0/1, 0/255 or JPEG grey (above 127) for two classes,
    class indices or one colour each for more (`decide_meaning`). Splits, first that is there: lists
    (`train.list`, `val.txt`, `test.csv`; `labeled.list` says who is labeled); the folders' names;
    by seed, shares of the groups. `groups.csv` (id,group) says which images are of one patient,
    else see `find_groups`. With a size everything is resized while it is read, which saves memory
    and time where pictures are large.
    """
    layout = _find_pairs(root)
    notes = [
        *layout.notes,
        *tell_passed_over(layout.unread, root),
    ]
    return read_set(
        [
            Entry(pair.id, pair.image, pair.masks, pair.split, folder=pair.folder)
            for pair in layout.pairs
        ],
        request,
        look=_look,
        open_case=_open_case,
        root=root,
        empty=(
            f"No mask in {root} has any foreground: masks must be 0/1 or 0/255, or class indices."
        ),
        notes=notes,
    )


def _find_pairs(root: Path) -> Layout:
    """Find the pictures below a folder, and say what to do where there are no pairs."""
    check_folder(root, "images/ and masks/")
    layout = find_layout(root, walk_set(root), PICTURE_SUFFIXES)
    if not layout.pairs:
        there = tell_unread(layout.unread, root)
        raise InputError(
            f"{root} holds no pictures ({PICTURE_WORDS}): put them into images/ and masks/ below"
            f" it.{there and ' '}{there}"
        )
    check_whole(root, layout.pairs)
    if not any(pair.masks for pair in layout.pairs):
        first = layout.pairs[0].image.relative_to(root)
        unread = [file for file in layout.unread if not is_list(file, root)]
        also = f"; {unread[0].relative_to(root)} is not read" if unread else ""
        raise InputError(
            f"None of the {len(layout.pairs)} pictures in {root} is a mask (first"
            f" {first}{also}): put images into {root / 'images'} and masks of the same"
            f" names into {root / 'masks'}, as in mkdir {root / 'masks'} and mv *_mask.png"
            f" {root / 'masks'}."
        )
    return layout


def _look(entry: Entry) -> Form:
    sight, remark = look_at_pair(entry.image, entry.mask, entry.id)
    return Form(2, sight.channels, shape=sight.size[::-1], remark=remark)


def _open_case(entry: Entry) -> Content:
    return entry.image, entry.mask
