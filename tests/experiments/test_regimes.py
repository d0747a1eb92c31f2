"""The map of regimes: which variant is ahead where, in colour, sign and words."""

import pandas as pd
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.experiments.regimes import differences_of, regime_map


def made(gains, labeled=4, steps=600):
    """Runs over three seeds whose differences to the baseline are those given."""
    rows = [("supervised", seed, 0.7 + 0.05 * seed) for seed in range(3)]
    for variant, differences in gains.items():
        rows += [(variant, seed, 0.7 + 0.05 * seed + d) for seed, d in enumerate(differences)]
    table = pd.DataFrame(rows, columns=["variant", "seed", "dice"])
    return table.assign(dataset="phantom_heart", labeled=labeled, gradient_steps=steps)


RUNS = made(
    {
        "cps": (0.10, 0.11, 0.12),
        "mean_teacher": (0.001, -0.001, 0.002),
        "ucmt": (0.2, -0.2, 0.3),
        "bcp": (-0.1, -0.11, -0.12),
    }
)


def test_differences_are_paired_by_seed():
    mean, low, high = differences_of(RUNS, "supervised")["cps"]
    assert mean == pytest.approx(0.11) and low > 0.08 and high < 0.14
    assert differences_of(RUNS[RUNS["variant"] == "cps"], "supervised") == {}


def test_the_map_says_what_it_shows():
    picture = regime_map(RUNS)
    assert (
        "4 labels, 600 steps: CPS +0.110 better, Mean Teacher +0.001 level, UCMT +0.100 open, BCP"
        " -0.110 worse" in picture.alt
    )
    (panel,) = picture.figure.axes
    assert [bar.get_facecolor()[:3] for bar in panel.patches][0] != (1, 1, 1)
    assert [text.get_text()[-1] for text in panel.texts[1::2]] == list("+=?\N{MINUS SIGN}")


def test_each_number_of_labels_and_steps_has_a_panel_and_an_empty_one_no_title():
    both = pd.concat([RUNS, made({"cps": (0, 0.01, 0.02)}, labeled=8, steps=1200)])
    titles = [axes.get_title() for axes in regime_map(both).figure.axes]
    assert titles == ["4 labels, 600 steps", "", "", "8 labels, 1200 steps"]


def test_runs_of_two_data_sets_make_no_map():
    with pytest.raises(InputError, match="differ in dataset"):
        regime_map(pd.concat([RUNS, RUNS.assign(dataset="la2018")]))
    with pytest.raises(InputError, match="did you mean 'supervised'"):
        regime_map(RUNS, "superwised")


def test_of_distances_less_is_better():
    distances = RUNS.assign(hd95=10 - 10 * RUNS["dice"])
    picture = regime_map(distances, score="hd95")
    assert "Mean HD95" in picture.alt and "CPS +1.100 better" in picture.alt
