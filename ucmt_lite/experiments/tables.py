"""Tables: data frames of runs written down as Markdown, for pages, READMEs and the command."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ucmt_lite.experiments.config import SCORES, SMALLER_IS_BETTER
from ucmt_lite.methods import title_of

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Table:
    """A table that a notebook shows, also where no kernel runs."""

    markdown: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return {"text/markdown": self.markdown, "text/plain": self.markdown}


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table.

    >>> print(markdown(["a", "b"], [["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    first, *others = [[cell.replace("|", r"\|") for cell in line] for line in (head, *rows)]
    lines = [first, ["---"] * len(first), *others]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


LISTING = (
    *("data set", "variant", "labeled", "iterations", "gradient steps", "seed"),
    *(*SCORES.values(), "unit", "no distance", "training"),
)


def listing(runs: "DataFrame") -> str:
    """Return every run in one line of Markdown each, in their order."""
    lines = []
    for run in runs.itertuples():
        labeled = f"{run.labeled}"
        if getattr(run, "labeled_by", "images") != "images":
            labeled += f" {run.labeled_by}"
        counts = (labeled, f"{run.iterations}", _count(run.gradient_steps), f"{run.seed}")
        overlaps = [f"{value:.3f}" for value in (run.dice, run.jaccard)]
        distances = [_two_digits(value) for value in (run.hd95, run.asd)]
        missing = f"{run.undefined:.0f} of {run.cases}" if run.distances else "-"
        data = f"{run.dataset} {run.data}".strip()
        seconds = f"{run.seconds_training:.0f} s"
        lines.append(
            [data, run.variant, *counts, *overlaps, *distances, run.unit, missing, seconds]
        )
    return markdown(LISTING, lines)


def scores_table(runs: "DataFrame") -> str:
    """Return the means over the runs of each variant: every score, and what it cost.

    Also in how many images some class had no distance.
    """
    unit = runs["unit"].iloc[0]
    names = [
        f"{SCORES[name]}, {unit}" if name in SMALLER_IS_BETTER else SCORES[name] for name in SCORES
    ]
    head = ["variant", "runs", "iterations", "gradient steps", *names, "no distance", "training"]
    lines = []
    for variant, group in runs.groupby("variant", sort=False):
        counts = [_count(group[name].iloc[0]) for name in ("iterations", "gradient_steps")]
        overlaps = [f"{group[name].mean():.3f}" for name in ("dice", "jaccard")]
        distances = [_two_digits(group[name].astype(float).mean()) for name in ("hd95", "asd")]
        measured = group[group["distances"]]
        missing = "-"
        if len(measured):
            missing = f"{measured['undefined'].sum():.0f} of {measured['cases'].sum()}"
        seconds = f"{group['seconds_training'].mean():.0f} s"
        lines.append(
            [title_of(variant), f"{len(group)}", *counts, *overlaps, *distances, missing, seconds]
        )
    return markdown(head, lines)


def _two_digits(value: float | None) -> str:
    """Return a distance, or a dash where there is none."""
    return "-" if value is None or value != value else f"{value:.2f}"


def _count(value: float) -> str:
    """Return a number of steps, or a dash where it is not known."""
    return "-" if value != value else f"{value:.0f}"
