"""A question before an explorer: readers answer, see surprise and score, and then explore.

`predict_first(explorer, answer)` takes one of four answers: `where_they_differ`, a region that is
drawn on an image; `which_cells_move`, cells that are chosen on the grid of UMIX; `a_number`, on a
slider; `a_choice` of names. Whoever has no kernel gets the question as a picture, and folded below
it the answer, with the still picture of the explorer.
"""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as W

from ucmt_lite.explore._umix_samples import Sample, pairs
from ucmt_lite.explore.answers import Cells, Region
from ucmt_lite.explore.draw.maps import checked_trace, nearest_look
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.explore.draw.twin import WithTwin
from ucmt_lite.explore.guesses import Choice, Number

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace

_Answer = Region | Cells | Number | Choice


def predict_first(explorer: Any, answer: _Answer, question: str = "") -> "PredictFirst":
    """Ask before an explorer is shown; `question` replaces the answer's own."""
    return PredictFirst(explorer, answer, question or answer.question)


def where_they_differ(trace: "Trace", image: int = 0, step: int | None = None) -> Region:
    """Ask for the region where the two traced networks differ, on one probe image at one step."""
    trace = checked_trace(trace, image=image)
    frame = nearest_look(trace, step)
    a, b = (trace.predictions[name][frame, image] for name in trace.branches)
    return Region(trace.image[image], a != b)


def which_cells_move(sample: Sample) -> Cells:
    """Ask for the cells that a mix replaces, of a sample of the UMIX lab."""
    return Cells(sample.image, sample.grid, {int(cell) for cell, _, _ in pairs(sample)})


def a_number(question: str, truth: Any, scale: tuple[float, float], unit: str = "") -> Number:
    """Ask for a number on a scale; where `truth` holds one of each run, for their mean.

    >>> a_number("Where does UCMT end?", [0.8, 0.9], (0, 1)).revealed().alt
    'It is 0.850, the mean of 2 runs (0.800 to 0.900), on a scale from 0 to 1.'
    """
    return Number(question, truth, scale, unit)


def a_choice(
    question: str,
    scores: Mapping[str, Any],
    pick: Callable[[Iterable[float]], float],
    measure: str,
) -> Choice:
    """Ask for one of several names: that whose score is `min` or `max`, whichever is given.

    Scores are numbers, or one of each run; `measure` says in words what they are.

    >>> a_choice("Who is ahead?", {"cps": 0.8, "ucmt": 0.7}, max, "Dice at the end").revealed().alt
    'The answer is CPS. Dice at the end: CPS 0.8 and UCMT 0.7.'
    """
    return Choice(question, scores, pick, measure)


class PredictFirst(WithTwin, W.VBox):
    """A question, a board to answer on, and behind the answer its score and the explorer.

    Core ipywidgets around both, so that every control is reached by keys.
    """

    def __init__(self, explorer: Any, answer: _Answer, question: str) -> None:
        self.explorer, self.answer, self.question = explorer, answer, question
        self.button = W.Button(
            description="That is my answer", layout=W.Layout(width="auto", align_self="flex-start")
        )
        self.words = W.HTML()
        self.button.on_click(self._reveal)
        asked = W.HTML(f"<p><b>{escape(question)}</b></p>")
        self.parts = [asked, answer.board, self.button, self.words]
        super().__init__(self.parts)

    def picture(self) -> Picture:
        """Return the still picture that goes with the question; it does not give the answer."""
        return Picture(self.answer.asked().figure, self.question)

    def _reveal(self, button: object) -> None:
        """Show the surprise, its score and the explorer, once there is an answer."""
        missing = self.answer.missing()
        if missing:
            self.words.value = f'<p aria-live="polite">{escape(missing)}</p>'
            return
        self.button.disabled = True
        self.words.value = (
            f'<p aria-live="polite"><b>{escape(self.answer.told())}</b></p>'
            f"{_html(self.answer.revealed())}"
        )
        self.children = (*self.parts, _as_widget(self.explorer))

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        revealed = self.answer.revealed()
        data["text/html"] = (
            f"<p><b>{escape(self.question)}</b></p>{data['text/html']}"
            f"<details><summary>Answer</summary>{_html(revealed)}<p>{escape(revealed.alt)}</p>"
            f"{_html(self.explorer.picture())}</details>"
        )
        return data, metadata


def _html(picture: Picture) -> str:
    """Return a picture with its sentence as HTML text."""
    return picture.bundle()[0]["text/html"]


def _as_widget(explorer: Any) -> W.Widget:
    """Return an explorer as a widget; a plot, which is none, as the output of one."""
    if isinstance(explorer, W.Widget):
        return explorer
    data, metadata = explorer._repr_mimebundle_()
    shown = {"output_type": "display_data", "data": data, "metadata": metadata}
    return W.Output(outputs=(shown,))
