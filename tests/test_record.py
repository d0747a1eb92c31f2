"""The recorded runs are those that the plan names, and are trained again when the plan changes."""

import numpy as np
import pytest

from ucmt_lite import record, traces
from ucmt_lite.config import RunConfig
from ucmt_lite.errors import InputError
from ucmt_lite.lessons import NOTEBOOKS

PLAN = """
base: {dataset: phantom_heart, size: 32, iterations: 2, labeled: 2, settings: {}}
seeds: [0, 3]
each_seed:
  heart_cps: {method: cps}
"""


def test_the_plan_makes_a_run_for_each_seed(tmp_path):
    (tmp_path / "traces.yaml").write_text(PLAN)
    plan = record.planned(tmp_path / "traces.yaml")
    assert list(plan) == ["heart_cps_0", "heart_cps_3"]
    assert plan["heart_cps_3"] == RunConfig(method="cps", size=32, iterations=2, labeled=2, seed=3)
    (tmp_path / "traces.yaml").write_text("sedes: [0]")
    with pytest.raises(InputError, match="did you mean 'seeds'"):
        record.planned(tmp_path / "traces.yaml")


def test_only_what_is_not_as_planned_is_trained(tmp_path, monkeypatch):
    config = RunConfig(method="supervised", size=32, iterations=2, labeled=2, distances=False)
    monkeypatch.setattr(record, "planned", lambda: {"a": config})
    assert record.record(folder=tmp_path, runs=tmp_path / "runs") == ["a"]
    assert record.record(folder=tmp_path, runs=tmp_path / "runs") == []
    monkeypatch.setattr(record, "planned", lambda: {"a": RunConfig(**{**config.as_dict(), "seed": 1})})
    assert record.record(folder=tmp_path, runs=tmp_path / "again") == ["a"]
    assert traces.load(tmp_path / "a.npz").meta["seed"] == 1


def test_what_is_committed_is_what_the_plan_says():
    """Every recorded run is planned, every planned run recorded, with that configuration and finite curves."""
    plan = record.planned()
    files = {file.stem: file for file in (NOTEBOOKS / "traces").glob("*.npz")}
    assert set(files) == set(plan)
    for name, file in files.items():
        trace = traces.load(file)
        assert RunConfig.of(trace.meta["config"]) == plan[name], f"{name}: run `ucmt-lite course record {name}`"
        assert all(np.isfinite(values).all() for values in trace.curves.values())
        assert trace.step[-1] == plan[name].iterations and file.stat().st_size < 400_000
