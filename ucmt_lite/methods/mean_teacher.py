"""Tarvainen & Valpola: Mean teachers are better role models. NeurIPS 2017, arXiv 1703.01780."""

from collections.abc import Callable

import torch

from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.losses import segmentation_loss, soft_consistency


def mean_teacher(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    consistency: Callable = soft_consistency,
    weight: float = 0.1,
    ema_decay: float = 0.99,
    forward: Callable = jointly,
) -> None:
    r"""One iteration of Mean Teacher: a student that agrees with the average of its own past
    (Tarvainen & Valpola 2017).

    .. math:: L = \ell(s(x_1), y) + w\, r\, \frac{1}{BKS} \sum_{b,k,s} (p_{bks} - q_{bks})^2, \qquad
              p = \operatorname{softmax} s(u_1), \ q = \operatorname{softmax} t(u)

    Student and teacher see different views of an image: u1 is strong, u is weak.
    Networks: `student1` receives the gradient; `teacher` follows it by `ema_update` and predicts. r
    is the ramp-up. With `consistency=hard_consistency` the student learns the teacher's decisions,
    as CPS learns its partner's.

    Paper / reference code / here
        - Views: any two perturbations in the paper; SSL4MIS shows the student u and the teacher u
          with Gaussian noise; here the student sees the strong view u1, as in every method of the
          kit, and the teacher u itself.
        - The teacher predicts, as in the paper; in SSL4MIS the student does. Batch norm then works
          with the statistics of what the teacher has seen: of clean images, and of the labeled ones
          too, as in CMT and UCMT. With noise in its images, and half as many of them, it fell
          behind its own student (by a tenth of Dice in one run on phantom_skin).
        - The teacher's targets are made in training mode, with dropout where the network has some,
          as in SSL4MIS.
        - Start: SSL4MIS has no consistency in the first 1,000 iterations in 2D; here the ramp-up
          takes that place.
    """
    student, teacher = nets.student1, nets.teacher

    s_x, s_u = forward(student, batch.x1, batch.u1)
    with torch.no_grad():
        _, t_u = forward(teacher, batch.x, batch.u)

    minimize(
        sup=loss(s_x, batch.y),
        consistency=weight * clock.ramp * consistency(s_u, t_u),
    )
    ema_update(teacher, [student], ema_decay, clock.step)
