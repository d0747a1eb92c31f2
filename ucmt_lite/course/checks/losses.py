"""Checks of the losses that labels are learned with."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ucmt_lite.course.checks.judging import Answer, judging, random_logits, require, require_value


def check_cross_entropy(answer: Answer) -> None:
    """Check `answer(logits, target)`: the mean cross-entropy of `B K H W` against `B H W`."""
    with judging(answer) as judged:
        logits = random_logits(7, 2, 3, 4, 4).requires_grad_()
        target = torch.randint(0, 3, (2, 4, 4), generator=torch.Generator().manual_seed(0))
        z, p = logits.detach(), logits.detach().softmax(1)
        right = F.cross_entropy(z, target)
        loss = judged.loss(logits, target)
        require_value(
            loss.detach(),
            right,
            [
                (-right, "a surprise is never negative: there is a minus sign before the mean."),
                (
                    F.cross_entropy(p, target),
                    "the softmax comes twice: take the logarithm of one softmax.",
                ),
                (
                    -z.log_softmax(-1).gather(1, target.unsqueeze(1)).mean(),
                    "the softmax runs over the last axis, the columns: the classes are axis 1.",
                ),
                (
                    F.cross_entropy(z, target, reduction="sum"),
                    "that is the sum over the pixels: take the mean.",
                ),
                (
                    1 - p.gather(1, target.unsqueeze(1)).mean(),
                    "take the logarithm of the probability before the mean.",
                ),
                (
                    -z.log_softmax(1).mean(),
                    "that averages over all classes: only the true class of each pixel counts, and"
                    " gather picks it.",
                ),
                (-z.gather(1, target.unsqueeze(1)).mean(), "these are logits: softmax first."),
            ],
            "the value is not the mean of -ln p of the true class.",
        )
        sure = torch.tensor([[[[200.0]], [[-200.0]]]])
        require(
            judged.tensor(sure.requires_grad_(), torch.ones(1, 1, 1, dtype=torch.long)).isfinite(),
            "where the network is sure and wrong the value is not finite: log_softmax stays finite"
            " where the log of a softmax does not.",
        )


def check_dice_loss(answer: Answer) -> None:
    """Check `answer(logits, target)`: soft Dice loss per image and class, background included."""
    with judging(answer) as judged:
        logits = random_logits(8, 2, 3, 4, 4).requires_grad_()
        target = torch.randint(0, 2, (2, 4, 4), generator=torch.Generator().manual_seed(1))
        target[1] = 0  # an image that shows the background alone
        z = logits.detach().flatten(2)  # B K S
        y = F.one_hot(target, 3).movedim(-1, 1).flatten(2).float()
        require_value(
            judged.loss(logits, target).detach(),
            1 - _soft_dice(z.softmax(1), y).mean(),
            _mistakes_of_dice(z, y),
            "the value is not one minus the mean over images and classes of the soft Dice.",
            tolerance=1e-4,
        )
        sure = torch.tensor([200.0, -200.0, -200.0]).view(1, 3, 1, 1).repeat(1, 1, 4, 4)
        require(
            bool(judged.loss(sure.requires_grad_(), target[1:]).isfinite()),
            "where a sure network and the mask both lack a class, zero is divided by zero: add the"
            " small number above and below the line.",
        )


def _soft_dice(p: Tensor, y: Tensor) -> Tensor:
    """Return the soft Dice of each image and class: `B K S` twice -> `B K`."""
    return (2 * (p * y).sum(2) + 1e-5) / (p.sum(2) + y.sum(2) + 1e-5)


def _mistakes_of_dice(z: Tensor, y: Tensor) -> list[tuple[Tensor, str]]:
    """Return what a soft Dice loss of logits `B K S` is with each mistake, and its sentence."""
    p = z.softmax(1)
    dice = _soft_dice(p, y)
    overlap, size = (p * y).sum(2), p.sum(2) + y.sum(2)
    each_class = (2 * overlap.sum(0) + 1e-5) / (size.sum(0) + 1e-5)
    together = (2 * overlap.sum() + 1e-5) / (size.sum() + 1e-5)
    return [
        (dice.mean(), "that is the overlap: the loss is one minus it."),
        (1 - (overlap / size).mean(), "the overlap counts twice above the line."),
        (
            1 - each_class.mean(),
            "the images are summed before the fraction: each image has a Dice of its own.",
        ),
        (
            1 - together,
            "images and classes are summed before the fraction: large classes drown small ones, so"
            " divide first and average then.",
        ),
        (
            1 - dice[:, 1:].mean(),
            "the background is left out: here it is a class like the others.",
        ),
        (
            1 - (overlap / (size - overlap)).mean(),
            "that is one minus a soft Jaccard: below the line stands the sum of both sizes.",
        ),
        (1 - _soft_dice(z, y).mean(), "these are logits: softmax over the classes first."),
        (1 - dice.sum(1).mean(), "average over the classes, too: they are summed."),
    ]
