"""Pictures and masks in files or in memory: looked at, decoded, and encoded for a dataset."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import png, unnpy, unpng, unreadable
from ucmt_lite.data.masks import CodedMask, Shade, code_colours, code_values
from ucmt_lite.data.preparation import check_finite_values, eight_bits, kind_of_picture, stretched

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp"}
PICTURE_WORDS = "PNG, JPEG, BMP, TIFF, GIF, WebP"
# What Pillow raises for a file that it cannot, or will not, decode: its parsers run into whatever
# the damaged bytes lead them to.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
PictureFile = Path | bytes  # a picture that is encoded, in a file or in memory

_ORIENTATION = 0x0112  # the EXIF tag; from 5 up it swaps width and height


class Sight(NamedTuple):
    """What is seen of a picture without decoding it: `size` is upright, `turned` is from EXIF."""

    size: tuple[int, int]
    channels: int
    turned: int  # the EXIF orientation, 1 where there is none
    deep: bool  # more than 8 bits a channel


@contextmanager
def decoding(kind: str, name: str) -> Iterator[None]:
    """Tell in one sentence which file cannot be decoded, where Pillow fails inside the block."""
    try:
        yield
    except InputError:
        raise
    except _DAMAGED as error:
        raise unreadable(kind, name, error) from error


def look_at_pair(image: PictureFile, masks: Sequence[PictureFile], name: str) -> tuple[Sight, str]:
    """Compare the sizes of an image and its masks; return what is seen of the image, and a remark.

    The remark is "exif" where only one of the two is turned by its EXIF orientation, else empty.
    Only the first bytes of the files are read.
    """
    sight = look_at("Image", image, name)
    remark = ""
    for mask in masks:
        seen = look_at("Mask", mask, name)
        one_is_turned = (sight.turned > 1) != (seen.turned > 1)
        if one_is_turned:
            remark = "exif"
        if sight.size == seen.size:
            continue
        sizes = "{} x {} pixels but its image is {} x {}".format(*seen.size, *sight.size)
        if one_is_turned:
            turned, other = ("image", "mask") if sight.turned > 1 else ("mask", "image")
            raise InputError(
                f"Mask '{_name(mask, name)}' is {sizes}: the {turned} is turned by its EXIF"
                f" orientation, the {other} is not; save the image turned, without EXIF, or turn"
                " the mask."
            )
        raise InputError(f"Mask '{_name(mask, name)}' is {sizes}: save both alike.")
    return sight, remark


def look_at(kind: str, data: PictureFile, name: str) -> Sight:
    """Return what the header of a picture says."""
    with decoding(kind, _name(data, name)), _opened(data, name) as picture:
        turned = _orientation(picture)
        # Pillow turns the size of a TIFF itself.
        swapped = turned >= 5 and picture.format != "TIFF"
        size = picture.size[::-1] if swapped else picture.size
        grey = picture.mode in ("1", "L", "LA", "F") or picture.mode.startswith("I")
        return Sight(size, 1 if grey else 3, turned, _is_deep(picture))


def _orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    # Asking a PNG without EXIF for it would decode all of the picture.
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1
    try:
        found = picture.getexif().get(_ORIENTATION, 1)
    except _DAMAGED:
        return 1  # a damaged note on a sound picture, which viewers pass over, too
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _upright(picture: Image.Image) -> Image.Image:
    """Return the decoded picture turned as its EXIF says."""
    picture.load()
    if picture.format == "TIFF" or _orientation(picture) == 1:
        return picture
    return ImageOps.exif_transpose(picture)


def _opened(data: PictureFile, name: str) -> Image.Image:
    """Return the picture, its pixels not read yet; of several pages in a file only one could be."""
    picture = Image.open(io.BytesIO(data) if isinstance(data, bytes) else data)
    pages = getattr(picture, "n_frames", 1) if picture.format != "MPO" else 1
    if pages > 1:
        raise InputError(
            f"'{_name(data, name)}' holds {pages} pages: save one picture a file, or the stack as"
            " NIfTI."
        )
    return picture


def _is_deep(picture: Image.Image) -> bool:
    """Return whether a picture has more than 8 bits a channel."""
    return picture.mode == "F" or picture.mode.startswith("I") or bool(_raw_mode(picture, ";16"))


def _raw_mode(picture: Image.Image, part: str) -> str:
    """Return how the file stores its pixels, in Pillow's words, if that contains `part`."""
    for tile in getattr(picture, "tile", ()):
        args = tile.args
        raw = args if isinstance(args, str) else next(iter(args or ()), "")
        if isinstance(raw, str) and part in raw:
            return raw
    return ""


def decode_mask(data: PictureFile | np.ndarray, name: str, classes: int) -> CodedMask:
    """Return the values of a mask: of a picture `H W`, of an array `*S`."""
    if isinstance(data, np.ndarray):
        return code_values(data, name, classes)
    name = _name(data, name)
    with decoding("Mask", name), _opened(data, name) as picture:
        lossy = picture.format in ("JPEG", "MPO") or _is_lossy_webp(data, picture)
        few = _raw_mode(picture, "L;2") or _raw_mode(picture, "L;4")
        if picture.mode == "P":
            shown = _upright(picture)
            if "transparency" in picture.info:
                _colours_shown(shown, name)
            return _code_palette(shown, name, classes)
        pixels = _mask_pixels(data, picture, name)
    if pixels.ndim == 2:
        step = {"L;2": 85, "L;4": 17}.get(few[:3])
        shades = {g: Shade(g, g // step) for g in range(0, 256, step)} if step else None
        return code_values(pixels, name, classes, lossy=lossy, shades=shades)
    differ = pixels.astype(np.int32).max(axis=2) - pixels.min(axis=2)
    if not differ.any() or (lossy and differ.max() <= 16):
        return code_values(pixels[..., 0], name, classes, lossy=lossy)
    if pixels.dtype != np.uint8 or lossy:
        raise InputError(
            f"Mask '{name}' is a colour picture: save it as one grey channel of class indices."
        )
    return code_colours(pixels, name)


def _code_palette(picture: Image.Image, name: str, classes: int) -> CodedMask:
    """Code a picture with a palette: what each index shows, and the index."""
    listed = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(listed)] = listed
    shades = {}
    for index, (red, green, blue) in enumerate(palette.tolist()):
        shown = red if red == green == blue else (red, green, blue)
        shades[index] = Shade(shown, index)
    return code_values(np.asarray(picture), name, classes, shades=shades)


def _mask_pixels(data: PictureFile, picture: Image.Image, name: str) -> np.ndarray:
    """Return the values of a mask as shown, `H W` or `H W 3`, without transparency."""
    deep = _deep_values(data, picture)
    if deep is not None:
        return deep[..., :3] if deep.ndim == 3 else deep
    shown = _upright(picture)
    if shown.mode in ("1", "L"):
        return np.asarray(shown)
    if "A" in shown.getbands() or "transparency" in shown.info:
        return _colours_shown(shown, name)
    return np.asarray(shown.convert("RGB"))


def _colours_shown(picture: Image.Image, name: str) -> np.ndarray:
    """Return the colours of a mask with transparency, which must not be what shows its shape."""
    layers = np.asarray(picture.convert("RGBA"))
    colours, alpha = layers[..., :3], layers[..., 3]
    clear = alpha == 0
    seen = np.ptp(colours.reshape(-1, 3), axis=0).any()
    if alpha.min() != alpha.max() and (not seen or colours[clear].any()):
        raise InputError(
            f"Mask '{name}' has its shape in its transparency only: save it as one grey channel."
        )
    return colours


def _is_lossy_webp(data: PictureFile, picture: Image.Image) -> bool:
    """Return whether a picture is a WebP whose pixels are stored with loss."""
    if picture.format != "WEBP":
        return False
    content = data if isinstance(data, bytes) else data.read_bytes()
    place = 12
    while place + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, place)
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8 "
        place += 8 + length + length % 2
    return False


class EncodedImage(NamedTuple):
    """A 2D image for a dataset, and what its values are (`kind_of_picture`)."""

    data: PictureFile
    kind: str


def encode_image(
    data: PictureFile | np.ndarray, mode: str, size: int | None, name: str, values: str = ""
) -> EncodedImage:
    """Return an image as an 8-bit picture, resized to `size` x `size` if a size is asked for.

    `values` is the set's `Preparation.values`; without it the file decides, "stretched" where its
    values are no bytes. A picture that has 8 bits is left as it is where no size is asked for.
    """
    name = _name(data, name)
    with decoding("Image", name):
        if isinstance(data, np.ndarray):
            pixels = data
        else:
            wanted = _wanted_pixels(data, name, values)
            if wanted is None:
                return EncodedImage(data if size is None else png(unpng(data, mode, size)), "bytes")
            pixels = wanted
        kind = kind_of_picture(pixels)
        if values == "stretched":
            check_finite_values(pixels, name)
            picture = png(stretched(pixels, name))
        else:
            picture = png(eight_bits(pixels, name))
        return EncodedImage(picture if size is None else png(unpng(picture, mode, size)), kind)


def _wanted_pixels(data: PictureFile, name: str, values: str) -> np.ndarray | None:
    """Return the values of a picture, or None where its 8 bits are taken as they are."""
    with _opened(data, name) as picture:
        deep = _deep_values(data, picture)
        if deep is not None or values != "stretched":
            return deep
        shown = _upright(picture)
        grey = shown.mode in ("1", "L", "LA")
        return np.asarray(shown.convert("L" if grey else "RGB"))


def _deep_values(data: PictureFile, picture: Image.Image) -> np.ndarray | None:
    """Return the values of a picture of more than 8 bits; None for any other."""
    if picture.mode == "F" or picture.mode.startswith("I"):
        return np.asarray(_upright(picture))
    raw = _raw_mode(picture, ";16")
    if not raw:
        return None
    if picture.mode not in ("RGB", "RGBA") or not raw.startswith(picture.mode + ";16"):
        raise ValueError(f"16 bits a channel in the layout {raw}, of which 8 would be lost")
    # Pillow keeps one byte of each 16-bit number, the first or the second as the layout says. A
    # file is decoded twice, once for each. Only the byte order of the file itself is "N".
    big = raw.endswith("B")
    layouts = (f"{picture.mode};16B", f"{picture.mode};16L")
    high, low = (_decoded_as(data, layout) for layout in (layouts if big else layouts[::-1]))
    return high.astype(np.uint16) * 256 + low


def _decoded_as(data: PictureFile, layout: str) -> np.ndarray:
    """Decode a picture as if its file stored pixels in another layout, in Pillow's words."""
    with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as picture:
        picture.tile = [
            tile._replace(args=(layout, *tile.args[1:]) if isinstance(tile.args, tuple) else layout)
            for tile in picture.tile
        ]
        return np.asarray(_upright(picture))[..., :3]


def is_blank(data: PictureFile, name: str) -> bool:
    """Return whether all values of an encoded picture, or of a volume (`npy`), are the same.

    >>> from ucmt_lite.data.columns import npy
    >>> is_blank(png(np.zeros((2, 2), np.uint8)), "a"), is_blank(npy(np.arange(8.0)), "b")
    (True, False)
    """
    if isinstance(data, bytes) and data.startswith(np.lib.format.MAGIC_PREFIX):
        values = unnpy(data)
        return bool(values.min() == values.max())
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    with decoding("Image", name), Image.open(file) as picture:
        extrema = np.atleast_2d(picture.getextrema())  # bands, minimum and maximum
    return not np.ptp(extrema, axis=1).any()


def _name(data: PictureFile | np.ndarray, name: str) -> str:
    """Return what a sentence calls a picture: its path, where it has one."""
    return str(data) if isinstance(data, Path) else name
