"""The networks, by name: `make("unet_small", in_channels=1, classes=2)`; a row each in `table.py`.

`foreign` has those of other packages. Uses `common`.
"""

from ucmt_lite.common import lazy
from ucmt_lite.nets.table import NETS, NORMS, Net

# What needs torch, whose import takes seconds, is loaded when it is asked for.
_LATER = {
    "DeepLabV3Plus": "deeplab",
    "ForeignNet": "foreign",
    "UNet": "unet",
    "VNet": "vnet",
    "check_network": "build",
    "check_passes": "foreign",
    "is_foreign": "foreign",
    "make": "build",
    "norm_layer": "norms",
    "reason": "foreign",
}
__getattr__ = lazy(__name__, _LATER)

__all__ = ["NETS", "NORMS", "Net", *_LATER]
