"""Views: what a network gets to see of an image. Whole batches at once, on the device they are on.

Weak views move the image and its mask alike; strong views change colours and sharpness only, so
masks stay valid.
"""

import torch
from torch import Generator, Tensor

from ucmt_lite.core.blur import gaussian_blur


def to_input(images: Tensor) -> Tensor:
    """Return images as the networks take them, float32.

    Bytes 0..255 become -1..1, floats (already standardised) stay.

    >>> to_input(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([-1.,  1.])
    >>> to_input(torch.tensor([1.5], dtype=torch.float16))
    tensor([1.5000])
    """
    return images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images.float()


def weak_view(images: Tensor, masks: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Flip each image along a random choice of its axes, and swap the first two, or not.

    They are swapped only where they are equally long. Shapes: images `B C *S`, masks `B *S`; both
    move alike. On a square that makes all eight turns and reflections.

    >>> image = torch.arange(4.0).view(1, 1, 2, 2)
    >>> moved, mask = weak_view(image, image[:, 0], torch.Generator().manual_seed(0))
    >>> torch.equal(moved[:, 0], mask), sorted(moved.flatten().tolist())
    (True, [0.0, 1.0, 2.0, 3.0])
    """
    both = torch.cat([images, masks.unsqueeze(1).to(images.dtype)], dim=1)
    for axis in range(2, both.dim()):
        both = torch.where(coin(both, generator), both.flip(axis), both)
    if both.shape[2] == both.shape[3]:
        both = torch.where(coin(both, generator), both.transpose(2, 3), both)
    return both[:, :-1], both[:, -1].to(masks.dtype)


def strong_view(images: Tensor, generator: Generator) -> Tensor:
    """Change contrast and brightness, soften, and add noise, image by image.

    Shapes: `B C *S` -> `B C *S`, in the units of `to_input`. Contrast is scaled by 0.5 to 1.5 about
    the image's mean; brightness moves by up to 0.4, and each channel by up to 0.1 more on its own;
    half the images are blurred (blended with a blur of one pixel), half get Gaussian noise of up to
    0.1. Geometry does not change.

    >>> image = torch.rand(2, 3, 8, 8)
    >>> strong_view(image, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3, 8, 8])
    """
    mean = images.flatten(1).mean(1).view(len(images), *[1] * (images.dim() - 1))
    contrast = 0.5 + uniform(images, generator)
    brightness = 0.8 * (uniform(images, generator) - 0.5) + 0.2 * (
        uniform(images, generator, images.shape[1]) - 0.5
    )
    x = (images - mean).mul_(contrast).add_(mean).add_(brightness)
    softness = uniform(images, generator)
    soft = coin(images, generator)
    # A GPU would have to wait for the choice of images.
    some = soft.flatten().nonzero().flatten() if x.device.type == "cpu" else slice(None)
    sharp = x[some]
    x[some] = torch.lerp(sharp, gaussian_blur(sharp, 1.0), (softness * soft)[some])
    noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    return x.add_(noise.mul_(0.1 * uniform(images, generator) * coin(images, generator)))


def uniform(images: Tensor, generator: Generator, channels: int = 1) -> Tensor:
    """Draw a number in [0, 1) for each image of the batch, or for each of its channels.

    It is shaped to be multiplied with the images.
    """
    shape = (len(images), channels, *[1] * (images.dim() - 2))
    return torch.rand(shape, generator=generator, device=images.device, dtype=images.dtype)


def coin(images: Tensor, generator: Generator) -> Tensor:
    """Draw heads or tails for each image of the batch."""
    shape = (len(images), *[1] * (images.dim() - 1))
    return torch.rand(shape, generator=generator, device=images.device) < 0.5
