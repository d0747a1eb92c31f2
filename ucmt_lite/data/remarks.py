"""What a careful colleague would say of a set: sentences on its masks and its files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ucmt_lite.data.columns import in_threads
from ucmt_lite.data.files import quantity
from ucmt_lite.data.masks import CodedMask, Meaning
from ucmt_lite.data.pictures import is_blank

SENTENCES = {
    "exif": (
        "EXIF turns either the image or its mask, not both, in {cases} (first '{name}'): masks are"
        " taken as drawn on the turned image; where they were drawn on the raw pixels, save the"
        " images without EXIF."
    ),
    "no position": (
        "The header of the image or of its mask tells no position in space in"
        " {cases} (first '{name}'): each mask is taken to lie on its image, voxel by voxel."
    ),
    "two masks": (
        "More than one array may be the mask in {cases} (first '{name}'): label is read, or mask"
        " where there is none."
    ),
    "no spacing": "Headers have no usable spacing in {cases} (first '{name}').",
}
_NEARLY_ALL = 0.75  # of the pixels
_MANY_EMPTY = 0.1  # of the masks
_MANY_FULL = 0.1  # of the masks, where most are not
_ALIKE = 3  # masks that must all be the same to be told


class MaskReport(NamedTuple):
    """What was seen of all masks of a set."""

    has_foreground: bool
    lost: int  # masks that lose a class at the size they are read at
    notes: tuple[str, ...]


def tell_remarks(remarks: Mapping[str, str]) -> list[str]:
    """Return one sentence for each remark on cases (`id -> remark`), with their number.

    >>> tell_remarks({"a": "", "b": "no spacing"})
    ["Headers have no usable spacing in 1 case (first 'b')."]
    """
    by_remark = defaultdict(list)
    for key, remark in remarks.items():
        by_remark[remark].append(key)
    return [
        sentence.format(cases=quantity(len(by_remark[remark]), "case"), name=by_remark[remark][0])
        for remark, sentence in SENTENCES.items()
        if remark in by_remark
    ]


def tell_equal_images(
    parts: Mapping[str, Collection[str]], images: Mapping[str, bytes | Path]
) -> list[str]:
    """Return a sentence on images to score that are also trained on, to the last byte kept.

    `parts` are the ids of each split, `images` what is kept of these. Blank ones say nothing.

    >>> from ucmt_lite.data.columns import png
    >>> image = png(np.eye(2, dtype=np.uint8))
    >>> tell_equal_images({"train": ["a"], "test": ["b"]}, {"a": image, "b": image})[0][:62]
    "1 image to score with is trained on as well (first 'b', equal "
    """
    scored = [key for split, ids in parts.items() if split != "train" for key in ids]
    sizes = {key: _size(images[key]) for key in (*parts["train"], *scored)}
    shared = {sizes[key] for key in parts["train"]} & {sizes[key] for key in scored}
    candidates = [key for key, size in sizes.items() if size in shared]
    contents = dict(
        zip(candidates, in_threads(lambda key: _digest(images[key]), candidates), strict=True)
    )
    trained: dict[str, str] = {}  # the first training image of each content
    for key in parts["train"]:
        if key in contents:
            trained.setdefault(contents[key], key)
    pairs = [(key, trained[contents[key]]) for key in scored if contents.get(key) in trained]
    blank = {key for key in {one for _, one in pairs} if is_blank(images[key], key)}
    pairs = [pair for pair in pairs if pair[1] not in blank]
    if not pairs:
        return []
    key, one = pairs[0]
    are = "is" if len(pairs) == 1 else "are"
    return [
        f"{quantity(len(pairs), 'image')} to score with {are} trained on as well (first '{key}',"
        f" equal to '{one}'): take equal ones out of one side, or the score says little about new"
        " images."
    ]


def _size(image: bytes | Path) -> int:
    return len(image) if isinstance(image, bytes) else image.stat().st_size


def _digest(image: bytes | Path) -> str:
    return sha256(image if isinstance(image, bytes) else image.read_bytes()).hexdigest()


class _Seen(NamedTuple):
    """What one case's masks show."""

    id: str
    share: float  # of foreground, at their own size
    classes: frozenset[int]
    lost: frozenset[int]  # classes that are gone at the size they are read at
    digest: str


def tell_masks(
    masks: Mapping[str, Sequence[CodedMask]],
    meaning: Meaning,
    classes: Sequence[str],
    size: int | None,
    trained: Collection[str],
) -> MaskReport:
    """Say what is odd about the masks of all ids: lost at this size, empty, alike, nearly full.

    `trained` are the ids of the training images.
    """
    seen = [_see(key, several, meaning) for key, several in masks.items()]
    lost = [case for case in seen if case.lost]
    notes = []
    if lost:
        gone = sorted({classes[k] for case in lost for k in case.lost})
        notes.append(
            f"{len(lost)} of {len(seen)} masks (first '{lost[0].id}') lose all pixels of"
            f" {' or '.join(gone)} at size={size}: choose a larger size."
        )
    filled = [case for case in seen if case.classes]
    blank = len(seen) - len(filled)
    if filled and blank > _MANY_EMPTY * len(seen):
        notes.append(
            f"{blank} of {len(seen)} masks show no foreground: if nobody has labeled these images,"
            " take their masks out, and they will be unlabeled ones."
        )
    notes += _tell_full(seen)
    if len(filled) >= _ALIKE and len({case.digest for case in seen}) == 1:
        notes.append(
            f"All {len(seen)} masks are the same: check that they are the truth, not a field of"
            " view."
        )
    shown = {k for case in seen for k in case.classes}
    absent = [name for k, name in enumerate(classes) if k and k not in shown]
    if absent:
        notes.append(f"No mask shows {' or '.join(absent)}.")
    learned = {k for case in seen if case.id in trained for k in case.classes}
    if unseen := [classes[k] for k in sorted(shown - learned)]:
        notes.append(
            f"No mask of a training image shows {' or '.join(unseen)}, which others do: no network"
            " can learn it from this split."
        )
    return MaskReport(bool(filled), len(lost), tuple(notes))


def _tell_full(seen: Sequence[_Seen]) -> list[str]:
    """Say that most masks, or many among others, are foreground nearly everywhere."""
    full = [case for case in seen if case.share > _NEARLY_ALL]
    share = float(np.median([case.share for case in seen])) if seen else 0.0
    if share > _NEARLY_ALL:
        return [
            f"In half of the masks at least {100 * share:.0f} % is foreground: check that black is"
            " background in them, and that they are not fields of view."
        ]
    if len(full) > _MANY_FULL * len(seen):
        return [
            f"{len(full)} of {len(seen)} masks (first '{full[0].id}') are foreground by more than"
            f" {100 * _NEARLY_ALL:.0f} %, unlike the others: check that black is background in"
            " them, too."
        ]
    return []


def _see(key: str, masks: Sequence[CodedMask], meaning: Meaning) -> _Seen:
    """Sum up what the masks of one case show, at their own size and at the one they are read at."""
    before: set[int] = set()
    after: set[int] = set()
    foreground, pixels, digest = 0, 1, sha256()
    for mask in masks:
        labels = meaning.classes_of(mask)
        before |= {label for label, count in zip(labels, mask.counts, strict=True) if count}
        after |= {labels[code] for code in np.unique(mask.codes)}
        foreground += sum(n for label, n in zip(labels, mask.counts, strict=True) if label)
        pixels = sum(mask.counts)
        digest.update(np.array(labels, np.uint8)[mask.codes].tobytes())
    before.discard(0)
    return _Seen(
        key, foreground / pixels, frozenset(before), frozenset(before - after), digest.hexdigest()
    )
