"""How unsure two networks are together, UCMT's map, and how much they disagree, its Figure 1 (d).

Figure 1 (e) of the paper is another curve: the entropy of pseudo labels, to which two sure networks
that contradict each other add nothing; here they add ln 2.
"""

import torch
from torch import Tensor

from ucmt_lite.core.losses import one_hot, precise


@torch.no_grad()
def entropy_of_mean(*logits: Tensor) -> Tensor:
    r"""Entropy of the mean of the softmaxes: the uncertainty map of UCMT (Shen et al., IJCAI 2023).

    .. math:: U = -\sum_k \bar p_k \ln(\bar p_k + 10^{-6}), \qquad
              \bar p = \frac{1}{N} \sum_n \operatorname{softmax}(z_n)

    Shapes: each `B K *S`, result `B 1 *S`. In nats, from 0 (certain) to ln K (undecided, or in full
    contradiction); the 1e-6 that keeps the logarithm finite makes a certain pixel about -1e-6. No
    gradient passes. Source: the reference code of UCMT.

    >>> sure, opposite = torch.tensor([[[9.0], [-9.0]]]), torch.tensor([[[-9.0], [9.0]]])
    >>> sure_map, opposite_map = entropy_of_mean(sure, sure), entropy_of_mean(sure, opposite)
    >>> bool(sure_map.abs() < 1e-5), round(opposite_map.item(), 4)
    (True, 0.6931)
    """
    mean = torch.stack([precise(z).softmax(dim=1) for z in logits]).mean(0)
    return -(mean * torch.log(mean + 1e-6)).sum(dim=1, keepdim=True)


@torch.no_grad()
def confidence(logits: Tensor) -> Tensor:
    r"""The probability of the most probable class, by which FixMatch, UniMatch and AdaMix choose
    the pseudo labels that count: `B K *S` -> `B *S`.

    From 1/K (undecided) to 1. No gradient passes.

    >>> confidence(torch.zeros(1, 2, 3))
    tensor([[0.5000, 0.5000, 0.5000]])
    """
    return precise(logits).softmax(dim=1).amax(dim=1)


@torch.no_grad()
def disagreement(a: Tensor, b: Tensor) -> Tensor:
    r"""One minus the Dice overlap of two branches' decisions: Figure 1 (d) of the UCMT paper.

    .. math:: D = 1 - \frac{1}{BK} \sum_{b,k} \frac{2 |A_{bk} \cap B_{bk}|}{|A_{bk}| + |B_{bk}|}

    Shapes: logits `B K *S` both, result a scalar in [0, 1]: 0 when the branches decide alike
    everywhere. Classes that neither branch sees count as agreement. No gradient passes.

    >>> a = torch.tensor([[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]])
    >>> disagreement(a, a).item(), disagreement(a, a.flip(1)).item()
    (0.0, 1.0)
    """
    one, other = (one_hot(z.argmax(dim=1), z.shape[1]).float().flatten(2) for z in (a, b))  # B K S
    overlap = (one * other).sum(2)
    size = one.sum(2) + other.sum(2)
    return 1 - torch.where(size > 0, 2 * overlap / size.clamp(min=1), 1.0).mean()
