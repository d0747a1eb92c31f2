"""A trace survives the disk, opens without torch, and what is no trace is told so."""

import subprocess
import sys

import numpy as np
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.training import traces


def example():
    return traces.Trace(
        meta={"method": "cps", "branches": ["student1", "student2"], "config": {"lr": 0.003}},
        step=np.array([1, 20]),
        curves={"dice": np.array([0.1, 0.7]), "loss/sup": np.array([1.0, 0.4])},
        map_step=np.array([20]),
        image=np.zeros((1, 8, 8, 3), np.uint8),
        truth=np.ones((1, 8, 8), np.uint8),
        predictions={"student1": np.ones((1, 1, 8, 8), np.uint8)},
        uncertainty=np.full((1, 1, 8, 8), 0.5, np.float16),
    )


def test_saved_and_loaded_it_is_the_same(tmp_path):
    example().save(tmp_path / "t.npz")
    back = traces.load_trace(tmp_path / "t.npz")
    assert back.meta == example().meta and back.branches == ("student1", "student2")
    assert back.curves["loss/sup"].tolist() == pytest.approx([1.0, 0.4])
    assert np.array_equal(back.uncertainty, example().uncertainty) and back.ambiguity is None
    assert list(tmp_path.iterdir()) == [tmp_path / "t.npz"], "nothing else is left in the folder"


def test_it_opens_without_torch(tmp_path):
    example().save(tmp_path / "t.npz")
    code = (
        "import sys; from ucmt_lite.training.traces import load_trace;"
        f" load_trace({str(tmp_path / 't.npz')!r});"
        " assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_no_trace_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no trace at"):
        traces.load_trace(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match="is not a trace"):
        traces.load_trace(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(InputError, match="is not a trace"):
        traces.load_trace(tmp_path / "other.npz")
    np.savez(tmp_path / "part.npz", meta=np.array('{"version": 1}'), other=1)
    with pytest.raises(InputError, match="is not a trace"):
        traces.load_trace(tmp_path / "part.npz")
    monkeypatch.setattr(traces, "VERSION", 99)
    example().save(tmp_path / "future.npz")
    monkeypatch.undo()
    with pytest.raises(InputError, match="version 99, this kit reads version 1"):
        traces.load_trace(tmp_path / "future.npz")


def test_a_recorded_run_is_found_by_name_or_suggested(tmp_path, monkeypatch):
    example().save(tmp_path / "heart_cps.npz")
    monkeypatch.setattr(traces, "RECORDED", tmp_path)
    assert traces.recorded("heart_cps").method == "cps"
    with pytest.raises(InputError, match="did you mean 'heart_cps'"):
        traces.recorded("heart_cp")


def test_saving_asks_nothing_of_numpy_that_older_ones_take_for_an_array(tmp_path, monkeypatch):
    """numpy 2.0 and 2.1 (Colab's) have no `allow_pickle=` in `savez_compressed`: it would be saved,
    and refuse to load.
    """
    names, save = [], np.savez_compressed
    monkeypatch.setattr(
        np, "savez_compressed", lambda file, **arrays: names.extend(arrays) or save(file, **arrays)
    )
    traces.Trace(meta={}, step=np.arange(1), curves={}).save(tmp_path / "t.npz")
    assert set(names) == {"meta", "step", "map_step", "image", "truth"}
