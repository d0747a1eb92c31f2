"""UMIX against the reference and against a slow, literal rendering of its definition; what every
mix must keep.
"""

import numpy as np
import pytest
import torch

from ucmt_lite.common import InputError
from ucmt_lite.core import mixing
from ucmt_lite.core.mixing import MIXES, cell_means, umix, umix_source


def pasted(u1, u2, top_k, grid, image):
    """UMIX as two pastes in sequence on one image `*S`, with Python loops and slices: slow, and
    free of einops.
    """
    sides = [side // count for side, count in zip(image.shape, grid, strict=True)]

    def window(cell):
        place = []
        for count, side in zip(reversed(grid), reversed(sides), strict=True):
            cell, position = divmod(cell, count)
            place.insert(0, slice(position * side, (position + 1) * side))
        return tuple(place)

    cells = 1
    for count in grid:
        cells *= count
    ranks = []
    for u in (u1, u2):
        means = [u[window(cell)].mean().item() for cell in range(cells)]
        ranks.append(sorted(range(cells), key=lambda cell: -means[cell]))
    original, result = image.clone(), image.clone()
    for top, bottom in ((ranks[0], ranks[1]), (ranks[1], ranks[0])):
        for k in range(top_k):
            result[window(top[k])] = original[window(bottom[cells - top_k + k])]
    return result


@pytest.mark.parametrize("file", ["umix_2d.npz", "umix_3d.npz"])
def test_images_masks_and_cells_agree_with_the_reference(oracle, file):
    numbers = oracle(file)
    for case in numbers["cases"]:
        u1, u2, image, mask = (
            torch.from_numpy(numbers[f"{case}/{n}"]) for n in ("u1", "u2", "image", "mask")
        )
        top_k, grid = int(numbers[f"{case}/top_k"]), numbers[f"{case}/grid"].tolist()
        mix = umix(u1, u2, top_k, grid)
        assert torch.equal(mix(image), torch.from_numpy(numbers[f"{case}/mixed_image"])), case
        assert torch.equal(mix(mask), torch.from_numpy(numbers[f"{case}/mixed_mask"])), case


@pytest.mark.parametrize("grid", [(4, 4), (2, 3), (2, 2, 2), (3, 1, 2)])
def test_agrees_with_two_pastes_in_sequence(grid):
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        sides = [2 * count for count in grid]
        u1, u2 = (torch.rand(2, 1, *sides, generator=generator) for _ in range(2))
        mask = torch.randint(0, 99, (2, *sides), generator=generator)
        cells = torch.tensor(grid).prod().item()
        top_k = int(torch.randint(0, cells // 2 + 1, (), generator=generator))
        mixed = umix(u1, u2, top_k, grid)(mask)
        for b in range(2):
            assert torch.equal(mixed[b], pasted(u1[b, 0], u2[b, 0], top_k, grid, mask[b]))


def test_top_k_zero_is_the_identity():
    u, image = torch.rand(2, 1, 8, 8), torch.rand(2, 3, 8, 8)
    assert torch.equal(umix(u, u, top_k=0, grid=4)(image), image)


def test_a_grid_may_be_a_numpy_number():
    u, image = torch.rand(2, 1, 8, 8), torch.rand(2, 3, 8, 8)
    assert torch.equal(
        umix(u, u, top_k=2, grid=np.int64(4))(image), umix(u, u, top_k=2, grid=4)(image)
    )


def test_equal_cells_rank_by_position():
    flat = torch.zeros(1, 1, 4, 4)
    assert umix_source(flat, flat, 1, (2, 2)).tolist() == [[3, 1, 2, 3]]


def test_swapping_the_students_changes_only_cells_in_both_tops():
    u1, u2 = torch.rand(8, 1, 12, 12), torch.rand(8, 1, 12, 12)
    one, other = umix_source(u1, u2, 5, (4, 4)), umix_source(u2, u1, 5, (4, 4))
    top1, top2 = (cell_means(u, 4).argsort(1, descending=True)[:, :5] for u in (u1, u2))
    for b in range(8):
        differing = (one[b] != other[b]).nonzero().flatten().tolist()
        assert set(differing) <= set(top1[b].tolist()) & set(top2[b].tolist())


@pytest.mark.parametrize("name", ["umix", "cutmix"])
def test_at_most_two_k_cells_move_and_mask_follows_image(name):
    u1, u2, image = torch.rand(3, 1, 16, 16), torch.rand(3, 1, 16, 16), torch.rand(3, 1, 16, 16)
    mix = MIXES[name](u1, u2, 3, 8)
    moved_image, moved_mask = mix(image), mix((image[:, 0] * 1000).long())
    assert torch.equal((moved_image[:, 0] * 1000).long(), moved_mask)
    changed = cell_means((moved_image != image).float(), 8) > 0
    assert (changed.sum(1) <= 6).all() and changed.any()


def test_noise_changes_images_within_its_limit_and_no_masks():
    u = torch.zeros(1, 1, 8, 8)
    mix = mixing.noise(u, u)
    image, mask = torch.zeros(1, 2, 8, 8), torch.ones(1, 8, 8, dtype=torch.long)
    assert torch.equal(mix(mask), mask)
    assert 0 < mix(image).abs().max() <= 0.2


def test_gradient_passes_through_moved_pixels_only():
    u = torch.rand(1, 1, 4, 4, requires_grad=True)
    image = torch.rand(1, 1, 4, 4, requires_grad=True)
    umix(u, u, 1, 4)(image).sum().backward()
    assert u.grad is None
    assert sorted(image.grad.flatten().tolist()) == [0.0] + [1.0] * 14 + [2.0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"top_k": 9, "grid": 4}, "top_k=9 does not fit 16 cells: choose 0 to 8"),
        ({"top_k": -1, "grid": 4}, "top_k=-1"),
        ({"grid": 5}, "A side of 16 pixels does not split into 5 equal cells"),
        ({"grid": (4, 4, 4)}, "has 3 numbers, the image 2 axes"),
    ],
)
def test_wrong_settings_are_told_in_one_sentence(arguments, sentence):
    u = torch.rand(1, 1, 16, 16)
    with pytest.raises(InputError) as error:
        umix(u, u, **arguments)
    assert sentence in str(error.value)
