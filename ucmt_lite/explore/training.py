"""One image over training: what each network says of it, where two of them differ, and how unsure they are."""

from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.errors import InputError
from ucmt_lite.explore.palette import DIFFERENT, NAMES, UNCERTAINTY
from ucmt_lite.explore.picture import Picture, draw_image, draw_outline, new_figure, overlap, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ucmt_lite.traces import Trace


def figure(trace: "Trace", step: int | None = None, image: int = 0) -> Picture:
    """One probe image at one recorded step (the last one where none is named): networks, disagreement, uncertainty.

    The step shown is the recorded one nearest to `step`; `image` counts the probe images from 0.
    """
    where = nearest(trace, step)
    if not 0 <= image < len(trace.image):
        raise InputError(f"image={image}: this trace holds {len(trace.image)} probe images, counted from 0.")
    picture, truth = trace.image[image], trace.truth[image]
    names = list(trace.predictions)
    drawing, axes = new_figure(1, len(names) + 3)
    panels = iter(axes[0])
    draw_image(at := next(panels), picture, "image and truth")
    draw_outline(at, truth, "truth")
    for name in names:
        mask = trace.predictions[name][where, image]
        draw_image(at := next(panels), picture, f"{NAMES[name]}, Dice {overlap(mask, truth):.2f}")
        draw_outline(at, mask, name)
    draw_disagreement(next(panels), trace, where, image)
    at = next(panels)
    shown = at.imshow(
        trace.uncertainty[where, image].astype(float), cmap=UNCERTAINTY, vmin=0, vmax=np.log(len(trace.meta["classes"]))
    )
    at.set_title("uncertainty (nats)", fontsize=9)
    at.set_axis_off()
    drawing.colorbar(shown, ax=at, shrink=0.7)
    drawing.suptitle(f"{trace.method}, after {trace.map_step[where]} iterations", fontsize=10)
    return Picture(drawing, describe(trace, where, image))


def draw_disagreement(axes: "Axes", trace: "Trace", where: int, image: int) -> None:
    """Where the two traced branches decide differently, on the dimmed image."""
    a, b = (trace.predictions[name][where, image] for name in trace.branches)
    draw_image(axes, (trace.image[image] * 0.5).astype(np.uint8), f"they differ on {100 * (a != b).mean():.1f} %")
    axes.imshow(np.ma.masked_equal(a != b, 0), cmap=one_colour(DIFFERENT), vmin=0, vmax=1, interpolation="nearest")


def one_colour(colour: str):
    """A colour map of a single colour."""
    from matplotlib.colors import ListedColormap

    return ListedColormap([colour])


def nearest(trace: "Trace", step: int | None) -> int:
    """The index of the recorded maps nearest to a step; the last where none is named."""
    if not len(trace.map_step):
        raise InputError("This trace holds no maps, only curves: record it again with maps of at least one image.")
    return len(trace.map_step) - 1 if step is None else int(np.abs(trace.map_step - step).argmin())


def describe(trace: "Trace", where: int, image: int) -> str:
    """The picture in words, from its numbers."""
    truth = trace.truth[image]
    masks = {name: trace.predictions[name][where, image] for name in trace.predictions}
    scores = sentence([f"{NAMES[name]} reaches Dice {overlap(mask, truth):.2f}" for name, mask in masks.items()])
    a, b = (masks[name] for name in trace.branches)
    entropy = trace.uncertainty[where, image].astype(float)
    border = edge(truth)
    text = f"{trace.method} after {trace.map_step[where]} iterations on probe image {image}: {scores}."
    if trace.branches[0] != trace.branches[1]:
        text += f" {NAMES[trace.branches[0]].capitalize()} and {NAMES[trace.branches[1]]} differ on {100 * (a != b).mean():.1f} % of the pixels."
    return (
        text
        + f" Mean uncertainty is {entropy.mean():.3f} nats, and {entropy[border].mean():.3f} within two pixels of the true border."
    )


def edge(mask: np.ndarray, width: int = 2) -> np.ndarray:
    """The pixels within `width` of a border between classes.

    >>> edge(np.array([[0, 0, 0, 1, 1, 1, 1]]), width=1).astype(int).tolist()
    [[0, 0, 1, 1, 0, 0, 0]]
    """
    near = np.zeros(mask.shape, bool)
    for axis in range(mask.ndim):
        change = np.diff(mask, axis=axis) != 0
        for shift in range(-width + 1, width + 1):
            place = np.flatnonzero(np.ones(mask.shape[axis] - 1)) + shift
            inside = (place >= 0) & (place < mask.shape[axis])
            index = [slice(None)] * mask.ndim
            index[axis] = place[inside]
            near[tuple(index)] |= np.compress(inside, change, axis=axis)
    return near
