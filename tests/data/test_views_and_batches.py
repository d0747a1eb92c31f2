"""Views keep masks valid; minibatches depend on the seed and the step alone."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ucmt_lite.common import InputError
from ucmt_lite.core.blur import gaussian_blur
from ucmt_lite.data import Batches, Cases, strong_view, to_input, weak_view
from ucmt_lite.data.batches import center_crop
from ucmt_lite.data.views import Strength, strength_of


def make_cases(count, sides=(16, 16), channels=1, dtype=np.uint8):
    random = np.random.default_rng(0)
    masks = [random.integers(0, 3, sides).astype(np.uint8) for _ in range(count)]
    images = [(np.stack([mask * 80] * channels)).astype(dtype) for mask in masks]
    ids = tuple(f"{i}" for i in range(count))
    return Cases(ids, ids, images, masks, (None,) * count)


FLIPS = Strength()  # no turns, no zoom


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_bytes_become_minus_one_to_one_and_floats_stay():
    assert to_input(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]
    assert to_input(torch.tensor([2.5], dtype=torch.float16)).tolist() == [2.5]


@pytest.mark.parametrize("sides", [(8, 8), (6, 8), (4, 4, 6)])
def test_weak_views_move_image_and_mask_alike_and_lose_nothing(sides):
    masks = torch.randint(0, 99, (40, *sides), generator=generator())
    images = torch.stack([masks.float(), -masks.float()], dim=1)
    x, y = weak_view(images, masks, FLIPS, generator())
    assert torch.equal(x[:, 0], y.float()) and torch.equal(x[:, 1], -y.float())
    assert all(
        torch.equal(a.flatten().sort()[0], b.flatten().sort()[0])
        for a, b in zip(y, masks, strict=True)
    )
    moved = [not torch.equal(a, b) for a, b in zip(y, masks, strict=True)]
    assert any(moved) and not all(moved)


def test_a_square_is_seen_in_all_eight_turns():
    square = torch.arange(9).view(1, 3, 3).expand(200, 3, 3)
    assert (
        len(
            {
                tuple(view.flatten().tolist())
                for view in weak_view(square.unsqueeze(1), square, FLIPS, generator())[1]
            }
        )
        == 8
    )


def test_strong_views_change_colours_and_move_nothing():
    image = torch.zeros(64, 3, 16, 16)
    image[:, :, :, 8:] = 1
    views = strong_view(image, FLIPS, generator())
    left, right = views[..., :6].mean((1, 2, 3)), views[..., 10:].mean((1, 2, 3))
    assert (right > left).all(), "the bright side stays bright"
    assert len({round(v, 4) for v in left.tolist()}) > 60, "each image is drawn for itself"
    assert (views - image).abs().max() < 1.5


def test_all_views_of_a_minibatch_differ():
    batch = Batches(make_cases(4), make_cases(8), seed=0)(0)
    for views in ((batch.x, batch.x1, batch.x2), (batch.u, batch.u1, batch.u2)):
        assert not any(torch.equal(one, other) for one, other in combinations(views, 2))
    assert (
        batch.x.shape == (4, 1, 16, 16)
        and batch.y.shape == (4, 16, 16)
        and batch.y.dtype == torch.long
    )


def test_masks_belong_to_their_images():
    batches = Batches(
        make_cases(5, (10, 14)), make_cases(9, (10, 14)), patch=(8, 8), seed=1, views=FLIPS
    )
    for step in range(5):
        batch = batches(step)
        assert torch.equal(((batch.x[:, 0] + 1) * 127.5 / 80).round().long(), batch.y)


def test_a_minibatch_depends_on_seed_and_step_alone():
    one, other = (Batches(make_cases(4), make_cases(8), seed=2) for _ in range(2))
    for step in range(3):
        one(step)
    assert all(torch.equal(a, b) for a, b in zip(one(7), other(7), strict=True))
    assert not torch.equal(one(7).u, one(8).u)
    assert not torch.equal(one(7).u, Batches(make_cases(4), make_cases(8), seed=3)(7).u)


def test_every_image_comes_once_in_each_lap():
    cases = make_cases(6)
    marked = [np.full_like(image, 10 * i) for i, image in enumerate(cases.images)]
    cases = Cases(cases.ids, cases.groups, marked, cases.masks, cases.spacing)
    batches = Batches(cases, cases, batch=(2, 3), seed=0)
    for stream, steps in (("x", 3), ("u", 2)):
        seen = torch.cat([getattr(batches(step), stream).amax((1, 2, 3)) for step in range(steps)])
        assert len(set(seen.tolist())) == 6


def test_each_lap_of_each_stream_and_seed_has_an_order_of_its_own():
    cases = make_cases(6)
    cases = replace(
        cases, images=[np.full_like(image, 10 * i) for i, image in enumerate(cases.images)]
    )
    orders = set()
    for seed in (0, 1):
        batches = Batches(cases, cases, batch=(6, 6), seed=seed)
        orders |= {
            tuple(x.amax((1, 2, 3)).tolist())
            for lap in (0, 1)
            for x in (batches(lap).x, batches(lap).u)
        }
    assert len(orders) == 8


def test_crops_come_from_everywhere():
    place = np.arange(64, dtype=np.uint8).reshape(8, 8)
    one = Cases(("a",), ("a",), [place[None]], [place], (None,))
    corners = {
        int(Batches(one, one, patch=(4, 4), batch=(1, 1), views=FLIPS)(step).y.min())
        for step in range(200)
    }
    assert corners == {8 * row + column for row in range(5) for column in range(5)}


def test_centre_crops_of_image_mask_and_ambiguity_are_one_place():
    case = make_cases(1, (9, 12, 7))
    case = replace(case, ambiguity=[mask.astype(np.float16) for mask in case.masks])
    cut = center_crop(case, (4, 16, 4))
    image, mask, ambiguity = (
        array[:, 2:14] for array in (cut.images[0][0], cut.masks[0], cut.ambiguity[0])
    )
    assert np.array_equal(mask, case.masks[0][2:6, :, 1:5]) and mask.any()
    assert np.array_equal(image, 80 * mask) and np.array_equal(ambiguity, mask)


def test_a_volume_shorter_than_the_patch_goes_on_in_image_and_mask_alike():
    """What shows an object is nowhere called background."""
    cases = make_cases(2, (8, 8, 3))
    cases = replace(cases, images=[80 * mask[None] for mask in cases.masks])
    views = Strength(flip=False)
    batch = Batches(cases, cases, patch=(8, 8, 8), batch=(2, 2), views=views)(0)
    shown = batch.x[:, 0] > batch.x.min()
    assert torch.equal(shown, batch.y.bool()) and batch.y[..., [0, -1]].any()
    assert torch.equal(batch.y[..., 0], batch.y[..., 2]), "two before, three behind"


def test_volumes_are_cropped_and_small_ones_padded():
    cases = make_cases(3, (20, 6, 12), dtype=np.float16)
    batch = Batches(cases, cases, patch=(8, 8, 8), batch=(2, 2))(0)
    assert batch.u.shape == (2, 1, 8, 8, 8) and batch.y.shape == (2, 8, 8, 8)


def test_wrong_input_is_told_before_training():
    cases = make_cases(3)
    with pytest.raises(InputError, match="There is no labeled image"):
        Batches(cases.select([]), cases)
    with pytest.raises(InputError, match=r"2 sizes, \(16, 16\) to \(20, 20\): give the patch"):
        Batches(cases, make_cases(2, (20, 20)))


def test_strong_views_change_contrast_brightness_sharpness_and_noise_as_much_as_they_say():
    image = torch.zeros(400, 16, 12, 12)
    image[..., 6:] = 1
    view = strong_view(image, FLIPS, generator())
    dark, bright = view[..., :3], view[..., 9:]  # a blur of one pixel reaches three
    noise = dark.flatten(1).sub(dark.mean((2, 3)).repeat_interleave(36, 1)).std(1)
    quiet = noise < 1e-6
    assert 0.4 < quiet.float().mean() < 0.6 and 0.09 < noise.max() < 0.11

    contrast = (bright.mean((2, 3)) - dark.mean((2, 3)))[quiet, 0]
    assert 0.5 <= contrast.min() < 0.55 and 1.45 < contrast.max() <= 1.5
    # Contrast is about the image's mean and leaves it where it is.
    level = view.mean((2, 3))[quiet] - 0.5
    own = level - level.mean(1, keepdim=True)
    assert 0.35 < level.mean(1).max() < 0.45 and -0.45 < level.mean(1).min() < -0.35
    assert 0.09 < own.abs().max() < 0.15

    edge = (view[..., 6] - view[..., 5]).mean((1, 2))[quiet] / contrast
    assert 0.4 < (edge > 0.9999).float().mean() < 0.6, "half of the images stay sharp"
    assert 0.39 < edge.min() < 0.42, (
        "the others get at most all of the blur, whose middle weight is 0.4"
    )


def test_a_strong_view_does_not_depend_on_the_other_images():
    images = torch.rand(16, 1, 12, 12)
    others = torch.cat([images[:8], torch.rand(8, 1, 12, 12)])
    assert torch.equal(
        strong_view(images, FLIPS, generator())[:8], strong_view(others, FLIPS, generator())[:8]
    )


def test_blur_is_a_convolution_with_a_gaussian():
    kernel = torch.exp(-(torch.arange(-6, 7.0) ** 2) / 8)
    kernel = (kernel / kernel.sum()).double()
    image = torch.rand(2, 3, 20, 17, dtype=torch.double)
    wide = F.pad(image, (6, 6, 6, 6), mode="replicate").flatten(0, 1).unsqueeze(1)
    expected = F.conv2d(F.conv2d(wide, kernel.view(1, 1, 1, 13)), kernel.view(1, 1, 13, 1)).view(
        image.shape
    )
    torch.testing.assert_close(gaussian_blur(image, 2.0), expected, rtol=0, atol=1e-7)
    assert gaussian_blur(image[:0], 2.0).shape == (0, 3, 20, 17)


def test_bytes_among_standardised_volumes_are_seen_as_they_are_alone():
    cases = make_cases(2, (8, 8, 8))
    cases.images[1] = np.full((1, 8, 8, 8), 1.5, np.float16)
    x = Batches(cases, cases, batch=(2, 2))(0).x
    assert sorted(x.flatten(1).amax(1).tolist()) == pytest.approx(
        sorted([cases.images[0].max() / 127.5 - 1, 1.5])
    )


def moved_disc(sides, strength, count=60):
    """A disc a little off the middle, as image and mask, moved."""
    axes = torch.meshgrid(*[torch.arange(side) - side / 2 + 0.5 for side in sides], indexing="ij")
    off = axes[0] - 3
    disc = (off**2 + sum(axis**2 for axis in axes[1:]) < 36).long().expand(count, *sides)
    x, y = weak_view(disc.unsqueeze(1).float(), disc, strength, generator())
    return x, y, axes


@pytest.mark.parametrize("sides", [(32, 32), (32, 48), (32, 40, 24)])
def test_affine_moves_take_the_mask_along(sides):
    x, y, _ = moved_disc(sides, Strength(flip=False, degrees=15, zoom=1.18, shift=0.05))
    overlap = ((x[:, 0] > 0.5) & (y == 1)).flatten(1).sum(1)
    both = (x[:, 0] > 0.5).flatten(1).sum(1) + (y == 1).flatten(1).sum(1)
    assert (2 * overlap / both).min() > 0.9
    assert len({int(area) for area in (y == 1).flatten(1).sum(1)}) > 10, "zoomed, image by image"


def test_a_turn_keeps_shapes_where_sides_differ():
    _, y, (rows, columns) = moved_disc((32, 64), Strength(flip=False, degrees=90))
    for mask in y:
        inside = (mask == 1) & (rows**2 + columns**2 < 13**2)  # the rest is reflection
        spread = rows[inside].std() / columns[inside].std()
        assert 0.93 < spread < 1.07, "a disc stays a disc"
        distance = (rows[inside].mean() ** 2 + columns[inside].mean() ** 2).sqrt()
        assert 2.5 < distance < 3.5, "and as far from the middle"
    assert rows.expand(60, -1, -1)[y == 1].std() > 0, "but not where it was"


def test_volumes_are_turned_in_the_plane_of_their_first_two_axes_and_not_flipped():
    x, y, axes = moved_disc((32, 32, 16), strength_of(3)._replace(zoom=1, shift=0))
    depth = torch.stack([axes[2][mask == 1].mean() for mask in y])
    assert depth.abs().max() < 0.2
    assert torch.stack([axes[0][mask == 1].mean() for mask in y]).min() > 2, "no side changes place"


def test_labeled_images_stay_weak_where_that_is_asked_for():
    weak = Batches(make_cases(4), make_cases(8), strong_labeled=False)(0)
    strong = Batches(make_cases(4), make_cases(8))(0)
    assert torch.equal(weak.x1, weak.x) and torch.equal(weak.x2, weak.x)
    assert not torch.equal(strong.x1, strong.x) and not torch.equal(weak.u1, weak.u)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"degres": 3}, "did you mean 'degrees'"),
        ({"zoom": 0.5}, "zoom=0.5 is no strength: give a number from 1 up"),
        ({"blur": "x"}, "blur='x' is no strength"),
        ({"shift": None}, "shift=None"),
        ({"noise": -1}, "from 0 up"),
        ({"shift": float("nan")}, "shift=nan"),
    ],
)
def test_a_strength_that_cannot_be_is_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        strength_of(2, changes)
