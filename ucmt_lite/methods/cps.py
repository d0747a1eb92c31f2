"""Chen, Yuan, Zeng & Wang: Semi-supervised semantic segmentation with cross pseudo supervision.
CVPR 2021, arXiv 2106.01226.
"""

from collections.abc import Callable

from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.losses import pseudo_label, segmentation_loss


def cps(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    pseudo_loss: Callable = segmentation_loss,
    weight: float = 1.0,
    forward: Callable = jointly,
) -> None:
    r"""One iteration of CPS: two networks, each trained on the other's decisions (Chen et al.).

    .. math:: L = \ell(s_1(x_1), y) + \ell(s_2(x_2), y)
              + w\, r\, \big(\ell(s_1(u_1), \hat y_2) + \ell(s_2(u_2), \hat y_1)\big),
              \qquad \hat y_i = \arg\max s_i(u_i)

    Networks: `student1` (predicts) and `student2`, started apart; both receive gradients, none
    passes a pseudo label.

    Paper / reference code / here
        Paper: cross-entropy, labeled and unlabeled images, weight 1.5, no ramp. SSL4MIS:
        cross-entropy, unlabeled images, weight 0.1 after a long ramp. Here: unlabeled images (the
        labeled ones are among them), the kit's one loss for labels and pseudo labels alike, and two
        strong views.
    """
    s1_x, s1_u = forward(nets.student1, batch.x1, batch.u1)
    s2_x, s2_u = forward(nets.student2, batch.x2, batch.u2)

    cps1 = pseudo_loss(s1_u, pseudo_label(s2_u))
    cps2 = pseudo_loss(s2_u, pseudo_label(s1_u))

    minimize(
        sup=loss(s1_x, batch.y) + loss(s2_x, batch.y),
        cps=weight * clock.ramp * (cps1 + cps2),
    )
