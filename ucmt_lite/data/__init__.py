"""Data: where images come from, how they are split, and how they become minibatches."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ucmt_lite.common import InputError, lazy, one_of
from ucmt_lite.data.catalogue import CATALOGUE, RealSet
from ucmt_lite.data.dataset import from_dataset, from_hub
from ucmt_lite.data.download import fetch_set
from ucmt_lite.data.drawn import draw_phantom
from ucmt_lite.data.folder import read_folder
from ucmt_lite.data.hdf5 import read_hdf5
from ucmt_lite.data.mapped import keep_on_disk, open_cases
from ucmt_lite.data.nifti import read_nifti
from ucmt_lite.data.phantoms import PHANTOMS
from ucmt_lite.data.source import Cases, Source, cases
from ucmt_lite.data.splits import split_labeled

READERS = {"folder": read_folder, "hdf5": read_hdf5, "nifti": read_nifti}
# Views and batches need torch, whose import takes seconds: only when someone asks for them.
LATER = {"Batches": "batches", "to_input": "views", "weak_view": "views", "strong_view": "views"}

__all__ = [
    "CATALOGUE",
    "PHANTOMS",
    "READERS",
    "Cases",
    "Source",
    "cases",
    "from_dataset",
    "keep_on_disk",
    "load_data",
    "open_cases",
    "split_labeled",
    "takes_size",
    *LATER,
]


__getattr__ = lazy(__name__, LATER)


def load_data(
    name: str,
    *,
    root: str | Path | None = None,
    size: int | None = None,
    count: int | Sequence[int] | None = None,
    seed: int = 0,
    classes: int | Sequence[str] | None = None,
    download: bool = False,
    hub: str | None = None,
) -> Source:
    """Load a set by name, whatever it is made from: a phantom, a real set of the catalogue, or your
    own folder.

    `name`: a phantom ("phantom_heart", ...), a real set ("isic2018", ...), or a reader for your own
    data: "folder" (pictures), "hdf5", "nifti". `root`: the folder that holds the files; for real
    sets it defaults to `$UCMT_DATA/<name>`. `size`: side in pixels; phantoms are drawn at it,
    pictures resized to it while they are read. `count`: how many training cases, or (train,
    validation, test); phantoms default to (300, 50, 200) in 2D and (24, 4, 12) in 3D, everything
    else to all there are. `seed`: which phantoms are drawn; and who is in which split, where
    neither lists nor folders say so. `classes`: number or names of the classes of your own data,
    background first (default: two). `download`: fetch the official archives into `root` if nothing
    is there yet. `hub`: read a copy from the Hugging Face Hub instead, "owner/name@revision" with
    the full revision hash.

    >>> source = load_data("phantom_heart", size=32, count=(4, 2, 2))
    >>> {name: len(split) for name, split in source.splits.items()}, source.channels
    ({'train': 4, 'validation': 2, 'test': 2}, 1)
    """
    one_of("data set", name, (*PHANTOMS, *CATALOGUE, *READERS))
    counts = None if count is None else (count,) if isinstance(count, int) else tuple(count)
    if counts is not None and (
        not 1 <= len(counts) <= 3 or min(counts[::2], default=0) < 1 or min(counts) < 0
    ):
        raise InputError(
            f"count={count}: give a positive number, or three for train, validation (may be 0) and"
            " test."
        )
    if size is not None and size < 1:
        raise InputError(
            f"size={size} is no side length: give a positive number of pixels, such as size=128."
        )
    if name in PHANTOMS:
        return draw_phantom(name, count=counts, size=size, seed=seed)
    if hub is not None and name in READERS:
        return from_hub(hub, name=name, classes=classes, seed=seed, size=size, count=counts)
    if name in READERS:
        if root is None:
            raise InputError(
                f"'{name}' needs a folder: say load_data('{name}', root='path/of/your/folder')."
            )
        return READERS[name](Path(root), classes=classes, seed=seed, size=size, count=counts)
    known = CATALOGUE[name]
    common = {
        "name": name,
        "classes": known.classes,
        "shares": known.shares,
        "seed": seed,
        "size": size,
    }
    if hub is not None:
        return from_hub(hub, count=counts, group_of=known.options.get("group_of", str), **common)
    return known.read(_folder(name, known, root, download), count=counts, **common, **known.options)


def takes_size(name: str) -> bool:
    """Whether a set may be asked for at a `size`: not where it is all volumes, which keep theirs.

    >>> takes_size("isic2018"), takes_size("hdf5"), takes_size("nifti"), takes_size("pancreas_ct")
    (True, True, False, False)
    """
    return name != "nifti" and not (name in CATALOGUE and CATALOGUE[name].dims == 3)


def _folder(name: str, known: RealSet, root: str | Path | None, download: bool) -> Path:
    """Where a real set lies, after downloading it if asked to; else the one sentence that says how
    to get it.
    """
    base = os.environ.get("UCMT_DATA")
    folder = Path(root) if root is not None else Path(base) / name if base else None
    if folder is not None and folder.is_dir() and any(folder.iterdir()):
        return folder
    if download and folder is None:
        raise InputError(
            f"There is no place to download '{name}' to: give root= or set the variable UCMT_DATA."
        )
    if download and known.archives and folder is not None:
        fetch_set(known.archives, folder)
        return folder
    size = sum(archive.megabytes for archive in known.archives)
    official = (
        f"load_data('{name}', root=..., download=True), in a terminal `ucmt-lite data {name} --data DIR"
        f" --download`, to fetch the official {size} MB"
        if known.archives
        else f"the files from {known.where}, where one has to register or agree to terms first"
    )
    raise InputError(
        f"'{name}' is not in {folder or '$UCMT_DATA (which is not set)'}; three ways to get it: a"
        f" folder with {known.folder}, given as root= or --data; {official}; or a copy on the"
        " Hugging Face Hub, given as hub='owner/name@revision'."
    )
