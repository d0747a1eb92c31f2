"""Who is trained on, who is tested on, who is labeled.

As lists or folders say, else by seed, with every patient on one side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from ucmt_lite.common import InputError
from ucmt_lite.data.files import quantity
from ucmt_lite.data.lists import Lists

if TYPE_CHECKING:
    from ucmt_lite.data.source import Cases

SPLITS = ("train", "validation", "test")


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
    and so does validation unless its share is 0 or there are two groups only. Errors: InputError
    for fewer than two groups, and for shares that do not add up to 1.

    >>> {k: len(v) for k, v in split_groups({f"{i}": f"{i}" for i in range(10)}).items()}
    {'train': 6, 'validation': 2, 'test': 2}
    """
    order = shuffled(groups.values(), seed)
    if len(groups) == 1:
        raise InputError(
            f"There is one case ('{next(iter(groups))}') and none to test on: give at least two,"
            " one file each."
        )
    if len(order) < 2:
        raise InputError(
            f"All {len(groups)} cases belong to one group ('{order[0]}'): add cases of another"
            " group to test on."
            if order
            else "There are no cases to split: give at least two."
        )
    if len(shares) != 3 or min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise InputError(
            f"shares={tuple(shares)}: give the parts of training, validation and test images, which"
            " add up to 1, such as (0.7, 0.1, 0.2)."
        )
    test = min(max(1, round(shares[2] * len(order))), len(order) - 1)
    validation = max(1, round(shares[1] * len(order))) if shares[1] else 0
    validation = min(validation, len(order) - test - 1)
    train = len(order) - validation - test
    sides = ["train"] * train + ["validation"] * validation
    sides += ["test"] * (len(order) - len(sides))
    side_of = dict(zip(order, sides, strict=True))
    parts: dict[str, list[str]] = {name: [] for name in SPLITS}
    for name, group in groups.items():
        parts[side_of[group]].append(name)
    return {name: ids for name, ids in parts.items() if ids}


class Split(NamedTuple):
    """The ids of every split, in words where they came from, and who is labeled."""

    parts: dict[str, list[str]]
    rule: str
    labeled: tuple[str, ...] = ()  # what a list says; empty where none does
    notes: tuple[str, ...] = ()


class Member(NamedTuple):
    """What decides in which split a case is."""

    group: str
    folder: str | None = None  # the split whose folder it lies in
    has_mask: bool = True


def split_up(
    members: Mapping[str, Member],
    lists: Lists,
    shares: tuple[float, float, float],
    seed: int,
) -> Split:
    """Return who is in which split: as lists say, else as folders say, else by seed.

    Lists and folders are followed also where they put a patient on both sides; the words then say
    so. Images without masks are for training; in another split they are refused.
    """
    groups = {key: member.group for key, member in members.items()}
    named = _by_lists(lists, members) or _by_folders(members)
    if named is not None:
        parts, words = named
        used = {key for ids in parts.values() for key in ids}
        unused = [key for key in members if key not in used]
        split = Split(parts, words + _on_both_sides(parts, groups), notes=_tell_unused(unused))
    else:
        split = _by_seed(members, lists, shares, seed)
    for name in SPLITS[1:]:
        bare = [key for key in split.parts.get(name, ()) if not members[key].has_mask]
        if bare:
            raise InputError(
                f"Image '{bare[0]}' of the {name} split has no mask: add one, or take the image"
                " out; only training images may lack theirs."
            )
    return split._replace(labeled=_checked_labeled(lists, members, split.parts))


def _tell_unused(unused: Sequence[str]) -> tuple[str, ...]:
    if not unused:
        return ()
    return (f"Not used, in no list: {quantity(len(unused), 'case')} (first '{unused[0]}').",)


def _by_lists(
    lists: Lists, members: Mapping[str, Member]
) -> tuple[dict[str, list[str]], str] | None:
    """Return the splits that lists name; None where neither a train nor a test list is there.

    Of a training and a validation list alone, the second is the test set. Lists of labeled and
    unlabeled images stand for a training list.
    """
    # A line that stands twice in one list says nothing new.
    parts = {s: list(dict.fromkeys(lists.parts[s])) for s in SPLITS if s in lists.parts}
    if not parts:
        return None
    if "train" not in parts:
        both = [key for kind in ("labeled", "unlabeled") for key in lists.parts.get(kind, ())]
        parts = {"train": list(dict.fromkeys(both)), **parts}
    if "test" not in parts and "validation" in parts:
        parts["test"] = parts.pop("validation")
    folder = lists.files[0].parent
    for needed in ("train", "test"):
        if not parts.get(needed):
            raise InputError(
                f"The lists in {folder} name no {needed} case: write {needed}.list, one id a line."
            )
    seen: dict[str, str] = {}
    for split, ids in parts.items():
        for key in ids:
            if key in seen:
                raise InputError(
                    f"Case '{key}' is listed twice in {folder} (for {seen[key]} and {split}): keep"
                    " it in one list."
                )
            seen[key] = split
    return parts, "lists in the folder"


def _by_folders(members: Mapping[str, Member]) -> tuple[dict[str, list[str]], str] | None:
    """Return the splits whose folders cases lie in; None where folders name no two splits."""
    folders = {key: member.folder for key, member in members.items()}
    stray = [key for key, folder in folders.items() if folder is None and members[key].has_mask]
    if stray and any(folders.values()):
        raise InputError(
            f"'{stray[0]}' lies in no folder of a split, such as train/, while others do: move it"
            " into one, or take it out."
        )
    if len(set(filter(None, folders.values()))) < 2:
        return None
    parts = {
        split: [key for key, folder in folders.items() if (folder or "train") == split]
        for split in SPLITS
    }
    parts = {split: ids for split, ids in parts.items() if ids}
    if "test" not in parts:
        parts["test"] = parts.pop("validation")
    return (parts, "as the data come") if "train" in parts else None


def _by_seed(
    members: Mapping[str, Member],
    lists: Lists,
    shares: tuple[float, float, float],
    seed: int,
) -> Split:
    """Split the cases with masks by seed; listed and unlabeled ones are for training.

    An image without a mask whose group is tested on is left out.
    """
    meant = [key for kind in ("labeled", "unlabeled") for key in lists.parts.get(kind, ())]
    fixed = {members[key].group for key in meant}
    free = {
        key: member.group
        for key, member in members.items()
        if member.has_mask and member.group not in fixed
    }
    parts = split_groups(free, shares=shares, seed=seed)
    tested = {free[key] for split in SPLITS[1:] for key in parts.get(split, ())}
    train = {*parts["train"]}
    left_out = [k for k, m in members.items() if not m.has_mask and m.group in tested]
    train |= {k for k, m in members.items() if k not in free and m.group not in tested}
    parts["train"] = [key for key in members if key in train]
    percent = "/".join(f"{100 * share:.0f}" for share in shares)
    notes: tuple[str, ...] = ()
    if left_out:
        notes = (
            f"Left out: {quantity(len(left_out), 'image')} without a mask (first '{left_out[0]}'),"
            " as others of the group are tested on.",
        )
    return Split(parts, f"by seed {seed}, {percent} % of the groups", notes=notes)


def _checked_labeled(
    lists: Lists, members: Mapping[str, Member], parts: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Return who may be labeled, empty where no list says it.

    They are the listed ones, who must be trained on and have masks; or, where unlabeled images
    alone are listed, all others.
    """
    train = set(parts["train"])
    if "unlabeled" in lists.parts and "labeled" not in lists.parts:
        bare = set(lists.parts["unlabeled"])
        rest = tuple(key for key in parts["train"] if members[key].has_mask and key not in bare)
        if not rest:
            raise InputError(
                "The list of unlabeled images names every training case with a mask: take those"
                " out of it that may be labeled."
            )
        return rest
    unlabeled = set(lists.parts.get("unlabeled", ()))
    for key in lists.parts.get("labeled", ()):
        if key in unlabeled:
            raise InputError(f"'{key}' is listed as labeled and as unlabeled: keep it in one list.")
        if key not in train:
            raise InputError(
                f"'{key}' is listed as labeled but is no training case: keep it in one list."
            )
        if not members[key].has_mask:
            raise InputError(
                f"'{key}' is listed as labeled but has no mask: add one or remove the line."
            )
    return tuple(dict.fromkeys(lists.parts.get("labeled", ())))


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
    ids: Cases | Sequence[str],
    groups: Sequence[str] | None,
    labeled: int,
    seed: int | None,
    *,
    by_patients: bool = False,
    has_mask: Sequence[bool] | None = None,
    listed: Sequence[str] = (),
    unlabeled: int = 0,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Draw `labeled` training cases that keep their masks.

    The unlabeled stream is the whole training set, as in UCMT; with `unlabeled`, the labeled cases
    and so many others, drawn in the same order: first those of groups begun already. Groups are
    drawn in an order given by the seed and used up one after the other, so that few patients are
    labeled wholly; a larger number contains the smaller one's cases. With `seed=None` the first
    `labeled` ids are taken, which is the rule of the published lists (Yu et al. 2019, UA-MT; Shen
    et al., AdaMix). With `by_patients`, `labeled` counts groups, and all cases of each are drawn.
    Cases without masks (`has_mask`, or as `Cases` say) are never drawn, nor are others than
    `listed` ids where there are any (`Source.labeled`).

    Returns the labeled ids and those of the unlabeled stream. Errors: `labeled` below 1 or above
    the number of cases, `unlabeled` above the number of others; `by_patients` where every case is a
    group of its own.

    >>> split_labeled(["a1", "a2", "b1"], ["a", "a", "b"], labeled=2, seed=None)
    (('a1', 'a2'), ('a1', 'a2', 'b1'))
    >>> split_labeled(["a", "b", "c"], None, labeled=1, seed=None, unlabeled=1)
    (('a',), ('a', 'b'))
    >>> split_labeled(["a", "b", "c"], None, 1, seed=0, has_mask=[False, True, False])[0]
    ('b',)
    >>> split_labeled(["a1", "a2", "b1"], ["a", "a", "b"], 1, seed=None, by_patients=True)[0]
    ('a1', 'a2')
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
    masked = has_mask or getattr(ids, "has_mask", ()) or [True] * len(every)
    order = list(zip(every, belongs, masked, strict=True))
    if by_patients and every == belongs:
        raise InputError(
            f"labeled={labeled} by patients: no patients are known of these {len(every)} images;"
            " tell them (group=, or groups.csv), or count images."
        )
    if seed is not None:
        place = {group: i for i, group in enumerate(shuffled(belongs, seed))}
        order.sort(key=lambda case: (place[case[1]], _lot(case[0], seed)))
    able = [
        (key, group) for key, group, mask in order if mask and (not listed or key in set(listed))
    ]
    # What is counted, in the order in which it is drawn.
    counted = list(dict.fromkeys(group if by_patients else key for key, group in able))
    if labeled > len(counted):
        kind = "listed ones" if listed else "training cases with a mask"
        kind = "training cases" if len(able) == len(every) else kind
        whose = "patients of the " if by_patients else ""
        raise InputError(
            f"labeled={labeled} is more than the {len(counted)} {whose}{kind}: take at most"
            f" {len(counted)}."
        )
    chosen = {*counted[:labeled]}
    drawn = tuple(key for key, group in able if (group if by_patients else key) in chosen)
    return drawn, _stream(every, drawn, [key for key, _, _ in order], unlabeled)


def _stream(
    every: tuple[str, ...], labeled: tuple[str, ...], order: Sequence[str], unlabeled: int
) -> tuple[str, ...]:
    """Return the ids of the unlabeled stream: all, or the labeled ones and the first others."""
    known = {*labeled}
    others = [key for key in order if key not in known]
    if unlabeled < 0:
        raise InputError(f"unlabeled={unlabeled}: give a number from 0 up, 0 for all.")
    if unlabeled > len(others):
        raise InputError(
            f"unlabeled={unlabeled} is more than the {len(others)} training cases besides the"
            " labeled ones: take fewer, or 0 for all."
        )
    seen = {*known, *others[: unlabeled or None]}
    return tuple(key for key in every if key in seen)
