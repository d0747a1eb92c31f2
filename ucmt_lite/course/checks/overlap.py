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


def check_right_pixels(answer: Answer) -> None:
    """Check `answer(prediction, truth)`: the share of pixels that two boolean masks agree on."""
    with judging(answer) as judged:
        for p, t in _pairs_of_masks(2):
            overlap, size = _overlap(p, t), int(p.sum()) + int(t.sum())
            pixels = p.numel()
            right = pixels - (size - 2 * overlap)
            require_value(
                judged.number(p, t),
                right / pixels,
                [
                    (right, "that is a count: divide by the number of pixels."),
                    (
                        overlap / pixels,
                        "background that both call background is right, too: count every pixel"
                        " where the masks are equal.",
                    ),
                    (1 - right / pixels, "that is the share of wrong pixels."),
                    (
                        2 * overlap / size,
                        "that is Dice, which leaves background out: count background, too.",
                    ),
                    (
                        overlap / max(int(t.sum()), 1),
                        "that is the share of the true region that was found: count all pixels.",
                    ),
                ],
                f"{right} of {pixels} pixels are equal, a share of {right / pixels:.4f}.",
            )


def check_never_corrected(answer: Answer) -> None:
    """Check `answer(label1, label2, truth)`: the share of pixels both give the same wrong class."""
    with judging(answer) as judged:
        generator = torch.Generator().manual_seed(5)
        for shape in ((6, 7), (2, 4, 5)):
            label1, label2, truth = torch.randint(0, 3, (3, *shape), generator=generator)
            triples = list(
                zip(*(mask.flatten().tolist() for mask in (label1, label2, truth)), strict=True)
            )
            pixels = len(triples)

            def share(count: list[bool], pixels: int = pixels) -> float:
                return sum(count) / pixels

            right = share([a == b != t for a, b, t in triples])
            require_value(
                judged.number(label1, label2, truth),
                right,
                [
                    (
                        share([a != t and b != t for a, b, t in triples]),
                        "both are wrong there, but not always in the same way: where they name two"
                        " wrong classes, they still contradict each other.",
                    ),
                    (
                        share([a != t or b != t for a, b, t in triples]),
                        "one wrong network is enough for that: where only one is wrong, the other"
                        " can correct it.",
                    ),
                    (share([a == b for a, b, _ in triples]), "equal and right is no mistake."),
                    (share([a != b for a, b, _ in triples]), "that is where they differ."),
                    (right * pixels, "that is a count: divide by the number of pixels."),
                    (1 - right, "that is the share of all other pixels."),
                ],
                f"both name the same wrong class on a share of {right:.4f} of the pixels.",
            )


def check_mean_scores(answer: Answer) -> None:
    """Check `answer(predictions, truths)`: mean Dice over all images, and over those with truth."""
    with judging(answer) as judged:
        full, half, empty = (torch.zeros(4, 4, dtype=torch.bool) for _ in range(3))
        full[:, :], half[:2] = True, True
        predictions = [full, half, empty, full, empty]
        truths = [half, half, empty, empty, half]
        dices = [2 / 3, 1.0, 1.0, 0.0, 0.0]  # of these five pairs, in their order
        result = judged(predictions, truths)
        require(
            isinstance(result, tuple | list) and len(result) == 2,
            "two numbers are asked for: `return over_all, over_shown`.",
        )
        over_all, over_shown = (float(value) for value in result)
        require(
            over_all == over_all,
            "0 / 0 is not a number: two empty masks agree, give them a score of 1.",
        )
        require_value(
            over_all,
            sum(dices) / 5,
            [
                ((2 / 3 + 1 + 0) / 3, "the two means are swapped: first that over all images."),
                (2.0 / 3 / 5 + 1 / 5, "two empty masks agree: they score 1, not 0."),
                ((2 / 3 + 1) / 4, "an image with two empty masks counts, too, with a score of 1."),
                (
                    (2 / 3 + 3) / 5,
                    "an object where there is none is an error: only two empty masks score 1.",
                ),
            ],
            f"the Dice of the five pairs are 2/3, 1, 1, 0 and 0, on average {sum(dices) / 5:.3f},"
            f" and it gives {over_all:.3f}.",
        )
        require_value(
            over_shown,
            (2 / 3 + 1 + 0) / 3,
            [
                (over_all, "the second mean leaves out images whose truth is empty."),
                ((2 / 3 + 1) / 2, "a missed object counts with 0: its truth is not empty."),
                (
                    (2 / 3 + 1 + 0 + 0) / 4,
                    "an image counts by its truth alone, whatever was predicted there.",
                ),
            ],
            f"over the three images that show something the mean is {(2 / 3 + 1) / 3:.3f}, and it"
            f" gives {over_shown:.3f}.",
        )


def _pairs_of_masks(seed: int) -> list[tuple[Tensor, Tensor]]:
    """Return five pairs of random boolean masks that overlap in part."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(5, 2, 6, 7, generator=generator) > 0.6
    return [(pair[0], pair[1]) for pair in masks]


def _overlap(a: Tensor, b: Tensor) -> int:
    """Count the pixels of both masks, one by one."""
    pairs = zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)
    return sum(one and other for one, other in pairs)
