"""Checks of targets and of the losses that use them: pseudo labels, consistency, cross training."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ucmt_lite.course.checks.judging import (
    Answer,
    judging,
    random_logits,
    require,
    require_value,
)


def check_pseudo_label(answer: Answer) -> None:
    """Check `answer(logits)`: class indices `B *S` from logits `B K *S`, without a gradient."""
    with judging(answer) as judged:
        for shape in ((2, 3, 4, 5), (1, 2, 3, 4, 2)):
            logits = random_logits(0, *shape).requires_grad_()
            label = judged.tensor(logits)
            _check_label_shape(label, shape)
            require(
                not label.is_floating_point(),
                f"a target is a class index, a whole number, and these are {label.dtype}.",
            )
            require(
                not label.requires_grad,
                "a gradient could flow back through the pseudo label: compute it without one.",
            )
            pixels = logits.detach().movedim(1, -1).reshape(-1, shape[1]).tolist()
            best = [max(range(shape[1]), key=row.__getitem__) for row in pixels]
            require(
                torch.equal(label.long(), torch.tensor(best).view(shape[0], *shape[2:])),
                "it picks another class than the most probable one.",
            )


def _check_label_shape(label: Tensor, shape: tuple[int, ...]) -> None:
    batch, classes, *sides = shape
    require(
        label.shape != shape,
        "it keeps the class axis, as probabilities and one-hot maps do: a pseudo label has one"
        " class index a pixel, B *S.",
    )
    require(
        label.shape != (batch, 1, *sides),
        "the class axis is still there, with one entry: leave out keepdim, B *S.",
    )
    require(
        label.shape == (batch, *sides),
        f"it has shape {tuple(label.shape)} for logits {tuple(shape)}: the classes are axis 1, take"
        " the argmax over that one.",
    )


def check_consistency(answer: Answer) -> None:
    """Check `answer(student_logits, teacher_logits)`: the mean squared difference of softmaxes.

    Only the student receives a gradient.
    """
    with judging(answer) as judged:
        student = random_logits(1, 2, 3, 4, 4).requires_grad_()
        teacher = random_logits(2, 2, 3, 4, 4).requires_grad_()
        s, t = student.detach(), teacher.detach()
        loss = judged.tensor(student, teacher)
        require(
            loss.requires_grad,
            "no gradient reaches the student: only the teacher is detached.",
        )
        loss = judged.loss(student, teacher)
        squared = (s.softmax(1) - t.softmax(1)) ** 2  # B K H W
        require_value(
            loss.detach(),
            squared.mean(),
            [
                (
                    ((s - t) ** 2).mean(),
                    "compare probabilities, not logits: softmax over the class axis first.",
                ),
                (
                    ((s.softmax(-1) - t.softmax(-1)) ** 2).mean(),
                    "the softmax runs over the last axis, the columns: the classes are axis 1.",
                ),
                (
                    ((s.softmax(0) - t.softmax(0)) ** 2).mean(),
                    "the softmax runs over the images: the classes are axis 1.",
                ),
                (squared.sum(), "that is the sum: take the mean over images, classes and pixels."),
                (
                    squared.sum(1).mean(),
                    "the mean goes over the classes, too: here they are summed.",
                ),
                (squared.mean().sqrt(), "leave out the root: the mean of the squares is the loss."),
            ],
            "the value is not the mean over images, classes and pixels of (p - q) squared.",
        )
        loss.backward()
        require(
            teacher.grad is None,
            "a gradient reaches the teacher: detach its side, it learns by averaging alone.",
        )
        require(
            student.grad is not None,
            "no gradient reaches the student: only the teacher is detached.",
        )


def check_cross_pseudo_supervision(answer: Answer) -> None:
    """Check `answer(logits1, logits2)`: two cross-entropies against the other's label, summed."""
    with judging(answer) as judged:
        logits1 = random_logits(3, 2, 3, 4, 4).requires_grad_()
        logits2 = random_logits(4, 2, 3, 4, 4).requires_grad_()
        loss = judged.loss(logits1, logits2)
        _check_cross_value(loss.detach(), logits1.detach(), logits2.detach())
        loss.backward()
        require(
            logits1.grad is not None and logits2.grad is not None,
            "one of the networks gets no gradient: both learn.",
        )


def _check_cross_value(loss: Tensor, z1: Tensor, z2: Tensor) -> None:
    label1, label2 = z1.argmax(1), z2.argmax(1)
    p1, p2 = z1.softmax(1), z2.softmax(1)
    to_1, to_2 = F.cross_entropy(z1, label2), F.cross_entropy(z2, label1)
    one_direction = "one direction is missing: both networks learn."
    require_value(
        loss,
        to_1 + to_2,
        [
            (
                F.cross_entropy(z1, label1) + F.cross_entropy(z2, label2),
                "each network learns from its own pseudo label: swap them, that is the cross.",
            ),
            (
                F.cross_entropy(z1, p2) + F.cross_entropy(z2, p1),
                "these targets are soft: a pseudo label is the most probable class, an argmax.",
            ),
            (
                F.cross_entropy(p1, label2) + F.cross_entropy(p2, label1),
                "cross_entropy takes logits and applies the softmax itself: here it comes twice.",
            ),
            (
                (to_1 + to_2) / 2,
                "that is the mean of the two terms: the paper's loss is their sum.",
            ),
            (to_1, one_direction),
            (to_2, one_direction),
        ],
        "the value is not CE(logits1, label2) + CE(logits2, label1).",
    )
