"""The report of a sweep: its table of runs, the comparison with a baseline as Markdown and LaTeX, and the executed page."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ucmt_lite import results
from ucmt_lite.comparison import cases_of, compare, ranged
from ucmt_lite.errors import InputError
from ucmt_lite.explore.scores import Table
from ucmt_lite.files import atomic
from ucmt_lite.lessons import NOTEBOOKS

if TYPE_CHECKING:
    from pandas import DataFrame

HEAD = ["method", "runs", "{score}", "difference", "p (Holm)", "effect g", "seeds won"]


def report(folder: str | Path, baseline: str = "", score: str = "dice", keep: str | Path = "") -> Path:
    """Write `runs.parquet`, `curves.parquet`, `comparison.md` and `comparison.tex` into a sweep's folder, and `report.ipynb`.

    The page is `91_results.ipynb` executed on that folder. `baseline`: a variant; the first one where none is named.
    A folder that has the two tables already but no runs, as in `results/`, is reported from those. `keep` is a folder for
    a second copy of the tables. Return the page.
    """
    from ucmt_lite.notebooks import execute

    folder = Path(folder).resolve()
    if (folder / "grid.json").is_file():
        runs, curves = results.of_sweep(folder)
        for place in [folder, Path(keep)] if keep else [folder]:
            results.save(runs, place / "runs.parquet")
            results.save(curves, place / "curves.parquet")
    runs = results.load(folder / "runs.parquet")
    baseline = baseline or runs["variant"].iloc[0]
    compared = compare(runs, baseline, score)
    markdown = f"{as_markdown(compared, score)}\n\nMeans over runs:\n\n{results.summary(runs)}"
    for name, text in (("comparison.md", markdown), ("comparison.tex", as_latex(compared, score))):
        with atomic(folder / name) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    source, page = NOTEBOOKS / "91_results.ipynb", folder / "report.ipynb"
    if not source.is_file():
        raise InputError("A report needs a clone of the repository, which holds its notebook: run it from there.")
    half = page.with_name(".report.unfinished.ipynb")
    execute(source, half, {"folder": os.fspath(folder), "baseline": baseline, "score": score})
    os.replace(half, page)
    return page


def as_table(compared: "DataFrame", score: str = "dice") -> Table:
    """The comparison as a notebook shows it."""
    return Table(as_markdown(compared, score))


def as_markdown(compared: "DataFrame", score: str = "dice") -> str:
    """The comparison as Markdown, one table a case under a line that names it."""
    parts = []
    for case, lines in told(compared):
        parts.append(f"{case}\n\n{results.markdown(heading(score), lines)}")
    return "\n\n".join(parts)


def as_latex(compared: "DataFrame", score: str = "dice") -> str:
    """The comparison as LaTeX tables with booktabs' rules."""
    parts = []
    for case, lines in told(compared):
        body = "\n".join(" & ".join(map(latex, line)) + r" \\" for line in lines)
        parts.append(
            "\\begin{table}\n\\centering\n\\begin{tabular}{lrrrrrr}\n\\toprule\n"
            + " & ".join(map(latex, heading(score)))
            + f" \\\\\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\caption{{{latex(case)}}}\n\\end{{table}}"
        )
    return "\n\n".join(parts)


def heading(score: str) -> list[str]:
    """The head of the comparison."""
    return [text.format(score=score.capitalize() if len(score) > 4 or score == "dice" else score.upper()) for text in HEAD]  # fmt: skip


def told(compared: "DataFrame") -> Iterable[tuple[str, list[list[str]]]]:
    """Each case in words, and its lines of text."""
    case = cases_of(compared)
    for values, group in compared.groupby(case, sort=True, dropna=False):
        named = dict(zip(case, values, strict=True))
        words = f"{named['dataset']}, {named['labeled']} labeled, size {named['size']}, {named['split']} images"
        yield words, [line_of(row) for row in group.to_dict("records")]


def line_of(row: dict) -> list[str]:
    """One variant in words; a dash where nothing can be said."""
    mean = ranged(row["mean"], row["low"], row["high"], ".3f")
    if row["difference"] != row["difference"]:
        return [row["variant"], str(row["n"]), mean, "-", "-", "-", "-"]
    difference = ranged(row["difference"], row["difference_low"], row["difference_high"], "+.3f")
    tests = ["-" if row[name] != row[name] else f"{row[name]:.2g}" for name in ("p_holm", "effect")]
    return [row["variant"], str(row["n"]), mean, difference, *tests, f"{row['wins']:.0f} of {row['pairs']:.0f}"]


def latex(text: str) -> str:
    """Text with LaTeX's own characters escaped.

    >>> print(latex("mean_teacher & 95 %"))
    mean\\_teacher \\& 95 \\%
    """
    for sign in "&%_#$":
        text = text.replace(sign, "\\" + sign)
    return text
