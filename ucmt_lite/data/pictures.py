"""One picture and its mask: looked at, checked against each other, and encoded; from files or from
bytes.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import Item, png, resize_nearest, unpng, unreadable
from ucmt_lite.data.masks import class_indices

# What Pillow raises for a file that it cannot, or will not, decode.
DAMAGED = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
Picture = Path | bytes


def opened(data: Picture, name: str) -> Image.Image:
    """The picture, its pixels not read yet; of several pages in a file only one could be."""
    picture = Image.open(io.BytesIO(data) if isinstance(data, bytes) else data)
    if picture.format == "TIFF" and (pages := getattr(picture, "n_frames", 1)) > 1:
        raise InputError(
            f"'{_name(data, name)}' holds {pages} pages: save one picture a file, or the stack as"
            " NIfTI."
        )
    return picture


def look(image: Picture, mask: Picture, name: str) -> int:
    """Compare the sizes, which the files' first bytes tell, and return how many channels the image
    has (1 or 3).
    """
    sizes, channels = [], []
    for what, data in (("Image", image), ("Mask", mask)):
        try:
            with opened(data, name) as picture:
                # EXIF orientation may swap width and height. Asking a PNG without EXIF would decode
                # all of it.
                exif = (
                    picture.getexif() if picture.format != "PNG" or "exif" in picture.info else {}
                )
                turned = (
                    exif.get(0x0112, 1) >= 5 and picture.format != "TIFF"
                )  # whose size Pillow turns itself
                sizes.append(picture.size[::-1] if turned else picture.size)
                channels.append(
                    1
                    if picture.mode in ("1", "L", "LA", "F") or picture.mode.startswith("I")
                    else 3
                )
        except InputError:
            raise
        except DAMAGED as error:
            raise unreadable(what, _name(data, name), error) from error
    if sizes[0] != sizes[1]:
        (w, h), (v, g) = sizes
        raise InputError(
            f"Mask '{_name(mask, name)}' is {v} x {g} pixels but its image is {w} x {h}: save both"
            " alike."
        )
    return channels[0]


def read_pair(
    name: str,
    group: str,
    image: Picture,
    mask: Picture,
    *,
    classes: int,
    mode: str,
    size: int | None,
) -> tuple[Item, bool]:
    """Check and encode one case; also say whether its mask has foreground."""
    indices = _read_mask(mask, classes, name)
    foreground = bool(indices.any())
    if size is not None:
        indices = resize_nearest(indices, size)
    return Item(name, group, read_image(image, mode, size, name), png(indices)), foreground


def _read_mask(data: Picture, classes: int, name: str) -> np.ndarray:
    """Class indices of a mask picture, uint8 `H W`."""
    name = _name(data, name)
    try:
        with opened(data, name) as picture:
            lossy = picture.format == "JPEG"
            values = np.asarray(
                ImageOps.exif_transpose(_black_or_white(picture) if classes == 2 else picture)
            )
    except InputError:
        raise
    except DAMAGED as error:
        raise unreadable("Mask", name, error) from error
    if values.ndim == 3:
        colour = (
            values[..., :3] if values.shape[2] >= 3 else values[..., :1]
        )  # an alpha channel says nothing
        if values.shape[2] in (2, 4) and np.ptp(values[..., -1]) and not np.ptp(colour):
            raise InputError(
                f"Mask '{name}' has its shape in its transparency only: save it as one grey"
                " channel."
            )
        if np.ptp(colour.astype(np.int16), axis=2).max() > (16 if lossy else 0):
            raise InputError(
                f"Mask '{name}' is a colour picture: save it as one grey channel of class indices."
            )
        values = colour[..., 0]
    return class_indices(values, classes, name, lossy=lossy)


def _black_or_white(picture: Image.Image) -> Image.Image:
    """A picture whose palette shows nothing but black and white, as grey: which of the two comes
    first says nothing.
    """
    if picture.mode != "P":
        return picture
    shown = {colour for _, colour in picture.convert("RGB").getcolors() or ()}
    return picture.convert("L") if shown <= {(0, 0, 0), (255, 255, 255)} else picture


def read_image(data: Picture, mode: str, size: int | None, name: str) -> Picture:
    """Leave an 8-bit picture as it is, or encode it at `size`; 16-bit and float greys are scaled to
    8 bits first.
    """
    name = _name(data, name)
    try:
        with opened(data, name) as picture:
            deep = picture.mode == "F" or picture.mode.startswith("I")
            if not deep:
                return data if size is None else png(unpng(data, mode, size))
            values = np.asarray(ImageOps.exif_transpose(picture))
    except InputError:
        raise
    except DAMAGED as error:
        raise unreadable("Image", name, error) from error
    grey = png(eight_bits(values, name))
    return grey if size is None else png(unpng(grey, mode, size))


def eight_bits(values: np.ndarray, name: str) -> np.ndarray:
    """Scale to 0..255: integers within 0..255 stay, floats within 0..1 are multiplied by 255, all
    others go linearly from their own minimum to their own maximum.

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


def _name(data: Picture, name: str) -> str:
    return str(data) if isinstance(data, Path) else name
