"""How soon a method is where the baseline ends: iterations and seconds, not the last score."""

from typing import TYPE_CHECKING

from ucmt_lite.common import one_of
from ucmt_lite.experiments.comparison import check_one_case
from ucmt_lite.experiments.tables import markdown
from ucmt_lite.methods import title_of

if TYPE_CHECKING:
    from pandas import DataFrame


def until_baseline(runs: "DataFrame", curves: "DataFrame", baseline: str) -> "DataFrame":
    """Return, for each run, when the probe images' Dice first reaches the baseline's last one.

    The baseline is the run of the same seed; runs whose seed has none are left out, and runs of
    several cases refused. `step` counts iterations, `seconds` is that share of the training time;
    NaN stands for runs that never get there. Looks are 20 iterations apart.
    """
    from pandas import DataFrame

    check_one_case("lead", runs)
    one_of("variant", baseline, set(runs["variant"]))
    by_run = {name: group.set_index("step")["dice"] for name, group in curves.groupby("run")}
    ends = {
        run.seed: by_run[run.run].iloc[-1] for run in runs.itertuples() if run.variant == baseline
    }
    rows = []
    for run in runs[runs["seed"].isin(ends)].itertuples():
        dice = by_run[run.run]
        there = dice.index[dice >= ends[run.seed]]
        step = float(there[0]) if len(there) else float("nan")
        seconds = run.seconds_training * step / run.iterations
        rows.append({"variant": run.variant, "seed": run.seed, "step": step, "seconds": seconds})
    return DataFrame(rows)


def lead_listing(table: "DataFrame") -> str:
    """Return a line of Markdown for each variant: in how many seeds, and the medians of those."""
    lines = []
    for variant, group in table.groupby("variant", sort=False):
        got = group.dropna()
        medians = [f"{got['step'].median():.0f}", f"{got['seconds'].median():.0f} s"]
        there = f"{len(got)} of {len(group)}"
        lines.append([title_of(variant), there, *(medians if len(got) else ["-", "-"])])
    return markdown(["variant", "seeds that get there", "iterations", "training"], lines)
