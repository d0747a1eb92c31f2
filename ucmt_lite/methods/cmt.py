"""The collaborative mean teacher (CMT), the first half of UCMT: Shen et al., IJCAI 2023, arXiv
2301.04465.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.losses import pseudo_label, segmentation_loss


def cmt(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    weight: float = 0.15,
    ema_decay: float = 0.99,
    ema_share: Sequence[float] = (0.99, 0.01),
    forward: Callable = jointly,
) -> None:
    r"""One iteration of CMT: two students that teach each other, and one teacher of both.

    .. math:: L = \sum_{i=1,2} \ell(s_i(x_i), y)
              + w\, r \Big(\ell(s_1(u_1), \hat y_2) + \ell(s_2(u_2), \hat y_1)
              + \sum_{i=1,2} \ell(s_i(u_i), \hat y_t)\Big)

    with pseudo labels from each network's own view: s1 sees u1, s2 sees u2, the teacher the weak u.
    Networks: `student1`, `student2` receive gradients; `teacher` follows both by `ema_update` and
    predicts. No gradient passes a pseudo label.

    Paper / reference code / here
        Paper: plain sums, both students feed the teacher. Reference: halves of the sums with an
        extra 0.1, which is weight 0.05 here; the teacher is 0.99 of student 1 and 0.01 of student
        2. Here: the same formula in 2D and 3D, the same shares. With equal shares of students that
        started apart, as here, the teacher averages weights that are not aligned, and collapses
        (results/heart_share). The teacher sees the labeled images, too, as in UCMT, which needs
        their maps: batch norm then normalises as in the students. Pseudo labels are made in
        training mode, with dropout where the network has some, as in the reference.
    """
    s1, s2, teacher = nets.student1, nets.student2, nets.teacher

    s1_x, s1_u = forward(s1, batch.x1, batch.u1)
    s2_x, s2_u = forward(s2, batch.x2, batch.u2)
    with torch.no_grad():
        _, t_u = forward(teacher, batch.x, batch.u)

    minimize(
        **collaborative_terms(
            s1_x, s2_x, batch.y, s1_u, s2_u, pseudo_label(t_u), loss, weight * clock.ramp
        )
    )
    ema_update(teacher, [s1, s2], ema_decay, clock.step, ema_share)


def collaborative_terms(
    s1_x: Tensor,
    s2_x: Tensor,
    y: Tensor,
    s1_u: Tensor,
    s2_u: Tensor,
    y_t: Tensor,
    loss: Callable,
    w: float,
) -> dict[str, Tensor]:
    """The three named terms of CMT from both students' logits, the masks y and the teacher's pseudo
    label y_t.
    """
    y_1, y_2 = pseudo_label(s1_u), pseudo_label(s2_u)
    return {
        "sup": loss(s1_x, y) + loss(s2_x, y),
        "cps": w * (loss(s1_u, y_2) + loss(s2_u, y_1)),
        "cmt": w * (loss(s1_u, y_t) + loss(s2_u, y_t)),
    }
