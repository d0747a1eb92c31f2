"""What earlier calls left in a folder, so that nothing else is ever written over."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

LIST = ".predicted.sha256"  # a line for each file, as `sha256sum` writes and checks them


class Written:
    """The files below a folder that this kit wrote, known by their content.

    A mask that somebody drew, or corrected after it was predicted, is none of them.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     mask = Path(folder) / "a.png"
    ...     _ = mask.write_bytes(b"predicted")
    ...     Written(Path(folder)).add([mask])
    ...     before = Written(Path(folder)).has(mask)
    ...     _ = mask.write_bytes(b"corrected by hand")
    ...     before, Written(Path(folder)).has(mask)
    (True, False)
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        try:
            lines = (out / LIST).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):  # as if there were none: nothing is written over
            lines = []
        pairs = [line.split("  ", 1) for line in lines if "  " in line]
        self._digests = {name: digest for digest, name in pairs}  # the last line of a file counts

    def has(self, file: Path) -> bool:
        """Return whether a file is as it was when it was written."""
        digest = self._digests.get(self._name(file))
        return digest is not None and digest == _digest(file)

    def add(self, files: Iterable[Path]) -> None:
        """Note files that have just been written."""
        new = {self._name(file): _digest(file) for file in files}
        self._digests |= new
        with (self.out / LIST).open("a", encoding="utf-8") as lines:
            lines.writelines(f"{digest}  {name}\n" for name, digest in new.items())

    def _name(self, file: Path) -> str:
        return file.relative_to(self.out).as_posix()


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()
