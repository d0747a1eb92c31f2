"""Smaller volumes to learn from: where a network should see a body, not a corner of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from ucmt_lite.data.columns import scaled_spacing
from ucmt_lite.data.source import Cases

STRIDE = 16  # sides of a patch are multiples of it: what V-Net needs
SIDE = 64  # voxels that the longest side of a typical volume keeps where nothing else is said


def shrink(cases: Cases, factor: float) -> Cases:
    """Return the cases with every side divided by `factor`; their own masks are kept to score at.

    Images become the mean of the voxels that fall into one, masks the class that fills most of it.
    With a patch of a quarter of the volume or more a network knows where in the body it is; nnU-Net
    trains such a low-resolution configuration where patches are smaller (Isensee et al., 2021).

    >>> mask = np.zeros((4, 4, 2), np.uint8); mask[:2] = 1
    >>> whole = Cases(("a",), ("a",), [mask[None] * 100], [mask], ((1.0, 1.0, 2.0),))
    >>> small = shrink(whole, 2)
    >>> small.masks[0].tolist(), small.spacing, small.own_masks[0].shape
    ([[[1], [1]], [[0], [0]]], ((2.0, 2.0, 4.0),), (4, 4, 2))
    """
    if factor == 1:
        return cases
    images = [shrink_image(image, factor) for image in cases.images]
    masks = [_shrink_mask(mask, factor) for mask in cases.masks]
    spacing = [
        mm and scaled_spacing(mm, mask.shape, small.shape)
        for mm, mask, small in zip(cases.spacing, cases.masks, masks, strict=True)
    ]
    return replace(
        cases,
        images=images,
        masks=masks,
        spacing=tuple(spacing),
        ambiguity=None,
        own_masks=cases.own_masks or cases.masks,
        own_spacing=cases.own_spacing or cases.spacing,
    )


def shrink_image(image: np.ndarray, factor: float) -> np.ndarray:
    """One image `C *S` with every side divided by `factor`; bytes stay bytes."""
    if factor == 1:
        return image
    small = _mean(torch.from_numpy(image.astype(np.float32)), factor).numpy()
    return small.round().astype(np.uint8) if image.dtype == np.uint8 else small.astype(image.dtype)


def shrink_factor(shapes: Sequence[Sequence[int]], side: int = SIDE) -> float:
    """Return the factor that leaves the longest side of the median volume about `side` voxels.

    Factors are whole; volumes that are small already keep their size.

    >>> shrink_factor([(190, 142, 88), (180, 140, 88), (200, 150, 88)])
    3.0
    """
    longest = np.median(np.array(shapes), axis=0).max()
    return float(max(1, round(longest / side)))


def whole_patch(volumes: Cases) -> tuple[int, ...]:
    """Return the sides of the median volume, rounded to what every network for volumes takes.

    >>> mask = np.zeros((63, 47, 29), np.uint8)
    >>> whole_patch(Cases(("a",), ("a",), [mask[None]], [mask], (None,)))
    (64, 48, 32)
    """
    median = np.median([mask.shape for mask in volumes.masks], axis=0)
    return tuple(max(STRIDE, round(side / STRIDE) * STRIDE) for side in median)


def _shrink_mask(mask: np.ndarray, factor: float) -> np.ndarray:
    """The class that fills most of each smaller voxel."""
    classes = torch.arange(int(mask.max()) + 1).view(-1, *[1] * mask.ndim)
    share = _mean((torch.from_numpy(mask.astype(np.int64)) == classes).float(), factor)  # K *S
    return share.argmax(0).numpy().astype(np.uint8)


def _mean(x: torch.Tensor, factor: float) -> torch.Tensor:
    """The area mean of `C *S` over boxes of `factor` a side."""
    sides = [max(1, round(side / factor)) for side in x.shape[1:]]
    return F.interpolate(x.unsqueeze(0), sides, mode="area").squeeze(0)
