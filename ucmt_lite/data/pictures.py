"""One picture or its mask: looked at, checked, and encoded; from files, from bytes or arrays."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import png, unpng, unreadable
from ucmt_lite.data.masks import class_indices

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
# What Pillow raises for a file that it cannot, or will not, decode.
_DAMAGED = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
PictureFile = Path | bytes  # a picture that is encoded, in a file or in memory

_ORIENTATION = 0x0112  # the EXIF tag; from 5 up it swaps width and height


@contextmanager
def decoding(kind: str, name: str) -> Iterator[None]:
    """Tell in one sentence which file cannot be decoded, where Pillow fails inside the block."""
    try:
        yield
    except InputError:
        raise
    except _DAMAGED as error:
        raise unreadable(kind, name, error) from error


def look_at_pair(image: PictureFile, mask: PictureFile, name: str) -> int:
    """Compare the sizes of an image and its mask, and return the image's channels (1 or 3).

    Only the first bytes of the files are read.
    """
    height_width, channels = _look("Image", image, name)
    of_mask, _ = _look("Mask", mask, name)
    if height_width != of_mask:
        (w, h), (v, g) = height_width, of_mask
        raise InputError(
            f"Mask '{_name(mask, name)}' is {v} x {g} pixels but its image is {w} x {h}: save both"
            " alike."
        )
    return channels


def _look(kind: str, data: PictureFile, name: str) -> tuple[tuple[int, int], int]:
    """Return the upright size of a picture, and how many channels it has."""
    with decoding(kind, _name(data, name)), _opened(data, name) as picture:
        size = picture.size[::-1] if _is_turned(picture) else picture.size
        grey = picture.mode in ("1", "L", "LA", "F") or picture.mode.startswith("I")
        return size, 1 if grey else 3


def _is_turned(picture: Image.Image) -> bool:
    """Return whether its EXIF orientation swaps the width and the height that Pillow tells."""
    if picture.format == "TIFF":  # Pillow turns its size itself
        return False
    # Asking a PNG without EXIF for it would decode all of the picture.
    if picture.format == "PNG" and "exif" not in picture.info:
        return False
    return picture.getexif().get(_ORIENTATION, 1) >= 5


def _opened(data: PictureFile, name: str) -> Image.Image:
    """Return the picture, its pixels not read yet; of several pages in a file only one could be."""
    picture = Image.open(io.BytesIO(data) if isinstance(data, bytes) else data)
    pages = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
    if pages > 1:
        raise InputError(
            f"'{_name(data, name)}' holds {pages} pages: save one picture a file, or the stack as"
            " NIfTI."
        )
    return picture


def read_mask(data: PictureFile | np.ndarray, classes: int, name: str) -> np.ndarray:
    """Return the class indices of a mask, uint8: of a picture `H W`, of an array `*S`."""
    if isinstance(data, np.ndarray):
        return class_indices(data, classes, name)
    name = _name(data, name)
    with decoding("Mask", name), _opened(data, name) as picture:
        lossy = picture.format == "JPEG"
        grey = _black_or_white(picture) if classes == 2 else picture
        values = np.asarray(ImageOps.exif_transpose(grey))
    if values.ndim == 3:
        values = _one_channel(values, name, lossy)
    return class_indices(values, classes, name, lossy=lossy)


def _black_or_white(picture: Image.Image) -> Image.Image:
    """Return a picture whose palette shows nothing but black and white as grey.

    Which of the two comes first in the palette says nothing.
    """
    if picture.mode != "P":
        return picture
    shown = {colour for _, colour in picture.convert("RGB").getcolors() or ()}
    return picture.convert("L") if shown <= {(0, 0, 0), (255, 255, 255)} else picture


def _one_channel(values: np.ndarray, name: str, lossy: bool) -> np.ndarray:
    """Return the one channel that a mask `H W C` says in all of its colours."""
    # An alpha channel says nothing.
    colour = values[..., :3] if values.shape[2] >= 3 else values[..., :1]
    if values.shape[2] in (2, 4) and np.ptp(values[..., -1]) and not np.ptp(colour):
        raise InputError(
            f"Mask '{name}' has its shape in its transparency only: save it as one grey channel."
        )
    if np.ptp(colour.astype(np.int16), axis=2).max() > (16 if lossy else 0):
        raise InputError(
            f"Mask '{name}' is a colour picture: save it as one grey channel of class indices."
        )
    return colour[..., 0]


def read_image(
    data: PictureFile | np.ndarray, mode: str, size: int | None, name: str
) -> PictureFile:
    """Return an image as an 8-bit picture, resized to `size` x `size` if a size is asked for.

    A picture that has 8 bits is left as it is where no size is asked for. Arrays `H W` or `H W 3`,
    16-bit and float greys are scaled to 8 bits first (`eight_bits`).
    """
    name = _name(data, name)
    with decoding("Image", name):
        if not isinstance(data, np.ndarray):
            deep = _deep_values(data, name)
            if deep is None:
                return data if size is None else png(unpng(data, mode, size))
            data = deep
        picture = png(eight_bits(data, name))
        return picture if size is None else png(unpng(picture, mode, size))


def _deep_values(data: PictureFile, name: str) -> np.ndarray | None:
    """Return the values of a picture of more than 8 bits; None for any other."""
    with _opened(data, name) as picture:
        if picture.mode == "F" or picture.mode.startswith("I"):
            return np.asarray(ImageOps.exif_transpose(picture))
    return None


def eight_bits(values: np.ndarray, name: str) -> np.ndarray:
    """Return values scaled to 0..255, uint8.

    Integers within 0..255 stay, floats within 0..1 are multiplied by 255, all others go linearly
    from their own minimum to their own maximum.

    >>> [eight_bits(np.array(x), "x").tolist() for x in ([0, 7], [0.2, 0.4], [-100.0, 200.0])]
    [[0, 7], [51, 102], [0, 255]]
    """
    if values.dtype.kind in "ui" and values.min() >= 0 and values.max() <= 255:
        return np.ascontiguousarray(values, np.uint8)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise InputError(f"Image '{name}' holds NaN or infinite values: repair it or take it out.")
    if values.dtype.kind in "ui" or low < 0 or high > 1:
        values = (values.astype(np.float64) - low) / max(high - low, 1e-12)
    return np.round(values * 255).astype(np.uint8)


def _name(data: PictureFile | np.ndarray, name: str) -> str:
    """Return what a sentence calls a picture: its path, where it has one."""
    return str(data) if isinstance(data, Path) else name
