"""Finding files: everything below a folder, links followed, and what of it was passed over."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ucmt_lite.common import InputError

_SYSTEM = {"thumbs.db", "desktop.ini"}


def walk_files(root: Path) -> list[Path]:
    """Return all files below a folder, sorted; links to folders are followed, hidden ones not.

    A folder that is reached a second time, as by a link to a folder above, is not entered again.
    A link that leads nowhere is among the files: who opens it is told.
    """
    return sorted(_walk(root, frozenset()))


def walk_set(root: Path) -> list[Path]:
    """Return the files of `walk_files`; a link that leads nowhere, or to them, is refused.

    Without its mask an image would be an unlabeled one, without its image a case would be gone; one
    that is reached twice could be on both sides of a split.
    """
    files = walk_files(root)
    folders = {file.parent for file in files}
    first: dict[str, Path] = {}
    for folder in sorted(folders):
        other = first.setdefault(os.path.realpath(folder), folder)
        if other != folder:
            raise InputError(
                f"{other} and {folder} are the same folder, by a link: take one of them out."
            )
    for file in files:
        if file.is_symlink() and not file.exists():
            raise InputError(
                f"{file} is a link to {os.readlink(file)}, which is not there: bring that back, or"
                " take the link out."
            )
    return files


def composed(name: str) -> str:
    """Return a name with each letter and its accent as one character, which Macs take apart.

    >>> len("Scha\u0308del"), len(composed("Scha\u0308del"))
    (8, 7)
    """
    return unicodedata.normalize("NFC", name)


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
        path = folder / entry.name
        # Asked of the path: where links lead in a circle, asking the entry raises an error.
        if os.path.isdir(path):
            if not entry.name.startswith("__"):
                yield from _walk(path, above | {real})
        elif os.path.isfile(path) or (entry.is_symlink() and not os.path.exists(path)):
            yield path


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
