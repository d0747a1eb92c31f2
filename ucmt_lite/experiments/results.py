"""Finished runs as one table, a row a run with everything it depends on; kept as Parquet, told as
Markdown.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucmt_lite.common import InputError, atomic, one_of
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.experiments.config import SCORES
from ucmt_lite.experiments.plan import CASE_FIELDS
from ucmt_lite.experiments.run import Result, read_run
from ucmt_lite.methods import title_of
from ucmt_lite.training.traces import INSTALLED

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from ucmt_lite.training.traces import Trace

CURVES = ("dice", "disagreement", "uncertainty")


def row(run: Result, variant: str = "") -> dict[str, Any]:
    """One finished run: its variant, configuration, mean scores, seconds and environment.

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


def gradient_steps(method: str) -> int:
    """How many steps an iteration takes for the networks that segment: UCMT takes two, GCT's second
    is the detector's.
    """
    from ucmt_lite.methods import dry_run

    return sum("sup" in terms for terms in dry_run(method))


def of_runs(folders: Iterable[str | Path]) -> "DataFrame":
    """The table of some finished runs, in their order."""
    from pandas import DataFrame

    return DataFrame([row(read_run(folder)) for folder in folders])


def of_sweep(folder: str | Path) -> tuple["DataFrame", "DataFrame"]:
    """All finished runs of a sweep, and their curves: one row a recorded step of a run. Runs still
    to come are left out.
    """
    from pandas import DataFrame, concat

    folder = Path(folder)
    plan = sweep_plan(folder)
    left = unfinished_runs(folder)
    runs = {name: folder / "runs" / name for name in plan if name not in left}
    if not runs:
        raise InputError(
            f"No run of the sweep in {folder} is finished yet: run `ucmt-lite sweep` to its end."
        )
    rows, curves = [], []
    for name, place in runs.items():
        run = read_run(place)
        rows.append({"run": name, **row(run, plan[name]["variant"])})
        values = {curve: run.trace.curves[curve] for curve in CURVES if curve in run.trace.curves}
        curves.append(DataFrame({"run": name, "step": run.trace.step, **values}))
    return DataFrame(rows), concat(curves, ignore_index=True)


def sweep_plan(folder: Path) -> dict[str, dict]:
    """The runs of a sweep by name, finished or not, in the order of its grid."""
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
    """The runs of a sweep that are still to come; none where there is no sweep, but only its
    tables.
    """
    plan = sweep_plan(Path(folder)) if (Path(folder) / "grid.json").is_file() else {}
    return [name for name in plan if not (Path(folder) / "runs" / name / "metrics.json").is_file()]


def traces_of(
    runs: "DataFrame", curves: "DataFrame", baseline: str = "", most: int = 7
) -> dict[str, list["Trace"]]:
    """Runs as traces without maps, by variant (and by what else differs): what `explore.compare`
    draws, a line each.

    A picture of more than `most` lines cannot be read: then the baseline (the first variant, if
    none is named) stays, and of the others those with the best mean Dice.
    """
    from ucmt_lite.training.traces import Trace

    lines = line_names(runs)
    means = runs.groupby(lines, sort=False)["dice"].mean()
    first = lines[runs["variant"] == (baseline or runs["variant"].iloc[0])].iloc[0]
    drawn = [first, *means.drop(first).sort_values(ascending=False).index[: most - 1]]
    steps = {name: group.sort_values("step") for name, group in curves.groupby("run")}
    found: dict[str, list[Trace]] = {name: [] for name in means.index if name in drawn}
    for name, run in zip(lines, runs.itertuples(), strict=True):
        if name in found:
            own = steps[run.run]
            values = {curve: own[curve].to_numpy() for curve in CURVES if own[curve].notna().all()}
            found[name].append(
                Trace({"method": run.method, "seed": run.seed}, own["step"].to_numpy(), values)
            )
    return found


def line_names(runs: "DataFrame", besides: tuple[str, ...] = ()) -> "Series":
    """What the line of each run is called where many are drawn together: its variant, and what else
    differs between them.
    """
    differ = [
        name
        for name in CASE_FIELDS
        if name in runs and name not in besides and runs[name].astype(str).nunique() > 1
    ]
    names = runs["variant"]
    for name in differ:
        names = (
            names
            + ", "
            + (runs[name].astype(str) + " labeled" if name == "labeled" else runs[name].astype(str))
        )
    return names


def kept(name: str) -> Path:
    """The folder of a comparison that comes with the kit, in a clone or in an installed package:
    `kept("heart")`.
    """
    folder = NOTEBOOKS.parent / "results" if NOTEBOOKS.is_dir() else INSTALLED
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


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table.

    >>> print(markdown(["a", "b"], [["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    lines = [[cell.replace("|", r"\|") for cell in line] for line in (head, *rows)]
    return "\n".join(
        "| " + " | ".join(line) + " |" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    )


def listing(table: "DataFrame") -> str:
    """Every run of a table in one line of Markdown each, in their order."""
    head = [
        "data set",
        "variant",
        "labeled",
        "iterations",
        "gradient steps",
        "seed",
        "Dice",
        "Jaccard",
        "HD95",
        "ASD",
        "unit",
        "no distance",
        "training",
    ]
    lines = []
    for run in table.itertuples():
        scores = [
            f"{run.dice:.3f}",
            f"{run.jaccard:.3f}",
            *(_two_digits(value) for value in (run.hd95, run.asd)),
            run.unit,
        ]
        counts = map(str, (run.labeled, run.iterations, run.gradient_steps, run.seed))
        missing = f"{run.undefined:.0f} of {run.cases}" if run.distances else "-"
        data = f"{run.dataset} {run.data}".strip()
        lines.append(
            [data, run.variant, *counts, *scores, missing, f"{run.seconds_training:.0f} s"]
        )
    return markdown(head, lines)


def scores_table(table: "DataFrame") -> str:
    """Means over the runs of each variant: every score, what it cost, and in how many images some
    class had no distance.
    """
    distances = [f"{SCORES[name]}, {table['unit'].iloc[0]}" for name in ("hd95", "asd")]
    head = [
        "variant",
        "runs",
        "iterations",
        "gradient steps",
        "Dice",
        "Jaccard",
        *distances,
        "no distance",
        "training",
    ]
    lines = []
    for variant, runs in table.groupby("variant", sort=False):
        counts = [
            f"{len(runs)}",
            *(f"{runs[name].iloc[0]}" for name in ("iterations", "gradient_steps")),
        ]
        scores = [f"{runs[name].mean():.3f}" for name in ("dice", "jaccard")]
        scores += [_two_digits(runs[name].astype(float).mean()) for name in ("hd95", "asd")]
        measured = runs[runs["distances"]]
        missing = (
            f"{measured['undefined'].sum():.0f} of {measured['cases'].sum()}"
            if len(measured)
            else "-"
        )
        lines.append(
            [
                title_of(variant),
                *counts,
                *scores,
                missing,
                f"{runs['seconds_training'].mean():.0f} s",
            ]
        )
    return markdown(head, lines)


def _two_digits(value: float | None) -> str:
    """A distance, or a dash where there is none."""
    return "-" if value is None or value != value else f"{value:.2f}"
