"""What scores hide: that a network learned nothing, or never finds a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

NEARLY_ALL = 0.9  # of the images


def findings(
    cases: Sequence[dict[str, Any]], classes: Sequence[str], labeled_masks: Sequence[np.ndarray]
) -> list[str]:
    """Return a sentence for each thing that scores alone do not tell, with the likely remedy.

    `cases` are the rows of `evaluate`, `classes` the names with the background first,
    `labeled_masks` what the network learned from. Nothing to say is an empty list.

    >>> rows = [{"predicted": [0], "present": [50]}] * 9 + [{"predicted": [3], "present": [50]}]
    >>> print(*findings(rows, ["background", "polyp"], [np.ones((2, 2), int)]))
    The network predicts background alone in 9 of 10 images that show something: ...
    """
    present = np.array([case["present"] for case in cases]) > 0  # cases x classes
    predicted = np.array([case["predicted"] for case in cases]) > 0
    labeled = {int(k) for mask in labeled_masks for k in np.unique(mask)}
    names = list(enumerate(classes[1:]))
    sentences = [_unlabeled(name, len(labeled_masks)) for k, name in names if k + 1 not in labeled]
    empty = ~predicted.any(axis=1) & present.any(axis=1)
    shown = int(present.any(axis=1).sum())
    if shown and empty.sum() >= NEARLY_ALL * shown:
        return [*sentences, _nothing(int(empty.sum()), shown)]
    for k, name in names:
        if present[:, k].any() and not predicted[:, k].any():
            sentences.append(_never(name, int(present[:, k].sum()), len(cases)))
    return sentences


def _nothing(empty: int, shown: int) -> str:
    return (
        f"The network predicts background alone in {empty} of {shown} images that show something:"
        " it has learned nothing that can be seen yet. Likely remedies: norm=instance where it is"
        " batch, more iterations, a lower learning rate; and a look at the masks (`ucmt-lite"
        " data`)."
    )


def _never(name: str, shown: int, count: int) -> str:
    return (
        f"The network never predicts '{name}', which {shown} of {count} images show: label more"
        " images that show it, or train longer."
    )


def _unlabeled(name: str, count: int) -> str:
    return (
        f"None of the {count} labeled images shows '{name}', so no network can learn it: take"
        " another seed, or label one that does."
    )
