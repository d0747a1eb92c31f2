"""Splits: by seed and id, grouped, the same everywhere; and who is labeled."""

from collections import Counter

import numpy as np
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.data import Cases, split_labeled
from ucmt_lite.data.splits import split_groups

IDS = tuple(f"p{i // 4}_s{i % 4}" for i in range(40))
GROUPS = tuple(name.split("_")[0] for name in IDS)
PATIENTS = dict(zip(IDS, GROUPS, strict=True))


def test_no_group_on_two_sides():
    for seed in range(10):
        parts = split_groups(PATIENTS, seed=seed)
        groups = [{PATIENTS[name] for name in ids} for ids in parts.values()]
        assert [len(group) for group in groups] == [6, 2, 2]
        assert len(set.union(*groups)) == 10
        assert sorted(sum(parts.values(), [])) == sorted(IDS)


def test_split_depends_on_seed_and_ids_alone():
    backwards = split_groups(dict(reversed(PATIENTS.items())), seed=3)
    assert {k: sorted(v) for k, v in backwards.items()} == {
        k: sorted(v) for k, v in split_groups(PATIENTS, seed=3).items()
    }
    assert split_groups(PATIENTS, seed=3) != split_groups(PATIENTS, seed=4)
    # Written down once: another Python or numpy must not move anyone to the other side.
    assert sorted({PATIENTS[name] for name in split_groups(PATIENTS, seed=0)["test"]}) == [
        "p4",
        "p7",
    ]


def test_few_groups():
    assert split_groups({"a": "1", "b": "2"}).keys() == {"train", "test"}
    assert {k: len(v) for k, v in split_groups({n: n for n in "abc"}).items()} == {
        "train": 1,
        "validation": 1,
        "test": 1,
    }
    with pytest.raises(InputError, match=r"All 2 cases belong to one group \('p'\)"):
        split_groups({"a": "p", "b": "p"})
    with pytest.raises(InputError, match="no cases"):
        split_groups({})


def test_labeled_are_whole_patients():
    labeled, everyone = split_labeled(IDS, GROUPS, labeled=8, seed=0)
    assert everyone == IDS  # the unlabeled stream is the whole training set
    assert list(Counter(PATIENTS[name] for name in labeled).values()) == [4, 4]


def test_labeled_sets_are_nested_and_seeded():
    small, large = (split_labeled(IDS, GROUPS, labeled=n, seed=5)[0] for n in (3, 20))
    assert large[:3] == small and len(set(large)) == 20
    assert set(small) != set(split_labeled(IDS, GROUPS, labeled=3, seed=6)[0])
    shuffled = IDS[::-1]
    assert set(split_labeled(shuffled, GROUPS[::-1], labeled=3, seed=5)[0]) == set(small)


def test_labeled_by_the_published_rule():
    assert split_labeled(IDS, GROUPS, labeled=5, seed=None)[0] == IDS[:5]


def test_labeled_of_cases():
    empty = [np.zeros((1, 2, 2), np.uint8)] * 40
    cases = Cases(IDS, GROUPS, empty, [e[0] for e in empty], (None,) * 40, None)
    assert split_labeled(cases, None, 8, 0) == split_labeled(IDS, GROUPS, 8, 0)
    labeled = cases.select(split_labeled(cases, cases.groups, 8, 0)[0])
    assert len(labeled) == 8 and len(set(labeled.groups)) == 2
    with pytest.raises(InputError, match="Case 'ghost' is not among these 8 cases"):
        labeled.select(["ghost"])


@pytest.mark.parametrize(
    ("labeled", "sentence"),
    [
        (0, "labeled=0 leaves nothing to learn from"),
        (41, "labeled=41 is more than the 40 training cases"),
    ],
)
def test_wrong_number_of_labels(labeled, sentence):
    with pytest.raises(InputError, match=sentence):
        split_labeled(IDS, GROUPS, labeled, 0)


def test_wrong_number_of_groups():
    with pytest.raises(InputError, match="40 ids but 3 groups"):
        split_labeled(IDS, GROUPS[:3], 4, 0)
