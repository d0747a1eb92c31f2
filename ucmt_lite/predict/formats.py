"""Files of images, and the masks and maps that are left beside them in the same format.

A picture gets a PNG, a NIfTI file one with its own affine and header, an HDF5 file one with the key
`label`, a NumPy file one more of its kind.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ucmt_lite.common import InputError, atomic
from ucmt_lite.data import hdf5, nifti
from ucmt_lite.data.columns import unreadable
from ucmt_lite.data.pictures import PICTURE_SUFFIXES
from ucmt_lite.data.preparation import check_plain
from ucmt_lite.predict.overlays import PALETTE
from ucmt_lite.predict.reading import load_npy

# Which kind a file is, by its ending; DICOM files are series in folders (`predict.dicom`).
ENDINGS = {
    **dict.fromkeys(sorted(PICTURE_SUFFIXES), "picture"),
    ".nii.gz": "nifti",
    ".nii": "nifti",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".npy": "numpy",
}


def ending_of_image(file: Path) -> str:
    """Return the ending by which the kind of a file is known; empty where it is no image.

    >>> ending_of_image(Path("scan.nii.GZ")), ending_of_image(Path("notes.txt"))
    ('.nii.gz', '')
    """
    name = file.name.lower()
    return next((ending for ending in ENDINGS if name.endswith(ending)), "")


def kind_of(file: Path) -> str:
    """Return the kind of an image's file: picture, nifti, hdf5 or numpy."""
    return ENDINGS[ending_of_image(file)]


def mask_name(name: str, ending: str) -> str:
    """Return the name of the mask of an image: pictures become PNG, all else stays of its kind.

    >>> mask_name("photo.jpg", ".jpg"), mask_name("scan.nii.gz", ".nii.gz")
    ('photo.png', 'scan.nii.gz')
    """
    return name[: -len(ending)] + ".png" if ENDINGS[ending] == "picture" else name


def read_values(file: Path) -> NDArray:
    """Return the values of an image: `H W` or `H W 3` of a picture, `*S` of all else."""
    readers = {
        "nifti": _nifti_values,
        "hdf5": hdf5.load_image,
        "picture": _picture_values,
        "numpy": load_npy,
    }
    values = readers[kind_of(file)](file)
    check_plain(values, str(file))
    return values


def is_grey(file: Path, axes: int) -> bool:
    """Return whether an image, whose mask has 2 or 3 axes, is stored without colours."""
    if axes == 3:  # slices, each of them grey
        return True
    if kind_of(file) != "picture":
        return read_values(file).ndim == 2
    with Image.open(file) as picture:
        return picture.mode in ("1", "L", "LA", "La", "F") or picture.mode.startswith("I")


def read_spacing(file: Path) -> tuple[float, ...]:
    """Return the millimetres per axis that a file knows; empty where it knows none."""
    kind = kind_of(file)
    if kind == "nifti":
        return tuple(float(mm) for mm in _nifti(file).header.get_zooms()[:3])
    if kind == "hdf5":
        return hdf5.load_spacing(file)
    return ()


def read_mask_values(file: Path, image: Path) -> NDArray:
    """Return the values of a mask that is no picture, with the axes of its image."""
    kind = kind_of(file)
    if kind == "hdf5":
        return hdf5.load_label(file)
    if kind == "numpy":
        return load_npy(file)
    return nifti.load_volume_mask(file, image) if kind_of(image) == "nifti" else _nifti_values(file)


def write_mask(mask: NDArray[np.uint8], image: Path, path: Path) -> None:
    """Write class indices in the format of their image; a PNG has a palette one can see."""
    _write(mask, image, path, "label")


def write_map(values: NDArray[np.float32], image: Path, path: Path, *, maximum: float) -> None:
    """Write a map of numbers in the format of its image; in a PNG, 255 stands for `maximum`."""
    if kind_of(image) == "picture":
        values = np.rint(np.clip(values / maximum, 0, 1) * 255).astype(np.uint8)
    _write(values, image, path, "uncertainty")


def _write(array: NDArray, image: Path, path: Path, key: str) -> None:
    """Write an array in the format of an image, whole or not at all."""
    kind = kind_of(image)
    with atomic(path) as temporary:
        if kind == "picture":
            _write_png(array, temporary, palette=key == "label")
        elif kind == "nifti":
            _write_nifti(array, _nifti(image), temporary, packed=path.suffix == ".gz")
        elif kind == "hdf5":
            _write_hdf5(array, key, read_spacing(image), temporary)
        else:
            with temporary.open("wb") as file:
                np.save(file, array, allow_pickle=False)


def _write_png(array: NDArray[np.uint8], path: Path, palette: bool) -> None:
    picture = Image.fromarray(array)
    if palette:
        picture.putpalette(PALETTE.tobytes(), "RGB")  # turns it into a picture of indices
    picture.save(path, "PNG")


def _write_nifti(array: NDArray, image: Any, path: Path, packed: bool) -> None:
    """Write an array with the affine and the header of an image."""
    header = image.header.copy()
    header.set_data_dtype(array.dtype)
    header["cal_min"] = header["cal_max"] = 0  # the range of grey of the image, not of its mask
    volume = type(image)(array, image.affine, header)
    volume.header.set_slope_inter(1, 0)
    data = volume.to_bytes()
    path.write_bytes(gzip.compress(data, mtime=0) if packed else data)


def _write_hdf5(array: NDArray, key: str, spacing: Sequence[float], path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as h5:
        h5.create_dataset(key, data=array, compression="gzip")
        if spacing:
            h5.attrs["spacing"] = spacing


def _picture_values(file: Path) -> NDArray:
    """Return the pixels of a picture, upright: greys of any depth, or colours."""
    try:
        with Image.open(file) as picture:
            deep = picture.mode == "F" or picture.mode.startswith("I")
            keeps_mode = deep or picture.mode in ("L", "RGB")
            upright = ImageOps.exif_transpose(picture)
            return np.asarray(upright if keeps_mode else upright.convert("RGB"))
    except (OSError, SyntaxError, ValueError, TypeError, Image.DecompressionBombError) as error:
        raise unreadable("Image", file, error) from error


def _nifti_values(file: Path) -> NDArray:
    """Return the voxels of a volume with three axes; further ones must have the length 1."""
    image = _nifti(file)
    with nifti.decoding_nifti("Image", file):
        values = np.asarray(image.dataobj)
    if values.ndim < 3 or set(values.shape[3:]) - {1}:
        raise InputError(f"'{file}' has {values.ndim} axes: save one 3D volume in a file.")
    return values.reshape(values.shape[:3])


def _nifti(file: Path) -> Any:
    """Open a NIfTI file; its voxels are not read yet."""
    with nifti.decoding_nifti("Image", file):
        return nifti.open_volume(file)
