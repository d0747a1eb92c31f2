"""Checks of targets and of the losses that use them: pseudo labels, consistency, cross training."""

import math

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


def check_cpc(answer: Answer) -> None:
    """Check `answer(logits1, logits2)`: the squared distance of probabilities, both ways.

    Each direction moves one network only.
    """
    with judging(answer) as judged:
        logits1 = random_logits(10, 2, 3, 4, 4).requires_grad_()
        logits2 = random_logits(11, 2, 3, 4, 4).requires_grad_()
        loss = judged.loss(logits1, logits2)
        _check_cpc_value(loss.detach(), logits1.detach(), logits2.detach())
        loss.backward()
        require(
            logits1.grad is not None and logits2.grad is not None,
            "one of the networks gets no gradient: both learn.",
        )
        z1 = logits1.detach().requires_grad_()
        own_term = ((z1.softmax(1) - logits2.detach().softmax(1)) ** 2).sum(1).mean()
        (gradient,) = torch.autograd.grad(own_term, z1)
        require_value(
            logits1.grad if logits1.grad is not None else 0.0,
            gradient,
            [
                (
                    2 * gradient,
                    "network 1 gets its gradient twice, once through the target of network 2:"
                    " detach the targets.",
                )
            ],
            "the gradient of network 1 is not that of its own term: detach the target, and only"
            " it.",
        )


def _check_cpc_value(loss: Tensor, z1: Tensor, z2: Tensor) -> None:
    distance = ((z1.softmax(1) - z2.softmax(1)) ** 2).sum(1).mean()
    require_value(
        loss,
        2 * distance,
        [
            (distance, "one direction is missing: both networks learn, so there are two terms."),
            (
                2 * distance / 3,
                "the mean runs over the classes as well: sum over them, then take the mean over"
                " images and pixels.",
            ),
            (
                2 * ((z1 - z2) ** 2).sum(1).mean(),
                "compare probabilities, not logits: softmax over the class axis first.",
            ),
            (
                F.cross_entropy(z1, z2.argmax(1)) + F.cross_entropy(z2, z1.argmax(1)),
                "these targets are decisions, as in CPS: here the targets are probabilities.",
            ),
            (
                2 * ((z1.softmax(-1) - z2.softmax(-1)) ** 2).sum(1).mean(),
                "the softmax runs over the last axis, the columns: the classes are axis 1.",
            ),
        ],
        "the value is not the mean over images and pixels of the squared distance, twice.",
    )


def check_flaw(answer: Answer) -> None:
    """Check `answer(p, y)`: how wrong each pixel is, one minus the probability of its class."""
    with judging(answer) as judged:
        p = random_logits(12, 2, 3, 4, 4).softmax(1).requires_grad_()
        y = torch.randint(0, 3, (2, 4, 4), generator=torch.Generator().manual_seed(2))
        flaw = judged.tensor(p, y)
        true = p.detach().gather(1, y.unsqueeze(1))
        require(
            flaw.shape != (2, 4, 4),
            "the class axis is gone: keep it with one entry, B 1 H W, as keepdim=True does.",
        )
        require(
            flaw.shape == (2, 1, 4, 4),
            f"it has shape {tuple(flaw.shape)}: one number a pixel is asked for, B 1 H W.",
        )
        require(not flaw.requires_grad, "it carries a gradient: a target is made without one.")
        require_value(
            flaw,
            1 - true,
            [
                (true, "that is how right a pixel is: one minus it."),
                (2 * (1 - true), "half of the sum: what one class has too much others lack."),
                (
                    1 - p.detach().amax(1, keepdim=True),
                    "that is one minus the largest probability: how unsure the network is, not how"
                    " wrong. The mask is not used.",
                ),
                (
                    (p.detach().argmax(1) != y).unsqueeze(1).float(),
                    "that is yes or no: a sure error is worse than an unsure one.",
                ),
            ],
            "it is not one minus the probability of the true class.",
        )


def check_leader(answer: Answer) -> None:
    """Check `answer(p1, p2, flaw1, flaw2)`: two targets, each the prediction with fewer flaws."""
    with judging(answer) as judged:
        p1, p2 = (random_logits(seed, 2, 3, 4, 4).softmax(1).requires_grad_() for seed in (13, 14))
        flaw1, flaw2 = (
            torch.randint(0, 4, (2, 1, 4, 4), generator=torch.Generator().manual_seed(seed)) / 3
            for seed in (3, 4)
        )
        result = judged(p1, p2, flaw1, flaw2)
        require(
            isinstance(result, tuple | list) and len(result) == 2,
            "two targets are asked for: `return target1, target2`.",
        )
        target1, target2 = result
        one, other = torch.where(flaw2 < flaw1, p2, p1), torch.where(flaw1 < flaw2, p1, p2)
        require(
            not target1.requires_grad and not target2.requires_grad,
            "the targets carry a gradient: detach them.",
        )
        require_value(
            target1,
            one.detach(),
            [
                (
                    torch.where(flaw2 > flaw1, p2, p1).detach(),
                    "the prediction with *more* flaws leads: it is the other way round.",
                ),
                (
                    torch.where(flaw2 <= flaw1, p2, p1).detach(),
                    "in a tie network 1 takes the other's prediction: it keeps its own there.",
                ),
                (p2.detach(), "network 1 always learns from network 2: only where that is better."),
                (other.detach(), "in a tie network 1 takes the other's prediction: keep its own."),
            ],
            "target 1 is not the prediction with the lower flaw, pixel by pixel.",
        )
        require_value(
            target2,
            other.detach(),
            [(one.detach(), "in a tie network 2 takes the other's prediction: it keeps its own.")],
            "target 2 is not the prediction with the lower flaw, pixel by pixel.",
        )


def check_collaboration(answer: Answer) -> None:
    """Check `answer(logits1, logits2, teacher_logits)`: the four unsupervised terms of CMT."""
    with judging(answer) as judged:
        logits1, logits2, teacher = (
            random_logits(seed, 2, 3, 4, 4).requires_grad_() for seed in (15, 16, 17)
        )
        z1, z2, t = logits1.detach(), logits2.detach(), teacher.detach()
        label1, label2, label_t = z1.argmax(1), z2.argmax(1), t.argmax(1)
        cps = F.cross_entropy(z1, label2) + F.cross_entropy(z2, label1)
        alone1, alone2 = F.cross_entropy(z1, label_t), F.cross_entropy(z2, label_t)
        cmt = alone1 + alone2
        own = F.cross_entropy(z1, label1) + F.cross_entropy(z2, label2)
        soft = F.cross_entropy(z1, t.softmax(1)) + F.cross_entropy(z2, t.softmax(1))
        back = F.cross_entropy(t, label1) + F.cross_entropy(t, label2)
        loss = judged.loss(logits1, logits2, teacher)
        require_value(
            loss.detach(),
            cps + cmt,
            [
                (cps, "the teacher's label is missing: both students learn it, too."),
                (cmt, "the students do not teach each other: their two terms are missing."),
                (cps + alone1, "student 2 does not learn from the teacher: both do."),
                (cps + alone2, "student 1 does not learn from the teacher: both do."),
                (own + cmt, "each student learns from its own decision: swap them."),
                (cps + soft, "the teacher's target is soft: take its decision, an argmax."),
                (cps + back, "the teacher learns from the students: it is the other way round."),
                ((cps + cmt) / 2, "the four terms are summed, not halved."),
                ((cps + cmt) / 4, "the four terms are summed, not averaged."),
            ],
            "the value is not the sum of the four cross-entropies.",
        )
        loss.backward()
        require(
            logits1.grad is not None and logits2.grad is not None,
            "one of the students gets no gradient: both learn.",
        )
        require(
            teacher.grad is None,
            "a gradient reaches the teacher: it learns by averaging alone.",
        )


def check_ramp(answer: Answer) -> None:
    """Check `answer(step, length)`: the factor of the unsupervised terms, `sigmoid_rampup`."""
    with judging(answer) as judged:
        for step, length in ((25, 100), (0, 100), (50, 100), (100, 100), (250, 100), (30, 300)):
            passed = min(step / length, 1)
            require_value(
                judged.number(step, length),
                math.exp(-5 * (1 - passed) ** 2),
                [
                    (
                        math.exp(-5 * (1 - step / length) ** 2),
                        "after its length the ramp-up is over and the factor stays at 1: hold"
                        " step / length at 1.",
                    ),
                    (passed, "that is a straight line: the exponential is missing."),
                    (
                        math.exp(-5 * (1 - passed)),
                        "1 - t is squared, so that the end of the ramp-up is flat.",
                    ),
                    (
                        math.exp(-5 * passed**2),
                        "it falls: the factor is almost 0 at the start and 1 at the end.",
                    ),
                    (
                        math.exp(-((5 * (1 - passed)) ** 2)),
                        "only 1 - t is squared, the 5 is not.",
                    ),
                    (1 / (1 + math.exp(-passed)), "that is the logistic function."),
                ],
                f"at step {step} of {length} the factor is {math.exp(-5 * (1 - passed) ** 2):.4f}.",
            )
