"""The V-Net of this field: five levels, features added where the U-Net concatenates them."""

from torch import Tensor, nn

from ucmt_lite.nets.inputs import check_image
from ucmt_lite.nets.norms import norm_layer

DEPTHS = (1, 2, 3, 3, 3)  # convolutions a level, on the way down; the way up mirrors the first four


class VNet(nn.Module):
    """V-Net (Milletari et al., 3DV 2016, arXiv 1606.04797), in the plain form used on the left
    atrium.

    Level i has `filters` * 2**i channels; one goes down and up by 2-convolutions of stride 2, plain
    and transposed; what the way down saw is added to what comes up:

        e_0 = stage(x),  e_i = stage(down(e_{i-1})),  d_i = stage(e_i + up(d_{i+1})),
        logits = conv1(d_0)

    Shapes: x `B C D H W` -> logits `B K D H W`, K = `classes` counting the background. Every side
    must be a multiple of `stride` = 16.

    - paper: 5-convolutions, PReLU, a residual connection around each stage, features concatenated
      on the way up
    - reference code (UCMT, as in UA-MT): 3-convolutions, batch norm, ReLU, no residual connection,
      features added; UA-MT has dropout 0.5 at the bottom and at the end, UCMT has none
    - here: as in UCMT, without dropout; the norm is a choice (`norm_layer`)

    The weights start as PyTorch's convolutions start by default (uniform, scaled by the fan-in), as
    in the reference: a norm makes the scale of the weights before it almost irrelevant, so a
    special start would buy nothing.

    Raises InputError when the volume has another number of channels, or a side that does not
    divide.

    >>> import torch
    >>> net = VNet(1, 2, filters=2)
    >>> net.stride, net(torch.zeros(2, 1, 16, 32, 16)).shape
    (16, torch.Size([2, 2, 16, 32, 16]))
    """

    def __init__(
        self, in_channels: int, classes: int, *, filters: int = 16, norm: str = "batch"
    ) -> None:
        super().__init__()
        self.in_channels, self.classes, self.dims = in_channels, classes, 3
        self.norm = norm
        self.stride = 2 ** (len(DEPTHS) - 1)
        channels = [filters * 2**level for level in range(len(DEPTHS))]
        self.encoder = _Encoder(in_channels, channels, norm)
        self.decoder = _Decoder(channels, classes, norm)

    def forward(self, x: Tensor) -> Tensor:
        check_image(x, self.in_channels, self.dims, self.stride, self.training, self.norm)
        return self.decoder(self.encoder(x))


def _unit(convolution: nn.Module, channels: int, norm: str) -> list[nn.Module]:
    """One convolution with its norm and ReLU."""
    return [convolution, norm_layer(norm, channels, dims=3), nn.ReLU(inplace=True)]


def _stage(before: int, after: int, depth: int, norm: str) -> nn.Sequential:
    """`depth` 3-convolutions at one size; the first changes the number of channels."""
    inputs = [before] + [after] * (depth - 1)
    return nn.Sequential(
        *(layer for i in inputs for layer in _unit(nn.Conv3d(i, after, 3, padding=1), after, norm))
    )


class _Encoder(nn.Module):
    """The way down: one feature map a level, from the volume's own size to 1 / 16 of it."""

    def __init__(self, in_channels: int, channels: list[int], norm: str) -> None:
        super().__init__()
        widths = [in_channels, *channels[1:]]
        self.stages = nn.ModuleList(
            _stage(w, c, depth, norm) for w, c, depth in zip(widths, channels, DEPTHS, strict=True)
        )
        self.down = nn.ModuleList(
            nn.Sequential(*_unit(nn.Conv3d(c, 2 * c, 2, stride=2), 2 * c, norm))
            for c in channels[:-1]
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [self.stages[0](x)]
        for down, stage in zip(self.down, self.stages[1:], strict=True):
            features.append(stage(down(features[-1])))
        return features


class _Decoder(nn.Module):
    """The way up: at each level, what comes from below is enlarged and added to what the encoder
    saw there.
    """

    def __init__(self, channels: list[int], classes: int, norm: str) -> None:
        super().__init__()
        here, depths = channels[-2::-1], DEPTHS[-2::-1]  # the deepest first
        self.up = nn.ModuleList(
            nn.Sequential(*_unit(nn.ConvTranspose3d(2 * c, c, 2, stride=2), c, norm)) for c in here
        )
        self.stages = nn.ModuleList(
            _stage(c, c, depth, norm) for c, depth in zip(here, depths, strict=True)
        )
        self.head = nn.Conv3d(channels[0], classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        *skips, x = features
        for up, stage, skip in zip(self.up, self.stages, reversed(skips), strict=True):
            x = stage(up(x) + skip)
        return self.head(x)
