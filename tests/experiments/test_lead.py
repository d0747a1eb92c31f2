"""When a method is where the baseline ends."""

import pandas as pd
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.experiments.lead import lead_listing, until_baseline


def made():
    runs = pd.DataFrame(
        [
            ("supervised_0", "supervised", 0, 100, 50.0),
            ("cps_0", "cps", 0, 100, 200.0),
            ("cps_1", "cps", 1, 100, 200.0),
            ("gct_0", "gct", 0, 100, 10.0),
        ],
        columns=["run", "variant", "seed", "iterations", "seconds_training"],
    )
    values = {
        "supervised_0": (0.2, 0.5, 0.6, 0.6),
        "cps_0": (0.3, 0.61, 0.5, 0.8),
        "cps_1": (0.3, 0.9, 0.9, 0.9),
        "gct_0": (0.1, 0.2, 0.3, 0.4),
    }
    curves = pd.DataFrame(
        [
            (run, step, dice)
            for run, own in values.items()
            for step, dice in zip((1, 20, 60, 100), own, strict=True)
        ],
        columns=["run", "step", "dice"],
    )
    return runs, curves


def test_the_first_look_at_which_the_baselines_last_dice_is_reached_counts():
    table = until_baseline(*made(), "supervised").set_index(["variant", "seed"])
    assert table.loc[("cps", 0), "step"] == 20 and table.loc[("cps", 0), "seconds"] == 40
    assert table.loc[("supervised", 0), "step"] == 60
    assert table.loc[("gct", 0)].isna().all(), "it never gets there"
    assert ("cps", 1) not in table.index, "no baseline has that seed: there is nothing to reach"


def test_it_is_listed_by_variant():
    listed = lead_listing(until_baseline(*made(), "supervised"))
    assert "| CPS | 1 of 1 | 20 | 40 s |" in listed and "| GCT | 0 of 1 | - | - |" in listed


def test_a_baseline_that_nobody_ran_is_refused():
    with pytest.raises(InputError, match="'supervized'.*'supervised'"):
        until_baseline(*made(), "supervized")


def test_runs_of_two_cases_have_no_baseline_in_common():
    runs, curves = made()
    with pytest.raises(InputError, match="A lead is of one case, these runs differ in labeled"):
        until_baseline(runs.assign(labeled=[4, 4, 16, 4]), curves, "supervised")
