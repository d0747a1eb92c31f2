"""Volumes and slices in HDF5 files with the keys `image` and `label`, as much code of this field
keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import Item, in_threads, npy, png, resize_nearest, unpng, unreadable
from ucmt_lite.data.masks import class_indices, class_names
from ucmt_lite.data.pictures import eight_bits
from ucmt_lite.data.source import Source, build_source
from ucmt_lite.data.splits import first, read_groups, split_up


def read_hdf5(
    root: Path,
    *,
    name: str = "hdf5",
    classes: int | Sequence[str] | None = None,
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    size: int | None = None,
    count: Sequence[int] | None = None,
    group_of: Callable[[str], str] = str,
    pattern: str = "*.h5",
) -> Source:
    """Read `*.h5` (and `*.hdf5`) files with `image` and `label` (or `mask`): 3D volumes or 2D
    slices, axes as they are.

    Volumes: integers within 0..255 stay; all others become zero mean and unit variance a file and
    are kept as float16, except for floats that look standardised already (`standardised`). Slices
    become 8-bit pictures (`eight_bits`). A file's attribute `spacing` (mm per axis) is honoured.
    Lists, `groups.csv`, seed and count: as `read_folder`.
    """
    names = class_names(classes)
    if not root.is_dir():
        raise InputError(f"There is no folder {root}: give the folder that holds the .h5 files.")
    files: dict[str, Path] = {}
    for file in sorted(root.rglob("*")):
        if file.name.startswith(".") or not fnmatch(
            file.name.lower().replace(".hdf5", ".h5"), pattern
        ):
            continue
        if (other := files.setdefault(_id(file), file)) is not file:
            raise InputError(
                f"Two files in {root} have the id '{_id(file)}' ({other}, {file}): rename one."
            )
    if not files:
        raise InputError(
            f"{root} holds no {pattern} files: put one file for each case there, with image and"
            " label."
        )
    groups = read_groups(root, files) or {key: group_of(key) for key in files}
    parts, rule = split_up(root, dict.fromkeys(files), groups, shares, seed)
    parts = first(parts, count)
    rows = [key for ids in parts.values() for key in ids]
    read = in_threads(
        lambda key: _read(key, files[key], groups[key], len(names), size), rows, f"reading {name}"
    )
    dims = read[0][1]
    if odd := [key for key, (_, other) in zip(rows, read, strict=True) if other != dims]:
        raise InputError(
            f"'{files[odd[0]]}' has another number of axes than '{files[rows[0]]}': read them"
            " apart."
        )
    items = {item.id: item for item, _ in read}
    chosen = {split: [items[key] for key in ids] for split, ids in parts.items()}
    return build_source(name, chosen, classes=names, channels=1, dims=dims, split_rule=rule)


def _id(file: Path) -> str:
    # Yu et al. (UA-MT) give every case a folder in which the file is always called mri_norm2.h5.
    return file.parent.name if file.stem == "mri_norm2" else file.stem


def _read(key: str, file: Path, group: str, classes: int, size: int | None) -> tuple[Item, int]:
    """Check and encode one file; also say how many axes it has."""
    image, label, spacing = _arrays(file)
    if image.shape != label.shape:
        raise InputError(
            f"'{file}': image is {image.shape} but label is {label.shape}: save both at one size."
        )
    if image.ndim not in (2, 3):
        raise InputError(
            f"'{file}': image has {image.ndim} axes: save slices with 2 or volumes with 3."
        )
    if spacing and (len(spacing) != image.ndim or min(spacing) <= 0):
        raise InputError(
            f"'{file}': spacing is {spacing}, the image has {image.ndim} axes: give millimetres for"
            " each."
        )
    if 0 in image.shape:
        raise InputError(
            f"'{file}': image is {image.shape}, which is nothing at all: save it again or take it"
            " out."
        )
    mask = class_indices(label, classes, str(file))
    if image.ndim == 3:
        return Item(key, group, npy(normalised(image, str(file))), npy(mask), spacing), 3
    picture = png(eight_bits(image, str(file)))
    if size is not None:
        spacing = tuple(
            mm * side / size for mm, side in zip(spacing, image.shape, strict=bool(spacing))
        )
        picture, mask = png(unpng(picture, "L", size)), resize_nearest(mask, size)
    return Item(key, group, picture, png(mask), spacing), 2


def _arrays(file: Path) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Image, label and spacing of one file."""
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
            return h5["image"][()], h5[label][()], tuple(float(mm) for mm in spacing)
    except OSError as error:
        raise unreadable("File", file, error) from error


def standardised(values: np.ndarray) -> bool:
    """Whether floats look standardised already: some are negative, |mean| < 2.5 and 0.2 < standard
    deviation < 2.5.

    The limits are wide because LA 2018 was standardised over the whole scan and cropped afterwards:
    its crops have means up to 1.94 and deviations from 0.31 to 1.66.
    """
    return bool(values.min() < 0 and abs(values.mean()) < 2.5 and 0.2 < values.std() < 2.5)


def normalised(volume: np.ndarray, name: str) -> np.ndarray:
    """A volume as the network sees it: integers in 0..255 as uint8, anything else standardised
    (once) to float16.
    """
    if volume.dtype.kind in "ui" and volume.min() >= 0 and volume.max() <= 255:
        return volume.astype(np.uint8)
    values = volume.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"Image '{name}' holds NaN or infinite values: repair it or take it out.")
    if volume.dtype.kind != "f" or not standardised(values):
        if values.std() == 0:
            raise InputError(f"Image '{name}' has the same value everywhere: take it out.")
        values = (values - values.mean()) / values.std()
    return values.astype(np.float16)
