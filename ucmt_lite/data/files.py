"""Finding files: everything below a folder, links followed, and what of it was passed over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ucmt_lite.common import InputError

_SYSTEM = {"thumbs.db", "desktop.ini"}


def walk_files(root: Path) -> list[Path]:
    """Return all files below a folder, sorted; links to folders are followed, hidden ones not.

    A folder that is reached a second time, as by a link to a folder above, is not entered again.
    """
    return sorted(_walk(root, frozenset()))


def _walk(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        inside = list(os.scandir(folder))
    except OSError as error:
        raise InputError(
            f"{folder} cannot be read ({error.strerror}): check its rights."
        ) from error
    for entry in inside:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if not entry.name.startswith("__"):
                yield from _walk(folder / entry.name, above | {real})
        elif entry.is_file():
            yield folder / entry.name


def check_folder(root: Path, contents: str) -> None:
    """Refuse a path that is no folder; `contents` says what it should hold."""
    if not root.is_dir():
        raise InputError(f"There is no folder {root}: give the folder that holds {contents}.")


def ending_of(file: Path) -> str:
    """Return what a file's name ends with, `.nii.gz` as one.

    >>> ending_of(Path("a/b.NII.GZ")), ending_of(Path("readme"))
    ('.nii.gz', '')
    """
    name = file.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def quantity(count: int, noun: str) -> str:
    """Return a number with its noun.

    >>> quantity(1, "image"), quantity(2, "image")
    ('1 image', '2 images')
    """
    return f"{count} {noun}{'s' * (count != 1)}"


def tell_unread(files: Iterable[Path], root: Path) -> str:
    """Return in one sentence which files of a set were passed over; empty where there are none.

    >>> tell_unread([Path("s/a.txt"), Path("s/b.txt"), Path("s/c.doc")], Path("s"))
    'Passed over: 2 .txt files, 1 .doc file (first a.txt).'
    """
    unread = sorted(file for file in files if file.name.lower() not in _SYSTEM)
    if not unread:
        return ""
    counts = Counter(ending_of(file) for file in unread)
    listed = ", ".join(
        quantity(count, f"{ending or 'nameless'} file") for ending, count in counts.most_common()
    )
    return f"Passed over: {listed} (first {unread[0].relative_to(root)})."
