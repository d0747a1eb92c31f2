"""One row per network, and the names of the norms. Opens without torch."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Net(NamedTuple):
    """What a network is called, the class that builds it, and the dims it takes.

    `home` is its class in the file of its architecture; `options` are passed on to it. `instead`
    names the network for the other dims; `needs` are settings that a run has to give.
    """

    title: str
    home: str
    dims: tuple[int, ...]
    options: Mapping[str, Any] = {}
    instead: str = ""
    needs: tuple[str, ...] = ()


SMALL = {"channels": (8, 16, 32, 64), "dropout": (0, 0, 0, 0)}

NETS: dict[str, Net] = {
    "unet": Net("U-Net", "unet.UNet", (2, 3)),
    "unet_small": Net("small U-Net", "unet.UNet", (2, 3), SMALL),
    "vnet": Net("V-Net", "vnet.VNet", (3,), instead="unet"),
    "vnet_small": Net("small V-Net", "vnet.VNet", (3,), {"filters": 8}, instead="unet_small"),
    "deeplabv3plus": Net("DeepLabv3+", "deeplab.DeepLabV3Plus", (2,), instead="unet"),
    "frozen_resnet50": Net(
        "probe of a frozen ResNet-50",
        "frozen.FrozenProbe",
        (2,),
        instead="unet",
        needs=("weights",),
    ),
}

NORMS = ("instance", "batch", "group")
