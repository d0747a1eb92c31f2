"""Sohn et al.: FixMatch: simplifying semi-supervised learning with consistency and confidence.
NeurIPS 2020, arXiv 2001.07685; for segmentation as in Yang et al. (CVPR 2023, arXiv 2208.09910).
"""

from collections.abc import Callable

import torch

from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.losses import masked_loss, pseudo_label, segmentation_loss
from ucmt_lite.core.uncertainty import confidence


def fixmatch(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    weight: float = 1.0,
    threshold: float = 0.95,
    forward: Callable = jointly,
) -> None:
    r"""One iteration of FixMatch: what a network is sure of on the weak view, it has to say of the
    strong view, too (Sohn et al. 2020).

    .. math:: L = \ell(s(x_1), y) + w\, r\, \ell_m(s(u_1), \hat y), \qquad
              \hat y = \operatorname{argmax} s(u), \
              m = [\max_k \operatorname{softmax} s(u) \ge \tau]

    where :math:`\ell_m` counts the pixels of m alone (`masked_loss`). Networks: `student1` receives
    the gradient and predicts; no gradient passes the pseudo label. r is the ramp-up.

    Paper / reference code / here
        - Paper: images are classified, a whole one counts or not; UniMatch makes pixels of them.
          Its loss is the Dice of the pixels that count, here half of it is cross-entropy, as in
          every method of the kit.
        - Labels: FixMatch learns weak labeled views; here they are what the run gives all methods.
        - Weak views that give pseudo labels: with dropout and in training mode in UniMatch's code,
          and here.
        - Ramp-up: none in the paper; here the one of every method.
    """
    student = nets.student1

    with torch.no_grad():
        (weak_u,) = forward(student, batch.u)
    torch.clear_autocast_cache()  # else torch < 2.11 reuses rounded weights that have no gradient
    y_u, sure = pseudo_label(weak_u), confidence(weak_u) >= threshold

    s_x, s_u = forward(student, batch.x1, batch.u1)
    minimize(
        sup=loss(s_x, batch.y),
        pseudo=weight * clock.ramp * masked_loss(s_u, y_u, sure),
    )
