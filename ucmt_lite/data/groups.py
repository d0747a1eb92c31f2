"""Which cases belong together, so that no patient is on both sides of a split."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ucmt_lite.common import InputError
from ucmt_lite.data.lists import forms_of, read_pairs

# What people call a patient in file names: its number is a group without being asked, and so are
# its letter (patientA) and the label that BIDS writes after "sub-", where it has a number (A01).
_PATIENT = re.compile(
    r"(?:^|[/_-])((?:patient|subject|pat|sub|pt)[_-]?\d+(?!\d)"
    r"|(?:patient|subject)[_-]?[a-z](?![a-z\d])|sub-[a-z]+\d[a-z\d]*)",
    re.I,
)
_DIGITS = re.compile(r"\d")
# The end of a name that counts pictures of one thing: _12, -slice_3, frame07, " (2)"; its pieces
# (_x3_y7, _tile12), its visits, its two eyes (_left, 01R), or a copy (_flip).
_COUNTED = re.compile(
    r"([\s._-]+|(?<=[a-z0-9])(?=(slice|frame)))"
    r"(slice|frame|img|image|layer|view|tile|patch|crop|row|col|visit|ses|session|day|aug|rot|copy"
    r"|[sztfxyv])?"
    r"[\s._-]*\(?\d+\)?$"
    r"|([\s._-]+|(?<=\d))(left|right|od|os|[lr]|[hv]?flip(ped)?|aug(mented)?|copy)$",
    re.I,
)
# A folder below that of a patient: p1/left, p1/visit2, p1/T2.
_BELOW_PATIENT = re.compile(
    r"^(\D+|(visit|ses|session|scan|series|study|day|week|month|time|tp|t|eye)[\s._-]*\d+)$", re.I
)
_MANY = 5  # fewer folders or names without a number are kinds of images (benign, malignant)
_FEW_STRAY = 0.1  # of the cases may lie outside the folders of patients


class Groups(NamedTuple):
    """The group of every id, in words where they came from, and what looks like a patient."""

    of_id: dict[str, str]
    sentence: str = ""
    suspected: dict[str, str] | None = None  # id -> what may be its patient
    by_folder: bool = False  # what is suspected are folders


def find_groups(
    folders: Mapping[str, str],
    known: Mapping[str, str | None],
    *,
    root: Path | None,
    asked: str,
    group_of: Callable[[str], str],
) -> Groups:
    """Return the group of every id.

    What comes first decides: `groups.csv` of the folder; `asked`, a pattern with one pair of
    brackets, "folder" or "none"; what the data say (`known`); the rule of a real set (`group_of`);
    names of patients in ids; folders with numbers in their names. What only looks like patients is
    told, not followed.

    >>> ids = {f"patient00{i // 2}_slice_{i % 2}": "" for i in range(6)}
    >>> groups = find_groups(ids, {}, root=None, asked="", group_of=str)
    >>> sorted(set(groups.of_id.values()))
    ['patient000', 'patient001', 'patient002']
    """
    listed = None if root is None else read_groups(root, folders)
    if listed is not None:
        return listed
    if asked:
        return Groups(_asked_for(folders, asked))
    if any(group is not None for group in known.values()):
        return Groups({key: known.get(key) or group_of(key) for key in folders})
    if group_of is not str:
        return Groups({key: group_of(key) for key in folders})
    named = _one_spelling({key: _patient(key) for key in folders})
    if None not in named.values() and 1 < len(set(named.values())) < len(named):
        patients = {key: str(patient) for key, patient in named.items()}
        return Groups(patients, _told(patients.values(), "ids name"))
    above = {key: _patient_folder(folder) for key, folder in folders.items()}
    for owners in (above, folders):
        in_folders = {key: owner or key for key, owner in owners.items()}
        if _are_patients(owners):
            return Groups(in_folders, _told(filter(None, owners.values()), "folders are taken for"))
    alone = {key: key for key in folders}
    if None not in named.values() and len(set(named.values())) == 1 < len(named):
        return Groups(alone, _told_one(len(named), str(next(iter(named.values())))))
    if len(set(filter(None, folders.values()))) >= _MANY and _are_shared(in_folders):
        return Groups(alone, suspected=in_folders, by_folder=True)
    return Groups(alone, suspected=suspected_patients(folders))


def _told(patients: Iterable[str], words: str) -> str:
    names = list(dict.fromkeys(patients))
    return (
        f"{len(names)} {words} patients ({names[0]}, ...), who stay on one side of a split:"
        " group='none' (--group none) takes every case for itself."
    )


def _told_one(count: int, patient: str) -> str:
    return (
        f"All {count} ids name one patient ({patient}), who is trained and tested on: that says"
        " nothing about others. Add cases of other patients, or say group='none' (--group none) if"
        " it is none."
    )


def _patient(key: str) -> str | None:
    match = _PATIENT.search(key)
    return None if match is None else match.group(1)


def _one_spelling(patients: Mapping[str, str | None]) -> dict[str, str | None]:
    """Give one patient one spelling, that of its first id, whatever capitals, zeros and dashes.

    >>> _one_spelling({"a": "pat1", "b": "PAT_01", "c": "pat10"})
    {'a': 'pat1', 'b': 'pat1', 'c': 'pat10'}
    """
    spellings: dict[str, str] = {}

    def first_spelling(patient: str) -> str:
        bare = re.sub(r"[_-]", "", patient.lower())
        return spellings.setdefault(re.sub(r"(?<!\d)0+(?=\d)", "", bare), patient)

    return {key: patient and first_spelling(patient) for key, patient in patients.items()}


def _patient_folder(folder: str) -> str:
    """Return a folder without those that hold one visit, one side or one kind of a patient.

    >>> _patient_folder("p1/left"), _patient_folder("p1/visit2/T1"), _patient_folder("site1/p02")
    ('p1', 'p1', 'site1/p02')
    """
    above, _, last = folder.rpartition("/")
    while _DIGITS.search(above) and _BELOW_PATIENT.match(last):
        folder = above
        above, _, last = folder.rpartition("/")
    return folder


def _are_patients(folders: Mapping[str, str]) -> bool:
    """Return whether cases lie in several folders that have numbers in their names.

    Folders without one are kinds of images (benign, malignant) rather than patients. A few cases
    outside (a stray file, a folder `extra`) leave the others what they are.
    """
    sizes = Counter(folders.values())
    numbered = [name for name in sizes if _DIGITS.search(name)]
    stray = len(folders) - sum(sizes[name] for name in numbered)
    return 1 < len(numbered) and len(sizes) < len(folders) and stray <= _FEW_STRAY * len(folders)


def _are_shared(parts: Mapping[str, str]) -> bool:
    """Return whether most ids share what they are mapped to with another id."""
    sizes = Counter(parts.values())
    return 2 * sum(size for size in sizes.values() if size > 1) > len(parts)


def _asked_for(folders: Mapping[str, str], asked: str) -> dict[str, str]:
    """Return the groups that a pattern or a word asks for."""
    if asked == "none":
        return {key: key for key in folders}
    if asked == "folder":
        if len(set(folders.values())) < 2:
            raise InputError(
                "group='folder' finds all cases in one folder: give a pattern for ids, such as"
                r" group='(patient\d+)'."
            )
        return {key: folder or key for key, folder in folders.items()}
    try:
        pattern = re.compile(asked)
    except re.error as error:
        raise InputError(
            f"group='{asked}' is no regular expression ({error}): give one with one pair of"
            r" brackets, such as '(patient\d+)', or the word folder or none."
        ) from None
    if pattern.groups != 1:
        raise InputError(
            f"group='{asked}' has {pattern.groups} pairs of brackets: put one around what names the"
            r" patient, such as '(patient\d+)', or give the word folder or none."
        )
    groups = {}
    for key in folders:
        match = pattern.search(key)
        if match is None or not match.group(1):
            raise InputError(
                f"group='{asked}' finds nothing in the id '{key}': give a pattern that fits all"
                " ids, or the word folder or none."
            )
        groups[key] = match.group(1)
    return groups


def suspected_patients(keys: Iterable[str]) -> dict[str, str] | None:
    """Return what may be the patient of every id, where most ids share a stem with another.

    >>> suspected_patients(["a1_1", "a1_2", "a2_1"])
    {'a1_1': 'a1', 'a1_2': 'a1', 'a2_1': 'a2'}
    >>> suspected_patients(["scan1", "scan2"])
    """
    keys = list(keys)
    stems = {key: _stem(key) for key in keys}
    if len(set(stems.values())) > 1 and _are_shared(stems):
        return stems
    # Without a number in them (AAA_1, AAA_2, BBB_1), many are needed.
    names = {key: _COUNTED.sub("", key) for key in keys}
    return names if len(set(names.values())) >= _MANY and _are_shared(names) else None


def _stem(key: str) -> str:
    """Return an id without the numbers that count its slices, as long as a number is left."""
    stem = key
    while True:
        shorter = _COUNTED.sub("", stem)
        if shorter == stem or not _DIGITS.search(shorter):
            return stem
        stem = shorter


def tell_suspected(groups: Groups, sides: Mapping[str, str]) -> str:
    """Return in words which suspected patients are on two sides; empty where there are none.

    `sides` is the split of every id.
    """
    if not groups.suspected:
        return ""
    seen: dict[str, set[str]] = defaultdict(set)
    for key, side in sides.items():
        seen[groups.suspected[key]].add(side)
    parted = sorted(patient for patient, splits in seen.items() if len(splits) > 1)
    if not parted:
        return ""
    if groups.by_folder:
        return (
            f"; cases of {len(parted)} folders are on both sides ({parted[0]}): say group='folder'"
            " if each folder is a patient, or group='none' if not"
        )
    return (
        f"; {len(sides)} ids look like {len(seen)} patients, of whom {len(parted)} are on both"
        f" sides ({parted[0]}): say group='(REGEX)', or group='none' if they are not"
    )


def read_groups(root: Path, known: Iterable[str]) -> Groups | None:
    """Read `groups.csv` (id,group) of a folder; None where there is none.

    An id may have an ending, or folders before it. One without a row, or without a group in
    it, is a group of its own, which is told.
    """
    pairs = read_pairs(root)
    if pairs is None:
        return None
    file, rows = pairs
    of_id = dict.fromkeys(known, "")
    for entry, group in rows:
        key = _known_id(entry, of_id, file)
        if group and of_id[key] not in ("", group):
            raise InputError(
                f"{file} puts '{key}' into two groups ({of_id[key]}, {group}): keep one row."
            )
        of_id[key] = of_id[key] or group
    first: dict[str, str] = {}
    one = {group: first.setdefault(_spelled(group), group) for group in of_id.values()}
    sentences = [
        f"groups.csv spells one group in two ways ('{two}' and '{group}'): they are taken for one."
        for group, two in one.items()
        if group != two
    ][:1]
    alone = [key for key, group in of_id.items() if not group]
    if alone:
        sentences.append(
            f"groups.csv names no group for {len(alone)} of {len(of_id)} images (first"
            f" '{alone[0]}'): each is a group of its own."
        )
    return Groups({key: one[group] or key for key, group in of_id.items()}, " ".join(sentences))


def _spelled(group: str) -> str:
    """Return a group as others may spell it.

    >>> [_spelled(group) for group in ("P01", "p1", "7.0", "10")]
    ['p1', 'p1', '7', '10']
    """
    return re.sub(r"(?<!\d)0+(?=\d)", "", group.lower().removesuffix(".0"))


def _known_id(entry: str, known: Mapping[str, str], file: Path) -> str:
    """Return the id that an entry of `groups.csv` means."""
    for form in forms_of(entry):
        if form in known:
            return form
    raise InputError(
        f"{file} names '{entry}' but there is no such image: add its files or remove the row."
    )
