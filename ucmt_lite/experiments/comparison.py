"""Is one method better than another? Means with intervals, and differences paired by seed, over
repeated runs.

Runs with the same seed share the labeled images and the first weights, so methods are compared seed
by seed: what makes a seed easy or hard then cancels as far as it is shared.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ucmt_lite.common import InputError, one_of
from ucmt_lite.experiments.config import SCORES, SMALLER_IS_BETTER
from ucmt_lite.experiments.plan import CASE_FIELDS

if TYPE_CHECKING:
    from pandas import DataFrame


def compare_runs(
    runs: "DataFrame", baseline: str, score: str = "dice", level: float = 0.95
) -> "DataFrame":
    """A row for every case and variant: its mean over seeds, and its difference to the baseline
    over the seeds both have.

    Columns: `n` runs, `mean`, `low`, `high` (interval of the mean, Student's t), `sd`; `pairs`,
    `difference`, `difference_low`, `difference_high`, `p` (paired t-test, two-sided), `p_holm`
    (corrected for the comparisons of that case: Holm, Scand J Stat 1979), `effect` (the mean
    difference in units of the differences' own spread, with Hedges' correction for few pairs) and
    `wins`, seeds in which the variant is the better one. Units are those of the score. Two runs
    tell too little of their spread: with fewer than three there is no interval and no test, and NaN
    stands there. A run without that score (no distance in any image) is left out.
    """
    from pandas import DataFrame

    one_of("score", score, [name for name in SCORES if name in runs])
    one_of("variant", baseline, list(dict.fromkeys(runs["variant"])))
    sign = -1 if score in SMALLER_IS_BETTER else 1
    case = [name for name in CASE_FIELDS if name in runs]
    rows: list[dict] = []
    for values, group in runs.groupby(case, sort=True, dropna=False):
        by_seed = scores_by_seed(group, score)
        start = len(rows)
        for variant, own in by_seed.items():
            mean, low, high = interval(list(own.values()), level)
            row = {
                **dict(zip(case, values, strict=True)),
                "variant": variant,
                "n": len(own),
                "mean": mean,
                "low": low,
                "high": high,
                "sd": spread(list(own.values())),
            }
            if variant != baseline and baseline in by_seed:
                row |= paired(own, by_seed[baseline], sign, level)
            rows.append(row)
        tested = [row for row in rows[start:] if row.get("p", np.nan) == row.get("p", np.nan)]
        for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
            row["p_holm"] = p
    columns = [
        *case,
        "variant",
        "n",
        "mean",
        "low",
        "high",
        "sd",
        "pairs",
        "difference",
        "difference_low",
        "difference_high",
        "p",
        "p_holm",
        "effect",
        "wins",
    ]
    return DataFrame(rows, columns=columns)


def by_case(table: "DataFrame") -> list[tuple[str, "DataFrame"]]:
    """The parts of a table that may be compared within: same data, same labels, same images scored;
    each in words.
    """
    names = [name for name in CASE_FIELDS if name in table]
    groups = table.groupby(names, sort=True, dropna=False)
    return [(_in_words(dict(zip(names, values, strict=True))), group) for values, group in groups]


def _in_words(case: Mapping[str, Any]) -> str:
    """What is compared within, for a reader.

    >>> _in_words({"dataset": "la2018", "size": 64, "patch": "[64, 64, 32]", "labeled": 4, "split": "test"})
    'la2018, 4 labeled, patch 64x64x32, test images'
    """
    patch = json.loads(case.get("patch", "[]"))
    side = f"patch {'x'.join(map(str, patch))}" if patch else f"size {case.get('size')}"
    name = f"{case['dataset']} {case['data']}" if case.get("data") else case["dataset"]
    return f"{name}, {case['labeled']} labeled, {side}, {case.get('split')} images"


def scores_by_seed(group: "DataFrame", score: str) -> dict[str, dict[int, float]]:
    """Score by variant and seed, without runs that have none; a variant that has a seed twice is
    two, and refused.
    """
    found: dict[str, dict[int, float]] = {}
    for variant, seed, value in zip(group["variant"], group["seed"], group[score], strict=True):
        own = found.setdefault(variant, {})
        if seed in own:
            raise InputError(
                f"'{variant}' has two runs with seed {seed}: give their settings different"
                " variants."
            )
        own[seed] = np.nan if value is None else float(value)
    return {
        variant: {seed: v for seed, v in own.items() if v == v} for variant, own in found.items()
    }


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """The mean and its interval by Student's t.

    >>> [round(value, 3) for value in interval([0.7, 0.8, 0.9])]
    [0.8, 0.552, 1.048]
    """
    mean = float(np.mean(values)) if len(values) else float("nan")
    half = float(
        spread(values)
        / np.sqrt(len(values))
        * stats.t.ppf((1 + level) / 2, max(len(values) - 1, 1))
    )
    return mean, mean - half, mean + half


def spread(values: Sequence[float]) -> float:
    """The standard deviation of a sample; NaN for fewer than three values, which say too little of
    it.
    """
    return float(np.std(values, ddof=1)) if len(values) > 2 else float("nan")


def paired(
    own: dict[int, float], base: dict[int, float], sign: int, level: float
) -> dict[str, float]:
    """The differences of two variants over the seeds that both have."""
    differences = [own[seed] - base[seed] for seed in own if seed in base]
    found: dict[str, float] = {
        "pairs": len(differences),
        "wins": sum(sign * d > 0 for d in differences),
    }
    if not differences:
        return found
    found["difference"], found["difference_low"], found["difference_high"] = interval(
        differences, level
    )
    sd, size = spread(differences), max(map(abs, differences))
    if sd > 1e-9 * size:  # differences that are equal but for rounding tell nothing of chance
        found["p"] = float(stats.ttest_1samp(differences, 0).pvalue)
        found["effect"] = float(np.mean(differences) / sd * (1 - 3 / (4 * len(differences) - 5)))
    elif size == 0 and len(differences) > 2:
        found["p"] = 1.0
    return found


def holm(values: Sequence[float]) -> list[float]:
    """P values corrected for their number, step by step from the smallest (Holm, 1979).

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
    """A number and its interval; the number alone where there is none.

    >>> ranged(0.7, 0.6, 0.8, ".2f"), ranged(0.7, float("nan"), float("nan"), ".2f")
    ('0.70 (0.60 to 0.80)', '0.70')
    """
    return f"{value:{form}}" + ("" if low != low else f" ({low:{form}} to {high:{form}})")
