"""DICOM series: the slices of one scan in a folder, as one volume with its place in space.

Needs the packages pydicom and nibabel (`pip install "ucmt-lite[dicom]"`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import unreadable
from ucmt_lite.predict.formats import nibabel_module

_ENDINGS = (".dcm", ".dicom", ".ima")


def is_dicom(file: Path) -> bool:
    """Return whether a file is a DICOM file, by its ending, or where it has none by its mark."""
    if file.name.startswith(".") or file.name.upper() == "DICOMDIR":
        return False
    if file.suffix.lower() in _ENDINGS:
        return True
    # Files as scanners name them: numbers, or the dotted numbers of a UID.
    if file.suffix and not file.suffix[1:].isdigit():
        return False
    try:
        with file.open("rb") as start:
            return start.read(132)[128:] == b"DICM"
    except OSError:  # then it is one of the files that are passed over, and counted
        return False


def series_to_nifti(files: Sequence[Path], path: Path) -> None:
    """Write the slices of one series as a NIfTI file: axes x y z, millimetres, RAS.

    Values are those of the scanner (Hounsfield units in CT). Raises InputError where the files are
    more than one series, where a slice is missing, or where their sizes differ.
    """
    nibabel = nibabel_module()
    slices = _in_order([_read(file) for file in files], files[0].parent)
    affine = _affine([dataset for _, dataset in slices], files[0].parent)
    volume = np.stack([_pixels(dataset, file).T for file, dataset in slices], axis=2)
    image = nibabel.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm")
    path.write_bytes(image.to_bytes())


def _read(file: Path) -> tuple[Path, Any]:
    """Read one file of a series."""
    try:
        import pydicom
    except ImportError as error:
        raise InputError(
            'DICOM series need the package pydicom: run pip install "ucmt-lite[dicom]".'
        ) from error
    try:
        return file, pydicom.dcmread(file)
    except (OSError, EOFError, ValueError, pydicom.errors.InvalidDicomError) as error:
        raise unreadable("Image", file, error) from error


def _in_order(slices: list[tuple[Path, Any]], folder: Path) -> list[tuple[Path, Any]]:
    """Return the slices of one series along its normal, or by their numbers without a place."""
    series = {str(dataset.get("SeriesInstanceUID", "")) for _, dataset in slices}
    if len(series) > 1:
        raise InputError(
            f"'{folder}' holds slices of {len(series)} DICOM series: put each into a folder of its"
            " own."
        )
    if all("ImagePositionPatient" in dataset for _, dataset in slices):
        normal = np.cross(*_directions(slices[0][1]))
        return sorted(slices, key=lambda pair: float(normal @ _position(pair[1])))
    return sorted(slices, key=lambda pair: int(pair[1].get("InstanceNumber") or 0))


def _pixels(dataset: Any, file: Path) -> NDArray[np.float32]:
    """Return the values of one slice, rows x columns, as the scanner means them."""
    if int(dataset.get("NumberOfFrames") or 1) > 1 or int(dataset.get("SamplesPerPixel") or 1) > 1:
        raise InputError(
            f"Image '{file}' holds several frames or colours: export it as slices of one grey"
            " channel."
        )
    try:
        stored = dataset.pixel_array.astype(np.float32)
    except (AttributeError, RuntimeError, NotImplementedError, ValueError) as error:
        raise unreadable("Image", file, error) from error
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":  # the highest value is black
        stored = stored.max() + stored.min() - stored
    slope = float(dataset.get("RescaleSlope", 1) or 1)
    return stored * slope + float(dataset.get("RescaleIntercept", 0) or 0)


def _directions(dataset: Any) -> tuple[NDArray, NDArray]:
    """Return the directions in which the columns and the rows of a slice are counted."""
    cosines = np.array(dataset.get("ImageOrientationPatient") or (1, 0, 0, 0, 1, 0), float)
    return cosines[:3], cosines[3:]


def _position(dataset: Any) -> NDArray:
    return np.array(dataset.get("ImagePositionPatient") or (0, 0, 0), float)


def _affine(datasets: Sequence[Any], folder: Path) -> NDArray:
    """Return the affine of a volume x y z in NIfTI's directions, where DICOM's x and y turn."""
    shapes = {(dataset.get("Rows"), dataset.get("Columns")) for dataset in datasets}
    if len(shapes) > 1:
        raise InputError(
            f"The slices in '{folder}' differ in size ({shapes}): put each series into a folder of"
            " its own."
        )
    first = datasets[0]
    across, down = _directions(first)
    rows, columns = (float(mm) for mm in first.get("PixelSpacing") or (1, 1))
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = across * columns, down * rows
    affine[:3, 2] = _step(datasets, np.cross(across, down), folder)
    affine[:3, 3] = _position(first)
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _step(datasets: Sequence[Any], normal: NDArray, folder: Path) -> NDArray:
    """Return the way from one slice to the next, in mm; slices must be equally far apart."""
    places = np.array([_position(dataset) for dataset in datasets])
    thickness = float(datasets[0].get("SliceThickness") or 1)
    if len(datasets) == 1 or not np.ptp(places, axis=0).any():
        return normal * thickness
    steps = np.diff(places @ normal)
    if steps.min() <= 0 or np.ptp(steps) > 0.1 * np.median(steps):
        raise InputError(
            f"The slices in '{folder}' are {steps.min():.2f} to {steps.max():.2f} mm apart: one is"
            " missing or there twice."
        )
    return (places[-1] - places[0]) / (len(datasets) - 1)
