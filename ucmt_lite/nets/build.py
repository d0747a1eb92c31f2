"""From a network's name to the network."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from torch import nn

from ucmt_lite.common import InputError, one_of
from ucmt_lite.nets.foreign import build_foreign, find_foreign, is_foreign
from ucmt_lite.nets.table import NETS


def make(
    name: str,
    in_channels: int,
    classes: int,
    dims: int = 2,
    norm: str = "instance",
    settings: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build the network `name` with fresh random weights: `B C *S` -> logits `B K *S`.

    K = `classes`, background included; `norm` is one of `NORMS` (see `norm_layer`): instance norm
    where nothing is said, where the classes of networks take the batch norm of their papers. The
    weights come from torch's global generator: two networks made one after the other differ, the
    same seed repeats them.

    `monai:CLASS` and `smp:CLASS/ENCODER` are networks of MONAI and segmentation_models_pytorch;
    their norm is what their class makes it, and their `settings` what it takes beside.

    Errors: InputError for an unknown name, or for `dims` that the network does not do.

    >>> net = make("unet_small", in_channels=1, classes=2)
    >>> sum(parameter.numel() for parameter in net.parameters())
    113458
    """
    if is_foreign(name):
        return build_foreign(name, in_channels, classes, dims, settings or {})
    check_network(name, settings or {})
    row = NETS[name]
    if row.instead and dims not in row.dims:
        raise InputError(
            f"{row.title} takes {row.dims[0]}D images, these have {dims} dims: choose"
            f" '{row.instead}', which does 2D and 3D."
        )
    file, _, kind = row.home.partition(".")
    network = getattr(import_module(f"ucmt_lite.nets.{file}"), kind)
    options = {**row.options, **(settings or {}), "norm": norm}
    if len(row.dims) > 1:
        options["dims"] = dims
    return network(in_channels, classes, **options)


def check_network(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse a name that no network has, and settings that one of this kit does not take.

    Most take none; what one needs has to be given.
    """
    if is_foreign(name):
        find_foreign(name)
        return
    needs = NETS[one_of("network", name, NETS)].needs
    for missing in set(needs) - set(settings):
        raise InputError(
            f"'{name}' needs {missing}: a frozen encoder knows what its weights know. Give"
            f" network_settings {missing}=FILE (a ResNet-50's state dict, .pth or .safetensors) or"
            f" {missing}=imagenet, which fetches them."
        )
    if set(settings) - set(needs):
        raise InputError(
            f"network_settings={dict(settings)} is for networks of other packages, '{name}' is one"
            " of this kit: leave it out."
        )
