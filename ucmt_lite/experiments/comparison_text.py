"""A comparison of runs in words: as Markdown for pages and READMEs, as LaTeX for a paper."""

import re
from collections.abc import Iterable
from math import isnan
from typing import TYPE_CHECKING

from ucmt_lite.common import InputError
from ucmt_lite.experiments.comparison import by_case, compare_runs, ranged
from ucmt_lite.experiments.config import SCORES
from ucmt_lite.experiments.draws import luck_listing
from ucmt_lite.experiments.tables import Table, markdown, scores_table
from ucmt_lite.methods import title_of

if TYPE_CHECKING:
    from pandas import DataFrame


def in_markdown(runs: "DataFrame", baseline: str, score: str = "dice") -> str:
    """Write down, case by case, each variant against the baseline, and the means of all scores."""
    compared = by_case(compare_runs(runs, baseline, score))
    parts = [
        f"{as_markdown(rows, score)}\n\nMeans over runs:\n\n{scores_table(group)}"
        for (_, rows), (_, group) in zip(compared, by_case(runs), strict=True)
    ]
    if "draw" in runs and runs["draw"].nunique() > 1:
        parts.append(_luck(runs, baseline, score))
    return "\n\n".join(parts)


def _luck(runs: "DataFrame", baseline: str, score: str) -> str:
    """Tell luck with the labels from luck in training, or say why that cannot be told."""
    try:
        return f"Standard deviations over runs:\n\n{luck_listing(runs, baseline, score)}"
    except InputError as reason:
        return f"Luck with the labels is not told apart: {reason}"


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
