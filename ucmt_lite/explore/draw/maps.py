"""The maps of a trace, checked before anything is drawn, and the numbers read from them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.palette import NET_TITLES
from ucmt_lite.explore.draw.picture import overlap
from ucmt_lite.explore.draw.stack import MAX_BYTES, Stack
from ucmt_lite.methods import title_of

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace


def as_trace(value: Any) -> "Trace":
    """Return the value if it is a trace; anything else is refused."""
    if not hasattr(value, "map_step"):
        raise InputError(
            f"A trace is needed, this is a {type(value).__name__}: open one with"
            " ucmt_lite.training.traces.load_trace or recorded."
        )
    return value


def checked_trace(trace: "Trace", *, image: int = 0) -> "Trace":
    """Return the trace if it holds everything an explorer draws.

    A trace of volumes becomes one of the slices that show most of the truth.
    """
    if not len(as_trace(trace).step):
        raise InputError(
            "This trace is empty: nothing was recorded before the run ended; record it again."
        )
    if not len(trace.map_step) or not len(trace.image) or not trace.predictions:
        raise InputError(
            "This trace holds no maps, only curves: record it again with maps of at least one"
            " image."
        )
    check_image_index(trace, image)
    shape = trace.image.shape[:-1]
    maps = {"truth": trace.truth, "uncertainty": entropies(trace)[0]}
    maps |= {name: masks[0] for name, masks in trace.predictions.items()}
    if trace.ambiguity is not None:
        maps["ambiguity"] = trace.ambiguity
    for name, values in maps.items():
        if values.shape != shape:
            raise InputError(
                f"The maps '{name}' have shape {values.shape}, the images {shape}: record the trace"
                " again."
            )
    for name in trace.branches:
        if name not in trace.predictions:
            raise InputError(
                f"This trace has no maps of '{name}', whose disagreement it follows: record it"
                " again."
            )
    return trace if trace.truth.ndim == 3 else _flat(trace)


def check_image_index(trace: "Trace", image: int) -> None:
    """Refuse a probe image that the trace does not hold."""
    if not 0 <= image < len(trace.image):
        raise InputError(
            f"image={image}: this trace holds {len(trace.image)} probe images, counted from 0."
        )


def entropies(trace: "Trace") -> np.ndarray:
    """Return the uncertainty maps of a trace, `M P *S` nats."""
    if trace.uncertainty is None:
        raise InputError(
            "This trace holds no uncertainty maps: record it again with `ucmt-lite run`."
        )
    return trace.uncertainty


def _flat(trace: "Trace") -> "Trace":
    """Return a trace of volumes as one of images.

    Of each volume this is the slice along its first axis with most of the truth.
    """
    best = (trace.truth > 0).sum(axis=(2, 3)).argmax(axis=1)  # P
    every = np.arange(len(best))
    return replace(
        trace,
        image=trace.image[every, best],
        truth=trace.truth[every, best],
        predictions={name: maps[:, every, best] for name, maps in trace.predictions.items()},
        uncertainty=entropies(trace)[:, every, best],
        ambiguity=None if trace.ambiguity is None else trace.ambiguity[every, best],
    )


def nearest_look(trace: "Trace", step: int | None) -> int:
    """Return the index of the recorded maps nearest to a step; the last where none is named."""
    return len(trace.map_step) - 1 if step is None else int(np.abs(trace.map_step - step).argmin())


def trace_title(trace: "Trace") -> str:
    """Return the title of a run's method."""
    return title_of(trace.method)


def trace_titles(traces: Sequence["Trace"]) -> list[str]:
    """Return the titles of several runs; the seed, or a number, tells runs of one method apart."""
    titles = [trace_title(trace) for trace in traces]
    seeded = [
        f"{title}, seed {trace.meta['seed']}"
        if titles.count(title) > 1 and "seed" in trace.meta
        else title
        for title, trace in zip(titles, traces, strict=True)
    ]
    return [
        f"{title} ({seeded[:i].count(title) + 1})" if seeded.count(title) > 1 else title
        for i, title in enumerate(seeded)
    ]


def most_uncertain(trace: "Trace") -> float:
    """Return ln K nats, the entropy of a pixel about which nothing is known.

    The scale of every uncertainty map ends there.
    """
    return float(np.log(len(trace.meta["classes"])))


def pseudo_labels(trace: "Trace") -> str:
    """Return who makes the pseudo labels: the teacher where there is one, else the other branch."""
    return "teacher" if "teacher" in trace.predictions else trace.branches[1]


def dice_over_time(trace: "Trace", name: str, frames: np.ndarray) -> np.ndarray:
    """Return the Dice of one network on every probe image at every frame, `M P`."""
    masks = trace.predictions[name][frames]
    classes = len(trace.meta["classes"])
    return np.array(
        [[overlap(*pair, classes) for pair in zip(row, trace.truth, strict=True)] for row in masks]
    )


def mean_per_image(maps: np.ndarray) -> np.ndarray:
    """Return the mean of maps over their last two axes: of a boolean map, the share of pixels."""
    return maps.mean(axis=(-2, -1), dtype=np.float64)


def put_images(stack: Stack, image: np.ndarray) -> dict:
    """Put probe images `P H W C` into a stack, grey ones without their channel axis."""
    if image.shape[-1] == 1:
        return stack.put(image[..., 0], "item y x")
    return stack.put(image[..., :3], "item y x c")


def read_curve(step: np.ndarray, values: np.ndarray, map_step: np.ndarray) -> np.ndarray:
    """Return the values of a curve at the recorded steps nearest to those of the maps."""
    return values[np.abs(step[:, None] - map_step).argmin(axis=0)]


def fitting(build: Callable[[np.ndarray], Stack], frames: np.ndarray) -> Stack:
    """Return the stack of all frames, or of fewer where all are too many to send.

    Of those every second, fourth ... frame is left; the last stays.
    """
    stack = build(frames)
    while len(stack.packed()) > MAX_BYTES and len(frames) > 2:
        frames = frames[::-1][::2][::-1]
        stack = build(frames)
    return stack


def net_titles(trace: "Trace") -> dict[str, str]:
    """Return the titles of the networks of a trace, by their names."""
    return {name: NET_TITLES.get(name, name) for name in trace.predictions}
