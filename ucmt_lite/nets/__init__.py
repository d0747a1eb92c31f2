"""The networks, by name: `make("unet_small", in_channels=1, classes=2, dims=2)`."""

from collections.abc import Callable

from torch import nn

from ucmt_lite.errors import one_of
from ucmt_lite.nets.unet import UNet

__all__ = ["NETS", "UNet", "make"]


def _unet(in_channels: int, classes: int, dims: int) -> nn.Module:
    return UNet(in_channels, classes, dims=dims)


def _unet_small(in_channels: int, classes: int, dims: int) -> nn.Module:
    return UNet(in_channels, classes, channels=(8, 16, 32, 64), dropout=(0, 0, 0, 0), dims=dims)


NETS: dict[str, Callable[[int, int, int], nn.Module]] = {"unet": _unet, "unet_small": _unet_small}


def make(name: str, in_channels: int, classes: int, dims: int = 2) -> nn.Module:
    """Build the network `name` with fresh random weights: `B C *S` -> logits `B K *S`, K = `classes` with background.

    >>> net = make("unet_small", in_channels=1, classes=2)
    >>> sum(parameter.numel() for parameter in net.parameters())
    113458
    """
    return NETS[one_of("network", name, NETS)](in_channels, classes, dims)
