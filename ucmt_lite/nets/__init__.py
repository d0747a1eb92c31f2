"""The networks, by name: `make("unet_small", in_channels=1, classes=2)`; a row each in `table.py`.

Uses `common`.
"""

from ucmt_lite.common import lazy
from ucmt_lite.nets.table import NETS, NORMS, Net

# What needs torch, whose import takes seconds, is loaded when it is asked for.
_LATER = {
    "DeepLabV3Plus": "deeplab",
    "UNet": "unet",
    "VNet": "vnet",
    "make": "build",
    "norm_layer": "norms",
}
__getattr__ = lazy(__name__, _LATER)

__all__ = ["NETS", "NORMS", "Net", *_LATER]
