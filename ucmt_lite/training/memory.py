"""How the memory of tensors is handed back and taken again on a CPU."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import torch

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # the numbers that glibc's mallopt(3) gives its options
KEEP = {MMAP_THRESHOLD: 2**30, TRIM_THRESHOLD: 2**31 - 1}
USUAL = {MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**26}  # as far as glibc goes by itself


def keep_freed_memory(keep: bool = True) -> bool:
    """Let this process keep what tensors free, instead of returning large pieces to the system.

    Above 32 MB (eight feature maps of 16 channels at 256x256), Linux otherwise hands out and clears
    every such tensor page by page, again and again: a quarter of a training step at that size. The
    process holds its peak of memory in exchange. No number changes. Return whether there was such a
    switch: there is with glibc, elsewhere nothing happens.

    >>> keep_freed_memory() in (True, False)
    True
    """
    try:
        options = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    done = [options(name, size) for name, size in (KEEP if keep else USUAL).items()]
    return all(done)


@contextmanager
def freed_memory_kept(device: torch.device) -> Iterator[None]:
    """Keep what tensors on a CPU free while training; then give it back, and keep no more.

    Else a notebook that trains one network after the other holds the memory of all of them.
    """
    if device.type != "cpu":
        yield
        return
    keep_freed_memory()
    try:
        yield
    finally:
        keep_freed_memory(False)
        give_back_freed_memory()


def give_back_freed_memory() -> bool:
    """Return to the system what tensors freed and the process kept.

    Return whether there was something to return; elsewhere than with glibc there is not.

    >>> give_back_freed_memory() in (True, False)
    True
    """
    try:
        return bool(ctypes.CDLL("libc.so.6").malloc_trim(0))
    except (OSError, AttributeError):
        return False
