"""Reading one image the way the data readers read a set, so that a network meets what it was
trained on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import png, unpng, unreadable
from ucmt_lite.data.folder import PICTURES
from ucmt_lite.data.hdf5 import normalised
from ucmt_lite.data.pictures import DAMAGED, eight_bits, read_image


def read_picture(
    image: Any, mode: str, size: int | None
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """A 2D image, a path or an array `H W` or `H W C`: as bytes `C H W` at `size` x `size`, and its
    own height and width.

    `mode` "L" (1 channel) or "RGB" (3); values that are not uint8 are scaled as `eight_bits` does.

    >>> pixels, own = read_picture(np.zeros((50, 70, 3), np.uint8), "L", 32)
    >>> pixels.shape, own
    ((1, 32, 32), (50, 70))
    """
    is_path = isinstance(image, (str, os.PathLike))
    name = f"{image}" if is_path else "array"
    is_picture = is_path and Path(image).suffix.lower() in PICTURES
    try:
        data = (
            read_image(_existing(Path(image)), mode, None, name)
            if is_picture
            else _encoded(image, name)
        )
        height, width = unpng(data, mode).shape[:2]
        pixels = unpng(data, mode, size)
    except InputError:
        raise
    except DAMAGED as error:
        raise unreadable("Image", name, error) from error
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1), (height, width)


def _encoded(image: Any, name: str) -> bytes:
    """A 2D array, or the one in a file, as PNG: pictures then go one and the same way."""
    values = (
        _read_array(Path(image)) if isinstance(image, (str, os.PathLike)) else np.asarray(image)
    )
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if 0 in values.shape or not (
        values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))
    ):
        raise InputError(
            f"Image '{name}' is {values.shape}: the network takes 2D images, H W (grey) or H W 3"
            " (RGB)."
        )
    return png(eight_bits(values, name))  # as the readers of training data do


def read_volume(
    image: Any, window: Sequence[float] | None = None, as_bytes: bool = True
) -> NDArray:
    """A volume, a path or an array `*S`, prepared as in training: bytes as they are, all others
    standardised to float16.

    `as_bytes`: whether the volumes of training were bytes; else whole numbers from 0 to 255 are
    standardised, too.
    """
    is_path = isinstance(image, (str, os.PathLike))
    name, values = (
        (f"{image}", _read_array(Path(image))) if is_path else ("array", np.asarray(image))
    )
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(
            f"Image '{name}' is {values.shape}: the network takes 3D volumes with three axes."
        )
    if window is not None or not as_bytes:
        values = values.astype(np.float32)
    return normalised(values if window is None else values.clip(window[0], window[1]), name)


def _read_array(path: Path) -> NDArray:
    """The image in an HDF5 (key `image`), NumPy or NIfTI file, axes as they are."""
    _existing(path)
    try:
        suffix = path.suffix.lower()
        if suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if suffix in (".h5", ".hdf5"):
            import h5py

            with h5py.File(path, "r") as file:
                return file["image"][()]
        if path.name.lower().endswith((".nii", ".nii.gz")):
            return _read_nifti(path)
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise unreadable("Image", path, error) from error
    raise InputError(
        f"'{path}' is no kind of image read here: give PNG, JPEG, BMP, TIFF, .h5, .npy or .nii.gz."
    )


def _read_nifti(path: Path) -> NDArray:
    try:
        import nibabel
    except ImportError as error:
        raise InputError(
            "NIfTI files need the package nibabel: run pip install nibabel."
        ) from error
    try:
        volume: Any = nibabel.load(path)
        return np.asarray(volume.dataobj, np.float32)
    except nibabel.filebasedimages.ImageFileError as error:
        raise unreadable("Image", path, error) from error


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"There is no image '{path}': check the path.")
    return path
