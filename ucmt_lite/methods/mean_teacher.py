"""Tarvainen & Valpola: Mean teachers are better role models. NeurIPS 2017, arXiv 1703.01780."""

from collections.abc import Callable

import torch

from ucmt_lite.batch import Batch, Clock, jointly
from ucmt_lite.ema import ema_update
from ucmt_lite.losses import segmentation_loss, soft_consistency
from ucmt_lite.mixing import add_noise


def mean_teacher(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    consistency: Callable = soft_consistency,
    weight: float = 0.1,
    perturb: Callable = add_noise,
    ema_decay: float = 0.99,
    forward: Callable = jointly,
) -> None:
    r"""One iteration of Mean Teacher: a student that agrees with the average of its own past (Tarvainen & Valpola 2017).

    .. math:: L = \ell(s(x_1), y) + w\, r\, \lVert \operatorname{softmax} s(u_1) - \operatorname{softmax} t(u + \xi) \rVert^2

    Student and teacher see different views of an image: u1 is strong, u + xi is the weak view with Gaussian noise.
    Networks: `student1` receives the gradient; `teacher` follows it by `ema_update` and predicts. r is the ramp-up.
    With `consistency=hard_consistency` the student learns the teacher's decisions, as CPS learns its partner's.

    Paper / reference code / here
        Paper: classification, any perturbation of the two inputs. SSL4MIS: the student sees u itself, weight 0.1, and no
        consistency in the first 1,000 iterations in 2D. Here: the student sees the strong view u1, as in every method of
        the kit, and the ramp-up takes the place of the threshold.
    """
    student, teacher = nets.student1, nets.teacher

    s_x, s_u = forward(student, batch.x1, batch.u1)
    with torch.no_grad():
        t_u = teacher(perturb(batch.u))

    minimize(
        sup=loss(s_x, batch.y),
        consistency=weight * clock.ramp * consistency(s_u, t_u),
    )
    ema_update(teacher, [student], ema_decay, clock.step)
