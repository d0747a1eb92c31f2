"""Experiments: configurations, runs, plans, sweeps, and what can be said of many runs.

A configuration (`config`) is assembled and checked (`assemble`, `method_settings`), run (`run`),
told to other tools (`loggers`), and left in a folder (`folder`) with its `provenance`. A `plan`
holds the runs of a grid, which `sweep` does; `recordings` does those of the lessons. Finished runs
become data frames (`results`), statistics (`comparison`), pictures (`evidence`), text (`tables`,
`scores`) and a `report`.

Uses `explore` to draw, `course` for its notebooks, and all rooms below.
"""

from ucmt_lite.common import lazy
from ucmt_lite.experiments.config import RunConfig

# Loaded when asked for, so that the command's help needs no torch. `run` is a module here:
# `from ucmt_lite.experiments.run import run`.
_HOMES = {
    "compare_runs": "comparison",
    "plan_runs": "plan",
    "read_plan": "plan",
    "read_run": "run",
    "train": "run",
}
__getattr__ = lazy(__name__, _HOMES)

__all__ = ["RunConfig", *_HOMES]
