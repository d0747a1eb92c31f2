"""Pictures of repeated runs: every seed a dot, every mean with its interval.

Each carries the numbers in its sentence. `comparison` computes them.
"""

import itertools
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ucmt_lite.experiments.comparison import by_case, interval, ranged, scores_by_seed
from ucmt_lite.experiments.config import SCORES, SMALLER_IS_BETTER
from ucmt_lite.experiments.results import line_names
from ucmt_lite.experiments.tables import Table
from ucmt_lite.explore.draw.palette import PLAIN
from ucmt_lite.explore.draw.picture import Picture, new_figure, sentence
from ucmt_lite.methods import METHODS, look_of, title_of

if TYPE_CHECKING:
    from pandas import DataFrame

WIDEST = 28  # letters in a line of a variant's name
MARKERS = "osD^vP*Xh<>pd"  # tell variants of one method apart, which share its colour and dash


def plot_scores(runs: "DataFrame", score: str = "dice") -> Picture | Table:
    """Draw a dot for each run: one panel per case, one row per variant.

    A bar stands at the mean of a variant, a line over its 95 % interval. Runs without that score
    are left out; where none has it, a sentence says so.
    """
    runs = runs.dropna(subset=[score])
    if runs.empty:
        return Table(f"None of these runs has {SCORES[score]}.")
    drawing, panels = _stacked_panels(runs)
    sentences = []
    for ax, (case, group) in zip(panels, by_case(runs), strict=True):
        by_variant = scores_by_seed(group, score)
        texts = []
        for row, (variant, by_seed) in enumerate(by_variant.items()):
            values = list(by_seed.values())
            mean, low, high = interval(values)
            _draw_runs(ax, row, values, _colour_of(group, variant))
            ax.plot([mean] * 2, [row - 0.3, row + 0.3], color="black", linewidth=2)
            ax.plot([low, high], [row, row], color="black", linewidth=1)
            texts.append(f"{title_of(variant)} {ranged(mean, low, high, '.3f')}")
        _finish(ax, list(by_variant), f"{_axis_label(score)}\n{case}")
        sentences += [f"{case}: {texts[0]}", *texts[1:]]
    _same_scale(panels)
    known = "mean and 95 % interval over seeds" if runs["seed"].nunique() > 2 else "mean over seeds"
    return Picture(drawing, f"{SCORES[score]} of each variant, {known}; {sentence(sentences)}.")


def _draw_runs(ax: Any, row: int, values: list[float], colour: str) -> None:
    """Draw the runs of a variant as dots in its row."""
    ax.plot(values, [row] * len(values), "o", color=colour, markeredgecolor="black", markersize=5)


def differences(compared: "DataFrame", baseline: str, score: str = "dice") -> Picture | Table:
    """Draw the mean difference of each variant to the baseline, with its 95 % interval.

    One panel per case, one row per variant, over the seeds that both have. `compared` is what
    `compare_runs` returns. A filled dot has a corrected p below 0.05; at the right stand the seeds
    in which the variant was better. Where there is nothing to compare, a sentence says so.
    """
    rows = compared.dropna(subset=["difference"])
    title = title_of(baseline)
    if rows.empty:
        return Table(f"No other variant has {SCORES[score]} at a seed that {title} has it at, too.")
    drawing, panels = _stacked_panels(rows)
    sentences = []
    for ax, (case, group) in zip(panels, by_case(rows), strict=True):
        ax.axvline(0, color=PLAIN, linestyle="--", linewidth=1)
        ax.annotate("seeds won", (1.01, 1.02), xycoords="axes fraction", fontsize=7)
        texts = [_draw_difference(ax, row, line) for row, line in enumerate(group.itertuples())]
        _finish(ax, list(group["variant"]), f"{_axis_label(score)} against {title}\n{case}")
        sentences += [f"{case}: {texts[0]}", *texts[1:]]
    _same_scale(panels)
    return Picture(
        drawing,
        f"Mean difference in {SCORES[score]} to {title}, with 95 % intervals;"
        f" {'; '.join(sentences)}.",
    )


def _draw_difference(ax: Any, row: int, line: Any) -> str:
    """Draw one variant against the baseline in its row; return it in words."""
    low, high = line.difference_low, line.difference_high
    fill = "black" if line.p_holm < 0.05 else "white"
    ax.plot([low, high], [row, row], color="black", linewidth=1.2)
    ax.plot(line.difference, row, "o", color="black", markerfacecolor=fill, markersize=7)
    won = f"{line.wins:.0f} of {line.pairs:.0f}"
    beside = ("axes fraction", "data")
    ax.annotate(won, (1.01, row), xycoords=beside, va="center", fontsize=8)
    span = ranged(line.difference, low, high, "+.3f")
    return f"{title_of(line.variant)} {span}, better in {won} seeds"


class Gains(NamedTuple):
    """One comparison of methods at a glance: their mean Dice over seeds."""

    name: str
    case: str
    labeled: int
    length: str  # "600 iterations"
    seeds: int
    dice: dict[str, float]  # by method, the baseline among them


def plot_gains(lines: Sequence[Gains], baseline: str = "supervised") -> Picture:
    """Draw how far the mean Dice of each method is above the baseline's, a row per comparison."""
    drawing, axes = new_figure(1, 1, width=6.4, height=1.2 + 0.27 * len(lines))
    ax = axes[0, 0]
    ax.axvline(0, color=PLAIN, linestyle="--", linewidth=1)
    found = {method for line in lines for method in line.dice if method != baseline}
    compared = [method for method in METHODS if method in found]
    texts = []
    for marker, method in zip(itertools.cycle(MARKERS), compared):  # noqa: B905
        gains = [line.dice.get(method, np.nan) - line.dice[baseline] for line in lines]
        style = {"color": look_of(method)[0], "markeredgecolor": "black", "markersize": 6}
        ax.plot(gains, range(len(lines)), marker, label=title_of(method), **style)
        known = [gain for gain in gains if not np.isnan(gain)]
        above = sum(gain > 0 for gain in known)
        texts.append(
            f"{title_of(method)} {min(known):+.3f} to {max(known):+.3f}, above 0 in {above} of"
            f" {len(known)} rows"
        )
    _finish(ax, [f"{line.name}, {line.labeled} labeled" for line in lines], "")
    title = title_of(baseline)
    ax.set_xlabel(f"mean Dice minus that of {title}", fontsize=9)
    drawing.legend(loc="outside lower center", ncols=min(5, len(texts)), fontsize=8)
    return Picture(drawing, f"Mean Dice minus that of {title}: {'; '.join(texts)}.")


def label_efficiency(runs: "DataFrame", score: str = "dice") -> Picture | Table:
    """Draw a line per variant over the number of labels, with the 95 % interval as a band.

    Where the number does not vary there is nothing to draw, and a sentence says so.
    """
    runs = runs.dropna(subset=[score])
    if runs.empty:
        return Table(f"None of these runs has {SCORES[score]}.")
    counted = " or ".join(dict.fromkeys(runs["labeled_by"])) if "labeled_by" in runs else "images"
    if runs["labeled"].nunique() == 1:
        return Table(f"All of these runs have {runs['labeled'].iloc[0]} labeled {counted}.")
    drawing, axes = new_figure(1, 1, width=5.6, height=3.4)
    ax = axes[0, 0]
    sentences = []
    methods: list[str] = []
    for name, group in runs.groupby(line_names(runs, besides=("labeled",)), sort=False):
        method = group["method"].iloc[0]
        marker = MARKERS[methods.count(method) % len(MARKERS)]
        methods.append(method)
        means = _draw_line(ax, title_of(name), group, score, marker)
        words = ", ".join(f"{mean:.3f} with {count}" for count, mean in means.items())
        sentences.append(f"{title_of(name)} {words}")
    ax.set_xscale("log")
    ticks = sorted(set(runs["labeled"]))
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel(f"labeled {counted}", fontsize=8)
    ax.tick_params(labelsize=8)
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
    ax.set_title(f"{_axis_label(score)} by number of labels", fontsize=9)
    what = f"{SCORES[score]} by number of labeled {counted}"
    return Picture(drawing, f"{what}: {'; '.join(sentences)}.")


def _draw_line(ax: Any, title: str, runs: "DataFrame", score: str, marker: str) -> dict[int, float]:
    """Draw one variant over the number of labels; return its mean for each."""
    points = [
        (count, *interval(list(group[score].astype(float))))
        for count, group in runs.groupby("labeled")
    ]
    counts, means, lows, highs = map(np.array, zip(*points, strict=True))
    colour, dash = look_of(runs["method"].iloc[0])
    style = {"color": colour, "linestyle": dash, "marker": marker, "markersize": 5}
    ax.plot(counts, means, label=title, **style)
    ax.fill_between(counts, lows, highs, color=colour, alpha=0.15, linewidth=0)
    return {count: mean for count, mean, *_ in points}


def _stacked_panels(table: "DataFrame") -> tuple[Any, list[Any]]:
    """Return a drawing with a panel for each case, as high as cases have variants."""
    counts = [group["variant"].nunique() for _, group in by_case(table)]
    height = 0.8 + 0.3 * sum(counts) / len(counts)
    drawing, axes = new_figure(len(counts), 1, width=5.8, height=height)
    return drawing, list(axes[:, 0])


def _finish(ax: Any, names: list[str], heading: str) -> None:
    """Put names at the rows, the first on top, and what every panel shares."""
    # Long names would take the panel's width, and its heading would not fit.
    titles = [textwrap.fill(title_of(name), WIDEST) for name in names]
    ax.set_yticks(range(len(names)), titles, fontsize=8)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="x", labelsize=8)
    ax.grid(alpha=0.3, axis="x")
    ax.set_title(heading, fontsize=9)


def _same_scale(panels: list[Any]) -> None:
    """Give all panels one scale, so that they can be compared by eye."""
    lows, highs = zip(*(ax.get_xlim() for ax in panels), strict=True)
    for ax in panels:
        ax.set_xlim(min(lows), max(highs))


def _axis_label(score: str) -> str:
    """Return a score as it stands in a heading.

    >>> _axis_label("dice"), _axis_label("hd95")
    ('Dice', 'HD95 (less is better)')
    """
    return SCORES[score] + (" (less is better)" if score in SMALLER_IS_BETTER else "")


def _colour_of(runs: "DataFrame", variant: str) -> str:
    """Return the colour of a variant, which is its method's."""
    return look_of(runs.loc[runs["variant"] == variant, "method"].iloc[0])[0]
