"""The baseline: one network, labeled images only."""

from collections.abc import Callable

from ucmt_lite.core.batch import Batch, Clock
from ucmt_lite.core.losses import segmentation_loss


def supervised(
    nets, batch: Batch, clock: Clock, minimize: Callable, *, loss: Callable = segmentation_loss
) -> None:
    r"""One iteration of plain supervised training: what every other method has to beat with the
    same labels.

    .. math:: L = \ell(s(x_1), y)

    Networks: `student1`, which receives the gradient and predicts. The unlabeled images are not
    looked at.
    """
    minimize(sup=loss(nets.student1(batch.x1), batch.y))
