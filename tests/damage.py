"""Damage for files, and what a refusal must be: one sentence."""

import numpy as np

from ucmt_lite.common import InputError


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut a file off, turn some of its bits, blank a piece of it, or put a piece elsewhere."""
    content = bytearray(data)
    if not content:
        return bytes(content)
    kind = rng.integers(5)
    start, stop = sorted(rng.integers(0, len(content) + 1, 2))
    if kind == 0:
        return bytes(content[:start])
    if kind == 1:
        content[start:stop] = bytes(stop - start)
    elif kind == 2:
        content[start:start] = content[start:stop]
    else:
        # Bits of the header do more than those behind it.
        reach = len(content) if kind == 3 else min(len(content), 200)
        for place in rng.integers(0, reach, rng.integers(1, 9)):
            content[place] ^= 1 << rng.integers(8)
    return bytes(content)


def reads(call) -> bool:
    """Return whether something was read; a refusal must be one sentence."""
    try:
        call()
    except InputError as error:
        assert is_sentence(str(error)), str(error)
        return False
    return True


def is_sentence(text: str) -> bool:
    """Return whether a refusal is told in one line that ends in a full stop."""
    return text.endswith(".") and "\n" not in text
