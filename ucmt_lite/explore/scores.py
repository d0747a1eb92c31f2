"""What recorded runs scored on the test images, as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.errors import InputError
from ucmt_lite.names import TITLES

if TYPE_CHECKING:
    from ucmt_lite.traces import Trace


@dataclass(frozen=True)
class Table:
    """A table that a notebook shows, also where no kernel runs."""

    markdown: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return {"text/markdown": self.markdown, "text/plain": self.markdown}


def table(runs: Mapping[str, Sequence["Trace"]], score: str = "dice") -> Table:
    """One row a method, one column a seed, and the mean; from the scores that recorded traces carry."""
    rows = []
    for name, traces in runs.items():
        if missing := [trace for trace in traces if "test" not in trace.meta]:
            raise InputError(
                f"The run of '{name}' with seed {missing[0].meta.get('seed')} has no test scores: "
                "take recorded runs, or `ucmt-lite run`, which scores."
            )
        values = [trace.meta["test"][score] for trace in traces]
        rows.append([TITLES.get(name, name), *(f"{value:.3f}" for value in values), f"**{np.mean(values):.3f}**"])
    first = next(iter(runs.values()))
    head = [
        f"{score.capitalize()} on {first[0].meta['test_cases']} test images",
        *(f"seed {t.meta['seed']}" for t in first),
        "mean",
    ]
    lines = [head, ["---"] * len(head), *rows]
    return Table("\n".join("| " + " | ".join(line) + " |" for line in lines))
