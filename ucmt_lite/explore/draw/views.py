"""A picture of the views that training makes of a set: what to look at before training on it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.picture import (
    Picture,
    draw_image,
    draw_outline,
    new_figure,
    sentence,
    to_bytes,
)

if TYPE_CHECKING:
    from torch import Tensor

    from ucmt_lite.data import Cases
    from ucmt_lite.data.views import Strength

__all__ = ["draw_views"]

_COLUMNS = ("image", "weak view", "strong view 1", "strong view 2")


def draw_views(
    cases: "Cases",
    strength: "Strength",
    seed: int = 0,
    count: int = 4,
    patch: Sequence[int] | None = None,
) -> Picture:
    """Return a picture of some images of a set beside their views, with the outlines of masks.

    Images and views are those that `data.Batches` makes of the labeled images in the first step of
    a run with this seed: one weak view of each, two strong views of that. Of a volume, or of its
    `patch`, the slice along the last axis with most of the mask is shown.

    >>> from ucmt_lite.data import cases, load
    >>> from ucmt_lite.data.views import strength_of
    >>> split = load("phantom_heart", size=32).splits["test"]
    >>> draw_views(cases(split.select(range(2)), size=32), strength_of(2), count=2).alt
    '2 images, each as it is, in its weak view and in two strong views, with the outlines of their
    masks. Masks cover ... % of the images and ... % of the weak views; mean brightness is ...'
    """
    from ucmt_lite.data import Batches

    if count < 1:
        raise InputError(f"count={count} images show nothing: give at least 1.")
    count = min(count, len(cases))
    batches = Batches(cases, cases, batch=(count, 1), patch=patch, views=strength, seed=seed)
    images, masks = batches.draw(batches.labeled, 0, 0)
    batch = batches(0)

    figure, axes = new_figure(count, len(_COLUMNS), width=1.9, height=2.0)
    standardized = images.is_floating_point()  # else bytes, whose views are in -1..1
    pictures = [_as_pictures(images, masks, standardized)]
    for view in (batch.x, batch.x1, batch.x2):
        pictures.append(_as_pictures(view, batch.y, standardized))
    for column, (title, views) in enumerate(zip(_COLUMNS, pictures, strict=True)):
        for row, (pixels, mask) in enumerate(views):
            draw_image(axes[row, column], pixels, "" if row else title)
            draw_outline(axes[row, column], mask, "truth")
    return Picture(figure, _in_words(count, masks, batch.y, pictures))


def _as_pictures(
    images: "Tensor", masks: "Tensor", standardized: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return images `B C *S` as bytes `H W C`, each with its mask `H W`.

    Standardized values are shown from -2 to 4 deviations, as in a recorded trace.
    """
    if standardized:
        images = (images.float() - 1) / 3
    pairs = zip(images.numpy(), masks.numpy(), strict=True)
    flat = [_flat(image, mask) for image, mask in pairs]
    return [(to_bytes(image), mask) for image, mask in flat]


def _flat(image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an image `C *S` and its mask in two dims."""
    if mask.ndim == 2:
        return image, mask
    best = (mask > 0).sum(axis=(0, 1)).argmax()
    return image[..., best], mask[..., best]


def _in_words(
    count: int,
    masks: "Tensor",
    weak_masks: "Tensor",
    pictures: list[list[tuple[np.ndarray, np.ndarray]]],
) -> str:
    """Return the sentence of the picture, with numbers of what it shows."""
    before, after = (100 * (labels > 0).float().mean().item() for labels in (masks, weak_masks))
    brightness = [np.mean([pixels.mean() for pixels, _ in views]) / 255 for views in pictures]
    levels = sentence([f"{level:.2f}" for level in brightness])
    noun = "image" if count == 1 else "images"
    return (
        f"{count} {noun}, each as it is, in its weak view and in two strong views, with the"
        f" outlines of their masks. Masks cover {before:.1f} % of the images and {after:.1f} % of"
        f" the weak views; mean brightness is {levels}, column by column."
    )
