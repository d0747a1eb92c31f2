"""Reports: a sweep compared with its baseline, as Markdown, as LaTeX and as an executed page.

`results` reads the runs, `comparison` has the statistics, `evidence` the pictures.
"""

import io
import os
import re
from collections.abc import Iterable
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from ucmt_lite.common import InputError, atomic
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.experiments import results
from ucmt_lite.experiments.comparison import by_case, compare_runs, ranged
from ucmt_lite.experiments.config import SCORES
from ucmt_lite.experiments.evidence import label_efficiency, plot_scores
from ucmt_lite.experiments.tables import Table, markdown, scores_table
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.methods import METHODS, title_of

if TYPE_CHECKING:
    from pandas import DataFrame

ALL = "all"  # the part of a README with every comparison in a table
NOT_COMPARED = ("cpc", "gct")  # the lessons explain them, no comparison has run them


def report(folder: str | Path, baseline: str = "", score: str = "dice") -> Path:
    """Report the runs of a sweep's folder into it; return the page, `report.ipynb`.

    Beside it stand `runs.parquet`, `curves.parquet`, `comparison.md` and `comparison.tex`. The page
    is `91_results.ipynb` executed on that folder. `baseline`: a variant; the first one where none
    is named. A folder that has the two tables already but no runs, as in `results/`, is reported
    from those.
    """
    from ucmt_lite.course.notebooks import execute_whole

    source = NOTEBOOKS / "91_results.ipynb"
    if not source.is_file():
        raise InputError(
            "A report needs a clone of the repository, which holds its notebook: run it from there."
        )
    folder = Path(folder).resolve()
    if (folder / "grid.json").is_file():
        runs, curves = results.of_sweep(folder)
        results.save_runs(runs, folder / "runs.parquet")
        results.save_runs(curves, folder / "curves.parquet")
    runs = results.load_runs(_with_tables(folder) / "runs.parquet")
    if runs.empty or "variant" not in runs:
        raise InputError(
            f"{folder / 'runs.parquet'} holds no runs: make it with `ucmt-lite sweep` and"
            " `ucmt-lite report`."
        )
    baseline = baseline or first_variant(folder, runs)
    compared = compare_runs(runs, baseline, score)
    _write_text(folder / "comparison.md", in_markdown(runs, baseline, score))
    _write_text(folder / "comparison.tex", as_latex(compared, score))
    page = folder / "report.ipynb"
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


def publish(folder: str | Path, place: str | Path) -> bool:
    """Leave both tables and a picture in `place`, and the comparison in the README above it.

    There it stands between the lines `<!-- NAME -->` and `<!-- end -->`, NAME being the folder's:
    Dice against the grid's first variant. A README without them stays as it is; return whether it
    has them. Below the line `<!-- all -->` stands the table of all comparisons (`_at_a_glance`).
    """
    folder, place = Path(folder).resolve(), Path(place).resolve()
    unfinished = results.unfinished_runs(folder)
    if unfinished:
        raise InputError(
            f"{len(unfinished)} runs of {folder} are not finished, {unfinished[0]} for one: finish"
            " the sweep, then keep it."
        )
    page = place.parent / "README.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    has_part = f"<!-- {place.name} -->\n" in text
    if has_part and not re.search(_part_of(place.name), text, re.DOTALL):
        raise InputError(
            f"{page} has the line `<!-- {place.name} -->`, but no `<!-- end -->` after it: add that"
            " line."
        )
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise InputError(
            f"{place} cannot be written ({cause.strerror}): choose another folder with --keep."
        ) from None
    if folder != place:
        for name in ("runs.parquet", "curves.parquet"):
            results.save_runs(results.load_runs(folder / name), place / name)
    _save_picture(overview(results.load_runs(place / "runs.parquet")), place / "overview.png")
    if has_part:
        text = filled(text, place.parent, only=place.name)
        _write_text(page, filled(text, place.parent, only=ALL))
    return has_part


def _save_picture(picture: Picture, path: Path) -> None:
    """Write a picture, with its sentence inside: that tells whether it shows these numbers."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    note = PngInfo()
    note.add_itxt("Description", picture.alt)
    with atomic(path) as temporary:
        Image.open(io.BytesIO(picture.png())).save(temporary, pnginfo=note, optimize=True)


def filled(page: str, folder: Path, only: str = "") -> str:
    """Return a README with what it says of comparisons (of one, or of all) written anew.

    From the tables in `folder`.
    """

    def part(match: re.Match) -> str:
        name = match["name"]
        if name == ALL:
            text = _at_a_glance(folder)
        else:
            runs = results.load_runs(folder / name / "runs.parquet")
            picture = f"![{overview(runs).alt}]({name}/overview.png)"
            text = f"{picture}\n\n{in_markdown(runs, runs['variant'].iloc[0])}"
        return f"{match['head']}\n{text}\n\n{match['end']}"

    return re.sub(_part_of(only), part, page.rstrip("\n"), flags=re.DOTALL)


def _part_of(name: str = "") -> str:
    """Return a pattern for what a README says of a comparison, from its first mark to its last.

    No other mark lies between.
    """
    pattern = re.escape(name) or r"(?!end -->)[^\n]+?"
    return rf"(?P<head><!-- (?P<name>{pattern}) -->\n)(?:(?!<!-- ).)*(?P<end><!-- end -->)"


def _at_a_glance(folder: Path) -> str:
    """Return all comparisons in `folder` by mean Dice on test images, one line per case."""
    shown = [method for method in METHODS if method not in NOT_COMPARED]
    lines = []
    for name, case, group in _compared_methods(folder):
        steps = group["gradient_steps"].unique()
        length = f"{group['iterations'].iloc[0]} iterations"
        if len(steps) == 1:
            length = f"{steps[0]} gradient steps"
        means = group.groupby("variant")["dice"].mean()
        dice = [f"{means[method]:.3f}" if method in means else "-" for method in shown]
        words = case.removesuffix(", test images")
        lines.append([f"[{name}]({name})", words, length, f"{group['seed'].nunique()}", *dice])
    titles = [METHODS[method].title for method in shown]
    return markdown(["", "data", "length", "seeds", *titles], lines)


def _compared_methods(folder: Path) -> Iterable[tuple[str, str, "DataFrame"]]:
    """Yield comparison, case and runs wherever UCMT was compared with the baseline, both plain."""
    for table in sorted(folder.glob("*/runs.parquet")):
        runs = results.load_runs(table)
        runs = runs[runs["variant"].isin(METHODS) & (runs["split"] == "test")]
        for case, group in by_case(runs):
            if {"supervised", "ucmt"} <= set(group["variant"]):
                yield table.parent.name, case, group


def overview(runs: "DataFrame") -> Picture:
    """Return the picture of a comparison: every run as a dot, or a curve over numbers of labels."""
    picture = label_efficiency(runs) if runs["labeled"].nunique() > 2 else plot_scores(runs)
    if isinstance(picture, Table):
        raise InputError(picture.markdown)
    return picture


def in_markdown(runs: "DataFrame", baseline: str, score: str = "dice") -> str:
    """Write down, case by case, each variant against the baseline, and the means of all scores."""
    compared = by_case(compare_runs(runs, baseline, score))
    return "\n\n".join(
        f"{as_markdown(rows, score)}\n\nMeans over runs:\n\n{scores_table(group)}"
        for (_, rows), (_, group) in zip(compared, by_case(runs), strict=True)
    )


def _write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def as_table(compared: "DataFrame", score: str = "dice") -> Table:
    """Return the comparison as a notebook shows it."""
    return Table(as_markdown(compared, score))


def as_markdown(compared: "DataFrame", score: str = "dice") -> str:
    """Return the comparison as Markdown, one table per case under a line that names it."""
    head = _heading(score)
    return "\n\n".join(
        f"{case}\n\n{markdown(head, lines)}" for case, lines in _cases_in_words(compared)
    )


def as_latex(compared: "DataFrame", score: str = "dice") -> str:
    """Return the comparison as LaTeX tables with booktabs' rules."""
    head = " & ".join(map(_latex, _heading(score)))
    parts = []
    for case, lines in _cases_in_words(compared):
        rows = [" & ".join(map(_latex, line)) + r" \\" for line in lines]
        parts.append(
            "\n".join(
                [
                    r"\begin{table}",
                    r"\centering",
                    r"\begin{tabular}{lrrrrrr}",
                    r"\toprule",
                    rf"{head} \\",
                    r"\midrule",
                    *rows,
                    r"\bottomrule",
                    r"\end{tabular}",
                    rf"\caption{{{_latex(case)}}}",
                    r"\end{table}",
                ]
            )
        )
    return "\n\n".join(parts)


def _heading(score: str) -> list[str]:
    """Return the head of the comparison."""
    tests = ["p (Holm)", "effect g_z", "seeds won"]
    return ["method", "runs", SCORES[score], "difference", *tests]


def _cases_in_words(compared: "DataFrame") -> Iterable[tuple[str, list[list[str]]]]:
    """Yield each case in words, and its lines of text."""
    for words, group in by_case(compared):
        yield words, [_line_of(row) for row in group.to_dict("records")]


def _line_of(row: dict) -> list[str]:
    """Return one variant in words; a dash where nothing can be said."""
    mean = ranged(row["mean"], row["low"], row["high"], ".3f") if row["n"] else "-"
    line = [title_of(row["variant"]), str(row["n"]), mean]
    if isnan(row["difference"]):
        return [*line, "-", "-", "-", "-"]
    difference = ranged(row["difference"], row["difference_low"], row["difference_high"], "+.3f")
    tests = ["-" if isnan(row[name]) else f"{row[name]:.2g}" for name in ("p_holm", "effect")]
    return [*line, difference, *tests, f"{row['wins']:.0f} of {row['pairs']:.0f}"]


def _latex(text: str) -> str:
    """Return text with LaTeX's own characters escaped.

    >>> print(_latex("mean_teacher & 95 %, 10^-3"))
    mean\\_teacher \\& 95 \\%, 10\\textasciicircum{}-3
    """
    named = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return re.sub(r"[&%_#${}\\^~]", lambda sign: named.get(sign[0], "\\" + sign[0]), text)
