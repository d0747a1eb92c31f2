"""What is told of a run while it trains: a `Look` to whoever listens, a bar to a person, or in a
log a line for each tenth of the run.
"""

import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tqdm.auto import tqdm


class Look(NamedTuple):
    """What is known of a run at one of the moments at which its recorder looks.

    `fit`, `train` and `run` call their `on_look` with it: after the first iteration, the last, and
    every 20th. Dice is that of the recorder's images, and missing where none of them shows
    anything; a run takes them from the validation split, where there is one.

    >>> look = Look(20, 600, {"sup": 0.7}, {"student1": 0.5, "teacher": 0.4}, "teacher", 1.5)
    >>> look.values
    {'loss/sup': 0.7, 'dice/student1': 0.5, 'dice/teacher': 0.4, 'seconds': 1.5}
    """

    iteration: int  # done so far
    iterations: int  # of the whole run
    losses: dict[str, float]  # of the last minibatch, by the names of the method's terms
    dice: dict[str, float]  # by network, mean over foreground classes and images
    predicts: str  # the network that predicts in the end
    seconds: float  # since training began in this process

    @property
    def values(self) -> dict[str, float]:
        """Every number by one name, as in a trace: `loss/TERM`, `dice/NETWORK`, and `seconds`."""
        losses = {f"loss/{name}": value for name, value in self.losses.items()}
        dice = {f"dice/{name}": value for name, value in self.dice.items()}
        return losses | dice | {"seconds": self.seconds}


class Progress:
    """The remaining iterations, which move a bar when they are gone through.

    Losses and Dice of the last look stand beside the bar; a log gets them as a line each tenth.
    Whoever listens, `on_look`, is told each look, too.
    """

    def __init__(
        self,
        title: str,
        start: int,
        iterations: int,
        on_look: Callable[[Look], None] | None = None,
        *,
        silent: bool = False,
    ) -> None:
        self.on_look = on_look
        self.began = time.perf_counter()
        self.told = start
        # Elsewhere the environment's TQDM_DISABLE decides.
        hidden = {"disable": True} if silent or _in_a_log() else {}
        steps = range(start, iterations)
        self.bar = tqdm(steps, desc=title, initial=start, total=iterations, leave=False, **hidden)

    def __iter__(self) -> Iterator[int]:
        return iter(self.bar)

    @property
    def seconds(self) -> float:
        """Seconds since training began in this process."""
        return time.perf_counter() - self.began

    def tell(self, look: Look) -> None:
        """Show the numbers of a look to a person, and pass it on to whoever listens."""
        text = " ".join(f"{name} {value:.3f}" for name, value in look.losses.items())
        if look.dice:
            text += f" | dice {look.dice[look.predicts]:.3f}"
        self.bar.set_postfix_str(text)
        tenth = max(1, look.iterations // 10)
        if _in_a_log() and look.iteration // tenth != self.told // tenth:
            print(f"{look.iteration}/{look.iterations}: {text}", flush=True)
        self.told = look.iteration
        if self.on_look:
            self.on_look(look)


def _in_a_log() -> bool:
    """Tell whether output goes to neither a terminal nor a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is None and not sys.stderr.isatty()
