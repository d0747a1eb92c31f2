"""Draw a mask yourself, and see what a label costs: minutes, and how far two people can be from
each other.
"""

from typing import Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.picture import Picture, draw_image, draw_outline, new_figure, overlap


def figure(
    image: np.ndarray,
    truth: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    seconds: float = 0.0,
) -> Picture:
    """An image, and on it the mask that was drawn beside the expert's.

    `image` is `C H W` or `H W C` bytes, `truth` and `mask` are `H W` class indices; without an
    expert nothing is scored.
    """
    image, truth = checked(image, truth)
    if mask is not None and np.shape(mask) != image.shape[:2]:
        raise InputError(
            f"The mask has shape {np.shape(mask)}, the image {image.shape[:2]}: give those of one"
            " case."
        )
    if mask is None or not mask.any():
        return _undrawn(image)
    drawing, axes = new_figure(1, 2 if truth is None else 3)
    draw_image(axes[0, 0], image, "image")
    draw_image(axes[0, 1], image, f"drawn in {seconds / 60:.1f} minutes")
    draw_outline(axes[0, 1], mask, "student1")
    if truth is not None:
        draw_image(axes[0, 2], image, f"expert, Dice {overlap(mask, truth):.2f}")
        draw_outline(axes[0, 2], truth, "truth")
    return Picture(drawing, describe(mask, truth, seconds))


def _undrawn(image: np.ndarray) -> Picture:
    """An image before the first stroke."""
    drawing, axes = new_figure(1, 2)
    draw_image(axes[0, 0], image, "image")
    draw_image(axes[0, 1], image, "nothing drawn yet")
    return Picture(
        drawing,
        f"An image of {image.shape[0]} x {image.shape[1]} pixels, of which no mask was drawn yet.",
    )


def checked(image: np.ndarray, truth: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The image as `H W C` bytes, and the expert's mask of the same size."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    elif image.ndim == 3 and image.shape[0] in (1, 3):
        image = np.moveaxis(image, 0, -1)
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or image.dtype != np.uint8:
        raise InputError(
            f"An image to draw on is H W, C H W or H W C bytes, this is {image.dtype} of shape"
            f" {image.shape}."
        )
    if truth is not None and np.shape(truth) != image.shape[:2]:
        raise InputError(
            f"The expert's mask has shape {np.shape(truth)}, the image {image.shape[:2]}: give"
            " those of one case."
        )
    return image, None if truth is None else as_class_indices(truth)


def as_class_indices(mask: np.ndarray) -> np.ndarray:
    """A mask as class indices, also where it is black and white, as masks of two classes are often
    kept.

    >>> as_class_indices([0, 255]).tolist(), as_class_indices([0, 1, 2]).tolist()
    ([0, 1], [0, 1, 2])
    """
    mask = np.asarray(mask)
    return mask // 255 if set(np.unique(mask)) == {0, 255} else mask


def describe(mask: np.ndarray, truth: np.ndarray | None, seconds: float) -> str:
    """What was drawn, in words."""
    text = (
        f"A mask of {int((mask > 0).sum())} of {mask.size} pixels, drawn in {seconds / 60:.1f}"
        " minutes"
    )
    if truth is None:
        return f"{text}."
    both = f"the expert marked {int((truth > 0).sum())} pixels"
    return (
        f"{text}; {both}, Dice {overlap(mask, truth):.2f}. At that pace a hundred images take"
        f" {100 * seconds / 3600:.1f} hours."
    )


def widget(
    image: np.ndarray,
    truth: np.ndarray | None = None,
    classes: tuple[str, ...] = ("background", "lesion"),
) -> Any:
    """Draw with mouse, finger or keys; `compare` shows the expert's mask, the Dice and the minutes.
    `.mask` holds the drawing.
    """
    image, truth = checked(image, truth)
    try:
        from ucmt_lite.explore.annotate_widget import Annotate
    except ImportError:
        from ucmt_lite.explore.ellipse import Ellipse

        return Ellipse(image, truth)
    return Annotate(image, truth, classes)
