"""Volumes in NIfTI files (needs the package nibabel): `images/` and `masks/` with one file of the
same name a case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.data.columns import Item, in_threads, npy, unreadable
from ucmt_lite.data.folder import all_paired
from ucmt_lite.data.hdf5 import normalised
from ucmt_lite.data.masks import class_indices, class_names
from ucmt_lite.data.source import Source, build_source
from ucmt_lite.data.splits import first, read_groups, split_up

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

    A mask must have its axes in the directions of its image's; between cases they may differ.
    `window` clips the image's values first (CT: Hounsfield units); then each volume is standardised
    to float16. Lists, `groups.csv`, seed and count: as `read_folder`. Volumes are never resized, so
    `size` must be None.
    """
    names = class_names(classes)
    if size is not None:
        raise InputError(
            f"size={size} is for pictures: volumes keep their size and training cuts patches from"
            " them."
        )
    images, masks = _files(root / "images"), _files(root / "masks")
    if not images:
        raise InputError(
            f"{root}/images holds no .nii or .nii.gz files: put images there and masks into"
            f" {root}/masks."
        )
    all_paired(root, images, masks, ".nii.gz")
    groups = read_groups(root, images) or {key: group_of(key) for key in images}
    parts, rule = split_up(root, dict.fromkeys(images), groups, shares, seed)
    parts = first(parts, count)
    rows = [key for ids in parts.values() for key in ids]
    read = in_threads(
        lambda key: _read(key, images[key], masks[key], groups[key], len(names), window), rows, name
    )
    items = dict(zip(rows, read, strict=True))
    chosen = {split: [items[key] for key in ids] for split, ids in parts.items()}
    return build_source(name, chosen, classes=names, channels=1, dims=3, split_rule=rule)


def _files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(folder.glob("*")):
        suffix = next((s for s in SUFFIXES if file.name.lower().endswith(s)), None)
        if suffix and not file.name.startswith("."):
            key = file.name[: -len(suffix)]
            if (other := found.setdefault(key, file)) is not file:
                raise InputError(
                    f"Two files in {folder} have the id '{key}' ({other.name}, {file.name}): rename"
                    " one."
                )
    return found


def _read(
    key: str, image: Path, mask: Path, group: str, classes: int, window: tuple | None
) -> Item:
    """Check and encode one case."""
    values, spacing, axes = _volume("Image", image)
    labels, _, others = _volume("Mask", mask)
    if values.shape != labels.shape:
        raise InputError(
            f"Mask '{mask}' is {labels.shape} but its image is {values.shape}: save both at one"
            " size."
        )
    if axes != others:
        raise InputError(
            f"Mask '{mask}' has its axes towards {others} but its image towards {axes}: one would"
            " be mirrored against the other; save the mask with its image's affine, and its voxels"
            " in that order."
        )
    if values.ndim != 3:
        raise InputError(f"Image '{image}' has {values.ndim} axes: save one 3D volume in a file.")
    if window is not None:
        values = np.clip(values, *window)
    return Item(
        key,
        group,
        npy(normalised(values, str(image))),
        npy(class_indices(labels, classes, str(mask))),
        spacing,
    )


def _volume(what: str, file: Path) -> tuple[np.ndarray, tuple[float, ...], str]:
    """Voxels as they are stored, spacing, and the directions of the axes, such as RAS."""
    try:
        import nibabel
    except ImportError as error:
        raise InputError(
            "NIfTI files need the package nibabel: run pip install nibabel."
        ) from error
    try:
        volume: Any = nibabel.load(file)
        axes = "".join(axis or "?" for axis in nibabel.aff2axcodes(volume.affine))
        return (
            np.asarray(volume.dataobj, np.float32),
            tuple(float(mm) for mm in volume.header.get_zooms()[:3]),
            axes,
        )
    except (OSError, EOFError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
        raise unreadable(what, file, error) from error
