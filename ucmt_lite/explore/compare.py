"""Several runs beside each other: the curves of Figure 1 (d, e) of the UCMT paper, and Dice."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.errors import InputError
from ucmt_lite.explore.palette import DASHES, LABELS, METHODS
from ucmt_lite.explore.picture import Picture, new_figure, sentence

if TYPE_CHECKING:
    from ucmt_lite.traces import Trace


def figure(
    runs: Mapping[str, Sequence["Trace"]], curves: Sequence[str] = ("disagreement", "uncertainty", "dice")
) -> Picture:
    """One panel a curve, one line a method: the mean over its runs, with a band from the lowest to the highest.

    `runs` maps a method (or any name) to its traces, one a seed; all must have been recorded at the same steps.
    """
    if not runs or not all(runs.values()):
        raise InputError("There is nothing to compare: give at least one trace for each name.")
    drawing, axes = new_figure(1, len(curves), width=3.6, height=2.8)
    told = []
    for panel, curve in zip(axes[0], curves, strict=True):
        ends = []
        for name, traces in runs.items():
            values = np.stack([values_of(trace, curve, name) for trace in traces])
            style = {"color": METHODS.get(traces[0].method, "black"), "linestyle": DASHES.get(traces[0].method, "-")}
            panel.plot(traces[0].step, values.mean(0), label=name, linewidth=1.5, **style)
            panel.fill_between(
                traces[0].step, values.min(0), values.max(0), color=style["color"], alpha=0.15, linewidth=0
            )
            ends.append(f"{name} {values[:, -1].mean():.3f}")
        panel.set_xlabel("iterations", fontsize=8)
        panel.set_title(LABELS.get(curve, curve), fontsize=9)
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.3)
        told.append(f"{curve} ends at {sentence(ends)}")
    axes[0, 0].legend(fontsize=8)
    seeds = {len(traces) for traces in runs.values()}
    return Picture(
        drawing, f"Curves over training, {sentence([str(s) for s in sorted(seeds)])} run(s) a line: {'; '.join(told)}."
    )


def values_of(trace: "Trace", curve: str, name: str) -> np.ndarray:
    """One curve of a trace, or the sentence that says it is not there."""
    if curve not in trace.curves:
        raise InputError(f"The trace of '{name}' has no curve '{curve}': it has {', '.join(trace.curves)}.")
    return trace.curves[curve]
