"""The draw of labels apart from the seed of training."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.experiments.assemble import check_numbers, prepare
from ucmt_lite.experiments.comparison import compare_runs
from ucmt_lite.experiments.comparison_text import in_markdown
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.draws import luck_apart, luck_listing
from ucmt_lite.experiments.plan import plan_runs
from ucmt_lite.experiments.results import kept as kept_comparison
from ucmt_lite.experiments.results import line_names, load_runs

SMALL = {"size": 32, "labeled": 4, "iterations": 2, "batch": 2, "device": "cpu"}


def first_weights(prepared):
    return next(prepared.nets.student1.parameters()).detach()


def test_a_draw_names_the_labeled_images_and_nothing_else():
    own = RunConfig.of({**SMALL, "method": "cps", "seed": 3})
    same, other = (prepare(replace(own, draw=draw)) for draw in (3, 5))
    assert same.labeled_ids == prepare(own).labeled_ids, "the seed's own draw has its number"
    assert other.labeled_ids == prepare(replace(own, seed=5)).labeled_ids != same.labeled_ids
    assert first_weights(other).equal(first_weights(same))
    assert not first_weights(other).equal(first_weights(prepare(replace(own, seed=5))))
    assert other.batches(0).u.equal(same.batches(0).u), "the same images without masks"


def test_runs_of_before_keep_their_fingerprint():
    kept = RunConfig.of({"method": "supervised", "seed": 50, "device": "cpu"})
    table = load_runs(kept_comparison("recipe_heart") / "runs.parquet").set_index("run")
    assert kept.draw == -1 and kept.fingerprint == table.loc["supervised_50", "fingerprint"]
    assert replace(kept, draw=50).fingerprint != kept.fingerprint
    assert RunConfig.of_saved({"labeled": 8}).draw == -1


@pytest.mark.parametrize("draw", [-2, 2**32])
def test_no_such_draw(draw):
    with pytest.raises(InputError, match=f"draw={draw}: give a number"):
        check_numbers(RunConfig(draw=draw))


def table(of_draws, of_trainings, draws=400, trainings=4, gain=0.05):
    """Runs of two variants: labels that are good or bad for both, and chance of each run's own."""
    random = np.random.default_rng(0)
    rows = []
    for draw in range(draws):
        luck = of_draws * random.standard_normal()
        for seed in range(trainings):
            for variant, more in (("supervised", 0), ("cps", gain)):
                dice = 0.7 + more + luck + of_trainings * random.standard_normal()
                rows.append((variant, draw, seed, dice))
    runs = pd.DataFrame(rows, columns=["variant", "draw", "seed", "dice"])
    about = {"dataset": "phantom_heart", "data": "", "size": 64, "patch": "[]", "split": "test"}
    scores = {"jaccard": 0.5, "hd95": None, "asd": None, "unit": "pixels", "undefined": 0}
    costs = {"iterations": 9, "gradient_steps": 9, "distances": False, "seconds_training": 1.0}
    return runs.assign(labeled=4, cases=10, **about, **scores, **costs)


def test_both_kinds_of_luck_are_found_again():
    found = luck_apart(table(0.08, 0.03), "supervised").set_index(["variant", "minus"])
    alone = found.loc[("supervised", "")]
    assert alone["of_draws"] == pytest.approx(0.08, abs=0.008)
    assert alone["of_trainings"] == pytest.approx(0.03, abs=0.003)
    assert alone["share"] == pytest.approx(0.08**2 / (0.08**2 + 0.03**2), abs=0.05)
    gain = found.loc[("cps", "supervised")]
    assert gain["mean"] == pytest.approx(0.05, abs=0.005)
    assert gain["of_draws"] < 0.01, "what the labels do to both cancels"
    assert gain["of_trainings"] == pytest.approx(0.03 * 2**0.5, abs=0.004)


def test_a_variance_is_never_below_zero():
    runs = table(0, 0.05, draws=2, trainings=2)
    runs["dice"] = [0.6, 0.7, 0.8, 0.7, 0.8, 0.7, 0.6, 0.7]
    found = luck_apart(runs, "supervised")
    assert found.loc[0, "of_draws"] == found.loc[0, "share"] == 0
    assert found.loc[0, "of_trainings"] == pytest.approx(0.02**0.5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda runs: runs[runs["draw"] == 0], "'supervised' needs two draws of labels or more"),
        (lambda runs: runs[1:], "each trained with the same seeds"),
        (lambda runs: pd.concat([runs, runs]), "two runs of one draw and seed"),
        (lambda runs: runs.assign(labeled=[4, 8] * (len(runs) // 2)), "differ in labeled"),
        (
            lambda runs: runs[(runs["variant"] == "cps") | (runs["draw"] < 2)],
            "other draws or seeds",
        ),
        (lambda runs: runs[runs["variant"] == "cps"], "No run is of 'supervised'"),
    ],
)
def test_what_cannot_be_told_apart_is_one_sentence(change, sentence):
    with pytest.raises(InputError, match=sentence):
        luck_apart(change(table(0.1, 0.1, draws=3, trainings=2)), "supervised")


def test_a_comparison_over_draws_compares_within_each_and_tells_luck_apart():
    runs = table(0.08, 0.03, draws=2, trainings=3)
    compared = compare_runs(runs, "supervised", "dice")
    assert list(compared["draw"]) == [0, 0, 1, 1] and set(compared["n"]) == {3}
    text = in_markdown(runs, "supervised")
    assert "phantom_heart, 4 labeled, draw 1, size 64, test images" in text
    assert text.endswith(luck_listing(runs, "supervised"))
    assert "\n| CPS minus supervised | 0.0" in text
    once = in_markdown(runs[runs["seed"] == 0], "supervised")
    assert once.endswith("two or more: vary draw and seed in one grid.")
    assert "Standard deviations" not in in_markdown(runs.assign(draw=-1)[:6], "supervised")
    assert set(line_names(runs)) >= {"cps, draw 0", "supervised, draw 1"}


def test_a_grid_over_draws_and_seeds():
    runs = plan_runs({"vary": {"method": ["cps"], "draw": [0, 1], "seed": [7, 8]}})
    assert [run.name for run in runs][:2] == ["cps_draw-0_7", "cps_draw-0_8"]
    assert {run.variant for run in runs} == {"cps"}
