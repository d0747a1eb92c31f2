"""Volumes in NIfTI files: `images/` and `masks/` with one file of the same name for each case.

Needs the package nibabel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import unreadable
from ucmt_lite.data.files import add_unique, check_paired
from ucmt_lite.data.reading import Content, Entry, Form, Request, read_set
from ucmt_lite.data.source import Source
from ucmt_lite.data.volumes import clipped

NIFTI_SUFFIXES = (".nii.gz", ".nii")


def read_nifti(root: Path, request: Request, *, window: Sequence[float] | None = None) -> Source:
    """Read whole 3D NIfTI volumes, axes as they are stored, spacing (mm) from the header.

    A mask must have its axes in the directions of its image's; between cases they may differ.
    `window` clips the image's values first (CT: Hounsfield units); then each volume is standardised
    to float16. Lists, `groups.csv`, seed and count: as `read_folder`. Volumes are never resized, so
    the size asked for must be None.
    """
    if request.size is not None:
        raise InputError(
            f"size={request.size} is for pictures: volumes keep their size and training cuts"
            " patches from them."
        )

    def open_case(entry: Entry) -> Content:
        image = clipped(load_voxels("Image", entry.image), window)
        return image, load_voxels("Mask", entry.mask)

    return read_set(_find_entries(root), request, look=_look, open_case=open_case, root=root)


def load_voxels(kind: str, file: Path) -> np.ndarray:
    """Return the values of a file as float32, axes as they are stored."""
    with _decoding(kind, file):
        return np.asarray(_load(file).dataobj, np.float32)


def _find_entries(root: Path) -> list[Entry]:
    images, masks = _files(root / "images"), _files(root / "masks")
    if not images:
        raise InputError(
            f"{root}/images holds no .nii or .nii.gz files: put images there and masks into"
            f" {root}/masks."
        )
    check_paired(root, images, masks, ".nii.gz")
    return [Entry(key, file, masks[key]) for key, file in images.items()]


def _files(folder: Path) -> dict[str, Path]:
    """Return the NIfTI files of a folder by id."""
    files: dict[str, Path] = {}
    for file in sorted(folder.glob("*")):
        suffix = next((s for s in NIFTI_SUFFIXES if file.name.lower().endswith(s)), None)
        if suffix and not file.name.startswith("."):
            add_unique(files, file.name[: -len(suffix)], file, folder)
    return files


def _look(entry: Entry) -> Form:
    """Compare what the headers of an image and its mask say."""
    shape, spacing, axes = _header("Image", entry.image)
    mask_shape, _, mask_axes = _header("Mask", entry.mask)
    if shape != mask_shape:
        raise InputError(
            f"Mask '{entry.mask}' is {mask_shape} but its image is {shape}: save both at one size."
        )
    if axes != mask_axes:
        raise InputError(
            f"Mask '{entry.mask}' has its axes towards {mask_axes} but its image towards {axes}:"
            " one would be mirrored against the other; save the mask with its image's affine, and"
            " its voxels in that order."
        )
    if len(shape) != 3:
        raise InputError(
            f"Image '{entry.image}' has {len(shape)} axes: save one 3D volume in a file."
        )
    return Form(3, spacing=spacing)


def _header(kind: str, file: Path) -> tuple[tuple[int, ...], tuple[float, ...], str]:
    """Return the shape, the spacing, and the directions of the axes, such as RAS."""
    with _decoding(kind, file):
        volume = _load(file)
        axes = _nibabel().aff2axcodes(volume.affine)
        spacing = tuple(float(mm) for mm in volume.header.get_zooms()[:3])
        return volume.shape, spacing, "".join(axis or "?" for axis in axes)


@contextmanager
def _decoding(kind: str, file: Path) -> Iterator[None]:
    """Tell in one sentence which file cannot be read, where nibabel fails inside the block."""
    damaged = (OSError, EOFError, ValueError, _nibabel().filebasedimages.ImageFileError)
    try:
        yield
    except damaged as error:
        raise unreadable(kind, file, error) from error


def _load(file: Path) -> Any:
    return _nibabel().load(file)


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise InputError(
            "NIfTI files need the package nibabel: run pip install nibabel."
        ) from error
    return nibabel
