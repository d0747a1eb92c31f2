"""A disk that is full, a folder that cannot be written and too little memory: one sentence, and
nothing is lost.
"""

import errno
import json
import os
import tempfile

import pytest
import torch
from safetensors import SafetensorError

from ucmt_lite import cli
from ucmt_lite.common import InputError, ShortageError, shortage_told
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.run import read_run, run
from ucmt_lite.training import fit as training
from ucmt_lite.training.recorder import Recorder

pytestmark = pytest.mark.usefixtures("few_cases")
CONFIG = RunConfig(
    size=32, iterations=2, labeled=2, method="cps", distances=False, device="cpu", batch=2
)


@pytest.fixture
def whole(few_cases, tmp_path_factory):
    """The scores of a run that nothing happened to."""
    return run(CONFIG, tmp_path_factory.mktemp("whole") / "run").metrics["cases"]


def refuse(monkeypatch, beginning, number=errno.ENOSPC):
    """Let files whose names begin so be opened by nobody."""
    real = tempfile.mkstemp

    def mkstemp(*, prefix, **how):
        if prefix.startswith(beginning):
            raise OSError(number, os.strerror(number), prefix)
        return real(prefix=prefix, **how)

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)


@pytest.mark.parametrize("file", [".trace", ".teacher", ".metrics"])
def test_a_full_disk_at_the_end_costs_no_training(file, whole, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TQDM_DISABLE", "1")  # which --quiet sets, and would leave set
    (tmp_path / "config.json").write_text(json.dumps(CONFIG.as_dict()))
    command = ["run", "--config", str(tmp_path / "config.json"), "--out", str(tmp_path / "run")]
    with monkeypatch.context() as full:
        refuse(full, file)
        assert cli.main([*command, "--quiet"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/.run.unfinished cannot be written (No space left on device)" in line
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(training, "step_of", lambda method: None)  # no further iteration is needed
    assert cli.main([*command, "--quiet"]) == 0
    assert read_run(tmp_path / "run").metrics["cases"] == whole


def test_a_full_disk_keeps_the_checkpoint_before(whole, tmp_path, monkeypatch):
    """Torch hides what the system says of the disk."""
    save = torch.save

    class Full:
        """A file on a disk with room for a hundred bytes."""

        def __init__(self, file):
            self.file, self.room = file, 100

        def write(self, data):
            self.room -= len(data)
            if self.room < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(data)

        def flush(self):
            self.file.flush()

    def save_or_fail(state, file):
        save(state, file if state["step"] < 2 else Full(file))

    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda *a, **how: fit(*a, **how, checkpoint_every=1))
    with monkeypatch.context() as full:
        full.setattr(torch, "save", save_or_fail)
        with pytest.raises(ShortageError, match=r"\(No space left on device\): make room"):
            run(CONFIG, tmp_path / "run")
    kept = torch.load(tmp_path / ".run.unfinished/checkpoint.pt", weights_only=True)
    assert kept["step"] == 1
    assert run(CONFIG, tmp_path / "run").metrics["cases"] == whole


def test_a_folder_that_is_read_only_is_said_and_nothing_is_left(tmp_path, monkeypatch):
    refuse(monkeypatch, ".config", errno.EROFS)
    with pytest.raises(InputError, match=r"cannot be written \(Read-only file system\): choose"):
        run(CONFIG, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 37.5 MiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to ask"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("can't start new thread"),
    ],
)
def test_too_little_memory_is_said_and_the_same_command_goes_on(
    error, whole, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise error

    with monkeypatch.context() as little:
        little.setattr(Recorder, "look", fail)
        with pytest.raises(ShortageError, match="too little memory") as told:
            run(CONFIG, tmp_path / "run")
    assert "\n" not in str(told.value) and "[enforce" not in str(told.value)
    assert list(tmp_path.iterdir()) == [], "before the first checkpoint nothing is left behind"
    assert run(CONFIG, tmp_path / "run").metrics["cases"] == whole


def test_what_a_library_says_of_a_full_disk_is_understood():
    with pytest.raises(ShortageError, match=r"runs/a cannot be written \(No space left"):
        with shortage_told("runs/a"):
            raise SafetensorError("I/O error: No space left on device (os error 28)")


def test_refused_input_stays_what_it_is_whatever_led_to_it():
    with pytest.raises(InputError, match="^no such file$") as told, shortage_told("runs/a"):
        try:
            raise OSError(errno.EROFS, "Read-only file system")
        except OSError:
            raise InputError("no such file") from None
    assert not isinstance(told.value, ShortageError)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), FileNotFoundError(2, "gone"), KeyError("size")]
)
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as same, shortage_told("runs/a"):
        raise error
    assert same.value is error
