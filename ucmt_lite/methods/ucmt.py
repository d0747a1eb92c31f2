"""Shen, Cao, Yang, Liu, Yang & Zaiane: Co-training with high-confidence pseudo labels for
semi-supervised medical image segmentation. IJCAI 2023, arXiv 2301.04465.
"""

from collections.abc import Callable, Sequence

import torch

from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.losses import pseudo_label, segmentation_loss
from ucmt_lite.core.mixing import Grid, umix
from ucmt_lite.core.uncertainty import entropy_of_mean
from ucmt_lite.methods.cmt import collaborative_terms


def ucmt(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    weight: float = 0.15,
    make_mix: Callable = umix,
    top_k: int = 2,
    grid: Grid = 16,
    ema_decay: float = 0.99,
    ema_share: Sequence[float] = (0.99, 0.01),
    labeled_views: tuple[str, str] = ("x1", "x2"),
    forward: Callable = jointly,
) -> None:
    r"""One iteration of UCMT: CMT twice, on the images and on their UMIX (Shen et al. 2023).

    .. math:: L = L_\text{sup1} + L_\text{sup2}
              + w\, r\, (L_\text{cps1} + L_\text{cps2} + L_\text{cmt1} + L_\text{cmt2})

    first on the images as they are, then on images whose uncertain cells were replaced by certain
    ones, where

    .. math:: U_i = H\big(\tfrac{1}{2} (\operatorname{softmax} s_i + \operatorname{softmax} t)\big)

    Networks: `student1`, `student2` receive gradients, twice an iteration; `teacher` follows both
    after each and predicts. Maps, mixes and pseudo labels carry no gradient. `grid` must divide the
    image's sides.

    Paper / reference code / here
        - Weight: the reference multiplies halves of the sums by 0.1, which is `weight=0.05` with
          `loss=dice_loss` here.
        - Labeled views of step 1: weak for both in the 2D reference (`labeled_views=("x", "x")`),
          strong in its 3D code and here. Step 2 mixes the first strong view, as the reference does.
        - The teacher's pseudo label of step 2 is the one of step 1, moved; the figure of the paper
          predicts it anew.
        - Both teacher updates of an iteration carry the same step number, as in the reference: its
          memory is as long as CMT's in gradient steps, half as long in iterations.
        - Maps and pseudo labels are made in training mode, as in the reference: with a network that
          has dropout a part of the uncertainty is dropout's.
        - Forward passes: labeled and unlabeled images apart in the reference
          (`forward=separately`).
    """
    s1, s2, teacher = nets.student1, nets.student2, nets.teacher
    w = weight * clock.ramp

    # Step 1: the images as they are.
    view1, view2 = (getattr(batch, name) for name in labeled_views)
    s1_x, s1_u = forward(s1, view1, batch.u1)
    s2_x, s2_u = forward(s2, view2, batch.u2)
    with torch.no_grad():
        t_x, t_u = forward(teacher, batch.x, batch.u)
    y_t = pseudo_label(t_u)

    minimize(**collaborative_terms(s1_x, s2_x, batch.y, s1_u, s2_u, y_t, loss, w))
    ema_update(teacher, [s1, s2], ema_decay, clock.step, ema_share)

    # Step 2: the images remixed, away from where the networks of step 1 were unsure.
    mix_x = make_mix(entropy_of_mean(s1_x, t_x), entropy_of_mean(s2_x, t_x), top_k, grid)
    mix_u = make_mix(entropy_of_mean(s1_u, t_u), entropy_of_mean(s2_u, t_u), top_k, grid)
    x, y = mix_x(batch.x1), mix_x(batch.y)
    u, y_t = mix_u(batch.u1), mix_u(y_t)

    s1_x, s1_u = forward(s1, x, u)
    s2_x, s2_u = forward(s2, x, u)

    minimize(**collaborative_terms(s1_x, s2_x, y, s1_u, s2_u, y_t, loss, w))
    ema_update(teacher, [s1, s2], ema_decay, clock.step, ema_share)
