"""Views: what a network gets to see of an image. Whole batches at once, on the device they are on.

Weak views move the image and its mask alike; strong views change colours and sharpness only, so
masks stay valid.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ucmt_lite.common import InputError, one_of
from ucmt_lite.core.blur import gaussian_blur


class Strength(NamedTuple):
    """How far views move and change an image.

    The first five are the weak view's, drawn once for all views of an image; the others the strong
    view's, drawn for each view anew, in the units of `to_input`.
    """

    flip: bool = True  # along a random choice of axes; volumes along their first two alone
    degrees: float = 0.0  # rotation in the plane of the first two axes, up to this
    zoom: float = 1.0  # scale by a factor from 1 / zoom to zoom
    shift: float = 0.0  # along each axis, up to this share of its side
    contrast: float = 0.5  # scaled about the image's mean, by up to this share
    brightness: float = 0.4  # added, up to this
    colour: float = 0.1  # added to each channel on its own, up to this
    blur: float = 1.0  # in half the images: blended with a blur of so many pixels
    noise: float = 0.1  # in half the images: Gaussian, of a deviation up to this


# Small affine moves are those of nnU-Net (Isensee et al., Nature Methods 2021), half as far; of a
# body that always lies in one way, flips would make anatomy that does not exist.
STRENGTHS = {
    "picture": Strength(degrees=15, zoom=1.18, shift=0.05),
    "volume": Strength(flip=False, degrees=15, zoom=1.18, shift=0.05),
}


def strength_of(dims: int, changes: dict | None = None) -> Strength:
    """Return the strength for images of 2 or 3 dims, with some of its numbers changed.

    >>> strength_of(2, {"degrees": 0}).degrees, strength_of(3).flip
    (0, False)
    """
    kind = "picture" if dims == 2 else "volume"
    for name, value in (changes or {}).items():
        one_of("strength of views", name, Strength._fields)
        least = 1 if name == "zoom" else 0
        if not isinstance(value, (int, float)) or not least <= value < math.inf:
            raise InputError(
                f"views: {name}={value!r} is no strength: give a number from {least} up."
            )
    return STRENGTHS[kind]._replace(**(changes or {}))


def to_input(images: Tensor) -> Tensor:
    """Images as the networks take them, float32: bytes become -1..1, standardised floats stay.

    >>> to_input(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([-1.,  1.])
    """
    return images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images.float()


def weak_view(
    images: Tensor, masks: Tensor, strength: Strength, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Flip, turn, zoom and shift each image of a batch, and its mask with it.

    Shapes: images `B C *S`, masks `B *S`; both move alike. Bytes become floats by `to_input` only
    after flips, which is a quarter of the traffic. Images are interpolated linearly and continued
    by reflection, masks by the nearest pixel.

    >>> image = torch.arange(4.0).view(1, 1, 2, 2)
    >>> moved, mask = weak_view(image, image[:, 0], Strength(), torch.Generator().manual_seed(0))
    >>> torch.equal(moved[:, 0], mask), sorted(moved.flatten().tolist())
    (True, [0.0, 1.0, 2.0, 3.0])
    """
    if strength.flip:
        images, masks = _flip(images, masks, generator)
    images = to_input(images)
    if strength.degrees or strength.zoom != 1 or strength.shift:
        images, masks = _move(images, masks, strength, generator)
    return images, masks


def _flip(images: Tensor, masks: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Flip along each of the first two axes or not; swap them, where they are as long, or not.

    On a square that makes all eight turns and reflections.
    """
    both = torch.cat([images, masks.unsqueeze(1).to(images.dtype)], dim=1)  # B C+1 *S
    for axis in (2, 3):
        both = torch.where(coin(both, generator), both.flip(axis), both)
    if both.shape[2] == both.shape[3]:
        both = torch.where(coin(both, generator), both.transpose(2, 3), both)
    return both[:, :-1], both[:, -1].to(masks.dtype)


def _move(
    images: Tensor, masks: Tensor, strength: Strength, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Turn, zoom and shift by one affine map per image."""
    count, sides = len(images), images.shape[2:]
    dims = len(sides)
    turn = math.radians(strength.degrees) * _symmetric(count, generator, images)
    scale = torch.exp(math.log(strength.zoom) * _symmetric(count, generator, images))
    shift = 2 * strength.shift * _symmetric(count * dims, generator, images).view(count, dims)

    # From a pixel of the view to its place in the image, in units of half a side; torch counts axes
    # from the last. The plane that turns is that of the first two, whose sides may differ.
    theta = torch.zeros(count, dims, dims + 1, device=images.device)
    theta[:, range(dims), range(dims)] = 1 / scale.unsqueeze(1)
    theta[:, :, -1] = shift
    rows, columns = dims - 1, dims - 2  # of the first two axes, in torch's order
    ratio = sides[0] / sides[1]
    theta[:, columns, columns] = theta[:, rows, rows] = torch.cos(turn) / scale
    theta[:, columns, rows] = -torch.sin(turn) / scale * ratio
    theta[:, rows, columns] = torch.sin(turn) / scale / ratio
    grid = F.affine_grid(theta, [count, 1, *sides], align_corners=False)

    moved = F.grid_sample(images, grid, "bilinear", "reflection", align_corners=False)
    labels = masks.unsqueeze(1).float()
    moved_masks = F.grid_sample(labels, grid, "nearest", "reflection", align_corners=False)
    return moved, moved_masks.squeeze(1).to(masks.dtype)


def strong_view(images: Tensor, strength: Strength, generator: Generator) -> Tensor:
    """Change contrast, brightness and colour, soften, and add noise, image by image.

    Shapes: `B C *S` -> `B C *S`, in the units of `to_input`. Geometry does not change.

    >>> image = torch.rand(2, 3, 8, 8)
    >>> strong_view(image, Strength(), torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3, 8, 8])
    """
    mean = images.flatten(1).mean(1).view(len(images), *[1] * (images.dim() - 1))
    contrast = (1 - strength.contrast) + 2 * strength.contrast * uniform(images, generator)
    brightness = 2 * strength.brightness * (uniform(images, generator) - 0.5)
    colour = 2 * strength.colour * (uniform(images, generator, images.shape[1]) - 0.5)
    x = (images - mean).mul_(contrast).add_(mean).add_(brightness + colour)

    softness = uniform(images, generator) * coin(images, generator)
    if strength.blur:
        # The half that stays sharp is left out on a CPU; a GPU would have to wait for the choice.
        soft = softness.flatten().nonzero().flatten() if x.device.type == "cpu" else slice(None)
        sharp = x[soft]
        x[soft] = torch.lerp(sharp, gaussian_blur(sharp, strength.blur), softness[soft])

    noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    deviation = strength.noise * uniform(images, generator) * coin(images, generator)
    return x.add_(noise.mul_(deviation))


def uniform(images: Tensor, generator: Generator, channels: int = 1) -> Tensor:
    """A number in [0, 1) per image, or per channel of each, shaped to be multiplied with it."""
    shape = (len(images), channels, *[1] * (images.dim() - 2))
    return torch.rand(shape, generator=generator, device=images.device, dtype=images.dtype)


def coin(images: Tensor, generator: Generator) -> Tensor:
    """Heads or tails per image of the batch."""
    shape = (len(images), *[1] * (images.dim() - 1))
    return torch.rand(shape, generator=generator, device=images.device) < 0.5


def _symmetric(count: int, generator: Generator, like: Tensor) -> Tensor:
    """Numbers in [-1, 1)."""
    return 2 * torch.rand(count, generator=generator, device=like.device) - 1
