"""The data of the plain baseline: files that a `DataLoader` opens, views and collates."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ucmt_lite.core.batch import Batch
from ucmt_lite.data import Cases

FLIPS = (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM)


def write_files(cases: Cases, folder: Path) -> None:
    """Pictures as PNG, volumes as `.npy`: what the data sets below open once a sample."""
    for i, (image, mask) in enumerate(zip(cases.images, cases.masks, strict=True)):
        if mask.ndim == 3:
            np.save(folder / f"{i:05}_image.npy", image)
            np.save(folder / f"{i:05}_mask.npy", mask)
        else:
            Image.fromarray(image.transpose(1, 2, 0).squeeze()).save(folder / f"{i:05}_image.png")
            Image.fromarray(mask).save(folder / f"{i:05}_mask.png")


class Pictures(Dataset):
    """Images with a weak and two strong views, by Pillow.

    Geometry and colours are changed at twice the network's size and the result is resized, as the
    reference does (512 for 256); the second strong view is made from the first.
    """

    def __init__(self, folder: Path, size: int, work: int | None = None) -> None:
        self.images, self.masks = (
            sorted(folder.glob(f"*_{kind}.png")) for kind in ("image", "mask")
        )
        self.size, self.work = size, work or 2 * size

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        image, mask = self.read(index)
        image, mask = weak(
            image, mask, [random.random() < 0.5 for _ in FLIPS], random.uniform(-180, 180)
        )
        strong1 = strong(image)
        strong2 = strong(strong1)
        label = torch.from_numpy(
            np.array(mask.resize((self.size,) * 2, Image.Resampling.NEAREST))
        ).long()
        return self.finish(image), label, self.finish(strong1), self.finish(strong2)

    def read(self, index: int) -> tuple[Image.Image, Image.Image]:
        """Open one image and its mask."""
        image, mask = Image.open(self.images[index]), Image.open(self.masks[index])
        kind = "L" if image.mode == "L" else "RGB"
        side = (self.work, self.work)
        return image.convert(kind).resize(side), mask.convert("L").resize(
            side, Image.Resampling.NEAREST
        )

    def finish(self, image: Image.Image) -> Tensor:
        """The view as the network takes it: float32 `C H W`, -1 to 1."""
        array = np.array(
            image.resize((self.size,) * 2, Image.Resampling.BILINEAR), dtype=np.float32
        )
        return (
            torch.from_numpy(array / 127.5 - 1)
            .reshape(self.size, self.size, -1)
            .permute(2, 0, 1)
            .contiguous()
        )


def weak(
    image: Image.Image, mask: Image.Image, flips: list[bool], angle: float
) -> tuple[Image.Image, Image.Image]:
    """Flip and rotate an image and its mask alike; corners become black."""
    for flip, way in zip(flips, FLIPS, strict=True):
        if flip:
            image, mask = image.transpose(way), mask.transpose(way)
    return image.rotate(angle), mask.rotate(angle)


def strong(image: Image.Image) -> Image.Image:
    """Change brightness, contrast, saturation and hue in random order; seldom more; blur."""
    steps = [
        lambda x, kind=kind: kind(x).enhance(random.uniform(0.5, 1.5))
        for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast)
    ]
    if image.mode == "RGB":
        steps += [lambda x: ImageEnhance.Color(x).enhance(random.uniform(0.5, 1.5)), turn_hue]
    random.shuffle(steps)
    for step in steps:
        image = step(image)
    for step in (lambda x: ImageOps.posterize(x, 5), ImageOps.autocontrast, ImageOps.equalize):
        if random.random() < 0.2:
            image = step(image)
    return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))


def turn_hue(image: Image.Image) -> Image.Image:
    """Turn the hue by up to a quarter of the circle."""
    hue, saturation, value = image.convert("HSV").split()
    turned = (np.array(hue).astype(int) + round(255 * random.uniform(-0.25, 0.25))) % 256
    return Image.merge(
        "HSV", (Image.fromarray(turned.astype(np.uint8)), saturation, value)
    ).convert("RGB")


class Volumes(Dataset):
    """Volumes: random crops, flips and right-angle turns by numpy, blurs as strong views."""

    def __init__(self, folder: Path, patch: tuple[int, ...]) -> None:
        self.images, self.masks = (
            sorted(folder.glob(f"*_{kind}.npy")) for kind in ("image", "mask")
        )
        self.patch = patch

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        image, mask = np.load(self.images[index]).astype(np.float32)[0], np.load(self.masks[index])
        corner = [
            random.randint(0, side - size)
            for side, size in zip(mask.shape, self.patch, strict=True)
        ]
        window = tuple(slice(c, c + size) for c, size in zip(corner, self.patch, strict=True))
        turns, axis = (
            random.randint(0, 3) if self.patch[0] == self.patch[1] else 0,
            random.randint(0, 2),
        )
        image, mask = (np.flip(np.rot90(a[window], turns), axis).copy() for a in (image, mask))
        strong1 = ndimage.gaussian_filter(image, random.uniform(0.1, 2.0))
        strong2 = ndimage.gaussian_filter(strong1, random.uniform(0.1, 2.0))
        views = [
            torch.from_numpy(view / 127.5 - 1).unsqueeze(0) for view in (image, strong1, strong2)
        ]
        return views[0], torch.from_numpy(mask).long(), views[1], views[2]


class Endless(Sampler):
    """Random indices without end."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        while True:
            yield from torch.randperm(self.count).tolist()


def minibatches(
    labeled: Dataset, unlabeled: Dataset, batch: tuple[int, int], workers: int = 2
) -> Iterator[Batch]:
    """Minibatches from two loaders, without end."""
    streams = [
        DataLoader(data, count, sampler=Endless(len(data)), num_workers=workers)
        for data, count in zip((labeled, unlabeled), batch, strict=True)
    ]
    for (x, y, x1, x2), (u, _, u1, u2) in zip(*streams, strict=False):
        yield Batch(x=x, y=y, x1=x1, x2=x2, u=u, u1=u1, u2=u2)
