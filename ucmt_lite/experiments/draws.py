"""Two sources of luck apart: which images were labeled, and all else that a seed decides."""

from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.experiments.comparison import check_one_case
from ucmt_lite.experiments.config import SCORES
from ucmt_lite.experiments.tables import markdown
from ucmt_lite.methods import title_of

if TYPE_CHECKING:
    from pandas import DataFrame


def luck_apart(runs: "DataFrame", baseline: str, score: str = "dice") -> "DataFrame":
    r"""Return how far a score moves with the labels, and how far with the training alone.

    Runs share their labeled images where they share `draw`, and first weights and minibatches where
    they share `seed`. With s_{dt} the score of draw d and training t, d = 1..D, t = 1..T, a
    random-effects analysis of variance (Searle, Casella & McCulloch, Variance Components, 1992):

    .. math:: \sigma_\text{training}^2 = \tfrac{1}{D} \sum_d \operatorname{var}_t s_{dt}, \qquad
              \sigma_\text{draw}^2 = \operatorname{var}_d \bar s_d - \sigma_\text{training}^2 / T

    A row per variant, and one per difference to `baseline`, run by run: `mean`, `of_draws` and
    `of_trainings` (standard deviations, the first 0 where its variance is estimated below 0) and
    `share`, the part of both variances that is the draws'. Errors: runs of several cases, fewer
    than two draws or two trainings of each, and draws whose seeds are not the same.

    >>> from pandas import DataFrame
    >>> runs = DataFrame({"variant": "cps", "draw": [0, 0, 1, 1], "seed": [0, 1, 0, 1]})
    >>> found = luck_apart(runs.assign(dice=[0.6, 0.62, 0.8, 0.82]), "cps")
    >>> found[["mean", "of_draws", "of_trainings", "share"]].round(3).values.tolist()
    [[0.71, 0.141, 0.014, 0.99]]
    """
    from pandas import DataFrame

    check_one_case("comparison of draws", runs, apart_from=["draw"])
    scores = {
        variant: _by_draw(group, variant, score)
        for variant, group in runs.groupby("variant", sort=False)
    }
    if baseline not in scores:
        raise InputError(f"No run is of '{baseline}': the variants are {', '.join(scores)}.")
    rows = [{"variant": name, "minus": "", **_components(table)} for name, table in scores.items()]
    for name, table in scores.items():
        if name != baseline:
            gains = table - scores[baseline]
            if gains.isna().any(axis=None):
                raise InputError(
                    f"'{name}' and '{baseline}' have other draws or seeds: select some."
                )
            rows.append({"variant": name, "minus": baseline, **_components(gains)})
    return DataFrame(rows)


def luck_listing(runs: "DataFrame", baseline: str, score: str = "dice") -> str:
    """Return `luck_apart` as Markdown."""
    table = luck_apart(runs, baseline, score)
    lines = []
    for row in table.itertuples():
        minus = f" minus {title_of(row.minus)}" if row.minus else ""
        numbers = [f"{number:.3f}" for number in (row.mean, row.of_draws, row.of_trainings)]
        lines.append([title_of(row.variant) + minus, *numbers, f"{100 * row.share:.0f} %"])
    head = [SCORES[score], "between draws", "between trainings", "share of draws"]
    return markdown(["", *head], lines)


def _by_draw(group: "DataFrame", variant: str, score: str) -> "DataFrame":
    """Return the scores of a variant, a row per draw and a column per seed."""
    if group.duplicated(["draw", "seed"]).any():
        raise InputError(f"'{variant}' has two runs of one draw and seed: select some.")
    table = group.pivot(index="draw", columns="seed", values=score).astype(float)
    if min(table.shape) < 2 or table.isna().any(axis=None):
        raise InputError(
            f"'{variant}' needs two draws of labels or more, each trained with the same seeds, two"
            " or more: vary draw and seed in one grid."
        )
    return table


def _components(table: "DataFrame") -> dict[str, float]:
    """Return the mean and both standard deviations of a row per draw, a column per training."""
    scores = table.to_numpy()  # draws trainings
    of_trainings = scores.var(axis=1, ddof=1).mean()
    of_draws = max(0.0, scores.mean(axis=1).var(ddof=1) - of_trainings / scores.shape[1])
    both = of_draws + of_trainings
    return {
        "mean": scores.mean(),
        "of_draws": np.sqrt(of_draws),
        "of_trainings": np.sqrt(of_trainings),
        "share": of_draws / both if both else 0.0,
    }
