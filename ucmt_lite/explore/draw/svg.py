"""Line charts as SVG text: drawn in a millisecond, sharp at any size.

They take the colours of the page's light or dark theme. The live explorers show these; still
pictures are drawn with matplotlib from the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 340, 165
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 22, 30  # margins around the plot, in the units of the view box
DASH = {"-": "", "--": "7 3", ":": "1.5 2.5", "-.": "7 2.5 1.5 2.5"}


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    label: str
    x: np.ndarray
    y: np.ndarray
    colour: str = "currentColor"
    stroke: str | tuple = "-"  # as matplotlib names dashes


@dataclass(frozen=True)
class Frame:
    """The plotted region of a chart: what the browser needs to put a cursor on it."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = WIDTH
    height: int = HEIGHT

    def across(self, x: np.ndarray | float) -> np.ndarray | float:
        """Map data to the view box, horizontally."""
        share = (x - self.x[0]) / (self.x[1] - self.x[0])
        return LEFT + share * (self.width - LEFT - RIGHT)

    def down(self, y: np.ndarray | float) -> np.ndarray | float:
        """Map data to the view box, vertically."""
        share = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)

    def path(self, x: np.ndarray, y: np.ndarray) -> str:
        """Return the path through the points of a line; a value that is not finite leaves a gap."""
        across = np.asarray(self.across(np.asarray(x, float)))
        down = np.asarray(self.down(np.asarray(y, float)))
        finite = np.isfinite(across) & np.isfinite(down)
        parts = []
        command = "M"
        for u, v, drawn in zip(across, down, finite, strict=True):
            if drawn:
                parts.append(f"{command}{u:.1f} {v:.1f}")
            command = "L" if drawn else "M"
        return "".join(parts)

    def box(self) -> dict:
        """Return the frame as the browser needs it."""
        return {
            "x": list(self.x),
            "y": list(self.y),
            "left": LEFT,
            "right": self.width - RIGHT,
            "top": TOP,
            "bottom": self.height - BOTTOM,
        }


def chart(
    lines: Sequence[Line],
    title: str,
    x_label: str,
    *,
    x: tuple[float, float] | None = None,
    y: tuple[float, float] | None = None,
) -> tuple[str, Frame]:
    """Return the chart as SVG text, and its frame.

    >>> line = Line("dice", np.arange(3), np.array([0.1, 0.5, 0.8]))
    >>> text, frame = chart([line], "Dice", "iterations", y=(0, 1))
    >>> text.count("<path"), frame.x
    (1, (0.0, 2.0))
    """
    x = x or limits(*(line.x for line in lines))
    y = y or limits(*(line.y for line in lines))
    frame = Frame(x, y)
    paths = "".join(
        f'<path d="{frame.path(line.x, line.y)}" {pen(line.colour, line.stroke)}/>'
        for line in lines
    )
    content = _axes(frame, title, x_label) + paths
    return drawing(frame.width, frame.height, content, title), frame


def drawing(width: int, height: int, content: str, label: str) -> str:
    """Return SVG text of a size, as wide as its place, with a name for screen readers."""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label, quote=True)}" '
        f'style="width:100%;height:auto;display:block" font-family="inherit">{content}</svg>'
    )


def _axes(frame: Frame, title: str, x_label: str) -> str:
    """Return ticks, grid, title and the label below."""
    right, bottom = frame.width - RIGHT, frame.height - BOTTOM
    heading = f'<text x="{LEFT}" y="13" font-size="12" font-weight="600" fill="currentColor">'
    parts = [
        f"{heading}{escape(title)}</text>",
        _text(right, f"{frame.height - 3}", "end", escape(x_label)),
    ]
    for value in _ticks(*frame.y):
        y = frame.down(value)
        parts.append(
            f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor"'
            ' opacity="0.16"/>'
        )
        parts.append(_text(LEFT - 5, f"{y + 3.5:.1f}", "end", f"{value:.6g}"))
    for value in _ticks(*frame.x):
        parts.append(_text(f"{frame.across(value):.1f}", bottom + 14, "middle", f"{value:.6g}"))
    return "".join(parts)


def _text(x: object, y: object, anchor: str, content: str) -> str:
    """Return a small text of a chart."""
    return (
        f'<text x="{x}" y="{y}" font-size="10.5" text-anchor="{anchor}"'
        f' fill="currentColor">{content}</text>'
    )


def pen(colour: str, stroke: str | tuple = "-", width: float = 2) -> str:
    """Return the SVG attributes of a line."""
    return (
        f'fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes(stroke)}"'
    )


def dashes(stroke: str | tuple) -> str:
    """Return a dash pattern in matplotlib's words as SVG has it.

    >>> dashes("--"), dashes((0, (3, 1)))
    ('7 3', '6 2')
    """
    if isinstance(stroke, str):
        return DASH[stroke]
    return " ".join(f"{2 * part:g}" for part in stroke[1])


def limits(*values: np.ndarray) -> tuple[float, float]:
    """Return the smallest range that holds all finite values, never empty."""
    joined = np.concatenate([np.zeros(0), *(np.asarray(v, float).ravel() for v in values)])
    joined = joined[np.isfinite(joined)]
    low, high = (float(joined.min()), float(joined.max())) if joined.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round numbers in a range.

    >>> _ticks(0, 1), _ticks(0, 730)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 200.0, 400.0, 600.0])
    """
    rough = (high - low) / about
    unit = 10 ** np.floor(np.log10(rough))
    step = unit * min((1, 2, 5, 10), key=lambda size: abs(size * unit - rough))
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    values = np.round(np.arange(first, last + 1) * step, 10)
    return [float(value) for value in values + 0.0]  # + 0.0: no minus zero
