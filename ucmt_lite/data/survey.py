"""What a careful colleague would look at in a set before training, as lines of text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ucmt_lite.data.files import quantity
from ucmt_lite.data.groups import suspected_patients
from ucmt_lite.data.source import Cases, Source, cases, own_sizes

if TYPE_CHECKING:
    import datasets

HASH_SIDE = 16  # a hash has 16 x 16 bits
NEAR = 20  # bits in which two near-duplicates may differ
FLAT = 16  # bits that a hash must have of both kinds: one small object is like any other
BLOCK = 64  # cases in memory at once


def survey(source: Source) -> list[str]:
    """Return what is in a set: counts, sizes, values, classes, patients, near-duplicates, notes.

    >>> from ucmt_lite.data import load
    >>> print(*survey(load("phantom_heart", size=32, count=(4, 2, 2)))[:3], sep="\\n")
    phantom_heart: 2D, 1 channel, classes background, right ventricle, myocardium, left ventricle
      train: 4 cases of 4 groups, first train_0000
      validation: 2 cases of 2 groups, first validation_0000
    """
    collected = {name: _collect(split) for name, split in source.splits.items()}
    everything = [seen for rows in collected.values() for seen in rows]
    labeled = [seen for seen in everything if seen.labels is not None]
    return [
        f"{source.name}: {source.dims}D, {quantity(source.channels, 'channel')}, classes"
        f" {', '.join(source.classes)}",
        *(_of_split(name, split, collected[name]) for name, split in source.splits.items()),
        f"  split: {source.split_rule}",
        f"  sizes: {_sizes(source, everything)}",
        f"  values: {_values(source)}",
        *_spacings(source, everything),
        *_classes(source.classes, labeled),
        *_foreground(labeled),
        *_patients(source),
        *_near_duplicates(collected),
        *(f"  note: {note}" for note in source.notes),
    ]


class _Case:
    """The few numbers of one case that a survey needs, so that no image stays in memory."""

    def __init__(self, part: Cases, i: int) -> None:
        image, mask = part.images[i], part.masks[i]
        self.id = part.ids[i]
        self.shape = mask.shape
        self.spacing = part.spacing[i]
        self.labels: Counter | None = None
        if not part.has_mask or part.has_mask[i]:
            counts = np.bincount(mask.ravel())
            self.labels = Counter({k: int(n) for k, n in enumerate(counts) if n})
        self.hash = difference_hash(image)
        self.digest = ""  # of a flat image that is not blank
        if self.is_flat and image.min() < image.max():
            self.digest = _digest(image)

    @property
    def is_flat(self) -> bool:
        """Whether the hash says too little to compare this image with others."""
        return not FLAT < int(self.hash.sum()) < HASH_SIDE**2 - FLAT

    @property
    def foreground(self) -> float:
        """The share of pixels that are not background."""
        labels = self.labels or Counter()
        return 1 - labels[0] / max(1, sum(labels.values()))


def _collect(split: datasets.Dataset) -> list[_Case]:
    def parts() -> Iterator[Cases]:
        for start in range(0, len(split), BLOCK):
            yield cases(split.select(range(start, min(start + BLOCK, len(split)))))

    return [_Case(part, i) for part in parts() for i in range(len(part))]


def difference_hash(image: np.ndarray) -> np.ndarray:
    """Return 256 bits that are nearly the same for nearly the same images.

    The image `C *S` (of a volume the slice with the largest deviation, as a slice without anything
    in it has no outline) becomes 17 x 16 greys; each bit says whether one is darker than the next.

    >>> int(difference_hash(np.arange(32.0 * 34).reshape(1, 32, 34)).sum())
    256
    """
    grey = image.astype(np.float32).mean(axis=0)
    if grey.ndim > 2:
        grey = grey[..., int(grey.std(axis=(0, 1)).argmax())]
    small = Image.fromarray(grey).resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX)
    levels = np.asarray(small)
    return (levels[:, :-1] < levels[:, 1:]).ravel()


def _digest(image: np.ndarray) -> str:
    """Return what is the same for two images only if all their values are.

    >>> _digest(np.zeros((2, 3))) == _digest(np.zeros((3, 2)))
    False
    """
    values = np.ascontiguousarray(image)
    return sha256(f"{values.shape} {values.dtype}".encode() + values.tobytes()).hexdigest()


def _of_split(name: str, split: datasets.Dataset, rows: Sequence[_Case]) -> str:
    bare = sum(row.labels is None for row in rows)
    unlabeled = f", {bare} without a mask" if bare else ""
    groups = len(set(split["group"]))
    return (
        f"  {name}: {quantity(len(rows), 'case')} of {quantity(groups, 'group')}, first"
        f" {rows[0].id}{unlabeled}"
    )


def _sizes(source: Source, rows: Sequence[_Case]) -> str:
    """Return the sizes of the images; of pictures that were resized those before and after."""
    here = _range_of_sizes({row.shape for row in rows})
    before = {sides for split in source.splits.values() for sides in own_sizes(split)}
    return f"{_range_of_sizes(before)}, read at {here}" if before else here


def _range_of_sizes(sizes: Collection[tuple[int, ...]]) -> str:
    """Return the one size, or the smallest and largest side of each axis."""
    if len(sizes) == 1:
        return " x ".join(str(side) for side in next(iter(sizes)))
    axes = []
    for sides in zip(*sizes, strict=True):
        low, high = min(sides), max(sides)
        axes.append(str(low) if low == high else f"{low}-{high}")
    return f"{' x '.join(axes)}, {quantity(len(sizes), 'different size')}"


def _values(source: Source) -> str:
    """Return in words how the values of images were read."""
    preparation = source.preparation
    words = {
        "bytes": "bytes, as they are",
        "stretched": "each image stretched from its minimum to its maximum",
        "kept": "standardised already, kept",
        "standardised": "each image standardised to mean 0 and deviation 1",
    }
    parts = [words.get(preparation.values, preparation.values)]
    if preparation.window is not None:
        parts.append("clipped to {:g} .. {:g} before".format(*preparation.window))
    if preparation.orientation:
        parts.append(f"axes turned to {preparation.orientation}")
    return "; ".join(parts)


def _spacings(source: Source, rows: Sequence[_Case]) -> list[str]:
    """Return the range of the spacing, where any case has one."""
    known = [row.spacing for row in rows if row.spacing is not None]
    if not known:
        return [] if source.dims == 2 else ["  spacing: unknown, distances are in voxels"]
    axes = []
    for sides in zip(*known, strict=True):
        low, high = f"{min(sides):.3g}", f"{max(sides):.3g}"
        axes.append(low if low == high else f"{low}-{high}")
    missing = len(rows) - len(known)
    unknown = f", unknown of {quantity(missing, 'case')}" if missing else ""
    return [f"  spacing: {' x '.join(axes)} mm{unknown}"]


def _classes(names: Sequence[str], rows: Sequence[_Case]) -> list[str]:
    """Return for every class the share of pixels, and of cases that show it."""
    total: Counter = sum((row.labels or Counter() for row in rows), Counter())
    pixels = max(1, sum(total.values()))
    lines = []
    for k, name in enumerate(names):
        shown = sum(k in (row.labels or ()) for row in rows)
        lines.append(
            f"  class {k} {name}: {100 * total[k] / pixels:.2f} % of pixels, in {shown} of"
            f" {quantity(len(rows), 'case')}"
        )
    return lines


def _foreground(rows: Sequence[_Case]) -> list[str]:
    shares = 100 * np.array([row.foreground for row in rows])
    if not len(shares):
        return []
    return [
        f"  foreground: {shares.min():.2f} % min, {np.median(shares):.2f} % median,"
        f" {shares.max():.2f} % max of an image"
    ]


def _patients(source: Source) -> list[str]:
    """Return what looks like patients, where every case is a group of its own."""
    keys = [key for split in source.splits.values() for key in split["id"]]
    groups = {group for split in source.splits.values() for group in split["group"]}
    suspected = suspected_patients(keys)
    if not suspected or len(groups) < len(keys):
        return []
    patients = sorted(set(suspected.values()))
    return [
        f"  patients: {len(keys)} ids look like {len(patients)} patients ({patients[0]}, ...): say"
        " group='(REGEX)', or write groups.csv"
    ]


def _near_duplicates(collected: dict[str, list[_Case]]) -> list[str]:
    """Return how many pairs of images are nearly the same, and how many cross the splits.

    Flat images are pairs only where all their values are the same.
    """
    rows = [(split, row) for split, cases_of in collected.items() for row in cases_of]
    flat = [place for place in rows if place[1].is_flat]
    pairs = _alike([place for place in rows if not place[1].is_flat]) + _equal(flat)
    blurred = (
        f"; {quantity(len(flat), 'image')} too flat to be compared but for equality" if flat else ""
    )
    if not pairs:
        return [f"  near-duplicates: none found{blurred}"]
    crossing = [(one, two) for one, two in pairs if one[0] != two[0]]
    (split, row), (other_split, other) = (crossing or pairs)[0]
    return [
        f"  near-duplicates: {quantity(len(pairs), 'pair')}, {len(crossing)} across splits (first"
        f" {row.id} in {split}, {other.id} in {other_split}){blurred}"
    ]


_Place = tuple[str, _Case]  # a case and its split


def _alike(rows: Sequence[_Place]) -> list[tuple[_Place, _Place]]:
    """Return the pairs whose hashes are nearly the same."""
    bits = np.array([row.hash for _, row in rows], np.float32).reshape(len(rows), HASH_SIDE**2)
    ones = bits.sum(axis=1)
    pairs = []
    for i in range(len(rows) - 1):
        distance = ones[i] + ones[i + 1 :] - 2 * (bits[i + 1 :] @ bits[i])
        pairs += [(rows[i], rows[i + 1 + int(j)]) for j in np.flatnonzero(distance <= NEAR)]
    return pairs


def _equal(rows: Sequence[_Place]) -> list[tuple[_Place, _Place]]:
    """Return the pairs whose values are all the same; blank images are none."""
    same = defaultdict(list)
    for place in rows:
        if place[1].digest:
            same[place[1].digest].append(place)
    return [pair for places in same.values() for pair in combinations(places, 2)]
