"""Networks of other packages by name: `monai:BasicUNet`, `smp:Unet/resnet34`.

They start from random weights; nothing is downloaded.
"""

import copy
import importlib
import inspect
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ucmt_lite.common import InputError, one_of
from ucmt_lite.nets.inputs import check_image


class Package(NamedTuple):
    """Where a package keeps its networks, and under which names they take what every network has.

    `dims` is empty where the package has 2D networks alone; `fixed` is what this kit sets where a
    class takes it.
    """

    module: str
    install: str
    in_channels: str
    classes: str
    dims: str
    fixed: Mapping[str, Any]


PACKAGES = {
    "monai": Package(
        "monai.networks.nets",
        "monai",
        "in_channels",
        "out_channels",
        "spatial_dims",
        {"pretrained": False},
    ),
    "smp": Package(
        "segmentation_models_pytorch",
        '"ucmt-lite[smp]"',
        "in_channels",
        "classes",
        "",
        {"encoder_weights": None, "activation": None, "aux_params": None},
    ),
}
# Four levels, as the small U-Net has, where a class says nothing itself.
FOUR_LEVELS: dict[str, dict[str, Any]] = {
    "monai:UNet": {"channels": (16, 32, 64, 128), "strides": (2, 2, 2)},
    "monai:AttentionUnet": {"channels": (16, 32, 64, 128), "strides": (2, 2, 2)},
    "monai:DynUNet": {
        "kernel_size": (3, 3, 3, 3),
        "strides": (1, 2, 2, 2),
        "upsample_kernel_size": (2, 2, 2),
    },
}
STRIDES = (1, 2, 4, 8, 16, 32, 64)


def is_foreign(name: str) -> bool:
    """Tell whether a network is named as one of another package.

    >>> is_foreign("unet"), is_foreign("monai:BasicUNet")
    (False, True)
    """
    return ":" in name


class ForeignNet(nn.Module):
    """A network of another package, with what this kit asks of its own.

    Shapes: x `B C *S` -> logits `B K *S`. `stride`, of which every side must be a multiple, is
    found by trying. Raises InputError for an image that does not fit, and where the network gives
    anything but one tensor of logits.
    """

    def __init__(self, name: str, net: nn.Module, in_channels: int, classes: int, dims: int):
        super().__init__()
        self.name, self.net = name, net
        self.in_channels, self.classes, self.dims = in_channels, classes, dims
        self.stride = stride_of(net, in_channels, dims)

    def forward(self, x: Tensor) -> Tensor:
        # Which norm it has is its own affair
        check_image(x, self.in_channels, self.dims, self.stride, self.training, norm="")
        logits = self.net(x)
        expected = (x.shape[0], self.classes, *x.shape[2:])
        if not isinstance(logits, Tensor) or logits.shape != expected:
            gives = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise InputError(
                f"network={self.name} gives {gives} for an image of {tuple(x.shape)}, not one"
                f" tensor of {expected}: choose a network that segments."
            )
        return logits


def build_foreign(
    name: str, in_channels: int, classes: int, dims: int, settings: Mapping[str, Any]
) -> ForeignNet:
    """Build a network of another package with fresh random weights.

    `settings` are passed on to its class. Errors: InputError for a package, a class, an encoder or
    a setting that is not there, and for what the class itself refuses.
    """
    package, kind, encoder = find_foreign(name)
    given: dict[str, Any] = {package.in_channels: in_channels, package.classes: classes}
    if package.dims:
        given[package.dims] = dims
    elif dims != 2:
        raise InputError(
            f"network={name} takes 2D images, these have {dims} dims: choose one of monai's."
        )
    takes = inspect.signature(kind).parameters
    given |= {key: value for key, value in package.fixed.items() if key in takes}
    if encoder:
        given["encoder_name"] = encoder
    for key in settings:
        if key in given:
            raise InputError(
                f"network_settings: {key} of {name} is {given[key]!r} here: leave it out."
            )
        one_of(f"setting of network {name}", key, [key for key in takes if key not in given])
    try:
        net = kind(**{**FOUR_LEVELS.get(name, {}), **given, **settings})
    except Exception as cause:  # a class of another package may raise whatever it likes
        raise InputError(
            f"network={name} cannot be built ({reason(cause)}): correct network_settings,"
            f" now {dict(settings)}."
        ) from None
    return ForeignNet(name, net, in_channels, classes, dims)


def find_foreign(name: str) -> tuple[Package, type[nn.Module], str]:
    """Return the package of a network, its class, and its encoder ("" where none is named)."""
    before, _, after = name.partition(":")
    package = PACKAGES[one_of("package of networks", before, PACKAGES)]
    module = _imported(name, package)
    class_name, slash, encoder = after.partition("/")
    kind = getattr(module, one_of(f"network of {before}", class_name, _names(module, package)))
    if not slash:
        return package, kind, ""
    if "encoder_name" not in inspect.signature(kind).parameters:
        raise InputError(
            f"network={name}: {class_name} takes no encoder by its name: leave out /{encoder}."
        )
    # smp passes on what begins with tu- to timm, which would fetch a name with a colon.
    if not re.fullmatch(r"tu-[\w.-]+", encoder):
        one_of("encoder", encoder, module.encoders.get_encoder_names())
    return package, kind, encoder


def _imported(name: str, package: Package) -> ModuleType:
    """Return the module that holds a package's networks."""
    try:
        return importlib.import_module(package.module)
    except (ImportError, RuntimeError) as cause:  # RuntimeError: of another version of torch
        raise InputError(
            f"network={name} needs a package that cannot be imported ({reason(cause)}): run pip"
            f" install {package.install}."
        ) from None


def _names(module: ModuleType, package: Package) -> list[str]:
    """Return the classes of a module that take the channels and classes of a network.

    MONAI has each under several names; the one that it was defined by counts.
    """
    wanted = {name for name in (package.in_channels, package.classes, package.dims) if name}
    return [
        name
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if name == kind.__name__
        and issubclass(kind, nn.Module)
        and wanted <= set(inspect.signature(kind).parameters)
    ]


@torch.no_grad()
def stride_of(net: nn.Module, in_channels: int, dims: int) -> int:
    """Return the number, a power of two, of which the sides of a network's images are multiples.

    Found on images without content, which cost nothing: the smallest for which three times as many
    pixels a side go through. 1 where none does; then the image itself is the trial.

    >>> stride_of(nn.Conv2d(1, 2, 1), in_channels=1, dims=2)
    1
    >>> down_and_up = nn.Sequential(nn.MaxPool2d(4), nn.Upsample(scale_factor=4))
    >>> stride_of(down_and_up, in_channels=1, dims=2)
    4
    """
    trial = copy.deepcopy(net).to("meta").eval()
    for stride in STRIDES:
        image = torch.empty(1, in_channels, *[3 * stride] * dims, device="meta")
        try:
            if trial(image).shape[2:] == image.shape[2:]:
                return stride
        except Exception:  # whatever a network of another package raises at a size
            continue
    return 1


def check_passes(net: ForeignNet, image: Tensor) -> None:
    """Refuse an image that does not go through a network, in training or afterwards.

    A copy is tried, so that neither statistics nor random numbers change. Shape: `B C *S`.
    """
    trial = copy.deepcopy(net)
    try:
        with torch.no_grad(), torch.random.fork_rng():
            trial.train()(image)
            trial.eval()(image[:1])
    except InputError:
        raise
    except Exception as cause:  # whatever a network of another package raises
        shape = " x ".join(map(str, image.shape))
        raise InputError(
            f"network={net.name} cannot be trained on minibatches of {shape} ({reason(cause)}):"
            " choose another size, patch, batch or network."
        ) from None


def reason(cause: Exception) -> str:
    """Return the first line of what an exception says, without its last full stop.

    >>> reason(ValueError("Too small.\\nHere is why"))
    'Too small'
    """
    text = str(cause).strip() or type(cause).__name__
    return " ".join(text.splitlines()[0].split()).rstrip(".")[:200]
