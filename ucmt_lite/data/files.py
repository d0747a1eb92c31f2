"""Finding files: which of them are one case, and that each case has exactly one image and mask."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TypeVar

from ucmt_lite.common import InputError

_Key = TypeVar("_Key", bound=Hashable)

_MASK_ENDINGS = ("_segmentation", "_mask", "_masks", "_label", "_labels", "_seg", "_gt")


def split_mask_ending(stem: str) -> tuple[str, str]:
    """Split what names a mask off the end of a file's name.

    >>> split_mask_ending("lesion1_segmentation"), split_mask_ending("lesion1")
    (('lesion1', '_segmentation'), ('lesion1', ''))
    """
    ending = next((ending for ending in _MASK_ENDINGS if stem.lower().endswith(ending)), "")
    return stem[: len(stem) - len(ending)], ending


def add_unique(
    files: dict[_Key, Path], key: _Key, file: Path, folder: Path, kind: str = "files"
) -> None:
    """Note the file of an id; two files of one id are an InputError.

    A key that is a tuple ends with the id.
    """
    other = files.setdefault(key, file)
    if other is file:
        return
    name = key[-1] if isinstance(key, tuple) else key
    pair = f"{other.name}, {file.name}" if other.parent == file.parent else f"{other}, {file}"
    raise InputError(f"Two {kind} in {folder} have the id '{name}' ({pair}): rename one.")


def check_paired(
    root: Path, images: Mapping[_Key, Path], masks: Mapping[_Key, Path], suffix: str
) -> None:
    """Refuse an image without a mask, and a mask without an image.

    `suffix` is that of the file which is proposed.
    """
    for files, others, kind, missing in (
        (images, masks, "Image", "mask"),
        (masks, images, "Mask", "image"),
    ):
        alone = [file for key, file in files.items() if key not in others]
        if alone:
            more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
            stem, _ = split_mask_ending(alone[0].name.partition(".")[0])
            raise InputError(
                f"{kind} '{alone[0].relative_to(root)}'{more} has no {missing}: add a {missing} of"
                f" the same name ({missing}s/{stem}{suffix}) or take it out."
            )
