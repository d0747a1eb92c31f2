"""What the readers share: from the files that a reader has found to a `Source`.

A reader lists its cases (`Entry`), says what it sees of one without reading its values (`Form`),
and how it is opened. `read_set` does the rest, in this order: splits, a look at every case,
`decide`, where all that holds for the whole set is settled once, and then case by case `_encode`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import Item, in_threads, npy, png, resize_nearest, resized_spacing
from ucmt_lite.data.masks import BINARY
from ucmt_lite.data.pictures import PictureFile, read_image, read_mask
from ucmt_lite.data.source import Source, build_source
from ucmt_lite.data.splits import first, read_groups, split_up
from ucmt_lite.data.volumes import normalised

# What a reader opens: an image and its mask, as encoded pictures or as arrays `*S`.
Content = tuple[PictureFile | np.ndarray, PictureFile | np.ndarray]


@dataclass(frozen=True)
class Request:
    """What is asked of a set, whatever it is read from.

    `classes`: the names, background first. `shares`: of the groups for train, validation and test,
    where neither lists nor folders say who is in which split. `count`: how many cases of each split
    to read. `size`: the side that pictures are resized to. `group_of`: the group (patient) of an
    id, where nothing else says it.
    """

    name: str
    classes: tuple[str, ...] = BINARY
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    seed: int = 0
    size: int | None = None
    count: Sequence[int] | None = None
    group_of: Callable[[str], str] = str


class Entry(NamedTuple):
    """One case before it is read: where its image and mask are, and its split and group if known.

    `image` and `mask` are paths, or whatever the reader finds them by.
    """

    id: str
    image: Any
    mask: Any
    split: str | None = None
    group: str | None = None

    @property
    def image_name(self) -> str:
        """What a sentence calls the image."""
        return str(self.image) if isinstance(self.image, Path) else self.id

    @property
    def mask_name(self) -> str:
        """What a sentence calls the mask."""
        return str(self.mask) if isinstance(self.mask, Path) else self.id


class Form(NamedTuple):
    """What is seen of a case before its values are read."""

    dims: int
    channels: int = 1
    spacing: tuple[float, ...] = ()


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
) -> Source:
    """Split, check, encode, and return the set as a `Source`.

    `look` and `open_case` are called for the cases of the splits only, in threads. `root` is the
    folder whose lists and `groups.csv` are followed. `mixed`: as in `decide`. `empty`: the sentence
    for a set whose masks have no foreground at all; without it such a set is read.
    """
    by_id = {entry.id: entry for entry in entries}
    groups = _groups(by_id, request, root)
    splits = {key: entry.split for key, entry in by_id.items()}
    parts, rule = split_up(root, splits, groups, request.shares, request.seed)
    parts = first(parts, request.count)
    chosen = [by_id[key] for ids in parts.values() for key in ids]
    looks = in_threads(look, chosen, f"looking at {request.name}")
    forms = dict(zip(chosen, looks, strict=True))
    decisions = decide(forms, request, mixed)

    def read(entry: Entry) -> tuple[Item, bool]:
        return _encode(entry, groups[entry.id], forms[entry], open_case(entry), decisions)

    encoded = in_threads(read, chosen, f"reading {request.name}")
    if empty and not any(foreground for _, foreground in encoded):
        raise InputError(empty)
    items = {item.id: item for item, _ in encoded}
    return build_source(
        request.name,
        {split: [items[key] for key in ids] for split, ids in parts.items()},
        classes=decisions.classes,
        channels=decisions.channels,
        dims=decisions.dims,
        split_rule=rule,
    )


def _groups(by_id: Mapping[str, Entry], request: Request, root: Path | None) -> dict[str, str]:
    """Return the group of every id: as `groups.csv` says, the entry, or else the request."""
    listed = None if root is None else read_groups(root, by_id)
    if listed is not None:
        return listed
    return {
        key: request.group_of(key) if entry.group is None else entry.group
        for key, entry in by_id.items()
    }


def _encode(
    entry: Entry, group: str, form: Form, content: Content, decisions: Decisions
) -> tuple[Item, bool]:
    """Check and encode one case; also return whether its mask has foreground."""
    image, mask = content
    indices = read_mask(mask, len(decisions.classes), entry.mask_name)
    foreground = bool(indices.any())
    spacing = form.spacing
    size = decisions.size
    if decisions.dims == 3:
        volume = npy(normalised(np.asarray(image), entry.image_name))
        return Item(entry.id, group, volume, npy(indices), spacing), foreground
    if size is not None:
        spacing = resized_spacing(spacing, indices.shape, size)
        indices = resize_nearest(indices, size)
    picture = read_image(image, decisions.mode, size, entry.image_name)
    return Item(entry.id, group, picture, png(indices), spacing), foreground
