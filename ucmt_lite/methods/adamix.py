"""Shen, Cao, Su, Yang & Zaiane: Adaptive mix for semi-supervised medical image segmentation.
AdaMix. Medical Image Analysis 108:103857, 2026, arXiv 2407.21586.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ucmt_lite.core.across import self_paced
from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.losses import dice_loss, masked_loss, pseudo_label, segmentation_loss
from ucmt_lite.core.mixing import Grid
from ucmt_lite.core.uncertainty import confidence


def adamix(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    weight: float = 1.0,
    threshold: float = 0.95,
    top_k: int = 16,
    grid: Grid = 8,
    probability: float = 0.5,
    ema_decay: float = 0.99,
    forward: Callable = jointly,
) -> None:
    r"""One iteration of AdaMix on a Mean Teacher: images are mixed as far as the student is ready
    for (Shen et al. 2026).

    .. math:: L = \ell\big(s(c_x(x_1)), c_x(y)\big)
              + w\, r\, \ell_{c_u(m)}\big(s(c_u(u_1)), c_u(\hat y)\big), \qquad
              \hat y = \operatorname{argmax} t(u), \
              m = [\max_k \operatorname{softmax} t(u) \ge \tau]

    c_x and c_u are draws of the self-paced mix (`self_paced` of `core.across`), at most `top_k`
    cells of `grid` a side. How hard an image is says the Dice loss: of t(x) against y, and of
    s(u_1) against the pseudo label. Networks: `student1` receives the gradient; `teacher` follows
    it by `ema_update` and predicts. Maps, mixes and pseudo labels carry no gradient.

    Paper / reference code / here
        - Reach of the course: exp(-5 (1 - 4 t / T)^2) over the first quarter of the training in the
          reference. Here it is the ramp of every method, which has the same form, and which the
          unsupervised term follows, too; the reference has no ramp there.
        - The sum is halved in the reference, and its weight is 1.
        - An image is mixed or not one by one here; its partner is the one before in the minibatch.
        - Doubt is one minus the teacher's confidence, also for labeled images.
    """
    student, teacher = nets.student1, nets.teacher

    with torch.no_grad():
        t_x, t_u = forward(teacher, batch.x, batch.u)
        (s_u,) = forward(student, batch.u1)
    torch.clear_autocast_cache()  # else torch < 2.11 reuses rounded weights that have no gradient
    y_u, sure = pseudo_label(t_u), confidence(t_u) >= threshold

    # How far each image is mixed follows from how hard it is, and from how far training has come.
    reach = max(clock.ramp, math.exp(-5))
    hard_x, hard_u = dice_losses(t_x, batch.y), dice_losses(s_u, y_u)
    mix_x = self_paced(doubt(t_x), hard_x, reach, top_k, grid, probability)
    mix_u = self_paced(doubt(t_u), hard_u, reach, top_k, grid, probability)

    s_x, s_u = forward(student, mix_x(batch.x1), mix_u(batch.u1))
    minimize(
        sup=loss(s_x, mix_x(batch.y)),
        pseudo=weight * clock.ramp * masked_loss(s_u, mix_u(y_u), mix_u(sure)),
    )
    ema_update(teacher, [student], ema_decay, clock.step)


def dice_losses(logits: Tensor, target: Tensor) -> Tensor:
    """The Dice loss of each image by itself: logits `B K *S`, target `B *S` -> `B`."""
    pairs = zip(logits.split(1), target.split(1), strict=True)
    return torch.stack([dice_loss(image, mask) for image, mask in pairs])


def doubt(logits: Tensor) -> Tensor:
    """One minus the confidence, as a map: `B K *S` -> `B 1 *S`."""
    return (1 - confidence(logits)).unsqueeze(1)
