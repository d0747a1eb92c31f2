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
    with pytest.raises(InputError, match=r"There is one case \('a'\) and none to test on: give at"):
        split_groups({"a": "p"})
    with pytest.raises(InputError, match="no cases"):
        split_groups({})


@pytest.mark.parametrize("shares", [(0.2, 0.8, 0.0), (0.1, 0.9, 0.0), (0.0, 0.0, 1.0)])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_whatever_the_shares_somebody_is_trained_on_and_somebody_tested_on(shares, count):
    parts = split_groups({f"{n}": f"{n}" for n in range(count)}, shares=shares)
    assert {"train", "test"} <= parts.keys() and sum(map(len, parts.values())) == count


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (1.2, -0.4, 0.2)])
def test_shares_that_are_no_parts_of_one_are_refused(shares):
    with pytest.raises(InputError, match="give the parts of training, .* which add up to 1"):
        split_groups({n: n for n in "abcde"}, shares=shares)


def test_labeled_are_whole_patients():
    labeled, everyone = split_labeled(IDS, GROUPS, labeled=8, seed=0)
    assert everyone == IDS  # the unlabeled stream is the whole training set
    assert list(Counter(PATIENTS[name] for name in labeled).values()) == [4, 4]


def test_patients_can_be_counted_instead_of_images():
    labeled, everyone = split_labeled(IDS, GROUPS, 3, seed=0, by_patients=True)
    assert everyone == IDS and len(labeled) == 12
    assert list(Counter(PATIENTS[name] for name in labeled).values()) == [4, 4, 4]
    assert labeled == split_labeled(IDS, GROUPS, 12, seed=0)[0], "in the same order as images"
    uneven = split_labeled(("a1", "b1", "b2", "c1"), ("a", "b", "b", "c"), 3, 1, by_patients=True)
    assert set(uneven[0]) == {"a1", "b1", "b2", "c1"}
    assert split_labeled(IDS, GROUPS, 2, seed=None, by_patients=True)[0] == IDS[:8]


def test_patients_are_counted_where_they_have_masks():
    has_mask = [name[1] not in "01" and not name.endswith("s3") for name in IDS]
    more = {"by_patients": True, "has_mask": has_mask}
    labeled, _ = split_labeled(IDS, GROUPS, 8, seed=0, **more)
    assert len(labeled) == 8 * 3 and not {PATIENTS[name] for name in labeled} & {"p0", "p1"}
    with pytest.raises(
        InputError, match="labeled=9 is more than the 8 patients of the training cases with a mask"
    ):
        split_labeled(IDS, GROUPS, 9, seed=0, **more)


def test_patients_that_nobody_knows_are_not_counted():
    with pytest.raises(InputError, match="no patients are known of these 40 images; tell them"):
        split_labeled(IDS, None, 4, seed=0, by_patients=True)


def test_labeled_sets_are_nested_and_seeded():
    small, large = (split_labeled(IDS, GROUPS, labeled=n, seed=5)[0] for n in (3, 20))
    assert large[:3] == small and len(set(large)) == 20
    assert set(small) != set(split_labeled(IDS, GROUPS, labeled=3, seed=6)[0])
    shuffled = IDS[::-1]
    assert set(split_labeled(shuffled, GROUPS[::-1], labeled=3, seed=5)[0]) == set(small)


def test_fewer_images_may_be_seen_without_masks():
    labeled, few = split_labeled(IDS, GROUPS, 4, seed=0, unlabeled=4)
    _, more = split_labeled(IDS, GROUPS, 4, seed=0, unlabeled=10)
    assert len(few) == 8 and set(labeled) < set(few) < set(more) and len(more) == 14
    assert few == tuple(name for name in IDS if name in few), "in the order of the data"
    assert set(more) == set(split_labeled(IDS[::-1], GROUPS[::-1], 4, seed=0, unlabeled=10)[1])
    assert len({PATIENTS[name] for name in more}) == 4, "patients are used up one by one"
    assert split_labeled(IDS, GROUPS, 4, seed=0, unlabeled=36)[1] == IDS
    with pytest.raises(InputError, match="unlabeled=37 is more than the 36 training cases besides"):
        split_labeled(IDS, GROUPS, 4, seed=0, unlabeled=37)
    with pytest.raises(InputError, match="unlabeled=-1: give a number from 0 up"):
        split_labeled(IDS, GROUPS, 4, seed=0, unlabeled=-1)


def test_images_seen_without_masks_may_be_those_that_have_none():
    has_mask = [name not in IDS[:8] for name in IDS]
    labeled, stream = split_labeled(
        IDS, GROUPS, 2, seed=0, by_patients=True, has_mask=has_mask, unlabeled=32
    )
    assert len(labeled) == 8 and set(stream) == set(IDS) and not set(labeled) & set(IDS[:8])


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
