"""What a mask file means: class indices, from 0/1, 0/255 or JPEG grey for two classes, indices as
they are for more.
"""

from collections.abc import Sequence

import numpy as np

from ucmt_lite.common import InputError

BINARY = ("background", "foreground")


def class_names(classes: int | Sequence[str] | None) -> tuple[str, ...]:
    """Names of the classes, background first, from a number, from names, or from nothing (two
    classes).

    >>> class_names(None), class_names(3)
    (('background', 'foreground'), ('background', 'class 1', 'class 2'))
    """
    if classes is None or classes == 2:
        return BINARY
    names = (
        ("background", *(f"class {i}" for i in range(1, classes)))
        if isinstance(classes, int)
        else tuple(classes)
    )
    if not 2 <= len(names) <= 255 or len(set(names)) < len(names) or isinstance(classes, str):
        raise InputError(
            f"classes={classes!r}: give a number from 2 to 255 or different names, background"
            " first."
        )
    return names


def class_indices(
    values: np.ndarray, classes: int, name: str, *, lossy: bool = False
) -> np.ndarray:
    """Turn the grey values of one mask into uint8 class indices, or say which values are not
    expected.

    Two classes: 0 and 1, or 0 and 255 (then 255 is foreground). More classes: the values are the
    indices 0 .. classes - 1. A `lossy` (JPEG) file changes indices, so it may only be nearly black
    and white; what is above 127 is foreground.

    >>> class_indices(np.array([0, 255]), 2, "m.png").tolist(), class_indices(np.array([0, 2]), 3, "m.png").tolist()
    ([0, 1], [0, 2])
    """
    if values.dtype == bool:
        return values.astype(np.uint8)
    if lossy and values.any():
        # JPEG blurs the border of a mask, but a mask stays nearly black and white.
        if (
            classes == 2
            and values.max() > 127
            and (np.abs(values.astype(np.float32) - 127.5) > 64).mean() > 0.9
        ):
            return (values > 127).astype(np.uint8)
        raise InputError(
            f"Mask '{name}' is a JPEG, which keeps black and white but no class indices: save it as"
            " PNG."
        )
    top = values.max()
    if (
        values.min() >= 0
        and top < classes
        and (values.dtype.kind in "ui" or np.array_equal(values, values.round()))
    ):
        return values.astype(np.uint8)
    if classes == 2 and ((values == 0) | (values == 255)).all():
        return (values > 127).astype(np.uint8)
    found = np.unique(values)
    shown = ", ".join(f"{v:g}" for v in found[:6]) + (", ..." if len(found) > 6 else "")
    allowed = "0/1 or 0/255" if classes == 2 else f"0 to {classes - 1}"
    raise InputError(
        f"Mask '{name}' holds the values {shown} where {classes} classes need {allowed}: "
        "give classes= as a number or names, or save the mask with these values."
    )
