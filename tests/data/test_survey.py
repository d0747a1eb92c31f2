"""The survey of a set says what a careful colleague would look at."""

import h5py
import numpy as np
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load
from ucmt_lite.data.survey import NEAR, difference_hash, survey


def textured(seed, shape=(32, 40)):
    return np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, draw):
    """Ten textured images in which 8 is nearly 2; the last three show no object."""
    for i in range(10):
        image = textured(i).astype(int)
        if i == 8:
            image = textured(2).astype(int) + 3
        mask = np.zeros((32, 40), np.uint8)
        mask[4 : 8 + i, 5:15] = 255 * (i < 7)
        draw(tmp_path / f"images/s{i // 2}_{i % 2}.png", image.clip(0, 255).astype(np.uint8))
        draw(tmp_path / f"masks/s{i // 2}_{i % 2}.png", mask)
    (tmp_path / "notes.doc").write_bytes(b"")
    return tmp_path


def test_every_number_is_that_of_the_files(folder):
    source = load("folder", root=folder, classes=["background", "spot"])
    text = "\n".join(survey(source))
    masks = [mask for split in source.splits.values() for mask in cases(split).masks]
    shares = sorted(100 * mask.mean() for mask in masks)
    assert text.startswith("folder: 2D, 1 channel, classes background, spot\n  train: 6 cases of 6")
    assert "sizes: 32 x 40\n" in text and "values: bytes, as they are\n" in text
    assert f"class 1 spot: {np.mean(shares):.2f} % of pixels, in 7 of 10 cases" in text
    assert (
        f"foreground: 0.00 % min, {np.median(shares):.2f} % median, {shares[-1]:.2f} % max" in text
    )
    assert "patients: 10 ids look like 5 patients (s0, ...)" in text
    assert "near-duplicates: 1 pair, " in text and "s1_0 in" in text and "s4_0 in" in text
    assert "note: Passed over: 1 .doc file (first notes.doc)." in text
    assert "note: 3 of 10 masks show no foreground" in text


def test_pictures_that_are_resized_have_two_sizes(folder, draw):
    draw(folder / "images/s5_0.png", textured(20, (32, 60)))
    draw(folder / "masks/s5_0.png", np.pad(np.full((4, 4), 255, np.uint8), ((5, 23), (5, 51))))
    text = "\n".join(survey(load("folder", root=folder, size=16)))
    assert "sizes: 32 x 40-60, 2 different sizes, read at 16 x 16\n" in text


def test_volumes_have_spacing_sizes_and_no_flat_duplicates(tmp_path):
    for i in range(4):
        values = np.full((8, 8 + i, 6), 7, np.int16)
        values[0, 0, 0] = 900 + i
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file["image"], file["label"] = values, np.ones(values.shape, np.uint8)
            if i:
                file.attrs["spacing"] = (1.0, 0.5 + i, 2.0)
    text = "\n".join(survey(load("hdf5", root=tmp_path)))
    assert "sizes: 8 x 8-11 x 6, 4 different sizes" in text
    assert "spacing: 1 x 1.5-3.5 x 2 mm, unknown of 1 case" in text
    assert "values: each image standardised" in text and "near-duplicates: none found" in text


def test_a_hash_tells_the_same_scene_from_another():
    a, b = (textured(i)[None] for i in range(2))
    brighter = (a * 0.8 + 20).astype(np.uint8)
    assert (difference_hash(a) != difference_hash(brighter)).sum() <= NEAR
    assert (difference_hash(a) != difference_hash(b)).sum() > 4 * NEAR


def test_known_near_duplicates_are_found(real_data):
    source = load("isic2018", root=real_data("isic2018_256"), size=64, count=(1815, 1, 519))
    line = next(line for line in survey(source) if "near-duplicates" in line)
    pairs, across = (int(word) for word in line.replace(",", "").split() if word.isdigit())
    assert pairs >= 9 and across >= 5


def spotted(place):
    """A small bright object on black, whose outline says next to nothing."""
    image = np.zeros((64, 64), np.uint8)
    image[place : place + 4, place : place + 4] = 255
    return image


def test_equal_images_are_found_however_flat(tmp_path, draw):
    for i, place in enumerate([5, 20, 35, 5, 50]):
        draw(tmp_path / f"images/s{i}.png", spotted(place))
        draw(tmp_path / f"masks/s{i}.png", spotted(20))
    for i in (5, 6):  # blank images are no copies of each other
        draw(tmp_path / f"images/s{i}.png", np.zeros((64, 64), np.uint8))
        draw(tmp_path / f"masks/s{i}.png", spotted(20))
    line = next(line for line in survey(load("folder", root=tmp_path)) if "near-dup" in line)
    assert "near-duplicates: 1 pair, " in line and "s0 in" in line and "s3 in" in line
    assert line.endswith("; 7 images too flat to be compared but for equality")


def test_where_no_image_is_flat_nothing_is_said_of_flat_ones(tmp_path, draw):
    for i in range(5):
        draw(tmp_path / f"images/s{i}.png", textured(i))
        draw(tmp_path / f"masks/s{i}.png", textured(9) // 128 * 255)
    assert "  near-duplicates: none found" in survey(load("folder", root=tmp_path))


def test_volumes_are_compared_by_a_slice_that_shows_something():
    volume = np.zeros((1, 32, 40, 9), np.float16)
    volume[0, ..., 2] = textured(0)
    assert 16 < difference_hash(volume).sum() < 240
    assert (difference_hash(volume) == difference_hash(volume[..., 2])).all()


BLANK = np.full((32, 40, 3), (200, 40, 90), np.uint8)


@pytest.mark.parametrize("size", [None, 16])
@pytest.mark.parametrize("scored", ["val", "test"])
@pytest.mark.parametrize("image", [textured(1), BLANK])
def test_an_image_that_is_trained_on_and_scored_is_told(image, scored, size, tmp_path, draw):
    """Two of five images are equal; blank ones are so by chance."""
    images = {
        ("train", "a"): textured(0),
        ("train", "b"): image,
        ("val", "c"): textured(2),
        ("test", "d"): textured(3),
        (scored, "e"): image,
    }
    for (split, name), pixels in images.items():
        draw(tmp_path / split / f"images/{name}.png", pixels)
        draw(tmp_path / split / f"masks/{name}.png", textured(9) // 128 * 255)
    told = " ".join(load("folder", root=tmp_path, size=size).notes)
    sentence = "1 image to score with is trained on as well (first 'e', equal to 'b'): take equal"
    assert (sentence in told) == ("to score with" in told) == (image is not BLANK)


@pytest.mark.parametrize("is_blank", [False, True])
def test_a_volume_that_is_trained_on_and_scored_is_told(is_blank, volumes):
    root = volumes(names="abcd")
    for split, names in (("train", "ab"), ("test", "cd")):
        (root / split).mkdir()
        for name in names:
            (root / f"{name}.h5").rename(root / split / f"{name}.h5")
    assert "to score with" not in " ".join(load("hdf5", root=root).notes)
    for path in root.glob("*/*.h5"):
        with h5py.File(path, "a") as file:
            grey = file["image"][()].clip(0, 255) * (not is_blank)
            del file["image"]
            file["image"] = grey.astype(np.uint8)
    (root / "test/c.h5").write_bytes((root / "train/a.h5").read_bytes())
    told = " ".join(load("hdf5", root=root).notes)
    sentence = "1 image to score with is trained on as well (first 'c', equal to 'a'): take equal"
    assert (sentence in told) == ("to score with" in told) == (not is_blank)


def test_a_damaged_picture_on_both_sides_ends_in_a_sentence(tmp_path, draw):
    for split, names in (("train", "ab"), ("test", "cd")):
        for name in names:
            draw(tmp_path / split / f"images/{name}.png", textured(ord(name)))
            draw(tmp_path / split / f"masks/{name}.png", textured(9) // 128 * 255)
    whole = (tmp_path / "train/images/a.png").read_bytes()
    for file in ("train/images/a.png", "test/images/c.png"):
        (tmp_path / file).write_bytes(whole[:-200])
    with pytest.raises(InputError, match="Image '[ac]' cannot be read"):
        load("folder", root=tmp_path)
