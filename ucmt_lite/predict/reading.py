"""One image, prepared by the functions with which the data readers prepare a set.

So a network meets what it was trained on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ucmt_lite.common import InputError
from ucmt_lite.data import hdf5, nifti
from ucmt_lite.data.columns import unpng, unreadable
from ucmt_lite.data.pictures import PICTURE_SUFFIXES, PICTURE_WORDS, decoding, encode_image
from ucmt_lite.data.preparation import Preparation, check_plain, clipped, prepare_volume
from ucmt_lite.data.source import channels_first

_EACH = Preparation("each")


class PreparedVolume(NamedTuple):
    """A volume as a network takes it, and the way back to the axes of its file."""

    values: NDArray
    as_stored: Callable[[NDArray], NDArray]


def read_picture(
    image: Any, mode: str, size: int | None, preparation: Preparation = _EACH
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return a 2D image as bytes `C H W` at `size` x `size`, and its own height and width.

    `image` is a path or an array `H W` or `H W C`; `mode` "L" (1 channel) or "RGB" (3). Values that
    are not uint8 are scaled as `eight_bits` does, and all of them where the images of training were
    "stretched". A photo that EXIF turns is read, and so segmented, in its turned position.

    >>> pixels, own = read_picture(np.zeros((50, 70, 3), np.uint8), "L", 32)
    >>> pixels.shape, own
    ((1, 32, 32), (50, 70))
    """
    name = _name(image)
    values = "stretched" if preparation.values == "stretched" else ""
    with decoding("Image", name):
        data, _ = encode_image(_picture_data(image, name), mode, None, name, values)
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


def read_volume(image: Any, preparation: Preparation = _EACH) -> PreparedVolume:
    """Return a volume, a path or an array `*S`, prepared as those of training were.

    A NIfTI file is turned as they were, and `as_stored` turns back; the axes of any other file, and
    of an array, are taken as they are.
    """
    name = _name(image)
    as_stored: Callable[[NDArray], NDArray] = _as_it_is
    if preparation.orientation == nifti.ORIENTATION and _is_nifti(image):
        volume = nifti.load_volume("Image", _existing(Path(image)))
        values, as_stored = volume.values, volume.as_stored
    else:
        values = _array(image)
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(
            f"Image '{name}' is {values.shape}: the network takes 3D volumes with three axes."
        )
    if preparation.window is not None:
        values = values.astype(np.float32)
    values = clipped(values, preparation.window)
    return PreparedVolume(prepare_volume(values, preparation.values, name), as_stored)


def _as_it_is(array: NDArray) -> NDArray:
    return array


def _is_path(image: Any) -> bool:
    return isinstance(image, (str, os.PathLike))


def _is_nifti(image: Any) -> bool:
    return _is_path(image) and str(image).lower().endswith(nifti.NIFTI_SUFFIXES)


def _name(image: Any) -> str:
    """Return what a sentence calls the image."""
    return f"{image}" if _is_path(image) else "array"


def _array(image: Any) -> NDArray:
    """Return an array, or the one in an HDF5, NumPy or NIfTI file, axes as they are.

    The readers of data open the files.
    """
    if not _is_path(image):
        return np.asarray(image)
    path = _existing(Path(image))
    values = _file_values(path)
    check_plain(values, str(path))
    return values


def _file_values(path: Path) -> NDArray:
    name = path.name.lower()
    if name.endswith((".h5", ".hdf5")):
        return hdf5.load_image(path)
    if _is_nifti(path):
        volume = nifti.load_volume("Image", path)
        return volume.as_stored(volume.values)
    if name.endswith(".npy"):
        return load_npy(path)
    raise InputError(
        f"'{path}' is no kind of image read here: give {PICTURE_WORDS}, .h5, .npy or .nii.gz."
    )


def load_npy(path: Path) -> NDArray:
    """Return the array of a NumPy file; nothing in it is executed."""
    # The header of such a file is parsed as Python, and fails as Python does.
    damaged = (OSError, EOFError, ValueError, SyntaxError, TokenError, TypeError, MemoryError)
    try:
        return np.load(path, allow_pickle=False)
    except damaged as error:
        raise unreadable("Image", path, error) from error


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"There is no image '{path}': check the path.")
    return path
