"""Volumes in NIfTI files: `images/` and `masks/` with one file of the same name for each case.

Needs the package nibabel.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import unreadable
from ucmt_lite.data.files import check_folder, walk_set
from ucmt_lite.data.lists import tell_passed_over
from ucmt_lite.data.pairing import Layout, check_whole, find_layout
from ucmt_lite.data.preparation import Preparation, clipped
from ucmt_lite.data.reading import Content, Entry, Form, Request, read_set
from ucmt_lite.data.source import Source

NIFTI_SUFFIXES = (".nii.gz", ".nii")
ORIENTATION = "RAS"  # what all volumes are turned to: right, anterior, superior
_MILLIMETRES = {1: 1000.0, 2: 1.0, 3: 0.001}  # of the header's code for metre, mm, micrometre


class Volume(NamedTuple):
    """A volume turned to `ORIENTATION`, and the way back to the axes of its file."""

    values: np.ndarray
    spacing: tuple[float, ...]  # mm per axis; empty where the header has none
    own_axes: np.ndarray  # nibabel's orientation of the file's axes

    def as_stored(self, array: np.ndarray) -> np.ndarray:
        """Return an array `*S` or `K *S` of this volume in the axes of its file."""
        orientations = nibabel_module().orientations
        back = orientations.ornt_transform(
            orientations.axcodes2ornt(tuple(ORIENTATION)), self.own_axes
        )
        if array.ndim == len(back):
            return orientations.apply_orientation(array, back)
        return np.stack([orientations.apply_orientation(part, back) for part in array])


class _Grid(NamedTuple):
    """Where the voxels of a file lie, as its header tells."""

    shape: tuple[int, ...]  # as stored
    affine: np.ndarray  # of the stored voxels, in mm; the identity where the header has none
    spacing: tuple[float, ...]  # of the turned voxels; empty where the header has none
    is_placed: bool  # whether the header tells a position at all

    @property
    def own_axes(self) -> np.ndarray:
        """nibabel's orientation of the stored axes."""
        return nibabel_module().orientations.io_orientation(self.affine)

    @property
    def codes(self) -> str:
        """The directions of the stored axes, such as LPS."""
        return "".join(axis or "?" for axis in nibabel_module().aff2axcodes(self.affine))

    @property
    def turned(self) -> tuple[tuple[int, ...], np.ndarray]:
        """Shape and affine after the volume is turned to `ORIENTATION`."""
        order = np.argsort(self.own_axes[:, 0])
        turn = nibabel_module().orientations.inv_ornt_aff(self.own_axes, self.shape)
        return tuple(self.shape[axis] for axis in order), self.affine @ turn


def read_nifti(root: Path, request: Request, *, window: Sequence[float] | None = None) -> Source:
    """Read whole 3D NIfTI volumes, turned to RAS, with the spacing (mm) of the affine.

    A mask must lie on the grid of its image: same shape, spacing, origin and directions; a mask
    without a position (the affine of `np.eye(4)`) is taken to lie on it, which is told. `window`
    clips the image's values first (CT: Hounsfield units); then each volume is standardised to
    float16. Layouts, lists, `groups.csv`, groups, seed and count: as `read_folder`, and
    `imagesTr/` beside `labelsTr/`. Volumes are never resized, so the size asked for must be None.
    """
    if request.size is not None:
        raise InputError(
            f"size={request.size} is for pictures: volumes keep their size and training cuts"
            " patches from them."
        )

    def open_case(entry: Entry) -> Content:
        image = load_volume("Image", entry.image)
        axes = {file: _axes_of(file, entry.image) for file in entry.mask}
        masks = [load_volume("Mask", file, axes[file]).values for file in entry.mask]
        return clipped(image.values, window), masks

    layout = _find_pairs(root)
    limits = None if window is None else tuple(float(value) for value in window)
    return read_set(
        [
            Entry(pair.id, pair.image, pair.masks, pair.split, folder=pair.folder)
            for pair in layout.pairs
        ],
        request,
        look=_look,
        open_case=open_case,
        root=root,
        preparation=Preparation(window=limits, orientation=ORIENTATION),
        notes=[
            *layout.notes,
            *tell_passed_over(layout.unread, root),
        ],
    )


def _find_pairs(root: Path) -> Layout:
    check_folder(root, "images/ and masks/")
    layout = find_layout(root, walk_set(root), NIFTI_SUFFIXES)
    if not layout.pairs:
        raise InputError(
            f"{root}/images holds no .nii or .nii.gz files: put images there and masks into"
            f" {root}/masks."
        )
    check_whole(root, layout.pairs)
    return layout


def load_volume(kind: str, file: Path, own_axes: np.ndarray | None = None) -> Volume:
    """Return the values of a file as float32, turned to `ORIENTATION`.

    `own_axes` are nibabel's orientation of its axes, where another file's are meant.
    """
    with decoding_nifti(kind, file):
        stored = open_volume(file)
        if np.dtype(stored.get_data_dtype()).kind not in "biuf":
            raise InputError(
                f"{kind} '{file}' holds {stored.get_data_dtype()} and no plain numbers: save one"
                " number a voxel."
            )
        grid = _grid(kind, file, stored)
        axes = grid.own_axes if own_axes is None else own_axes
        values = np.asarray(stored.dataobj, np.float32).reshape(grid.shape)
        turned = nibabel_module().orientations.apply_orientation(values, axes)
        # In one order in memory too, so that sums over it are the same, bit by bit.
        return Volume(np.ascontiguousarray(turned), grid.spacing, axes)


def load_volume_mask(mask: Path, image: Path) -> np.ndarray:
    """Return the values of a mask with the axes of its image's file; it must lie on its grid."""
    _look(Entry(mask.name, image, (mask,)))
    values = load_volume("Mask", mask, _axes_of(mask, image)).values
    return Volume(values, (), _header("Image", image).own_axes).as_stored(values)


def _axes_of(mask: Path, image: Path) -> np.ndarray | None:
    """Return the image's axes for a mask that tells no position of its own, or the same one.

    Near 45 degrees the last digit of an affine decides which axis is called which.
    """
    ours, theirs = _header("Image", image), _header("Mask", mask)
    is_elsewhere = (
        ours.is_placed and theirs.is_placed and not _are_close(ours.affine, theirs.affine)
    )
    return None if is_elsewhere else ours.own_axes


def _three_axes(shape: Sequence[int], kind: str, file: Path) -> tuple[int, ...]:
    """Return a shape without axes of length 1 after the third."""
    if len(shape) < 3 or any(side != 1 for side in shape[3:]):
        raise InputError(f"{kind} '{file}' has {len(shape)} axes: save one 3D volume in a file.")
    if 0 in shape:
        raise InputError(
            f"{kind} '{file}' is {tuple(shape)}, which is nothing at all: save it again or take it"
            " out."
        )
    return tuple(shape[:3])


def _look(entry: Entry) -> Form:
    """Compare what the headers of an image and its masks say."""
    image = _header("Image", entry.image)
    remark = "" if image.spacing else "no spacing"
    for file in entry.mask:
        mask = _header("Mask", file)
        if image.is_placed and mask.is_placed:
            _check_aligned(image, mask, file)
        elif image.shape != mask.shape:
            raise _other_size(file, image.shape, mask.shape)
        elif not np.allclose(image.affine, mask.affine):
            remark = "no position"
    return Form(3, spacing=image.spacing, shape=image.turned[0], remark=remark)


def _check_aligned(image: _Grid, mask: _Grid, file: Path) -> None:
    """Refuse a mask whose voxels are not those of its image."""
    (shape, affine), (mask_shape, mask_affine) = image.turned, mask.turned
    if image.shape == mask.shape and _are_close(image.affine, mask.affine):
        return
    if shape == mask_shape and _are_close(affine, mask_affine):
        return
    if image.codes != mask.codes:
        raise InputError(
            f"Mask '{file}' has its axes towards {mask.codes} but its image towards {image.codes}:"
            " one would be mirrored against the other; save the mask with its image's affine, and"
            " its voxels in that order."
        )
    if shape != mask_shape:
        raise _other_size(file, image.shape, mask.shape)
    if not np.allclose(image.spacing, mask.spacing, rtol=0.01):
        raise InputError(
            f"Mask '{file}' has voxels of {_listed(mask.spacing)} mm but its image of"
            f" {_listed(image.spacing)} mm: resample the mask to its image's grid."
        )
    raise InputError(
        f"Mask '{file}' lies elsewhere than its image (by {_listed((mask_affine - affine)[:3, 3])}"
        " mm, or turned): resample it to its image's grid, or save it with its image's affine if"
        " only the header is wrong."
    )


def _are_close(affine: np.ndarray, mask_affine: np.ndarray) -> bool:
    """Tell whether two affines place voxels alike, to a hundredth of a step and a tenth of one."""
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    differ = np.abs(affine - mask_affine)[:3]
    return bool((differ[:, :3] <= 0.01 * steps).all() and (differ[:, 3] <= 0.1 * steps.max()).all())


def _other_size(file: Path, shape: Sequence[int], mask_shape: Sequence[int]) -> InputError:
    return InputError(
        f"Mask '{file}' is {mask_shape} but its image is {shape}: save both at one size."
    )


def _listed(numbers: Sequence[float]) -> str:
    return " x ".join(f"{number:.4g}" for number in numbers)


def _header(kind: str, file: Path) -> _Grid:
    with decoding_nifti(kind, file):
        return _grid(kind, file, open_volume(file))


def _grid(kind: str, file: Path, stored: Any) -> _Grid:
    """Return where the voxels of a file lie, from the first sound affine of its header."""
    shape = _three_axes(stored.shape, kind, file)
    affine, is_sound = _sound_affine(stored.header)
    coded = stored.header["sform_code"] > 0 or stored.header["qform_code"] > 0
    is_placed = is_sound and bool(coded) and not np.allclose(affine, np.eye(4))
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    if not is_placed:
        affine = np.diag([*steps, 1.0])
    grid = _Grid(shape, affine, (), is_placed)
    turned = np.linalg.norm(grid.turned[1][:3, :3], axis=0)
    return grid._replace(spacing=tuple(float(mm) for mm in turned) if is_sound else ())


def _sound_affine(header: Any) -> tuple[np.ndarray, bool]:
    """Return the affine in mm: of the header's two and its voxel sizes the first that is sound.

    Where none is, the identity and False.
    """
    unit = _MILLIMETRES.get(int(header["xyzt_units"]) % 8, 1.0)
    for affine in (_sform(header), _qform(header), header.get_base_affine()):
        if affine is not None and np.isfinite(affine).all():
            steps = np.linalg.norm(affine[:3, :3], axis=0)
            if steps.min() > 0 and abs(np.linalg.det(affine[:3, :3] / steps)) > 1e-3:
                return np.diag([unit, unit, unit, 1.0]) @ affine, True
    return np.eye(4), False


def _sform(header: Any) -> np.ndarray | None:
    return header.get_sform() if header["sform_code"] > 0 else None


def _qform(header: Any) -> np.ndarray | None:
    if header["qform_code"] <= 0:
        return None
    try:
        return header.get_qform()
    except (ValueError, nibabel_module().spatialimages.HeaderDataError):
        return None  # not a rotation: the voxel sizes are left


@contextmanager
def decoding_nifti(kind: str, file: Path) -> Iterator[None]:
    """Tell in one sentence which file cannot be read, where nibabel fails inside the block."""
    try:
        yield
    except InputError:
        raise
    except _damaged() as error:
        raise unreadable(kind, file, error) from error


def _damaged() -> tuple[type[Exception], ...]:
    """Return what nibabel raises for files that it cannot read."""
    import zlib

    nibabel = nibabel_module()
    return (
        OSError,
        EOFError,
        ValueError,
        LookupError,
        TypeError,
        ArithmeticError,
        MemoryError,
        zlib.error,
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
        nibabel.wrapstruct.WrapStructError,
    )


def open_volume(file: Path) -> Any:
    """Return the image of a file, its voxels not read yet; compressed or not, whatever its name."""
    nibabel = nibabel_module()
    with open(file, "rb") as stream:
        is_compressed = stream.read(2) == b"\x1f\x8b"
    if is_compressed == file.name.lower().endswith(".gz"):
        return nibabel.load(file)
    content = gzip.decompress(file.read_bytes()) if is_compressed else file.read_bytes()
    is_second = int.from_bytes(content[:4], "little") == 540
    return (nibabel.Nifti2Image if is_second else nibabel.Nifti1Image).from_bytes(content)


def nibabel_module() -> Any:
    """Return nibabel, which is optional."""
    try:
        import nibabel
    except ImportError as error:
        raise InputError(
            "NIfTI files need the package nibabel: run pip install nibabel."
        ) from error
    return nibabel
