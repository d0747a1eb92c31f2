"""The picture of a set's views shows what training makes of it."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from ucmt_lite.common import InputError
from ucmt_lite.data import Batches, Cases
from ucmt_lite.data.views import Strength
from ucmt_lite.explore.draw.views import draw_views

STILL = Strength(flip=False, contrast=0, brightness=0, colour=0, blur=0, noise=0)


def made(*sides, channels=1, dtype=np.uint8, count=3):
    random = np.random.default_rng(0)
    mask = np.zeros(sides, np.uint8)
    mask[tuple(slice(side // 4, side // 2) for side in sides)] = 1
    if dtype == np.uint8:
        images = [
            random.integers(0, 256, (channels, *sides)).astype(np.uint8) for _ in range(count)
        ]
    else:
        images = [random.normal(size=(channels, *sides)).astype(dtype) for _ in range(count)]
    names = tuple(map(str, range(count)))
    return Cases(names, names, images, [mask] * count, (None,) * count)


def shown(picture):
    """The images of a picture, row by row."""
    return [ax.images[0].get_array() for ax in picture.figure.axes]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_row_is_an_image_and_the_views_that_training_makes_of_it(channels):
    cases = made(16, 16, channels=channels)
    strength = Strength(degrees=15, zoom=1.2, shift=0.05)
    picture = draw_views(cases, strength, seed=4, count=2)
    assert len(picture.figure.axes) == 2 * 5
    for row, key in enumerate(cases.ids[:2]):
        one = cases.select([key])
        batches = Batches(one, one, batch=(1, 1), views=strength, seed=4 + row)
        first, second = batches(0), batches(1)
        for column, view in enumerate((first.x, first.x1, second.x, second.x1), start=1):
            pixels = ((view[0].clip(-1, 1) + 1) * 127.5).round().byte().numpy()
            expected = pixels[0] if channels == 1 else np.moveaxis(pixels, 0, -1)
            assert np.array_equal(shown(picture)[5 * row + column], expected)
        image = np.moveaxis(cases.images[row], 0, -1).squeeze()
        assert np.array_equal(shown(picture)[5 * row], image)
    assert not np.array_equal(shown(picture)[1], shown(picture)[3]), "two weak views"


def test_names_and_sizes_stand_above_the_images():
    picture = draw_views(made(16, 16), STILL, count=2, sizes=[(480, 640), (60, 80)])
    titles = [ax.get_title() for ax in picture.figure.axes]
    assert titles[0] == "0\n480 x 640 pixels" and titles[5] == "1\n60 x 80 pixels"
    assert titles[1:5] == ["weak view 1", "strong view of 1", "weak view 2", "strong view of 2"]
    assert set(titles[6:]) == {""}
    (volume, *_) = draw_views(made(12, 12, 8, count=1), STILL).figure.axes
    assert volume.get_title() == "0\n12 x 12 x 8 voxels"


def test_several_classes_have_a_colour_each_and_a_legend():
    cases = made(16, 16, count=1)
    cases.masks[0] = np.kron([[0, 1], [2, 0]], np.ones((8, 8))).astype(np.uint8)
    picture = draw_views(cases, STILL, classes=("background", "cup", "disc"))
    (legend,) = picture.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["cup", "disc"]
    drawn = {tuple(c.get_edgecolor()[0]) for c in picture.figure.axes[0].collections}
    assert len(drawn) == 3, "two colours and the halo"
    assert not draw_views(made(16, 16), STILL, classes=("background", "cell")).figure.legends


def test_every_image_has_the_outline_of_its_mask():
    picture = draw_views(made(16, 16), STILL, count=2)
    assert all(len(ax.collections) == 2 for ax in picture.figure.axes), "a line and its halo"


@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
def test_of_a_volume_a_slice_with_its_mask_is_shown_in_the_same_grey_values(dtype):
    cases = made(12, 12, 8, dtype=dtype, count=1)
    image, *views = shown(draw_views(cases, STILL))
    assert image.shape == (12, 12) and image.dtype == np.uint8
    for view in views:
        assert np.abs(view.astype(int) - image).max() <= 1
    if dtype == np.uint8:
        assert np.array_equal(image, cases.images[0][0, ..., 2])


def test_volumes_of_different_sizes_are_cropped_to_a_patch_that_is_asked_for():
    small, large = made(12, 12, 8, count=1), made(16, 12, 8, count=1)
    both = Cases(
        ("a", "b"), ("a", "b"), small.images + large.images, small.masks + large.masks, (None,) * 2
    )
    assert {pixels.shape for pixels in shown(draw_views(both, STILL, patch=(10, 8, 8)))} == {
        (10, 8)
    }


def test_the_sentence_has_numbers_of_the_images_shown():
    cases = made(16, 16)
    alt = draw_views(cases, STILL, count=9).alt
    assert alt.startswith("3 images (0, 1 and 2), each as it is"), "a set that has fewer shows all"
    assert "cover 6.2 % of the images and 6.2 % of the weak views" in alt
    level = np.mean([image.mean() for image in cases.images]) / 255
    brightness = re.search("mean brightness is (.*), column", alt)[1]
    assert brightness == "{0}, {0}, {0}, {0} and {0}".format(f"{level:.2f}")


def test_no_image_is_refused():
    with pytest.raises(InputError, match="count=0"):
        draw_views(made(16, 16), STILL, count=0)


def test_the_same_seed_makes_the_same_picture_and_leaves_the_generators_alone():
    cases = made(16, 16)
    state = torch.get_rng_state()
    first, second = (draw_views(cases, Strength(), seed=1).alt for _ in range(2))
    assert first == second != draw_views(cases, Strength(), seed=2).alt
    assert torch.equal(state, torch.get_rng_state())


def test_it_is_imported_without_torch():
    code = "import sys, ucmt_lite.explore.draw.views; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
