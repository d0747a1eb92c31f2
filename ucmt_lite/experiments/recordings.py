"""The recorded runs that come with the lessons: which they are, and how they are made again."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ucmt_lite.common import one_of
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.plan import Planned, read_plan
from ucmt_lite.training.traces import Trace, load_trace


def planned_recordings(path: Path = NOTEBOOKS / "src/traces.yaml") -> dict[str, Planned]:
    """Return every run that `traces.yaml`, a grid, asks for, by name."""
    return {run.name: run for run in read_plan(path)}


def record(
    names: Iterable[str] | None = None,
    force: bool = False,
    folder: Path = NOTEBOOKS / "traces",
    runs: Path = Path("runs/recorded"),
) -> list[str]:
    """Run what is planned and write the traces; return the names of those that were recorded.

    One whose configuration has not changed is kept, unless `force`. A trace carries its run's
    scores on the test images; the whole runs stay in `runs`. Of each variant the first run keeps
    its maps, the others their curves alone. One thread, so that the numbers are the same on the
    next machine of the same make.
    """
    import torch

    from ucmt_lite.experiments.run import run

    plan = planned_recordings()
    chosen = [one_of("recorded run", name, plan) for name in names or plan]
    torch.set_num_threads(1)
    recorded = []
    for name in chosen:
        file, config = folder / f"{name}.npz", plan[name].config
        if not force and _is_recorded(file, config):
            continue
        print(name, flush=True)
        done = run(config, runs / name)
        scores = {"test": done.metrics["scores"], "test_cases": len(done.metrics["cases"])}
        trace = replace(done.trace, meta={**done.trace.meta, **scores})
        (trace if is_first(name, plan) else _without_maps(trace)).save(file)
        recorded.append(name)
    return recorded


def _is_recorded(file: Path, config: RunConfig) -> bool:
    """Tell whether a trace is there, of a run of this configuration."""
    return file.is_file() and RunConfig.of_saved(load_trace(file).meta["config"]) == config


def is_first(name: str, plan: dict[str, Planned]) -> bool:
    """Tell whether a run is the first of its variant in the plan."""
    return name == next(other for other, run in plan.items() if run.variant == plan[name].variant)


def _without_maps(trace: Trace) -> Trace:
    """Return the curves of a trace, without images and maps: a few kilobytes."""
    return Trace(meta=trace.meta, step=trace.step, curves=trace.curves)
