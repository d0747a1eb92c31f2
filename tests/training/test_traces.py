"""A trace survives the disk, opens without torch, and what is no trace is told so."""

import subprocess
import sys

import numpy as np
import pytest
from damage import damaged, is_sentence, reads

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


@pytest.mark.parametrize("whole", [True, False], ids=["maps", "curves alone"])
def test_a_damaged_trace_ends_in_a_sentence(tmp_path, whole):
    """60 files; 2,000 were tried once, rebuilt ones among them."""
    trace = example()
    if not whole:
        trace = traces.Trace(meta=trace.meta, step=trace.step, curves=trace.curves)
    trace.save(tmp_path / "t.npz")
    content, rng = (tmp_path / "t.npz").read_bytes(), np.random.default_rng(0)
    read = []
    for _ in range(30):
        (tmp_path / "t.npz").write_bytes(damaged(content, rng))
        read.append(reads(lambda: traces.load_trace(tmp_path / "t.npz")))
        assert list(tmp_path.iterdir()) == [tmp_path / "t.npz"]
    assert not all(read)


@pytest.mark.parametrize(
    ("part", "value", "fault"),
    [
        ("step", np.array([1.0, 2.0]), "step is float64"),
        ("step", np.array(3), "is not a trace"),
        ("curve/dice", np.zeros(5, np.float32), r"curve/dice is float32 \(5,\), where \(2,\)"),
        ("curve/dice", np.array(["a", "b"]), "curve/dice is <U1"),
        ("truth", np.zeros((1, 9, 8), np.uint8), r"image is uint8 \(1, 8, 8, 3\)"),
        ("prediction/student1", np.zeros((2, 1, 8, 8), np.uint8), "prediction/student1"),
        ("uncertainty", np.zeros((1, 1, 8, 8), int), "uncertainty is int64"),
        ("ambiguity", np.zeros((8, 8), np.float16), "ambiguity is float16"),
        ("somebody", np.zeros(2), "unexpected keyword argument 'somebody'"),
        ("meta", np.array("[1]"), "is not a trace"),
        ("meta", np.array('{"version": 1, "method": 3, "branches": ["a", "b"]}'), "method is 3"),
        ("meta", np.array('{"version": 1, "method": "cps", "branches": ["a"]}'), "no names of"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(tmp_path, part, value, fault):
    example().save(tmp_path / "whole.npz")
    with np.load(tmp_path / "whole.npz") as file:
        arrays = dict(file) | {part: value}
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(InputError, match=fault) as refusal:
        traces.load_trace(tmp_path / "t.npz")
    assert is_sentence(str(refusal.value))


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
