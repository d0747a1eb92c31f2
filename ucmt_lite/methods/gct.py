"""Ke, Qiu, Li, Yan & Lau: Guided collaborative training for pixel-wise semi-supervised learning.
ECCV 2020, arXiv 2008.05258.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.blur import gaussian_blur
from ucmt_lite.core.losses import one_hot, precise, segmentation_loss


def gct(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    weight: float = 5.0,
    correction_weight: float = 0.1,
    threshold: float = 0.6,
    forward: Callable = jointly,
) -> None:
    r"""One iteration of guided collaborative training: where two networks differ, the one with
    fewer flaws leads.

    A third network, the flaw detector F, sees an image and a prediction and estimates how wrong
    each pixel is.

    .. math:: L = \ell(s_1, y) + \ell(s_2, y) + w\, r \sum_i \operatorname{MSE}(p_i, \bar q)
              + c\, r \sum_i \operatorname{MSE}\big(F(p_i), 0\big)\big|_\text{both flawed}

    :math:`\bar q` is, pixel by pixel, the prediction with the lower flaw (flaws above `threshold`
    count as 1; in a tie each keeps its own, which costs nothing). Then F takes its own step on the
    labeled images, towards `flaw_target`. Networks: `student1` (predicts), `student2` receive the
    first gradient, through the frozen F where it corrects them; `flaw_detector` alone receives the
    second.

    Paper / reference code / here
        Reference (PixelSSL): weights 100 and 1, learning rates of their own, both students on one
        view. Here: one learning rate, two strong views, weights that suit the kit's short runs; the
        map F learns from is never changed in place.
    """
    s1, s2, detector = nets.student1, nets.student2, nets.flaw_detector
    view1, view2 = torch.cat([batch.x1, batch.u1]), torch.cat([batch.x2, batch.u2])

    s1_x, s1_u = forward(s1, batch.x1, batch.u1)
    s2_x, s2_u = forward(s2, batch.x2, batch.u2)
    p1 = precise(torch.cat([s1_x, s1_u])).softmax(dim=1)
    p2 = precise(torch.cat([s2_x, s2_u])).softmax(dim=1)

    with frozen(detector):
        flaw1, flaw2 = precise(detector(view1, p1)), precise(detector(view2, p2))
    bad1, bad2 = (torch.where(flaw > threshold, 1.0, flaw).detach() for flaw in (flaw1, flaw2))
    better1, better2 = (
        torch.where(bad2 < bad1, p2, p1).detach(),
        torch.where(bad1 < bad2, p1, p2).detach(),
    )
    both_bad = (bad1 == 1) & (bad2 == 1)

    minimize(
        sup=loss(s1_x, batch.y) + loss(s2_x, batch.y),
        consistency=weight * clock.ramp * (F.mse_loss(p1, better1) + F.mse_loss(p2, better2)),
        correction=correction_weight * clock.ramp * ((flaw1**2 + flaw2**2) * both_bad).mean(),
    )

    labeled = len(batch.x)
    p1, p2 = p1[:labeled].detach(), p2[:labeled].detach()
    flaw1, flaw2 = detector(batch.x1, p1), detector(batch.x2, p2)
    minimize(
        flaw=F.mse_loss(flaw1, flaw_target(p1, batch.y))
        + F.mse_loss(flaw2, flaw_target(p2, batch.y))
    )


@torch.no_grad()
def flaw_target(p: Tensor, y: Tensor) -> Tensor:
    r"""Where a prediction is wrong, spread to its neighbourhood: what the flaw detector learns.

    .. math:: \operatorname{blur}_{n/4}\Big(\operatorname{dilate}_3\big(
              \operatorname{blur}_{n/8}(\tfrac{1}{2} \sum_k |y_k - p_k|)\big)\Big)

    scaled to 0..1 per image; kernels of an eighth and a quarter of the shorter side n.
    Probabilities `B K *S`, masks `B *S` -> `B 1 *S`. No gradient passes.

    >>> p = torch.full((1, 2, 16, 16), 0.5)
    >>> p[:, 0, :, :8], p[:, 1, :, :8] = 1.0, 0.0
    >>> flaw = flaw_target(p, torch.zeros(1, 16, 16, dtype=torch.long))
    >>> flaw.shape, round(flaw.min().item(), 2), round(flaw.max().item(), 2)
    (torch.Size([1, 1, 16, 16]), 0.0, 1.0)
    >>> bool(flaw[..., 15].mean() > flaw[..., 0].mean())
    True
    """
    side = min(p.shape[2:])
    wrong = (one_hot(y, p.shape[1]).to(p.dtype) - p).abs().sum(dim=1, keepdim=True) / 2
    pool = F.max_pool2d if p.dim() == 4 else F.max_pool3d
    # A kernel of n pixels reaches three sigma to each side.
    spread = gaussian_blur(wrong, side / 8 / 6)
    spread = pool(spread, kernel_size=3, stride=1, padding=1)
    spread = gaussian_blur(spread, side / 4 / 6)
    axes = tuple(range(1, p.dim()))
    low, high = spread.amin(axes, keepdim=True), spread.amax(axes, keepdim=True)
    return (spread - low) / (high - low).clamp(min=1e-6)


class FlawDetector(nn.Module):
    """Estimates how wrong each pixel of a prediction is, from the image and the prediction: `B C
    *S`, `B K *S` -> `B 1 *S`.

    Three 4x4 convolutions that each halve the size, one that reads the result, no final activation,
    interpolated back.
    """

    def __init__(self, in_channels: int, classes: int, dims: int = 2, filters: int = 16) -> None:
        super().__init__()
        conv = {2: nn.Conv2d, 3: nn.Conv3d}[dims]
        widths = [in_channels + classes, filters, 2 * filters, 4 * filters]
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [conv(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, conv(widths[-1], 1, 3, padding=1))
        self.mode = {2: "bilinear", 3: "trilinear"}[dims]

    def forward(self, image: Tensor, p: Tensor) -> Tensor:
        flaw = self.layers(torch.cat([image, p.to(image.dtype)], dim=1))
        return F.interpolate(flaw, size=image.shape[2:], mode=self.mode, align_corners=False)


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Let gradients pass through a network without reaching its weights."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)
