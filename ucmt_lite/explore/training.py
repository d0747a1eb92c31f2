"""One image over training: what each network says of it, where two of them differ, and how unsure
they are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.maps import (
    base,
    checked_trace,
    dice_over_time,
    entropies,
    fitting,
    mean_per_image,
    most_uncertain,
    nearest_look,
    net_titles,
    pseudo_labels,
    read_at,
    trace_title,
    trace_titles,
)
from ucmt_lite.explore.draw.palette import (
    DIFFERENT,
    LABELS,
    NET_COLOURS,
    NET_TITLES,
    STROKES,
    UNCERTAINTY,
)
from ucmt_lite.explore.draw.picture import (
    Picture,
    draw_image,
    draw_outline,
    new_figure,
    overlap,
    sentence,
)
from ucmt_lite.explore.draw.stack import Stack, as_level, show
from ucmt_lite.explore.draw.svg import Line
from ucmt_lite.methods import look_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ucmt_lite.training.traces import Trace

LAYERS = (
    "uncertainty",
    "differ",
    "error",
    "truth",
    "student1",
    "student2",
    "teacher",
)  # in the order they are drawn
CURVES = ("dice", "disagreement", "uncertainty", "error")


def figure(trace: "Trace | Sequence[Trace]", step: int | None = None, image: int = 0) -> Picture:
    """One probe image at one recorded step (the last one where none is named): networks,
    disagreement, uncertainty.

    Several traces make one row each. The step shown is the recorded one nearest to `step`; `image`
    counts the probe images from 0.
    """
    traces = _as_list(trace, image)
    places = [nearest_look(one, step) for one in traces]
    names = [name for name in NET_COLOURS if any(name in one.predictions for one in traces)]
    differ = any(_two_networks(one) for one in traces)
    drawing, axes = new_figure(len(traces), len(names) + 2 + differ)
    for row, one, where, called in zip(axes, traces, places, trace_titles(traces), strict=True):
        _draw_row(row, one, where, image, names)
        row[0].set_title(f"{called}, {one.map_step[where]} iterations", fontsize=9)
    drawing.suptitle(
        f"image and truth, networks, {'disagreement, ' if differ else ''}uncertainty", fontsize=9
    )
    return Picture(
        drawing,
        " ".join(describe(one, where, image) for one, where in zip(traces, places, strict=True)),
    )


def widget(trace: "Trace | Sequence[Trace]", image: int = 0):
    """Scrub through training: layers to switch, curves with a cursor that follows, several runs
    side by side.
    """
    traces = _as_list(trace, image)
    longest = max(traces, key=lambda one: len(one.map_step))
    stack = fitting(
        lambda frames: build_training_stack(traces, longest.map_step[frames]),
        np.arange(len(longest.map_step)),
    )
    stack.spec["controls"][1]["start"] = image
    steps, images = (control["values"] for control in stack.spec["controls"])
    return show(stack, lambda at: figure(traces, steps[at["frame"]], images[at["item"]]))


def _as_list(trace: "Trace | Sequence[Trace]", image: int) -> list["Trace"]:
    """One or several traces, checked; several must have looked at the same images."""
    given: Any = trace if isinstance(trace, list | tuple) else [trace]
    traces = [checked_trace(one, image=image) for one in given]
    if not traces:
        raise InputError("There is nothing to show: give at least one trace.")
    for one in traces[1:]:
        if one.image.shape != traces[0].image.shape or not np.array_equal(
            one.image, traces[0].image
        ):
            raise InputError(
                f"The traces of {trace_title(traces[0])} and {trace_title(one)} watched different"
                " images: record both with the same data set, size and seed."
            )
    return traces


def build_training_stack(traces: Sequence["Trace"], steps: np.ndarray) -> Stack:
    """Everything the viewer needs to show these runs at these steps."""
    stack = Stack(f"Training of {sentence(trace_titles(traces))}, image by image")
    stack.control("frame", "iterations", steps, start=len(steps) - 1, play=True)
    stack.control("item", "image", range(len(traces[0].image)))
    stack.scale(most_uncertain(traces[0]))
    for key in LAYERS:
        if key in ("uncertainty", "differ", "error", "truth") or any(
            key in one.predictions for one in traces
        ):
            stack.layer(key, on=key not in ("uncertainty", "error"))
    image, truth = base(stack, traces[0].image), stack.put(traces[0].truth, "item y x")
    for called, one in zip(trace_titles(traces), traces, strict=True):
        _add_panel(
            stack, one, called, np.array([nearest_look(one, step) for step in steps]), image, truth
        )
    if len(traces) == 1 and any(f"dice/{name}" in traces[0].curves for name in NET_COLOURS):
        _add_networks_chart(stack, traces[0], steps)
    else:
        _add_chart(stack, traces, "dice", steps)
    for curve in CURVES[1:]:
        _add_chart(stack, traces, curve, steps)
    return stack


def _add_panel(
    stack: Stack, trace: "Trace", called: str, frames: np.ndarray, image: dict, truth: dict
) -> None:
    """One run: its maps as layers, its numbers below."""
    most, source = most_uncertain(trace), pseudo_labels(trace)
    masks = {name: maps[frames] for name, maps in trace.predictions.items()}
    refs = {
        name: [stack.put(maps.astype(np.uint8), "frame item y x")] for name, maps in masks.items()
    }
    a, b = trace.branches
    layers = {"truth": [truth], "error": [refs[source][0], truth], **refs}
    if _two_networks(trace):
        layers["differ"] = [refs[a][0], refs[b][0]]
    entropy = entropies(trace)[frames]
    layers["uncertainty"] = [stack.put(as_level(entropy, most), "frame item y x")]
    numbers = [
        (f"{NET_TITLES[name]} Dice", dice_over_time(trace, name, frames), 1, "", 3)
        for name in trace.predictions
    ]
    if _two_networks(trace):
        numbers.append(("they differ on", mean_per_image(masks[a] != masks[b]), 100, " %", 1))
    numbers.append(
        ("pseudo label wrong on", mean_per_image(masks[source] != trace.truth), 100, " %", 1)
    )
    numbers.append(("mean uncertainty", mean_per_image(entropy), 1, " nats", 3))
    readouts = [(label, stack.put(values, "frame item"), *how) for label, values, *how in numbers]
    classes = list(trace.meta["classes"])
    stack.panel(called, image, trace.truth.shape[1:], layers, readouts=readouts, classes=classes)


def _add_networks_chart(stack: Stack, trace: "Trace", steps: np.ndarray) -> None:
    """Dice of every network of one run."""
    names = [name for name in trace.predictions if f"dice/{name}" in trace.curves]
    lines = [
        Line(NET_TITLES[n], trace.step, trace.curves[f"dice/{n}"], NET_COLOURS[n], STROKES[n])
        for n in names
    ]
    values = [stack.put(read_at(line.x, line.y, steps), "frame") for line in lines]
    stack.chart(lines, values, LABELS["dice"], "iterations", control="frame", at=steps, y=(0, 1))


def _add_chart(stack: Stack, traces: Sequence["Trace"], curve: str, steps: np.ndarray) -> None:
    """One curve of every run that has it."""
    lines = [
        Line(called, one.step, one.curves[curve], *look_of(one.method, "currentColor"))
        for called, one in zip(trace_titles(traces), traces, strict=True)
        if curve in one.curves
    ]
    if lines:
        values = [stack.put(read_at(line.x, line.y, steps), "frame") for line in lines]
        limits = (
            {"y": (0, 1)}
            if curve == "dice"
            else {"y": (0, max(float(np.nanmax(line.y)) for line in lines) or 1)}
        )
        stack.chart(lines, values, LABELS[curve], "iterations", control="frame", at=steps, **limits)


def _draw_row(
    row: np.ndarray, trace: "Trace", where: int, image: int, names: Sequence[str]
) -> None:
    """One run of the still picture."""
    picture, truth, classes = trace.image[image], trace.truth[image], len(trace.meta["classes"])
    for at in row:  # what a run does not have stays empty
        at.set_axis_off()
    draw_image(row[0], picture)
    draw_outline(row[0], truth, "truth")
    for at, name in zip(row[1:], names, strict=False):
        if name in trace.predictions:
            mask = trace.predictions[name][where, image]
            draw_image(at, picture, f"{NET_TITLES[name]}, Dice {overlap(mask, truth, classes):.2f}")
            draw_outline(at, mask, name)
    if _two_networks(trace):
        _draw_disagreement(row[-2], trace, where, image)
    draw_uncertainty(row[-1], entropies(trace)[where, image], most_uncertain(trace))


def _two_networks(trace: "Trace") -> bool:
    """Whether the traced branches are two networks, not one beside itself, as of a supervised run."""
    return trace.branches[0] != trace.branches[1]


def draw_uncertainty(at: "Axes", entropy: np.ndarray, most: float) -> None:
    """An entropy map with its scale in nats."""
    shown = at.imshow(
        entropy.astype(float), cmap=UNCERTAINTY, vmin=0, vmax=most, interpolation="nearest"
    )
    at.set_title("uncertainty (nats)", fontsize=9)
    at.set_axis_off()
    at.figure.colorbar(shown, ax=at, shrink=0.7)


def _draw_disagreement(axes: "Axes", trace: "Trace", where: int, image: int) -> None:
    """Where the two traced branches decide differently, on the dimmed image."""
    a, b = (trace.predictions[name][where, image] for name in trace.branches)
    draw_image(
        axes,
        (trace.image[image] * 0.5).astype(np.uint8),
        f"they differ on {100 * (a != b).mean():.1f} %",
    )
    axes.imshow(
        np.ma.masked_equal(a != b, 0),
        cmap=one_colour(DIFFERENT),
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )


def one_colour(colour: str):
    """A colour map of a single colour."""
    from matplotlib.colors import ListedColormap

    return ListedColormap([colour])


def describe(trace: "Trace", where: int, image: int) -> str:
    """The picture in words, from its numbers."""
    truth, classes = trace.truth[image], len(trace.meta["classes"])
    masks = {name: trace.predictions[name][where, image] for name in trace.predictions}
    reached = {
        said: overlap(masks[name], truth, classes) for name, said in net_titles(trace).items()
    }
    scores = sentence([f"{said} reaches Dice {dice:.2f}" for said, dice in reached.items()])
    a, b = (masks[name] for name in trace.branches)
    entropy = entropies(trace)[where, image].astype(float)
    text = (
        f"{trace_title(trace)} after {trace.map_step[where]} iterations on probe image {image}:"
        f" {scores}."
    )
    if _two_networks(trace):
        one, other = (NET_TITLES[name] for name in trace.branches)
        text += (
            f" {one.capitalize()} and {other} differ on {100 * (a != b).mean():.1f} % of the"
            " pixels."
        )
    text += f" Mean uncertainty is {entropy.mean():.3f} nats"
    border = edge(truth)
    return text + (
        f", and {entropy[border].mean():.3f} within two pixels of the true border."
        if border.any()
        else "."
    )


def edge(mask: np.ndarray, width: int = 2) -> np.ndarray:
    """The pixels within `width` of a border between classes.

    >>> edge(np.array([[0, 0, 0, 1, 1, 1, 1]]), width=1).astype(int).tolist()
    [[0, 0, 1, 1, 0, 0, 0]]
    """
    near = np.zeros(mask.shape, bool)
    for axis in range(mask.ndim):
        change = np.diff(mask.astype(np.int16), axis=axis) != 0
        for shift in range(-width + 1, width + 1):
            place = np.flatnonzero(np.ones(mask.shape[axis] - 1)) + shift
            inside = (place >= 0) & (place < mask.shape[axis])
            index = [slice(None)] * mask.ndim
            index[axis] = place[inside]
            near[tuple(index)] |= np.compress(inside, change, axis=axis)
    return near
