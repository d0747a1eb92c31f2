"""The losses every method shares: logits `B K *S` in, class indices `B *S` as target."""

import torch
import torch.nn.functional as F
from torch import Tensor


def dice_loss(logits: Tensor, target: Tensor, smooth: float = 1e-5) -> Tensor:
    r"""Soft Dice loss per image and class (Milletari et al., 3DV 2016, linear denominator).

    .. math:: L = 1 - \frac{1}{BK} \sum_{b,k}
              \frac{2 \sum_s p_{bks} y_{bks} + \epsilon}{\sum_s p_{bks} + \sum_s y_{bks} + \epsilon}

    The background is a class like the others.

    Shapes: logits `B K *S`, target `B *S` (class indices), result a scalar. The gradient reaches
    the logits only. A class that an image does not show costs nearly 1 there, with little gradient,
    until what is predicted of it sums to about epsilon; only below that does it cost nothing.
    Source: the reference code of UCMT.

    >>> logits = torch.tensor([[[9.0, -9.0], [-9.0, 9.0]]])  # B=1 K=2 S=2: sure of 0, then of 1
    >>> right, wrong = torch.tensor([[0, 1]]), torch.tensor([[1, 0]])
    >>> round(dice_loss(logits, right).item(), 4), round(dice_loss(logits, wrong).item(), 4)
    (0.0, 1.0)
    """
    p = precise(logits).softmax(dim=1).flatten(2)  # B K S
    y = one_hot(target, logits.shape[1]).to(p.dtype).flatten(2)
    overlap = (p * y).sum(2)
    size = p.sum(2) + y.sum(2)
    return 1 - ((2 * overlap + smooth) / (size + smooth)).mean()


def segmentation_loss(logits: Tensor, target: Tensor) -> Tensor:
    r"""Half cross-entropy, half Dice: what every method uses for labels and pseudo labels alike.

    .. math:: L = \tfrac{1}{2} (L_\text{CE} + L_\text{Dice})

    Shapes: logits `B K *S`, target `B *S`. The gradient reaches the logits only. Cross-entropy
    gives the clear gradient of every pixel, Dice keeps small structures from drowning in
    background.

    >>> logits = torch.zeros(1, 2, 4)
    >>> round(segmentation_loss(logits, torch.tensor([[0, 0, 1, 1]])).item(), 4)  # (ln 2 + 1/2) / 2
    0.5966
    """
    return (F.cross_entropy(precise(logits), target) + dice_loss(logits, target)) / 2


def masked_loss(logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    r"""Half cross-entropy, half Dice over the pixels that count: `segmentation_loss` of a region.

    .. math:: L = \tfrac{1}{2} \Big( \frac{\sum_{bs} m_{bs}\, H(y_{bs}, p_{bs})}{\sum_{bs} m_{bs}}
              + 1 - \frac{1}{BK} \sum_{b,k}
              \frac{2 \sum_s m_{bs} p_{bks} y_{bks} + \epsilon}
              {\sum_s m_{bs} (p_{bks} + y_{bks}) + \epsilon} \Big)

    Shapes: logits `B K *S`, target and counted (boolean) `B *S`. The gradient reaches the logits
    only, and of them those that count. Where no pixel counts the result is 0.

    >>> logits, target = torch.zeros(1, 2, 4), torch.tensor([[0, 0, 1, 1]])
    >>> everywhere, nowhere = torch.ones(1, 4).bool(), torch.zeros(1, 4).bool()
    >>> round(masked_loss(logits, target, everywhere).item(), 4)
    0.5966
    >>> masked_loss(logits, target, nowhere).item()
    0.0
    """
    m = counted.to(precise(logits).dtype)
    cross_entropy = F.cross_entropy(precise(logits), target, reduction="none")
    cross_entropy = (m * cross_entropy).sum() / m.sum().clamp(min=1)

    p = m.unsqueeze(1) * precise(logits).softmax(dim=1)
    y = m.unsqueeze(1) * one_hot(target, logits.shape[1])
    overlap, size = (p * y).flatten(2).sum(2), (p + y).flatten(2).sum(2)
    dice = 1 - ((2 * overlap + 1e-5) / (size + 1e-5)).mean()
    return (cross_entropy + dice) / 2


def soft_consistency(logits: Tensor, target_logits: Tensor) -> Tensor:
    r"""Mean squared difference of probabilities, as in Mean Teacher (Tarvainen & Valpola, 2017).

    .. math:: L = \frac{1}{BKS} \sum_{b,k,s} (p_{bks} - q_{bks})^2, \qquad
              p = \operatorname{softmax} a, \ q = \operatorname{softmax} b

    Shapes: logits a, b `B K *S` both, result a scalar. The gradient reaches a, the first, only: b
    is a target.

    >>> sure, opposite = torch.tensor([[[9.0], [-9.0]]]), torch.tensor([[[-9.0], [9.0]]])
    >>> round(soft_consistency(sure, opposite).item(), 4)
    1.0
    """
    p = precise(logits).softmax(dim=1)
    q = precise(target_logits.detach()).softmax(dim=1)
    return F.mse_loss(p, q)


def hard_consistency(logits: Tensor, target_logits: Tensor) -> Tensor:
    """`segmentation_loss` against what another network decides.

    The gradient reaches the first logits only.

    >>> sure, unsure = torch.tensor([[[9.0], [-9.0]]]), torch.tensor([[[0.1], [0.0]]])
    >>> round(hard_consistency(sure, unsure).item(), 4)
    0.0004
    """
    return segmentation_loss(logits, pseudo_label(target_logits))


@torch.no_grad()
def pseudo_label(logits: Tensor) -> Tensor:
    """The most probable class of each pixel, a target for another network: `B K *S` -> `B *S`.

    No gradient passes.

    >>> logits = torch.tensor([[[2.0, -1.0], [0.0, 0.0]]], requires_grad=True)
    >>> pseudo_label(logits), pseudo_label(logits).requires_grad
    (tensor([[0, 1]]), False)
    """
    return logits.argmax(dim=1)


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Class indices `B *S` as one boolean map per class, `B K *S`.

    >>> one_hot(torch.tensor([[0, 2]]), 3).int()
    tensor([[[1, 0],
             [0, 0],
             [0, 1]]], dtype=torch.int32)
    """
    index = torch.arange(classes, device=labels.device).view(1, -1, *[1] * (labels.dim() - 1))
    return labels.unsqueeze(1) == index


def precise(x: Tensor) -> Tensor:
    """The tensor in float32 at least: in half precision, sums over an image lose digits.

    >>> precise(torch.zeros(1, dtype=torch.bfloat16)).dtype
    torch.float32
    >>> precise(torch.zeros(1, dtype=torch.float64)).dtype
    torch.float64
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))
