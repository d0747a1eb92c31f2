"""Which cases belong together, so that no patient is on both sides of a split."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ucmt_lite.common import InputError
from ucmt_lite.data.layouts import PARTS
from ucmt_lite.data.lists import forms_of, read_pairs

# What people call a patient in file names: its number is a group without being asked, and so are
# its letter (patientA) and the label that BIDS writes after "sub-", where it has a number (A01).
_PATIENT = re.compile(
    r"(?:^|[\s/_-])((?:patient|subject|subj|pat|sub|pt)[\s_-]?\d+(?!\d)"
    r"|(?:patient|subject)[_-]?[a-z](?![a-z\d])|sub-[a-z]+\d[a-z\d]*)",
    re.I,
)
_DIGITS = re.compile(r"\d")
_SUB = re.compile(r"sub[_-]?\d+", re.I)  # may also be a part of a case: case0_sub1
# What ids begin with where the same name is in two splits: train/P00_1, test/P00_1.
_SPLIT = re.compile(rf"^({'|'.join(PARTS)})/", re.I)
# The end of a name that tells pictures of one thing apart: what counts them (_12, -slice_3,
# frame07, " (2)", _x3_y7, _visit2, but not what names a patient, _P3), where a tile lies (_r0c1,
# "_(1,5)"), a word (_left, _ED, -art), a letter or a copy just after a number (01R, 7b, 7hflip),
# and the hash of a picture that Roboflow changed.
_COUNTED = re.compile(
    r"([\s._#+~,-]+|(?<=[a-z0-9])(?=(slice|frame)))"
    r"(?!(p|pt|pat|patient|subj|subject|case|id|vol|volume)[\s._-]*\d)[^\W\d_]{0,12}"
    r"[\s._-]*\(?\d+\)?(mm)?$"
    r"|[\s._-]+(r\d+c\d+|x\d+y\d+|\(\d+,\s?\d+\))$"
    r"|[\s._-]+\(?[^\W\d_]+\)?$"
    r"|(?<=\d)(left|right|od|os|[hv]?flip(ped)?|aug(mented)?|copy|[a-z])$"
    r"|\.rf\.\w+$",
    re.I,
)
# A number before the name of what is counted: slice001_P00, 001_P00.
_LEADING = re.compile(r"^((slice|frame)|img|image)?[\s._-]*\d+[\s._-]+(?=[a-z]+[\s._-]?\d+$)", re.I)
# A word for one of several pictures of a patient before the number: baseline_001, followup_001.
_KIND = re.compile(
    r"^(baseline|follow[_-]?up|pre|post|ct|mri?|pet|us|t[12](w|c|ce|gd)?|flair|dwi|adc|od|os|left"
    r"|right|orig(inal)?|aug(mented)?|[hv]?flip(ped)?)[\s._-]+(?=.*\d)",
    re.I,
)
# What counts the pictures of a patient with a letter and nothing else between: P01S03, vol0z2.
_GLUED = re.compile(r"^(.*\d)([a-z]{1,5})\d+$", re.I)
# A folder below that of a patient: p1/left, p1/visit2, p1/T2, p1/slice_3.
_BELOW_PATIENT = re.compile(
    r"^(\D+|(visit|ses|session|scan|series|study|day|week|month|time|tp|t|eye"
    r"|slice|frame|img|image|lesion|roi|nodule|tile|patch|crop)[\s._-]*\d+)$",
    re.I,
)
# A folder of many patients, of one visit, year, resolution or fold: visit1/, 2019/, 3mm/, fold0/.
_OF_ALL = re.compile(
    r"^((visit|ses|session|day|week|month|time|timepoint|tp|t|fold|cv|batch)[\s._-]*\d+|(19|20)\d\d"
    r"|\d+([.,]\d+)?mm|x\d+|\d+x|t[12](w|c|ce|gd)?|wk\d+|cam\d+|(.*\W)?batch[\s._-]*\d+)$",
    re.I,
)
# A folder that is a patient's own, whatever folder it lies in: site1/p02.
_OF_PATIENT = re.compile(r"^(p|pt|pat|patient|subj?|subject|case|id)[\s._-]*\d+$", re.I)
_NOBODY = {"", "nan", "none", "null", "unknown", "n/a", "?", "-"}
_MANY = 5  # fewer folders or names without a number are kinds of images (benign, malignant)
_FEW_STRAY = 0.1  # of the cases may lie outside the folders of patients
_SOME = 0.02  # of the ids must share a stem with another: fewer (one copy) say little of a split


class Groups(NamedTuple):
    """The group of every id, in words where they came from, and what looks like a patient."""

    of_id: dict[str, str]
    sentence: str = ""
    suspected: dict[str, str] | None = None  # id -> what may be its patient
    by_folder: bool = False  # what is suspected are folders
    pattern: str = "(REGEX)"  # which finds what is suspected


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
        in_data = {k: group for k, group in known.items() if group and names_somebody(group)}
        one = _alike(in_data.values())
        return Groups(
            {key: one[in_data[key]] if key in in_data else group_of(key) for key in folders}
        )
    if group_of is not str:
        return Groups({key: group_of(key) for key in folders})
    named = _named_patients(folders)
    if _are_named(named):
        patients = {key: patient or key for key, patient in named.items()}
        told = _told(filter(None, named.values()), "ids name")
        return Groups(patients, told + _told_nameless(named))
    again = _owners_across(folders)
    if again and all(_OF_ALL.match(folder.partition("/")[0]) for folder in folders.values()):
        return Groups(again, _told(again.values(), "names in several folders are taken for"))
    above = _above_counted({key: _patient_folder(folder) for key, folder in folders.items()})
    for owners in (above, folders):
        in_folders = {key: owner or key for key, owner in owners.items()}
        if _are_patients(owners):
            return Groups(in_folders, _told(filter(None, owners.values()), "folders are taken for"))
    alone = {key: key for key in folders}
    if None not in named.values() and len(set(named.values())) == 1 < len(named):
        return Groups(alone, _told_one(len(named), str(next(iter(named.values())))))
    if len(set(filter(None, folders.values()))) >= _MANY and _shared(in_folders, alone) > 0.5:
        return Groups(alone, suspected=in_folders, by_folder=True)
    if again:
        return Groups(alone, suspected=again, pattern="([^/]+)$")
    return Groups(alone, suspected=suspected_patients(folders))


def _told(patients: Iterable[str], words: str) -> str:
    names = list(dict.fromkeys(patients))
    return (
        f"{len(names)} {words} patients ({names[0]}, ...), whom a split by seed keeps on"
        " one side: group='none' (--group none) takes every case for itself."
    )


def _told_one(count: int, patient: str) -> str:
    return (
        f"All {count} ids name one patient ({patient}), who is trained and tested on: that says"
        " nothing about others. Add cases of other patients, or say group='none' (--group none) if"
        " it is none."
    )


def _told_nameless(named: Mapping[str, str | None]) -> str:
    alone = [key for key, patient in named.items() if patient is None]
    if not alone:
        return ""
    return (
        f" {len(alone)} of {len(named)} ids (first '{alone[0]}') name none: each is a group of its"
        " own."
    )


def _named_patients(keys: Iterable[str]) -> dict[str, str | None]:
    """Return the patient that each id names, in one spelling; None where it names none.

    A "sub" whose number comes again after other names with a number is a part of each of these.

    >>> _named_patients(["pat1_a", "pat01_b", "x"])
    {'pat1_a': 'pat1', 'pat01_b': 'pat1', 'x': None}
    >>> _named_patients(["case0_sub1", "case1_sub1"])
    {'case0_sub1': None, 'case1_sub1': None}
    """
    keys = list(keys)
    found = {key: match for key in keys if (match := _PATIENT.search(key))}
    owners: dict[str, set[str]] = defaultdict(set)
    below = {key: owner for key, match in found.items() if (owner := _owner_of_sub(key, match))}
    for key, owner in below.items():
        owners[found[key][1].lower()].add(owner)
    again = [key for key in below if len(owners[found[key][1].lower()]) > 1]
    if 2 * len(again) > len(below):
        found = {key: match for key, match in found.items() if key not in below}
    return _one_spelling({key: found[key][1] if key in found else None for key in keys})


def _owner_of_sub(key: str, match: re.Match) -> str:
    """Return the name with a number that "sub3" comes after, which is no visit; else nothing."""
    before = _SPLIT.sub("", key[: match.start(1)]).rstrip("/_-")
    is_owner = _DIGITS.search(before) and not _BELOW_PATIENT.match(before)
    return before if is_owner and _SUB.fullmatch(match[1]) else ""


def names_somebody(group: str) -> bool:
    """Return whether a group is one, and no word for a patient whom nobody knows.

    >>> names_somebody("P1"), names_somebody("Unknown"), names_somebody("nan")
    (True, False, False)
    """
    return group.strip().lower() not in _NOBODY


def are_patients_named(keys: Iterable[str]) -> bool:
    """Return whether ids name patients, so that `find_groups` follows them.

    >>> are_patients_named(["pat1_a", "pat1_b", "pat2_a"]), are_patients_named(["a1", "a2"])
    (True, False)
    """
    return _are_named(_named_patients(keys))


def _are_named(named: Mapping[str, str | None]) -> bool:
    """Return whether most ids name one of several patients, and some name the same one.

    More may name none than of `_FEW_STRAY`: a word for a patient says more than a folder's number.
    """
    patients = [patient for patient in named.values() if patient]
    return 1 < len(set(patients)) < len(patients) and 2 * len(patients) > len(named)


def _one_spelling(patients: Mapping[str, str | None]) -> dict[str, str | None]:
    """Give one patient one spelling, that of its first id, whatever capitals, zeros and dashes.

    >>> _one_spelling({"a": "pat1", "b": "PAT_01", "c": "pat10"})
    {'a': 'pat1', 'b': 'pat1', 'c': 'pat10'}
    """
    spellings: dict[str, str] = {}

    def first_spelling(patient: str) -> str:
        bare = re.sub(r"[\s_-]", "", patient.lower())
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


def _above_counted(owners: Mapping[str, str]) -> dict[str, str]:
    """Return the folders above those that count the pictures of a patient, one case in each.

    They are called alike below several folders: p1/0, p1/1, p2/0, but not site1/p02.

    >>> _above_counted({"a": "p1/0", "b": "p1/1", "c": "p2/0"})
    {'a': 'p1', 'b': 'p1', 'c': 'p2'}
    """
    parts = {key: folder.rpartition("/") for key, folder in owners.items()}
    lasts = Counter(last for _, _, last in parts.values())
    is_one_each = len(set(owners.values())) == len(owners)
    repeated = [last for last, count in lasts.items() if count > 1 and not _OF_PATIENT.match(last)]
    if not is_one_each or 2 * sum(lasts[last] for last in repeated) <= len(owners):
        return dict(owners)
    return {key: above or last for key, (above, _, last) in parts.items()}


def _owners_across(folders: Mapping[str, str]) -> dict[str, str]:
    """Return what has one name in several folders, of which each holds all: visit1/7, visit2/7.

    The owner is the next folder below those, or else the file. Empty where most names come once.

    >>> _owners_across({"MR/1": "MR", "MR/2": "MR", "CT/1": "CT", "CT/2": "CT"})
    {'MR/1': '1', 'MR/2': '2', 'CT/1': '1', 'CT/2': '2'}
    >>> _owners_across({"p1/1": "p1", "p1/2": "p1", "p2/3": "p2"})
    {}
    """
    tops, owners = {}, {}
    for key, folder in folders.items():
        tops[key], _, below = folder.partition("/")
        owners[key] = below.partition("/")[0] or key.rpartition("/")[2]
    places: dict[str, set[str]] = defaultdict(set)
    for key, owner in owners.items():
        places[owner].add(tops[key])
    again = [key for key, owner in owners.items() if len(places[owner]) > 1]
    of_patients = all(_DIGITS.search(top) and not _OF_ALL.match(top) for top in tops.values())
    if of_patients or 2 * len(again) <= len(owners):
        return {}
    return owners


def _are_patients(folders: Mapping[str, str]) -> bool:
    """Return whether cases lie in several folders that have numbers in their names.

    Folders without one are kinds of images (benign, malignant) rather than patients. A few cases
    outside (a stray file, a folder `extra`) leave the others what they are.
    """
    sizes = Counter(folders.values())
    numbered = [n for n in sizes if _DIGITS.search(n) and not _OF_ALL.match(n.partition("/")[0])]
    stray = len(folders) - sum(sizes[name] for name in numbered)
    return 1 < len(numbered) and len(sizes) < len(folders) and stray <= _FEW_STRAY * len(folders)


def _shared(parts: Mapping[str, str], names: Mapping[str, str]) -> float:
    """Return the share of ids that have the part of their name in common with another.

    Whole names that are equal (train/1 and test/1) have nothing in common by that.
    """
    sizes = Counter(parts.values())
    shortened = {part for key, part in parts.items() if part != names[key]}
    return sum(sizes[part] for part in shortened if sizes[part] > 1) / max(1, len(parts))


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
    """Return what may be the patient of every id, where some ids share a stem with another.

    What tells pictures of one thing apart is taken off the ends of all ids (`_stems`), as often as
    leaves several stems with a number of which some are shared. Plain numbering shares none.

    >>> suspected_patients(["a1_1", "a1_2", "a2_1"])
    {'a1_1': 'a1', 'a1_2': 'a1', 'a2_1': 'a2'}
    >>> suspected_patients(["P1_pre", "P1_post", "P2_pre", "P2_post"])["P2_pre"]
    'P2'
    >>> suspected_patients(["scan1", "scan2"])
    """
    names = {key: _SPLIT.sub("", key) for key in keys}
    after_kind = {key: _KIND.sub("", name) for key, name in names.items()}
    if _shared(after_kind, names) > 0.5:
        return after_kind
    stems = _stems(names)
    for taken_off in range(max(map(len, stems.values()), default=1) - 1, 0, -1):
        parts = {key: of_key[min(taken_off, len(of_key) - 1)] for key, of_key in stems.items()}
        if _shared(parts, names) >= _SOME and not _is_name_of_set(parts, names):
            return parts
    # Without a number in them (AAA_1, AAA_2, BBB_1), many are needed.
    parts = {key: _COUNTED.sub("", name) for key, name in names.items()}
    is_likely = len(set(parts.values())) >= _MANY and _shared(parts, names) > 0.5
    return parts if is_likely else None


def _is_name_of_set(parts: Mapping[str, str], names: Mapping[str, str]) -> bool:
    """Return whether one stem alone is shortened, and of most ids: ISIC2018_0001, ISIC2018_0002."""
    shortened = [part for key, part in parts.items() if part != names[key]]
    return len(set(shortened)) == 1 and 2 * len(shortened) > len(parts)


def _stems(names: Mapping[str, str]) -> dict[str, list[str]]:
    """Return every name, then without what tells its pictures apart, as long as a number is left.

    A number before a name counts, too, where it says slice, or comes again before another name.

    >>> _stems({"a": "s7_x1_y2", "b": "001_P00", "c": "001_P01"})
    {'a': ['s7_x1_y2', 's7_x1', 's7'], 'b': ['001_P00', 'P00'], 'c': ['001_P01', 'P01']}
    """
    stems = {key: _without_ends(name) for key, name in names.items()}
    uncut = {key: of_key[0] for key, of_key in stems.items() if len(of_key) == 1}
    glued = {key: match for key, name in uncut.items() if (match := _GLUED.match(name))}
    if len(glued) == len(names) and len({match[2].lower() for match in glued.values()}) == 1:
        stems = {key: [names[key], match[1]] for key, match in glued.items()}
    shortest = {of_key[-1] for of_key in stems.values()}
    heads = Counter(match[0] for stem in shortest if (match := _LEADING.match(stem)))
    for of_key in stems.values():
        match = _LEADING.match(of_key[-1])
        if match and (match[2] or heads[match[0]] > 1):
            of_key.append(of_key[-1][match.end() :])
    return stems


def _without_ends(name: str) -> list[str]:
    stems = [name]
    while True:
        shorter = _COUNTED.sub("", stems[-1])
        if shorter == stems[-1] or not _DIGITS.search(shorter):
            return stems
        stems.append(shorter)


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
        f" sides ({parted[0]}): say group='{groups.pattern}', or group='none' if they are not"
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
        group = group if names_somebody(group) else ""
        if group and of_id[key] not in ("", group):
            raise InputError(
                f"{file} puts '{key}' into two groups ({of_id[key]}, {group}): keep one row."
            )
        of_id[key] = of_id[key] or group
    one = _alike(of_id.values())
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


def _alike(groups: Iterable[str]) -> dict[str, str]:
    """Return for each group the first that is spelled as it is, in another way perhaps."""
    first: dict[str, str] = {}
    return {group: first.setdefault(_spelled(group), group) for group in groups}


def _spelled(group: str) -> str:
    """Return a group as others may spell it.

    >>> [_spelled(group) for group in ("P01", "p-1 ", "7.0", "10", "p1-0")]
    ['p1', 'p1', '7', '10', 'p1-0']
    """
    joined = re.sub(r"(?<=[^\W\d_])[\s_-]+(?=\d)", "", group.strip().lower().removesuffix(".0"))
    return re.sub(r"(?<!\d)0+(?=\d)", "", joined)


def _known_id(entry: str, known: Mapping[str, str], file: Path) -> str:
    """Return the id that an entry of `groups.csv` means."""
    for form in forms_of(entry):
        if form in known:
            return form
    raise InputError(
        f"{file} names '{entry}' but there is no such image: add its files or remove the row."
    )
