"""The teacher: an exponential moving average (EMA) of one student's weights, or of several
students' together.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ucmt_lite.common import InputError


@torch.no_grad()
def ema_update(
    teacher: nn.Module,
    students: Sequence[nn.Module],
    decay: float,
    step: int,
    share: Sequence[float] = (1.0,),
) -> None:
    r"""Move the teacher's parameters towards a mixture of the students' (Tarvainen & Valpola 2017;
    UCMT with two).

    .. math:: \theta_t \leftarrow \alpha \theta_t + (1 - \alpha) \sum_i w_i \theta_i, \qquad
              \alpha = \min(1 - \tfrac{1}{n + 1}, \text{decay})

    At step n = 0 alpha is 0: the teacher becomes the mixture, so its own initial weights never
    matter, and with one update a step it is the true average of the students so far over the first
    steps. `share` holds the w_i and sums to 1. Only parameters are averaged; batch-norm statistics
    are the teacher's own, from the images it sees. No gradient passes. Works in place. Errors: a
    student of another architecture than the teacher's, unless its share is 0; shares that are not
    one a student and together 1. Source: the reference codes of Mean Teacher and UCMT.

    >>> teacher, student = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.zeros_(teacher.weight), nn.init.ones_(student.weight)
    >>> ema_update(teacher, [student], decay=0.9, step=1000)
    >>> round(teacher.weight.item(), 4)
    0.1
    """
    check_shares(share, len(students))
    alpha = min(1 - 1 / (step + 1), decay)
    own: list[Tensor] = [*teacher.parameters()]
    theirs: list[list[Tensor]] = [
        [*student.parameters()] for student, w in zip(students, share, strict=True) if w
    ]
    _check_alike(own, theirs)
    torch._foreach_mul_(own, alpha)
    for parameters, w in zip(theirs, filter(None, share), strict=True):
        torch._foreach_add_(own, parameters, alpha=(1 - alpha) * w)


def check_shares(share: Sequence[float], students: int) -> None:
    """Refuse shares that make no average."""
    if len(share) != students or abs(sum(share) - 1) > 1e-6 or min(share) < 0:
        raise InputError(
            f"ema_share={tuple(share)}: give each student's share of the teacher, together 1."
        )


def _check_alike(own: list[Tensor], others: list[list[Tensor]]) -> None:
    """Refuse to average networks of different shapes."""
    if any([p.shape for p in theirs] != [p.shape for p in own] for theirs in others):
        raise InputError(
            "The teacher averages weights, so it cannot follow a student of another architecture:"
            " give that student the share 0, as in ema_share=(1, 0), or the teacher's architecture."
        )
