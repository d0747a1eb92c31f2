"""The recorded runs that come with the lessons: which they are, and how they are made again."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ucmt_lite.config import RunConfig
from ucmt_lite.errors import one_of
from ucmt_lite.lessons import NOTEBOOKS


def planned(path: Path = NOTEBOOKS / "src/traces.yaml") -> dict[str, RunConfig]:
    """Name and configuration of every run that `traces.yaml` asks for."""
    import yaml

    plan = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key in plan:
        one_of(f"key of {path.name}", key, ("base", "seeds", "each_seed"))
    return {
        f"{name}_{seed}": RunConfig.of({**plan["base"], **own, "seed": seed})
        for name, own in plan["each_seed"].items()
        for seed in plan["seeds"]
    }


def record(
    names: Iterable[str] | None = None,
    force: bool = False,
    folder: Path = NOTEBOOKS / "traces",
    runs: Path = Path("runs/recorded"),
) -> list[str]:
    """Run what is planned and write the traces; one whose configuration has not changed is kept, unless `force`.

    A trace carries its run's scores on the test images; the whole runs stay in `runs`. Return the names of those that were recorded.
    One thread, so that the numbers are the same on the next machine of the same make.
    """
    import torch

    from ucmt_lite import traces
    from ucmt_lite.experiment import run

    plan, recorded = planned(), []
    torch.set_num_threads(1)
    for name in [one_of("recorded run", name, plan) for name in names or plan]:
        file = folder / f"{name}.npz"
        if force or not file.is_file() or RunConfig.of(traces.load(file).meta["config"]) != plan[name]:
            print(name, flush=True)
            done = run(plan[name], runs / name)
            scores = {"test": done.metrics["scores"], "test_cases": len(done.metrics["cases"])}
            replace(done.trace, meta={**done.trace.meta, **scores}).save(file)
            recorded.append(name)
    return recorded
