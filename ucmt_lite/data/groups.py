"""Which cases belong together, so that no patient is on both sides of a split."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ucmt_lite.common import InputError
from ucmt_lite.data.lists import read_text

# What people call a patient in file names: its number is a group without being asked.
_PATIENT = re.compile(r"(?:^|[/_-])((?:patient|subject|pat|sub|pt)[_-]?\d+)(?!\d)", re.I)
_DIGITS = re.compile(r"\d")
# The end of a name that counts pictures of one thing: _12, -slice_3, frame07, " (2)".
_COUNTED = re.compile(
    r"([\s._-]+|(?<=[a-z0-9])(?=(slice|frame)))"
    r"(slice|frame|img|image|layer|view|[sztf])?[\s._-]*\(?\d+\)?$",
    re.I,
)


class Groups(NamedTuple):
    """The group of every id, in words where they came from, and what looks like a patient."""

    of_id: dict[str, str]
    sentence: str = ""
    suspected: dict[str, str] | None = None  # id -> what may be its patient


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
        return Groups(listed)
    if asked:
        return Groups(_asked_for(folders, asked))
    if any(group is not None for group in known.values()):
        return Groups({key: known.get(key) or group_of(key) for key in folders})
    if group_of is not str:
        return Groups({key: group_of(key) for key in folders})
    named = {key: _patient(key) for key in folders}
    if None not in named.values() and 1 < len(set(named.values())) < len(named):
        patients = {key: str(patient) for key, patient in named.items()}
        return Groups(patients, _told(patients, "ids name"))
    if _are_patients(folders):
        return Groups(dict(folders), _told(folders, "folders are taken for"))
    return Groups({key: key for key in folders}, suspected=suspected_patients(folders))


def _told(patients: Mapping[str, str], words: str) -> str:
    count = len(set(patients.values()))
    first = next(iter(patients.values()))
    return (
        f"{count} {words} patients ({first}, ...), who stay on one side of a split: group='none'"
        " (--group none) takes every case for itself."
    )


def _patient(key: str) -> str | None:
    match = _PATIENT.search(key)
    return None if match is None else match.group(1)


def _are_patients(folders: Mapping[str, str]) -> bool:
    """Return whether cases lie in several folders that have numbers in their names.

    Folders without one are kinds of images (benign, malignant) rather than patients.
    """
    names = set(folders.values())
    return 1 < len(names) < len(folders) and all(_DIGITS.search(name) for name in names)


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


def suspected_patients(folders: Mapping[str, str]) -> dict[str, str] | None:
    """Return what may be the patient of every id, where several ids share a stem or a folder.

    >>> suspected_patients({"a1_1": "", "a1_2": "", "a2_1": ""})
    {'a1_1': 'a1', 'a1_2': 'a1', 'a2_1': 'a2'}
    >>> suspected_patients({"scan1": "", "scan2": ""})
    """
    stems = {key: _stem(key) for key in folders}
    members = defaultdict(list)
    for key, stem in stems.items():
        members[stem].append(key)
    shared = sum(len(keys) for keys in members.values() if len(keys) > 1)
    if len(members) > 1 and 2 * shared > len(stems):
        return stems
    return None


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
    patients = len(seen)
    if not parted:
        return ""
    return (
        f"; {len(sides)} ids look like {patients} patients, of whom {len(parted)} are on both sides"
        f" ({parted[0]}): say group='(REGEX)', or group='none' if they are not"
    )


def read_groups(root: Path, known: Mapping) -> dict[str, str] | None:
    """Read `groups.csv` (id,group) of a folder; None where there is none.

    An id without a row, or without a group in it, is a group of its own.
    """
    file = root / "groups.csv"
    if not file.is_file():
        return None
    rows = list(csv.DictReader(read_text(file).splitlines()))
    if not rows or not {"id", "group"} <= set(rows[0]):
        raise InputError(
            f"{file} needs the columns id,group in its first line and one row for each image."
        )
    if unknown := [row["id"] for row in rows if row["id"] not in known]:
        raise InputError(
            f"{file} names '{unknown[0]}' but there is no such image: add its files or remove the"
            " row."
        )
    groups = {key: key for key in known}
    for row in rows:
        group = (row["group"] or "").strip() or row["id"]
        if groups[row["id"]] not in (row["id"], group):
            raise InputError(
                f"{file} puts '{row['id']}' into two groups ({groups[row['id']]}, {group}): keep"
                " one row."
            )
        groups[row["id"]] = group
    return groups
