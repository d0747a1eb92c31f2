"""A run shared by two processes ends with the networks of one process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ucmt_lite.experiments.run import RunConfig, read_run

SCRIPT = Path(__file__).parent / "trained_by_several.py"
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def started(*command, **environment):
    done = subprocess.run(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.mark.parametrize(("method", "forward"), [("ucmt", "jointly"), ("gct", "separately")])
def test_two_processes_train_the_networks_of_one(method, forward, tmp_path):
    started(sys.executable, SCRIPT, method, forward, tmp_path / "one")
    started(*TWO, SCRIPT, method, forward, tmp_path / "two")
    one, first, second = (
        torch.load(tmp_path / name, weights_only=True) for name in ("one.0", "two.0", "two.1")
    )
    assert list(one) == list(first), (
        "the networks keep their names, so that files and checkpoints fit"
    )
    for name, value in one.items():
        assert torch.equal(first[name], second[name]), f"{name} drifts apart"
        torch.testing.assert_close(
            first[name], value, rtol=1e-6, atol=1e-8, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_the_command_runs_on_two_processes_and_leaves_one_whole_folder(tmp_path):
    run = [
        "-m",
        "ucmt_lite.cli",
        "run",
        "--method",
        "cps",
        "--size",
        "32",
        "--iterations",
        "2",
        "--labeled",
        "2",
    ]
    done = started(*TWO, *run, "--no-distances", "--device", "cpu", "--out", tmp_path / "run")
    assert done.stdout.count("everything is in") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    result = read_run(
        tmp_path / "run",
        RunConfig(method="cps", size=32, iterations=2, labeled=2, distances=False, device="cpu"),
    )
    assert len(result.metrics["cases"]) == 200 and result.trace.step[-1] == 2


def test_a_minibatch_that_cannot_be_shared_is_refused(tmp_path):
    run = [
        "-m",
        "ucmt_lite.cli",
        "run",
        "--size",
        "32",
        "--iterations",
        "2",
        "--labeled",
        "2",
        "--batch",
        "1",
    ]
    command = [*TWO, *run, "--method", "supervised", "--device", "cpu", "--out", tmp_path / "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and "1 images cannot be shared by 2 processes" in done.stderr
