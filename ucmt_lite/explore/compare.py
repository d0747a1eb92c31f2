"""Several runs beside each other: disagreement as in Figure 1 (d) of the UCMT paper, uncertainty
and Dice over training.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.maps import as_trace, trace_title
from ucmt_lite.explore.draw.palette import LABELS, PLAIN
from ucmt_lite.explore.draw.picture import Picture, new_figure, sentence
from ucmt_lite.methods import METHODS, look_of, title_of

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace

    Runs = Mapping[str, Sequence[Trace]] | Sequence[Trace]

CURVES = ("disagreement", "uncertainty", "dice")
PLOTLY_DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}


def figure(runs: "Runs", curves: Sequence[str] = CURVES) -> Picture:
    """One panel a curve, one line a method: the mean over its runs, with a band from the lowest to
    the highest.

    `runs` maps a method (or any name) to its traces, one a seed, or is a list of traces, grouped by
    method here; those of one name must have been recorded at the same steps.
    """
    named = grouped(runs)
    drawing, axes = new_figure(1, len(curves), width=3.6, height=2.8)
    told = []
    for panel, curve in zip(axes[0], curves, strict=True):
        ends = []
        for (name, traces), (colour, dash) in zip(named.items(), looks(named), strict=True):
            values = _values_of(traces, curve, name)
            panel.plot(
                traces[0].step,
                values.mean(0),
                label=name,
                linewidth=1.5,
                color=colour,
                linestyle=dash,
            )
            panel.fill_between(
                traces[0].step, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0
            )
            ends.append(f"{name} {values[:, -1].mean():.3f}")
        panel.set_xlabel("iterations", fontsize=8)
        panel.set_title(LABELS.get(curve, curve), fontsize=9)
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.3)
        told.append(f"{curve} ends at {sentence(ends)}")
    axes[0, 0].legend(fontsize=8)
    return Picture(drawing, f"Curves over training, {counted(named)} a line: {'; '.join(told)}.")


class Plot:
    """An interactive plot that leaves its still picture where none can be shown.

    The picture is a JPEG: beside a PNG, plotly's renderer shows that instead of the plot until a
    mouse comes over it.
    """

    def __init__(self, plot: Any, picture: Picture) -> None:
        self.plot, self._picture = plot, picture

    def picture(self) -> Picture:
        """The still picture of the plot."""
        return self._picture

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict, dict]:
        data = {
            "application/vnd.plotly.v1+json": json.loads(self.plot.to_json()),
            "image/jpeg": base64.b64encode(self._picture.file("jpeg")).decode(),
            "text/plain": self._picture.alt,
        }
        return data, {"image/jpeg": {"alt": self._picture.alt}}


def widget(runs: "Runs", curves: Sequence[str] = CURVES) -> Plot:
    """The curves with values under the pointer; a click on a name hides its line. Arguments as in
    `figure`.
    """
    from plotly.graph_objects import Figure
    from plotly.subplots import make_subplots

    picture, named = figure(runs, curves), grouped(runs)
    headings = [LABELS.get(curve, curve) for curve in curves]
    plot: Figure = make_subplots(
        rows=len(curves),
        shared_xaxes=True,
        vertical_spacing=0.3 / len(curves) ** 2,
        subplot_titles=headings,
    )
    for row, curve in enumerate(curves, 1):
        for (name, traces), (colour, dash) in zip(named.items(), looks(named), strict=True):
            _add_line(
                plot, row, name, traces[0].step, _values_of(traces, curve, name), colour, dash
            )
    faint = "rgba(128,128,128,.25)"
    plot.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": PLAIN, "size": 12},
        height=90 + 210 * len(curves),
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


def _add_line(
    plot: Any, row: int, name: str, step: np.ndarray, values: np.ndarray, colour: str, dash: Any
) -> None:
    """The band and the mean of one name in one panel."""
    from plotly.graph_objects import Scatter

    x, low, high, mean = (
        step.tolist(),
        *(np.round(v, 4).tolist() for v in (values.min(0), values.max(0), values.mean(0))),
    )
    if len(values) > 1:
        band = {
            "x": x + x[::-1],
            "y": high + low[::-1],
            "fill": "toself",
            "fillcolor": colour,
            "opacity": 0.18,
            "line": {"width": 0},
        }
        plot.add_trace(
            Scatter(**band, legendgroup=name, showlegend=False, hoverinfo="skip", mode="lines"),
            row=row,
            col=1,
        )
    spread = [f"{a:.3f} to {b:.3f}" for a, b in zip(low, high, strict=True)]
    line = {
        "color": colour,
        "width": 2,
        "dash": PLOTLY_DASHES.get(dash) or ",".join(f"{2 * part}px" for part in dash[1]),
    }
    told = "%{y:.3f}" + (" (%{text})" if len(values) > 1 else "")
    plot.add_trace(
        Scatter(
            x=x,
            y=mean,
            text=spread,
            name=name,
            legendgroup=name,
            showlegend=row == 1,
            line=line,
            mode="lines",
            hovertemplate=told,
        ),
        row=row,
        col=1,
    )


def grouped(runs: Any) -> dict[str, list["Trace"]]:
    """Runs by name, methods as they are written in text; a list of traces is grouped by method."""
    if not isinstance(runs, Mapping):
        traces = _as_traces(runs)
        runs = {
            trace_title(trace): [other for other in traces if other.method == trace.method]
            for trace in traces
        }
    named = {title_of(name): _as_traces(given) for name, given in runs.items()}
    if not named or not all(named.values()):
        raise InputError("There is nothing to compare: give at least one trace for each name.")
    return named


def _as_traces(given: Any) -> list["Trace"]:
    """A list of traces, or one alone, as a list."""
    return [as_trace(one) for one in (given if isinstance(given, list | tuple) else [given])]


def looks(runs: Mapping[str, Sequence["Trace"]]) -> list[tuple[str, Any]]:
    """Colour and dash of every name: its method's, or where two names share a method, others."""
    taken: list[tuple[str, Any]] = []
    spare = [look_of(name) for name in reversed(METHODS)]
    for traces in runs.values():
        method = traces[0].method
        own = look_of(method)
        taken.append(
            own if own not in taken else next((look for look in spare if look not in taken), own)
        )
    return taken


def counted(runs: Mapping[str, Sequence["Trace"]]) -> str:
    """How many runs a name has."""
    counts = sorted({len(traces) for traces in runs.values()})
    return "one run" if counts == [1] else f"{sentence([str(count) for count in counts])} runs"


def _values_of(traces: Sequence["Trace"], curve: str, name: str) -> np.ndarray:
    """One curve of all runs of a name, `R T`, or the sentence that says why there is none."""
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
