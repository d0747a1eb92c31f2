"""The monitor as a widget, and as the recorder that `fit` is given: it passes everything on and
draws what was seen.
"""

import signal
import threading
from typing import Any

import ipywidgets as W

from ucmt_lite.explore.draw.picture import Picture, new_figure
from ucmt_lite.explore.draw.twin import WithTwin
from ucmt_lite.explore.monitor import figure, page

STOP = "stop after this step"


class Monitor(WithTwin, W.VBox):
    """What `fit` asks of a recorder, around a recorder, with a picture of it that is drawn after
    each look.
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
        """Everything else that `fit` or a reader asks a recorder for, such as `curves`, `steps`,
        `state`, `trace`.
        """
        if name.startswith("_") or name == "recorder":
            raise AttributeError(name)
        return getattr(self.recorder, name)

    def due(self, step: int, iterations: int) -> bool:
        """The recorder's."""
        self.iterations = self.progress.max = iterations
        return self.recorder.due(step, iterations)

    def look(self, step: int, nets: Any, terms: dict[str, float], *, last: bool = False) -> None:
        """Let the recorder look, then draw what it saw."""
        self.recorder.look(step, nets, terms, last=last)
        self.progress.value, self.progress.description = step, f"{step} of {self.iterations}"
        self.board.value = page(self._so_far())

    def picture(self) -> Picture:
        """The still picture of the run so far."""
        if not self.recorder.steps:
            drawing, axes = new_figure(1, 1)
            axes[0, 0].set_title("not looked at yet", fontsize=9)
            axes[0, 0].set_axis_off()
            return Picture(drawing, "Training has not been looked at yet.")
        return figure(self._so_far())

    def _so_far(self) -> Any:
        recorder = self.recorder
        return recorder.trace(
            method=recorder.method.step.__name__, classes=[str(k) for k in range(recorder.classes)]
        )

    def _ask(self, *_: object) -> None:
        """End the run after the step."""
        self.stop = True
        self.button.disabled, self.button.description = True, "stopping"

    def __enter__(self) -> "Monitor":
        from IPython.display import display

        self.stop = False
        self.button.disabled, self.button.description = False, STOP
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
        ended = "failed" if error else "stopped" if self.stop else "finished"
        self.button.disabled, self.button.description = True, ended
        if self._shown is not None:
            self._shown.update(self)  # what a saved notebook keeps is the picture of the end
