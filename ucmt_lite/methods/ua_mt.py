"""Yu, Wang, Li, Fu & Heng: Uncertainty-aware self-ensembling model for semi-supervised 3D left
atrium segmentation (UA-MT). MICCAI 2019, arXiv 1907.07034.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.losses import precise, segmentation_loss
from ucmt_lite.core.mixing import add_noise
from ucmt_lite.core.uncertainty import entropy_of_mean


def ua_mt(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    weight: float = 0.1,
    passes: int = 8,
    ema_decay: float = 0.99,
    forward: Callable = jointly,
) -> None:
    r"""One iteration of UA-MT: Mean Teacher where the teacher is sure (Yu et al. 2019).

    .. math:: L = \ell(s(x_1), y) + w\, r\,
              \frac{\sum_{bs} m_{bs} \sum_k (p_{bks} - q_{bks})^2}{K \sum_{bs} m_{bs}}, \qquad
              m = [U < (\tfrac{3}{4} + \tfrac{1}{4} r) \ln K]

    with p = softmax s(u_1), q = softmax t(u), and U the entropy of the mean of t's softmaxes over
    `passes` noisy copies of u. Networks: `student1` receives the gradient; `teacher` follows it by
    `ema_update` and predicts. Labels, map and mask carry no gradient. r is the ramp-up.

    Paper / reference code / here
        - The map: dropout and noise in paper and reference; here dropout is the network's own, and
          the small ones have none.
        - Threshold: its ramp lasts the whole training in the reference, here as long as the one of
          the weight; ln 2 there, ln K here, the same for two classes.
        - Views: in the reference both networks see one view, the teacher with noise; here the
          student sees the strong view u1 and the teacher the weak one, as in Mean Teacher.
        - The teacher predicts, as in the paper; in the reference the student does. With batch norm
          its statistics come from noisy images, too, in all but one of its passes.
    """
    student, teacher = nets.student1, nets.teacher

    s_x, s_u = forward(student, batch.x1, batch.u1)
    with torch.no_grad():
        _, t_u = forward(teacher, batch.x, batch.u)
        noisy_t_u = [forward(teacher, add_noise(batch.u))[0] for _ in range(passes)]

    most = (3 / 4 + clock.ramp / 4) * math.log(t_u.shape[1])
    sure = entropy_of_mean(*noisy_t_u) < most  # B 1 *S

    minimize(
        sup=loss(s_x, batch.y),
        consistency=weight * clock.ramp * masked_consistency(s_u, t_u, sure),
    )
    ema_update(teacher, [student], ema_decay, clock.step)


def masked_consistency(logits: Tensor, target_logits: Tensor, counted: Tensor) -> Tensor:
    """Mean squared difference of probabilities over the pixels that count, `B 1 *S`; 0 where none
    does.

    The gradient reaches the first logits only. See `soft_consistency`.

    >>> sure, opposite = torch.tensor([[[9.0], [-9.0]]]), torch.tensor([[[-9.0], [9.0]]])
    >>> counted = torch.tensor([[[True]]])
    >>> round(masked_consistency(sure, opposite, counted).item(), 4)
    1.0
    """
    p = precise(logits).softmax(dim=1)
    q = precise(target_logits.detach()).softmax(dim=1)
    difference = (p - q).square().mean(dim=1, keepdim=True)
    return (counted * difference).sum() / counted.sum().clamp(min=1)
