"""Results: finished runs as a data frame, one row per run with everything it depends on.

Kept as Parquet. `run` makes a row's run, `tables` and `report` write such data frames down.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucmt_lite.common import KEPT, InputError, atomic, one_of
from ucmt_lite.experiments.config import SCORES
from ucmt_lite.experiments.plan import CASE_FIELDS
from ucmt_lite.experiments.run import Result, read_run

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from ucmt_lite.training.traces import Trace

KEPT_CURVES = ("dice", "disagreement", "uncertainty")


def row(run: Result, variant: str = "") -> dict[str, Any]:
    """Return one finished run: its variant, configuration, mean scores, seconds and environment.

    Of the folder that the data lay in only its name stays, where it is your own data: that is which
    set it was. Settings and lists are JSON text, so that rows of different methods fit one table.
    """
    from ucmt_lite.data import READERS

    config = run.config.as_dict()
    config["data"] = Path(config["data"]).name if run.config.dataset in READERS else ""
    metrics = run.metrics
    return {
        "variant": variant or run.config.method,
        "fingerprint": run.config.fingerprint,
        **{
            name: json.dumps(value) if isinstance(value, (dict, list)) else value
            for name, value in config.items()
        },
        "gradient_steps": run.config.iterations * gradient_steps(run.config.method),
        **{name: metrics["scores"].get(name) for name in SCORES},
        "undefined": metrics["scores"].get("undefined"),
        "cases": len(metrics["cases"]),
        "unit": metrics["unit"],
        "labeled_ids": json.dumps(metrics["labeled_ids"]),
        "split_rule": metrics["split_rule"],
        **{f"seconds_{name}": value for name, value in metrics["seconds"].items()},
        **{f"env_{name}": value for name, value in metrics["environment"].items()},
    }


def gradient_steps(method: str) -> float:
    """Return how many steps an iteration takes for the networks that segment.

    UCMT takes two; GCT's second is the detector's. NaN for a method that this kit does not have.
    """
    from ucmt_lite.methods import METHODS, dry_run

    if method not in METHODS:
        return math.nan
    return sum("sup" in terms for terms in dry_run(method))


def of_runs(folders: Iterable[str | Path]) -> "DataFrame":
    """Return the table of some finished runs, in their order."""
    from pandas import DataFrame

    return DataFrame([row(read_run(folder)) for folder in folders])


def of_sweep(folder: str | Path) -> tuple["DataFrame", "DataFrame"]:
    """Return the finished runs of a sweep, and their curves: one row per run and recorded step.

    Runs still to come are left out.
    """
    from pandas import DataFrame, concat

    folder = Path(folder)
    plan = sweep_plan(folder)
    unfinished = unfinished_runs(folder)
    runs = {name: folder / "runs" / name for name in plan if name not in unfinished}
    if not runs:
        raise InputError(
            f"No run of the sweep in {folder} is finished yet: run `ucmt-lite sweep` to its end."
        )
    rows, curves = [], []
    for name, place in runs.items():
        run = read_run(place)
        rows.append({"run": name, **row(run, plan[name]["variant"])})
        recorded = run.trace.curves
        values = {curve: recorded[curve] for curve in KEPT_CURVES if curve in recorded}
        curves.append(DataFrame({"run": name, "step": run.trace.step, **values}))
    return DataFrame(rows), concat(curves, ignore_index=True)


def sweep_plan(folder: Path) -> dict[str, dict]:
    """Return the runs of a sweep by name, finished or not, in the order of its grid."""
    try:
        return json.loads((folder / "grid.json").read_text())
    except OSError:
        raise InputError(
            f"{folder} holds no sweep: name the folder that `ucmt-lite sweep --out` was given."
        ) from None
    except json.JSONDecodeError as cause:
        raise InputError(
            f"{folder / 'grid.json'} is damaged ({cause}): remove it, and give the sweep's command"
            " again."
        ) from None


def unfinished_runs(folder: str | Path) -> list[str]:
    """Return the runs of a sweep that are still to come.

    None where there is no sweep, but only its tables.
    """
    plan = sweep_plan(Path(folder)) if (Path(folder) / "grid.json").is_file() else {}
    return [name for name in plan if not (Path(folder) / "runs" / name / "metrics.json").is_file()]


def traces_of(
    runs: "DataFrame", curves: "DataFrame", baseline: str = "", limit: int = 7
) -> dict[str, list["Trace"]]:
    """Return runs as traces without maps, by the name of their line: what `explore.compare` draws.

    A picture of more than `limit` lines cannot be read: then the baseline (the first variant, if
    none is named) stays, and of the others those with the best mean Dice.
    """
    from ucmt_lite.training.traces import Trace

    lines = line_names(runs)
    means = runs.groupby(lines, sort=False)["dice"].mean()
    first = lines[runs["variant"] == (baseline or runs["variant"].iloc[0])].iloc[0]
    best = means.drop(first).sort_values(ascending=False).index[: limit - 1]
    steps = {name: group.sort_values("step") for name, group in curves.groupby("run")}
    traces: dict[str, list[Trace]] = {
        name: [] for name in means.index if name == first or name in best
    }
    for name, run in zip(lines, runs.itertuples(), strict=True):
        if name not in traces:
            continue
        seen = steps[run.run]
        values = {
            curve: seen[curve].to_numpy() for curve in KEPT_CURVES if seen[curve].notna().all()
        }
        meta = {"method": run.method, "seed": run.seed}
        traces[name].append(Trace(meta, seen["step"].to_numpy(), values))
    return traces


# What stands before and after the values of a field in the name of a line.
_WORDS_AROUND = {"labeled": ("", " labeled"), "draw": ("draw ", "")}


def line_names(runs: "DataFrame", besides: tuple[str, ...] = ()) -> "Series":
    """Return the name of each run's line where many are drawn together.

    That is its variant, and what else differs between the runs, `besides` left out.
    """
    names = runs["variant"]
    for field in CASE_FIELDS:
        if field in runs and field not in besides and runs[field].astype(str).nunique() > 1:
            before, after = _WORDS_AROUND.get(field, ("", ""))
            names = names + ", " + before + runs[field].astype(str) + after
    return names


def kept(name: str) -> Path:
    """Return the folder of a comparison that comes with the kit, such as `kept("heart")`."""
    folder = KEPT / "results"
    names = sorted(path.parent.name for path in folder.glob("*/runs.parquet"))
    return folder / one_of("comparison", name, names)


def save_runs(table: "DataFrame", path: str | Path) -> None:
    """Write a table as Parquet, whole or not at all."""
    try:
        with atomic(path) as temporary:
            table.to_parquet(temporary, index=False)
    except OSError as cause:
        raise InputError(
            f"{path} cannot be written ({cause.strerror or cause}): choose another file."
        ) from None


def load_runs(path: str | Path) -> "DataFrame":
    """Read a table of runs or of curves."""
    import pandas

    try:
        return pandas.read_parquet(path)
    except (OSError, ValueError) as cause:
        raise InputError(
            f"{path} is not a table of results ({cause}): make one with `ucmt-lite report`."
        ) from None
