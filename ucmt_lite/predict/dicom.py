"""DICOM series: the slices of one scan in a folder, as one volume with its place in space.

Needs the packages pydicom and nibabel (`pip install "ucmt-lite[dicom]"`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import unreadable
from ucmt_lite.data.nifti import nibabel_module

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


@dataclass(frozen=True)
class _Slice:
    """One slice of a series: its values, rows x columns, and its place in the patient, in mm."""

    file: Path
    series: str
    number: int
    values: NDArray[np.float32]
    position: NDArray | None  # of the first pixel
    across: NDArray  # the direction in which columns are counted
    down: NDArray  # and rows
    spacing: tuple[float, float]  # between rows, between columns
    thickness: float


def series_to_nifti(files: Sequence[Path], path: Path) -> None:
    """Write the slices of one series as a NIfTI file: axes x y z, millimetres, RAS.

    Values are those of the scanner (Hounsfield units in CT). Raises InputError where the files are
    more than one series, where a slice is missing, or where their sizes differ.
    """
    nibabel = nibabel_module()
    slices = _in_order([_read_slice(file) for file in files], files[0].parent)
    affine = _affine(slices, files[0].parent)
    volume = np.stack([each.values.T for each in slices], axis=2)
    image = nibabel.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm")
    path.write_bytes(image.to_bytes())


def _read_slice(file: Path) -> _Slice:
    """Read one file of a series."""
    try:
        import pydicom
    except ImportError as error:
        raise InputError(
            'DICOM series need the package pydicom: run pip install "ucmt-lite[dicom]".'
        ) from error
    try:
        return _to_slice(file, pydicom.dcmread(file))
    except InputError:
        raise
    except Exception as error:  # damaged bytes make its decoders raise what no list holds
        raise unreadable("Image", file, error) from error


def _to_slice(file: Path, dataset: Any) -> _Slice:
    """Return what is needed of a file that pydicom has opened."""
    if int(dataset.get("NumberOfFrames") or 1) > 1 or int(dataset.get("SamplesPerPixel") or 1) > 1:
        raise InputError(
            f"Image '{file}' holds several frames or colours: export it as slices of one grey"
            " channel."
        )
    cosines = np.array(dataset.get("ImageOrientationPatient") or (1, 0, 0, 0, 1, 0), float)
    position = dataset.get("ImagePositionPatient")
    rows, columns = (float(mm) for mm in dataset.get("PixelSpacing") or (1, 1))
    place = None if position is None else np.array(position, float).reshape(3)
    numbers = [*cosines, rows, columns, *(() if place is None else place)]
    if len(cosines) != 6 or not np.isfinite(numbers).all() or min(rows, columns) <= 0:
        raise InputError(
            f"Image '{file}' has no sound place in space (its direction is {cosines}, its pixels"
            f" are {rows} x {columns} mm): export it again or take it out."
        )
    return _Slice(
        file,
        str(dataset.get("SeriesInstanceUID", "")),
        int(dataset.get("InstanceNumber") or 0),
        _values(dataset),
        place,
        cosines[:3],
        cosines[3:],
        (rows, columns),
        float(dataset.get("SliceThickness") or 1),
    )


def _values(dataset: Any) -> NDArray[np.float32]:
    """Return the values of a slice, rows x columns, as the scanner means them."""
    stored = dataset.pixel_array.astype(np.float32)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":  # the highest value is black
        # From the range of the file, not of the slice, so that all slices are turned alike.
        is_signed = int(dataset.get("PixelRepresentation") or 0) == 1
        stored = (-1 if is_signed else 2 ** int(dataset.BitsStored) - 1) - stored
    slope = float(dataset.get("RescaleSlope", 1) or 1)
    return stored * slope + float(dataset.get("RescaleIntercept", 0) or 0)


def _in_order(slices: list[_Slice], folder: Path) -> list[_Slice]:
    """Return the slices of one series along its normal, or by their numbers without a place."""
    series = {each.series for each in slices}
    if len(series) > 1:
        raise InputError(
            f"'{folder}' holds slices of {len(series)} DICOM series: put each into a folder of its"
            " own."
        )
    shapes = sorted({each.values.shape for each in slices})
    if len(shapes) > 1:
        raise InputError(
            f"The slices in '{folder}' differ in size ({shapes[0]}, {shapes[1]}): put each series"
            " into a folder of its own."
        )
    for each in slices[1:]:
        if not _are_parallel(slices[0], each):
            raise InputError(
                f"The slices in '{folder}' lie in different directions or have pixels of different"
                f" size ('{slices[0].file.name}', '{each.file.name}'): put each kind into a folder"
                " of its own."
            )
    places = {each.file: each.position for each in slices if each.position is not None}
    if len(places) < len(slices):
        return _by_number(slices, folder)
    normal = np.cross(slices[0].across, slices[0].down)
    return sorted(slices, key=lambda each: float(normal @ places[each.file]))


def _are_parallel(one: _Slice, other: _Slice) -> bool:
    """Return whether two slices have the same directions and pixels of the same size."""
    directions = np.allclose([one.across, one.down], [other.across, other.down], atol=0.01)
    return directions and np.allclose(one.spacing, other.spacing, rtol=0.01, atol=0)


def _by_number(slices: Sequence[_Slice], folder: Path) -> list[_Slice]:
    """Return slices without a place in space by their numbers, which must leave no gap."""
    lost = [each for each in slices if each.position is None]
    if len(lost) < len(slices):
        raise InputError(
            f"In '{folder}' {len(lost)} of {len(slices)} slices (first '{lost[0].file.name}') tell"
            " no place in space, as the others do: export the series again, or take them out."
        )
    ordered = sorted(slices, key=lambda each: each.number)
    numbers = [each.number for each in ordered]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise InputError(
            f"The slices in '{folder}' tell no place in space, and {numbers[0]} to {numbers[-1]}"
            f" do not number {len(numbers)} slices one by one: export the series again, complete"
            " and each slice once."
        )
    return ordered


def _affine(slices: Sequence[_Slice], folder: Path) -> NDArray:
    """Return the affine of a volume x y z in NIfTI's directions, where DICOM's x and y turn."""
    first = slices[0]
    rows, columns = first.spacing
    affine = np.eye(4)
    affine[:3, 0] = first.across * columns
    affine[:3, 1] = first.down * rows
    affine[:3, 2] = _step(slices, folder)
    affine[:3, 3] = 0 if first.position is None else first.position
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _step(slices: Sequence[_Slice], folder: Path) -> NDArray:
    """Return the way from one slice to the next, in mm; slices must be equally far apart."""
    normal = np.cross(slices[0].across, slices[0].down)
    places = np.array([each.position for each in slices if each.position is not None])
    if len(slices) == 1 or len(places) < len(slices):
        return normal * slices[0].thickness
    steps = np.diff(places @ normal)
    if steps.min() <= 0 or np.ptp(steps) > 0.1 * np.median(steps):
        raise InputError(
            f"The slices in '{folder}' are {steps.min():.2f} to {steps.max():.2f} mm apart: one is"
            " missing or there twice."
        )
    # A tilted scanner shifts each slice by as much as the one before.
    shifts = np.diff(places, axis=0) - steps[:, None] * normal
    uneven = np.ptp(shifts, axis=0).max()
    if uneven > 0.5 * min(slices[0].spacing):  # of a pixel
        raise InputError(
            f"The slices in '{folder}' are shifted sideways, unevenly by {uneven:.2f} mm, and make"
            " no volume: put each scan into a folder of its own."
        )
    return (places[-1] - places[0]) / (len(slices) - 1)
