"""Pictures of repeated runs: every seed a dot, every mean with its interval. Each carries the
numbers in its sentence.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.experiments.comparison import by_case, interval, ranged, scores_by_seed
from ucmt_lite.experiments.config import SCORES, SMALLER_IS_BETTER
from ucmt_lite.experiments.results import line_names
from ucmt_lite.experiments.tables import Table
from ucmt_lite.explore.draw.palette import PLAIN
from ucmt_lite.explore.draw.picture import Picture, new_figure, sentence
from ucmt_lite.methods import look_of, title_of

if TYPE_CHECKING:
    from pandas import DataFrame

MARKERS = "osD^vP*X"  # tell variants of one method apart, which share its colour and dash


def plot_scores(runs: "DataFrame", score: str = "dice") -> Picture | Table:
    """A panel a case, one row a variant: a dot for each seed, a bar at their mean, a line over its
    95 % interval.

    Runs without that score are left out; where none has it, a sentence says so.
    """
    runs = runs.dropna(subset=[score])
    if runs.empty:
        return Table(f"None of these runs has {SCORES[score]}.")
    drawing, panels = _stacked_panels(runs)
    told = []
    for axes, (case, group) in zip(panels, by_case(runs), strict=True):
        found = {name: list(own.values()) for name, own in scores_by_seed(group, score).items()}
        for row, (name, values) in enumerate(found.items()):
            mean, low, high = interval(values)
            axes.plot(
                values,
                [row] * len(values),
                "o",
                color=_colour_of(group, name),
                markeredgecolor="black",
                markersize=5,
            )
            axes.plot([mean] * 2, [row - 0.3, row + 0.3], color="black", linewidth=2)
            axes.plot([low, high], [row, row], color="black", linewidth=1)
            told.append(f"{title_of(name)} {ranged(mean, low, high, '.3f')}")
        finish(axes, list(found), f"{_axis_label(score)}\n{case}")
        told[-len(found)] = f"{case}: {told[-len(found)]}"
    _same_scale(panels)
    known = "mean and 95 % interval over seeds" if runs["seed"].nunique() > 2 else "mean over seeds"
    return Picture(drawing, f"{SCORES[score]} of each variant, {known}; {sentence(told)}.")


def differences(compared: "DataFrame", baseline: str, score: str = "dice") -> Picture | Table:
    """A panel a case, one row a variant: its mean difference to the baseline over shared seeds,
    with its 95 % interval.

    `compared` is what `comparison.compare` returns. A filled dot has a corrected p below 0.05; at
    the right stand the seeds in which the variant was better. Where there is nothing to compare, a
    sentence says so.
    """
    rows = compared.dropna(subset=["difference"])
    if rows.empty:
        return Table(
            f"No other variant has {SCORES[score]} at a seed that {title_of(baseline)} has it at,"
            " too."
        )
    drawing, panels = _stacked_panels(rows)
    told = []
    for axes, (case, group) in zip(panels, by_case(rows), strict=True):
        axes.axvline(0, color=PLAIN, linestyle="--", linewidth=1)
        axes.annotate("seeds won", (1.01, 1.02), xycoords="axes fraction", fontsize=7)
        for row, line in enumerate(group.itertuples()):
            fill = "black" if line.p_holm < 0.05 else "white"
            axes.plot(
                [line.difference_low, line.difference_high],
                [row, row],
                color="black",
                linewidth=1.2,
            )
            axes.plot(line.difference, row, "o", color="black", markerfacecolor=fill, markersize=7)
            won = f"{line.wins:.0f} of {line.pairs:.0f}"
            axes.annotate(
                won, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=8
            )
            span = ranged(line.difference, line.difference_low, line.difference_high, "+.3f")
            told.append(f"{title_of(line.variant)} {span}, better in {won} seeds")
        finish(
            axes,
            list(group["variant"]),
            f"{_axis_label(score)} against {title_of(baseline)}\n{case}",
        )
        told[-len(group)] = f"{case}: {told[-len(group)]}"
    _same_scale(panels)
    return Picture(
        drawing,
        f"Mean difference in {SCORES[score]} to {title_of(baseline)}, with 95 % intervals;"
        f" {'; '.join(told)}.",
    )


def label_efficiency(runs: "DataFrame", score: str = "dice") -> Picture | Table:
    """A line a variant over the number of labels, with a band over the 95 % interval of the mean.

    Where the number does not vary there is nothing to draw, and a sentence says so.
    """
    runs = runs.dropna(subset=[score])
    if runs.empty:
        return Table(f"None of these runs has {SCORES[score]}.")
    if runs["labeled"].nunique() == 1:
        return Table(f"All of these runs have {runs['labeled'].iloc[0]} labeled images.")
    drawing, grid = new_figure(1, 1, width=5.6, height=3.4)
    axes, told = grid[0, 0], []
    methods: list[str] = []
    for name, own in runs.groupby(line_names(runs, besides=("labeled",)), sort=False):
        found = [
            (count, *interval(list(group[score].astype(float))))
            for count, group in own.groupby("labeled")
        ]
        counts, means, lows, highs = map(np.array, zip(*found, strict=True))
        method = own["method"].iloc[0]
        marker = MARKERS[sum(method == before for before in methods) % len(MARKERS)]
        methods.append(method)
        colour, dash = look_of(method)
        axes.plot(
            counts,
            means,
            label=title_of(name),
            color=colour,
            linestyle=dash,
            marker=marker,
            markersize=5,
        )
        axes.fill_between(counts, lows, highs, color=colour, alpha=0.15, linewidth=0)
        told.append(
            f"{title_of(name)} "
            + ", ".join(f"{mean:.3f} with {count}" for count, mean, *_ in found)
        )
    axes.set_xscale("log")
    ticks = sorted(set(runs["labeled"]))
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("labeled images", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    axes.set_title(f"{_axis_label(score)} by number of labels", fontsize=9)
    return Picture(drawing, f"{SCORES[score]} by number of labeled images: {'; '.join(told)}.")


def _stacked_panels(table: "DataFrame") -> tuple[Any, list[Any]]:
    """A drawing with a panel for each case, as high as it has variants."""
    counts = [group["variant"].nunique() for _, group in by_case(table)]
    drawing, grid = new_figure(
        len(counts), 1, width=5.8, height=0.8 + 0.3 * sum(counts) / len(counts)
    )
    return drawing, list(grid[:, 0])


def finish(axes: Any, names: list[str], heading: str) -> None:
    """Names at the rows, the first on top, and what every panel shares."""
    axes.set_yticks(range(len(names)), [title_of(name) for name in names], fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(alpha=0.3, axis="x")
    axes.set_title(heading, fontsize=9)


def _same_scale(panels: list[Any]) -> None:
    """One scale for all panels, so that they can be compared by eye."""
    lows, highs = zip(*(axes.get_xlim() for axes in panels), strict=True)
    for axes in panels:
        axes.set_xlim(min(lows), max(highs))


def _axis_label(score: str) -> str:
    """A score in a heading.

    >>> _axis_label("dice"), _axis_label("hd95")
    ('Dice', 'HD95 (less is better)')
    """
    return SCORES[score] + (" (less is better)" if score in SMALLER_IS_BETTER else "")


def _colour_of(runs: "DataFrame", variant: str) -> str:
    """A variant has the colour of its method."""
    return look_of(runs.loc[runs["variant"] == variant, "method"].iloc[0])[0]
