"""What mask files mean: class indices, decided once for a whole set, never file by file.

A file is read as a `CodedMask`: which values it holds, and where. `decide_meaning` looks at the
values of all files of a set and says which class each of them is, or why that cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ucmt_lite.common import InputError

BINARY = ("background", "foreground")
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
_COLOUR_NAMES = {
    BLACK: "black",
    WHITE: "white",
    (255, 0, 0): "red",
    (0, 255, 0): "green",
    (0, 0, 255): "blue",
    (255, 255, 0): "yellow",
    (255, 0, 255): "magenta",
    (0, 255, 255): "cyan",
}


class Shade(NamedTuple):
    """One value of a mask file: the grey or the colour that it shows, and how the file stores it.

    `stored` is the place in the file's palette, or the number that a file of 2 or 4 bits stores;
    None where a file stores what it shows.
    """

    shown: int | tuple[int, int, int]
    stored: int | None = None

    @property
    def colour(self) -> tuple[int, int, int]:
        """The colour that is shown, greys included."""
        return self.shown if isinstance(self.shown, tuple) else (self.shown,) * 3

    def __str__(self) -> str:
        if isinstance(self.shown, tuple):
            return _COLOUR_NAMES.get(self.shown, str(self.shown))
        return str(self.shown)


class CodedMask(NamedTuple):
    """One mask as it was read: `codes` (uint8 `*S`) are places in `shades`.

    `counts` are the pixels of each shade. A `lossy` file (JPEG) holds blurred values.
    """

    codes: np.ndarray
    shades: tuple[Shade, ...]
    counts: tuple[int, ...]
    name: str
    lossy: bool = False


def class_names(classes: int | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the classes, background first.

    They are made from a number, from names, or from nothing (two classes).

    >>> class_names(None), class_names(3)
    (('background', 'foreground'), ('background', 'class 1', 'class 2'))
    """
    if classes is None or classes == 2:
        return BINARY
    refusal = InputError(
        f"classes={classes!r}: give a number from 2 to 255 or different names, background first."
    )
    if isinstance(classes, (int, np.integer)):
        if not 2 <= classes <= 255:  # before as many names are made
            raise refusal
        return ("background", *(f"class {i}" for i in range(1, classes)))
    names = tuple(classes)
    if not 2 <= len(names) <= 255 or len(set(names)) < len(names) or isinstance(classes, str):
        raise refusal
    return names


def code_values(
    values: np.ndarray,
    name: str,
    classes: int,
    *,
    lossy: bool = False,
    shades: Mapping[int, Shade] | None = None,
) -> CodedMask:
    """Code a mask of numbers `*S`: whole ones from 0 to 65535, at most 256 different.

    `shades` says what a stored number shows, where that is another one.

    >>> code_values(np.array([[0, 7], [7, 7]]), "m", classes=2).counts
    (1, 3)
    """
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if values.dtype.kind not in "iuf":
        raise InputError(
            f"Mask '{name}' holds no numbers but {values.dtype}: save class indices in it."
        )
    whole = values.dtype.kind in "iu" or bool(np.isfinite(values).all())
    if whole and values.dtype.kind == "f":
        # Headers with a slope give 0.99999994 for 1.
        rounded = np.rint(values)
        whole = bool((np.abs(values - rounded) < 1e-3).all())
        values = rounded if whole else values
    if not whole or (values.size and not 0 <= values.min() <= values.max() <= 65535):
        raise _unexpected(name, _distinct(values), classes)
    whole_numbers = values.astype(np.uint16)
    histogram = _histogram(whole_numbers)
    present = np.flatnonzero(histogram)
    if len(present) > 256:
        is_gapless = np.array_equal(present, np.arange(len(present)))
        raise _numbered(name, present) if is_gapless else _unexpected(name, present, classes)
    table = np.zeros(65536, np.uint8)
    table[present] = np.arange(len(present))
    known = shades or {}
    return CodedMask(
        table[whole_numbers],
        tuple(known.get(int(value), Shade(int(value))) for value in present),
        tuple(int(count) for count in histogram[present]),
        name,
        lossy,
    )


def _histogram(values: np.ndarray) -> np.ndarray:
    """Count each number from 0 to 65535, piece by piece: counting widens every voxel to 8 bytes."""
    flat, piece = values.reshape(-1), 1 << 22
    histogram = np.zeros(65536, np.int64)
    for start in range(0, len(flat), piece):
        histogram += np.bincount(flat[start : start + piece], minlength=65536)
    return histogram


def code_colours(colours: np.ndarray, name: str) -> CodedMask:
    """Code a mask of colours `H W 3` that are not all grey, at most 256 different.

    >>> code_colours(np.array([[[255, 0, 0], [0, 0, 0]]], np.uint8), "m").shades[1].colour
    (255, 0, 0)
    """
    packed = colours.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    present, codes, counts = np.unique(packed, return_inverse=True, return_counts=True)
    if len(present) > 256:
        raise InputError(
            f"Mask '{name}' is a colour picture of {len(present)} colours: save it as one grey"
            " channel of class indices."
        )
    shades = [Shade((int(p) >> 16, int(p) >> 8 & 255, int(p) & 255)) for p in present]
    shown = tuple(Shade(s.colour[0]) if len(set(s.colour)) == 1 else s for s in shades)
    return CodedMask(
        codes.reshape(colours.shape[:2]).astype(np.uint8),
        shown,
        tuple(int(count) for count in counts),
        name,
    )


@dataclass(frozen=True)
class Meaning:
    """Which class every value is, for all masks of a set.

    `table` maps what a mask shows, or with `by_index` what it stores, to the class; `sentence` says
    so where it is more than plain class indices.
    """

    table: Mapping[int | tuple[int, int, int], int] = field(default_factory=dict)
    by_index: bool = False
    sentence: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what a network's card keeps; nothing where masks hold plain class indices."""
        kept = {"table": [*self.table.items()], "by_index": self.by_index}
        return {**kept, "sentence": self.sentence} if self.sentence else {}

    @classmethod
    def of_dict(cls, kept: Mapping[str, Any]) -> Meaning:
        """Return what a card keeps as it was.

        >>> meaning = Meaning({(255, 0, 0): 1, 0: 0}, sentence="Red is the lesion.")
        >>> Meaning.of_dict(meaning.as_dict()) == meaning
        True
        """
        values = ((tuple(v) if isinstance(v, list) else v, index) for v, index in kept["table"])
        return cls(dict(values), kept["by_index"], kept["sentence"])

    def fits(self, masks: Iterable[CodedMask]) -> bool:
        """Return whether every value of some masks is known; those of JPEG never are."""
        masks = list(masks)
        shades = (shade for mask in masks for shade in mask.shades)
        known = ((_number(s) if self.by_index else s.shown) in self.table for s in shades)
        return not any(mask.lossy for mask in masks) and all(known)

    def classes_of(self, mask: CodedMask) -> list[int]:
        """Return the class of each shade of a mask."""
        if mask.lossy:
            return [int(_grey(shade) > 127) for shade in mask.shades]
        if self.by_index:
            return [self.table[_number(shade)] for shade in mask.shades]
        return [self.table[shade.shown] for shade in mask.shades]

    def indices(self, mask: CodedMask) -> np.ndarray:
        """Return the class indices of a mask, uint8 `*S`."""
        if not mask.shades:
            return mask.codes
        return np.array(self.classes_of(mask), np.uint8)[mask.codes]


def decide_meaning(masks: Iterable[CodedMask], classes: Sequence[str]) -> Meaning:
    """Decide from all masks of a set which class each value is, or refuse.

    In this order, the first that fits all files: class indices as they are shown (for two classes
    also 0/255); indices into a palette that all files share and whose first colour is black; for
    more classes one colour, or one grey, a class. What is black is background, always.

    >>> masks = [code_values(np.array([0, 255]), "a", 2), code_values(np.array([0, 0]), "b", 2)]
    >>> decide_meaning(masks, ("background", "lesion")).indices(masks[0]).tolist()
    [0, 1]
    """
    masks = list(masks)
    for mask in masks:
        if mask.lossy:
            _check_lossy(mask, len(classes))
    exact = [mask for mask in masks if not mask.lossy]
    meaning = (
        _as_shown(exact, len(classes))
        or _by_index(exact, classes)
        or _by_colour(exact, classes)
        or _by_grey(exact, classes)
    )
    if meaning is None:
        raise _refusal(exact, classes)
    return meaning


def check_several(masks: Mapping[str, Sequence[CodedMask]], classes: Sequence[str]) -> None:
    """Refuse masks of one class a file: several of an image, where all of the set show one value.

    Their union would be that class, and the others would be lost. `masks` are those of all ids.
    """
    several = next((key for key, ours in masks.items() if len(ours) > 1), None)
    if several is None or len(classes) < 3:
        return
    shown = {shade.shown for ours in masks.values() for mask in ours for shade in mask.shades}
    if len(shown - {0}) == 1:
        files = ", ".join(mask.name for mask in masks[several][:2])
        raise InputError(
            f"Image '{several}' has several masks ({files}), and all masks mark with one value"
            f" where {len(classes)} classes are asked for: save all classes of an image in one"
            " mask, as class indices."
        )


def _grey(shade: Shade) -> int:
    return shade.colour[0]


def _ambiguous(mask: CodedMask) -> bool:
    """Return whether two places in a file's palette show the same."""
    return len({shade.shown for shade in mask.shades}) < len(mask.shades)


def _as_shown(masks: Sequence[CodedMask], classes: int) -> Meaning | None:
    """Read the greys that are shown as class indices; for two classes black and white also do."""
    table: dict = {value: value for value in range(classes)}
    if classes == 2:
        table |= {255: 1, 65535: 1}
    kinds = set()
    for mask in masks:
        values = {shade.shown for shade in mask.shades}
        if not values <= set(table) or _ambiguous(mask):
            return None
        ones = values - {0}
        if classes == 2 and len(ones) > 1:
            return None
        kinds |= ones
    if classes == 2 and len(kinds) > 1:
        listed = " or ".join(str(value) for value in sorted(kinds, key=str))
        return Meaning(table, sentence=f"Masks mark the foreground with {listed}, file by file.")
    return Meaning(table)


def _number(shade: Shade) -> int:
    """Return what a file stores for a shade: its place in the palette, or its grey."""
    return _grey(shade) if shade.stored is None else shade.stored


def _has_void(numbers: set[int], classes: Sequence[str]) -> bool:
    """Return whether the largest number lies beside class indices: many sets mark so with 255.

    It says "ignore this pixel", and is no class.
    """
    others = {number for number in numbers if not _is_void(number)}
    return bool(len(others) < len(numbers) and others - {0} and max(others) < len(classes))


def _is_void(number: int) -> bool:
    return number in (255, 65535)


def _by_index(masks: Sequence[CodedMask], classes: Sequence[str]) -> Meaning | None:
    """Read indices into a palette that all files share, black first; or numbers of a few bits."""
    shows: dict[int, tuple[int, int, int]] = {}
    for mask in masks:
        for shade in mask.shades:
            index = _number(shade)
            plain = shade.stored is None and isinstance(shade.shown, int)
            if index >= len(classes) or (shade.stored is None and not plain):
                return None
            if not plain and shows.setdefault(index, shade.colour) != shade.colour:
                return None
    if not shows:
        return None
    alike = len(set(shows.values())) == 1 and len(shows) > 1  # a palette that says nothing
    first_is_black = shows.get(0, BLACK) == BLACK
    other_is_black = any(index and colour == BLACK for index, colour in shows.items())
    if not alike and (not first_is_black or other_is_black):
        return None
    listed = ", ".join(
        f"{Shade(shows[index])} is {classes[index]}" for index in sorted(shows) if index
    )
    return Meaning(
        {index: index for index in range(len(classes))},
        by_index=True,
        sentence="" if alike or not listed else f"Masks are read by their palette: {listed}.",
    )


def _by_colour(masks: Sequence[CodedMask], classes: Sequence[str]) -> Meaning | None:
    """Read one colour for each class, black for background."""
    if any(_ambiguous(mask) for mask in masks):
        return None
    shades = {shade for mask in masks for shade in mask.shades}
    if any(isinstance(s.shown, int) and s.shown > 255 for s in shades):
        return None
    colours = {shade.colour for shade in shades}
    others = sorted(colours - {BLACK})
    if BLACK not in colours or len(others) != len(classes) - 1:
        return None
    if all(len(set(colour)) == 1 for colour in others):
        return None
    if _has_void({_number(shade) for shade in shades}, classes):
        return None
    return _ordered(others, shades, classes, "colours")


def _by_grey(masks: Sequence[CodedMask], classes: Sequence[str]) -> Meaning | None:
    """Read one grey for each of three or more classes, from dark to bright."""
    shades = {shade for mask in masks for shade in mask.shades}
    if len(classes) < 3 or any(isinstance(shade.shown, tuple) for shade in shades):
        return None
    if any(_ambiguous(mask) for mask in masks):
        return None
    greys = sorted({_grey(shade) for shade in shades})
    if len(greys) != len(classes) or greys[0] != 0:
        return None
    if _has_void(set(greys), classes):
        return None
    return _ordered([(grey,) * 3 for grey in greys[1:]], shades, classes, "greys")


def _ordered(
    others: Sequence[tuple[int, int, int]], shades: set[Shade], classes: Sequence[str], word: str
) -> Meaning:
    """Give the classes after the background to colours in their order, and say so."""
    place = {BLACK: 0, **{colour: i for i, colour in enumerate(others, 1)}}
    shown = [(f"{colour[0]}" if word == "greys" else str(Shade(colour))) for colour in others]
    listed = ", ".join(f"{s} is {name}" for s, name in zip(shown, classes[1:], strict=True))
    return Meaning(
        {shade.shown: place[shade.colour] for shade in shades},
        sentence=f"Masks are read by their {word}: black is {classes[0]}, {listed}.",
    )


def _check_lossy(mask: CodedMask, classes: int) -> None:
    """Refuse a JPEG that is not nearly black and white: it blurs borders, and changes indices."""
    values = np.array([_grey(shade) for shade in mask.shades], np.int64)
    if not values.any():
        return
    histogram = np.bincount(values, mask.counts, minlength=256)
    white, between = histogram[192:].sum(), histogram[64:192].sum()
    is_black_and_white = between <= 0.1 * histogram.sum() and between <= white
    if classes != 2 or values.max() <= 127 or not is_black_and_white or _has_grey(histogram):
        raise InputError(
            f"Mask '{mask.name}' is a JPEG, or WebP saved with loss, which keeps black and white"
            " but no greys or class indices: save it as PNG."
        )


def _has_grey(histogram: np.ndarray) -> bool:
    """Return whether an object is grey: most values between black and white lie close together.

    Those of a blurred border are spread.
    """
    between = histogram[64:192]
    highest = np.convolve(between, np.ones(17), "valid").max()
    return bool(
        between.sum() > max(20, 0.05 * histogram[192:].sum()) and highest > between.sum() / 2
    )


def _refusal(masks: Sequence[CodedMask], classes: Sequence[str]) -> InputError:
    """Return the sentence for masks whose meaning cannot be told, naming the first odd one."""
    table = set(range(len(classes))) | ({255, 65535} if len(classes) == 2 else set())
    odd = [mask for mask in masks if not {s.shown for s in mask.shades} <= table]
    mask = odd[0] if odd else max(masks, key=lambda mask: len(mask.shades))
    if _has_void({_number(shade) for other in masks for shade in other.shades}, classes):
        void = next(m for m in masks if any(_is_void(_number(shade)) for shade in m.shades))
        return InputError(
            f"Mask '{void.name}' holds 255 beside class indices, as of pixels that nobody labeled,"
            " which are no class here: give them one, such as 0 for the background."
        )
    if not any(isinstance(shade.shown, tuple) for shade in mask.shades):
        if _ambiguous(mask):
            return InputError(
                f"Mask '{mask.name}' has a palette with the same colour twice, so that its classes"
                " cannot be told apart: save it as one grey channel of class indices."
            )
        greys = [_grey(shade) for shade in mask.shades]
        if len(classes) == 2 and _are_numbered(masks):
            return _numbered(mask.name, greys)
        if len(greys) > 4 * len(classes) and greys[-1] == 255:
            return _blurred(mask.name, len(greys))
        return _unexpected(mask.name, greys, len(classes))
    colours = sorted({shade.colour for other in masks for shade in other.shades})
    if len(colours) > 4 * len(classes):
        return _blurred(mask.name, len(colours))
    shown = ", ".join(str(Shade(colour)) for colour in colours[:6])
    more = ", ..." if len(colours) > 6 else ""
    return InputError(
        f"Mask '{mask.name}' is a colour picture and the masks of the set show {shown}{more}, where"
        f" {len(classes)} classes need black for the background and {len(classes) - 1} more: give"
        " classes= as a number or names, or save masks as one grey channel of class indices."
    )


def _are_numbered(masks: Sequence[CodedMask]) -> bool:
    """Return whether masks number their objects: most without gaps, up to four ends or more.

    Masks of three classes, of which some lack one, may have three ends.
    """
    numbers = [[_number(shade) for shade in mask.shades] for mask in masks]
    gapless = [values for values in numbers if values == list(range(len(values)))]
    return 2 * len(gapless) > len(masks) and len({max(v) for v in gapless if v} - {0}) >= 4


def _numbered(name: str, values: Sequence | np.ndarray) -> InputError:
    """Return the sentence for a mask in which each object has a number of its own."""
    return InputError(
        f"Mask '{name}' holds the numbers 0 to {max(values)}, as where each object has its own:"
        " save mask > 0 if that is so; give classes= if each number is a class."
    )


def _blurred(name: str, count: int) -> InputError:
    """Return the sentence for a mask of more shades than its classes can have."""
    return InputError(
        f"Mask '{name}' holds {count} different values, as of an image, or of borders that were"
        " smoothed: save class indices, or 0/255, without smoothing (resize by the nearest"
        " neighbour)."
    )


def _distinct(values: np.ndarray) -> np.ndarray:
    return np.unique(values)[:7]


def _unexpected(name: str, values: Sequence | np.ndarray, classes: int) -> InputError:
    """Return the sentence for values that no class has."""
    shown = ", ".join(f"{value:g}" for value in values[:6]) + (", ..." if len(values) > 6 else "")
    allowed = "0/1 or 0/255" if classes == 2 else f"0 to {classes - 1}"
    return InputError(
        f"Mask '{name}' holds the values {shown} where {classes} classes need {allowed}: give"
        " classes= as a number or names, or save the mask with these values."
    )
