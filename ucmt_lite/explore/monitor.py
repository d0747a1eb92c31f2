"""Training as it happens: curves, predictions on probe images, and a button that ends the run."""

import signal
import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as W
import numpy as np

from ucmt_lite.explore.draw.maps import checked_trace, entropies, most_uncertain, trace_title
from ucmt_lite.explore.draw.palette import LABELS, NET_COLOURS, NET_TITLES, STROKES, UNCERTAINTY
from ucmt_lite.explore.draw.picture import (
    Picture,
    draw_image,
    draw_outline,
    draw_uncertainty,
    new_figure,
    overlap,
    sentence,
)
from ucmt_lite.explore.draw.stack import as_level, colour_table
from ucmt_lite.explore.draw.svg import Line, chart, limits, pen
from ucmt_lite.explore.draw.tiles import Tile, html
from ucmt_lite.explore.draw.twin import WithTwin
from ucmt_lite.methods import METHODS, look_of

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace

LOSS_STROKES = ("-", "--", ":", "-.", (0, (1, 1)), (0, (5, 1)))
STOP = "stop after this step"


def figure(trace: "Trace") -> Picture:
    """Return the curves of a run so far, and the last maps of its probe images, if any."""
    trace = _watched(trace)
    drawing, axes = new_figure(2 if len(trace.map_step) else 1, 3, width=3, height=2.5)
    for ax, (heading, lines) in zip(axes[0], _charts(trace).items(), strict=True):
        for line in lines:
            # The page's own colour, which pictures do not know, is black.
            colour = "black" if line.colour == "currentColor" else line.colour
            ax.plot(line.x, line.y, label=line.label, color=colour, linestyle=line.stroke)
        ax.set_title(heading, fontsize=9)
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.3)
        if lines:
            ax.legend(fontsize=7)
    if len(trace.map_step):
        _draw_maps(axes[1], trace)
    return Picture(drawing, describe(trace))


def widget(recorder: Any) -> "Monitor":
    """Watch a run: give `fit` this instead of its recorder, inside a `with`.

    ::

        with monitor.widget(Recorder("ucmt", probe, classes)) as live:
            fit("ucmt", nets, batches, 1000, recorder=live)

    The stop button, or the notebook's own interrupt button, ends the run after the step; where
    `fit` was given a checkpoint, the same call goes on from there. `live.trace(...)` is the
    recorder's.
    """
    return Monitor(recorder)


def describe(trace: "Trace") -> str:
    """Return the run so far in words, from its numbers; curves that it lacks are left out."""
    parts = []
    if _networks(trace):
        scores = [
            f"{NET_TITLES[name]} {trace.curves[f'dice/{name}'][-1]:.3f}"
            for name in _networks(trace)
        ]
        parts.append(f"Dice on the probe images {sentence(scores)}")
    others = {"disagreement": "", "uncertainty": " nats"}
    values = [
        f"{name} {trace.curves[name][-1]:.3f}{unit}"
        for name, unit in others.items()
        if name in trace.curves
    ]
    parts += [", ".join(values)] if values else []
    seen = "; ".join(parts) or "none of the curves that are shown here was recorded"
    return f"{trace_title(trace)} after {trace.step[-1]} iterations: {seen}."


def monitor_html(trace: "Trace") -> str:
    """Return the run so far as HTML text.

    Charts, and every probe image with its predictions and uncertainty.
    """
    trace = _watched(trace)
    charts = []
    for heading, lines in _charts(trace).items():
        dice = heading == LABELS["dice"]
        y = (0.0, 1.0) if dice or not lines else limits(np.zeros(1), *(line.y for line in lines))
        text, _ = chart(lines, heading, "iterations", x=(0, max(float(trace.step[-1]), 2.0)), y=y)
        charts.append(f"<div>{text}{_legend(lines)}</div>")
    tiles = _tiles(trace) if len(trace.map_step) else []
    grid = 'style="grid-template-columns:repeat(auto-fit,minmax(min(240px,100%),1fr))"'
    return (
        '<div class="ucmt-tiles"'
        f" {grid}>{''.join(charts)}</div>{html(tiles, f'<p>{describe(trace)}</p>')}"
    )


def _watched(trace: "Trace") -> "Trace":
    """Return the checked trace; one whose recorder kept no maps is shown by its curves alone."""
    curves_alone = hasattr(trace, "map_step") and len(trace.step) and not len(trace.map_step)
    return trace if curves_alone else checked_trace(trace)


def _networks(trace: "Trace") -> list[str]:
    """Return the networks whose Dice was followed, with or without maps."""
    return [name.removeprefix("dice/") for name in trace.curves if name.startswith("dice/")]


def _charts(trace: "Trace") -> dict[str, list[Line]]:
    """Return the lines of the three charts, by their headings."""
    x, curves = trace.step, trace.curves
    losses = [name for name in curves if name.startswith("loss/")]
    return {
        LABELS["dice"]: [
            Line(NET_TITLES[n], x, curves[f"dice/{n}"], NET_COLOURS[n], STROKES[n])
            for n in _networks(trace)
        ],
        "disagreement and uncertainty": [
            Line(label, x, curves[name], *look)
            for name, label, look in (
                ("disagreement", "disagreement", look_of(trace.method, "currentColor")),
                ("uncertainty", "uncertainty (nats)", ("currentColor", ":")),
            )
            if name in curves
        ],
        "loss terms": [
            Line(name.removeprefix("loss/"), x, curves[name], "currentColor", stroke)
            for name, stroke in zip(losses, LOSS_STROKES * len(losses), strict=False)
        ],
    }


def _draw_maps(row: np.ndarray, trace: "Trace") -> None:
    """Draw the first probe image with its truth, the networks' masks, and how unsure they are."""
    draw_image(row[0], trace.image[0], "image and truth")
    draw_outline(row[0], trace.truth[0], "truth")
    draw_image(row[1], trace.image[0], "predictions")
    for name, masks in trace.predictions.items():
        draw_outline(row[1], masks[-1, 0], name)
    draw_uncertainty(row[2], entropies(trace)[-1, 0], most_uncertain(trace))


def _tiles(trace: "Trace") -> list[Tile]:
    """Return every probe image with its last predictions, and its uncertainty."""
    table, maximum = colour_table(UNCERTAINTY)[:, :3], most_uncertain(trace)
    classes = len(trace.meta["classes"])
    tiles = []
    for i, image in enumerate(trace.image):
        masks = {name: maps[-1, i] for name, maps in trace.predictions.items()}
        scores = sentence(
            [
                f"{NET_TITLES[n]} {overlap(mask, trace.truth[i], classes):.2f}"
                for n, mask in masks.items()
            ]
        )
        caption = f"image {i}, after {trace.map_step[-1]}: Dice {scores}"
        tiles.append(Tile(caption, image, {"truth": trace.truth[i], **masks}))
        colours = table[as_level(entropies(trace)[-1, i], maximum)]
        tiles.append(Tile(f"uncertainty, 0 to {maximum:.2f} nats", colours))
    return tiles


def _legend(lines: list[Line]) -> str:
    """Return names and last values of the lines."""
    sample = (
        '<svg width="26" height="8" aria-hidden="true"><path d="M0 4H26" {}/></svg> {}'
        " <b>{:.3f}</b>"
    )
    return "&ensp;".join(
        sample.format(pen(line.colour, line.stroke, 3), line.label, line.y[-1]) for line in lines
    )


class Monitor(WithTwin, W.VBox):
    """A widget that stands in for a recorder: `fit` takes it as one.

    It passes on what it is asked, and draws what the recorder saw after each look.
    """

    def __init__(self, recorder: Any) -> None:
        self.recorder = recorder
        self.iterations = 0
        self.progress = W.IntProgress(
            0, 0, 1, description="waiting", layout=W.Layout(width="min(100%, 480px)")
        )
        self.button = W.Button(description=STOP, tooltip="ends the run and keeps the checkpoint")
        self.button.on_click(self._ask)
        # ipykernel 7.4 would answer the button where it was made, in the thread that is busy
        # training, though the page sends its click to another.
        if self.button.comm is not None:
            self.button.comm._reply_subshell_for = lambda data, default: default
        self.board = W.HTML("Training has not started.", layout=W.Layout(min_width="0"))
        row = W.Layout(flex_flow="row wrap", grid_gap="0 12px")
        super().__init__([W.Box([self.progress, self.button], layout=row), self.board])

    @property
    def stop(self) -> bool:
        """Whether the run is to end after the step."""
        return self.recorder.stop

    @stop.setter
    def stop(self, value: bool) -> None:
        self.recorder.stop = value

    def __getattr__(self, name: str) -> Any:
        """Return whatever else is asked of a recorder, such as `curves`, `steps`, `state`."""
        if name.startswith("_") or name == "recorder":
            raise AttributeError(name)
        return getattr(self.recorder, name)

    def due(self, step: int, iterations: int) -> bool:
        """Return whether the recorder looks after this step."""
        self.iterations = self.progress.max = iterations
        return self.recorder.due(step, iterations)

    def look(self, step: int, nets: Any, terms: dict[str, float], *, last: bool = False) -> None:
        """Let the recorder look, then draw what it saw."""
        self.recorder.look(step, nets, terms, last=last)
        self.progress.value = step
        self.progress.description = f"{step} of {self.iterations}"
        self.board.value = monitor_html(self._so_far())

    def picture(self) -> Picture:
        """Return the still picture of the run so far."""
        if not self.recorder.steps:
            drawing, axes = new_figure(1, 1)
            axes[0, 0].set_title("not looked at yet", fontsize=9)
            axes[0, 0].set_axis_off()
            return Picture(drawing, "Training has not been looked at yet.")
        return figure(self._so_far())

    def _so_far(self) -> "Trace":
        recorder = self.recorder
        method = next(name for name, row in METHODS.items() if row is recorder.method)
        return recorder.trace(method=method, classes=[str(k) for k in range(recorder.classes)])

    def _ask(self, *_: object) -> None:
        """End the run after the step."""
        self.stop = True
        self.button.disabled = True
        self.button.description = "stopping"

    def __enter__(self) -> "Monitor":
        from IPython.display import display

        self.stop = False
        self.button.disabled = False
        self.button.description = STOP
        self._shown = display(self, display_id=True)
        # A kernel that is training reads the button only where it has a second line to the page
        # (ipykernel 7); its interrupt button works everywhere. The second press interrupts as
        # usual.
        self._before = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def _interrupted(self, *_: object) -> None:
        if self.stop:
            raise KeyboardInterrupt
        self._ask()

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        self.button.disabled = True
        if error:
            self.button.description = "failed"
        else:
            self.button.description = "stopped" if self.stop else "finished"
        if self._shown is not None:
            self._shown.update(self)  # what a saved notebook keeps is the picture of the end
