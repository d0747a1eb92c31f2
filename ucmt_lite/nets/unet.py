"""The U-Net of this field: five levels of 16 to 256 channels, in 2D and 3D from one class."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ucmt_lite.common import InputError
from ucmt_lite.nets.inputs import check_image
from ucmt_lite.nets.norms import norm_layer

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
LINEAR = {2: "bilinear", 3: "trilinear"}


class UNet(nn.Module):
    """U-Net (Ronneberger et al., MICCAI 2015, arXiv 1505.04597; in 3D Cicek et al., MICCAI 2016,
    arXiv 1606.06650).

    Each level is two times (3-convolution, norm, LeakyReLU); going down halves the sides by
    max pooling, going up doubles them; what the way down saw at a level is concatenated to what
    comes up from below:

        e_0 = block(x),  e_i = block(pool(e_{i-1})),  d_i = block([e_i, up(conv1(d_{i+1}))]),
        logits = conv3(d_0)

    Shapes: x `B C *S` -> logits `B K *S`, K = `classes` counting the background. Every side must be
    a multiple of `stride` = 2 ** (levels - 1).

    - paper: convolutions without padding, ReLU, transposed convolution to go up, dropout at the
      bottom only
    - reference code (UCMT, as in SSL4MIS): padding, batch norm, LeakyReLU; 1-convolution and
      bilinear interpolation to go up; dropout between the two convolutions of a block on the way
      down, 0.05 to 0.5; a 3-convolution at the end
    - here: the norm is a choice (`norm_layer`), and interpolation keeps pixel centres in place
      (`align_corners=False`), so that what comes up lies exactly on what is concatenated to it

    The weights start as PyTorch's convolutions start by default (uniform, scaled by the fan-in), as
    in the reference: a norm makes the scale of the weights before it almost irrelevant, so a
    special start would buy nothing.

    Raises InputError when the image has another number of channels, or a side that does not divide.

    >>> net = UNet(1, 2, channels=(4, 8, 16), dropout=(0, 0, 0))
    >>> net.stride, net(torch.zeros(2, 1, 20, 24)).shape
    (4, torch.Size([2, 2, 20, 24]))
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        channels: Sequence[int] = (16, 32, 64, 128, 256),
        dropout: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.5),
        dims: int = 2,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if dims not in CONV:
            raise InputError(
                f"A U-Net has 2 or 3 dims, not {dims}: choose dims=2 for images, dims=3 for"
                " volumes."
            )
        if len(channels) != len(dropout):
            raise InputError(
                f"channels names {len(channels)} levels and dropout {len(dropout)}: give one"
                " dropout rate a level."
            )
        self.in_channels, self.classes, self.dims = in_channels, classes, dims
        self.norm = norm
        self.stride = 2 ** (len(channels) - 1)
        self.encoder = _Encoder(in_channels, channels, dropout, dims, norm)
        self.decoder = _Decoder(channels, classes, dims, norm)

    def forward(self, x: Tensor) -> Tensor:
        check_image(x, self.in_channels, self.dims, self.stride, self.training, self.norm)
        return self.decoder(self.encoder(x))


class Block(nn.Sequential):
    """Two times (3-convolution, norm, LeakyReLU), with dropout between the two."""

    def __init__(self, before: int, after: int, dropout: float, dims: int, norm: str) -> None:
        super().__init__(
            CONV[dims](before, after, 3, padding=1),
            norm_layer(norm, after, dims),
            nn.LeakyReLU(inplace=True),
            nn.Dropout(dropout),
            CONV[dims](after, after, 3, padding=1),
            norm_layer(norm, after, dims),
            nn.LeakyReLU(inplace=True),
        )


class _Encoder(nn.Module):
    """The way down: one feature map a level, from the image's own size to 1 / stride of it."""

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        dropout: Sequence[float],
        dims: int,
        norm: str,
    ) -> None:
        super().__init__()
        before = (in_channels, *channels[:-1])
        self.blocks = nn.ModuleList(
            Block(b, a, p, dims, norm) for b, a, p in zip(before, channels, dropout, strict=True)
        )
        self.pool = POOL[dims](2)

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [self.blocks[0](x)]
        for block in self.blocks[1:]:
            features.append(block(self.pool(features[-1])))
        return features


class _Decoder(nn.Module):
    """The way up: at each level, what comes from below is enlarged and joined with what the encoder
    saw there.
    """

    def __init__(self, channels: Sequence[int], classes: int, dims: int, norm: str) -> None:
        super().__init__()
        levels = list(pairwise(channels))[::-1]  # (here, below), the deepest first
        self.reduce = nn.ModuleList(CONV[dims](below, here, 1) for here, below in levels)
        self.blocks = nn.ModuleList(Block(2 * here, here, 0.0, dims, norm) for here, _ in levels)
        self.head = CONV[dims](channels[0], classes, 3, padding=1)
        self.mode = LINEAR[dims]

    def forward(self, features: list[Tensor]) -> Tensor:
        *skips, x = features
        for reduce, block, skip in zip(self.reduce, self.blocks, reversed(skips), strict=True):
            # A 1-convolution and interpolation commute; before it, the convolution costs a quarter
            # (an eighth in 3D).
            x = F.interpolate(reduce(x), scale_factor=2, mode=self.mode, align_corners=False)
            x = block(torch.cat([skip, x], dim=1))
        return self.head(x)
