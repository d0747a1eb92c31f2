"""Checks of mixes: which cells move, and that a mask moves like its image."""

from itertools import product

import torch
from torch import Tensor

from ucmt_lite.course.checks.judging import Answer, Judged, judging, require

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
