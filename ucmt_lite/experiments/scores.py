"""What recorded runs scored on the test images, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.common import InputError, one_of
from ucmt_lite.explore.compare import grouped

if TYPE_CHECKING:
    from ucmt_lite.explore.compare import Runs
    from ucmt_lite.training.traces import Trace


@dataclass(frozen=True)
class Table:
    """A table that a notebook shows, also where no kernel runs."""

    markdown: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return {"text/markdown": self.markdown, "text/plain": self.markdown}


def table(runs: "Runs", score: str = "dice") -> Table:
    """One row a method, one column a seed, and the mean of a row; from the scores that recorded
    traces carry.

    `runs` as in `compare.figure`. A method without a run of a seed has a dash there.
    """
    named = grouped(runs)
    found = {name: by_seed(name, traces, score) for name, traces in named.items()}
    seeds = sorted({seed for values in found.values() for seed in values})
    count = next(iter(named.values()))[0].meta["test_cases"]
    head = [
        f"{score.capitalize()} on {count} test images",
        *(f"seed {seed}" for seed in seeds),
        "mean",
    ]
    lines = [head, ["---"] * len(head)]
    for name, values in found.items():
        cells = [f"{values[seed]:.3f}" if seed in values else "-" for seed in seeds]
        lines.append([name, *cells, f"**{np.mean(list(values.values())):.3f}**"])
    return Table("\n".join("| " + " | ".join(line) + " |" for line in lines))


def by_seed(name: str, traces: Sequence["Trace"], score: str) -> dict[int, float]:
    """The test score of each run of a method by its seed."""
    found: dict[int, float] = {}
    for trace in traces:
        if "test" not in trace.meta:
            raise InputError(
                f"The run of '{name}' with seed {trace.meta.get('seed')} has no test scores: "
                "take recorded runs, or `ucmt-lite run`, which scores."
            )
        seed, test = trace.meta["seed"], trace.meta["test"]
        if seed in found:
            raise InputError(
                f"Two runs of '{name}' have the seed {seed}: give runs of other settings another"
                " name."
            )
        found[seed] = test[
            one_of("score", score, [key for key, value in test.items() if isinstance(value, float)])
        ]
    return found
