"""The masks of pictures before they were resized: kept for the splits that are scored."""

import h5py
import numpy as np
import pytest

from ucmt_lite.data import Cases, cases, from_dataset, load


def pictures_with_dots(root, draw, names=tuple("abcdef")):
    """Write pictures of 40 x 60 pixels in folders of splits; of each one pixel is marked."""
    for i, name in enumerate(names):
        mask = np.zeros((40, 60), np.uint8)
        mask[7, 11 + i] = 255
        part = "train" if i % 2 else "test"
        draw(root / part / "images" / f"{name}.png", mask // 2 + 10)
        draw(root / part / "masks" / f"{name}.png", mask)
    return root


def test_an_object_that_vanishes_on_resizing_is_still_there_to_be_scored(tmp_path, draw):
    source = load("folder", root=pictures_with_dots(tmp_path, draw), size=16)
    test = cases(source.splits["test"], size=16, own_masks=True)
    assert not np.any(test.masks)
    assert [np.argwhere(mask == 1).tolist() for mask in test.own_masks] == [
        [[7, 11]],
        [[7, 13]],
        [[7, 15]],
    ]
    assert {mask.shape for mask in test.own_masks} == {(40, 60)}


def test_training_images_keep_none_and_nothing_is_kept_where_nothing_is_resized(tmp_path, draw):
    root = pictures_with_dots(tmp_path, draw)
    assert "own_mask" not in load("folder", root=root, size=16).splits["train"].column_names
    assert "own_mask" not in load("folder", root=root).splits["test"].column_names


def test_masks_are_decoded_when_they_are_asked_for_and_never_kept(tmp_path, draw):
    source = load("folder", root=pictures_with_dots(tmp_path, draw), size=16)
    test = cases(source.splits["test"], size=16, own_masks=True)
    assert test.own_masks[0] is not test.own_masks[0]
    few = test.select(["e", "a"])
    assert len(few.own_masks) == 2 and few.own_masks[0][7, 15] and few.own_masks[1][7, 11]


def test_several_masks_of_an_image_are_united_at_their_own_size(tmp_path, draw):
    for name in "abcdef":
        for ending, column in (("", 3), ("_1", 50)):
            mask = np.zeros((40, 60), np.uint8)
            mask[20, column] = 255
            draw(tmp_path / f"{name}_mask{ending}.png", mask)
        draw(tmp_path / f"{name}.png", mask // 2 + 10)
    source = load("folder", root=tmp_path, size=16)
    (mask, *_) = cases(source.splits["test"], size=16, own_masks=True).own_masks
    assert np.argwhere(mask).tolist() == [[20, 3], [20, 50]]


def test_what_values_mean_holds_for_masks_of_their_own_size(tmp_path, draw):
    for i, name in enumerate("abcdef"):
        mask = np.zeros((40, 60), np.uint8)
        mask[:20, :20] = 100
        mask[20 + i, 30] = 200
        draw(tmp_path / f"images/{name}.png", mask)
        draw(tmp_path / f"masks/{name}.png", mask)
    source = load("folder", root=tmp_path, size=16, classes=3)
    for mask in cases(source.splits["test"], size=16, own_masks=True).own_masks:
        assert np.bincount(mask.ravel()).tolist() == [40 * 60 - 401, 400, 1]


def test_hdf5_slices_keep_their_spacing_too(volumes):
    root = volumes((8, 4))
    for file in root.iterdir():
        with h5py.File(file, "a") as h5:
            h5.attrs["spacing"] = (1.0, 2.0)
    test = cases(load("hdf5", root=root, size=16).splits["test"], size=16, own_masks=True)
    assert test.own_masks[0].shape == (8, 4) and test.own_masks[0].sum() == 4
    assert set(test.own_spacing) == {(1.0, 2.0)} and set(test.spacing) == {(0.5, 0.5)}


@pytest.mark.parametrize("read_at", [16, None])
def test_tables_keep_them_whether_they_are_resized_on_reading_or_later(read_at):
    import datasets

    masks = [np.pad(np.ones((1, 1), np.uint8), ((i, 29 - i), (5, 34))) for i in range(6)]
    rows = datasets.Dataset.from_dict({"image": [mask * 9 for mask in masks], "mask": masks})
    source = from_dataset(rows, size=read_at)
    test = cases(source.splits["test"], size=16, own_masks=True)
    assert test.masks[0].shape == (16, 16)
    assert test.own_masks[0].shape == (30, 40) and test.own_masks[0].sum() == 1


def test_volumes_and_phantoms_are_what_they_were(volumes):
    volume = load("hdf5", root=volumes()).splits["test"]
    assert cases(volume, own_masks=True).own_masks is None
    heart = load("phantom_heart", size=32, count=(2, 1, 2)).splits["test"]
    drawn = cases(heart, size=32, own_masks=True)
    assert isinstance(drawn, Cases) and np.array_equal(drawn.own_masks[1], drawn.masks[1])
