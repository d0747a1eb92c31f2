"""Endless minibatches from images in memory.

Minibatch n depends on the seed and on n alone, whatever came before it.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ucmt_lite.common import InputError
from ucmt_lite.core.batch import Batch
from ucmt_lite.data.source import Cases
from ucmt_lite.data.views import Strength, strength_of, strong_view, to_input, weak_view

Case = tuple[np.ndarray, np.ndarray]  # image C *S, mask *S


class Batches:
    """The labeled and the unlabeled stream of a training set, as `Batch`es: `batches(step)`.

    Images stay where they are, in memory or in a memory-mapped file (`keep_on_disk`), as bytes or
    half floats; those of a minibatch go to `device` and become views there. No file is opened and
    nothing is decoded. In each pass over a stream every image comes once, in an order of that pass.
    Volumes, and images of different sizes, are cropped to `patch` at a random place. The unlabeled
    stream may hold the labeled images too. `views` says how far views go (`strength_of` the images'
    dims where it is None); without `strong_labeled` labeled images stay weak: x1 and x2 are x.
    """

    def __init__(
        self,
        labeled: Cases,
        unlabeled: Cases,
        *,
        batch: tuple[int, int] = (4, 4),
        patch: Sequence[int] | None = None,
        views: Strength | None = None,
        strong_labeled: bool = True,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        for name, cases in (("labeled", labeled), ("unlabeled", unlabeled)):
            if not len(cases):
                raise InputError(f"There is no {name} image: give at least one.")
        sizes = {image.shape[1:] for image in (*labeled.images, *unlabeled.images)}
        if patch is None and len(sizes) > 1:
            raise InputError(
                f"Images come in {len(sizes)} sizes, {min(sizes)} to {max(sizes)}: give the patch"
                " size to crop them to."
            )
        self.patch = tuple(patch) if patch else next(iter(sizes))
        self.views = views or strength_of(len(self.patch))
        self.strong_labeled = strong_labeled
        self.batch = batch
        self.seed = seed
        self.device = torch.device(device)
        self.labeled = _padded_cases(labeled, self.patch)
        self.unlabeled = _padded_cases(unlabeled, self.patch)

    def __call__(self, step: int) -> Batch:
        generator = torch.Generator(self.device).manual_seed(mixed_seed(self.seed, step))
        x, y = self.weak(self.labeled, 0, step, generator)
        u, _ = self.weak(self.unlabeled, 1, step, generator)
        return Batch(
            x=x,
            y=y,
            x1=self.strong(x, generator) if self.strong_labeled else x,
            x2=self.strong(x, generator) if self.strong_labeled else x,
            u=u,
            u1=self.strong(u, generator),
            u2=self.strong(u, generator),
        )

    def strong(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return one strong view of each image."""
        return strong_view(images, self.views, generator)

    def weak(
        self, cases: list[Case], stream: int, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the weak views of one step of a stream.

        Images are moved to the device as bytes, a quarter of the floats.
        """
        drawn, masks = self.draw(cases, stream, step)
        images, masks = weak_view(drawn, masks, self.views, generator)
        return images, masks.long()

    def draw(self, cases: list[Case], stream: int, step: int) -> tuple[Tensor, Tensor]:
        """Return the images `B C *S` and masks `B *S` of one step of a stream.

        Their values are as they were read; they are cropped to the patch.
        """
        count = self.batch[stream]
        random = np.random.default_rng((self.seed, stream, step))
        images = []
        masks = []
        for position in range(step * count, (step + 1) * count):
            lap, place = divmod(position, len(cases))
            image, mask = cases[_lap_order(self.seed, stream, lap, len(cases))[place]]
            corner = [
                int(random.integers(side - size + 1))
                for side, size in zip(mask.shape, self.patch, strict=True)
            ]
            window = tuple(slice(c, c + size) for c, size in zip(corner, self.patch, strict=True))
            images.append(image[(slice(None), *window)])
            masks.append(mask[window])
        x = _to_device(stack_images(images), self.device)
        return x, _to_device(np.stack(masks), self.device)


def stack_images(images: Sequence[np.ndarray]) -> np.ndarray:
    """Stack images of one size for `to_input`.

    That tells bytes from standardised floats by their type. Bytes among floats become the floats
    that they would have been alone, or their 0..255 would pass for standardised.

    >>> stack_images([np.array([255], np.uint8), np.array([1.5], np.float16)]).tolist()
    [[1.0], [1.5]]
    """
    if len({image.dtype for image in images}) == 1:
        return np.stack(images)
    return np.stack([to_input(torch.from_numpy(np.array(image))).numpy() for image in images])


@lru_cache(maxsize=8)
def _lap_order(seed: int, stream: int, lap: int, count: int) -> list[int]:
    """Return the order of one pass over a stream: every index once.

    >>> sorted(_lap_order(0, 1, 5, 4))
    [0, 1, 2, 3]
    """
    return np.random.default_rng((seed, stream, lap, 1)).permutation(count).tolist()


def _to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Return an array as a tensor on the device; to a GPU it is sent while Python goes on."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def _padded_cases(cases: Cases, patch: Sequence[int]) -> list[Case]:
    """Widen all cases to the patch, as `_padded` does."""
    pairs = zip(cases.images, cases.masks, strict=True)
    return [_padded(image, mask, patch) for image, mask in pairs]


def _padded(image: np.ndarray, mask: np.ndarray, patch: Sequence[int]) -> Case:
    """Widen sides shorter than the patch by what stands at their edges, in image and mask alike.

    So what shows an object is not called background.

    >>> _padded(np.zeros((1, 2, 1)), np.array([[1], [2]]), (5, 1))[1].ravel().tolist()
    [1, 1, 2, 2, 2]
    """
    missing = [max(0, size - side) for side, size in zip(mask.shape, patch, strict=True)]
    if not any(missing):
        return image, mask  # not a copy: arrays may lie on a disk
    around = [(m // 2, m - m // 2) for m in missing]
    return np.pad(image, [(0, 0), *around], mode="edge"), np.pad(mask, around, mode="edge")


def center_crop(cases: Cases, patch: Sequence[int]) -> Cases:
    """Cut (or pad) the cases about their centre to one size.

    They are a fixed set to watch while training runs on patches.
    """

    def cut(array: np.ndarray) -> np.ndarray:
        sides = array.shape[-len(patch) :]
        corner = [(side - size) // 2 for side, size in zip(sides, patch, strict=True)]
        window = tuple(slice(c, c + size) for c, size in zip(corner, patch, strict=True))
        return array[window] if array.ndim == len(patch) else array[(slice(None), *window)]

    pairs = _padded_cases(cases, patch)
    images = [cut(image) for image, _ in pairs]
    masks = [cut(mask) for _, mask in pairs]
    ambiguity = cases.ambiguity and [cut(_padded(a[None], a, patch)[0][0]) for a in cases.ambiguity]
    return replace(cases, images=images, masks=masks, ambiguity=ambiguity)


def mixed_seed(*numbers: int) -> int:
    """Return one seed from several numbers, far apart for neighbouring ones.

    >>> mixed_seed(0, 1) != mixed_seed(1, 0)
    True
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
