"""Several runs beside each other: disagreement as in Figure 1 (d) of the UCMT paper, and more."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.maps import as_trace, trace_title
from ucmt_lite.explore.draw.palette import LABELS, PLAIN
from ucmt_lite.explore.draw.picture import Picture, legend_below, new_figure, sentence
from ucmt_lite.methods import METHODS, look_of, title_of

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace

    Runs = Mapping[str, Sequence[Trace]] | Sequence[Trace]

COMPARED = ("disagreement", "uncertainty", "dice")
# No advertisement, and no button that sends a chart to a server.
CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["sendDataToCloud", "sendChartToCloud"],
}
PLOTLY_DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}


def figure(runs: "Runs", curves: Sequence[str] = COMPARED) -> Picture:
    """Return one panel per curve, one line per method: the mean over its runs, and their range.

    `runs` maps a method (or any name) to its traces, one per seed, or is a list of traces, grouped
    by method here; those of one name must have been recorded at the same steps.
    """
    named = grouped(runs)
    drawing, axes = new_figure(1, len(curves), width=3.6, height=2.8)
    sentences = []
    for ax, curve in zip(axes[0], curves, strict=True):
        ends = []
        for (name, traces), (colour, dash) in zip(named.items(), looks(named), strict=True):
            step, values = traces[0].step, _values_of(traces, curve, name)
            style = {"color": colour, "linestyle": dash, "linewidth": 1.5}
            ax.plot(step, values.mean(0), label=name, **style)
            low, high = values.min(0), values.max(0)
            ax.fill_between(step, low, high, color=colour, alpha=0.15, linewidth=0)
            ends.append(f"{name} {values[:, -1].mean():.3f}")
        ax.set_xlabel("iterations", fontsize=8)
        ax.set_title(LABELS.get(curve, curve), fontsize=9)
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.3)
        sentences.append(f"{curve} ends at {sentence(ends)}")
    legend_below(axes[0, len(curves) // 2])
    text = f"Curves over training, {_counted(named)} a line: {'; '.join(sentences)}."
    return Picture(drawing, text)


def values_at(runs: "Runs", curve: str, step: int | None = None) -> dict[str, np.ndarray]:
    """Return what a curve says at a step, the last where none is named: name -> one a run.

    `runs` are those of `figure`; the step is the recorded one nearest to `step`.
    """
    return {
        name: values[:, -1 if step is None else np.abs(traces[0].step - step).argmin()]
        for name, traces, values in _curves(runs, curve)
    }


def settled(runs: "Runs", curve: str, level: float) -> dict[str, np.ndarray]:
    """Return the recorded step from which on a curve stays at `level` or below: name -> one a run.

    Errors: InputError where a run ends above the level.
    """
    steps = {}
    for name, traces, values in _curves(runs, curve):
        above = values > level
        if above[:, -1].any():
            raise InputError(
                f"A run of '{name}' ends above {level}, its {curve} at"
                f" {values[:, -1].max():.3f}: give a higher level."
            )
        first = above.shape[1] - above[:, ::-1].argmax(axis=1)
        steps[name] = traces[0].step[np.where(above.any(axis=1), first, 0)]
    return steps


def widget(runs: "Runs", curves: Sequence[str] = COMPARED) -> "Plot":
    """Read values under the pointer; a click on a name hides its line. Arguments as in `figure`."""
    from plotly.graph_objects import Figure
    from plotly.subplots import make_subplots

    picture, named = figure(runs, curves), grouped(runs)
    plot: Figure = make_subplots(
        rows=len(curves),
        shared_xaxes=True,
        vertical_spacing=0.3 / len(curves) ** 2,
        subplot_titles=[LABELS.get(curve, curve) for curve in curves],
    )
    for row, curve in enumerate(curves, 1):
        for (name, traces), look in zip(named.items(), looks(named), strict=True):
            values = _values_of(traces, curve, name)
            plot.add_traces(_lines(name, traces[0].step, values, look, row), rows=row, cols=1)
    faint = "rgba(128,128,128,.25)"
    plot.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": PLAIN, "size": 12},
        height=80 + 200 * len(curves),
        margin={"l": 48, "r": 12, "t": 64, "b": 40},
        hovermode="x unified",
        legend={"orientation": "h", "y": 1, "yref": "container", "yanchor": "top"},
        hoverlabel={"font": {"color": "#111"}, "bgcolor": "#fff"},
    )
    plot.update_annotations(font_size=13)
    plot.update_xaxes(gridcolor=faint, zeroline=False)
    plot.update_yaxes(gridcolor=faint, zeroline=False)
    plot.update_xaxes(title="iterations", row=len(curves))
    return Plot(plot, picture)


class Plot:
    """An interactive plot that leaves its still picture where none can be shown.

    The picture is a JPEG: beside a PNG, plotly's renderer shows that instead of the plot until a
    mouse comes over it.
    """

    def __init__(self, plot: Any, picture: Picture) -> None:
        self.plot, self._picture = plot, picture

    def picture(self) -> Picture:
        """Return the still picture of the plot."""
        return self._picture

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict, dict]:
        picture, described = self._picture.bundle("jpeg")
        plot = {
            "application/vnd.plotly.v1+json": json.loads(self.plot.to_json()) | {"config": CONFIG}
        }
        return plot | picture, described


def _lines(
    name: str, step: np.ndarray, values: np.ndarray, look: tuple[str, Any], row: int
) -> list[Any]:
    """Return the mean of one name in one panel, and of several runs the band below it."""
    from plotly.graph_objects import Scatter

    colour, dash = look
    x = step.tolist()
    low, high, mean = (
        np.round(curve, 4).tolist() for curve in (values.min(0), values.max(0), values.mean(0))
    )
    ranges = [f"{a:.3f} to {b:.3f}" for a, b in zip(low, high, strict=True)]
    line = Scatter(
        x=x,
        y=mean,
        text=ranges,
        name=name,
        legendgroup=name,
        showlegend=row == 1,
        line={"color": colour, "width": 2, "dash": _plotly_dash(dash)},
        mode="lines",
        hovertemplate="%{y:.3f}" + (" (%{text})" if len(values) > 1 else ""),
    )
    if len(values) == 1:
        return [line]
    band = Scatter(
        x=x + x[::-1],
        y=high + low[::-1],
        fill="toself",
        fillcolor=colour,
        opacity=0.18,
        line={"width": 0},
        legendgroup=name,
        showlegend=False,
        hoverinfo="skip",
        mode="lines",
    )
    return [band, line]


def _plotly_dash(dash: str | tuple) -> str:
    """Return a dash pattern in matplotlib's words as plotly has it."""
    if isinstance(dash, str):
        return PLOTLY_DASHES[dash]
    return ",".join(f"{2 * part}px" for part in dash[1])


def grouped(runs: Any) -> dict[str, list["Trace"]]:
    """Return runs by name, methods as they are written in text; a list is grouped by method."""
    if not isinstance(runs, Mapping):
        traces = _as_traces(runs)
        runs = {
            trace_title(trace): [other for other in traces if other.method == trace.method]
            for trace in traces
        }
    named = {title_of(name): _as_traces(values) for name, values in runs.items()}
    if not named or not all(named.values()):
        raise InputError("There is nothing to compare: give at least one trace for each name.")
    return named


def _as_traces(values: Any) -> list["Trace"]:
    """Return a list of traces, or one alone, as a list."""
    return [as_trace(one) for one in (values if isinstance(values, list | tuple) else [values])]


def looks(runs: Mapping[str, Sequence["Trace"]]) -> list[tuple[str, Any]]:
    """Return colour and dash of every name: those of its method, where it alone stands for it.

    Where names share a method, the one that is called like it has its look, and a control has not.
    """
    methods = [traces[0].method for traces in runs.values()]
    stands_for_it = [
        name == title_of(method) or methods.count(method) == 1
        for name, method in zip(runs, methods, strict=True)
    ]
    spare = [look_of(method) for method in reversed(METHODS) if method not in methods]
    return [
        look_of(method) if stands or not spare else spare.pop(0)
        for stands, method in zip(stands_for_it, methods, strict=True)
    ]


def _curves(runs: "Runs", curve: str) -> Iterator[tuple[str, list["Trace"], np.ndarray]]:
    """Yield the name, the traces and one curve, `R T`, of every group of runs."""
    for name, traces in grouped(runs).items():
        yield name, traces, _values_of(traces, curve, name)


def _counted(runs: Mapping[str, Sequence["Trace"]]) -> str:
    """Return how many runs a name has, in words."""
    counts = sorted({len(traces) for traces in runs.values()})
    return "one run" if counts == [1] else f"{sentence([str(count) for count in counts])} runs"


def _values_of(traces: Sequence["Trace"], curve: str, name: str) -> np.ndarray:
    """Return one curve of all runs of a name, `R T`; an InputError says why there is none."""
    for trace in traces:
        if curve not in trace.curves:
            raise InputError(
                f"The trace of '{name}' has no curve '{curve}': it has {', '.join(trace.curves)}."
            )
        if not len(trace.step):
            raise InputError(
                f"The trace of '{name}' is empty: nothing was recorded before the run ended."
            )
        if not np.array_equal(trace.step, traces[0].step):
            raise InputError(
                f"The traces of '{name}' were recorded at different steps: record them with the"
                " same settings."
            )
    return np.stack([trace.curves[curve] for trace in traces])
