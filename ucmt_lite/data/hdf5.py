"""Volumes and slices in HDF5 files with the keys `image` and `label`, a habit of this field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import unreadable
from ucmt_lite.data.files import check_folder, composed, walk_set
from ucmt_lite.data.layouts import PARTS, part_of, split_folders
from ucmt_lite.data.lists import GROUP_COLUMNS, spelled, tell_passed_over
from ucmt_lite.data.reading import Content, Entry, Form, Request, read_set
from ucmt_lite.data.source import Source

if TYPE_CHECKING:
    import h5py

# The usual name of each array first; another one is taken where it is the only one.
IMAGE_KEYS = ("image", "images", "img", "data", "volume", "raw", "scan", "slice", "x", "ct", "mri")
MASK_KEYS = ("label", "mask", "labels", "masks", "gt", "seg", "segmentation", "ground_truth", "y")
_CALLED_AS_SPLIT = re.compile(rf"(^|[\W_])({'|'.join(PARTS)})$", re.I)  # train, isic_train
_FEW_SLICES, _SIDE = 4, 16  # three axes of 256 x 256 x 3 may be colours
_DAMAGED = (OSError, ValueError, RuntimeError, LookupError, TypeError, ArithmeticError, MemoryError)


class _Arrays(NamedTuple):
    """The arrays of one open file, not read yet; `label` is None where it has none."""

    image: h5py.Dataset
    label: h5py.Dataset | None
    spacing: tuple[float, ...]
    keys: tuple[str, str]
    patient: str | None


def read_hdf5(root: Path, request: Request, *, pattern: str = "*.h5") -> Source:
    """Read `*.h5` (and `*.hdf5`) files with `image` and `label` (or `mask`), axes as they are.

    Other usual names (`img`, `gt`, ...) are taken where there is one of each kind; a file with an
    image alone is unlabeled. They hold 3D volumes or 2D slices. Volumes: integers within 0..255
    stay; all others become zero mean and unit variance a file and are kept as float16, except for
    floats that look standardised already: one of the three for the set (`decide_values`). Slices
    become 8-bit pictures (`eight_bits`). `spacing` (mm per axis) is honoured, as an attribute of
    the file or of its image, or as an array of its own. Lists, `groups.csv`,
    groups, seed and count: as `read_folder`; an attribute `patient_id` or the like of the files
    comes before names.
    """
    entries, unread = _find_entries(root, pattern)
    with _decoding(entries[0].image), _opened(entries[0].image) as arrays:
        keys = arrays.keys
    notes = tell_passed_over(unread, root)
    if keys[0] != IMAGE_KEYS[0] or keys[1] not in (*MASK_KEYS[:2], ""):
        notes.append(f"Images are read from '{keys[0]}', masks from '{keys[1]}'.")
    return read_set(entries, request, look=_look, open_case=_open_case, root=root, notes=notes)


def load_image(file: Path) -> np.ndarray:
    """Return the image of a file, which needs no mask."""
    return _load_array(file, IMAGE_KEYS)


def load_label(file: Path) -> np.ndarray:
    """Return the mask of a file, which needs no image."""
    return _load_array(file, MASK_KEYS)


def load_spacing(file: Path) -> tuple[float, ...]:
    """Return the spacing that a file tells, of its image or of its mask; empty where it is none."""
    import h5py

    with _decoding(file), h5py.File(file, "r") as h5:
        key = _key(file, h5, IMAGE_KEYS) or _key(file, h5, MASK_KEYS)
        return _spacing(file, _stored_spacing(h5, h5[key])) if key else ()


def _load_array(file: Path, known: Sequence[str]) -> np.ndarray:
    import h5py

    with _decoding(file), h5py.File(file, "r") as h5:
        key = _key(file, h5, known)
        if not key:
            raise InputError(f"'{file}' has the keys {', '.join(h5)}: name its array {known[0]}.")
        _check_is_array(file, h5, key)
        _check_array(file, key, h5[key])
        return h5[key][()]


def _find_entries(root: Path, pattern: str) -> tuple[list[Entry], list[Path]]:
    """List the files below a folder whose names fit a pattern, and those that do not."""
    check_folder(root, "the .h5 files")
    files: list[Path] = []
    unread: list[Path] = []
    for file in walk_set(root):
        name = file.name.lower().replace(".hdf5", ".h5")
        (files if fnmatch(name, pattern) else unread).append(file)
    if not files:
        raise InputError(
            f"{root} holds no {pattern} files: put one file for each case there, with image and"
            " label."
        )
    names = _ids(root, files)
    splits = split_folders(dict.fromkeys(f for file in files for f in file.relative_to(root).parts))
    entries = []
    for file, name in zip(files, names, strict=True):
        folders = file.relative_to(root).parts[: -2 if _is_named_by_folder(file) else -1]
        parts = {folder: part_of(folder)[1] or splits.get(folder) for folder in folders}
        split = next(filter(None, parts.values()), None)
        inner = composed("/".join(folder for folder in folders if not parts[folder]))
        with _decoding(file), _opened(file) as arrays:
            has_mask = arrays.label is not None
        mask = file if has_mask else None
        entries.append(Entry(name, file, mask, split, group=arrays.patient, folder=inner))
    return entries, unread


def _is_named_by_folder(file: Path) -> bool:
    # Yu et al. (UA-MT) give every case a folder in which the file is always called mri_norm2.h5.
    return file.stem == "mri_norm2"


def _ids(root: Path, files: Sequence[Path]) -> list[str]:
    """Name every file by its stem, or with its folders where two are of one name."""
    names = [file.parent.name if _is_named_by_folder(file) else file.stem for file in files]
    names = [composed(name) for name in names]
    if len(set(names)) == len(names):
        return names
    paths = [composed(file.relative_to(root).with_suffix("").as_posix()) for file in files]
    twice = [path for path in paths if paths.count(path) > 1]
    if twice:
        raise InputError(f"Two files in {root} have the id '{twice[0]}': rename one.")
    return paths


def _look(entry: Entry) -> Form:
    """Check the types, the shapes and the spacing of one file, which its header tells."""
    file = entry.image
    with _decoding(file), _opened(file) as (image, label, spacing, keys, _):
        for key, array in zip(keys, (image, label), strict=True):
            if array is not None:
                _check_array(file, key, array)
        if label is not None and {image.shape[1:], image.shape[:-1]} & {label.shape}:
            raise InputError(
                f"'{file}': image is {image.shape} but label is {label.shape}, so that one axis of"
                " the image may be channels: save slices of one channel, or pictures in colour as"
                " PNG."
            )
        if label is not None and image.shape != label.shape:
            raise InputError(
                f"'{file}': image is {image.shape} but label is {label.shape}: save both at one"
                " size."
            )
        if image.ndim not in (2, 3):
            raise InputError(
                f"'{file}': image has {image.ndim} axes: save slices with 2 or volumes with 3."
            )
        if image.ndim == 3:
            _check_is_volume(entry, image.shape, spacing)
        if spacing and len(spacing) != image.ndim:
            raise _wrong_spacing(file, spacing, f"the image has {image.ndim} axes")
        if 0 in image.shape:
            raise InputError(
                f"'{file}': image is {image.shape}, which is nothing at all: save it again or take"
                " it out."
            )
        several = sum(key.lower() in MASK_KEYS for key in image.file) > 1
        return Form(image.ndim, spacing=spacing, remark="two masks" if several else "")


def _check_is_volume(entry: Entry, shape: Sequence[int], spacing: Sequence[float]) -> None:
    """Refuse three axes that may be channels and tell no spacing, or the slices of a split."""
    file = entry.image
    if entry.split is None and _CALLED_AS_SPLIT.search(file.stem):
        raise InputError(
            f"'{file}' is called as a split and holds {shape}: save one file for each slice, in"
            " folders train/ and test/; if it is one volume, give it another name."
        )
    if not spacing and may_be_channels(shape):
        raise InputError(
            f"'{file}': image is {shape}, which may be one slice with channels: save slices with 2"
            " axes, and class indices as label; if it is a volume, say so by the attribute spacing"
            " (millimetres for each axis)."
        )


def may_be_channels(shape: Sequence[int]) -> bool:
    """Return whether the first or last of three axes may be channels rather than slices.

    >>> may_be_channels((256, 256, 3)), may_be_channels((80, 112, 112))
    (True, False)
    """
    return min(shape[0], shape[-1]) <= _FEW_SLICES and sorted(shape)[1] >= _SIDE


def _check_array(file: Path, key: str, array: Any) -> None:
    """Refuse what is no array of plain numbers."""
    if array.shape is None or array.dtype.kind not in "biuf":
        kind = "text" if array.dtype.kind in "OSU" else str(array.dtype)
        raise InputError(
            f"'{file}': {key} holds {kind} and no array of plain numbers: save one number for each"
            " pixel."
        )


def _open_case(entry: Entry) -> Content:
    with _decoding(entry.image), _opened(entry.image) as arrays:
        return arrays.image[()], None if arrays.label is None else arrays.label[()]


@contextmanager
def _decoding(file: Path) -> Iterator[None]:
    """Tell in one sentence which file cannot be read, where h5py fails inside the block."""
    try:
        yield
    except InputError:
        raise
    except _DAMAGED as error:
        raise unreadable("File", file, error) from error


@contextmanager
def _opened(file: Path) -> Iterator[_Arrays]:
    """Open a file and find its arrays."""
    import h5py

    with h5py.File(file, "r") as h5:
        image, label = _key(file, h5, IMAGE_KEYS), _key(file, h5, MASK_KEYS)
        if not image or (not label and _may_be_a_mask(h5, image)):
            raise InputError(
                f"'{file}' has the keys {', '.join(h5)}: name its arrays image and label."
            )
        for key in filter(None, (image, label)):
            _check_is_array(file, h5, key)
        spacing = _spacing(file, _stored_spacing(h5, h5[image]))
        mask = h5[label] if label else None
        yield _Arrays(h5[image], mask, spacing, (image, label), _patient(h5))


def _patient(h5: h5py.File) -> str | None:
    """Return the patient whom an attribute of a file names (`patient_id`); None where none does."""
    named = {spelled(name): name for name in h5.attrs}
    name = next((named[wanted] for wanted in GROUP_COLUMNS if wanted in named), None)
    value = h5.attrs[name] if name else ""
    return (value.decode() if isinstance(value, bytes) else str(value)).strip() or None


def _check_is_array(file: Path, h5: Any, key: str) -> None:
    import h5py

    if not isinstance(h5[key], h5py.Dataset):
        raise InputError(
            f"'{file}': {key} is a group, not an array: save the array under that name."
        )


def _key(file: Path, h5: Any, known: Sequence[str]) -> str:
    """Return the key of an array: the usual one, or the only one; empty where there is none."""
    there = [key for key in h5 if key.lower() in known]
    usual = [key for key in (known[0], "mask") if key in there and key in known]
    if len(there) > 1 and not usual:
        raise InputError(
            f"'{file}' has the keys {', '.join(there)}, of which any may be the {known[0]}: name"
            f" one of them {known[0]}."
        )
    return (usual or there or [""])[0]


def _may_be_a_mask(h5: Any, image: str) -> bool:
    """Return whether a file has another array of the image's shape, under an unknown name."""
    shape = getattr(h5[image], "shape", None)
    return any(getattr(h5[key], "shape", None) == shape for key in h5 if key != image)


def _stored_spacing(h5: h5py.File, image: h5py.Dataset) -> Any:
    """Return `spacing` where a file keeps it: its attribute or the image's, or an array.

    An array of another length (that of a volume beside one of its slices) is none.
    """
    for attributes in (h5.attrs, image.attrs):
        if np.size(attributes.get("spacing", ())):
            return attributes["spacing"]
    stored = h5.get("spacing")
    has_each_axis = stored is not None and getattr(stored, "shape", ()) == (len(image.shape or ()),)
    return stored[()] if has_each_axis else ()


def _spacing(file: Path, value: Any) -> tuple[float, ...]:
    """Return `spacing` as numbers; anything but positive ones is refused."""
    try:
        spacing = tuple(float(mm) for mm in np.ravel(value))
    except (TypeError, ValueError):
        raise _wrong_spacing(file, value, "which is no list of numbers") from None
    if not all(np.isfinite(mm) and mm > 0 for mm in spacing):
        raise _wrong_spacing(file, spacing, "which are no positive numbers")
    return spacing


def _wrong_spacing(file: Path, spacing: Any, fault: str) -> InputError:
    return InputError(f"'{file}': spacing is {spacing}, {fault}: give millimetres for each axis.")
