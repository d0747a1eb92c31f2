"""The honest rival of every method: a linear probe on features that somebody else has learned."""

import os

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ucmt_lite.common import InputError
from ucmt_lite.nets.inputs import check_image
from ucmt_lite.nets.resnet import ResNet50, load_weights

# Of ImageNet's colours in 0..1, by which the usual weights were trained
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FrozenProbe(nn.Module):
    """A ResNet-50 that never learns, and one 1-convolution on its features, which does.

    A linear probe (Alain & Bengio, 2016, arXiv 1610.01644) per pixel: fine and deep features are
    enlarged to a quarter of the image's size, joined, and given the same length at each pixel; the
    logits are enlarged to the image's size. Grey images are repeated in three channels; [-1, 1]
    becomes the colours that the weights know.

    Shapes: x `B C H W` -> logits `B K H W`, K = `classes` counting the background. Both sides must
    be multiples of `stride` = 8. Only `head` receives gradients; the encoder stays in evaluation
    mode, with the batch norms of its weights whatever `norm` says.

    weights: a ResNet-50's state dict with torchvision's and timm's names, a `.pth` or
    `.safetensors` file, or "imagenet"; None leaves it random, for whoever fills it afterwards.

    >>> net = FrozenProbe(1, 2, weights=None, norm="instance").train()
    >>> net(torch.zeros(1, 1, 32, 32)).shape, net.encoder.training
    (torch.Size([1, 2, 32, 32]), False)
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        weights: str | os.PathLike | None,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if in_channels not in (1, 3):
            raise InputError(
                "A ResNet-50's weights know grey and RGB images, these have"
                f" {in_channels} channels: choose another network."
            )
        self.in_channels, self.classes, self.dims, self.stride = in_channels, classes, 2, 8
        self.norm = norm
        self.encoder = ResNet50(3).requires_grad_(False)
        if weights is not None:
            load_weights(self.encoder, weights)
        self.head = nn.Conv2d(256 + 2048, classes, 1)
        self.train()

    def train(self, mode: bool = True) -> "FrozenProbe":
        """Set the mode of the head alone."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        check_image(x, self.in_channels, self.dims, self.stride, self.training, norm="")
        with torch.no_grad():
            fine, deep = self.encoder(standardised(x))
        deep = F.interpolate(deep, fine.shape[2:], mode="bilinear", align_corners=False)
        features = F.normalize(torch.cat([fine, deep], dim=1), dim=1)
        logits = self.head(features.shape[1] ** 0.5 * features)
        return F.interpolate(logits, x.shape[2:], mode="bilinear", align_corners=False)


def standardised(x: Tensor) -> Tensor:
    """Images in [-1, 1], grey or RGB, as the usual weights know them: `B C H W` -> `B 3 H W`.

    >>> standardised(torch.zeros(1, 1, 1, 1)).flatten().round(decimals=2)
    tensor([0.0700, 0.2000, 0.4200])
    """
    mean, deviation = (x.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
    return ((x + 1) / 2 - mean) / deviation
