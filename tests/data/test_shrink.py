"""Volumes made smaller: what is trained on, and the masks that are scored at."""

from dataclasses import replace

import numpy as np
import pytest

from ucmt_lite.data import Cases
from ucmt_lite.data.batches import center_crop
from ucmt_lite.data.shrink import shrink, shrink_factor


def volume(shape=(12, 9, 6), dtype=np.float16):
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 100
    mask = np.zeros(shape, np.uint8)
    mask[: shape[0] // 2] = 2
    mask[-3:] = 1
    return Cases(("a",), ("p",), [image[None].astype(dtype)], [mask], ((1.0, 1.0, 2.0),))


def test_images_become_means_and_masks_the_class_that_fills_most():
    small = shrink(volume(), 3)
    assert small.images[0].shape == (1, 4, 3, 2) and small.images[0].dtype == np.float16
    whole = volume().images[0][0, :3, :3, :3].astype(np.float32)
    assert small.images[0][0, 0, 0, 0] == pytest.approx(whole.mean(), abs=1e-3)
    assert small.masks[0][:, 0, 0].tolist() == [2, 2, 0, 1]


def test_own_masks_and_spacing_are_kept_also_when_shrunk_twice():
    whole = volume()
    small = shrink(shrink(whole, 3), 2)
    assert small.own_masks[0] is whole.masks[0] and small.own_spacing == whole.spacing
    assert small.spacing[0] == pytest.approx((6.0, 4.5, 12.0))
    assert small.select(["a"]).own_masks[0] is whole.masks[0]


def test_bytes_stay_bytes_and_a_factor_of_one_changes_nothing():
    whole = volume(dtype=np.uint8)
    assert shrink(whole, 3).images[0].dtype == np.uint8
    assert shrink(whole, 1) is whole


@pytest.mark.parametrize(("side", "factor"), [(40, 1), (90, 1), (100, 2), (190, 3), (500, 8)])
def test_the_longest_side_of_the_median_decides(side, factor):
    assert shrink_factor([(side, 30, 30), (30, side, 30), (side, 40, 30)]) == factor


def test_who_has_a_mask_is_kept():
    whole = volume()
    bare = replace(whole, has_mask=(False,))
    assert shrink(bare, 3).has_mask == (False,)
    assert center_crop(bare, (4, 4, 4)).has_mask == (False,)
