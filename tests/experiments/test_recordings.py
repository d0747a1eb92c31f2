"""The recorded runs are those that the plan names, and are trained again when the plan changes."""

import numpy as np
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.experiments import recordings
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.plan import plan_runs
from ucmt_lite.training import traces

SMALL = {"method": "supervised", "size": 32, "iterations": 2, "labeled": 2, "distances": False}


def test_the_plan_is_a_grid(tmp_path):
    (tmp_path / "traces.yaml").write_text(
        "variants: {heart_cps: {method: cps}}\nvary: {seed: [0, 3]}"
    )
    assert {
        name: run.config
        for name, run in recordings.planned_recordings(tmp_path / "traces.yaml").items()
    } == {f"heart_cps_{seed}": RunConfig(method="cps", seed=seed) for seed in (0, 3)}
    (tmp_path / "traces.yaml").write_text("varie: {seed: [0]}")
    with pytest.raises(InputError, match="traces.yaml, line 1: .*did you mean 'vary'"):
        recordings.planned_recordings(tmp_path / "traces.yaml")


def test_only_what_is_not_as_planned_is_trained(tmp_path, monkeypatch, few_cases):
    def asked(**own):
        return {
            run.name: run for run in plan_runs({"base": {**SMALL, **own}, "vary": {"seed": [0, 1]}})
        }

    monkeypatch.setattr(recordings, "planned_recordings", lambda: asked())
    folders = {"folder": tmp_path, "runs": tmp_path / "runs"}
    assert recordings.record(**folders) == ["supervised_0", "supervised_1"]
    assert recordings.record(**folders) == []
    first, second = (traces.load_trace(tmp_path / f"supervised_{seed}.npz") for seed in (0, 1))
    assert len(first.map_step) and not len(second.map_step), (
        "only the first run of a variant keeps its maps"
    )
    assert list(second.curves) == list(first.curves) and second.meta["test_cases"] == 3
    monkeypatch.setattr(recordings, "planned_recordings", lambda: asked(lr=0.1))
    assert recordings.record(["supervised_1"], folder=tmp_path, runs=tmp_path / "again") == [
        "supervised_1"
    ]
    assert traces.load_trace(tmp_path / "supervised_1.npz").meta["config"]["lr"] == 0.1


def test_what_is_committed_is_what_the_plan_says():
    """Every recorded run is planned, every planned run recorded, with that configuration and finite
    curves.
    """
    asked = recordings.planned_recordings()
    files = {file.stem: file for file in (NOTEBOOKS / "traces").glob("*.npz")}
    assert set(files) == set(asked)
    for name, file in files.items():
        trace = traces.load_trace(file)
        assert RunConfig.of_saved(trace.meta["config"]) == asked[name].config, (
            f"{name}: run `ucmt-lite course record {name}`"
        )
        assert all(np.isfinite(values).all() for values in trace.curves.values())
        assert trace.step[-1] == asked[name].config.iterations
        assert file.stat().st_size < 10_000 + 25_000 * len(trace.map_step), "bytes a frame"
        assert bool(len(trace.map_step)) == recordings.is_first(name, asked)
