"""The folder of a run: hidden while the run goes on, in its place when it is whole."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ucmt_lite.common import InputError, write_json
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.provenance import commit

if TYPE_CHECKING:
    from filelock import BaseFileLock


def _open_and_remove(lock: "BaseFileLock") -> None:
    """Release a lock and remove its file, which may stay where another process has it already.

    It is removed while it is held, so that nobody who waits for it can have got it in between.
    Windows allows that no more than removing a file that another process holds; so the file is
    removed after the release there, or stays.
    """
    file = Path(lock.lock_file)
    try:
        file.unlink(missing_ok=True)
    except PermissionError:
        lock.release()
        with suppress(PermissionError):
            file.unlink(missing_ok=True)
    finally:
        lock.release()


class RunFolder:
    """Where a run is written: `unfinished`, beside its place `out`, until everything is there.

    Only an unfinished folder has a `checkpoint`, from which an interrupted run goes on, and a list
    of its `pieces`: when each process that worked on it began, and at which commit.
    """

    def __init__(self, out: str | Path) -> None:
        self.out = Path(out)
        self.unfinished = self.out.parent / f".{self.out.name}.unfinished"
        self.checkpoint = self.unfinished / "checkpoint.pt"
        self.pieces = self.unfinished / "pieces.json"

    @property
    def is_finished(self) -> bool:
        """Whether a whole run is there."""
        return (self.out / "metrics.json").is_file()

    @contextmanager
    def alone(self, patience: float = 10) -> Iterator[None]:
        """Keep every other process away; the lock of a process that was killed opens by itself."""
        from filelock import FileLock, Timeout

        lock = FileLock(os.fspath(self.out.parent / f".{self.out.name}.lock"), timeout=patience)
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise InputError(
                f"Another process is at work on {self.out}: wait for it, or choose another folder"
                " with --out."
            ) from None
        except OSError as cause:
            raise InputError(
                f"{self.out} cannot be written ({cause.strerror}): choose another folder with"
                " --out."
            ) from None
        try:
            yield
        finally:
            _open_and_remove(lock)

    def check_free(self) -> None:
        """Refuse a place that holds something else."""
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise InputError(
                f"{self.out} exists and is not a run of this kit: choose another folder with --out."
            )

    def begin(self, settings: dict) -> list[dict]:
        """Open the unfinished folder for a run with these settings; return its earlier pieces.

        Of each the `commit`, and the `seconds` up to the last checkpoint that it wrote; what came
        after is trained again. What an interrupted run of the same settings left is kept.
        """
        note = self.unfinished / "config.json"
        earlier = json.loads(note.read_text()) if note.is_file() else None
        if self.checkpoint.is_file() and RunConfig.of_saved(earlier or {}).as_dict() != settings:
            raise InputError(
                f"{self.unfinished} holds an interrupted run with other settings: remove it, or"
                " choose another --out."
            )
        try:
            write_json(note, settings)
        except OSError as cause:
            raise InputError(
                f"{self.unfinished} cannot be written ({cause.strerror}): choose another folder"
                " with --out."
            ) from None
        pieces = self._earlier_pieces()
        write_json(self.pieces, [*pieces, {"start": time.time(), "commit": commit()}])
        return pieces

    def _earlier_pieces(self) -> list[dict]:
        """Read the pieces of an interrupted run; the last ended when its checkpoint was written."""
        pieces = json.loads(self.pieces.read_text()) if self.pieces.is_file() else []
        if pieces and "seconds" not in pieces[-1]:
            saved = self.checkpoint.stat().st_mtime if self.checkpoint.is_file() else 0
            pieces[-1]["seconds"] = max(0, saved - pieces[-1]["start"])
        return pieces

    @contextmanager
    def removed_if_refused(self) -> Iterator[None]:
        """Leave nothing behind where a run is refused before its first checkpoint."""
        try:
            yield
        except InputError:
            if self.unfinished.is_dir() and not self.checkpoint.exists():
                (self.unfinished / "config.json").unlink(missing_ok=True)
                self.pieces.unlink(missing_ok=True)
                if not any(self.unfinished.iterdir()):
                    self.unfinished.rmdir()
            raise

    def put_in_place(self) -> None:
        """Make a whole run visible, without what only an interrupted one needs."""
        # What a process that was killed while it wrote a file left of it
        for half in self.unfinished.glob(".*"):
            if half.is_file():
                half.unlink()
        self.checkpoint.unlink(missing_ok=True)
        self.pieces.unlink(missing_ok=True)
        if self.out.is_dir():
            self.out.rmdir()  # `check_free` made sure that it is empty
        os.replace(self.unfinished, self.out)
