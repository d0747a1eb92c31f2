"""ResNet-50 as a backbone for dense prediction; names are those of the usual ImageNet weights."""

import os
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ucmt_lite.common import InputError
from ucmt_lite.nets.norms import norm_layer

IMAGENET = (  # the name ends in the start of its sha256
    "https://download.pytorch.org/models/resnet50-0676ba61.pth"
)


class ResNet50(nn.Module):
    """ResNet-50 (He et al., CVPR 2016, arXiv 1512.03385) without its classifier, dilated to an
    output stride of 8.

    The last two stages spread their 3-convolutions (dilation 2 and 4) instead of halving the size
    twice, as in DeepLab (Chen et al., arXiv 1706.05587). A block's stride sits on its
    3-convolution, where the usual weights expect it.

    Shapes: x `B C H W` -> `[B 256 H/4 W/4, B 2048 H/8 W/8]`, the fine and the deep feature map.

    The weights start Kaiming normal, scaled by the fan-out, as He et al. (ICCV 2015, arXiv
    1502.01852) derived it for ReLU and as the usual ResNets start: trained from here or from
    ImageNet, only the start differs.

    >>> [feature.shape[1:] for feature in ResNet50(3).eval()(torch.zeros(1, 3, 32, 64))]
    [torch.Size([256, 8, 16]), torch.Size([2048, 4, 8])]
    """

    def __init__(self, in_channels: int, norm: str = "batch") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm_layer(norm, 64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(64, 64, 3, norm)
        self.layer2 = _stage(256, 128, 4, norm, stride=2)
        # The first block of a dilated stage still sees the spacing of the stage before it.
        self.layer3 = _stage(512, 256, 6, norm, dilations=(1, 2))
        self.layer4 = _stage(1024, 512, 3, norm, dilations=(2, 4))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        fine = self.layer1(x)
        return [fine, self.layer4(self.layer3(self.layer2(fine)))]


class Bottleneck(nn.Module):
    """relu(x + conv1(conv3(conv1(x)))), each convolution with its norm: narrow, look, widen."""

    def __init__(self, before: int, width: int, norm: str, stride: int, dilation: int) -> None:
        super().__init__()
        after = 4 * width
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = norm_layer(norm, width)
        self.conv2 = nn.Conv2d(
            width, width, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        )
        self.bn2 = norm_layer(norm, width)
        self.conv3 = nn.Conv2d(width, after, 1, bias=False)
        self.bn3 = norm_layer(norm, after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if before != after:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=False), norm_layer(norm, after)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def _stage(
    before: int,
    width: int,
    depth: int,
    norm: str,
    stride: int = 1,
    dilations: tuple[int, int] = (1, 1),
) -> nn.Sequential:
    """`depth` bottlenecks; the first takes the stride and `dilations[0]`, the others the second."""
    first = Bottleneck(before, width, norm, stride, dilations[0])
    others = (Bottleneck(4 * width, width, norm, 1, dilations[1]) for _ in range(depth - 1))
    return nn.Sequential(first, *others)


def load_weights(backbone: ResNet50, weights: str | os.PathLike) -> None:
    """Fill `backbone` from "imagenet" (100 MB, fetched once, its hash checked) or from a `.pth` or
    `.safetensors` file.

    The file's classifier (`fc.*`) is left out; any other name or shape that does not fit is refused
    with an InputError.
    """
    if weights == "imagenet":
        state, source = download(), "imagenet"
    else:
        state, source = read_weights(Path(weights)), str(weights)
    state = {name: values for name, values in state.items() if not name.startswith("fc.")}
    own = backbone.state_dict()
    # Old files do not count batches, and nothing reads the count where a batch norm has a momentum.
    missing = [
        name for name in own if name not in state and not name.endswith("num_batches_tracked")
    ]
    unexpected = [name for name in state if name not in own]
    if missing or unexpected:
        first = f"'{missing[0]}' is missing" if missing else f"'{unexpected[0]}' is unknown"
        number = len(missing) + len(unexpected)
        raise InputError(
            f"{source} does not fit a ResNet-50: {first} ({number} names differ): give one with the"
            " usual names."
        )
    for name, values in state.items():
        if values.shape != own[name].shape:
            shapes = f"is {tuple(values.shape)} there and {tuple(own[name].shape)} here"
            remedy = (
                "build the network with in_channels=3 and repeat gray images"
                if name == "conv1.weight"
                else "use a ResNet-50"
            )
            raise InputError(f"{source} does not fit this ResNet-50: '{name}' {shapes}: {remedy}.")
    backbone.load_state_dict(own | state)


def download() -> dict[str, Tensor]:
    """The ImageNet weights, from PyTorch's own cache or server; a file whose hash differs is
    refused.
    """
    try:
        return torch.hub.load_state_dict_from_url(
            IMAGENET, map_location="cpu", check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError, pickle.UnpicklingError) as cause:
        remedy = "check the connection, or download it elsewhere and give its path as weights"
        raise InputError(f"{IMAGENET} could not be fetched ({cause}): {remedy}.") from None


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state dict from `path`, read without running any code the file may hold."""
    if not path.is_file():
        raise InputError(
            f"There are no weights at {path}: give a .pth or .safetensors file, 'imagenet' or None."
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (
        SafetensorError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
        OSError,
    ) as cause:
        reason = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise InputError(
            f"{path} cannot be read as weights ({reason}): save a plain state dict."
        ) from None
    if not isinstance(state, dict) or not all(
        isinstance(values, Tensor) for values in state.values()
    ):
        raise InputError(
            f"{path} holds no plain state dict (name -> tensor): save `backbone.state_dict()`"
            " into it."
        )
    return state
