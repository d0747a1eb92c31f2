"""Checks of teachers: how their weights follow the students'."""

import torch
from torch import Tensor, nn

from ucmt_lite.course.checks.judging import Answer, all_close, judging, require


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
