"""One image over training: what each network says of it, where two differ, how unsure they are."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.maps import (
    checked_trace,
    dice_over_time,
    entropies,
    fitting,
    mean_per_image,
    most_uncertain,
    nearest_look,
    net_titles,
    pseudo_labels,
    put_images,
    read_curve,
    trace_title,
    trace_titles,
)
from ucmt_lite.explore.draw.palette import DIFFERENT, LABELS, NET_COLOURS, NET_TITLES, STROKES
from ucmt_lite.explore.draw.picture import (
    Picture,
    draw_image,
    draw_outline,
    draw_uncertainty,
    new_figure,
    one_colour,
    overlap,
    sentence,
)
from ucmt_lite.explore.draw.stack import Stack, as_level
from ucmt_lite.explore.draw.svg import Line
from ucmt_lite.methods import look_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ucmt_lite.explore.draw.viewer import Sliders, StackWidget
    from ucmt_lite.training.traces import Trace

# In the order they are drawn; networks are layers of the runs that have them.
MAP_LAYERS = ("uncertainty", "differ", "error", "truth")
LAYERS = (*MAP_LAYERS, "student1", "student2", "teacher")
CHARTS = ("dice", "disagreement", "uncertainty", "error")


def figure(trace: "Trace | Sequence[Trace]", step: int | None = None, image: int = 0) -> Picture:
    """Return one probe image at one recorded step: networks, disagreement, uncertainty.

    Several traces make one row each, one alone rows of three panels, which a phone can show. The
    step shown is the recorded one nearest to `step`, the last one where none is named; `image`
    counts the probe images from 0.
    """
    traces = _as_list(trace, image)
    frames = [nearest_look(trace, step) for trace in traces]
    names = [name for name in NET_COLOURS if any(name in trace.predictions for trace in traces)]
    differ = any(_two_networks(trace) for trace in traces)
    panels = len(names) + 2 + differ
    columns = 3 if panels > 4 and len(traces) == 1 else panels
    drawing, axes = new_figure(len(traces) * math.ceil(panels / columns), columns)
    for ax in axes.flat:  # what a run does not have stays empty
        ax.set_axis_off()
    rows = zip(axes.reshape(len(traces), -1), traces, frames, trace_titles(traces), strict=True)
    for row, one_trace, frame, title in rows:
        _draw_row(row, one_trace, frame, image, names)
        row[0].set_title(f"{title}, {one_trace.map_step[frame]} iterations", fontsize=9)
    disagreement = "disagreement, " if differ else ""
    drawing.suptitle(f"image and truth, networks, {disagreement}uncertainty", fontsize=9)
    sentences = [describe(*each, image) for each in zip(traces, frames, strict=True)]
    return Picture(drawing, " ".join(sentences))


def widget(trace: "Trace | Sequence[Trace]", image: int = 0) -> "StackWidget | Sliders":
    """Scrub through training: layers to switch, curves with a cursor, several runs side by side."""
    # Importing widgets takes as long as all else that a figure needs.
    from ucmt_lite.explore.draw.viewer import show

    traces = _as_list(trace, image)
    longest = max(traces, key=lambda trace: len(trace.map_step))
    stack = fitting(
        lambda frames: build_training_stack(traces, longest.map_step[frames]),
        np.arange(len(longest.map_step)),
    )
    stack.spec["controls"][1]["start"] = image
    steps, images = (control["values"] for control in stack.spec["controls"])
    return show(
        stack, lambda position: figure(traces, steps[position["frame"]], images[position["item"]])
    )


def describe(trace: "Trace", frame: int, image: int) -> str:
    """Return the picture in words, from its numbers."""
    truth, classes = trace.truth[image], len(trace.meta["classes"])
    masks = {name: maps[frame, image] for name, maps in trace.predictions.items()}
    scores = [
        f"{title} reaches Dice {overlap(masks[name], truth, classes):.2f}"
        for name, title in net_titles(trace).items()
    ]
    text = (
        f"{trace_title(trace)} after {trace.map_step[frame]} iterations on probe image {image}:"
        f" {sentence(scores)}."
    )
    if _two_networks(trace):
        a, b = trace.branches
        different = 100 * (masks[a] != masks[b]).mean()
        text += (
            f" {NET_TITLES[a].capitalize()} and {NET_TITLES[b]} differ on {different:.1f} % of the"
            " pixels."
        )
    entropy = entropies(trace)[frame, image].astype(float)
    text += f" Mean uncertainty is {entropy.mean():.3f} nats"
    border = edge(truth)
    if not border.any():
        return f"{text}."
    return f"{text}, and {entropy[border].mean():.3f} within two pixels of the true border."


def _as_list(trace: "Trace | Sequence[Trace]", image: int) -> list["Trace"]:
    """Return one or several traces, checked; several must have looked at the same images."""
    values: Any = trace if isinstance(trace, list | tuple) else [trace]
    traces = [checked_trace(value, image=image) for value in values]
    if not traces:
        raise InputError("There is nothing to show: give at least one trace.")
    first = traces[0]
    for other in traces[1:]:
        same_shape = other.image.shape == first.image.shape
        if not same_shape or not np.array_equal(other.image, first.image):
            raise InputError(
                f"The traces of {trace_title(first)} and {trace_title(other)} watched different"
                " images: record both with the same data set, size and seed."
            )
    return traces


def build_training_stack(traces: Sequence["Trace"], steps: np.ndarray) -> Stack:
    """Return everything the viewer needs to show these runs at these steps."""
    titles = trace_titles(traces)
    stack = Stack(f"Training of {sentence(titles)}, image by image")
    stack.control("frame", "iterations", steps, still=len(steps) - 1, play=True)
    stack.control("item", "image", range(len(traces[0].image)))
    stack.scale(most_uncertain(traces[0]))
    for key in LAYERS:
        if key in MAP_LAYERS or any(key in trace.predictions for trace in traces):
            stack.layer(key, on=key not in ("uncertainty", "error"))
    image = put_images(stack, traces[0].image)
    truth = stack.put(traces[0].truth, "item y x")
    for title, trace in zip(titles, traces, strict=True):
        frames = np.array([nearest_look(trace, step) for step in steps])
        _add_panel(stack, trace, title, frames, image, truth)
    if len(traces) == 1 and any(f"dice/{name}" in traces[0].curves for name in NET_COLOURS):
        _add_networks_chart(stack, traces[0], steps)
    else:
        _add_chart(stack, traces, "dice", steps)
    for curve in CHARTS[1:]:
        _add_chart(stack, traces, curve, steps)
    return stack


def _add_panel(
    stack: Stack, trace: "Trace", title: str, frames: np.ndarray, image: dict, truth: dict
) -> None:
    """Add one run: its maps as layers, its numbers below."""
    masks = {name: maps[frames] for name, maps in trace.predictions.items()}
    refs = {
        name: [stack.put(maps.astype(np.uint8), "frame item y x")] for name, maps in masks.items()
    }
    a, b = trace.branches
    source = pseudo_labels(trace)
    layers = {"truth": [truth], "error": [refs[source][0], truth], **refs}
    if _two_networks(trace):
        layers["differ"] = [refs[a][0], refs[b][0]]
    entropy = entropies(trace)[frames]
    levels = as_level(entropy, most_uncertain(trace))
    layers["uncertainty"] = [stack.put(levels, "frame item y x")]
    numbers = [
        (f"{NET_TITLES[name]} Dice", dice_over_time(trace, name, frames), 1, "", 3)
        for name in trace.predictions
    ]
    if _two_networks(trace):
        numbers.append(("they differ on", mean_per_image(masks[a] != masks[b]), 100, " %", 1))
    wrong = masks[source] != trace.truth
    numbers.append(("pseudo label wrong on", mean_per_image(wrong), 100, " %", 1))
    numbers.append(("mean uncertainty", mean_per_image(entropy), 1, " nats", 3))
    readouts = [
        (label, stack.put(values, "frame item"), *style) for label, values, *style in numbers
    ]
    classes = list(trace.meta["classes"])
    stack.panel(title, image, trace.truth.shape[1:], layers, readouts=readouts, classes=classes)


def _add_networks_chart(stack: Stack, trace: "Trace", steps: np.ndarray) -> None:
    """Add the Dice of every network of one run."""
    lines = [
        Line(NET_TITLES[n], trace.step, trace.curves[f"dice/{n}"], NET_COLOURS[n], STROKES[n])
        for n in trace.predictions
        if f"dice/{n}" in trace.curves
    ]
    _add_lines(stack, lines, "dice", steps)


def _add_chart(stack: Stack, traces: Sequence["Trace"], curve: str, steps: np.ndarray) -> None:
    """Add one curve of every run that has it."""
    lines = [
        Line(title, trace.step, trace.curves[curve], *look_of(trace.method, "currentColor"))
        for title, trace in zip(trace_titles(traces), traces, strict=True)
        if curve in trace.curves
    ]
    if lines:
        _add_lines(stack, lines, curve, steps)


def _add_lines(stack: Stack, lines: Sequence[Line], curve: str, steps: np.ndarray) -> None:
    """Add a chart of lines, with their values where the cursor stands."""
    top = 1.0
    if curve != "dice":
        top = max(float(np.nanmax(line.y)) for line in lines) or 1.0
    stack.chart(
        lines,
        [stack.put(read_curve(line.x, line.y, steps), "frame") for line in lines],
        LABELS[curve],
        "iterations",
        control="frame",
        positions=steps,
        scales=[{"y": (0, top)}],
    )


def _draw_row(
    row: np.ndarray, trace: "Trace", frame: int, image: int, names: Sequence[str]
) -> None:
    """Draw one run of the still picture."""
    pixels, truth, classes = trace.image[image], trace.truth[image], len(trace.meta["classes"])
    draw_image(row[0], pixels)
    draw_outline(row[0], truth, "truth")
    for ax, name in zip(row[1:], names, strict=False):
        if name in trace.predictions:
            mask = trace.predictions[name][frame, image]
            draw_image(ax, pixels, f"{NET_TITLES[name]}, Dice {overlap(mask, truth, classes):.2f}")
            draw_outline(ax, mask, name)
    if _two_networks(trace):
        _draw_disagreement(row[-2], trace, frame, image)
    draw_uncertainty(row[-1], entropies(trace)[frame, image], most_uncertain(trace))


def _two_networks(trace: "Trace") -> bool:
    """Return whether the traced branches are two networks, not one beside itself."""
    return trace.branches[0] != trace.branches[1]


def _draw_disagreement(ax: "Axes", trace: "Trace", frame: int, image: int) -> None:
    """Draw where the two traced branches decide differently, on the dimmed image."""
    a, b = (trace.predictions[name][frame, image] for name in trace.branches)
    dimmed = (trace.image[image] * 0.5).astype(np.uint8)
    draw_image(ax, dimmed, f"they differ on {100 * (a != b).mean():.1f} %")
    ax.imshow(
        np.ma.masked_equal(a != b, 0),
        cmap=one_colour(DIFFERENT),
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )


def edge(mask: np.ndarray, width: int = 2) -> np.ndarray:
    """Return the pixels within `width` of a border between classes.

    >>> edge(np.array([[0, 0, 0, 1, 1, 1, 1]]), width=1).astype(int).tolist()
    [[0, 0, 1, 1, 0, 0, 0]]
    """
    near = np.zeros(mask.shape, bool)
    for axis in range(mask.ndim):
        change = np.diff(mask.astype(np.int16), axis=axis) != 0
        for shift in range(-width + 1, width + 1):
            positions = np.arange(mask.shape[axis] - 1) + shift
            inside = (positions >= 0) & (positions < mask.shape[axis])
            index = [slice(None)] * mask.ndim
            index[axis] = positions[inside]
            near[tuple(index)] |= np.compress(inside, change, axis=axis)
    return near
