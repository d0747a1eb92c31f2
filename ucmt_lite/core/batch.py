"""What every method is handed: the views of one minibatch, and where in training it stands."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Batch(NamedTuple):
    """One minibatch: labeled images with masks, and unlabeled images, each in three views.

    All views of an image share its geometry, so a mask or a pseudo label made on one view is valid
    on the others. Images are float `B C *S`, masks are class indices `B *S`.
    """

    x: Tensor  # labeled, weak view (flip, turn, zoom, shift)
    y: Tensor  # masks of x, x1 and x2
    x1: Tensor  # labeled, first strong view (weak + colour, blur, noise)
    x2: Tensor  # labeled, second strong view, drawn independently
    u: Tensor  # unlabeled, weak view
    u1: Tensor  # unlabeled, first strong view
    u2: Tensor  # unlabeled, second strong view


class Clock(NamedTuple):
    """Where training stands."""

    step: int  # the iteration, counted from 0
    ramp: float  # the factor of the unsupervised terms, rising from 0 to 1


def jointly(net: nn.Module, *images: Tensor) -> tuple[Tensor, ...]:
    """One forward pass over all images together.

    Labeled and unlabeled images then share their batch-norm statistics, as in SSL4MIS.

    >>> x, u = torch.zeros(2, 1, 4), torch.zeros(3, 1, 4)
    >>> [tuple(logits.shape) for logits in jointly(nn.Identity(), x, u)]
    [(2, 1, 4), (3, 1, 4)]
    """
    return net(torch.cat(images)).split([len(image) for image in images])


def separately(net: nn.Module, *images: Tensor) -> tuple[Tensor, ...]:
    """One forward pass for each group of images.

    Each group then has batch-norm statistics of its own, as in the reference code of UCMT.

    >>> x, u = torch.zeros(2, 1, 4), torch.zeros(3, 1, 4)
    >>> [tuple(logits.shape) for logits in separately(nn.Identity(), x, u)]
    [(2, 1, 4), (3, 1, 4)]
    """
    return tuple(net(image) for image in images)
