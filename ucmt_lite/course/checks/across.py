"""Checks of what came after UCMT: the pixels that count, copy-paste, a pace of one's own."""

import math

import torch
from torch import Tensor

from ucmt_lite.course.checks.judging import Answer, judging, require, require_value


def check_sure(answer: Answer) -> None:
    """Check `answer(logits, threshold)`: pseudo label and sure pixels, both `B *S`."""
    with judging(answer) as judged:
        logits = 3 * torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(0))
        logits.requires_grad_()
        p = logits.detach().softmax(1)
        confidence, right = p.max(1)
        threshold = confidence[0, 2, 3].item()  # one pixel lies exactly on it
        result = judged(logits, threshold)
        require(
            isinstance(result, tuple | list) and len(result) == 2,
            "two maps are asked for: `return label, sure`.",
        )
        label, sure = (torch.as_tensor(part) for part in result)
        require(
            not label.is_floating_point() or torch.equal(label.long().float(), label.float()),
            "the label is the class, not its probability: argmax, or the indices of max.",
        )
        for name, part in (("label", label), ("mask of sure pixels", sure)):
            require(
                part.shape == right.shape,
                f"the {name} has shape {tuple(part.shape)}: one value a pixel is"
                f" {tuple(right.shape)}.",
            )
        require(torch.equal(label.long(), right), _label_mistake(label, logits.detach(), sure))
        require(not sure.requires_grad, "the choice of pixels carries no gradient: detach it.")
        _require_sure(sure, logits.detach(), threshold)


def _label_mistake(label: Tensor, logits: Tensor, sure: Tensor) -> str:
    """What is wrong with a label: `B *S`."""
    right = logits.argmax(1)
    if torch.equal(label.long()[sure.bool()], right[sure.bool()]):
        return (
            "unsure pixels have another label than the most probable class: leave the label, the"
            " mask says that they do not count."
        )
    return "the label is the most probable class of each pixel: argmax over axis 1."


def _require_sure(sure: Tensor, logits: Tensor, threshold: float) -> None:
    """Refuse a wrong choice of pixels, and name the mistake."""
    p = logits.softmax(1)
    confidence = p.amax(1)
    mistakes = [
        (
            confidence > threshold,
            "a pixel whose confidence is exactly the threshold counts: `>=`.",
        ),
        (confidence < threshold, "these are the unsure ones: it is the other way round."),
        (logits.amax(1) >= threshold, "logits are no probabilities: softmax first."),
        (p[:, 1] >= threshold, "that is the probability of class 1: take the largest of all."),
        (
            logits.softmax(2).amax(1) >= threshold,
            "the softmax goes over the classes, axis 1.",
        ),
    ]
    for wrong, sentence in mistakes:
        require(not torch.equal(sure.bool(), wrong), sentence)
    require(
        torch.equal(sure.bool(), confidence >= threshold),
        "a pixel counts where its most probable class has at least the threshold's probability.",
    )


def check_swap(answer: Answer) -> None:
    """Check `answer(x, u, inside)`: the two images of BCP, from `C H W` images and a mask `H W`."""
    with judging(answer) as judged:
        generator = torch.Generator().manual_seed(0)
        x, u = torch.rand(2, 3, 6, 8, generator=generator)
        inside = torch.zeros(6, 8, dtype=torch.bool)
        inside[1:5, 2:7] = True
        kept = x.clone(), u.clone()
        result = judged(x, u, inside)
        require(
            isinstance(result, tuple | list) and len(result) == 2,
            "two images are asked for: the labeled one with a box of the other, and the other way"
            " round.",
        )
        require(
            torch.equal(x, kept[0]) and torch.equal(u, kept[1]),
            "an image itself was changed: build new ones, the originals are still needed.",
        )
        inward, outward = torch.where(inside, u, x), torch.where(inside, x, u)
        require(
            not (torch.equal(result[0], outward) and torch.equal(result[1], inward)),
            "inside and outside are swapped: the first image is the labeled one with an unlabeled"
            " box.",
        )
        require(
            not torch.equal(result[0], result[1]),
            "both images are the same: the second has a labeled box in the unlabeled image.",
        )
        require(
            not torch.equal(result[1], u),
            "the second image is the unlabeled one as it was: its box comes from the labeled one,"
            " as that was before the first paste.",
        )
        require(torch.equal(result[0], inward), "the first image is x outside the box, u inside.")
        require(torch.equal(result[1], outward), "the second image is u outside the box, x inside.")


def check_pace(answer: Answer) -> None:
    """Check `answer(difficulty, reach, most)`: how many cells AdaMix moves, and which way."""
    with judging(answer) as judged:
        for difficulty, reach, most in (
            (0.1, 0.5, 16),
            (0.0, 0.5, 16),
            (0.55, 0.5, 16),
            (0.9, 0.3, 16),
            (0.22, 0.4, 5),
        ):
            exact = most * (1 - difficulty / reach)
            k = max(-most, min(most, int(exact)))
            require_value(
                judged.number(difficulty, reach, most),
                k,
                [
                    (max(0, k), "a hard image moves cells, too, the other way: below 0."),
                    (
                        abs(k),
                        "the sign is lost: above 0 an easy image is made harder, below 0 a hard one"
                        " easier.",
                    ),
                    (-k, "the sign is turned: above 0 where the difficulty is below the reach."),
                    (int(exact), f"at most {most} cells move, also the other way."),
                    (exact, "a number of cells is whole: cut off what is behind the point."),
                    (
                        max(-most, min(most, math.floor(exact))),
                        "int() cuts towards 0, floor goes down also below it.",
                    ),
                    (
                        max(-most, min(most, round(exact))),
                        "cut off what is behind the point, do not round.",
                    ),
                    (
                        max(-most, min(most, int(most * difficulty / reach))),
                        "that many are left alone: the easier the image, the more is moved, so 1"
                        " minus the ratio.",
                    ),
                    (
                        max(-most, min(most, int(most * (reach - difficulty)))),
                        "the difference is relative: divide the difficulty by the reach.",
                    ),
                ],
                f"for a difficulty of {difficulty}, a reach of {reach} and at most {most} cells it"
                f" is {k}.",
            )
