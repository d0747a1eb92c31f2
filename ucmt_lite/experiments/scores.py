"""Scores of the recorded traces that come with the lessons, as a table by method and seed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.common import InputError, one_of
from ucmt_lite.experiments.tables import Table, markdown
from ucmt_lite.explore.compare import grouped

if TYPE_CHECKING:
    from ucmt_lite.explore.compare import Runs
    from ucmt_lite.training.traces import Trace


def table(runs: "Runs", score: str = "dice") -> Table:
    """Return one row per method, one column per seed, and the mean of each row.

    From the scores that recorded traces carry; `runs` as in `compare.figure`. A method without a
    run of a seed has a dash there.
    """
    named = grouped(runs)
    scores = {name: _by_seed(name, traces, score) for name, traces in named.items()}
    seeds = sorted({seed for by_seed in scores.values() for seed in by_seed})
    count = next(iter(named.values()))[0].meta["test_cases"]
    columns = [f"seed {seed}" for seed in seeds]
    head = [f"{score.capitalize()} on {count} test images", *columns, "mean"]
    rows = []
    for name, by_seed in scores.items():
        cells = [f"{by_seed[seed]:.3f}" if seed in by_seed else "-" for seed in seeds]
        rows.append([name, *cells, f"**{np.mean(list(by_seed.values())):.3f}**"])
    return Table(markdown(head, rows))


def _by_seed(name: str, traces: Sequence["Trace"], score: str) -> dict[int, float]:
    """Return the test score of each run of a method by its seed."""
    scores: dict[int, float] = {}
    for trace in traces:
        if "test" not in trace.meta:
            raise InputError(
                f"The run of '{name}' with seed {trace.meta.get('seed')} has no test scores: "
                "take recorded runs, or `ucmt-lite run`, which scores."
            )
        seed, test = trace.meta["seed"], trace.meta["test"]
        if seed in scores:
            raise InputError(
                f"Two runs of '{name}' have the seed {seed}: give runs of other settings another"
                " name."
            )
        known = [key for key, value in test.items() if isinstance(value, float)]
        scores[seed] = test[one_of("score", score, known)]
    return scores
