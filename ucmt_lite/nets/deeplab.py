"""DeepLabv3+ on a ResNet-50, the large 2D network of the reference."""

import os

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ucmt_lite.common import InputError
from ucmt_lite.nets.inputs import check_image
from ucmt_lite.nets.norms import norm_layer
from ucmt_lite.nets.resnet import ResNet50, load_weights

RATES = (12, 24, 36)  # at an output stride of 8


class DeepLabV3Plus(nn.Module):
    """DeepLabv3+ (Chen et al., ECCV 2018, arXiv 1802.02611) on a ResNet-50 with output stride 8.

    Atrous spatial pyramid pooling looks at the deep features at five scales; they are enlarged and
    joined with fine features of a quarter of the image's size, and the logits are enlarged to that
    of the image:

        [fine, deep] = resnet(x),  logits = up(conv1(conv3([conv1(fine), up(aspp(deep))])))

    Shapes: x `B C H W` -> logits `B K H W`, K = `classes` counting the background. Both sides must
    be multiples of `stride` = 8.

    - paper: separable convolutions, two 3-convolutions after the two features are joined
    - reference code (UCMT): plain convolutions, one 3-convolution; all three networks start from
      the same ImageNet ones
    - here: the same network, with random weights unless asked: co-training needs students that
      differ

    weights: None, "imagenet" (downloaded once and checked by its hash), or the path of a ResNet-50
    state dict with torchvision's names. ImageNet weights were trained on standardised RGB (mean 0,
    deviation 1 a channel); this kit feeds [-1, 1], so they are a start to train on from, not
    features to freeze. Otherwise the ResNet starts Kaiming normal by fan-out and the rest by
    fan-in, as in the reference: that scale was derived for convolutions before ReLU.

    Raises InputError on wrong channels or sides, on one image a batch in training (the pooled
    branch has one value a channel, which batch norm cannot train on), and on weights that are
    absent or do not fit.

    >>> net = DeepLabV3Plus(3, 2).eval()
    >>> net.stride, net(torch.zeros(1, 3, 24, 32)).shape
    (8, torch.Size([1, 2, 24, 32]))
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        weights: str | os.PathLike | None = None,
        norm: str = "batch",
    ) -> None:
        if weights and norm != "batch":
            raise InputError(
                f"weights={str(weights)!r} were learned with batch norm, not with norm={norm!r}:"
                " leave one of the two out."
            )
        super().__init__()
        self.in_channels, self.classes, self.dims, self.stride = in_channels, classes, 2, 8
        self.norm = norm
        self.encoder = ResNet50(in_channels, norm)
        self.decoder = _Decoder(classes, norm)
        if weights is not None:
            load_weights(self.encoder, weights)

    def forward(self, x: Tensor) -> Tensor:
        check_image(x, self.in_channels, self.dims, self.stride, self.training, self.norm)
        if self.training and len(x) == 1 and self.norm == "batch":
            raise InputError(
                "DeepLabv3+ cannot train on a batch of 1 image: take 2 or more, or call net.eval()"
                " first."
            )
        return _enlarge(self.decoder(self.encoder(x)), like=x)


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def _unit(before: int, after: int, kernel: int, norm: str, dilation: int = 1) -> nn.Sequential:
    """One convolution that keeps the size, with its norm and ReLU."""
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(before, after, kernel, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(convolution, norm_layer(norm, after), nn.ReLU(inplace=True))


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: a pixel, its surroundings at three spacings, and the whole
    image.
    """

    def __init__(self, norm: str) -> None:
        super().__init__()
        self.local = nn.ModuleList(
            [
                _unit(2048, 256, 1, norm),
                *(_unit(2048, 256, 3, norm, dilation=rate) for rate in RATES),
            ]
        )
        # The pooled branch has one value per channel, of which instance norm would leave nothing.
        self.whole = _unit(2048, 256, 1, "group" if norm == "instance" else norm)
        self.join = nn.Sequential(_unit(5 * 256, 256, 1, norm), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        whole = self.whole(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.join(torch.cat([*(branch(x) for branch in self.local), whole], dim=1))


class _Decoder(nn.Module):
    """From the fine and the deep feature map to logits of the fine one's size."""

    def __init__(self, classes: int, norm: str) -> None:
        super().__init__()
        self.aspp = ASPP(norm)
        # Few channels, so that the fine features do not drown the deep ones.
        self.reduce = _unit(256, 48, 1, norm)
        self.head = nn.Sequential(_unit(48 + 256, 256, 3, norm), nn.Conv2d(256, classes, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, features: list[Tensor]) -> Tensor:
        fine, deep = features
        deep = _enlarge(self.aspp(deep), like=fine)
        return self.head(torch.cat([self.reduce(fine), deep], dim=1))
