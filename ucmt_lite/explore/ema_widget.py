"""The EMA explorer as a widget: core ipywidgets, and SVG text that a kernel writes in milliseconds."""

from functools import lru_cache

import ipywidgets as W
import numpy as np

from ucmt_lite.explore import ema
from ucmt_lite.explore.draw.palette import NET_COLOURS, NET_TITLES, STROKES
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.explore.draw.svg import Frame, Line, chart, dashes, drawing
from ucmt_lite.explore.draw.tiles import CSS, png_address
from ucmt_lite.explore.draw.twin import WithTwin

DECAYS = (0.0, 0.5, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
WIDE = {"description_width": "130px"}


class EmaLab(WithTwin, W.VBox):
    """`decay`, `share1`, `until` and `same_valley` are the controls; `paths` is what they stand
    for.
    """

    def __init__(self, paths: ema.Paths, steps: int, seed: int, until: int) -> None:
        self.paths, self.steps, self.seed, self.two = paths, steps, seed, len(paths.share) == 2
        long = W.Layout(width="min(100%, 420px)")
        self.decay = W.SelectionSlider(
            options=sorted({*DECAYS, paths.decay}),
            value=paths.decay,
            description="decay",
            style=WIDE,
            layout=long,
        )
        self.share1 = W.FloatSlider(
            paths.share[0],
            min=0,
            max=1,
            step=0.01,
            description="share of student 1",
            style=WIDE,
            layout=long,
        )
        self.until = W.IntSlider(
            until, min=1, max=steps, description="iteration", style=WIDE, layout=long
        )
        self.same_valley = W.Checkbox(
            paths.same_valley, description="start in the same valley", indent=False
        )
        self.board = W.HTML(layout=W.Layout(min_width="0"))
        shown = [self.decay, *([self.share1, self.same_valley] if self.two else []), self.until]
        for control in shown:
            control.observe(self._draw, "value")
        row = W.Layout(flex_flow="row wrap", grid_gap="0 12px")
        super().__init__([W.Box(shown, layout=row), self.board])
        self.board.value = page(paths, until)

    def picture(self) -> Picture:
        """The still picture of what the widget shows now."""
        paths = self.paths
        return ema.figure(
            paths.decay,
            paths.share,
            same_valley=paths.same_valley,
            steps=self.steps,
            seed=self.seed,
            until=self.until.value,
        )

    def _draw(self, change: dict) -> None:
        if change["owner"] is not self.until:
            first = round(self.share1.value, 2)
            share = (first, round(1 - first, 2)) if self.two else (1.0,)
            self.paths = ema.simulate(
                self.decay.value,
                share,
                same_valley=self.same_valley.value,
                steps=self.steps,
                seed=self.seed,
            )
        self.board.value = page(self.paths, self.until.value)


def page(paths: ema.Paths, until: int) -> str:
    """Paths and losses up to an iteration as HTML text."""
    step = np.arange(1, until + 1)
    lines = [
        Line(NET_TITLES[n], step, np.minimum(v[1 : until + 1], 1.6), NET_COLOURS[n], STROKES[n])
        for n, v in paths.loss.items()
    ]
    losses, _ = chart(
        lines, "loss", "iterations", x=(1, len(paths.loss["teacher"]) - 1), y=(0, 1.6)
    )
    legend = " · ".join(
        f'<svg width="26" height="8" aria-hidden="true"><path d="M0 4H26" stroke="{NET_COLOURS[n]}"'
        f' stroke-width="3" stroke-dasharray="{dashes(STROKES[n])}"/></svg> {NET_TITLES[n]}'
        for n in paths.loss
    )
    return (
        f'{CSS}<div class="ucmt-tiles"'
        f' style="grid-template-columns:repeat(auto-fit,minmax(min(280px,100%),1fr));max-width:860px"><div>{walk(paths, until)}</div><div>{losses}{legend}<p'
        f' aria-live="polite">{ema.describe(paths, until)}</p></div></div>'
    )


def walk(paths: ema.Paths, until: int) -> str:
    """The loss as a grey picture, and the paths of the weights on it."""
    frame = Frame((-ema.REACH, ema.REACH), (-ema.REACH, ema.REACH), 400, 400)
    left, top = frame.across(-ema.REACH), frame.down(ema.REACH)
    size = f'width="{frame.across(ema.REACH) - left}" height="{frame.down(-ema.REACH) - top}"'
    parts = [f'<image href="{_ground()}" x="{left}" y="{top}" {size} preserveAspectRatio="none"/>']
    for name, path in paths.weights.items():
        way = path[(1 if name == "teacher" else 0) : until + 1]
        line = frame.path(*way.T)
        parts.append(
            f'<path d="{line}" fill="none" stroke="#000"'
            f' stroke-width="{4.5 if name == "teacher" else 2.5}" opacity=".6"/>'
        )
        parts.append(
            f'<path d="{line}" fill="none" stroke="{NET_COLOURS[name]}"'
            f' stroke-width="{3 if name == "teacher" else 1.5}"'
            f' stroke-dasharray="{dashes(STROKES[name]) if name == "teacher" else ""}"/>'
        )
    for name, path in paths.weights.items():
        x, y = path[until]
        parts.append(
            f'<circle cx="{frame.across(x):.1f}" cy="{frame.down(y):.1f}" r="7"'
            f' fill="{NET_COLOURS[name]}" stroke="#000" stroke-width="2"/>'
        )
        parts.append(
            f'<text x="{frame.across(x) + 11:.1f}" y="{frame.down(y) + 4:.1f}" font-size="13"'
            ' fill="#fff" stroke="#000" stroke-width="3"'
            f' paint-order="stroke">{NET_TITLES[name]}</text>'
        )
    title = (
        '<text x="44" y="13" font-size="12" font-weight="600" fill="currentColor">weight 1 → and'
        " weight 2 ↑ (bright: low loss)</text>"
    )
    return drawing(
        400, 400, title + "".join(parts), "paths of the weights of students and teacher on the loss"
    )


@lru_cache(maxsize=1)
def _ground() -> str:
    """The loss over the weights as a picture, bright where it is low."""
    side = np.linspace(-ema.REACH, ema.REACH, 160)
    return png_address(
        (235 - 85 * np.minimum(ema.surroundings(side)[::-1], 4) ** 0.5).astype(np.uint8)
    )
