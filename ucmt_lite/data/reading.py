"""What the readers share: from the files that a reader has found to a `Source`.

A reader lists its cases (`Entry`), says what it sees of one without reading its values (`Form`),
and how it is opened. `read_set` does the rest, in this order: groups and splits, a look at every
case, `decide`, then every case is read once into a `Draft`. What its values mean is decided from
all drafts (`decide_meaning` for masks, `decide_values` for images), and drafts become rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import (
    Item,
    in_threads,
    npy,
    png,
    resize_nearest,
    scaled_spacing,
    unpng,
)
from ucmt_lite.data.files import quantity
from ucmt_lite.data.groups import find_groups, tell_suspected
from ucmt_lite.data.layouts import words_of_splits
from ucmt_lite.data.lists import Lists, read_lists
from ucmt_lite.data.masks import BINARY, CodedMask, Meaning, check_several, decide_meaning
from ucmt_lite.data.pictures import PictureFile, decode_mask, encode_image
from ucmt_lite.data.preparation import (
    Preparation,
    check_finite_values,
    decide_values,
    kind_of_volume,
    prepare_volume,
)
from ucmt_lite.data.remarks import tell_equal_images, tell_masks, tell_remarks
from ucmt_lite.data.source import Source, build_source
from ucmt_lite.data.splits import Member, Split, first, split_up

# What a reader opens: an image and its masks, as encoded pictures or as arrays `*S`.
Readable = PictureFile | np.ndarray
Content = tuple[Readable, Readable | Sequence[Readable] | None]


@dataclass(frozen=True)
class Request:
    """What is asked of a set, whatever it is read from.

    `classes`: the names, background first. `shares`: of the groups for train, validation and test,
    where neither lists nor folders say who is in which split. `count`: how many cases of each split
    to read. `size`: the side that pictures are resized to. `group`: a pattern, or "folder" or
    "none", as `find_groups` takes it. `group_of`: the group (patient) of an id of a known set.
    """

    name: str
    classes: tuple[str, ...] = BINARY
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    seed: int = 0
    size: int | None = None
    count: Sequence[int] | None = None
    group: str = ""
    group_of: Callable[[str], str] = str


class Entry(NamedTuple):
    """One case before it is read: where its image and masks are, and its split if known.

    `image` and `mask` are paths, or whatever the reader finds them by. `mask` may be a tuple of
    several, whose union is meant; None or an empty tuple where the image is unlabeled. `group` is
    what the data say of the patient, `folder` where the case lies besides folders of kind or split.
    """

    id: str
    image: Any
    mask: Any
    split: str | None = None
    group: str | None = None
    folder: str = ""

    @property
    def has_mask(self) -> bool:
        """Whether the image is labeled."""
        return self.mask is not None and self.mask != ()

    @property
    def image_name(self) -> str:
        """What a sentence calls the image."""
        return str(self.image) if isinstance(self.image, Path) else self.id

    @property
    def mask_name(self) -> str:
        """What a sentence calls the mask."""
        return str(self.mask) if isinstance(self.mask, Path) else self.id


class Form(NamedTuple):
    """What is seen of a case before its values are read.

    `shape` is the image's `*S`, needed of pictures without masks alone. `remark` is a word of
    `remarks.SENTENCES` where something about the case is to be told.
    """

    dims: int
    channels: int = 1
    spacing: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()
    remark: str = ""


class Decisions(NamedTuple):
    """What holds for every case of a set."""

    classes: tuple[str, ...]
    dims: int
    channels: int
    size: int | None

    @property
    def mode(self) -> str:
        """Pillow's name for pictures of these channels."""
        return "RGB" if self.channels == 3 else "L"


class Draft(NamedTuple):
    """One case as it was read, while the other cases have not been seen."""

    image: Any  # encoded as the values of this image alone suggest
    kind: str  # what these are: `kind_of_picture` or `kind_of_volume`
    masks: tuple[CodedMask, ...]  # at the size asked for, pixels counted at their own
    own_codes: tuple[bytes, ...]  # of pictures to score that are resized: the codes before, as PNG
    own_size: tuple[int, ...]  # of a picture that is resized: its sides before
    shape: tuple[int, ...]  # of the image, at the size asked for
    spacing: tuple[float, ...]


def decide(forms: Mapping[Entry, Form], request: Request, mixed: str) -> Decisions:
    """Settle once for a set what holds for all of its cases.

    One picture in colour makes all of them RGB. `mixed` is the sentence for a set of both pictures
    and volumes; `{first}` and `{odd}` in it become the names of two such cases.

    >>> a, b = Entry("a", None, None), Entry("b", None, None)
    >>> decide({a: Form(2, channels=1), b: Form(2, channels=3)}, Request("set"), "").mode
    'RGB'
    """
    start = next(iter(forms))
    dims = forms[start].dims
    for entry, form in forms.items():
        if form.dims != dims:
            raise InputError(mixed.format(first=start.image_name, odd=entry.image_name))
    channels = max(form.channels for form in forms.values())
    return Decisions(request.classes, dims, channels, request.size)


def read_set(
    entries: Iterable[Entry],
    request: Request,
    *,
    look: Callable[[Entry], Form],
    open_case: Callable[[Entry], Content],
    root: Path | None = None,
    mixed: str = "'{odd}' has another number of axes than '{first}': read them apart.",
    empty: str = "",
    preparation: Preparation | None = None,
    notes: Sequence[str] = (),
) -> Source:
    """Split, check, encode, and return the set as a `Source`.

    `look` and `open_case` are called for the cases of the splits only, in threads. `root` is the
    folder whose lists and `groups.csv` are followed. `mixed`: as in `decide`. `empty`: the sentence
    for a set whose masks have no foreground at all; without it such a set is read. `preparation`:
    what `open_case` has done to images already. `notes`: what the reader has to tell.
    """
    by_id = {entry.id: entry for entry in entries}
    _check_any_mask(by_id.values(), notes)
    groups, split = _split(by_id, request, root)
    parts = first(split.parts, request.count)
    chosen = [by_id[key] for ids in parts.values() for key in ids]
    forms = dict(zip(chosen, in_threads(look, chosen, f"looking at {request.name}"), strict=True))
    decisions = decide(forms, request, mixed)
    trained = set(parts["train"])

    def read(entry: Entry) -> Draft:
        return _draft(entry, forms[entry], open_case(entry), decisions, entry.id not in trained)

    drafts = dict(zip(chosen, in_threads(read, chosen, f"reading {request.name}"), strict=True))
    masks = {entry.id: drafts[entry].masks for entry in chosen if entry.has_mask}
    check_several(masks, request.classes)
    meaning = decide_meaning([m for several in masks.values() for m in several], request.classes)
    values, mixture = decide_values({e.id: d.kind for e, d in drafts.items()}, decisions.dims)

    def finish(entry: Entry) -> Item:
        draft = drafts[entry]
        if not _fits(draft.kind, values):
            image, _ = open_case(entry)
            draft = draft._replace(image=_encode(image, entry.image_name, decisions, values)[0])
        return _item(entry, groups[entry.id], draft, meaning, decisions)

    items = {item.id: item for item in in_threads(finish, chosen, f"preparing {request.name}")}
    seen = tell_masks(masks, meaning, request.classes, decisions.size, trained)
    if empty and not seen.has_foreground:
        raise InputError(empty)
    remarks = tell_remarks({entry.id: form.remark for entry, form in forms.items()})
    told = [*notes, *split.notes, *_tell_entries(chosen), *remarks, meaning.sentence, mixture]
    equal = tell_equal_images(parts, {key: item.image for key, item in items.items()})
    return build_source(
        request.name,
        {side: [items[key] for key in ids] for side, ids in parts.items()},
        classes=decisions.classes,
        channels=decisions.channels,
        dims=decisions.dims,
        split_rule=split.rule,
        preparation=replace(preparation or Preparation(), values=values),
        labeled=tuple(key for key in split.labeled if key in items),
        notes=tuple(note for note in (*told, *seen.notes, *equal) if note),
        mask_values=meaning.as_dict(),
        lost_masks=seen.lost,
    )


def _split(
    by_id: Mapping[str, Entry], request: Request, root: Path | None
) -> tuple[dict[str, str], Split]:
    """Return the group of every case, and who is in which split."""
    groups = find_groups(
        {key: entry.folder for key, entry in by_id.items()},
        {key: entry.group for key, entry in by_id.items()},
        root=root,
        asked=request.group,
        group_of=request.group_of,
    )
    lists = Lists() if root is None else read_lists(root, groups.of_id)
    members = {
        key: Member(groups.of_id[key], entry.split, entry.has_mask) for key, entry in by_id.items()
    }
    split = split_up(members, lists, request.shares, request.seed)
    sides = {key: side for side, ids in split.parts.items() for key in ids}
    rule = split.rule + tell_suspected(groups, sides)
    told = [groups.sentence] if groups.sentence else []
    if split.rule.startswith("by seed"):
        told += _tell_split_words(by_id)
    return groups.of_id, split._replace(rule=rule, notes=(*told, *split.notes))


def _check_any_mask(entries: Collection[Entry], notes: Sequence[str]) -> None:
    """Refuse a set without masks; what the reader has to tell may say where they are."""
    if entries and not any(entry.has_mask for entry in entries):
        sentence = (
            f"None of the {len(entries)} images has a mask: give masks for the images to test on,"
            " and for some to learn from."
        )
        raise InputError(" ".join(filter(None, [sentence, *notes])))


def _tell_split_words(by_id: Mapping[str, Entry]) -> list[str]:
    """Return a sentence where names speak of splits and the seed decided all the same."""
    of_folders = words_of_splits(entry.folder for entry in by_id.values())
    words = of_folders or words_of_splits(key.rpartition("/")[2] for key in by_id)
    if not words:
        return []
    return [
        f"Names of {'folders' if of_folders else 'images'} say {' and '.join(words[:3])}, and the"
        " split is by seed: if they are splits, put the images into train/ and test/, or name them"
        " in train.txt and test.txt."
    ]


def _draft(
    entry: Entry, form: Form, content: Content, decisions: Decisions, is_scored: bool
) -> Draft:
    """Read one case; only what concerns it alone is checked."""
    image, masks = content
    size = decisions.size if decisions.dims == 2 else None
    encoded, kind = _encode(image, entry.image_name, decisions)
    shape = form.shape or (image.shape if isinstance(image, np.ndarray) else ())
    shape = tuple(shape[: decisions.dims])
    named = zip(_several(masks), _mask_names(entry), strict=True)
    coded = [decode_mask(mask, name, len(decisions.classes)) for mask, name in named]
    if coded:
        shape = coded[0].codes.shape
    spacing = form.spacing
    own_codes: tuple[bytes, ...] = ()
    own_size: tuple[int, ...] = ()
    if size is not None:
        own_size = shape
        if is_scored:
            own_codes = tuple(png(mask.codes) for mask in coded)
        spacing = scaled_spacing(spacing, shape, (size, size))
        coded = [mask._replace(codes=resize_nearest(mask.codes, size)) for mask in coded]
        shape = (size, size)
    return Draft(encoded, kind, tuple(coded), own_codes, own_size, shape, spacing)


def _several(masks: Readable | Sequence[Readable] | None) -> Sequence[Readable]:
    if masks is None:
        return ()
    return masks if isinstance(masks, (tuple, list)) else (masks,)


def _mask_names(entry: Entry) -> list[str]:
    """Return what a sentence calls each mask of a case."""
    if isinstance(entry.mask, tuple):
        return [entry._replace(mask=mask).mask_name for mask in entry.mask]
    return [entry.mask_name] if entry.has_mask else []


def _encode(image: Readable, name: str, decisions: Decisions, values: str = "") -> tuple[Any, str]:
    """Encode an image as `values` say, or else as its own values suggest; return their kind."""
    if decisions.dims == 2:
        return encode_image(image, decisions.mode, decisions.size, name, values)
    volume = np.asarray(image)
    check_finite_values(volume, name)
    kind = kind_of_volume(volume)
    return npy(prepare_volume(volume, values or _OWN_VALUES[kind], name)), kind


# What each kind of image becomes where the others of its set are of the same kind.
_OWN_VALUES = {
    "bytes": "bytes",
    "unit": "bytes",
    "deep": "stretched",
    "kept": "kept",
    "raw": "standardised",
}


def _fits(kind: str, values: str) -> bool:
    return _OWN_VALUES[kind] == values


def _item(entry: Entry, group: str, draft: Draft, meaning: Meaning, decisions: Decisions) -> Item:
    """Make the row of one case, with the union of its masks."""
    encode = npy if decisions.dims == 3 else png
    own_masks = [
        mask._replace(codes=unpng(codes, "L"))
        for mask, codes in zip(draft.masks, draft.own_codes, strict=bool(draft.own_codes))
    ]
    return Item(
        entry.id,
        group,
        draft.image,
        encode(_union(draft.masks, meaning, draft.shape)),
        draft.spacing,
        has_mask=entry.has_mask,
        own_mask=png(_union(own_masks, meaning)) if own_masks else None,
        own_size=draft.own_size,
    )


def _union(masks: Sequence[CodedMask], meaning: Meaning, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Return the class indices that several masks show together; of none, zeros `shape`."""
    if not masks:
        return np.zeros(shape, np.uint8)
    return np.maximum.reduce([meaning.indices(mask) for mask in masks])


def _tell_entries(entries: Sequence[Entry]) -> list[str]:
    """Return sentences on images without a mask, and on those with several."""
    sentences = []
    bare = [entry.id for entry in entries if not entry.has_mask]
    if bare:
        sentences.append(
            f"{quantity(len(bare), 'image')} without a mask (first '{bare[0]}'): unlabeled, for"
            " training only."
        )
    several = [e for e in entries if isinstance(e.mask, tuple) and len(e.mask) > 1]
    if several:
        first, second = (Path(name) for name in _mask_names(several[0])[:2])
        shown = -2 if first.name == second.name else -1
        two = " and ".join("/".join(file.parts[shown:]) for file in (first, second))
        sentences.append(
            f"{quantity(len(several), 'image')} with several masks (first '{several[0].id}':"
            f" {two}): their union is read."
        )
    return sentences
