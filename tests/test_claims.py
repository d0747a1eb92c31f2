"""What lessons and pages say of the kept runs is what their scores on the test images say."""

import json

import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.experiments import results
from ucmt_lite.experiments.cases import crossed_interval, right_choices
from ucmt_lite.experiments.comparison import compare_runs, interval, scores_by_seed, verdict
from ucmt_lite.experiments.draws import luck_apart
from ucmt_lite.experiments.recordings import planned_recordings
from ucmt_lite.experiments.regimes import differences_of, regime_map
from ucmt_lite.explore import uncertainty
from ucmt_lite.predict.metrics import area_under_risk, area_under_roc
from ucmt_lite.training.traces import recorded

SEEDS = (10, 11, 12, 13, 14)  # of the recipe of before
CORNERS = ((4, 600), (16, 600), (4, 150), (16, 150))  # labels, gradient steps
RECORDED = (50, 51, 52, 53, 54)  # of the runs that the lessons show
METHODS = ("supervised", "mean_teacher", "cps", "cmt", "ucmt")


@pytest.fixture(scope="module")
def runs():
    """The runs of results/recipe_heart that the lessons show."""
    table = results.load_runs(NOTEBOOKS.parent / "results/recipe_heart/runs.parquet")
    table = table[table["variant"].isin(METHODS)]
    assert (
        (table["cases"] == 200).all()
        and (table["split"] == "test").all()
        and (table["iterations"] == 600).all()
    )
    assert sorted(zip(table["variant"], table["seed"], strict=True)) == sorted(
        (m, s) for m in METHODS for s in RECORDED
    )
    return table


@pytest.fixture(scope="module")
def dice(runs):
    """Dice on the 200 test images: method -> values by seed."""
    return {name: list(own.sort_values("seed")["dice"]) for name, own in runs.groupby("variant")}


@pytest.fixture(scope="module")
def dice_before():
    """Dice on the 200 test images under the recipe of before: method -> values by seed."""
    table = results.load_runs(NOTEBOOKS.parent / "results/heart/runs.parquet")
    return {name: list(own.sort_values("seed")["dice"]) for name, own in table.groupby("variant")}


def test_the_traces_of_the_lessons_are_those_runs(runs):
    fingerprints = dict(
        zip(zip(runs["variant"], runs["seed"], strict=True), runs["fingerprint"], strict=True)
    )
    for name, run in planned_recordings().items():
        key = (run.config.method, run.config.seed)
        assert run.config.fingerprint == fingerprints[key], name
        row = runs[(runs["variant"] == key[0]) & (runs["seed"] == key[1])].iloc[0]
        assert recorded(name).meta["test"]["dice"] == row["dice"], name


def test_a_recorded_run_has_a_frame_every_twenty_iterations():
    frames = [len(recorded(f"heart_{method}_50").map_step) for method in METHODS]
    assert frames == [31] * len(METHODS)


def gains(dice, method, over):
    return [round(a - b, 2) for a, b in zip(dice[method], dice[over], strict=True)]


def test_ucmt_ends_above_the_baseline_in_each_seed_at_eight_times_its_price(dice, runs):
    ours = gains(dice, "ucmt", over="supervised")
    seconds = runs.groupby("variant")["seconds_training"].mean()
    assert round(seconds["ucmt"] / seconds["supervised"]) == 8
    assert (min(ours), max(ours)) == (0.06, 0.21)
    assert max(dice["supervised"]) - min(dice["supervised"]) > 0.19, "two seeds differ by as much"


def test_mean_teacher_is_above_the_baseline_in_two_seeds(dice):
    ours = gains(dice, "mean_teacher", over="supervised")
    assert sorted(ours) == [-0.05, -0.03, -0.02, 0.03, 0.09] and abs(sum(ours) / 5) < 0.01


def test_student_and_teacher_end_within_a_hundredth():
    ends = [recorded(f"heart_mean_teacher_{seed}").curves for seed in RECORDED]
    assert max(abs(own["dice/teacher"][-1] - own["dice/student1"][-1]) for own in ends) < 0.01


def test_cps_gains_in_each_seed(dice):
    ours = gains(dice, "cps", over="supervised")
    assert (min(ours), max(ours)) == (0.07, 0.23)


def test_cmt_gains_in_each_seed_and_ucmt_more(dice):
    ours, more = gains(dice, "cmt", over="supervised"), gains(dice, "ucmt", over="cmt")
    assert (min(ours), max(ours)) == (0.01, 0.13) and (min(more), max(more)) == (0.01, 0.08)
    behind = gains(dice, "cps", over="cmt")
    assert (min(behind), max(behind)) == (0.03, 0.11)


def test_ucmt_is_above_cps_in_two_seeds_by_a_hundredth(dice):
    assert sorted(gains(dice, "ucmt", over="cps")) == [-0.03, -0.03, 0, 0.01, 0.01]
    assert sum(a < b for a, b in zip(dice["ucmt"], dice["cps"], strict=True)) == 3


def test_the_branches_of_the_recorded_runs_end_close_together():
    def disagreement(method, step):
        traces = [recorded(f"heart_{method}_{seed}") for seed in RECORDED]
        return sum(
            trace.curves["disagreement"][list(trace.step).index(step)] for trace in traces
        ) / len(traces)

    ended_at = {name: round(disagreement(name, 600), 2) for name in ("cps", "ucmt", "mean_teacher")}
    assert ended_at == {"cps": 0.05, "ucmt": 0.06, "mean_teacher": 0.02}
    at_200 = [round(disagreement(name, 200), 2) for name in ("mean_teacher", "cps")]
    at_100 = [round(disagreement(name, 100), 2) for name in ("ucmt", "cps")]
    assert (at_200, at_100) == ([0.24, 0.15], [0.22, 0.32])


def test_entropy_finds_the_errors_of_the_recorded_runs_and_disagreement_hardly_any():
    def areas(method):
        trace = recorded(f"heart_{method}_50")
        a, b = (trace.predictions[name][-1] for name in trace.branches)
        wrong = uncertainty.wrong_labels(trace)[-1]
        entropy = trace.uncertainty[-1]
        found = [area_under_risk(doubt, wrong) for doubt in (entropy, a != b)]
        order = area_under_roc(entropy, wrong)
        assert order == area_under_roc(entropy.astype(float) ** 3, wrong) > 0.75
        assert 0.5 < area_under_roc(a != b, wrong) < 0.56
        return [round(area, 3) for area in (*found, wrong.mean())], a == b, wrong

    ours, alike, wrong = areas("ucmt")
    assert ours == [0.032, 0.082, 0.089] and areas("cps")[0][:2] == [0.025, 0.079]
    assert (round(100 * alike.mean(), 1), round(100 * alike[wrong].mean())) == (98.6, 91)


def ended(name, variant):
    """Mean disagreement of a variant's networks when its runs end."""
    runs, curves = (
        results.load_runs(results.kept(name) / f"{table}.parquet") for table in ("runs", "curves")
    )
    own = curves[curves["run"].isin(runs[runs["variant"] == variant]["run"])]
    return round(float(own.sort_values("step").groupby("run")["disagreement"].last().mean()), 2)


def means(name):
    table = results.load_runs(NOTEBOOKS.parent / "results" / name / "runs.parquet")
    assert (table["split"] == "test").all()
    return table, table.groupby("variant")["dice"].mean().round(3)


def test_at_twelve_hundred_steps_each_cps_is_above_ucmt_and_cmt_level_with_it():
    table, dice = means("heart_steps")
    assert sorted(set(table["seed"])) == list(SEEDS) and (table["gradient_steps"] == 1200).all()
    assert (dice["cmt"], dice["ucmt"]) == (0.785, 0.770)
    over_baseline = compare_runs(table, "supervised").set_index("variant").loc["ucmt"]
    assert over_baseline["wins"] == 4 and round(over_baseline["difference"], 3) == 0.035
    compared = compare_runs(table, "ucmt").set_index("variant")
    assert compared.loc["cps", "wins"] == 5 and round(compared.loc["cps", "difference"], 2) == 0.06
    assert compared.loc["cmt", "difference_low"] < 0 < compared.loc["cmt", "difference_high"]


def test_it_is_the_number_of_steps_more_than_the_mix(dice_before):
    table, mixes = means("heart_ablation")
    assert sorted(set(table["seed"])) == list(SEEDS)
    assert [mixes[name] for name in ("UMIX", "no mix", "CutMix", "noise")] == [
        0.770,
        0.773,
        0.780,
        0.767,
    ]
    assert round(sum(dice_before["cmt"]) / 5, 3) == 0.738
    steps = means("heart_steps")[0]
    longer = list(steps[steps["variant"] == "cmt"].sort_values("seed")["dice"])
    assert all(long > short for long, short in zip(longer, dice_before["cmt"], strict=True))
    rows = compare_runs(table, "no mix").set_index("variant").drop("no mix")
    assert (rows["difference_low"] < 0).all() and (rows["difference_high"] > 0).all()


def test_batch_norm_apart_is_better_in_every_pair_and_the_weight_is_not_what_hurts():
    table, dice = means("heart_batchnorm")
    by_seed = table.pivot(index="seed", columns="variant", values="dice")
    for method in ("mean_teacher", "cps", "ucmt"):
        assert (by_seed[f"{method}, apart"] > by_seed[f"{method}, together"]).all() and len(
            by_seed
        ) == 3
    assert (by_seed["mean_teacher, together, weight 0"] < by_seed["mean_teacher, together"]).all()
    assert (dice["mean_teacher, apart"], dice["supervised"]) == (0.713, 0.704)


def test_neither_way_forward_is_better_everywhere_on_validation_images():
    """At equal settings, method by method and seed by seed; what the default stands on."""
    won = {}
    for name in ("heart", "skin"):
        table = results.load_runs(results.kept(f"{name}_search") / "runs.parquet")
        assert (table["split"] == "validation").all()
        table = table[~table["variant"].str.contains("hard")]
        settings = table["settings"].map(json.loads)
        table = table.assign(
            weight=settings.str.get("weight"), forward=settings.str.get("forward").fillna("jointly")
        )
        table = table[
            (table["ramp"] == 0.5) & (table["lr"] == table["lr"].iloc[0]) & table["weight"].notna()
        ]
        pairs = table.pivot(
            index=["method", "weight", "seed"], columns="forward", values="dice"
        ).dropna()
        won[name] = (int((pairs["separately"] > pairs["jointly"]).sum()), len(pairs))
    assert won == {"heart": (14, 20), "skin": (7, 20)}


def test_apart_ucmt_is_above_cps_and_cps_above_mean_teacher_which_is_not_above_the_baseline():
    table, dice = means("heart_apart")
    assert sorted(set(table["seed"])) == [20, 21, 22, 23, 24]
    others = [
        file.parent.name
        for file in results.kept("heart").parent.glob("*/runs.parquet")
        if "apart" not in str(file)
    ]
    assert not any(
        {20, 21, 22, 23, 24} & set(results.load_runs(results.kept(name) / "runs.parquet")["seed"])
        for name in others
    ), "nothing else used these seeds"
    over = {
        name: compare_runs(table, name).set_index("variant")
        for name in ("supervised", "mean_teacher", "cps")
    }
    assert over["cps"].loc["ucmt", "wins"] == 4 and over["cps"].loc["ucmt", "difference_low"] > 0
    assert over["mean_teacher"].loc["cps", "wins"] == 5 == over["supervised"].loc["ucmt", "wins"]
    assert over["supervised"].loc[
        ["mean_teacher", "mean_teacher, hard labels"], "wins"
    ].tolist() == [2, 2]
    assert over["cps"].loc["ucmt, half the iterations", "wins"] == 0
    shown = ["supervised", "mean_teacher", "cps", "ucmt", "ucmt, half the iterations"]
    assert dice[shown].tolist() == [0.739, 0.725, 0.799, 0.826, 0.749]


def test_apart_at_equal_steps_cps_has_caught_up_with_ucmt_and_cmt_has_not():
    table, dice = means("heart_apart_steps")
    assert (table["gradient_steps"] == 1200).all() and sorted(set(table["seed"])) == [
        20,
        21,
        22,
        23,
        24,
    ]
    rows = compare_runs(table, "supervised").set_index("variant")
    assert (
        rows.loc[["cps", "cmt", "ucmt"], "wins"].tolist() == [5, 5, 5]
        and rows.loc["mean_teacher", "wins"] == 3
    )
    assert (rows.loc[["cps", "cmt", "ucmt"], "p_holm"] < 0.05).all()
    over_cmt, over_cps = (
        compare_runs(table, name).set_index("variant").loc["ucmt"] for name in ("cmt", "cps")
    )
    assert (
        over_cmt["wins"] == 5
        and over_cmt["difference_low"] > 0
        and round(over_cmt["difference"], 3) == 0.023
    )
    assert (
        over_cps["difference_low"] < 0 < over_cps["difference_high"]
        and round(over_cps["difference"], 3) == -0.005
    )
    assert list(dice.sort_values().index) == ["supervised", "mean_teacher", "cmt", "ucmt", "cps"]


def test_on_skin_ucmt_is_above_cps_and_cps_above_the_baseline_in_each_seed():
    table, dice = means("skin")
    assert sorted(set(table["seed"])) == list(SEEDS)
    assert dice["mean_teacher"] < dice["supervised"]
    over_cps, over_baseline = (
        compare_runs(table, name).set_index("variant") for name in ("cps", "supervised")
    )
    assert over_cps.loc["ucmt", "wins"] == over_baseline.loc["cps", "wins"] == 5
    assert round(over_cps.loc["ucmt", "difference"], 2) == 0.03


def test_ucmt_gains_with_every_loss_most_with_dice_and_least_with_cross_entropy():
    table, _ = means("heart_loss")
    by_seed = table.pivot(index="seed", columns="variant", values="dice")
    assert list(by_seed.index) == list(SEEDS)
    for method, last, ahead in (("supervised", 5, 3), ("ucmt", 4, 4)):
        own = by_seed[[f"{method}, {loss}" for loss in ("both", "Dice", "cross entropy")]]
        assert (own.idxmin(axis=1) == f"{method}, cross entropy").sum() == last
        assert (own[f"{method}, Dice"] > own[f"{method}, both"]).sum() == ahead
    for loss in ("both", "Dice", "cross entropy"):
        assert (by_seed[f"ucmt, {loss}"] > by_seed[f"supervised, {loss}"]).all()
    bounds = ["difference", "difference_low", "difference_high"]
    over_both, over_baseline = (
        compare_runs(table, f"{name}, both").set_index("variant") for name in ("ucmt", "supervised")
    )
    assert over_both.loc["ucmt, Dice", bounds].astype(float).round(3).tolist() == [
        0.040,
        0.003,
        0.077,
    ]
    assert over_baseline.loc["ucmt, Dice", bounds].astype(float).round(3).tolist() == [
        0.092,
        0.066,
        0.117,
    ]


def test_most_runs_on_volumes_learned_next_to_nothing_under_the_recipe_of_before():
    table, dice = means("la2018_4")
    assert "norm" not in table and dice["supervised"] == 0.183
    by_seed = table.pivot(index="seed", columns="variant", values="dice").round(3)
    assert by_seed.loc[0].between(0.44, 0.515).all()
    assert by_seed.loc[1].drop("supervised, 600 iterations").max() <= 0.05
    second = by_seed.loc[2, ["cps", "mean_teacher", "ucmt", "supervised"]]
    assert second.tolist() == [0.290, 0.281, 0.104, 0.034]
    assert by_seed["supervised, 600 iterations"].tolist() == [0.513, 0.299, 0.045]


@pytest.mark.parametrize("page", ["README.md", "la2018_4/README.md"])
def test_no_page_says_any_more_that_the_seed_decides_without_taking_it_back(page):
    text = (NOTEBOOKS.parent / "results" / page).read_text()
    assert "it is the seed that decides" not in text
    assert "seed decides" in text, "what fell is named"


def test_where_umix_may_move_more_than_three_percent_of_the_image_the_means_are_lower():
    table, dice = means("heart_umix")
    assert sorted(set(table["seed"])) == [10, 11, 12]
    cells = dice.index[1:].str.extract(r"top_k (\d+) of (\d+)x").astype(int)
    assert sorted(zip(cells[1], cells[0], strict=True)) == [
        *((4, top_k) for top_k in (1, 2, 4, 8)),
        *((grid, top_k) for grid in (8, 16) for top_k in (1, 2, 4, 8, 16)),
    ]
    moved = (200 * cells[0] / cells[1] ** 2).set_axis(dice.index[1:]).round(1)
    assert dice[moved.index[moved < 4]].sub(dice["no cell moves"]).abs().max() <= 0.0121
    assert sorted(dice[moved.index[moved == 6.2]]) == [0.731, 0.741]
    much = dice[moved.index[moved > 7]]
    assert (much.min(), much.max(), len(much)) == (0.691, 0.722, 8)
    rows = compare_runs(table, "no cell moves").set_index("variant").drop("no cell moves")
    assert (rows["difference_low"] < 0).all() and (rows["difference_high"] > 0).all()
    seeds = table.pivot(index="variant", columns="seed", values="dice")
    below = seeds.drop("no cell moves") < seeds.loc["no cell moves"]
    assert below[12].all() and seeds[10].min().round(3) == 0.566
    assert sorted(moved[below.index[below[11]]]) == [50, 50, 100]


def test_unlabeled_images_give_less_the_more_is_labeled():
    table, _ = means("heart_labels")
    assert sorted(set(table["seed"])) == list(SEEDS)
    dice = table.pivot_table(index="labeled", columns="variant", values="dice")
    gains = dice.sub(dice["supervised"], axis=0).round(3)
    assert list(gains["ucmt"][:3]) == [0.117, 0.051, 0.026] and list(gains["cps"][:3]) == [
        0.109,
        0.052,
        0.027,
    ]
    assert list(gains.index) == [2, 4, 8, 16, 300]
    assert (gains.loc[[16, 300]].drop(columns="supervised") < 0).all(axis=None)
    assert gains["mean_teacher"].round(2).between(-0.07, -0.02).all()
    assert (dice.loc[2, "ucmt"].round(3), dice.loc[4, "supervised"].round(3)) == (0.699, 0.718)
    for labeled, rows in table[table["labeled"] < 16].groupby("labeled"):
        assert compare_runs(rows, "supervised").set_index("variant").loc["cps", "wins"] == 5, (
            labeled
        )
    seeds = table[(table["labeled"] == 2) & (table["variant"] == "supervised")]["dice"]
    assert (round(seeds.min(), 2), round(seeds.max(), 2)) == (0.39, 0.70)


def test_on_skin_at_equal_steps_cps_cmt_and_ucmt_are_level_and_above_the_baseline():
    table, dice = means("skin_steps")
    assert (table["gradient_steps"] == 1200).all() and sorted(set(table["seed"])) == list(SEEDS)
    rows = compare_runs(table, "ucmt").set_index("variant")
    for method in ("cps", "cmt"):
        assert abs(rows.loc[method, "difference"]) < 0.003
        assert rows.loc[method, "difference_low"] < 0 < rows.loc[method, "difference_high"] < 0.028
    assert [dice[name] for name in ("supervised", "mean_teacher", "cps", "ucmt")] == [
        0.831,
        0.836,
        0.870,
        0.872,
    ]
    over = compare_runs(table, "supervised").set_index("variant")
    assert (
        over.loc[["cps", "cmt", "ucmt"], "wins"].tolist() == [5, 5, 5]
        and over.loc["mean_teacher", "wins"] == 2
    )
    assert over["p_holm"].dropna().between(0.05, 1).all() and over.loc["ucmt", "difference_low"] > 0


def test_an_even_mean_of_two_students_knows_nothing_and_three_seeds_were_not_enough():
    table, dice = means("heart_share")
    assert sorted(set(table["seed"])) == list(SEEDS)
    assert (round(dice["share 0.5 and 0.5"], 2), round(dice["share 0.99 and 0.01"], 2)) == (
        0.08,
        0.77,
    )
    assert table[table["variant"] == "share 0.5 and 0.5"]["dice"].max() < 0.2
    few, all_five = (
        compare_runs(rows, "share 0.99 and 0.01").set_index("variant").loc["share 1 and 0"]
        for rows in (table[table["seed"] < 13], table)
    )
    assert (few["wins"], round(few["p_holm"], 3), all_five["wins"]) == (0, 0.027, 2)
    assert all_five["difference_low"] < 0 < all_five["difference_high"]


@pytest.fixture(scope="module")
def by_seed():
    """Dice of results/recipe_heart: variants x seeds."""
    table = results.load_runs(NOTEBOOKS.parent / "results/recipe_heart/runs.parquet")
    assert (table["cases"] == 200).all() and (table["split"] == "test").all()
    return table.pivot_table(index="variant", columns="seed", values="dice")


def test_under_the_kits_recipe_three_methods_lead_and_mean_teacher_is_where_the_baseline_is(
    by_seed,
):
    gain = by_seed - by_seed.loc["supervised"]
    wins = (gain > 0).sum(axis=1)
    assert (wins["cps"], wins["ucmt"], wins["cmt"]) == (5, 5, 5)
    means = gain.mean(axis=1).round(3)
    assert (means["cps"], means["ucmt"], means["cmt"]) == (0.119, 0.110, 0.061)
    assert means["mean_teacher"] == 0.005


def test_under_the_kits_recipe_cps_is_not_behind_ucmt(by_seed):
    lead = by_seed.loc["cps"] - by_seed.loc["ucmt"]
    assert round(lead.mean(), 3) == 0.009 and (lead < 0).sum() == 2
    half = by_seed.loc["cps"] - by_seed.loc["ucmt, half the iterations"]
    assert (half > 0).all() and round(half.mean(), 2) == 0.05


def test_lesson_10_has_a_comparison_that_is_open(by_seed):
    _, low, high = interval((by_seed.loc["ucmt"] - by_seed.loc["cps"]).tolist())
    assert (round(low, 3), round(high, 3)) == (-0.034, 0.016)
    _, low, high = interval((by_seed.loc["mean_teacher"] - by_seed.loc["supervised"]).tolist())
    assert (round(low, 3), round(high, 3)) == (-0.064, 0.075)
    for low_mean, needed in ((("ucmt", "cps"), 17), (("mean_teacher", "supervised"), 60)):
        difference = by_seed.loc[low_mean[0]] - by_seed.loc[low_mean[1]]
        seeds = range(3, 200)
        halves = {n: stats.t.ppf(0.975, n - 1) * difference.std() / n**0.5 for n in seeds}
        fits = min(n for n in seeds if abs(difference.mean()) + halves[n] < 0.02)
        assert abs(fits - needed) <= 3
    assert by_seed.mean().idxmin() == 50, "the seed that was unlucky for nearly all"


def test_on_hearts_instance_norm_costs_and_small_moves_gain():
    table = results.load_runs(NOTEBOOKS.parent / "results/recipe_steps/runs.parquet")
    dice = table.pivot_table(index="variant", columns="seed", values="dice")
    batch, instance = (
        f"{norm} norm, strong labeled views, small moves" for norm in ("batch", "instance")
    )
    cost = dice.loc["+ instance norm"] - dice.loc["before"]
    assert round(cost.mean(), 3) == -0.062 and (cost < 0).all()
    gains_of_moves = [
        dice.loc["+ small moves"] - dice.loc["+ weak labeled views"],
        dice.loc[instance] - dice.loc["+ instance norm"],
        dice.loc[batch] - dice.loc["before"],
    ]
    assert [round(gain.mean(), 3) for gain in gains_of_moves] == [0.048, 0.074, 0.066]
    assert (dice.loc[instance] > dice.loc["+ small moves"]).sum() == 4
    means = dice.mean(axis=1).round(3)
    assert (means.idxmax(), means[batch]) == (batch, 0.759)
    assert means["batch norm, weak labeled views, small moves"] == means.min() == 0.5


@pytest.fixture(scope="module")
def after():
    """Dice on the 200 test images of what came after UCMT: variant -> seed -> value."""
    table = results.load_runs(results.kept("after_heart") / "runs.parquet")
    assert (table["gradient_steps"] == 600).all() and set(table["seed"]) == set(RECORDED)
    return scores_by_seed(table, "dice")


def wins(after, one, other):
    return sum(value > after[other][seed] for seed, value in after[one].items())


def test_what_lesson_16_and_its_results_say_of_rankings(after):
    half = "ucmt, half the iterations"
    for method in ("unimatch", "cps", "bcp", "adamix", half):
        assert wins(after, method, "supervised") == 5
    assert wins(after, "fixmatch", "supervised") == 1 and wins(after, "unimatch", "cps") == 2
    for method in ("bcp", "adamix", half):
        assert wins(after, "cps", method) == 5
    means = {name: sum(by_seed.values()) / 5 for name, by_seed in after.items()}
    assert max(means.values()) - means["cps"] < 0.001, "nothing is ahead of CPS"
    said = {
        pair: verdict(*interval([after[pair[0]][s] - after[pair[1]][s] for s in RECORDED])[1:])
        for pair in (("unimatch", "cps"), ("adamix", half), ("bcp", "cps"))
    }
    assert list(said.values()) == ["open", "level", "worse"]


def test_what_lesson_16_says_of_single_runs(after):
    rounded = {
        name: {seed: round(value, 3) for seed, value in by_seed.items()}
        for name, by_seed in after.items()
    }
    assert (min(rounded["fixmatch"].values()), max(rounded["fixmatch"].values())) == (0.196, 0.865)
    assert rounded["fixmatch"][54] == 0.196 and rounded["fixmatch"][52] == 0.865
    assert min(rounded["unimatch"].values()) == 0.775
    curves = results.load_runs(results.kept("after_heart") / "curves.parquet")
    learned = curves[curves["run"] == "fixmatch_54"].set_index("step")["dice"]
    assert learned[learned.index <= 240].max() == pytest.approx(0.79, abs=0.005)
    assert learned[360] > 0.77 and learned.iloc[-1] < 0.25


@pytest.mark.parametrize(
    "name, pair, said",
    [
        ("recipe_heart", ("cps", "supervised"), "+0.119 (0.074 to 0.182)"),
        ("recipe_heart", ("ucmt", "cps"), "-0.009 (-0.027 to 0.006)"),
        ("recipe_la2018", ("cps", "supervised"), "0.008 to 0.084"),
        ("la2018_ten", ("cps", "supervised"), "0.019 to 0.085"),
        ("la2018_ten", ("unimatch", "cps"), "0.004 to 0.056"),
        ("recipe_skin", ("ucmt", "cps"), "0.004 to 0.021"),
        ("recipe_skin", ("cps", "supervised"), "0.019 to 0.092"),
        ("recipe_isic2018", ("ucmt", "supervised"), "0.005 to 0.015"),
        ("recipe_isic2018", ("ucmt", "supervised, twice the iterations"), "-0.008 to 0.008"),
    ],
)
def test_intervals_over_seeds_and_images_are_what_the_pages_say(name, pair, said):
    images = results.load_runs(results.kept(name) / "cases.parquet")
    mean, low, high = crossed_interval(images, *pair)
    assert f"{mean:+.3f} ({low:.3f} to {high:.3f})".endswith(f"{said.strip(')')})")
    assert said in (results.kept(name) / "README.md").read_text()


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("cps", "supervised", (0.95, 1.0)),
        ("cps", "cmt", (0.88, 1.0)),
        ("ucmt", "cps", (0.6, 0.94)),
        ("mean_teacher", "supervised", (0.62, 0.91)),
    ],
)
def test_what_four_validation_images_would_have_chosen_on_hearts(one, other, said):
    images = results.load_runs(results.kept("recipe_heart") / "cases.parquet")
    shares = right_choices(images, one, other, [4])["4 images"].round(2)
    assert (shares.min(), shares.max()) == said


def test_how_often_a_few_images_choose_right_is_what_lesson_10_says():
    images = results.load_runs(results.kept("recipe_heart") / "cases.parquet")
    far = right_choices(images, "mean_teacher", "supervised", [4, 16])
    assert [round(abs(d), 3) for d in far["difference"]] == [0.092, 0.029, 0.027, 0.048, 0.016]
    assert 0.85 < far.loc[50, "4 images"] < 0.93 and 0.58 < far.loc[54, "4 images"] < 0.66
    assert (far.loc[50:53, "16 images"] > 0.9).all() and far.loc[54, "16 images"] < 0.8
    near = right_choices(images, "ucmt", "cps", [64])
    within = near[near["difference"].abs() < 0.0115]["64 images"]
    assert list(within.index) == [51, 52, 53]
    assert (round(within.min(), 2), round(within.max(), 2)) == (0.68, 0.99)


def test_bcp_is_the_least_overconfident():
    table = results.load_runs(results.kept("after_heart") / "calibration.parquet")
    means = table.groupby("method")["overconfidence"].mean().round(2)
    said = {
        "bcp": 0.03,
        "unimatch": 0.06,
        "adamix": 0.09,
        "cps": 0.10,
        "ucmt": 0.15,
        "supervised": 0.18,
        "fixmatch": 0.18,
    }
    assert {name: means[name] for name in said} == said and means.idxmin() == "bcp"
    ece = table.pivot_table(index="seed", columns="method", values="ece")
    assert (ece.idxmin(axis=1) == "bcp").all()
    over_all, on_called = table.groupby("method")[["ece", "ece_object"]].mean().loc["supervised"]
    assert (round(over_all, 3), round(on_called, 3)) == (0.053, 0.191), "as lesson 06 says"


def test_a_faster_teacher_and_a_larger_weight_are_what_the_lessons_say():
    runs = results.load_runs(results.kept("recipe_settings") / "runs.parquet")
    dice = runs.pivot_table(index="seed", columns="variant", values="dice")
    means = dice.mean().round(3)
    said = ["mean_teacher, decay 0.9", "mean_teacher", "supervised", "ucmt, weight 1", "cps"]
    assert means[said].tolist() == [0.740, 0.718, 0.712, 0.821, 0.831]
    fast = dice["mean_teacher, decay 0.9"]
    assert (fast > dice["supervised"]).sum() == 4 and (fast > dice["mean_teacher"]).sum() == 3
    assert verdict(*interval((fast - dice["mean_teacher"]).tolist())[1:]) == "open"


def test_what_is_said_of_the_left_atrium():
    table = results.load_runs(results.kept("recipe_la2018") / "runs.parquet")
    steps = table.groupby("variant")["gradient_steps"].first()
    dice = scores_by_seed(table, "dice")
    longer, half = "supervised, twice the iterations", "ucmt, half the iterations"
    assert set(steps[[longer, "ucmt"]]) == {600} and set(steps.drop([longer, "ucmt"])) == {300}
    means = {name: round(sum(by_seed.values()) / 5, 3) for name, by_seed in dice.items()}
    assert means == {
        **{"supervised": 0.774, "cps": 0.811, "mean_teacher": 0.759, "cmt": 0.769},
        **{half: 0.778, longer: 0.783, "ucmt": 0.807, "unimatch": 0.829},
    }
    assert wins(dice, "cps", "supervised") == wins(dice, "ucmt", "supervised") == 5
    for method in ("mean_teacher", "cmt", half):
        assert wins(dice, "cps", method) == 4
        assert verdict(*above(dice, method, "supervised")[1:]) == "open"
    said = {
        ("ucmt", "supervised"): (0.033, 0.019, 0.048),
        ("ucmt", longer): (0.024, 0.02, 0.029),
        ("ucmt", "cps"): (-0.004, -0.045, 0.037),
        ("unimatch", "supervised"): (0.055, 0.002, 0.109),
        ("unimatch", longer): (0.046, 0.003, 0.089),
        ("unimatch", half): (0.051, 0.006, 0.096),
        ("unimatch", "cps"): (0.018, -0.014, 0.049),
        ("unimatch", "ucmt"): (0.022, -0.020, 0.063),
    }
    for (one, other), numbers in said.items():
        assert tuple(round(number, 3) for number in above(dice, one, other)) == numbers
    assert [wins(dice, "unimatch", rival) for rival in dice] == [5, 4, 5, 5, 5, 5, 4, 0]
    gains = [dice["ucmt"][seed] - dice[longer][seed] for seed in RECORDED]
    assert (round(min(gains), 3), round(max(gains), 3)) == (0.019, 0.028)
    compared = compare_runs(table, "supervised").set_index("variant")
    assert list(compared[compared["p_holm"] < 0.05].index) == ["ucmt"]


def test_at_the_end_a_teacher_is_no_better_than_its_student():
    table = results.load_runs(results.kept("heart_students") / "students.parquet")
    of = table.pivot(index=["method", "seed"], columns="network")
    dice, ece, sure = (of[name] for name in ("dice", "ece", "overconfidence"))
    behind = (dice["teacher"] - dice["student1"]).dropna().groupby("method")
    means = behind.mean()
    assert [round(means[m], 3) for m in ("mean_teacher", "cmt", "ucmt")] == [-0.001, -0.005, -0.0]
    assert (behind.max()["cmt"] < 0) and (ece["teacher"] - ece["student1"]).groupby(
        "method"
    ).mean().abs().max() < 0.001
    second = (dice["teacher"] - dice["student2"]).loc["cmt"]
    assert round(second.mean(), 3) == -0.010 and (second < 0).all()
    assert round((sure["student2"] - sure["teacher"]).loc["cmt"].mean(), 2) == 0.03
    surer = (sure["student2"] - sure["student1"]).loc["cps"]
    assert round(surer.mean(), 2) == 0.03 and (surer > 0.005).sum() == 4


def test_on_atria_unimatch_is_first_in_four_of_five_seeds():
    table = results.load_runs(results.kept("after_la2018") / "runs.parquet")
    assert (table["gradient_steps"] == 300).all() and (table["cases"] == 24).all()
    dice, half = scores_by_seed(table, "dice"), "ucmt, half the iterations"
    means = {name: round(sum(by_seed.values()) / 5, 3) for name, by_seed in dice.items()}
    assert sorted(means.items(), key=lambda item: -item[1]) == [
        *(("unimatch", 0.829), ("cps", 0.811), ("bcp", 0.793), (half, 0.778)),
        *(("supervised", 0.774), ("fixmatch", 0.770), ("ua_mt", 0.768), ("mean_teacher", 0.759)),
        ("adamix", 0.755),
    ]
    first = {seed: max(dice, key=lambda name: dice[name][seed]) for seed in RECORDED}
    assert first == {**dict.fromkeys(RECORDED, "unimatch"), 54: "cps"}
    assert round(dice["cps"][54] - dice["unimatch"][54], 3) == 0.023
    for other in ("supervised", "bcp", "ua_mt", "adamix", half):
        assert wins(dice, "unimatch", other) == 5 and above(dice, "unimatch", other)[1] > 0
    said = {
        ("unimatch", "cps"): (0.018, -0.014, 0.049),
        ("bcp", "supervised"): (0.019, -0.053, 0.091),
        ("ua_mt", "supervised"): (-0.006, -0.024, 0.012),
        ("fixmatch", "supervised"): (-0.004, -0.022, 0.013),
        ("adamix", "supervised"): (-0.020, -0.069, 0.030),
        ("ua_mt", "mean_teacher"): (0.009, -0.007, 0.025),
    }
    for (one, other), numbers in said.items():
        assert tuple(round(number, 3) for number in above(dice, one, other)) == numbers
        assert verdict(*numbers[1:]) == "open"
    assert wins(dice, "ua_mt", "mean_teacher") == 4
    widths = {name: max(of.values()) - min(of.values()) for name, of in dice.items()}
    assert min(widths, key=widths.get) == "bcp"
    images = results.load_runs(results.kept("after_la2018") / "cases.parquet")
    missed = images[images["id"].str.startswith("A4R1S23K")].groupby("variant")["dice"].mean()
    found = [round(float(missed[name]), 2) for name in ("bcp", "unimatch", "cps", "supervised")]
    assert found == [0.54, 0.53, 0.33, 0.17]
    low = images[images["dice"] < 0.5].groupby("variant").size()
    said = ["unimatch", "bcp", "cps", "supervised", "fixmatch"]
    assert low[said].tolist() == [2, 3, 6, 8, 11] and len(images) == 9 * 120


def test_ten_seeds_settle_what_five_left_open_on_atria():
    table = results.load_runs(results.kept("la2018_ten") / "runs.parquet")
    dice = scores_by_seed(table, "dice")
    longer = "supervised, twice the iterations"
    steps = table.groupby("variant")["gradient_steps"].first().to_dict()
    assert steps == {**dict.fromkeys(("supervised", "cps", "cmt", "unimatch"), 300), longer: 600}
    means = {name: round(sum(by_seed.values()) / 10, 3) for name, by_seed in dice.items()}
    assert means == {
        **{"supervised": 0.763, "cps": 0.809, "cmt": 0.761, "unimatch": 0.833, longer: 0.779}
    }
    fresh = {name: {s: by[s] for s in range(55, 60)} for name, by in dice.items()}
    said = {
        ("cps", "supervised"): ((0.045, 0.020, 0.070), 10, (0.053, 0.020, 0.086), 5),
        ("unimatch", "supervised"): ((0.070, 0.044, 0.095), 10, (0.084, 0.055, 0.113), 5),
        ("unimatch", "cps"): ((0.024, 0.011, 0.038), 9, (0.031, 0.019, 0.043), 5),
        ("cmt", "supervised"): ((-0.002, -0.015, 0.011), 4, (0.001, -0.029, 0.031), 2),
        ("cps", longer): ((0.030, 0.006, 0.053), 8, (0.031, -0.012, 0.074), 4),
        ("unimatch", longer): ((0.054, 0.031, 0.077), 10, (0.062, 0.023, 0.101), 5),
        ("cmt", longer): ((-0.018, -0.032, -0.004), 2, (-0.021, -0.055, 0.013), 2),
        (longer, "supervised"): ((0.016, 0.008, 0.024), 9, (0.022, 0.011, 0.033), 5),
    }
    for (one, other), (all_ten, won, five, won_five) in said.items():
        for scores, numbers, count in ((dice, all_ten, won), (fresh, five, won_five)):
            assert tuple(round(number, 3) for number in above(scores, one, other)) == numbers
            assert wins(scores, one, other) == count
    assert verdict(*above(dice, "cmt", "supervised")[1:]) == "level"
    hard = sorted(dice["supervised"], key=dice["supervised"].get)[:3]
    assert sorted(hard) == [52, 56, 57] == [s for s, d in dice["supervised"].items() if d < 0.75]
    for method, gains in (("cps", [0.111, 0.065, 0.084]), ("unimatch", [0.129, 0.105, 0.1])):
        gained = [dice[method][seed] - dice["supervised"][seed] for seed in (52, 56, 57)]
        assert [round(gain, 3) for gain in gained] == gains
    spans = {name: max(of.values()) - min(of.values()) for name, of in dice.items()}
    assert [round(spans[name], 3) for name in ("cps", "supervised")] == [0.042, 0.138]
    images = results.load_runs(results.kept("la2018_ten") / "cases.parquet")
    low = images[images["dice"] < 0.5].groupby("variant").size()
    assert low[["supervised", "cmt", "cps", "unimatch"]].tolist() == [19, 21, 12, 2]


def test_on_atria_the_teacher_of_cmt_lags_and_both_students_of_cps_are_alike():
    table = results.load_runs(results.kept("la2018_ten") / "students.parquet")
    dice = table.pivot(index="seed", columns=["method", "network"], values="dice")
    assert dice.index.tolist() == [55, 56, 57, 58, 59]
    ahead = dice["cmt"]["student1"] - dice["cmt"]["teacher"]
    assert tuple(round(number, 3) for number in interval(ahead.tolist())) == (0.011, 0.006, 0.015)
    assert (ahead > 0).all()
    means = dice.mean().round(3)
    assert means["cmt"][["student1", "student2"]].tolist() == [0.765, 0.764]
    assert means["cps"].tolist() == [0.806, 0.806]


def test_another_weight_helps_neither_cmt_nor_ucmt_on_atria():
    table = results.load_runs(results.kept("la2018_search") / "runs.parquet")
    assert (table["cases"] == 8).all() and set(table["seed"]) == {41, 42}
    dice = table.pivot(index="seed", columns="variant", values="dice")
    cmt, ucmt = (
        dice[[f"{name} weight {w}" for w in (0.15, 0.5, 1.5)]] for name in ("cmt", "ucmt half")
    )
    means = cmt.mean()
    assert round(means.max() - means.min(), 3) <= 0.005
    assert cmt.loc[41].is_monotonic_increasing and cmt.loc[42].is_monotonic_decreasing
    gaps = ucmt.sub(ucmt.iloc[:, 0], axis=0)
    assert [round(gap, 3) for gap in gaps.mean()[1:]] == [0.004, -0.018]
    assert (gaps.iloc[:, 2] < 0).all()
    apart = (dice.loc[41] - dice.loc[42]).abs()
    assert [round(apart.min(), 2), round(apart.max(), 2)] == [0.05, 0.14]


def test_what_is_said_of_labels_and_training_apart():
    runs = results.load_runs(results.kept("heart_draws") / "runs.parquet")
    found = luck_apart(runs, "supervised").set_index(["variant", "minus"]).round(3)
    said = {
        ("supervised", ""): (0.751, 0.032, 0.028),
        ("cps", ""): (0.835, 0.019, 0.015),
        ("cps", "supervised"): (0.084, 0.025, 0.023),
    }
    for row, numbers in said.items():
        assert tuple(found.loc[row, ["mean", "of_draws", "of_trainings"]]) == numbers
    pairs = runs.pivot_table(index=["draw", "seed"], columns="variant", values="dice")
    gains = pairs["cps"] - pairs["supervised"]
    assert len(gains) == 20 and [round(gain, 3) for gain in (gains.min(), gains.max())] == [
        0.018,
        0.140,
    ]
    by_draw = gains.groupby("draw").mean()
    assert tuple(round(number, 3) for number in interval(by_draw.tolist())) == (0.084, 0.049, 0.119)
    assert [round(gain, 3) for gain in (by_draw.min(), by_draw.max())] == [0.051, 0.116]
    supervised = pairs["supervised"]
    assert [round(supervised[50].min(), 3), round(supervised[50].max(), 3)] == [0.655, 0.737]
    means = supervised.groupby("draw").mean()
    assert means.idxmin() == 50 and [round(means.min(), 3), round(means.max(), 3)] == [0.707, 0.789]
    seeds = results.load_runs(results.kept("recipe_heart") / "runs.parquet")
    same = seeds[(seeds["seed"] == 50) & (seeds["variant"] == "supervised")].iloc[0]
    assert round(same["dice"], 3) == 0.567
    assert set(runs[runs["draw"] == 50]["labeled_ids"]) == {same["labeled_ids"]}, "the same labels"


def test_what_is_said_of_polyps():
    table = results.load_runs(results.kept("recipe_kvasir") / "runs.parquet")
    dice = scores_by_seed(table, "dice")
    half = "supervised, half the iterations"
    assert {len(by_seed) for by_seed in dice.values()} == {5}
    means = {name: round(sum(by_seed.values()) / 5, 3) for name, by_seed in dice.items()}
    assert (means["supervised"], means[half]) == (0.62, 0.546)
    methods = [by_seed for name, by_seed in dice.items() if name != half]
    assert round(min(min(by_seed.values()) for by_seed in methods), 3) == 0.555
    assert round(min(dice["supervised"].values()), 3) == 0.555
    assert wins(dice, "supervised", half) == 4
    said = {
        "cps": (0.019, -0.006, 0.044),
        "mean_teacher": (0.03, -0.048, 0.108),
        "cmt": (0.018, -0.027, 0.062),
        "ucmt": (0.04, -0.015, 0.094),
        "supervised, half the iterations": (-0.074, -0.165, 0.016),
    }
    for name, numbers in said.items():
        assert tuple(round(number, 3) for number in above(dice, name, "supervised")) == numbers
    for name in ("cps", "mean_teacher", "cmt", "ucmt"):
        assert verdict(*above(dice, name, "supervised")[1:]) == "open"


def test_what_is_said_of_polyps_after_half_as_long():
    table = results.load_runs(results.kept("kvasir_3000") / "runs.parquet")
    dice = scores_by_seed(table, "dice")
    half, fewer = "ucmt, half the iterations", "supervised, half the iterations"
    assert {len(by_seed) for by_seed in dice.values()} == {5}
    lowest = round(min(min(by_seed.values()) for by_seed in dice.values()), 3)
    assert lowest == 0.442 == round(dice["supervised"][54], 3)
    said = {
        ("cps", "supervised"): (-0.014, -0.056, 0.029),
        ("mean_teacher", "supervised"): (-0.009, -0.051, 0.034),
        (half, "supervised"): (-0.035, -0.097, 0.027),
    }
    for (one, other), numbers in said.items():
        assert tuple(round(number, 3) for number in above(dice, one, other)) == numbers
        assert verdict(*numbers[1:]) == "open"
    assert [round(sum(dice[name].values()) / 5, 3) for name in (half, fewer)] == [0.484, 0.477]


def test_on_skin_the_order_of_what_came_after_is_another():
    table = results.load_runs(results.kept("after_skin") / "runs.parquet")
    assert (table["gradient_steps"] == 600).all()
    dice = scores_by_seed(table, "dice")
    half = "ucmt, half the iterations"
    means = {name: round(sum(by_seed.values()) / 5, 3) for name, by_seed in dice.items()}
    assert sorted(means.items(), key=lambda item: -item[1]) == [
        *((half, 0.821), ("cps", 0.817), ("mean_teacher", 0.795), ("adamix", 0.793)),
        *(("unimatch", 0.791), ("ua_mt", 0.781), ("bcp", 0.761), ("supervised", 0.756)),
        ("fixmatch", 0.699),
    ]
    won = {name: wins(dice, name, "supervised") for name in dice if name != "supervised"}
    assert max(won, key=won.get) == half and won[half] == 5 and sorted(won.values())[-2] == 4
    assert (won["cps"], won["ua_mt"], won["bcp"], won["fixmatch"]) == (4, 3, 2, 2)
    said = {
        ("unimatch", "cps"): (-0.026, -0.086, 0.034),
        ("bcp", "cps"): (-0.057, -0.181, 0.068),
        ("unimatch", half): (-0.030, -0.063, 0.003),
        (half, "supervised"): (0.065, -0.003, 0.132),
        ("fixmatch", "supervised"): (-0.058, -0.157, 0.042),
        ("ua_mt", "supervised"): (0.024, -0.017, 0.065),
        ("ua_mt", "mean_teacher"): (-0.014, -0.062, 0.033),
    }
    for (one, other), numbers in said.items():
        assert tuple(round(number, 3) for number in above(dice, one, other)) == numbers
    assert wins(dice, "unimatch", half) == 0 and wins(dice, "unimatch", "cps") == 1
    assert round(min(dice["fixmatch"].values()), 3) == 0.651
    gains = {seed: round(dice["bcp"][seed] - dice["supervised"][seed], 3) for seed in RECORDED}
    assert (gains[50], gains[54]) == (max(gains.values()), min(gains.values())) == (0.092, -0.082)


def test_what_umix_itself_adds_is_open_and_noise_is_behind_what_moves_cells():
    table = results.load_runs(results.kept("recipe_mixes") / "runs.parquet")
    assert (table["gradient_steps"] == 1200).all()
    dice = scores_by_seed(table, "dice")
    means = {name: round(sum(by_seed.values()) / 5, 3) for name, by_seed in dice.items()}
    assert means == {"no mix": 0.811, "UMIX": 0.822, "CutMix": 0.820, "noise": 0.794}
    said = {
        ("UMIX", "no mix"): (0.010, -0.016, 0.037),
        ("UMIX", "CutMix"): (0.002, -0.020, 0.023),
        ("UMIX", "noise"): (0.028, 0.014, 0.042),
        ("CutMix", "noise"): (0.026, 0.007, 0.046),
        ("noise", "no mix"): (-0.018, -0.052, 0.016),
    }
    for (one, other), numbers in said.items():
        assert tuple(round(number, 3) for number in above(dice, one, other)) == numbers
    won = [wins(dice, *pair) for pair in said]
    assert won[:1] + won[2:4] == [2, 5, 5]
    heart = scores_by_seed(results.load_runs(results.kept("recipe_heart") / "runs.parquet"), "dice")
    assert heart["ucmt"] == dice["UMIX"], "the same runs, again"
    both = {"no mix": dice["no mix"], "cmt": heart["cmt"]}
    over_cmt = tuple(round(number, 3) for number in above(both, "no mix", "cmt"))
    assert over_cmt == (0.038, -0.017, 0.093) and wins(both, "no mix", "cmt") == 4


def test_on_isic_nobody_of_what_came_after_is_told_apart_as_better():
    table = results.load_runs(results.kept("after_isic2018") / "runs.parquet")
    assert (table["gradient_steps"] == 600).all() and (table["cases"] == 519).all()
    dice = scores_by_seed(table, "dice")
    half = "ucmt, half the iterations"
    means = {name: round(sum(by_seed.values()) / 5, 3) for name, by_seed in dice.items()}
    assert sorted(means.items(), key=lambda item: -item[1]) == [
        *(("cps", 0.805), ("unimatch", 0.804), ("mean_teacher", 0.8), (half, 0.799)),
        *(("ua_mt", 0.796), ("supervised", 0.793), ("adamix", 0.786), ("fixmatch", 0.784)),
        ("bcp", 0.731),
    ]
    said = {
        ("unimatch", "supervised"): (0.011, -0.006, 0.027),
        ("unimatch", "cps"): (-0.001, -0.016, 0.014),
        ("unimatch", half): (0.005, -0.004, 0.015),
        ("ua_mt", "supervised"): (0.003, -0.010, 0.016),
        ("ua_mt", "mean_teacher"): (-0.004, -0.008, -0.0),
        ("adamix", "supervised"): (-0.007, -0.018, 0.004),
        ("adamix", half): (-0.012, -0.021, -0.004),
        ("fixmatch", "supervised"): (-0.009, -0.024, 0.006),
        ("bcp", "supervised"): (-0.062, -0.089, -0.036),
    }
    for (one, other), numbers in said.items():
        assert tuple(round(number, 3) for number in above(dice, one, other)) == numbers
    assert [wins(dice, name, "supervised") for name in ("bcp", "adamix")] == [0, 0]
    assert wins(dice, "adamix", half) == 0
    compared = compare_runs(table, "supervised").set_index("variant")
    assert list(compared[compared["p_holm"] < 0.05].index) == ["bcp"]
    sure = results.load_runs(results.kept("after_isic2018") / "calibration.parquet")
    means = sure.groupby("method")[["ece", "overconfidence"]].mean()
    assert means["ece"].idxmin() == "adamix" and round(means["ece"]["adamix"], 3) == 0.052
    order = ["bcp", "adamix", "unimatch", "ucmt", "mean_teacher", "cps", "ua_mt", "fixmatch"]
    assert list(means["overconfidence"].sort_values().index) == [*order, "supervised"]


def on_test_images(name, count):
    """Dice of a kept comparison, scored on so many test images: variants x seeds."""
    table = results.load_runs(results.kept(name) / "runs.parquet")
    assert (table["cases"] == count).all() and (table["split"] == "test").all()
    return table.pivot_table(index="variant", columns="seed", values="dice")


@pytest.fixture(scope="module")
def lesions():
    """Dice of results/recipe_isic2018: variants x seeds."""
    return on_test_images("recipe_isic2018", 519)


def test_on_isic_a_significant_gain_is_smaller_than_the_margin(lesions):
    gain = lesions - lesions.loc["supervised"]
    wins = (gain > 0).sum(axis=1)
    assert [wins[name] for name in ("mean_teacher", "cps", "cmt", "ucmt")] == [3, 4, 5, 5]
    order = ["supervised", "mean_teacher", "ucmt", "cmt", "cps"]
    means = lesions.loc[order].mean(axis=1).round(3)
    assert means.tolist() == [0.793, 0.800, 0.803, 0.804, 0.805]
    table = results.load_runs(results.kept("recipe_isic2018") / "runs.parquet")
    compared = compare_runs(table, "supervised").set_index("variant")
    assert list(compared[compared["p_holm"] < 0.05].index) == ["ucmt"]
    assert compared.loc["ucmt", "difference_high"] < 0.02
    assert lesions.min().min().round(3) == 0.771
    seconds = table.groupby("variant")["seconds_training"].mean()
    assert round(seconds["cps"] / seconds["supervised, twice the iterations"], 1) == 1.4


@pytest.mark.parametrize(
    ("one", "other", "mean", "low", "high", "word"),
    [
        ("ucmt", "supervised", 0.010, 0.006, 0.014, "better"),
        ("ucmt", "supervised, twice the iterations", 0.0, -0.011, 0.011, "level"),
        ("cps", "supervised, twice the iterations", 0.002, -0.008, 0.012, "level"),
        ("cmt", "cps", -0.001, -0.008, 0.005, "level"),
        ("ucmt", "cps", -0.002, -0.019, 0.015, "level"),
        ("ucmt", "cmt", 0.0, -0.012, 0.011, "level"),
        ("mean_teacher", "supervised", 0.007, -0.006, 0.020, "open"),
        ("cps", "supervised", 0.012, -0.007, 0.031, "open"),
        ("cmt", "supervised", 0.011, -0.002, 0.024, "open"),
    ],
)
def test_what_five_seeds_of_isic_tell_apart(lesions, one, other, mean, low, high, word):
    found = interval((lesions.loc[one] - lesions.loc[other]).tolist())
    assert tuple(round(value, 3) for value in found) == (mean, low, high)
    assert verdict(*found[1:], 0.02) == word


def test_on_isic_ninety_labels_are_as_good_as_all_at_this_length():
    table = results.load_runs(results.kept("recipe_isic2018_labels") / "runs.parquet")
    dice = table.pivot_table(index="seed", columns="labeled", values="dice")
    assert dice.mean().round(3).to_dict() == {20: 0.793, 90: 0.826, 181: 0.833, 1815: 0.829}
    said = {(90, 20): (0.033, 0.014, 0.052), (181, 90): (0.007, -0.004, 0.018)}
    for (one, other), numbers in said.items():
        found = interval((dice[one] - dice[other]).tolist())
        assert tuple(round(number, 3) for number in found) == numbers
    assert verdict(-0.004, 0.018) == "level"


def test_on_isic_training_longer_makes_a_baseline_surer():
    table = results.load_runs(results.kept("recipe_isic2018") / "calibration.parquet")
    by_method = table.pivot_table(
        index="seed", columns=["method", "iterations"], values=["ece", "overconfidence"]
    )
    longer = by_method["ece"]["supervised", 1200]
    for variant in (("mean_teacher", 600), ("cmt", 600), ("ucmt", 300), ("ucmt", 600)):
        assert (by_method["ece"][variant] < longer).all()
    means = by_method.mean().unstack(0).round({"ece": 3, "overconfidence": 2})
    said = {
        ("supervised", 600): (0.070, 0.11),
        ("supervised", 1200): (0.076, 0.12),
        ("ucmt", 600): (0.068, 0.10),
        ("ucmt", 300): (0.059, 0.07),
        ("mean_teacher", 600): (0.058, 0.08),
    }
    assert {variant: tuple(means.loc[variant]) for variant in said} == said


def above(dice, one, other):
    """Mean difference of two variants by seed, with its interval."""
    return interval([value - dice[other][seed] for seed, value in dice[one].items()])


def test_the_map_of_labels_and_steps_is_what_its_pages_say():
    runs = pd.concat(
        [results.load_runs(results.kept(f"regime_{n}") / "runs.parquet") for n in (150, 600)]
    )
    picture = regime_map(runs)
    page = (results.kept("regime_600") / "README.md").read_text()
    assert f"![{picture.alt}](map.png)" in page
    assert Image.open(results.kept("regime_600") / "map.png").text["Description"] == picture.alt
    said = {corner: dict.fromkeys(("better", "level", "open", "worse"), 0) for corner in CORNERS}
    for corner in CORNERS:
        labeled, steps = corner
        here = runs[(runs["labeled"] == labeled) & (runs["gradient_steps"] == steps)]
        for _, low, high in differences_of(here, "supervised").values():
            said[corner][verdict(low, high)] += 1
    assert [list(said[corner].values()) for corner in CORNERS] == [
        [4, 0, 1, 0],
        [2, 1, 0, 2],
        [0, 0, 5, 0],
        [0, 0, 3, 2],
    ]
    few = scores_by_seed(runs[(runs["labeled"] == 4) & (runs["gradient_steps"] == 600)], "dice")
    many = scores_by_seed(runs[(runs["labeled"] == 16) & (runs["gradient_steps"] == 600)], "dice")
    assert [wins(few, name, "supervised") for name in ("cps", "unimatch", "bcp", "ucmt")] == [5] * 4
    assert [wins(many, name, "supervised") for name in ("cps", "unimatch", "bcp", "ucmt")] == [
        *(5, 5),
        *(0, 0),
    ]
    gained = [many["supervised"][seed] - few["supervised"][seed] for seed in RECORDED]
    assert round(sum(gained) / 5, 2) == 0.15


@pytest.fixture(scope="module")
def skin():
    """Dice of results/recipe_skin: variants x seeds."""
    return on_test_images("recipe_skin", 200)


def test_on_skin_cmt_and_ucmt_are_above_the_baseline_in_all_ten_seeds(skin):
    gain = skin - skin.loc["supervised"]
    wins = (gain > 0).sum(axis=1)
    assert (wins["ucmt"], wins["cmt"], wins["cps"], wins["mean_teacher"]) == (10, 10, 9, 8)
    means = gain.mean(axis=1).round(3)
    assert (means["ucmt"], means["cmt"], means["cps"]) == (0.065, 0.050, 0.053)
    assert means["mean_teacher"] == 0.026 and skin.min().min().round(3) == 0.692
    order = ["supervised", "mean_teacher", "cmt", "cps", "ucmt"]
    assert skin.loc[order].mean(axis=1).is_monotonic_increasing, "the paper's order, nearly"


@pytest.mark.parametrize(
    ("one", "other", "mean", "low", "high", "word"),
    [
        ("ucmt", "cps", 0.012, 0.003, 0.021, "better"),
        ("ucmt, half the iterations", "cps", -0.007, -0.029, 0.015, "open"),
        ("ucmt", "supervised, twice the iterations", 0.059, 0.023, 0.095, "better"),
        ("supervised, twice the iterations", "supervised", 0.006, -0.021, 0.033, "open"),
        ("cps", "cmt", 0.003, -0.012, 0.018, "level"),
        ("mean_teacher", "supervised", 0.026, -0.004, 0.055, "open"),
    ],
)
def test_what_ten_seeds_of_skin_tell_apart(skin, one, other, mean, low, high, word):
    found = interval((skin.loc[one] - skin.loc[other]).tolist())
    assert tuple(round(value, 3) for value in found) == (mean, low, high)
    assert verdict(*found[1:], 0.02) == word


def test_bcp_loses_the_large_lesions_and_not_those_of_middle_size(real_data):
    from ucmt_lite.data import cases, load

    test = cases(load("isic2018", root=real_data("isic2018_256"), size=64).splits["test"], size=64)
    shares = pd.Series([(mask > 0).mean() for mask in test.masks], index=test.ids)
    images = results.load_runs(results.kept("after_isic2018") / "cases.parquet")
    size = pd.cut(
        images["id"].map(shares), [0, 0.1, 0.35, 1.01], labels=["small", "middle", "large"]
    )
    dice = images.groupby(["variant", size], observed=True)["dice"].mean().unstack()
    said = {
        "bcp": [0.687, 0.853, 0.655],
        "supervised": [0.723, 0.820, 0.835],
        "cps": [0.741, 0.838, 0.835],
    }
    for variant, numbers in said.items():
        assert [round(float(mean), 3) for mean in dice.loc[variant]] == numbers
    assert dice["middle"].idxmax() == "bcp" and dice["large"].idxmin() == "bcp"
