"""A picture of a set: its images with their masks, and the views that training makes of them."""

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
    from matplotlib.figure import Figure
    from torch import Tensor

    from ucmt_lite.data import Cases
    from ucmt_lite.data.views import Strength

__all__ = ["draw_views"]

_VIEWS = ("weak view 1", "strong view of 1", "weak view 2", "strong view of 2")
_LONGEST = 26  # letters of a name that stand above an image
_Shown = tuple[np.ndarray, np.ndarray]  # an image as bytes `H W C`, and its mask `H W`


def draw_views(
    cases: "Cases",
    strength: "Strength",
    *,
    seed: int = 0,
    count: int = 4,
    patch: Sequence[int] | None = None,
    classes: Sequence[str] = (),
    sizes: Sequence[Sequence[int]] = (),
) -> Picture:
    """Return a picture of the first images of a set beside their views, with outlines of masks.

    Each row is what `data.Batches` makes of that image in the first two steps of a run: a weak
    view, and a strong view of that. Of a volume, or of its `patch`, the slice along the last axis
    with most of the mask is shown. `classes` are the names; with more than one in the foreground
    each has a colour. `sizes`: the sides that the images have in their files, where they were
    resized.

    >>> from ucmt_lite.data import cases, load
    >>> from ucmt_lite.data.views import strength_of
    >>> split = load("phantom_heart", size=32).splits["test"]
    >>> draw_views(cases(split.select(range(2)), size=32), strength_of(2), count=2).alt
    '2 images (test_0000 and test_0001), each as it is and in two weak views, with a strong view of
    each, and the outlines of the masks. Masks cover ... % of the images and ... % of the weak
    views; mean brightness is ..., column by column.'
    """
    if count < 1:
        raise InputError(f"count={count} images show nothing: give at least 1.")
    ids = cases.ids[:count]
    rows = [_row(cases.select([key]), strength, seed + i, patch) for i, key in enumerate(ids)]
    colours = _class_colours(classes)
    figure, axes = new_figure(len(rows), 1 + len(_VIEWS), width=1.9, height=2.1)
    for i, row in enumerate(rows):
        size = sizes[i] if sizes else cases.masks[i].shape
        titles = (_title(ids[i], size), *(_VIEWS if i == 0 else [""] * len(_VIEWS)))
        for ax, (pixels, mask), title in zip(axes[i], row, titles, strict=True):
            draw_image(ax, pixels, title)
            draw_outline(ax, mask, "truth", colours)
    if colours:
        _add_legend(figure, classes, colours)
    return Picture(figure, _in_words(ids, rows))


def _row(
    case: "Cases", strength: "Strength", seed: int, patch: Sequence[int] | None
) -> list[_Shown]:
    """Return an image, and a weak and a strong view of it from each of two steps."""
    from ucmt_lite.data import Batches

    batches = Batches(case, case, batch=(1, 1), patch=patch, views=strength, seed=seed)
    image, mask = batches.draw(batches.labeled, 0, 0)
    standardized = image.is_floating_point()  # else bytes, whose views are in -1..1
    first, second = batches(0), batches(1)
    pairs = [(image, mask), (first.x, first.y), (first.x1, first.y)]
    pairs += [(second.x, second.y), (second.x1, second.y)]
    return [_as_picture(pixels[0], labels[0], standardized) for pixels, labels in pairs]


def _as_picture(image: "Tensor", mask: "Tensor", standardized: bool) -> _Shown:
    """Return an image `C *S` as bytes `H W C`, with its mask `H W`.

    Standardized values are shown from -2 to 4 deviations, as in a recorded trace.
    """
    pixels, labels = ((image.float() - 1) / 3 if standardized else image).numpy(), mask.numpy()
    if labels.ndim == 3:
        best = (labels > 0).sum(axis=(0, 1)).argmax()
        pixels, labels = pixels[..., best], labels[..., best]
    return to_bytes(pixels), labels


def _title(name: str, size: Sequence[int]) -> str:
    """Return what stands above an image: its name, shortened in its middle, and its size.

    >>> _title("a_name_of_more_letters_than_a_title_holds", (480, 640))
    'a_name_of_m...title_holds\\n480 x 640 pixels'
    """
    half = _LONGEST // 2 - 2
    short = name if len(name) <= _LONGEST else f"{name[:half]}...{name[-half:]}"
    unit = "pixels" if len(size) == 2 else "voxels"
    return f"{short}\n{' x '.join(str(side) for side in size)} {unit}"


def _class_colours(classes: Sequence[str]) -> list[str] | None:
    """Return a colour for each class index where there are several in the foreground."""
    from ucmt_lite.predict.overlays import PALETTE

    if len(classes) <= 2:
        return None
    return ["#{:02x}{:02x}{:02x}".format(*PALETTE[k]) for k in range(len(classes))]


def _add_legend(figure: "Figure", classes: Sequence[str], colours: Sequence[str]) -> None:
    """Say below the images which outline is which class."""
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import Normal, Stroke

    lines = [
        Line2D([], [], color=colour, label=name, path_effects=[Stroke(linewidth=3.4), Normal()])
        for colour, name in zip(colours[1:], classes[1:], strict=True)
    ]
    figure.legend(handles=lines, loc="outside lower center", ncols=4, fontsize=9, frameon=False)


def _in_words(ids: Sequence[str], rows: Sequence[Sequence[_Shown]]) -> str:
    """Return the sentence of the picture, with numbers of what it shows."""
    columns = list(zip(*rows, strict=True))
    shares = [100 * np.mean([(mask > 0).mean() for _, mask in column]) for column in columns]
    levels = [np.mean([pixels.mean() for pixels, _ in column]) / 255 for column in columns]
    noun = "image" if len(ids) == 1 else "images"
    return (
        f"{len(ids)} {noun} ({sentence(list(ids))}), each as it is and in two weak views, with a"
        f" strong view of each, and the outlines of the masks. Masks cover {shares[0]:.1f} % of the"
        f" {noun} and {np.mean([shares[1], shares[3]]):.1f} % of the weak views; mean brightness is"
        f" {sentence([f'{level:.2f}' for level in levels])}, column by column."
    )
