"""Reports: a sweep compared with its baseline, as Markdown, as LaTeX and as an executed page.

`results` reads the runs, `comparison` has the statistics, `comparison_text` its words, `evidence`
the pictures; `pages` keeps a comparison in `results/`.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ucmt_lite.common import InputError, check_packages
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.experiments import results
from ucmt_lite.experiments.cases import cases_of_sweep
from ucmt_lite.experiments.comparison import compare_runs
from ucmt_lite.experiments.comparison_text import as_latex, as_table, in_markdown
from ucmt_lite.experiments.pages import publish, write_text

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["as_table", "first_variant", "publish", "report"]


def report(folder: str | Path, baseline: str = "", score: str = "dice") -> Path:
    """Report the runs of a sweep's folder into it; return the page, `report.ipynb`.

    Beside it stand `runs.parquet`, `curves.parquet`, `cases.parquet` (Dice image by image),
    `comparison.md` and `comparison.tex`. The page is `91_results.ipynb` executed on that folder.
    `baseline`: a variant; the first one where none is named. A folder that has its tables already
    but no runs, as in `results/`, is reported from those.
    """
    from ucmt_lite.course.notebooks import LAB, execute_whole

    check_packages("A report", "lab", LAB)
    folder = Path(folder).resolve()
    if (folder / "grid.json").is_file():
        runs, curves = results.of_sweep(folder)
        results.save_runs(runs, folder / "runs.parquet")
        results.save_runs(curves, folder / "curves.parquet")
        results.save_runs(cases_of_sweep(folder), folder / "cases.parquet")
    runs = results.load_runs(_with_tables(folder) / "runs.parquet")
    if runs.empty or "variant" not in runs:
        raise InputError(
            f"{folder / 'runs.parquet'} holds no runs: make it with `ucmt-lite sweep` and"
            " `ucmt-lite report`."
        )
    baseline = baseline or first_variant(folder, runs)
    compared = compare_runs(runs, baseline, score)
    write_text(folder / "comparison.md", in_markdown(runs, baseline, score))
    write_text(folder / "comparison.tex", as_latex(compared, score))
    page = folder / "report.ipynb"
    source = NOTEBOOKS / "91_results.ipynb"
    execute_whole(source, page, {"folder": os.fspath(folder), "baseline": baseline, "score": score})
    return page


def first_variant(folder: Path, runs: "DataFrame") -> str:
    """Return the first variant of the grid, of which some run must be finished.

    It is what the others are compared with where nothing is said.
    """
    plan = results.sweep_plan(folder) if (folder / "grid.json").is_file() else {}
    first = next((run["variant"] for run in plan.values()), runs["variant"].iloc[0])
    if first not in set(runs["variant"]):
        raise InputError(
            f"No run of '{first}', the first variant of the grid, is finished: name another with"
            " --baseline."
        )
    return first


def _with_tables(folder: Path) -> Path:
    """Return the folder, if it holds tables of runs; else say what it is instead."""
    if (folder / "runs.parquet").is_file():
        return folder
    if not folder.is_dir():
        raise InputError(
            f"There is no folder {folder}: name what `ucmt-lite sweep --out` was given."
        )
    if (folder / "metrics.json").is_file():
        raise InputError(
            f"{folder} holds one run, not a sweep: `ucmt-lite table {folder}` shows it."
        )
    raise InputError(f"{folder} holds no sweep: run `ucmt-lite sweep GRID --out {folder}` first.")
