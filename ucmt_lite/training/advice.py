"""What the curves of a finished run advise: sentences for the end of the run. No torch."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace

__all__ = ["advice", "still_falling"]

SUPERVISED_LOSS = "loss/sup"
NOTABLE = 0.03  # of the whole fall; 600 iterations on the hearts ended between 0 and 0.06
FEWEST = 3  # recorded values in a fifth of the run: fewer say nothing


def advice(trace: "Trace") -> list[str]:
    """Return what to do otherwise next time, one sentence each; nothing where all is well.

    >>> from ucmt_lite.training.traces import Trace
    >>> step = np.arange(20, 401, 20)
    >>> advice(Trace({"method": "cps"}, step, {"loss/sup": 1 - step / 500}))
    ['The supervised loss was still falling when training ended, from 0.42 to 0.26 in the last fifth
    of 400 iterations: train longer, for instance with iterations=800.']
    >>> advice(Trace({"method": "cps"}, step, {"loss/sup": np.exp(-step / 50)}))
    []
    """
    losses = trace.curves.get(SUPERVISED_LOSS)
    if losses is None or not still_falling(trace.step, losses):
        return []
    iterations = int(trace.step[-1])
    _, before, last = (part.mean() for part in _fifths(trace.step, losses))
    return [
        f"The supervised loss was still falling when training ended, from {before:.2g} to"
        f" {last:.2g} in the last fifth of {iterations} iterations: train longer, for instance with"
        f" iterations={2 * iterations}."
    ]


def still_falling(steps: ArrayLike, losses: ArrayLike) -> bool:
    """Tell whether a loss still fell in the last fifth of the steps, against the fifth before.

    Each recorded loss is that of one minibatch, so two things have to hold: the fall is above twice
    its standard error, and it is a notable share of the fall since the first fifth. Too few losses
    say nothing.

    >>> steps = np.arange(20, 401, 20)
    >>> still_falling(steps, 1 - steps / 500), still_falling(steps, np.ones(20))
    (True, False)
    """
    first, before, last = _fifths(steps, losses)
    if min(len(before), len(last)) < FEWEST or not len(first):
        return False
    fall = before.mean() - last.mean()
    error = np.sqrt(before.var(ddof=1) / len(before) + last.var(ddof=1) / len(last))
    whole = first.mean() - last.mean()
    return bool(fall > 2 * error and fall > NOTABLE * whole)


def _fifths(steps: ArrayLike, losses: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the losses of the first fifth of the steps, of the last but one and of the last."""
    steps = np.asarray(steps)
    losses = np.asarray(losses, dtype=float)
    share = steps / steps.max(initial=1)
    return losses[share <= 0.2], losses[(share > 0.6) & (share <= 0.8)], losses[share > 0.8]
