"""The maps of a trace, checked before anything is drawn, and the numbers read from them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.palette import NET_TITLES
from ucmt_lite.explore.draw.picture import overlap
from ucmt_lite.explore.draw.stack import MOST, Stack
from ucmt_lite.methods import METHODS

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace


def as_trace(given: Any) -> "Trace":
    """What was given, if it is a trace."""
    if not hasattr(given, "map_step"):
        raise InputError(
            f"A trace is needed, this is a {type(given).__name__}: open one with"
            " ucmt_lite.training.traces.load or recorded."
        )
    return given


def checked_trace(trace: "Trace", *, image: int = 0) -> "Trace":
    """The trace, if it holds everything an explorer draws; volumes become the slice that shows most
    of the truth.
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
    if not 0 <= image < len(trace.image):
        raise InputError(
            f"image={image}: this trace holds {len(trace.image)} probe images, counted from 0."
        )
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
    return trace if trace.truth.ndim == 3 else flat(trace)


def entropies(trace: "Trace") -> np.ndarray:
    """The uncertainty maps of a trace, `M P *S` nats."""
    if trace.uncertainty is None:
        raise InputError(
            "This trace holds no uncertainty maps: record it again with `ucmt-lite run`."
        )
    return trace.uncertainty


def flat(trace: "Trace") -> "Trace":
    """A trace of volumes as one of images: of each volume the slice along its first axis with most
    of the truth.
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
    """The index of the recorded maps nearest to a step; the last where none is named."""
    return len(trace.map_step) - 1 if step is None else int(np.abs(trace.map_step - step).argmin())


def trace_title(trace: "Trace") -> str:
    """What a run is called."""
    return METHODS[trace.method].title if trace.method in METHODS else trace.method


def trace_titles(traces: Sequence["Trace"]) -> list[str]:
    """What several runs are called; the seed, or a number, tells runs of one method apart."""
    names = [trace_title(trace) for trace in traces]
    told = [
        (
            f"{name}, seed {trace.meta['seed']}"
            if names.count(name) > 1 and "seed" in trace.meta
            else name
        )
        for name, trace in zip(names, traces, strict=True)
    ]
    return [
        f"{name} ({told[:i].count(name) + 1})" if told.count(name) > 1 else name
        for i, name in enumerate(told)
    ]


def most_uncertain(trace: "Trace") -> float:
    """The entropy of a pixel about which nothing is known, ln K nats: where the scale of every map
    ends.
    """
    return float(np.log(len(trace.meta["classes"])))


def pseudo_labels(trace: "Trace") -> str:
    """Who makes the pseudo labels: the teacher where there is one, else the other branch."""
    return "teacher" if "teacher" in trace.predictions else trace.branches[1]


def dice_over_time(trace: "Trace", name: str, frames: np.ndarray) -> np.ndarray:
    """Dice of one network on every probe image at every frame, `M P`."""
    maps, classes = trace.predictions[name][frames], len(trace.meta["classes"])
    return np.array(
        [[overlap(*pair, classes) for pair in zip(row, trace.truth, strict=True)] for row in maps]
    )


def mean_per_image(where: np.ndarray) -> np.ndarray:
    """The share of pixels in the last two axes where something holds."""
    return where.mean(axis=(-2, -1), dtype=np.float64)


def base(stack: Stack, image: np.ndarray) -> dict:
    """Put probe images `P H W C` into a stack; grey ones without their channel axis."""
    if image.shape[-1] == 1:
        return stack.put(image[..., 0], "item y x")
    return stack.put(image[..., :3], "item y x c")


def read_at(step: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A curve where the maps were recorded."""
    return values[np.abs(step[:, None] - at).argmin(axis=0)]


def fitting(build: Callable[[np.ndarray], Stack], frames: np.ndarray) -> Stack:
    """The stack of all frames, or of every second, fourth ... one where all are too many to send;
    the last stays.
    """
    stack = build(frames)
    while len(stack.packed()) > MOST and len(frames) > 2:
        frames = frames[::-1][::2][::-1]
        stack = build(frames)
    return stack


def net_titles(trace: "Trace") -> dict[str, str]:
    """The networks of a trace by what they are called."""
    return {name: NET_TITLES.get(name, name) for name in trace.predictions}
