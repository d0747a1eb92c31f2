"""Bai, Chen, Li, Shen & Wang: Bidirectional copy-paste for semi-supervised medical image
segmentation (BCP). CVPR 2023, arXiv 2305.00673.
"""

from collections.abc import Callable

import torch
from scipy import ndimage
from torch import Tensor

from ucmt_lite.core.across import copy_paste
from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.losses import masked_loss, pseudo_label, segmentation_loss


def bcp(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    weight: float = 0.5,
    pretraining: float = 0.1,
    ema_decay: float = 0.99,
    forward: Callable = jointly,
) -> None:
    r"""One iteration of BCP: labeled images with a box of unlabeled ones in them, and the other way
    round (Bai et al. 2023).

    .. math:: L = 2\, \ell_{m}(s(z), \bar y) + 2\, w\, r\, \ell_{1 - m}(s(z), \bar y), \qquad
              z = c([x_1, u_1]), \ \bar y = c([y, \hat y]), \ m = c([1, 0])

    c is `copy_paste`: it swaps one box, two thirds of each side, between labeled and unlabeled
    images, so that z holds both mixes. :math:`\hat y` are the largest components of
    argmax t(u). Pre-training comes first: as long as r is below `pretraining`, the student learns
    labeled images with boxes of labeled ones, :math:`L = \ell(s(c(x_1)), c(y))`.

    Networks: `student1` receives the gradient; `teacher` follows it by `ema_update` and predicts.
    No gradient passes the pseudo label.

    Paper / reference code / here
        - Pre-training: 2,000 of 17,000 iterations with an optimizer of its own in the reference;
          here the part of the ramp that lies below `pretraining`, a sixth of the iterations with
          the settings of a run, and the teacher follows from the first iteration.
        - Weight: 0.5 at once in the reference, here with the ramp of every method.
        - The losses of the two mixes are added in the reference; here both are one minibatch, whose
          mean counts twice. In pre-training there is one mix, which counts once.
        - Each mix has a half of the labeled images in the reference, all of them here: as many
          images a step as in the other methods.
        - No image is seen whole in training, in the reference neither: the box always covers the
          middle. Where large objects reach from the middle to the border, as lesions in dermoscopy
          do, the network outlines their middle (results/after_isic2018).
        - The teacher predicts here, the student in the reference; and self-training goes on from
          the last weights here, there from the best ones on the images that are evaluated.
        - Views: weak in the reference; here the strong ones, and the weak u for the teacher.
        - One box for a minibatch, whose place is drawn, as in the reference.
    """
    student, teacher = nets.student1, nets.teacher

    if clock.ramp < pretraining:
        mix = copy_paste(batch.y)
        (s_x,) = forward(student, mix(batch.x1))
        sup = loss(s_x, mix(batch.y))
        minimize(sup=sup, pseudo=sup.new_zeros(()))
    else:
        with torch.no_grad():
            _, t_u = forward(teacher, batch.x, batch.u)
        y = torch.cat([batch.y, largest_components(pseudo_label(t_u))])

        mix = copy_paste(y, shift=len(batch.x))
        (s_z,) = forward(student, mix(torch.cat([batch.x1, batch.u1])))
        labeled = torch.zeros_like(y, dtype=torch.bool)
        labeled[: len(batch.x)] = True

        minimize(
            sup=2 * masked_loss(s_z, mix(y), mix(labeled)),
            pseudo=2 * weight * clock.ramp * masked_loss(s_z, mix(y), ~mix(labeled)),
        )
    ema_update(teacher, [student], ema_decay, clock.step)


@torch.no_grad()
def largest_components(labels: Tensor) -> Tensor:
    """Of each class of each image only its largest component, the rest as background: `B *S`.

    Pixels that touch by a side belong together.

    >>> largest_components(torch.tensor([[[1, 1, 0, 1], [0, 0, 0, 2]]]))
    tensor([[[1, 1, 0, 0],
             [0, 0, 0, 2]]])
    """
    kept = torch.zeros_like(labels)
    for image, label in zip(kept, labels.cpu().numpy(), strict=True):
        for k in range(1, int(label.max()) + 1):
            components, count = ndimage.label(label == k)
            if count:
                sizes = ndimage.sum_labels(label == k, components, range(1, count + 1))
                largest = torch.from_numpy(components == 1 + sizes.argmax())
                image[largest.to(labels.device)] = k
    return kept
