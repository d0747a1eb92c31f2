"""Any set by its name: a phantom, a real set of the catalogue, or a reader for your own data.

Each of the three tables has a function here that makes a `Source` of one of its rows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ucmt_lite.common import InputError, one_of
from ucmt_lite.data.catalogue import CATALOGUE, RealSet
from ucmt_lite.data.dataset import read_hub
from ucmt_lite.data.download import fetch_set
from ucmt_lite.data.drawn import draw_phantom
from ucmt_lite.data.lists import folder_of_set
from ucmt_lite.data.masks import class_names
from ucmt_lite.data.phantoms import PHANTOMS, Phantom
from ucmt_lite.data.readers import READERS, Reader, reading_function
from ucmt_lite.data.reading import Request
from ucmt_lite.data.source import Source


class _Origin(NamedTuple):
    """What is asked of a set that is read and not drawn: where from, and its classes if own."""

    root: str | Path | None
    hub: str | None
    download: bool
    classes: int | Sequence[str] | None


def load(
    name: str,
    *,
    root: str | Path | None = None,
    size: int | None = None,
    count: int | Sequence[int] | None = None,
    seed: int = 0,
    classes: int | Sequence[str] | None = None,
    download: bool = False,
    hub: str | None = None,
    group: str = "",
) -> Source:
    """Load a set by name: a phantom, a real set of the catalogue, or your own folder.

    `name`: a phantom ("phantom_heart", ...), a real set ("isic2018", ...), or a reader for your own
    data: "folder" (pictures), "hdf5", "nifti". `root`: the folder that holds the files; for real
    sets it defaults to `$UCMT_DATA/<name>`. `size`: side in pixels; phantoms are drawn at it,
    pictures resized to it while they are read. `count`: how many training cases, or (train,
    validation, test); phantoms default to (300, 50, 200) in 2D and (24, 4, 12) in 3D, everything
    else to all there are. `seed`: which phantoms are drawn; and who is in which split, where
    neither lists nor folders say so. `classes`: number or names of the classes of your own data,
    background first (default: two). `download`: fetch the official archives into `root` if nothing
    is there yet. `hub`: read a copy from the Hugging Face Hub instead, "owner/name@revision" with
    the full revision hash. `group`: which cases of your own data are of one patient: a regular
    expression with one pair of brackets that is searched in the ids, "folder", or "none"; default:
    `groups.csv`, else names and folders that say patient.

    >>> source = load("phantom_heart", size=32, count=(4, 2, 2))
    >>> {name: len(split) for name, split in source.splits.items()}, source.channels
    ({'train': 4, 'validation': 2, 'test': 2}, 1)
    """
    _find_row(name)
    if size is not None and size < 1:
        raise InputError(
            f"size={size} is no side length: give a positive number of pixels, such as size=128."
        )
    request = Request(name, seed=seed, size=size, count=_checked_counts(count), group=group)
    loader = next(loader for table, loader in _LOADERS if name in table)
    try:
        return loader(request, _Origin(root, hub, download, classes))
    except MemoryError:
        at = "" if size is None else f" at size={size}"
        raise InputError(
            f"'{name}'{at} does not fit into this machine's memory: choose a smaller size, or a"
            " count."
        ) from None


def _find_row(name: str) -> Phantom | RealSet | Reader:
    """Return the row of a set, in whichever of the three tables it stands.

    >>> _find_row("la2018").title
    'LA 2018: left atrium in late gadolinium MRI'
    """
    rows: dict[str, Phantom | RealSet | Reader] = {**PHANTOMS, **CATALOGUE, **READERS}
    return rows[one_of("data set", name, rows)]


def takes_size(name: str) -> bool:
    """Return whether a set may be asked for at a `size`; volumes keep theirs.

    >>> takes_size("isic2018"), takes_size("hdf5"), takes_size("nifti"), takes_size("pancreas_ct")
    (True, True, False, False)
    """
    return _find_row(name).takes_size


def _checked_counts(count: int | Sequence[int] | None) -> tuple[int, ...] | None:
    """Return the numbers of cases for train, validation and test, as far as they are given."""
    if count is None:
        return None
    counts = (count,) if isinstance(count, int) else tuple(count)
    if not 1 <= len(counts) <= 3 or min(counts[::2]) < 1 or min(counts) < 0:
        raise InputError(
            f"count={count}: give a positive number, or three for train, validation (may be 0) and"
            " test."
        )
    return counts


def _load_phantom(request: Request, origin: _Origin) -> Source:
    return draw_phantom(request.name, count=request.count, size=request.size, seed=request.seed)


def _load_real(request: Request, origin: _Origin) -> Source:
    row = CATALOGUE[request.name]
    request = replace(request, classes=row.classes, shares=row.shares, group_of=row.group_of)
    if origin.hub is not None:
        return read_hub(origin.hub, request)
    return _read(row.reader, _folder_of(request.name, row, origin), request, row.options)


def _load_own(request: Request, origin: _Origin) -> Source:
    name = request.name
    request = replace(request, classes=class_names(origin.classes))
    if origin.hub is not None:
        return read_hub(origin.hub, request)
    if origin.root is None:
        raise InputError(
            f"'{name}' needs a folder: say load('{name}', root='path/of/your/folder')."
        )
    return _read(name, folder_of_set(Path(origin.root)), request, {})


_LOADERS = ((PHANTOMS, _load_phantom), (CATALOGUE, _load_real), (READERS, _load_own))


def _read(reader: str, root: Path, request: Request, options: dict) -> Source:
    """Call a reader with the options of its row, and with more."""
    return reading_function(reader)(root, request, **READERS[reader].options, **options)


def _folder_of(name: str, row: RealSet, origin: _Origin) -> Path:
    """Return the folder of a real set, after downloading it if asked to.

    Where it is not there, one sentence says how to get it.
    """
    folder = None if origin.root is None else Path(origin.root)
    if folder is None and os.environ.get("UCMT_DATA"):
        folder = Path(os.environ["UCMT_DATA"]) / name
    if folder is not None and folder.is_dir() and any(folder.iterdir()):
        return folder
    if origin.download and folder is None:
        raise InputError(
            f"There is no place to download '{name}' to: give root= or set the variable UCMT_DATA."
        )
    if origin.download and row.archives and folder is not None:
        fetch_set(row.archives, folder)
        return folder
    raise InputError(
        f"'{name}' is not in {folder or '$UCMT_DATA (which is not set)'}; three ways to get it: a"
        f" folder with {row.folder}, given as root= or --data; {_official(name, row)}; or a copy on"
        " the Hugging Face Hub, given as hub='owner/name@revision'."
    )


def _official(name: str, row: RealSet) -> str:
    """Return in words how to get the files of a set from its publisher."""
    if not row.archives:
        return f"the files from {row.homepage}, where one has to register or agree to terms first"
    size = sum(archive.megabytes for archive in row.archives)
    return (
        f"load('{name}', root=..., download=True), in a terminal"
        f" `ucmt-lite data {name} --data DIR --download`, to fetch the official {size} MB"
    )
