"""The networks, by name: `make("unet_small", in_channels=1, classes=2)`. Uses `common`."""

from collections.abc import Callable

from torch import nn

from ucmt_lite.common import InputError, one_of
from ucmt_lite.nets.deeplab import DeepLabV3Plus
from ucmt_lite.nets.norms import NORMS, norm_layer
from ucmt_lite.nets.unet import UNet
from ucmt_lite.nets.vnet import VNet

__all__ = ["NETS", "NORMS", "DeepLabV3Plus", "UNet", "VNet", "make", "norm_layer"]


def _unet(in_channels: int, classes: int, dims: int, norm: str) -> nn.Module:
    return UNet(in_channels, classes, dims=dims, norm=norm)


def _unet_small(in_channels: int, classes: int, dims: int, norm: str) -> nn.Module:
    small = {"channels": (8, 16, 32, 64), "dropout": (0, 0, 0, 0)}
    return UNet(in_channels, classes, **small, dims=dims, norm=norm)


def _vnet(in_channels: int, classes: int, dims: int, norm: str) -> nn.Module:
    _only(3, dims, "V-Net", "unet")
    return VNet(in_channels, classes, norm=norm)


def _vnet_small(in_channels: int, classes: int, dims: int, norm: str) -> nn.Module:
    _only(3, dims, "V-Net", "unet_small")
    return VNet(in_channels, classes, filters=4, norm=norm)


def _deeplabv3plus(in_channels: int, classes: int, dims: int, norm: str) -> nn.Module:
    _only(2, dims, "DeepLabv3+", "unet")
    return DeepLabV3Plus(in_channels, classes, norm=norm)


def _only(takes: int, dims: int, net: str, instead: str) -> None:
    if dims != takes:
        raise InputError(
            f"{net} takes {takes}D images, these have {dims} dims: choose '{instead}', which does"
            " 2D and 3D."
        )


NETS: dict[str, Callable[[int, int, int, str], nn.Module]] = {
    "unet": _unet,
    "unet_small": _unet_small,
    "vnet": _vnet,
    "vnet_small": _vnet_small,
    "deeplabv3plus": _deeplabv3plus,
}


def make(
    name: str, in_channels: int, classes: int, dims: int = 2, norm: str = "batch"
) -> nn.Module:
    """Build the network `name` with fresh random weights: `B C *S` -> logits `B K *S`.

    K = `classes`, background included; `norm` is one of `NORMS` (see `norm_layer`). The weights
    come from torch's global generator: two networks made one after the other differ, the same seed
    repeats them.

    Errors: InputError for an unknown name, or for `dims` that the network does not do.

    >>> net = make("unet_small", in_channels=1, classes=2)
    >>> sum(parameter.numel() for parameter in net.parameters())
    113458
    """
    return NETS[one_of("network", name, NETS)](in_channels, classes, dims, norm)
