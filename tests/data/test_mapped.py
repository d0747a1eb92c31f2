"""Cases in a mapped file are the cases in memory, and training reads them where they lie."""

import numpy as np
import pytest
import torch

from ucmt_lite.common import InputError
from ucmt_lite.data import Batches, cases, load
from ucmt_lite.data.mapped import ROWS, keep_on_disk, open_cases, save_cases


def agree(one, other):
    assert (one.ids, one.groups, one.spacing) == (other.ids, other.groups, other.spacing)
    for name in ("images", "masks", "ambiguity"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            assert a.dtype == b.dtype and np.array_equal(a, b)


@pytest.mark.parametrize(("phantom", "size"), [("phantom_skin", 32), ("phantom_atrium", None)])
def test_mapped_cases_are_the_cases_in_memory(phantom, size, tmp_path):
    split = load(phantom, size=size, count=3).splits["train"]
    mapped = keep_on_disk(split, tmp_path / "cases.arrow", size=size)
    agree(mapped, cases(split, size=size))
    agree(open_cases(tmp_path / "cases.arrow"), mapped)
    assert not mapped.images[0].flags.owndata and not mapped.images[0].flags.writeable


def test_a_set_is_written_part_by_part(tmp_path):
    few = cases(load("phantom_heart", size=32, count=ROWS + 1).splits["train"])
    keep_on_disk(
        load("phantom_heart", size=32, count=ROWS + 1).splits["train"],
        tmp_path / "cases.arrow",
    )
    agree(open_cases(tmp_path / "cases.arrow"), few)


def test_training_gets_the_same_minibatches_and_copies_no_image_before(tmp_path):
    held = cases(load("phantom_heart", size=32, count=6).splits["train"])
    save_cases([held], tmp_path / "cases.arrow")
    mapped = open_cases(tmp_path / "cases.arrow")
    batches = Batches(mapped, mapped, seed=1)
    assert all(
        image is kept for image, (kept, _) in zip(mapped.images, batches.labeled, strict=True)
    )
    expected = Batches(held, held, seed=1)
    for step in (0, 3):
        assert all(torch.equal(a, b) for a, b in zip(batches(step), expected(step), strict=True))


def test_another_file_is_refused(tmp_path):
    (tmp_path / "other.arrow").write_bytes(b"no arrow")
    with pytest.raises(InputError, match="holds no cases"):
        open_cases(tmp_path / "other.arrow")
    with pytest.raises(InputError, match="holds no cases"):
        open_cases(tmp_path / "absent.arrow")
