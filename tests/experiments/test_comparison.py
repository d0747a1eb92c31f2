"""Comparisons of repeated runs, against scipy and against examples worked by hand."""

import numpy as np
import pytest
from pandas import DataFrame
from scipy import stats

from ucmt_lite.common import InputError
from ucmt_lite.experiments.comparison import compare_runs, holm

BASE, BETTER = [0.70, 0.72, 0.75, 0.69, 0.74], [0.75, 0.76, 0.78, 0.75, 0.77]


def table(scores, labeled=4):
    """Runs of one case: variant -> scores by seed."""
    return DataFrame(
        {
            "dataset": "hearts",
            "labeled": labeled,
            "variant": variant,
            "seed": seed,
            "dice": value,
            "hd95": 10 * value,
        }
        for variant, values in scores.items()
        for seed, value in enumerate(values)
    )


def by_variant(compared):
    return {row["variant"]: row for row in compared.to_dict("records")}


def test_means_intervals_and_paired_tests_are_those_of_scipy():
    row = by_variant(compare_runs(table({"base": BASE, "better": BETTER}), "base"))["better"]
    assert row["n"] == row["pairs"] == 5 and row["wins"] == 5
    assert row["mean"] == pytest.approx(np.mean(BETTER))
    paired = stats.ttest_rel(BETTER, BASE)
    assert row["p"] == row["p_holm"] == pytest.approx(paired.pvalue)
    interval = paired.confidence_interval()
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(
        (interval.low, interval.high)
    )
    differences = np.subtract(BETTER, BASE)
    assert row["effect"] == pytest.approx(
        differences.mean() / differences.std(ddof=1) * (1 - 3 / 15)
    )


def test_the_interval_of_a_mean_is_students_at_the_level_asked_for():
    row = by_variant(compare_runs(table({"base": BASE}), "base", level=0.9))["base"]
    expected = stats.t.interval(0.9, 4, np.mean(BASE), stats.sem(BASE))
    assert (row["low"], row["high"]) == pytest.approx(expected) and row["sd"] == pytest.approx(
        np.std(BASE, ddof=1)
    )


@pytest.mark.parametrize("score", ["dice", "hd95"])
def test_a_tie_is_nobodys_win(score):
    assert (
        by_variant(compare_runs(table({"base": BASE, "same": BASE}), "base", score))["same"]["wins"]
        == 0
    )


def test_where_less_is_better_the_smaller_one_wins():
    assert (
        by_variant(compare_runs(table({"base": BASE, "better": BETTER}), "base", "hd95"))["better"][
            "wins"
        ]
        == 0
    )


def test_the_baseline_is_compared_with_nothing_and_cases_are_kept_apart():
    runs = table({"base": BASE, "a": BETTER})
    other = table({"base": BETTER, "a": BASE}, labeled=8)
    rows = compare_runs(
        DataFrame([*runs.to_dict("records"), *other.to_dict("records")]), "base"
    ).to_dict("records")
    assert [
        (row["labeled"], row["variant"], row["wins"]) for row in rows if row["variant"] == "a"
    ] == [(4, "a", 5), (8, "a", 0)]
    assert all(np.isnan(row["difference"]) for row in rows if row["variant"] == "base")


def test_only_shared_seeds_are_paired_whatever_their_order():
    runs = table({"base": BASE, "a": BETTER})
    kept = runs[(runs["variant"] == "base") | runs["seed"].isin([4, 0, 2])].sort_values(
        ["variant", "seed"], ascending=False
    )
    row = by_variant(compare_runs(kept, "base"))["a"]
    differences = [BETTER[seed] - BASE[seed] for seed in (0, 2, 4)]
    assert row["pairs"] == 3 and row["difference"] == pytest.approx(np.mean(differences))
    assert row["p"] == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_one_seed_gives_a_difference_and_no_certainty():
    row = by_variant(compare_runs(table({"base": BASE[:1], "a": BETTER[:1]}), "base"))["a"]
    assert row["difference"] == pytest.approx(0.05) and np.isnan(row["p"]) and np.isnan(row["low"])


def test_holm_corrects_step_by_step_and_never_falls():
    # Worked by hand: 4 * 0.005, 3 * 0.011, 2 * 0.02 and 1 * 0.04.
    assert holm([0.02, 0.005, 0.04, 0.011]) == pytest.approx([0.04, 0.02, 0.04, 0.033])
    assert holm([0.5, 0.6]) == [1.0, 1.0]


@pytest.mark.parametrize("other", [{"labeled": 8}, {"split": "validation"}, {"dataset": "skins"}])
def test_correction_counts_the_comparisons_of_one_case(other):
    here = table({"base": BASE, "a": BETTER, "b": [*BETTER[:4], 0.80]}).assign(split="test")
    runs = DataFrame([*here.to_dict("records"), *here.assign(**other).to_dict("records")])
    compared = compare_runs(runs, "base")
    assert len(compared) == 6
    rows = by_variant(compared[:3])
    smaller, larger = sorted((rows[name] for name in "ab"), key=lambda row: row["p"])
    assert smaller["p_holm"] == pytest.approx(2 * smaller["p"])
    assert larger["p_holm"] == pytest.approx(max(larger["p"], 2 * smaller["p"]))


def test_differences_without_spread_tell_nothing_of_chance():
    runs = table({"base": BASE, "same": BASE, "shifted": [value + 0.1 for value in BASE]})
    rows = by_variant(compare_runs(runs, "base"))
    assert (
        rows["same"]["p"] == 1
        and np.isnan(rows["shifted"]["p"])
        and np.isnan(rows["shifted"]["effect"])
    )
    assert rows["shifted"]["difference"] == pytest.approx(0.1)


def test_what_cannot_be_compared_is_refused():
    runs = table({"base": BASE})
    with pytest.raises(InputError, match="Unknown variant 'bse': did you mean 'base'"):
        compare_runs(runs, "bse")
    with pytest.raises(InputError, match="Unknown score 'dise'"):
        compare_runs(runs, "base", "dise")
    with pytest.raises(InputError, match="'base' has two runs with seed 0"):
        compare_runs(DataFrame([*runs.to_dict("records"), *runs.to_dict("records")]), "base")
