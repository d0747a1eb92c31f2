"""What a mask file means: class indices.

Two classes may be 0/1, 0/255 or JPEG grey; more are indices as they are.
"""

from collections.abc import Sequence

import numpy as np

from ucmt_lite.common import InputError

BINARY = ("background", "foreground")


def class_names(classes: int | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the classes, background first, from a number, names or nothing.

    Nothing stands for two classes.

    >>> class_names(None), class_names(3)
    (('background', 'foreground'), ('background', 'class 1', 'class 2'))
    """
    if classes is None or classes == 2:
        return BINARY
    if isinstance(classes, int):
        names = ("background", *(f"class {i}" for i in range(1, classes)))
    else:
        names = tuple(classes)
    if not 2 <= len(names) <= 255 or len(set(names)) < len(names) or isinstance(classes, str):
        raise InputError(
            f"classes={classes!r}: give a number from 2 to 255 or different names, background"
            " first."
        )
    return names


def class_indices(
    values: np.ndarray, classes: int, name: str, *, lossy: bool = False
) -> np.ndarray:
    """Turn the grey values of one mask into uint8 class indices; refuse unexpected values.

    Two classes: 0 and 1, or 0 and 255 (then 255 is foreground). More classes: the values are the
    indices 0 .. classes - 1. A `lossy` (JPEG) file changes indices, so it may only be nearly black
    and white; what is above 127 is foreground.

    >>> class_indices(np.array([0, 255]), 2, "m.png").tolist()
    [0, 1]
    >>> class_indices(np.array([0, 2]), 3, "m.png").tolist()
    [0, 2]
    """
    if values.dtype == bool:
        return values.astype(np.uint8)
    if lossy and values.any():
        if classes == 2 and values.max() > 127 and _nearly_black_and_white(values):
            return (values > 127).astype(np.uint8)
        raise InputError(
            f"Mask '{name}' is a JPEG, which keeps black and white but no class indices: save it as"
            " PNG."
        )
    if values.min() >= 0 and values.max() < classes and _are_whole(values):
        return values.astype(np.uint8)
    if classes == 2 and ((values == 0) | (values == 255)).all():
        return (values > 127).astype(np.uint8)
    distinct = np.unique(values)
    shown = ", ".join(f"{v:g}" for v in distinct[:6]) + (", ..." if len(distinct) > 6 else "")
    allowed = "0/1 or 0/255" if classes == 2 else f"0 to {classes - 1}"
    raise InputError(
        f"Mask '{name}' holds the values {shown} where {classes} classes need {allowed}: "
        "give classes= as a number or names, or save the mask with these values."
    )


def _are_whole(values: np.ndarray) -> bool:
    return values.dtype.kind in "ui" or np.array_equal(values, values.round())


def _nearly_black_and_white(values: np.ndarray) -> bool:
    """Return whether a JPEG may be a mask: only the borders in it are blurred."""
    return bool((np.abs(values.astype(np.float32) - 127.5) > 64).mean() > 0.9)
