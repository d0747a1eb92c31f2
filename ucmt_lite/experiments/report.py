"""The report of a sweep: its table of runs, the comparison with a baseline as Markdown and LaTeX,
and the executed page.
"""

import io
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ucmt_lite.common import InputError, atomic
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.experiments import results
from ucmt_lite.experiments.comparison import by_case, compare_runs, ranged
from ucmt_lite.experiments.config import SCORES
from ucmt_lite.experiments.evidence import label_efficiency, plot_scores
from ucmt_lite.experiments.scores import Table
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.methods import METHODS, title_of

if TYPE_CHECKING:
    from pandas import DataFrame

ALL = "all"  # the part of a README with every comparison in a table
SHOWN = ("supervised", "mean_teacher", "cps", "cmt", "ucmt")
HEAD = ["method", "runs", "{score}", "difference", "p (Holm)", "effect g_z", "seeds won"]


def report(folder: str | Path, baseline: str = "", score: str = "dice") -> Path:
    """Write `runs.parquet`, `curves.parquet`, `comparison.md` and `comparison.tex` into a sweep's
    folder, and `report.ipynb`.

    The page is `91_results.ipynb` executed on that folder. `baseline`: a variant; the first one
    where none is named. A folder that has the two tables already but no runs, as in `results/`, is
    reported from those. Return the page.
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
    runs = results.load_runs(whole(folder) / "runs.parquet")
    if runs.empty or "variant" not in runs:
        raise InputError(
            f"{folder / 'runs.parquet'} holds no runs: make it with `ucmt-lite sweep` and"
            " `ucmt-lite report`."
        )
    baseline = baseline or first_variant(folder, runs)
    compared = compare_runs(runs, baseline, score)
    write(folder / "comparison.md", told_in_markdown(runs, baseline, score))
    write(folder / "comparison.tex", as_latex(compared, score))
    page = folder / "report.ipynb"
    execute_whole(source, page, {"folder": os.fspath(folder), "baseline": baseline, "score": score})
    return page


def first_variant(folder: Path, runs: "DataFrame") -> str:
    """What is compared with where nothing is said: the first variant of the grid, of which some run
    must be finished.
    """
    plan = results.sweep_plan(folder) if (folder / "grid.json").is_file() else {}
    first = next((run["variant"] for run in plan.values()), runs["variant"].iloc[0])
    if first not in set(runs["variant"]):
        raise InputError(
            f"No run of '{first}', the first variant of the grid, is finished: name another with"
            " --baseline."
        )
    return first


def whole(folder: Path) -> Path:
    """The folder, if it holds tables of runs; else the sentence that says what it is instead."""
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
    """Leave a comparison where others find it: both tables, a picture, and its part of the README
    beside them.

    That part stands in `place/../README.md` between the lines `<!-- NAME -->` and `<!-- end -->`,
    NAME being the folder's: Dice against the grid's first variant. A README without them stays as
    it is; return whether it tells of the comparison. Below the line `<!-- all -->` stands the table
    of all comparisons there (`_at_a_glance`).
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    folder, place = Path(folder).resolve(), Path(place).resolve()
    if left := results.unfinished_runs(folder):
        raise InputError(
            f"{len(left)} runs of {folder} are not finished, {left[0]} for one: finish the sweep,"
            " then keep it."
        )
    page = place.parent / "README.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    told = f"<!-- {place.name} -->\n" in text
    if told and not re.search(_part_of(place.name), text, re.DOTALL):
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
    picture = overview(results.load_runs(place / "runs.parquet"))
    note = PngInfo()
    note.add_itxt("Description", picture.alt)  # tells whether a picture is the one of these numbers
    with atomic(place / "overview.png") as temporary:
        Image.open(io.BytesIO(picture.png())).save(temporary, pnginfo=note, optimize=True)
    if told:
        write(page, filled(filled(text, place.parent, only=place.name), place.parent, only=ALL))
    return told


def filled(page: str, folder: Path, only: str = "") -> str:
    """A README with the parts that tell of a comparison (of one, or of all) written anew from the
    tables in `folder`.
    """

    def part(found: re.Match) -> str:
        if found["name"] == ALL:
            return f"{found['head']}\n{_at_a_glance(folder)}\n\n{found['end']}"
        runs = results.load_runs(folder / found["name"] / "runs.parquet")
        told = told_in_markdown(runs, runs["variant"].iloc[0])
        return f"{found['head']}\n![{overview(runs).alt}]({found['name']}/overview.png)\n\n{told}\n\n{found['end']}"

    return re.sub(_part_of(only), part, page.rstrip("\n"), flags=re.DOTALL)


def _part_of(name: str = "") -> str:
    """A pattern for what a README tells of a comparison, from its first mark to its last; no other
    mark lies between.
    """
    which = re.escape(name) or r"(?!end -->)[^\n]+?"
    return rf"(?P<head><!-- (?P<name>{which}) -->\n)(?:(?!<!-- ).)*(?P<end><!-- end -->)"


def _at_a_glance(folder: Path) -> str:
    """All comparisons of methods by mean Dice on test images: a line for each case of the tables in
    `folder`.
    """
    lines = []
    for table in sorted(folder.glob("*/runs.parquet")):
        runs = results.load_runs(table)
        runs = runs[runs["variant"].isin(METHODS) & (runs["split"] == "test")]
        for case, group in by_case(runs):
            if not {"supervised", "ucmt"} <= set(group["variant"]):
                continue
            steps = group["gradient_steps"].unique()
            length = (
                f"{steps[0]} gradient steps"
                if len(steps) == 1
                else f"{group['iterations'].iloc[0]} iterations"
            )
            means = group.groupby("variant")["dice"].mean()
            dice = [f"{means[method]:.3f}" if method in means else "-" for method in SHOWN]
            name, words = table.parent.name, case.removesuffix(", test images")
            lines.append([f"[{name}]({name})", words, length, f"{group['seed'].nunique()}", *dice])
    return results.markdown(
        ["", "data", "length", "seeds", *(METHODS[method].title for method in SHOWN)], lines
    )


def overview(runs: "DataFrame") -> Picture:
    """The picture of a comparison: a curve where several numbers of labels were tried, else every
    run as a dot.
    """
    picture = label_efficiency(runs) if runs["labeled"].nunique() > 2 else plot_scores(runs)
    if isinstance(picture, Table):
        raise InputError(picture.markdown)
    return picture


def told_in_markdown(runs: "DataFrame", baseline: str, score: str = "dice") -> str:
    """Case by case, the comparison of each variant with the baseline, and the means of every score."""
    compared = by_case(compare_runs(runs, baseline, score))
    return "\n\n".join(
        f"{as_markdown(rows, score)}\n\nMeans over runs:\n\n{results.scores_table(group)}"
        for (_, rows), (_, group) in zip(compared, by_case(runs), strict=True)
    )


def write(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


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
        body = "\n".join(" & ".join(map(_latex, line)) + r" \\" for line in lines)
        parts.append(
            "\\begin{table}\n\\centering\n\\begin{tabular}{lrrrrrr}\n\\toprule\n"
            + " & ".join(map(_latex, heading(score)))
            + f" \\\\\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\caption{{{_latex(case)}}}\n\\end{{table}}"
        )
    return "\n\n".join(parts)


def heading(score: str) -> list[str]:
    """The head of the comparison."""
    return [text.format(score=SCORES[score]) for text in HEAD]


def told(compared: "DataFrame") -> Iterable[tuple[str, list[list[str]]]]:
    """Each case in words, and its lines of text."""
    for words, group in by_case(compared):
        yield words, [_line_of(row) for row in group.to_dict("records")]


def _line_of(row: dict) -> list[str]:
    """One variant in words; a dash where nothing can be said."""
    mean = ranged(row["mean"], row["low"], row["high"], ".3f") if row["n"] else "-"
    if row["difference"] != row["difference"]:
        return [title_of(row["variant"]), str(row["n"]), mean, "-", "-", "-", "-"]
    difference = ranged(row["difference"], row["difference_low"], row["difference_high"], "+.3f")
    tests = ["-" if row[name] != row[name] else f"{row[name]:.2g}" for name in ("p_holm", "effect")]
    return [
        title_of(row["variant"]),
        str(row["n"]),
        mean,
        difference,
        *tests,
        f"{row['wins']:.0f} of {row['pairs']:.0f}",
    ]


def _latex(text: str) -> str:
    """Text with LaTeX's own characters escaped.

    >>> print(_latex("mean_teacher & 95 %, 10^-3"))
    mean\\_teacher \\& 95 \\%, 10\\textasciicircum{}-3
    """
    named = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return re.sub(r"[&%_#${}\\^~]", lambda sign: named.get(sign[0], "\\" + sign[0]), text)
