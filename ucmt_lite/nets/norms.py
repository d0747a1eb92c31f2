"""Normalisation layers by name, for every network of the kit."""

from torch import nn

from ucmt_lite.common import one_of
from ucmt_lite.nets.table import NORMS

BATCH = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
GROUPS = (
    8  # of channels, in "group"; fewer where there are fewer channels, or where 8 do not divide
)


def norm_layer(norm: str, channels: int, dims: int = 2) -> nn.Module:
    """Build a normalisation of `channels` feature maps, each with a scale and an offset to learn.

        y = scale * (x - mean) / sqrt(variance + 1e-5) + offset

    - "batch" (Ioffe & Szegedy, ICML 2015, arXiv 1502.03167): mean and variance of a channel over
      the minibatch while training, their running average afterwards. With minibatches of four, and
      labeled and unlabeled, weak and strong views in one average, what predicts is another function
      than what was trained.
    - "instance" (Ulyanov et al., arXiv 1607.08022): of a channel within each image, in training and
      prediction alike. nnU-Net's choice for small minibatches (Isensee et al., 2021).
    - "group" (Wu & He, ECCV 2018, arXiv 1803.08494): of eight groups of channels within each image.

    >>> norm_layer("instance", 16)
    GroupNorm(16, 16, eps=1e-05...)
    """
    if one_of("norm", norm, NORMS) == "batch":
        return BATCH[dims](channels)
    # One group per channel is instance norm; torch's layer of that name is slower in channels-last.
    groups = channels if norm == "instance" else _divisor(channels)
    return nn.GroupNorm(groups, channels)


def _divisor(channels: int) -> int:
    """The largest number of groups, up to eight, that divides the channels."""
    return max(groups for groups in range(1, GROUPS + 1) if channels % groups == 0)
