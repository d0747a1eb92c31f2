"""What every room uses: errors that say what to do, names loaded when asked for, files that are
whole or absent.
"""

import errno
import importlib
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent
# What holds notebooks/ and results/: the clone, or their copy in a wheel (setup.py).
CLONE = _PACKAGE.parent
KEPT = CLONE if (CLONE / "notebooks" / "src").is_dir() else _PACKAGE / "recorded"


class InputError(ValueError):
    """Wrong input, told in one sentence: what was wrong, where, and what to do.

    In a notebook only that sentence is shown, without the stack of calls that led to it.
    """

    status = 2  # what a command ends with

    def _render_traceback_(
        self,
    ) -> list[str]:  # IPython asks the exception itself how it wants to be shown
        return [f"{type(self).__name__}: {self}"]


class ShortageError(InputError):
    """Too little room on a disk or too little memory, told in one sentence."""

    status = 1


# What stands in the way of writing, by the number that the system gives it.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_NO_MEMORY = ("can't allocate memory", "out of memory", "can't start new thread", "bad_alloc")


@contextmanager
def shortage_told(place: str | os.PathLike) -> Iterator[None]:
    """Turn what is raised for want of room in `place`, or of memory, into a ShortageError.

    >>> with shortage_told("runs/a"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    ucmt_lite.common.ShortageError: runs/a cannot be written (No space left on device): make room,
    then give the same command again, which goes on from the last checkpoint.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as cause:
        unwritable, memory = _missing(cause)
        if unwritable:
            raise ShortageError(
                f"{place} cannot be written ({unwritable}): make room, then give the same command"
                " again, which goes on from the last checkpoint."
            ) from None
        if memory:
            raise ShortageError(
                f"There is too little memory ({memory}): close other programs and give the same"
                " command again, which goes on from the last checkpoint, or ask for a smaller"
                " batch, size, patch or network."
            ) from None
        raise


def missing_memory(error: BaseException) -> str:
    """Return what memory was missing, "" where that is not what an error says.

    >>> missing_memory(MemoryError("for 8 GB")), missing_memory(ValueError("no"))
    ('for 8 GB', '')
    """
    return _missing(error)[1]


def _missing(error: BaseException | None) -> tuple[str, str]:
    """Return why a file could not be written, and what memory was missing; "" for neither.

    The libraries that write files hide the system's error: torch in the context, safetensors in the
    text of their own.
    """
    while error is not None:
        text = " ".join(str(error).split()) or type(error).__name__
        hidden = re.search(r"\(os error (\d+)\)", text)
        number = int(hidden[1]) if hidden else getattr(error, "errno", None)
        if number in _UNWRITABLE:
            return os.strerror(number), ""
        if (
            isinstance(error, MemoryError)
            or number == errno.ENOMEM
            or any(words in text for words in _NO_MEMORY)
        ):
            return "", text.partition("DefaultCPUAllocator: ")[2] or text
        error = error.__context__
    return "", ""


def one_of(what: str, name: str, known: Iterable[str]) -> str:
    """Return `name` if it is among `known`, else raise an InputError that suggests the nearest
    name.

    >>> one_of("method", "ucmt", ["cps", "ucmt"])
    'ucmt'
    >>> one_of("method", "umct", ["cps", "ucmt"])
    Traceback (most recent call last):
    ucmt_lite.common.InputError: Unknown method 'umct': did you mean 'ucmt'? Known: cps, ucmt.
    """
    known = list(known)
    if name in known:
        return name
    near = get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? Known" if near else "choose one of"
    shown = " ".join(str(name).split())  # what comes from a file may have line breaks
    raise InputError(f"Unknown {what} '{shown}': {hint}: {', '.join(known)}.")


def check_packages(what: str, extra: str, packages: Iterable[str]) -> None:
    """Refuse to begin where a package that an extra of this kit installs is missing.

    >>> check_packages("A page", "lab", ["json", "papermil"])
    Traceback (most recent call last):
    ucmt_lite.common.InputError: A page needs papermil: run pip install "ucmt-lite[lab]".
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise InputError(
            f'{what} needs {", ".join(missing)}: run pip install "ucmt-lite[{extra}]".'
        )


def lazy(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make a package's `__getattr__`, which imports a name from its module when it is asked for.

    `homes` names the module of each name, relative to the package; a module that holds no such
    name is offered itself: `{"traces": "traces"}`. Importing the package then stays quick.

    >>> lazy("os", {"join": "path"})("join") is os.path.join
    True
    """

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module = importlib.import_module(f"{package}.{homes[name]}")
        is_module = homes[name].rpartition(".")[2] == name
        return getattr(module, name, module) if is_module else getattr(module, name)

    return __getattr__


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with atomic(Path(folder) / "note.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     (Path(folder) / "note.txt").read_text()
    'whole'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept: numpy and safetensors choose or extend the name by it.
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent
        )
    except PermissionError as cause:  # of the file that is known to its user
        raise PermissionError(cause.errno, cause.strerror, os.fspath(path)) from None
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o644)  # what mkstemp makes is for its owner alone
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write indented JSON, whole or not at all; what is not finite becomes null, which JSON can
    hold.
    """
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(plain(content), indent=1, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """The same in types that JSON can hold: tuples as lists, numpy numbers as numbers, NaN and
    infinity as None.

    >>> plain({"hd95": float("nan"), "patch": (96, 96)})
    {'hd95': None, 'patch': [96, 96]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # numpy numbers and arrays
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InputError(
        f"JSON cannot hold {type(value).__name__} '{value}': put numbers, text, lists and dicts"
        " into it."
    )
