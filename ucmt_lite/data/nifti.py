"""Volumes in NIfTI files (needs the package nibabel): `images/` and `masks/` with one file of the same name a case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ucmt_lite.data.columns import Item, in_threads, npy, unreadable
from ucmt_lite.data.folder import all_paired
from ucmt_lite.data.hdf5 import normalised
from ucmt_lite.data.masks import class_indices, class_names
from ucmt_lite.data.source import Source, build
from ucmt_lite.data.splits import first, read_groups, split_up
from ucmt_lite.errors import InputError

SUFFIXES = (".nii.gz", ".nii")


def read_nifti(
    root: Path,
    *,
    name: str = "nifti",
    classes: int | Sequence[str] | None = None,
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    size: int | None = None,
    count: Sequence[int] | None = None,
    group_of: Callable[[str], str] = str,
    window: tuple[float, float] | None = None,
) -> Source:
    """Read whole 3D NIfTI volumes, axes as they are stored, spacing (mm) from the header.

    `window` clips the image's values first (CT: Hounsfield units); then each volume is standardised to float16.
    Lists, `groups.csv`, seed and count: as `read_folder`. Volumes are never resized, so `size` must be None.
    """
    names = class_names(classes)
    if size is not None:
        raise InputError(f"size={size} is for pictures: volumes keep their size and training cuts patches from them.")
    images, masks = _files(root / "images"), _files(root / "masks")
    if not images:
        raise InputError(f"{root}/images holds no .nii or .nii.gz files: put images there and masks into {root}/masks.")
    all_paired(root, images, masks)
    groups = read_groups(root, images) or {key: group_of(key) for key in images}
    parts, rule = split_up(root, dict.fromkeys(images), groups, shares, seed)
    parts = first(parts, count)
    rows = [key for ids in parts.values() for key in ids]
    read = in_threads(lambda key: _read(key, images[key], masks[key], groups[key], len(names), window), rows, name)
    items = dict(zip(rows, read, strict=True))
    chosen = {split: [items[key] for key in ids] for split, ids in parts.items()}
    return build(name, chosen, classes=names, channels=1, dims=3, split_rule=rule)


def _files(folder: Path) -> dict[str, Path]:
    found = {}
    for file in sorted(folder.glob("*")):
        suffix = next((s for s in SUFFIXES if file.name.endswith(s)), None)
        if suffix and not file.name.startswith("."):
            found[file.name.removesuffix(suffix)] = file
    return found


def _read(key: str, image: Path, mask: Path, group: str, classes: int, window: tuple | None) -> Item:
    """Check and encode one case."""
    values, spacing = _volume("Image", image)
    labels, _ = _volume("Mask", mask)
    if values.shape != labels.shape:
        raise InputError(f"Mask '{mask}' is {labels.shape} but its image is {values.shape}: save both at one size.")
    if values.ndim != 3:
        raise InputError(f"Image '{image}' has {values.ndim} axes: save one 3D volume in a file.")
    if window is not None:
        values = np.clip(values, *window)
    return Item(
        key, group, npy(normalised(values, str(image))), npy(class_indices(labels, classes, str(mask))), spacing
    )


def _volume(what: str, file: Path) -> tuple[np.ndarray, tuple[float, ...]]:
    try:
        import nibabel
    except ImportError as error:
        raise InputError("NIfTI files need the package nibabel: run pip install nibabel.") from error
    try:
        volume: Any = nibabel.load(file)
        return np.asarray(volume.dataobj, np.float32), tuple(float(mm) for mm in volume.header.get_zooms()[:3])
    except (OSError, EOFError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
        raise unreadable(what, file, error) from error
