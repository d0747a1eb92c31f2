"""Mixes: rearranging an image's cells, and its mask and pseudo label with it.

Every maker returns a function, so that `mix(image)`, `mix(mask)` and `mix(pseudo_label)` move
alike. All makers take the same arguments, so that `make_mix=` of `ucmt` can be any of them. The
same code serves 2D and 3D.
"""

from collections.abc import Callable, Sequence

import torch
from einops import rearrange, reduce
from torch import Tensor

from ucmt_lite.common import InputError

Mix = Callable[[Tensor], Tensor]
Grid = int | Sequence[int]

# einops patterns by the number of spatial axes: an image's sides, its cells along each of them, the
# pixels of one cell.
AXES = {2: "(h p) (w q)", 3: "(d r) (h p) (w q)"}
CELLS = {2: "h w", 3: "d h w"}
PIXELS = {2: "p q", 3: "r p q"}


def umix(u1: Tensor, u2: Tensor, top_k: int = 2, grid: Grid = 16) -> Mix:
    r"""Uncertainty-guided mix (UMIX; Shen et al., IJCAI 2023): uncertain cells receive the content
    of certain ones.

    .. math:: \text{cells}[\text{top}_1] \leftarrow \text{cells}[\text{bottom}_2], \qquad
              \text{cells}[\text{top}_2] \leftarrow \text{cells}[\text{bottom}_1]

    Each image is cut into `grid` cells a side. By the mean of u_i, `top_i` are the k most uncertain
    cells and `bottom_i` the k most certain ones, both in falling order of uncertainty, so the most
    uncertain cell receives the k-th most certain. A cell among both tops receives from bottom_1.
    Equal cells rank by their position (stable sort).

    Shapes: u1, u2 `B 1 *S` (of student 1 and teacher, student 2 and teacher); the returned mix
    takes `B C *S` images or `B *S` masks. No gradient passes through the choice of cells; one
    passes through the moved pixels. `top_k=0` moves nothing. Errors: sides that the grid does not
    divide; `top_k` above half the number of cells, where pasting would overwrite what it still has
    to read. Source: the reference code of UCMT, as one gather.

    >>> u1 = torch.tensor([0.9, 0.1, 0.5, 0.3]).view(1, 1, 2, 2)  # four cells of one pixel each
    >>> u2 = torch.tensor([0.2, 0.3, 0.8, 0.1]).view(1, 1, 2, 2)
    >>> mix = umix(u1, u2, top_k=1, grid=2)
    >>> mix(torch.tensor([[[10, 20], [30, 40]]]))  # top1 <- bottom2 (40), top2 <- bottom1 (20)
    tensor([[[40, 20],
             [20, 40]]])
    """
    source = umix_source(u1, u2, top_k, grid)
    return lambda image: gather_cells(image, source, grid, most=2 * top_k)


@torch.no_grad()
def umix_source(u1: Tensor, u2: Tensor, top_k: int, grid: Grid) -> Tensor:
    """The cell that each cell of the mixed image is copied from: `B L`. See `umix`."""
    rank1, rank2 = rank_cells(u1, grid), rank_cells(u2, grid)  # B L
    cells = rank1.shape[1]
    check_top_k(top_k, cells)
    top1, top2 = rank1[:, :top_k], rank2[:, :top_k]
    bottom1, bottom2 = rank1[:, cells - top_k :], rank2[:, cells - top_k :]
    source = torch.arange(cells, device=u1.device).repeat(len(u1), 1)
    source.scatter_(1, top1, bottom2)
    source.scatter_(1, top2, bottom1)
    return source


def check_top_k(top_k: int, cells: int) -> None:
    """Refuse to move more than half the cells."""
    if not 0 <= top_k <= cells // 2:
        raise InputError(
            f"top_k={top_k} does not fit {cells} cells: choose 0 to {cells // 2}, half the cells at"
            " most."
        )


def cutmix(u1: Tensor, u2: Tensor, top_k: int = 2, grid: Grid = 16) -> Mix:
    """Random cells for comparison with UMIX: up to 2k of them on the same grid, chosen without
    looking.

    In the spirit of CutMix (Yun et al., ICCV 2019; French et al., BMVC 2020), with one thing
    changed against `umix`: the maps are replaced by noise. The two students' maps resemble each
    other, so their tops overlap and UMIX moves fewer cells than this does at the same `top_k`: name
    both numbers in a comparison. Draws from torch's generator. Shapes, errors as in `umix`.

    >>> _ = torch.manual_seed(0)
    >>> u = torch.zeros(1, 1, 4, 4)
    >>> image = torch.arange(16).view(1, 4, 4)
    >>> int((cutmix(u, u, top_k=2, grid=4)(image) != image).sum()) <= 4
    True
    """
    return umix(torch.rand_like(u1), torch.rand_like(u2), top_k, grid)


def noise(u1: Tensor, u2: Tensor, top_k: int = 2, grid: Grid = 16) -> Mix:
    """Gaussian noise instead of moved cells, for comparison with UMIX: images change, masks stay.

    Adds N(0, 0.1), clipped to 0.2, to whatever is floating point; class indices pass unchanged. The
    arguments are those of every mix and are not used. Draws from torch's generator.

    >>> u = torch.zeros(1, 1, 2, 2)
    >>> mask = torch.ones(1, 2, 2, dtype=torch.long)
    >>> bool((noise(u, u)(mask) == mask).all())
    True
    """
    return lambda image: add_noise(image) if image.is_floating_point() else image


def identity(u1: Tensor, u2: Tensor, top_k: int = 2, grid: Grid = 16) -> Mix:
    """Nothing moves: UCMT's second step on the image as it is, both students on one view, with the
    teacher's first label.

    >>> u = torch.zeros(1, 1, 2, 2)
    >>> identity(u, u)(u) is u
    True
    """
    return lambda image: image


MIXES: dict[str, Callable[..., Mix]] = {
    "umix": umix,
    "cutmix": cutmix,
    "noise": noise,
    "identity": identity,
}


def add_noise(image: Tensor, deviation: float = 0.1, limit: float = 0.2) -> Tensor:
    """The image plus Gaussian noise, clipped: Mean Teacher's perturbation in its common
    segmentation form (SSL4MIS).

    >>> bool((add_noise(torch.zeros(1, 1, 8, 8)).abs() <= 0.2).all())
    True
    """
    return image + (deviation * torch.randn_like(image)).clamp(-limit, limit)


def cell_means(u: Tensor, grid: Grid) -> Tensor:
    """The mean of a map in each cell: `B 1 *S` -> `B L`, cells in row-major order.

    >>> cell_means(torch.arange(4.0).view(1, 1, 2, 2), 2)
    tensor([[0., 1., 2., 3.]])
    """
    n = u.dim() - 2
    counts = cells_per_axis(u.shape[2:], grid)
    return reduce(u, f"b 1 {AXES[n]} -> b ({CELLS[n]})", "mean", **counts)


def rank_cells(u: Tensor, grid: Grid) -> Tensor:
    """The cells of a map `B 1 *S` from the least to the most certain: `B L`.

    Equal cells keep their row-major order.

    >>> rank_cells(torch.tensor([[[[0.2, 0.9], [0.5, 0.5]]]]), 2)
    tensor([[1, 2, 3, 0]])
    """
    return cell_means(u, grid).argsort(dim=1, descending=True, stable=True)


def gather_cells(image: Tensor, source: Tensor, grid: Grid, most: int | None = None) -> Tensor:
    """Build an image whose cell l is cell `source[l]` of the given one; `source` is `B L`.

    Shapes: an image `B C *S` or a mask `B *S`, told apart by the cells that `grid` makes of it.
    `most`: no image has more cells that change than these, where that is known; the fewer there
    are, the less is copied.

    >>> gather_cells(torch.tensor([[[1, 2], [3, 4]]]), torch.tensor([[3, 0, 0, 0]]), grid=2)
    tensor([[[4, 1],
             [1, 1]]])
    """
    dims = _spatial_axes(image, source, grid)
    x = image if image.dim() == dims + 2 else image.unsqueeze(1)  # B C *S
    mixed = x.clone()

    # Both as views of cells, B *CELLS C *PIXELS: what is written there stands in the image.
    counts = cells_per_axis(x.shape[2:], grid)
    pattern = f"b c {AXES[dims]} -> b {CELLS[dims]} c {PIXELS[dims]}"
    cells, mixed_cells = rearrange(x, pattern, **counts), rearrange(mixed, pattern, **counts)

    # The M cells of each image that change; where fewer do, some are copied onto themselves.
    cell = torch.arange(source.shape[1], device=source.device)
    changed = (source != cell).int().topk(source.shape[1] if most is None else most).indices  # B M
    row = torch.arange(len(source), device=source.device).unsqueeze(1)  # B 1
    to = torch.unravel_index(changed, tuple(counts.values()))
    come_from = torch.unravel_index(source.gather(1, changed), tuple(counts.values()))
    mixed_cells[(row, *to)] = cells[(row, *come_from)]
    return mixed.view(image.shape)


def _spatial_axes(image: Tensor, source: Tensor, grid: Grid) -> int:
    """How many spatial axes an image or mask has, which its own axes alone do not tell."""
    if isinstance(grid, Sequence):
        return len(grid)
    return 2 if source.shape[1] == grid**2 else 3


def cells_per_axis(sides: Sequence[int], grid: Grid) -> dict[str, int]:
    """The number of cells along each axis by its einops name.

    Errors: InputError where the grid does not divide a side.
    """
    counts = list(grid) if isinstance(grid, Sequence) else [int(grid)] * len(sides)
    if len(counts) != len(sides):
        raise InputError(
            f"grid={tuple(counts)} has {len(counts)} numbers, the image {len(sides)} axes: give one"
            " an axis."
        )
    for side, count in zip(sides, counts, strict=True):
        if count < 1 or side % count:
            raise InputError(
                f"A side of {side} pixels does not split into {count} equal cells: choose a grid"
                f" that divides {side}."
            )
    return dict(zip("dhw"[-len(sides) :], counts, strict=True))
