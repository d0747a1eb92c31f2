"""Answers without an image, given before an explorer is shown: a number, or one of several names.

They are scored against numbers of runs, and against guesses at random. What an answer has is said
in `answers`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as W
import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.answers import CHOSEN
from ucmt_lite.explore.draw.palette import NET_TITLES
from ucmt_lite.explore.draw.picture import Picture, new_figure, sentence
from ucmt_lite.methods import title_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RUN, MEAN = "#999999", "#D55E00"


def number_score(guess: float, truth: float, scale: tuple[float, float]) -> tuple[float, float]:
    """Return how far a guess is off, and how far numbers drawn from the scale are on average.

    >>> number_score(20, 50, (0, 100))
    (30, 25.0)
    """
    low, high = scale
    chance = ((truth - low) ** 2 + (high - truth) ** 2) / (2 * (high - low))
    return abs(guess - truth), chance


class Number:
    """An answer on a scale, given with a slider; of several runs the mean is asked for."""

    def __init__(
        self, question: str, truth: Any, scale: tuple[float, float], unit: str = ""
    ) -> None:
        low, high = scale
        self.question, self.scale, self.unit = question, scale, unit
        self.values = np.ravel(np.asarray(truth, float))
        if not self.values.size or not ((low <= self.values) & (self.values <= high)).all():
            raise InputError(
                f"The scale from {low:g} to {high:g} does not hold {self.values.tolist()}: give one"
                " number at least, and a scale on which it lies."
            )
        self.truth = float(self.values.mean())
        self.digits = max(0, 3 - int(np.ceil(np.log10(high - low))))
        self.moved = False
        self.board = W.FloatSlider(
            low,
            min=low,
            max=high,
            step=(high - low) / 100,
            readout_format=f".{self.digits}f",
            description=f"your guess ({unit})" if unit else "your guess",
            style={"description_width": "initial"},
            layout=W.Layout(width="min(100%, 480px)"),
        )
        self.board.observe(self._note, "value")

    def _note(self, change: dict) -> None:
        self.moved = True

    def missing(self) -> str:
        """Return what is to be done before an answer counts; '' when nothing is."""
        return "" if self.moved else "Move the slider first."

    def told(self) -> str:
        """Return the score in words."""
        away, chance = number_score(self.board.value, self.truth, self.scale)
        return (
            f"You said {self._written(self.board.value)}, which is {away:.{self.digits}f} off;"
            f" numbers drawn at random from the scale are {chance:.{self.digits}f} off on average."
        )

    def asked(self) -> Picture:
        """Return the picture that goes with the question: the scale."""
        return Picture(_dots({"": []}, self.scale, self.unit), self.question)

    def revealed(self) -> Picture:
        """Return the picture of the truth on its scale, with the guess where there is one."""
        guess = self.board.value if self.moved else None
        text = f"It is {self._written(self.truth)}"
        if self.values.size > 1:
            ends = f"{self.values.min():.{self.digits}f} to {self.values.max():.{self.digits}f}"
            text += f", the mean of {self.values.size} runs ({ends})"
        low, high = self.scale
        drawing = _dots({"": self.values}, self.scale, self.unit, guess)
        return Picture(drawing, f"{text}, on a scale from {low:g} to {high:g}.")

    def _written(self, value: float) -> str:
        """Return a number with as many digits as the scale is worth, and its unit."""
        return f"{value:.{self.digits}f} {self.unit}".rstrip()


class Choice:
    """An answer that is chosen: the name whose number is the smallest, or the largest.

    A name has one number, or one of each run, of which the mean counts.
    """

    def __init__(
        self,
        question: str,
        scores: Mapping[str, Any],
        pick: Callable[[Iterable[float]], float],
        measure: str,
    ) -> None:
        self.question, self.pick, self.measure = question, pick, measure
        self.values = {_title(name): np.ravel(np.asarray(v, float)) for name, v in scores.items()}
        self.means = {name: float(values.mean()) for name, values in self.values.items()}
        self.right = [
            name for name, mean in self.means.items() if mean == pick(self.means.values())
        ]
        if len(self.right) != 1:
            raise InputError(
                f"There is nothing to choose between the numbers {list(self.means.values())}: give"
                " two names at least, one of them ahead of the others."
            )
        self.board = W.RadioButtons(
            options=list(self.means), index=None, layout=W.Layout(width="max-content")
        )

    def missing(self) -> str:
        """Return what is to be done before an answer counts; '' when nothing is."""
        return "" if self.board.value else "Choose one first."

    def told(self) -> str:
        """Return the score in words."""
        chosen, right = self.board.value, self.right[0]
        verdict = "Right, the" if chosen == right else f"You chose {chosen}, the"
        return f"{verdict} answer is {right}. By chance one guess in {len(self.means)} is right."

    def asked(self) -> Picture:
        """Return the picture that goes with the question: the names."""
        return Picture(_dots(dict.fromkeys(self.means, []), None, self.measure), self.question)

    def revealed(self) -> Picture:
        """Return the picture of all numbers."""
        order = sorted(self.means, key=lambda name: self.means[name], reverse=self.pick is max)
        numbers = sentence([f"{name} {self.means[name]:.3g}" for name in order])
        measure = self.measure[:1].upper() + self.measure[1:]
        text = f"The answer is {self.right[0]}. {measure}: {numbers}."
        return Picture(_dots(self.values, None, self.measure), text)


def _title(name: str) -> str:
    """Return a network or a method as it is written in text."""
    return NET_TITLES.get(name, title_of(name))


def _dots(
    rows: Mapping[str, Any],
    scale: tuple[float, float] | None,
    label: str,
    guess: float | None = None,
) -> "Figure":
    """Draw a row for each name: a dot for each run, a bar at their mean, a line at the guess."""
    drawing, axes = new_figure(1, 1, width=4, height=0.6 + 0.3 * len(rows))
    ax, drawn = axes[0, 0], False
    for place, values in enumerate(rows.values()):
        if len(values):
            drawn = True
            ax.plot(values, [place] * len(values), "o", color=RUN, markersize=5, alpha=0.7)
            ax.plot([np.mean(values)], [place], "|", color=MEAN, markersize=16, markeredgewidth=3)
    if guess is not None:
        ax.axvline(guess, color=CHOSEN, linestyle="--", linewidth=2)
    ax.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)), yticklabels=list(rows))
    ax.set_xlabel(label, fontsize=8)
    ax.tick_params(labelsize=8)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", alpha=0.3)
    if scale:
        ax.set_xlim(scale)
    elif not drawn:
        ax.set_xticks([])
    return drawing
