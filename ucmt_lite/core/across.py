"""Mixes across images: what one image of a minibatch receives from another, and its mask and pseudo
label with it.

As in `mixing`, every maker returns a function, so that `mix(image)`, `mix(mask)`,
`mix(pseudo_label)` and `mix(confidence)` move alike. The same code serves 2D and 3D.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ucmt_lite.common import InputError
from ucmt_lite.core.mixing import Grid, Mix, cells_per_axis, check_top_k, gather_cells, rank_cells


def paste(inside: Tensor, shift: int = 1) -> Mix:
    """Replace what lies inside by what another image shows there: image b receives from b - shift.

    Shapes: inside `B *S`, boolean; the returned mix takes `B C *S` images or `B *S` masks. A
    gradient passes through the moved pixels.

    >>> inside = torch.tensor([[True, False], [True, False]])
    >>> paste(inside)(torch.tensor([[1, 2], [3, 4]]))
    tensor([[3, 2],
            [1, 4]])
    """

    def mix(image: Tensor) -> Tensor:
        where = inside if image.dim() == inside.dim() else inside.unsqueeze(1)
        return torch.where(where, image.roll(shift, dims=0), image)

    return mix


def boxmix(
    mask: Tensor,
    share: Sequence[float] = (0.02, 0.4),
    aspect: Sequence[float] = (0.3, 1 / 0.3),
    probability: float = 0.5,
) -> Mix:
    """CutMix (Yun et al., ICCV 2019) as UniMatch draws it: in half of the images a random box shows
    the image before.

    `share` is the part of the area that a box has, `aspect` how much longer its first side is than
    its last in parts of the image's sides, both drawn evenly between their two numbers. Draws from
    torch's generator. Shapes: mask `B *S`, of which the size counts; see `paste`.

    >>> _ = torch.manual_seed(0)
    >>> mask = torch.arange(4).view(4, 1, 1).expand(4, 8, 8)
    >>> [image.unique().tolist() for image in boxmix(mask, probability=1.0)(mask)]
    [[0, 3], [0, 1], [1, 2], [2, 3]]
    """
    _check_company(len(mask))
    inside = torch.zeros_like(mask, dtype=torch.bool)
    for image in inside:
        if torch.rand(()) < probability:
            part, ratio = _between(share), _between(aspect)
            relative = torch.full((image.dim(),), part ** (1 / image.dim()))
            relative[0] *= ratio**0.5
            relative[-1] /= ratio**0.5
            image[_random_box(image.shape, relative.tolist())] = True
    return paste(inside)


def copy_paste(mask: Tensor, side: float = 2 / 3, shift: int = 1) -> Mix:
    """The mix of BCP (Bai et al., CVPR 2023): one box of two thirds of each side, the same for all
    images, shows the image `shift` places before.

    With as many labeled as unlabeled images in one tensor, and `shift` their number, the labeled
    receive an unlabeled box and the unlabeled a labeled one. Draws the box's place from
    torch's generator. Shapes: mask `B *S`, of which the size counts; see `paste`. Errors:
    InputError for a single image.

    >>> mask = torch.tensor([0, 1]).view(2, 1, 1).expand(2, 6, 6)
    >>> copy_paste(mask)(mask).flatten(1).sum(1)  # 4 x 4 pixels changed places
    tensor([16, 20])
    """
    _check_company(len(mask))
    inside = torch.zeros_like(mask, dtype=torch.bool)
    inside[(slice(None), *_random_box(mask.shape[1:], [side] * (mask.dim() - 1)))] = True
    return paste(inside, shift)


def _check_company(images: int) -> None:
    """Refuse a minibatch in which there is no other image."""
    if images < 2:
        raise InputError("An image is mixed with another one of the minibatch: give 2 or more.")


def _between(ends: Sequence[float]) -> float:
    """A number drawn evenly between two."""
    return ends[0] + (ends[1] - ends[0]) * torch.rand(()).item()


def _random_box(sides: Sequence[int], relative: Sequence[float]) -> tuple[slice, ...]:
    """A box with the given parts of an image's sides, at a place drawn at random.

    >>> [edge.stop - edge.start for edge in _random_box((30, 60), (2 / 3, 2.0))]
    [20, 60]
    """
    box = []
    for length, part in zip(sides, relative, strict=True):
        extent = min(length, max(1, round(length * part)))
        start = int(torch.randint(length - extent + 1, ()))
        box.append(slice(start, start + extent))
    return tuple(box)


def self_paced(
    doubt: Tensor,
    difficulty: Tensor,
    reach: float,
    most: int = 16,
    grid: Grid = 8,
    probability: float = 0.5,
) -> Mix:
    r"""The self-paced mix of AdaMix (Shen et al., MedIA 2026): easy images receive what another
    image leaves in doubt, hard ones what another is sure of.

    .. math:: k = \min\big(K, |\operatorname{int}(K (1 - d / \lambda))|\big)

    where d is an image's `difficulty` (its Dice loss) and lambda the `reach` of the course, which
    grows in training. Where d < lambda the k cells of least doubt receive another image's k cells
    of most doubt; else the k cells of most doubt receive the other's k cells of least doubt. The
    other image is the one before in the minibatch; a `probability` of the images is mixed, drawn
    from torch's generator.

    Shapes: doubt `B 1 *S` (one minus the confidence), difficulty `B`; the returned mix takes `B C
    *S` images or `B *S` masks. No gradient passes through the choice of cells. Errors: as `umix`.

    >>> doubt = torch.tensor([[0.9, 0.1, 0.5, 0.3], [0.2, 0.3, 0.8, 0.1]]).view(2, 1, 2, 2)
    >>> easy_hard = torch.tensor([0.1, 0.9])
    >>> mix = self_paced(doubt, easy_hard, reach=0.2, most=2, grid=2, probability=1.0)
    >>> mix(torch.tensor([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]))
    tensor([[[1, 7],
             [3, 4]],
    <BLANKLINE>
            [[5, 4],
             [2, 8]]])
    """
    source = self_paced_source(doubt, difficulty, reach, most, grid, probability)
    counts = [*cells_per_axis(doubt.shape[2:], grid).values()]
    stacked = [len(doubt) * counts[0], *counts[1:]]

    def mix(image: Tensor) -> Tensor:
        # The minibatch as one tall image, whose cells are those of all images, one after another.
        channels_first = image if image.dim() == doubt.dim() else image.unsqueeze(1)  # B C *S
        tall = channels_first.transpose(0, 1).flatten(1, 2).unsqueeze(0)  # 1 C (B S1) ...
        moved = gather_cells(tall, source.view(1, -1), stacked)
        apart = moved.view(tall.shape[1], len(doubt), *doubt.shape[2:])  # C B *S
        return apart.transpose(0, 1).reshape(image.shape)

    return mix


@torch.no_grad()
def self_paced_source(
    doubt: Tensor, difficulty: Tensor, reach: float, most: int, grid: Grid, probability: float
) -> Tensor:
    """The cell of the minibatch, counted through all images, that each cell is copied from: `B L`.

    See `self_paced`.
    """
    images, device = len(doubt), doubt.device
    _check_company(images)
    rank = rank_cells(doubt, grid)  # B L, the cell of most doubt first
    cells = rank.shape[1]
    check_top_k(most, cells)
    first = torch.arange(images, device=device).unsqueeze(1) * cells  # B 1
    other = (rank + first).roll(1, dims=0)

    easy = (difficulty < reach).unsqueeze(1)
    to = torch.where(easy, rank.flip(1), rank)[:, :most]  # B K
    come_from = torch.where(easy, other, other.flip(1))[:, :most]

    k = (most * (1 - difficulty / reach)).int().abs().clamp(max=most)
    k = torch.where(torch.rand(images, device=device) < probability, k, 0)
    moves = torch.arange(most, device=device) < k.unsqueeze(1)  # B K

    source = first + torch.arange(cells, device=device)
    return source.scatter(1, to, torch.where(moves, come_from, to + first))
