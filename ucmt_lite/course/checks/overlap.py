"""Checks of overlaps: Dice, and how much two masks disagree."""

import torch
from torch import Tensor

from ucmt_lite.course.checks.judging import Answer, judging, require, require_value


def check_dice(answer: Answer) -> None:
    """Check `answer(prediction, truth)`: the Dice overlap of two boolean masks, a number."""
    with judging(answer) as judged:
        for p, t in _pairs_of_masks(0):
            overlap, size = _overlap(p, t), int(p.sum()) + int(t.sum())
            dice = 2 * overlap / size
            require_value(
                judged.number(p, t),
                dice,
                [
                    (overlap / size, "the overlap counts twice, because it lies in both masks."),
                    (
                        overlap / (size - overlap),
                        "that is the Jaccard index: Dice divides by the sum of both sizes, not by"
                        " the union.",
                    ),
                    (1 - dice, "that is one minus Dice, a loss: equal masks have a Dice of 1."),
                    (
                        float((p == t).float().mean()),
                        "that is the share of pixels that agree, background included: count what"
                        " both masks cover.",
                    ),
                ],
                f"an overlap of {overlap} and sizes {int(p.sum())} and {int(t.sum())} make a Dice"
                f" of {dice:.4f}.",
            )


def check_disagreement(answer: Answer) -> None:
    """Check `answer(mask1, mask2)`: one minus the Dice overlap of two boolean masks."""
    with judging(answer) as judged:
        for a, b in _pairs_of_masks(1):
            overlap, size = _overlap(a, b), int(a.sum()) + int(b.sum())
            dice = 2 * overlap / size
            require_value(
                judged.number(a, b),
                1 - dice,
                [
                    (dice, "that is the agreement: disagreement is one minus it."),
                    (
                        float((a != b).float().mean()),
                        "that is the share of differing pixels: background would drown a small"
                        " organ, so count overlap.",
                    ),
                    (
                        1 - overlap / (size - overlap),
                        "that is one minus the Jaccard index: divide twice the overlap by the sum"
                        " of both sizes.",
                    ),
                    (
                        1 - overlap / size,
                        "the overlap counts twice, because it lies in both masks.",
                    ),
                ],
                f"one minus Dice is {1 - dice:.4f} for an overlap of {overlap} and sizes"
                f" {int(a.sum())} and {int(b.sum())}.",
            )
        require(abs(judged.number(a, a)) < 1e-5, "a mask does not disagree with itself.")


def _pairs_of_masks(seed: int) -> list[tuple[Tensor, Tensor]]:
    """Return five pairs of random boolean masks that overlap in part."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(5, 2, 6, 7, generator=generator) > 0.6
    return [(pair[0], pair[1]) for pair in masks]


def _overlap(a: Tensor, b: Tensor) -> int:
    """Count the pixels of both masks, one by one."""
    pairs = zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)
    return sum(one and other for one, other in pairs)
