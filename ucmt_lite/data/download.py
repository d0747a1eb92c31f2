"""Fetching archives: several addresses tried in order, checked by sha256, unpacked safely, never left half-written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """One zip or tar file that its publisher offers without registration."""

    urls: tuple[str, ...]  # tried in order
    sha256: str
    megabytes: int
