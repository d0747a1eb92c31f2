"""Mixes across images: which pixels and cells come from where."""

import pytest
import torch

from ucmt_lite.common import InputError
from ucmt_lite.core.across import boxmix, copy_paste, paste, self_paced, self_paced_source


def numbered(images, *sides):
    """Images whose pixels say which image they are of."""
    return torch.arange(images).view(-1, *[1] * len(sides)).expand(-1, *sides).contiguous()


@pytest.mark.parametrize("sides", [(32, 32), (16, 16, 16)])
def test_a_box_of_boxmix_has_the_asked_share_and_shows_the_image_before(sides):
    torch.manual_seed(0)
    mask = numbered(64, *sides)
    moved = boxmix(mask, share=(0.1, 0.3), aspect=(1, 1), probability=1.0)(mask)
    pasted = moved != mask
    share = pasted.flatten(1).float().mean(1)
    assert 0.07 < share.min() and share.max() < 0.35
    assert torch.equal(moved[pasted], mask.roll(1, 0)[pasted])
    for image in pasted:  # one box: as many pixels as its extents say
        place = image.nonzero()
        extents = place.amax(0) - place.amin(0) + 1
        assert extents.prod() == image.sum()


def test_boxmix_leaves_half_of_the_images_alone():
    torch.manual_seed(0)
    mask = numbered(400, 8, 8)
    untouched = (boxmix(mask)(mask) == mask).flatten(1).all(1).float().mean()
    assert 0.4 < untouched < 0.6


def test_a_box_may_be_longer_than_wide():
    torch.manual_seed(0)
    mask = numbered(32, 64, 64)
    pasted = boxmix(mask, share=(0.1, 0.1), aspect=(3, 3), probability=1.0)(mask) != mask
    for image in pasted:
        place = image.nonzero()
        height, width = (place.amax(0) - place.amin(0) + 1).tolist()
        assert 2.6 < height / width < 3.4


def test_adamix_leaves_half_of_the_images_alone():
    torch.manual_seed(0)
    doubt = torch.rand(200, 1, 8, 8)
    source = self_paced_source(doubt, torch.zeros(200), 0.5, 4, 4, 0.5)
    moved = (source != torch.arange(3200).view(200, 16)).any(1).float().mean()
    assert 0.4 < moved < 0.6


def test_copy_paste_swaps_between_the_two_halves():
    torch.manual_seed(0)
    mask = numbered(6, 12, 12, 9)
    moved = copy_paste(mask, shift=3)(mask)
    assert [image.unique().tolist() for image in moved] == [
        [0, 3],
        [1, 4],
        [2, 5],
        [0, 3],
        [1, 4],
        [2, 5],
    ]
    assert (moved != mask).flatten(1).sum(1).tolist() == [8 * 8 * 6] * 6


def test_images_masks_and_maps_move_alike():
    torch.manual_seed(0)
    image, mask = torch.randn(4, 3, 16, 16), torch.randint(0, 3, (4, 16, 16))
    doubt, difficulty = torch.rand(4, 1, 16, 16), torch.tensor([0.1, 0.9, 0.5, 0.3])
    for mix in (
        paste(torch.rand(4, 16, 16) < 0.5),
        boxmix(mask),
        copy_paste(mask),
        self_paced(doubt, difficulty, 0.4, grid=8),
    ):
        channel = mix(image)[:, 1]
        assert torch.equal(mix(image[:, 1]), channel)
        assert torch.equal(mix(mask.float()).long(), mix(mask))


@pytest.mark.parametrize(
    ("difficulty", "reach", "cells"),
    [(0.0, 0.5, 4), (0.25, 0.5, 2), (0.5, 0.5, 0), (0.75, 0.5, 2), (1.0, 0.01, 4)],
)
def test_adamix_moves_more_cells_the_farther_the_image_is_from_the_reach(difficulty, reach, cells):
    doubt = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    source = self_paced_source(doubt, torch.full((2,), difficulty), reach, 4, 4, 1.0)
    moved = (source != torch.arange(32).view(2, 16)).sum(1)
    assert moved.tolist() == [cells, cells]


def test_adamix_makes_easy_images_harder_and_hard_ones_easier():
    doubt = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    cells = doubt.view(-1).view(2, 4, 2, 4, 2).mean((2, 4)).view(-1)  # of both images
    for difficulty, sign in ((0.0, 1), (1.0, -1)):
        source = self_paced_source(doubt, torch.full((2,), difficulty), 0.5, 4, 4, 1.0).view(-1)
        moved = source != torch.arange(32)
        assert (sign * (cells[source] - cells)[moved] > 0).all()
        assert ((source // 16)[moved] != (torch.arange(32) // 16)[moved]).all(), "another image's"


def test_adamix_works_on_volumes_and_refuses_too_many_cells():
    doubt, difficulty = torch.rand(2, 1, 8, 16, 8), torch.zeros(2)
    volume = torch.randn(2, 1, 8, 16, 8)
    moved = self_paced(doubt, difficulty, 0.5, most=8, grid=4, probability=1.0)(volume)
    assert ((moved != volume).flatten(1).sum(1) == 8 * 2 * 4 * 2).all()
    with pytest.raises(InputError, match="half the cells"):
        self_paced(doubt, difficulty, 0.5, most=40, grid=4)


def test_an_image_alone_has_nothing_to_be_mixed_with():
    for mix in (
        lambda: boxmix(numbered(1, 8, 8)),
        lambda: copy_paste(numbered(1, 8, 8)),
        lambda: self_paced(torch.rand(1, 1, 8, 8), torch.zeros(1), 0.5, 4, 4),
    ):
        with pytest.raises(InputError, match="give 2 or more"):
            mix()


def test_no_gradient_passes_the_choice_of_cells():
    doubt = torch.rand(2, 1, 8, 8, requires_grad=True)
    image = torch.randn(2, 1, 8, 8, requires_grad=True)
    self_paced(doubt, torch.zeros(2), 0.5, most=4, grid=4, probability=1.0)(image).sum().backward()
    assert doubt.grad is None and image.grad is not None
