"""Line charts as SVG text: drawn in a millisecond, sharp at any size, in the colours of the page's
light or dark theme.

The live explorers show these; still pictures are drawn with matplotlib from the same numbers.
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
        """Data to view box, horizontally."""
        return LEFT + (x - self.x[0]) / (self.x[1] - self.x[0]) * (self.width - LEFT - RIGHT)

    def down(self, y: np.ndarray | float) -> np.ndarray | float:
        """Data to view box, vertically."""
        return (
            self.height
            - BOTTOM
            - (y - self.y[0]) / (self.y[1] - self.y[0]) * (self.height - TOP - BOTTOM)
        )

    def path(self, x: np.ndarray, y: np.ndarray) -> str:
        """The points of a line; a value that is not finite leaves a gap."""
        across, down = (
            np.asarray(self.across(np.asarray(x, float))),
            np.asarray(self.down(np.asarray(y, float))),
        )
        good, pen, parts = np.isfinite(across) & np.isfinite(down), "M", []
        for u, v, here in zip(across, down, good, strict=True):
            if here:
                parts.append(f"{pen}{u:.1f} {v:.1f}")
            pen = "L" if here else "M"
        return "".join(parts)

    def box(self) -> dict:
        """For the browser."""
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
    """The chart as SVG text, and its frame.

    >>> text, frame = chart([Line("dice", np.arange(3), np.array([0.1, 0.5, 0.8]))], "Dice", "iterations", y=(0, 1))
    >>> text.count("<path"), frame.x
    (1, (0.0, 2.0))
    """
    frame = Frame(
        x or limits(*(line.x for line in lines)), y or limits(*(line.y for line in lines))
    )
    paths = "".join(f'<path d="{frame.path(s.x, s.y)}" {pen(s.colour, s.stroke)}/>' for s in lines)
    return drawing(frame.width, frame.height, axes(frame, title, x_label) + paths, title), frame


def drawing(width: int, height: int, content: str, label: str) -> str:
    """SVG text of a size, as wide as its place, with a name for screen readers."""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label, quote=True)}" '
        f'style="width:100%;height:auto;display:block" font-family="inherit">{content}</svg>'
    )


def axes(frame: Frame, title: str, x_label: str) -> str:
    """Ticks, grid, title and the label below."""
    right, bottom = frame.width - RIGHT, frame.height - BOTTOM
    parts = [
        (
            f'<text x="{LEFT}" y="13" font-size="12" font-weight="600"'
            f' fill="currentColor">{escape(title)}</text>'
        ),
        (
            f'<text x="{right}" y="{frame.height - 3}" font-size="10.5" text-anchor="end"'
            f' fill="currentColor">{escape(x_label)}</text>'
        ),
    ]
    for value in ticks(*frame.y):
        at = frame.down(value)
        parts.append(
            f'<line x1="{LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="currentColor"'
            ' opacity="0.16"/>'
        )
        parts.append(
            f'<text x="{LEFT - 5}" y="{at + 3.5:.1f}" font-size="10.5" text-anchor="end"'
            f' fill="currentColor">{value:.6g}</text>'
        )
    for value in ticks(*frame.x):
        at = frame.across(value)
        parts.append(
            f'<text x="{at:.1f}" y="{bottom + 14}" font-size="10.5" text-anchor="middle"'
            f' fill="currentColor">{value:.6g}</text>'
        )
    return "".join(parts)


def pen(colour: str, stroke: str | tuple = "-", width: float = 2) -> str:
    """The SVG attributes of a line."""
    return (
        f'fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes(stroke)}"'
    )


def dashes(stroke: str | tuple) -> str:
    """A dash pattern in matplotlib's words as SVG has it.

    >>> dashes("--"), dashes((0, (3, 1)))
    ('7 3', '6 2')
    """
    return (
        DASH[stroke] if isinstance(stroke, str) else " ".join(f"{2 * part:g}" for part in stroke[1])
    )


def limits(*values: np.ndarray) -> tuple[float, float]:
    """The smallest range that holds all finite values, never empty."""
    joined = (
        np.concatenate([np.asarray(v, float).ravel() for v in values]) if values else np.zeros(0)
    )
    joined = joined[np.isfinite(joined)]
    low, high = (float(joined.min()), float(joined.max())) if joined.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers in a range.

    >>> ticks(0, 1), ticks(0, 730)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 200.0, 400.0, 600.0])
    """
    rough = (high - low) / about
    unit = 10 ** np.floor(np.log10(rough))
    step = unit * min((1, 2, 5, 10), key=lambda size: abs(size * unit - rough))
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [
        float(v) for v in np.round(np.arange(first, last + 1) * step, 10) + 0.0
    ]  # + 0.0: no minus zero
