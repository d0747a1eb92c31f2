"""Checks of teachers: how their weights follow the students'."""

import math

import torch
from torch import Tensor, nn

from ucmt_lite.course.checks.judging import (
    Answer,
    all_close,
    close,
    judging,
    require,
    require_value,
)


def check_ema_update(answer: Answer) -> None:
    """Check `answer(teacher, student, decay, step)`: `ema_update` of one student, in place."""
    with judging(answer), torch.random.fork_rng():
        for step, decay in ((9, 0.99), (0, 0.99), (500, 0.9)):
            _check_one_ema_update(answer, step, decay)


def _check_one_ema_update(answer: Answer, step: int, decay: float) -> None:
    teacher, student = (nn.Linear(3, 2) for _ in range(2))
    old = [p.detach().clone() for p in teacher.parameters()]
    goal = [p.detach().clone() for p in student.parameters()]
    answer(teacher, student, decay, step)
    new = [p.detach() for p in teacher.parameters()]

    def averaged(keep: float) -> list[Tensor]:
        return [keep * t + (1 - keep) * s for t, s in zip(old, goal, strict=True)]

    alpha = min(1 - 1 / (step + 1), decay)
    require(
        all_close([p.detach() for p in student.parameters()], goal),
        "the student moved: only the teacher follows.",
    )
    require(
        not all_close(new, old) or alpha == 1,
        "the teacher did not move: change its parameters in place, for instance with copy_.",
    )
    require(
        not all_close(new, averaged(1 - alpha)),
        "decay is the share the teacher keeps, 1 - decay what it takes from the student.",
    )
    require(
        not all_close(new, averaged(decay)) or alpha == decay,
        f"at step {step} the decay is min(1 - 1/(step + 1), decay) = {alpha:.2f}, so that the start"
        " counts little.",
    )
    require(
        not all_close(new, averaged(1 - 1 / (step + 1))) or alpha == 1 - 1 / (step + 1),
        f"at step {step} the decay is 1 - 1/(step + 1), without a ceiling: take the smaller of that"
        " and `decay`.",
    )
    require(
        all_close(new, averaged(alpha)),
        f"at step {step} with decay {decay} the teacher is not alpha * teacher + (1 - alpha) *"
        " student.",
    )
    require(
        all(p.grad_fn is None for p in teacher.parameters()),
        "the update is recorded for gradients: put it under torch.no_grad().",
    )


def check_teacher_of_two(answer: Answer) -> None:
    """Check `answer(teacher, student1, student2, decay, shares, step)`: `ema_update` of two."""
    with judging(answer), torch.random.fork_rng():
        for step, decay, shares in (
            (9, 0.99, (0.7, 0.3)),
            (0, 0.99, (0.99, 0.01)),
            (500, 0.9, (0.5, 0.5)),
        ):
            _check_one_teacher_of_two(answer, step, decay, shares)


def _check_one_teacher_of_two(
    answer: Answer, step: int, decay: float, shares: tuple[float, float]
) -> None:
    networks = [nn.Linear(3, 2) for _ in range(3)]
    old, one, two = ([p.detach().clone() for p in net.parameters()] for net in networks)
    answer(*networks, decay, shares, step)
    new = [p.detach() for p in networks[0].parameters()]

    def averaged(keep: float, first: float, second: float) -> list[Tensor]:
        triples = zip(old, one, two, strict=True)
        return [keep * t + (1 - keep) * (first * a + second * b) for t, a, b in triples]

    alpha = min(1 - 1 / (step + 1), decay)
    for net, before in zip(networks[1:], (one, two), strict=True):
        require(
            all_close([p.detach() for p in net.parameters()], before),
            "a student moved: only the teacher follows.",
        )
    require(
        not all_close(new, old) or alpha == 1,
        "the teacher did not move: change its parameters in place, for instance with copy_.",
    )
    right = averaged(alpha, *shares)
    mistakes = [
        (averaged(alpha**2, *shares), "the teacher moves twice: one update is for both students."),
        (averaged(alpha, *shares[::-1]), "the shares are swapped: the first is student 1's."),
        (averaged(alpha, 1, 1), "the students are added whole: each counts by its share."),
        (averaged(alpha, 0.5, 0.5), "each student counts half: take the shares that are given."),
        (averaged(alpha, 1, 0), "student 2 does not count: it has a share, too."),
        (averaged(1 - alpha, *shares), "decay is the share the teacher keeps."),
        (averaged(decay, *shares), "at the start the decay is min(1 - 1/(step + 1), decay)."),
    ]
    if not all_close(new, right):
        for mistake, sentence in mistakes:
            require(not all_close(new, mistake), sentence)
    require(
        all_close(new, right),
        "the teacher is not alpha * teacher + (1 - alpha) * (share1 * student1 + share2 *"
        " student2).",
    )


def check_half_life(answer: Answer) -> None:
    """Check `answer(decay)`: after how many steps a student's weight has fallen to half."""
    with judging(answer) as judged:
        for decay in (0.99, 0.9, 0.5):
            right = math.log(0.5) / math.log(decay)
            require_value(
                judged.number(decay),
                right,
                [
                    (-right, "it is negative: both logarithms are, so their quotient is not."),
                    (
                        1 / (1 - decay),
                        "that is when the weight has fallen to about a third, 1 / e: ask for half.",
                    ),
                    (
                        0.5 / (1 - decay),
                        "the weight falls by a factor each step, not by an amount.",
                    ),
                    (math.log(decay) / math.log(0.5), "the quotient is upside down."),
                    (math.log(0.5, 10) / math.log(decay), "take the same logarithm twice."),
                    (float(round(right)), "do not round: the number need not be whole."),
                    (float(math.ceil(right)), "do not round: the number need not be whole."),
                ],
                f"for a decay of {decay}, decay ** m is one half at m = {right:.2f}.",
                tolerance=1e-3,
            )


def check_reordered(answer: Answer) -> None:
    """Check `answer(w1, w2, order)`: the same network with its hidden units in another order."""
    with judging(answer) as judged:
        generator = torch.Generator().manual_seed(6)
        w1, w2 = torch.randn(5, 3, generator=generator), torch.randn(5, 5, generator=generator)
        x = torch.randn(3, 20, generator=generator)
        order = [2, 0, 4, 1, 3]
        result = judged(w1, w2, order)
        require(
            isinstance(result, tuple | list) and len(result) == 2,
            "two matrices are asked for: `return w1, w2`.",
        )
        new1, new2 = result
        require(
            new1.shape == w1.shape and new2.shape == w2.shape,
            f"the matrices have shapes {tuple(new1.shape)} and {tuple(new2.shape)}: they keep"
            " theirs.",
        )
        require(
            not close(new1, w1) or not close(new2, w2),
            "nothing has changed: reorder the hidden units.",
        )
        require(
            not close(new2, w2),
            "w2 is still in the old order: what a hidden unit says goes with it, its column.",
        )
        require(
            not close(new2, w2[order]),
            "the rows of w2 are reordered, which are the outputs: a hidden unit is its column.",
        )
        require(not close(new1, w1), "w1 is still in the old order: a hidden unit is its row.")
        before, after = w2 @ (w1 @ x).relu(), new2 @ (new1 @ x).relu()
        require(
            close(before, after, 1e-4),
            "the network gives other results now: rows of w1 and columns of w2 need the same"
            " order.",
        )
        require(close(new1, w1[order]), "the hidden units are not in the order that is asked for.")
