"""Checks of mixes: which cells move, and that a mask moves like its image."""

from itertools import product

import torch
from einops import reduce
from torch import Tensor

from ucmt_lite.course.checks.judging import Answer, Judged, judging, require, require_value

# What `paste_cells` must be told to make each mistake, and the sentence that names it.
_UMIX_MISTAKES = (
    (
        "uncertain_first",
        "certain cells were overwritten by uncertain ones: it is the other way round.",
    ),
    (
        "cross",
        "each map's uncertain cells got its own certain ones: the content comes from the other"
        " map's.",
    ),
    (
        "falling",
        "the certain cells are in rising order: the most uncertain cell receives the k-th most"
        " certain one.",
    ),
    (
        "second_wins",
        "where both maps pick a cell, the second paste wins.",
    ),
    (
        "in_order",
        "cells that are equally uncertain changed places: they rank in the order in which they"
        " stand in the image, so sort with stable=True.",
    ),
    (
        "original",
        "a cell was read after it had been overwritten: take all content from the original image.",
    ),
)


def check_umix(answer: Answer) -> None:
    """Check `answer(u1, u2, top_k, grid)`: a function that moves cells of images and masks alike.

    It moves them as UMIX does.
    """
    with judging(answer) as judged:
        for seed, (cells, side, top_k) in enumerate(((4, 2, 2), (4, 3, 5), (6, 1, 3), (4, 2, 0))):
            _check_one_mix(judged, seed, cells, side, top_k, levels=0)
        _check_one_mix(judged, 4, 4, 1, 3, levels=3)  # many cells are equal


def _check_one_mix(
    judged: Judged, seed: int, cells: int, side: int, top_k: int, levels: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    size = cells * side
    u1, u2 = (torch.rand(2, 1, size, size, generator=generator) for _ in range(2))
    if levels:
        u1, u2 = (torch.floor(levels * u) for u in (u1, u2))
    image = torch.rand(2, 3, size, size, generator=generator)
    mask = torch.randint(0, 9, (2, size, size), generator=generator)
    before = image.clone()
    mix = judged(u1, u2, top_k, cells)
    mixed = mix(image)
    require(
        mixed is not None,
        "the function that moves the cells gives nothing back: end it with `return`, too.",
    )
    mixed_mask = mix(mask)
    require(
        torch.equal(image, before),
        "the image itself was changed: return a new one, the first copy is still needed.",
    )
    require(
        mixed.shape == image.shape,
        f"the mixed image has shape {tuple(mixed.shape)}, not {tuple(image.shape)}.",
    )
    require(top_k or torch.equal(mixed, image), "with top_k=0 nothing moves.")
    right = paste_cells(u1, u2, top_k, cells, image)
    for rule, sentence in _UMIX_MISTAKES:
        wrong = paste_cells(u1, u2, top_k, cells, image, **{rule: False})
        require(not torch.equal(mixed, wrong) or torch.equal(wrong, right), sentence)
    for used, unused in ((u1, "u2"), (u2, "u1")):
        wrong = paste_cells(used, used, top_k, cells, image)
        require(
            not torch.equal(mixed, wrong) or torch.equal(wrong, right),
            f"{unused} was never asked: rank the cells of both maps, each by its own.",
        )
    require(
        torch.equal(mixed, right),
        f"with top_k={top_k} and {cells}x{cells} cells the mixed image differs from two pastes in"
        " sequence.",
    )
    require(
        torch.equal(mixed_mask, paste_cells(u1, u2, top_k, cells, mask.unsqueeze(1))[:, 0]),
        "the mask did not move like the image.",
    )


def paste_cells(
    u1: Tensor,
    u2: Tensor,
    top_k: int,
    cells: int,
    image: Tensor,
    uncertain_first: bool = True,
    cross: bool = True,
    falling: bool = True,
    second_wins: bool = True,
    original: bool = True,
    in_order: bool = True,
) -> Tensor:
    """Return UMIX as its definition reads: two pastes in sequence from the original image (2D).

    It is made of loops and slices. Setting one of the last six arguments to False plants a mistake
    that `check_umix` tells from the others.
    """
    side = image.shape[-1] // cells
    windows = [
        (..., slice(i * side, (i + 1) * side), slice(j * side, (j + 1) * side))
        for i, j in product(range(cells), repeat=2)
    ]
    result = image.clone()
    content = image if original else result
    for b in range(len(image)):
        rank1, rank2 = (
            sorted(
                range(cells**2) if in_order else reversed(range(cells**2)),
                key=lambda cell: float(u[b][windows[cell]].mean()),
                reverse=uncertain_first,
            )
            for u in (u1, u2)
        )
        pastes = [(rank1, rank2 if cross else rank1), (rank2, rank1 if cross else rank2)]
        for top, bottom in pastes if second_wins else reversed(pastes):
            for k in range(top_k):
                nth = len(bottom) - top_k + k if falling else len(bottom) - 1 - k
                result[b][windows[top[k]]] = content[b][windows[bottom[nth]]]
    return result


def check_cell_means(answer: Answer) -> None:
    """Check `answer(u, grid)`: the mean of each cell of a map `B 1 H W`, as `B grid*grid`."""
    with judging(answer) as judged:
        u = torch.rand(2, 1, 8, 12, generator=torch.Generator().manual_seed(7))
        grid, (high, wide) = 4, (2, 3)
        rows = [
            [
                u[b, 0, i * high : (i + 1) * high, j * wide : (j + 1) * wide].mean()
                for i, j in product(range(grid), repeat=2)
            ]
            for b in range(2)
        ]
        right = torch.tensor(rows)
        means = judged.tensor(u, grid)
        require(
            means.shape != (2, grid, grid) and means.shape != (2, 1, grid, grid),
            "rows and columns of cells are still apart: make one axis of them, B grid*grid.",
        )
        require(
            means.shape == right.shape,
            f"it has shape {tuple(means.shape)} for a map {tuple(u.shape)} and a grid of {grid}:"
            f" {tuple(right.shape)} is asked for.",
        )
        strided = reduce(u, "b 1 (p h) (q w) -> b (h w)", "mean", h=grid, w=grid)
        require_value(
            means,
            right,
            [
                (6 * right, "that is the sum over a cell: take the mean."),
                (
                    right.view(2, grid, grid).transpose(1, 2).reshape(2, -1),
                    "the cells go down the columns: take them in reading order, along the rows.",
                ),
                (
                    strided,
                    "cell and pixel are swapped: the first letter in brackets is the slow one, so"
                    " write (h p), cells h of p pixels.",
                ),
                (
                    reduce(u, "b 1 (h p) (w q) -> b (h w)", "max", h=grid, w=grid),
                    "that is the largest value of a cell: take the mean.",
                ),
            ],
            "a cell does not have the mean of its pixels.",
        )


def check_top_and_bottom(answer: Answer) -> None:
    """Check `answer(means, top_k)`: the most uncertain and the most certain cells, both falling."""
    with judging(answer) as judged:
        means = torch.tensor([0.3, 0.9, 0.1, 0.5, 0.5, 0.2, 0.1, 0.9])
        rank = [1, 7, 3, 4, 0, 5, 2, 6]
        for top_k in (3, 2, 0):
            result = judged(means, top_k)
            require(
                isinstance(result, tuple | list) and len(result) == 2,
                "two lists are asked for: `return top, bottom`.",
            )
            top, bottom = ([int(cell) for cell in cells] for cells in result)
            right = (rank[:top_k], rank[len(rank) - top_k :])
            require(
                top_k or not bottom,
                "with top_k=0 the list of certain cells holds all cells: [-0:] is everything.",
            )
            require(
                not top_k or (top, bottom) != right[::-1],
                "the two lists are swapped: uncertain first.",
            )
            require(
                bottom == right[1] or bottom != right[1][::-1],
                "the certain cells are in rising order: both lists fall, the most certain comes"
                " last.",
            )
            require(
                sorted(means[top].tolist()) != sorted(means[right[0]].tolist()) or top == right[0],
                "cells that are equally uncertain changed places, or the list does not fall: sort"
                " with descending=True, stable=True.",
            )
            require(
                sorted(means[bottom].tolist()) != sorted(means[right[1]].tolist())
                or bottom == right[1],
                "cells that are equally certain changed places: sort with stable=True.",
            )
            require(
                (top, bottom) == right,
                f"for {means.tolist()} and top_k={top_k} the lists are {right[0]} and {right[1]}.",
            )


def check_largest_share(answer: Answer) -> None:
    """Check `answer(top_k, grid, dims)`: the largest share of an image that UMIX can change."""
    with judging(answer) as judged:
        for top_k, grid, dims in ((2, 16, 2), (4, 8, 2), (2, 8, 3)):
            right = 2 * top_k / grid**dims
            require_value(
                judged.number(top_k, grid, dims),
                right,
                [
                    (right / 2, "both maps move cells: twice top_k can change."),
                    (2 * top_k / grid, "a grid has as many cells as its sides multiplied."),
                    (2 * top_k / grid**2, "in 3D the grid has grid ** 3 cells."),
                    (100 * right, "that is per cent: a share of 1 is the whole image."),
                    (
                        2 * right,
                        "cells that give keep their content: only those that receive change.",
                    ),
                    (float(2 * top_k), "that is a number of cells: divide by all of them."),
                ],
                f"{2 * top_k} of {grid**dims} cells can change, a share of {right:.4f}.",
                tolerance=1e-9,
            )


def check_random_cells(answer: Answer) -> None:
    """Check `answer(cells, grid, generator)`: a boolean grid with so many true entries, drawn."""
    with judging(answer) as judged:

        def drawn(cells: int, seed: int) -> Tensor:
            return judged.tensor(cells, 6, torch.Generator().manual_seed(seed))

        for cells in (20, 1, 0, 36):
            for seed in range(4):
                mask = drawn(cells, seed)
                require(mask.shape == (6, 6), f"it has shape {tuple(mask.shape)}, not (6, 6).")
                require(
                    mask.dtype == torch.bool,
                    f"a mask of booleans is asked for, and these are {mask.dtype}.",
                )
                require(
                    int(mask.sum()) == cells,
                    f"{int(mask.sum())} cells are true where {cells} are asked for: each cell may"
                    " be drawn once only, as by randperm.",
                )
        require(
            torch.equal(drawn(12, 0), drawn(12, 0)),
            "the same generator draws other cells: hand it on, generator=generator.",
        )
        masks = torch.stack([drawn(12, seed) for seed in range(60)]).float()
        require(
            not torch.equal(masks[0], masks[1]) or not torch.equal(masks[1], masks[2]),
            "every draw gives the same cells: draw them with the generator.",
        )
        require(
            masks.mean(0).min() > 0 and masks.mean(0).max() < 0.8,
            "some cells are never drawn, or always: every cell has the same chance.",
        )
