"""Training as it happens: curves, predictions on a few probe images, and a button that ends the run
after the step.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.explore.draw.maps import checked_trace, entropies, most_uncertain, trace_title
from ucmt_lite.explore.draw.palette import LABELS, NET_COLOURS, NET_TITLES, STROKES, UNCERTAINTY
from ucmt_lite.explore.draw.picture import (
    Picture,
    draw_image,
    draw_outline,
    new_figure,
    overlap,
    sentence,
)
from ucmt_lite.explore.draw.stack import as_level, colour_table
from ucmt_lite.explore.draw.svg import Line, chart, limits
from ucmt_lite.explore.draw.tiles import Tile, html
from ucmt_lite.explore.training import draw_uncertainty
from ucmt_lite.methods import look_of

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace

SPARE = ("-", "--", ":", "-.", (0, (1, 1)), (0, (5, 1)))


def figure(trace: "Trace") -> Picture:
    """The curves of a run so far, and the last maps of its probe images where it recorded any."""
    trace = watched(trace)
    drawing, axes = new_figure(2 if len(trace.map_step) else 1, 3, width=3, height=2.5)
    for at, (heading, lines) in zip(axes[0], panels(trace).items(), strict=True):
        for line in lines:
            at.plot(
                line.x, line.y, label=line.label, color=shown(line.colour), linestyle=line.stroke
            )
        at.set_title(heading, fontsize=9)
        at.tick_params(labelsize=8)
        at.grid(alpha=0.3)
        if lines:
            at.legend(fontsize=7)
    if len(trace.map_step):
        _draw_maps(axes[1], trace)
    return Picture(drawing, describe(trace))


def _draw_maps(row: np.ndarray, trace: "Trace") -> None:
    """The first probe image with its truth, with what the networks say of it, and how unsure they
    are.
    """
    draw_image(row[0], trace.image[0], "image and truth")
    draw_outline(row[0], trace.truth[0], "truth")
    draw_image(row[1], trace.image[0], "predictions")
    for name, masks in trace.predictions.items():
        draw_outline(row[1], masks[-1, 0], name)
    draw_uncertainty(row[2], entropies(trace)[-1, 0], most_uncertain(trace))


def watched(trace: "Trace") -> "Trace":
    """The trace as `checked` gives it; one of a recorder that was asked for no maps is shown by its
    curves alone.
    """
    curves_alone = hasattr(trace, "map_step") and len(trace.step) and not len(trace.map_step)
    return trace if curves_alone else checked_trace(trace)


def networks(trace: "Trace") -> list[str]:
    """The networks whose Dice was followed, with or without maps."""
    return [name.removeprefix("dice/") for name in trace.curves if name.startswith("dice/")]


def shown(colour: str) -> str:
    """The page's own colour, which pictures do not know, is black."""
    return "black" if colour == "currentColor" else colour


def panels(trace: "Trace") -> dict[str, list[Line]]:
    """The lines of the three charts."""
    x, curves, own = (
        trace.step,
        trace.curves,
        look_of(trace.method, "currentColor"),
    )
    losses = [name for name in curves if name.startswith("loss/")]
    return {
        LABELS["dice"]: [
            Line(NET_TITLES[n], x, curves[f"dice/{n}"], NET_COLOURS[n], STROKES[n])
            for n in networks(trace)
        ],
        "disagreement and uncertainty": [
            Line("disagreement", x, curves["disagreement"], *own),
            Line("uncertainty (nats)", x, curves["uncertainty"], "currentColor", ":"),
        ],
        "loss terms": [
            Line(name[5:], x, curves[name], "currentColor", stroke)
            for name, stroke in zip(losses, SPARE * len(losses), strict=False)
        ],
    }


def page(trace: "Trace") -> str:
    """The same as HTML text: charts, and every probe image with its predictions and uncertainty."""
    trace, charts = watched(trace), []
    for heading, lines in panels(trace).items():
        dice = heading == LABELS["dice"]
        y = (0.0, 1.0) if dice or not lines else limits(np.zeros(1), *(line.y for line in lines))
        text, _ = chart(lines, heading, "iterations", x=(0, max(float(trace.step[-1]), 2.0)), y=y)
        charts.append(f"<div>{text}{legend(lines)}</div>")
    tiles = _tiles_of(trace) if len(trace.map_step) else []
    grid = 'style="grid-template-columns:repeat(auto-fit,minmax(min(240px,100%),1fr))"'
    return (
        '<div class="ucmt-tiles"'
        f" {grid}>{''.join(charts)}</div>{html(tiles, f'<p>{describe(trace)}</p>')}"
    )


def _tiles_of(trace: "Trace") -> list[Tile]:
    """Every probe image with its last predictions, and its uncertainty."""
    table, most, tiles = colour_table(UNCERTAINTY)[:, :3], most_uncertain(trace), []
    classes = len(trace.meta["classes"])
    for i, image in enumerate(trace.image):
        masks = {name: maps[-1, i] for name, maps in trace.predictions.items()}
        score = sentence(
            [
                f"{NET_TITLES[n]} {overlap(mask, trace.truth[i], classes):.2f}"
                for n, mask in masks.items()
            ]
        )
        caption = f"image {i}, after {trace.map_step[-1]}: Dice {score}"
        tiles.append(Tile(caption, image, {"truth": trace.truth[i], **masks}))
        tiles.append(
            Tile(
                f"uncertainty, 0 to {most:.2f} nats", table[as_level(entropies(trace)[-1, i], most)]
            )
        )
    return tiles


def legend(lines: list[Line]) -> str:
    """Names and last values of the lines."""
    from ucmt_lite.explore.draw.svg import pen

    sample = (
        '<svg width="26" height="8" aria-hidden="true"><path d="M0 4H26" {}/></svg> {}'
        " <b>{:.3f}</b>"
    )
    return "&ensp;".join(sample.format(pen(s.colour, s.stroke, 3), s.label, s.y[-1]) for s in lines)


def describe(trace: "Trace") -> str:
    """The run so far in words, from its numbers."""
    dice = sentence(
        [f"{NET_TITLES[n]} {trace.curves[f'dice/{n}'][-1]:.3f}" for n in networks(trace)]
    )
    return (
        f"{trace_title(trace)} after {trace.step[-1]} iterations: Dice on the probe images {dice};"
        f" disagreement {trace.curves['disagreement'][-1]:.3f}, uncertainty"
        f" {trace.curves['uncertainty'][-1]:.3f} nats."
    )


def widget(recorder: Any):
    """Watch a run: give `fit` this instead of its recorder, inside a `with`.

    ::

        with monitor.widget(Recorder("ucmt", probe, classes)) as live:
            fit("ucmt", nets, batches, 1000, recorder=live)

    The stop button, or the notebook's own interrupt button, ends the run after the step; where
    `fit` was given a checkpoint, the same call goes on from there. `live.trace(...)` is the
    recorder's.
    """
    from ucmt_lite.explore.monitor_widget import Monitor

    return Monitor(recorder)
