"""What every method is handed: the views of one minibatch, and where in training it stands."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Batch(NamedTuple):
    """One minibatch: labeled images with their masks, and unlabeled images, each in a weak and two strong views.

    All views of an image share its geometry, so a mask or a pseudo label made on one view is valid on the others.
    Images are float `B C *S`, masks are class indices `B *S`.
    """

    x: Tensor  # labeled, weak view (flips, rotations)
    y: Tensor  # masks of x, x1 and x2
    x1: Tensor  # labeled, first strong view (weak + colour, blur, noise)
    x2: Tensor  # labeled, second strong view, drawn independently
    u: Tensor  # unlabeled, weak view
    u1: Tensor  # unlabeled, first strong view
    u2: Tensor  # unlabeled, second strong view


class Clock(NamedTuple):
    """Where training stands: the iteration, counted from 0, and the ramp-up value of the unsupervised terms in [0, 1]."""

    step: int
    ramp: float


def jointly(net: nn.Module, *images: Tensor) -> tuple[Tensor, ...]:
    """One forward pass over all images together: labeled and unlabeled ones share batch-norm statistics, as in SSL4MIS.

    >>> [tuple(part.shape) for part in jointly(nn.Identity(), torch.zeros(2, 1, 4), torch.zeros(3, 1, 4))]
    [(2, 1, 4), (3, 1, 4)]
    """
    return net(torch.cat(images)).split([len(image) for image in images])


def separately(net: nn.Module, *images: Tensor) -> tuple[Tensor, ...]:
    """One forward pass for each: batch-norm statistics of their own, as in the reference code of UCMT.

    >>> [tuple(part.shape) for part in separately(nn.Identity(), torch.zeros(2, 1, 4), torch.zeros(3, 1, 4))]
    [(2, 1, 4), (3, 1, 4)]
    """
    return tuple(net(image) for image in images)
