"""Cross probability consistency: the soft counterpart of CPS, named so in Chen et al., CVPR 2021,
arXiv 2106.01226.
"""

from collections.abc import Callable

import torch

from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.losses import precise, segmentation_loss


def cpc(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    weight: float = 1.0,
    forward: Callable = jointly,
) -> None:
    r"""One iteration of cross probability consistency: the probabilities of two networks attract.

    .. math:: L = \ell(s_1(x_1), y) + \ell(s_2(x_2), y)
              + w\, r\, \big(d(p_1, \bar p_2) + d(p_2, \bar p_1)\big), \qquad
              d(p, q) = \frac{1}{BS} \sum_{b,s} \lVert p_{bs} - q_{bs} \rVert_2^2

    over labeled and unlabeled images; a bar marks where the gradient stops. Networks: `student1`
    (predicts) and `student2`, started apart; both receive gradients, each only from its own
    predictions.

    Paper / reference code / here
        The CPS paper compares with this loss and publishes no code for it; the distance and the two
        directions follow its description. Its distance is summed over the K classes: K times the
        mean that `mean_teacher` takes.
    """
    s1_x, s1_u = forward(nets.student1, batch.x1, batch.u1)
    s2_x, s2_u = forward(nets.student2, batch.x2, batch.u2)

    p1 = precise(torch.cat([s1_x, s1_u])).softmax(dim=1)
    p2 = precise(torch.cat([s2_x, s2_u])).softmax(dim=1)
    cpc1 = (p1 - p2.detach()).square().sum(dim=1).mean()
    cpc2 = (p2 - p1.detach()).square().sum(dim=1).mean()

    minimize(
        sup=loss(s1_x, batch.y) + loss(s2_x, batch.y),
        cpc=weight * clock.ramp * (cpc1 + cpc2),
    )
