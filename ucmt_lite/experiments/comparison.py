"""Statistics of repeated runs: means with intervals, and differences paired by seed.

Is one method better than another? Runs with the same seed share the labeled images and the first
weights, so methods are compared seed by seed: what makes a seed easy or hard then cancels as far as
it is shared. `evidence` draws these numbers, `report` writes them down.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ucmt_lite.common import InputError, one_of
from ucmt_lite.experiments.config import SCORES, SMALLER_IS_BETTER, labeled_in_words
from ucmt_lite.experiments.plan import CASE_FIELDS

if TYPE_CHECKING:
    from pandas import DataFrame


COLUMNS = (
    *("variant", "n", "mean", "low", "high", "sd"),
    *("pairs", "difference", "difference_low", "difference_high"),
    *("p", "p_holm", "effect", "wins"),
)


def compare_runs(
    runs: "DataFrame", baseline: str, score: str = "dice", level: float = 0.95
) -> "DataFrame":
    """Return one row per case and variant: its mean over seeds, its difference to the baseline.

    Columns: `n` runs, `mean`, `low`, `high` (interval of the mean, Student's t), `sd`; over the
    seeds that both have `pairs`, `difference`, `difference_low`, `difference_high`, `p` (paired
    t-test, two-sided), `p_holm` (corrected for the comparisons of that case: Holm, Scand J Stat
    1979), `effect` (the mean difference in units of the differences' own spread, with Hedges'
    correction for few pairs) and `wins`, seeds in which the variant is the better one. Units are
    those of the score. Two runs tell too little of their spread: with fewer than three there is no
    interval and no test, and NaN stands there. A run without that score (no distance in any image)
    is left out.
    """
    from pandas import DataFrame

    one_of("score", score, [name for name in SCORES if name in runs])
    one_of("variant", baseline, list(dict.fromkeys(runs["variant"])))
    fields = [name for name in CASE_FIELDS if name in runs]
    rows: list[dict] = []
    for values, group in runs.groupby(fields, sort=True, dropna=False):
        case = dict(zip(fields, values, strict=True))
        rows += [{**case, **row} for row in _compare_case(group, baseline, score, level)]
    return DataFrame(rows, columns=[*fields, *COLUMNS])


def _compare_case(
    group: "DataFrame", baseline: str, score: str, level: float
) -> list[dict[str, Any]]:
    """Return one row per variant of a case."""
    sign = -1 if score in SMALLER_IS_BETTER else 1
    by_variant = scores_by_seed(group, score)
    rows: list[dict[str, Any]] = []
    for variant, by_seed in by_variant.items():
        values = list(by_seed.values())
        mean, low, high = interval(values, level)
        row: dict[str, Any] = {"variant": variant, "n": len(values), "mean": mean}
        row |= {"low": low, "high": high, "sd": spread(values)}
        if variant != baseline and baseline in by_variant:
            row |= paired(by_seed, by_variant[baseline], sign, level)
        rows.append(row)
    tested = [row for row in rows if not np.isnan(row.get("p", np.nan))]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p
    return rows


def by_case(table: "DataFrame") -> list[tuple[str, "DataFrame"]]:
    """Return the parts of a table that may be compared within, each with its name in words.

    Those are the same data, the same number of labels, the same images scored.
    """
    names = [name for name in CASE_FIELDS if name in table]
    groups = table.groupby(names, sort=True, dropna=False)
    return [(_in_words(dict(zip(names, values, strict=True))), group) for values, group in groups]


def check_one_case(what: str, runs: "DataFrame", apart_from: Sequence[str] = ()) -> None:
    """Refuse runs that may not be compared with each other, unless in the fields named."""
    for name in CASE_FIELDS:
        if name in runs and name not in apart_from and runs[name].astype(str).nunique() > 1:
            raise InputError(f"A {what} is of one case, these runs differ in {name}: select some.")


def _in_words(case: Mapping[str, Any]) -> str:
    """Return what is compared within, for a reader.

    >>> case = {"dataset": "la2018", "patch": "[64, 64, 32]", "labeled": 4, "split": "test"}
    >>> _in_words({**case, "size": 64})
    'la2018, 4 labeled, patch 64x64x32, test images'
    """
    patch = json.loads(case.get("patch", "[]"))
    side = f"patch {'x'.join(map(str, patch))}" if patch else f"size {case.get('size')}"
    name = f"{case['dataset']} {case['data']}" if case.get("data") else case["dataset"]
    at = " at that size" if case.get("score_size") == "network" and not patch else ""
    labeled = labeled_in_words(case["labeled"], case.get("labeled_by", "images"))
    draw = f", draw {case['draw']}" if case.get("draw", -1) >= 0 else ""
    return f"{name}, {labeled}{draw}, {side}, {case.get('split')} images{at}"


def scores_by_seed(group: "DataFrame", score: str) -> dict[str, dict[int, float]]:
    """Return the score by variant and seed, without runs that have none.

    A variant that has a seed twice is two variants, and refused.
    """
    scores: dict[str, dict[int, float]] = {}
    for variant, seed, value in zip(group["variant"], group["seed"], group[score], strict=True):
        by_seed = scores.setdefault(variant, {})
        if seed in by_seed:
            raise InputError(
                f"'{variant}' has two runs with seed {seed}: give their settings different"
                " variants."
            )
        by_seed[seed] = np.nan if value is None else float(value)
    return {
        variant: {seed: value for seed, value in by_seed.items() if not np.isnan(value)}
        for variant, by_seed in scores.items()
    }


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Return the mean and its interval by Student's t.

    >>> [round(value, 3) for value in interval([0.7, 0.8, 0.9])]
    [0.8, 0.552, 1.048]
    """
    mean = float(np.mean(values)) if len(values) else float("nan")
    quantile = stats.t.ppf((1 + level) / 2, max(len(values) - 1, 1))
    half = float(spread(values) / np.sqrt(len(values)) * quantile)
    return mean, mean - half, mean + half


def spread(values: Sequence[float]) -> float:
    """Return the standard deviation of a sample; NaN for fewer than three values: too few."""
    return float(np.std(values, ddof=1)) if len(values) > 2 else float("nan")


def paired(
    scores: dict[int, float], baseline: dict[int, float], sign: int, level: float
) -> dict[str, float]:
    """Compare two variants, each its scores by seed, over the seeds that both have."""
    differences = [scores[seed] - baseline[seed] for seed in scores if seed in baseline]
    wins = sum(sign * difference > 0 for difference in differences)
    row: dict[str, float] = {"pairs": len(differences), "wins": wins}
    if not differences:
        return row
    mean, low, high = interval(differences, level)
    row |= {"difference": mean, "difference_low": low, "difference_high": high}
    sd, largest = spread(differences), max(map(abs, differences))
    if sd > 1e-9 * largest:  # differences that are equal but for rounding tell nothing of chance
        row["p"] = float(stats.ttest_1samp(differences, 0).pvalue)
        row["effect"] = float(np.mean(differences) / sd * (1 - 3 / (4 * len(differences) - 5)))
    elif largest == 0 and len(differences) > 2:
        row["p"] = 1.0
    return row


def verdict(low: float, high: float, margin: float = 0.02) -> str:
    """Return what the interval of a difference says: "better", "worse", "level" or "open".

    Level is what lies within the margin to both sides, and covers 0. Where there is no interval the
    question is open.

    >>> verdict(0.01, 0.05), verdict(-0.01, 0.015), verdict(-0.01, 0.05)
    ('better', 'level', 'open')
    """
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "level" if low > -margin and high < margin else "open"


def holm(values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number, step by step from the smallest (Holm, 1979).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(values)
    corrected, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = largest
    return corrected


def ranged(value: float, low: float, high: float, form: str) -> str:
    """Write a number and its interval; the number alone where there is none.

    >>> ranged(0.7, 0.6, 0.8, ".2f"), ranged(0.7, float("nan"), float("nan"), ".2f")
    ('0.70 (0.60 to 0.80)', '0.70')
    """
    return f"{value:{form}}" + ("" if low != low else f" ({low:{form}} to {high:{form}})")
