"""One image, prepared by the functions with which the data readers prepare a set.

So a network meets what it was trained on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ucmt_lite.common import InputError
from ucmt_lite.data import hdf5, nifti
from ucmt_lite.data.columns import unpng, unreadable
from ucmt_lite.data.pictures import PICTURE_SUFFIXES, decoding, read_image
from ucmt_lite.data.source import channels_first
from ucmt_lite.data.volumes import clipped, normalised


def read_picture(
    image: Any, mode: str, size: int | None
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return a 2D image as bytes `C H W` at `size` x `size`, and its own height and width.

    `image` is a path or an array `H W` or `H W C`; `mode` "L" (1 channel) or "RGB" (3). Values that
    are not uint8 are scaled as `eight_bits` does.

    >>> pixels, own = read_picture(np.zeros((50, 70, 3), np.uint8), "L", 32)
    >>> pixels.shape, own
    ((1, 32, 32), (50, 70))
    """
    name = _name(image)
    with decoding("Image", name):
        data = read_image(_picture_data(image, name), mode, None, name)
        height, width = unpng(data, mode).shape[:2]
        pixels = unpng(data, mode, size)
    return channels_first(pixels), (height, width)


def _picture_data(image: Any, name: str) -> Path | NDArray:
    """Return the path of a picture, or the array `H W` or `H W C` that anything else holds."""
    if _is_path(image) and Path(image).suffix.lower() in PICTURE_SUFFIXES:
        return _existing(Path(image))
    values = _array(image)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    flat = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))
    if not flat or 0 in values.shape:
        raise InputError(
            f"Image '{name}' is {values.shape}: the network takes 2D images, H W (grey) or H W 3"
            " (RGB)."
        )
    return values


def read_volume(
    image: Any, window: Sequence[float] | None = None, as_bytes: bool = True
) -> NDArray:
    """Return a volume, a path or an array `*S`, prepared as in training.

    Bytes stay as they are, all others are standardised to float16. `window`: values are clipped to
    it first. `as_bytes`: whether the volumes of training were bytes; else whole numbers from 0 to
    255 are standardised, too.
    """
    name = _name(image)
    values = _array(image)
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(
            f"Image '{name}' is {values.shape}: the network takes 3D volumes with three axes."
        )
    if window is not None or not as_bytes:
        values = values.astype(np.float32)
    return normalised(clipped(values, window), name)


def _is_path(image: Any) -> bool:
    return isinstance(image, (str, os.PathLike))


def _name(image: Any) -> str:
    """Return what a sentence calls the image."""
    return f"{image}" if _is_path(image) else "array"


def _array(image: Any) -> NDArray:
    """Return an array, or the one in an HDF5 (key `image`), NumPy or NIfTI file, axes as they are.

    The readers of data open the files.
    """
    if not _is_path(image):
        return np.asarray(image)
    path = _existing(Path(image))
    name = path.name.lower()
    if name.endswith((".h5", ".hdf5")):
        return hdf5.load_image(path)
    if name.endswith(nifti.NIFTI_SUFFIXES):
        return nifti.load_voxels("Image", path)
    if name.endswith(".npy"):
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, EOFError, ValueError) as error:
            raise unreadable("Image", path, error) from error
    raise InputError(
        f"'{path}' is no kind of image read here: give PNG, JPEG, BMP, TIFF, .h5, .npy or .nii.gz."
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"There is no image '{path}': check the path.")
    return path
