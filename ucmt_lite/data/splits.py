"""Who is trained on, who is tested on, who is labeled.

As lists or folders say, else by seed, with every patient on one side.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ucmt_lite.common import InputError

if TYPE_CHECKING:
    from ucmt_lite.data.source import Cases

SPLITS = ("train", "validation", "test")
PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
LISTS = {
    "train": ("train.list", "train_slices.list"),
    "validation": ("val.list", "validation.list"),
    "test": ("test.list",),
}


def shuffled(groups: Iterable[str], seed: int) -> list[str]:
    """Return the different groups in an order that depends only on their names and the seed.

    So it is the same on every computer.

    >>> shuffled(["a", "b", "c", "a"], seed=0) == shuffled(["c", "b", "a"], seed=0)
    True
    """
    return sorted(set(groups), key=lambda group: _lot(group, seed))


def _lot(name: str, seed: int) -> bytes:
    return sha256(f"{seed}/{name}".encode()).digest()


def split_groups(
    groups: Mapping[str, str],
    *,
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2),
    seed: int = 0,
) -> dict[str, list[str]]:
    """Split ids into train, validation and test by seed; a group (patient) stays together.

    `groups` maps id to group; `shares` count groups. The test set gets at least one group,
    and so does validation unless its share is 0 or there are two groups only.

    >>> {k: len(v) for k, v in split_groups({f"{i}": f"{i}" for i in range(10)}).items()}
    {'train': 6, 'validation': 2, 'test': 2}
    """
    order = shuffled(groups.values(), seed)
    if len(order) < 2:
        raise InputError(
            f"All {len(groups)} cases belong to one group ('{order[0]}'): add cases of another"
            " group to test on."
            if order
            else "There are no cases to split: give at least two."
        )
    test = max(1, round(shares[2] * len(order)))
    validation = max(1, round(shares[1] * len(order))) if shares[1] and len(order) > 2 else 0
    train = max(1, len(order) - validation - test)
    sides = ["train"] * train + ["validation"] * validation
    sides += ["test"] * (len(order) - len(sides))
    side_of = dict(zip(order, sides, strict=True))
    parts: dict[str, list[str]] = {name: [] for name in SPLITS}
    for name, group in groups.items():
        parts[side_of[group]].append(name)
    return {name: ids for name, ids in parts.items() if ids}


def _split_lists(root: Path, groups: Mapping[str, str]) -> dict[str, list[str]] | None:
    """Read `train.list`, `val.list`, `test.list` of a folder; None where there is no such file.

    They hold one id a line. A line may also name a group, or the start of ids up to an underscore
    (`patient001` for all its slices). Of a training and a validation list alone, the second is the
    test set.
    """
    files = {
        split: next((root / n for n in names if (root / n).is_file()), None)
        for split, names in LISTS.items()
    }
    if not any(files.values()):
        return None
    parts = {split: _listed(file, groups) for split, file in files.items() if file is not None}
    if "test" not in parts and "validation" in parts:
        parts["test"] = parts.pop("validation")
    for needed in ("train", "test"):
        if not parts.get(needed):
            raise InputError(
                f"The lists in {root} name no {needed} case: write {LISTS[needed][0]}, one id a"
                " line."
            )
    seen: dict[str, str] = {}
    for split, ids in parts.items():
        for name in ids:
            if name in seen:
                raise InputError(
                    f"Case '{name}' is listed twice in {root} (for {seen[name]} and {split}): keep"
                    " it in one list."
                )
            seen[name] = split
    return parts


def _listed(file: Path, groups: Mapping[str, str]) -> list[str]:
    """Return the ids that one list names, in its order."""
    listed: list[str] = []
    for line in _text(file).splitlines():
        entry = line.strip()
        if not entry:
            continue
        if entry in groups:
            listed.append(entry)
            continue
        ids = [
            name for name, group in groups.items() if group == entry or name.startswith(entry + "_")
        ]
        if not ids:
            raise InputError(
                f"{file} names '{entry}' but there is no such case in {file.parent}: add its files"
                " or remove the line."
            )
        listed += ids
    return listed


def _text(file: Path) -> str:
    """Return the text of a file, whatever its line ends are."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file} is not in UTF-8: save it again in that encoding.") from None


def read_groups(root: Path, known: Mapping) -> dict[str, str] | None:
    """Read `groups.csv` (id,group) of a folder; None where there is none.

    An id without a row, or without a group in it, is a group of its own.
    """
    file = root / "groups.csv"
    if not file.is_file():
        return None
    rows = list(csv.DictReader(_text(file).splitlines()))
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


def split_up(
    root: Path | None,
    folders: Mapping[str, str | None],
    groups: Mapping[str, str],
    shares: tuple[float, float, float],
    seed: int,
) -> tuple[dict[str, list[str]], str]:
    """Return the ids of every split, and in words where the splits came from.

    That is from lists, from folders (`id -> split`), or from a seed. Lists and folders are followed
    also where they put a patient on both sides; the words then say so.
    """
    listed = _split_lists(root, groups) if root is not None else None
    if listed is not None:
        return listed, "lists in the folder" + _on_both_sides(listed, groups)
    stray = [key for key, split in folders.items() if split is None]
    if stray and len(stray) < len(folders):
        raise InputError(
            f"'{stray[0]}' lies in no folder of a split, such as train/, while others do: move it"
            " into one, or take it out."
        )
    if len(set(folders.values())) > 1:
        parts = {
            split: [key for key, folder in folders.items() if folder == split]
            for split in SPLITS
            if split in folders.values()
        }
        if "test" not in parts:
            parts["test"] = parts.pop("validation")
        if "train" in parts:
            return parts, "as the data come" + _on_both_sides(parts, groups)
    percent = "/".join(f"{100 * share:.0f}" for share in shares)
    return (
        split_groups(groups, shares=shares, seed=seed),
        f"by seed {seed}, {percent} % of the groups",
    )


def _on_both_sides(parts: Mapping[str, Iterable[str]], groups: Mapping[str, str]) -> str:
    """Return a warning in words, where splits share groups.

    >>> _on_both_sides({"train": ["a", "b"], "test": ["c"]}, {"a": "p", "b": "q", "c": "p"})
    ', 1 group on both sides (p)'
    """
    sides = [{groups[name] for name in ids} for ids in parts.values()]
    shared = sorted(set.union(*sides)) if sides else []
    shared = [group for group in shared if sum(group in side for side in sides) > 1]
    if not shared:
        return ""
    return f", {len(shared)} group{'s' * (len(shared) > 1)} on both sides ({shared[0]})"


def first(parts: dict[str, list[str]], count: Sequence[int] | None) -> dict[str, list[str]]:
    """Return the first cases of every split.

    `count` gives the numbers for train, validation and test, or for train alone.
    """
    if count is None:
        return parts
    wanted = dict(zip(SPLITS, count, strict=False))
    for split, number in wanted.items():
        available = len(parts.get(split, ()))
        if number > available:
            raise InputError(
                f"count asks for {number} {split} cases but there are {available}: ask for fewer."
            )
    return {split: ids[: wanted.get(split, len(ids))] for split, ids in parts.items()}


def split_labeled(
    ids: Cases | Sequence[str], groups: Sequence[str] | None, labeled: int, seed: int | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Draw `labeled` training cases that keep their masks.

    The unlabeled stream is the whole training set, as in UCMT. Groups are drawn in an order given
    by the seed and used up one after the other, so that few patients are labeled wholly; a larger
    number contains the smaller one's cases. With `seed=None` the first `labeled` ids are taken,
    which is the rule of the published lists (Yu et al. 2019, UA-MT; Shen et al., AdaMix).

    Returns the labeled ids and all ids. Errors: `labeled` below 1 or above the number of cases.

    >>> split_labeled(["a1", "a2", "b1"], ["a", "a", "b"], labeled=2, seed=None)
    (('a1', 'a2'), ('a1', 'a2', 'b1'))
    """
    every = tuple(ids.ids) if hasattr(ids, "ids") else tuple(ids)
    belongs = tuple(groups) if groups is not None else tuple(getattr(ids, "groups", every))
    if len(belongs) != len(every):
        raise InputError(
            f"There are {len(every)} ids but {len(belongs)} groups: give one group for each id."
        )
    if labeled < 1:
        raise InputError(
            f"labeled={labeled} leaves nothing to learn from: take at least 1 labeled case."
        )
    if labeled > len(every):
        raise InputError(
            f"labeled={labeled} is more than the {len(every)} training cases: take at most"
            f" {len(every)}."
        )
    if seed is None:
        return every[:labeled], every
    place = {group: i for i, group in enumerate(shuffled(belongs, seed))}
    order = sorted(
        zip(every, belongs, strict=True), key=lambda case: (place[case[1]], _lot(case[0], seed))
    )
    return tuple(name for name, _ in order[:labeled]), every
