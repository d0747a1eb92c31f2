"""The recorded runs that come with the lessons: which they are, and how they are made again."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ucmt_lite.common import one_of
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.experiments import grid
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.grid import Planned
from ucmt_lite.training import traces
from ucmt_lite.training.traces import Trace


def planned_recordings(path: Path = NOTEBOOKS / "src/traces.yaml") -> dict[str, Planned]:
    """Every run that `traces.yaml`, a grid, asks for, by name."""
    return {run.name: run for run in grid.read_grid(path)}


def record(
    names: Iterable[str] | None = None,
    force: bool = False,
    folder: Path = NOTEBOOKS / "traces",
    runs: Path = Path("runs/recorded"),
) -> list[str]:
    """Run what is planned and write the traces; one whose configuration has not changed is kept,
    unless `force`.

    A trace carries its run's scores on the test images; the whole runs stay in `runs`. Of each
    variant the first run keeps its maps, the others their curves alone. Return the names of those
    that were recorded. One thread, so that the numbers are the same on the next machine of the same
    make.
    """
    import torch

    from ucmt_lite.experiments.run import run

    plan, recorded = planned_recordings(), []
    torch.set_num_threads(1)
    for name in [one_of("recorded run", name, plan) for name in names or plan]:
        file, config = folder / f"{name}.npz", plan[name].config
        if (
            force
            or not file.is_file()
            or RunConfig.of(traces.load_trace(file).meta["config"]) != config
        ):
            print(name, flush=True)
            done = run(config, runs / name)
            scores = {"test": done.metrics["scores"], "test_cases": len(done.metrics["cases"])}
            trace = replace(done.trace, meta={**done.trace.meta, **scores})
            (trace if is_first(name, plan) else _without_maps(trace)).save(file)
            recorded.append(name)
    return recorded


def is_first(name: str, plan: dict[str, Planned]) -> bool:
    """Whether a run is the first of its variant in the plan."""
    return name == next(other for other, run in plan.items() if run.variant == plan[name].variant)


def _without_maps(trace: Trace) -> Trace:
    """The curves of a trace, without images and maps: a few kilobytes."""
    return Trace(meta=trace.meta, step=trace.step, curves=trace.curves)
