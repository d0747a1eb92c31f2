"""Fetching archives: from several addresses, checked by sha256, unpacked safely, or not at all."""

import hashlib
import os
import shutil
import stat
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ucmt_lite.common import InputError

SECONDS = 30  # without a byte, after which an address counts as dead


@dataclass(frozen=True)
class Archive:
    """One zip file that its publisher offers without registration."""

    urls: tuple[str, ...]  # tried in order
    sha256: str
    megabytes: int


def fetch_set(archives: Sequence[Archive], folder: Path) -> None:
    """Download and unpack archives into a new `folder`.

    It appears only when everything is in it. What has arrived is kept beside it in
    `.<name>.download`, so that an interrupted download goes on where it stopped.
    """
    folder = folder.resolve()
    if folder.is_dir():
        folder.rmdir()  # only an empty one goes; an error tells of any other
    parts = folder.parent / f".{folder.name}.download"
    unpacked = folder.parent / f".{folder.name}.unpacked"
    parts.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(unpacked, ignore_errors=True)  # left by an interrupted run
    try:
        for archive in archives:
            unzip(fetch(archive, parts), unpacked)
        os.replace(unpacked, folder)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    shutil.rmtree(parts)


def fetch(archive: Archive, folder: Path) -> Path:
    """Download one archive into `folder` and return its path.

    It is taken from the first address that gives the right bytes.
    """
    target = folder / PurePosixPath(archive.urls[0]).name
    if target.is_file() and sha256(target) == archive.sha256:
        return target
    part = target.with_name(target.name + ".part")
    problems = []
    for url in archive.urls:
        try:
            resumed = _receive(url, part)
            if sha256(part) != archive.sha256 and resumed:
                # The first half was from elsewhere: all of it again.
                part.unlink()
                _receive(url, part)
        except (OSError, HTTPException) as error:
            problems.append(f"{url}: {' '.join(str(error).split()) or type(error).__name__}")
            continue
        if (checksum := sha256(part)) == archive.sha256:
            os.replace(part, target)
            return target
        part.unlink()
        problems.append(f"{url}: sha256 is {checksum}, not {archive.sha256}")
    raise InputError(
        f"{target.name} could not be fetched ({'; '.join(problems)}): try later or fetch it by"
        " hand."
    )


def _receive(url: str, part: Path) -> bool:
    """Append what is missing of `url` to `part`, and say whether there was something before."""
    from tqdm.auto import tqdm

    start = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": "ucmt-lite"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urlopen(Request(url, headers=headers), timeout=SECONDS)
    except HTTPError as error:
        # 416: nothing is missing, or `part` is longer than the file.
        if error.code != 416 or not start:
            raise
        return True
    with answer:
        resumed = start > 0 and answer.status == 206
        length = int(answer.headers.get("Content-Length", 0))
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(
                total=length or None,
                desc=part.stem,
                unit="B",
                unit_scale=True,
                leave=False,
                disable=None,
            ) as bar,
        ):
            while chunk := answer.read(1 << 20):
                bar.update(file.write(chunk))
    arrived = part.stat().st_size - (start if resumed else 0)
    if length and arrived < length:
        raise OSError(f"the connection ended after {arrived} of {length} bytes")
    return resumed


def sha256(file: Path) -> str:
    """Return the checksum of a file, read in pieces."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def unzip(file: Path, folder: Path) -> None:
    """Unpack a zip into `folder`.

    Nothing is written when one entry would leave the folder or is not a plain file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            for entry in entries:
                # A Windows path knows both kinds of slash, and drives.
                path = PureWindowsPath(entry.filename)
                if path.anchor or ".." in path.parts or stat.S_ISLNK(entry.external_attr >> 16):
                    raise InputError(
                        f"{file.name} would write outside its folder ('{entry.filename}'): do not"
                        " use it."
                    )
            folder.mkdir(parents=True, exist_ok=True)
            needed = sum(entry.file_size for entry in entries)
            free = shutil.disk_usage(folder).free
            if needed > free:
                raise InputError(
                    f"{file.name} needs {needed >> 20} MB but {folder.parent} has {free >> 20}:"
                    " make room."
                )
            archive.extractall(folder)
    except zipfile.BadZipFile as error:
        raise InputError(f"{file.name} is not a zip archive ({error}): fetch it again.") from error
