"""Volumes and slices in HDF5 files with the keys `image` and `label`, a habit of this field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import unreadable
from ucmt_lite.data.files import add_unique
from ucmt_lite.data.reading import Content, Entry, Form, Request, read_set
from ucmt_lite.data.source import Source

if TYPE_CHECKING:
    import h5py


def read_hdf5(root: Path, request: Request, *, pattern: str = "*.h5") -> Source:
    """Read `*.h5` (and `*.hdf5`) files with `image` and `label` (or `mask`), axes as they are.

    They hold 3D volumes or 2D slices. Volumes: integers within 0..255 stay; all others become zero
    mean and unit variance a file and are kept as float16, except for floats that look standardised
    already (`standardised`). Slices become 8-bit pictures (`eight_bits`). A file's attribute
    `spacing` (mm per axis) is honoured. Lists, `groups.csv`, seed and count: as `read_folder`.
    """
    return read_set(
        _find_entries(root, pattern), request, look=_look, open_case=_open_case, root=root
    )


def load_image(file: Path) -> np.ndarray:
    """Return the array `image` of a file, which needs no mask."""
    import h5py

    try:
        with h5py.File(file, "r") as h5:
            return h5["image"][()]
    except (OSError, KeyError) as error:
        raise unreadable("Image", file, error) from error


def _find_entries(root: Path, pattern: str) -> list[Entry]:
    """List the files below a folder whose names fit a pattern."""
    if not root.is_dir():
        raise InputError(f"There is no folder {root}: give the folder that holds the .h5 files.")
    files: dict[str, Path] = {}
    for file in sorted(root.rglob("*")):
        name = file.name.lower().replace(".hdf5", ".h5")
        if fnmatch(name, pattern) and not name.startswith("."):
            add_unique(files, _id(file), file, root)
    if not files:
        raise InputError(
            f"{root} holds no {pattern} files: put one file for each case there, with image and"
            " label."
        )
    return [Entry(key, file, file) for key, file in files.items()]


def _id(file: Path) -> str:
    # Yu et al. (UA-MT) give every case a folder in which the file is always called mri_norm2.h5.
    return file.parent.name if file.stem == "mri_norm2" else file.stem


def _look(entry: Entry) -> Form:
    """Check the shapes and the spacing of one file, which its header tells."""
    file = entry.image
    with _opened(file) as (image, label, spacing):
        if image.shape != label.shape:
            raise InputError(
                f"'{file}': image is {image.shape} but label is {label.shape}: save both at one"
                " size."
            )
        if image.ndim not in (2, 3):
            raise InputError(
                f"'{file}': image has {image.ndim} axes: save slices with 2 or volumes with 3."
            )
        if spacing and (len(spacing) != image.ndim or min(spacing) <= 0):
            raise InputError(
                f"'{file}': spacing is {spacing}, the image has {image.ndim} axes: give millimetres"
                " for each."
            )
        if 0 in image.shape:
            raise InputError(
                f"'{file}': image is {image.shape}, which is nothing at all: save it again or take"
                " it out."
            )
        return Form(image.ndim, spacing=spacing)


def _open_case(entry: Entry) -> Content:
    with _opened(entry.image) as (image, label, _):
        return image[()], label[()]


@contextmanager
def _opened(file: Path) -> Iterator[tuple[h5py.Dataset, h5py.Dataset, tuple[float, ...]]]:
    """Open a file: its image and its label, which are not read yet, and its spacing."""
    import h5py

    try:
        with h5py.File(file, "r") as h5:
            label = next((key for key in ("label", "mask") if key in h5), None)
            if "image" not in h5 or label is None:
                raise InputError(
                    f"'{file}' has the keys {', '.join(h5)}: name its arrays image and label."
                )
            if odd := [key for key in ("image", label) if not isinstance(h5[key], h5py.Dataset)]:
                raise InputError(
                    f"'{file}': {odd[0]} is a group, not an array: save the array under that name."
                )
            spacing = np.ravel(h5.attrs.get("spacing", ()))
            yield h5["image"], h5[label], tuple(float(mm) for mm in spacing)
    except OSError as error:
        raise unreadable("File", file, error) from error
