"""Runs that are killed at random moments and go on: `python -m benchmarks.kills --help`.

A small run works in a process of its own, which SIGKILL ends at a moment drawn from the processor
time that an undisturbed run takes; the same call goes on, and may be killed again. When it has
ended, weights, scores and curves are compared, bit for bit, with those of the undisturbed run. A
sweep of two workers is killed once, all its processes together, and its command given again.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import psutil
import torch

from benchmarks.timing import machine
from ucmt_lite.common import write_json
from ucmt_lite.data import load
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.folder import RunFolder
from ucmt_lite.experiments.provenance import commit
from ucmt_lite.experiments.run import read_run, run
from ucmt_lite.training import fit as training

PICTURES = (12, 2, 4)  # hearts for training, validation and test
SMALL = {"size": 32, "labeled": 2, "batch": 2, "distances": False, "device": "cpu"}
RUN = {**SMALL, "method": "ucmt", "iterations": 40, "settings": {"grid": 4, "top_k": 2}}
EVERY = 5  # iterations between two checkpoints of the small run
IN_A_ROW = 5  # kills of one run at most: one killed too early each time would never end
SWEPT = {**SMALL, "method": "supervised", "iterations": 800}  # checkpoints are 100 apart
SEEDS = (0, 1)  # of the sweep's runs
FORK = multiprocessing.get_context("fork")  # a child need not import torch anew


class Outcome(NamedTuple):
    """What became of one run or sweep: what each kill found there, and what differs at the end."""

    kills: list[str]
    differs: list[str]


def draw_pictures(folder: Path) -> dict:
    """Draw a few small hearts into a folder of images and masks; return the settings that read it.

    So no run draws its hundreds of phantoms anew.
    """
    source = load("phantom_heart", size=SMALL["size"], count=PICTURES)
    for name, split in source.splits.items():
        for case in split:
            for kind in ("image", "mask"):
                file = folder / name / f"{kind}s" / f"{case['id']}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                case[kind].save(file)
    return {"dataset": "folder", "data": str(folder), "classes": len(source.classes)}


# Runs


def started(config: RunConfig, out: Path, every: int = EVERY) -> multiprocessing.Process:
    """Start or go on with a run in a process of its own."""
    process = FORK.Process(target=_do_run, args=(config, out, every))
    process.start()
    return process


def _do_run(config: RunConfig, out: Path, every: int) -> None:
    """Do or go on with a run, silently, with a checkpoint each `every` iterations."""
    torch.set_num_threads(1)
    sys.stdout = sys.stderr = open(os.devnull, "w")
    training.fit = partial(training.fit, checkpoint_every=every)
    run(config, out)


def ended(process: multiprocessing.Process) -> None:
    """Wait for a run that nobody kills, and stop everything if it ends badly."""
    process.join()
    if process.exitcode:
        raise SystemExit(f"A run that nobody killed ended with status {process.exitcode}.")


def undisturbed(config: RunConfig, out: Path, every: int = EVERY) -> float:
    """Do a run that nobody kills; return the seconds of processor time it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended(started(config, out, every))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def worked(process: multiprocessing.Process, seconds: float) -> bool:
    """Wait until a run has had so much of the processor; return whether it still goes on.

    By the clock a busy machine would have killed every run at its beginning.
    """
    while process.exitcode is None:
        try:
            times = psutil.Process(process.pid).cpu_times()
        except psutil.NoSuchProcess:
            break
        if times.user + times.system >= seconds:
            return True
        time.sleep(0.005)
    return False


def kills_of(
    config: RunConfig, out: Path, seconds: float, most: int, chance: random.Random
) -> Iterator[str]:
    """Do a run that is killed until it survives, `most` times at most; yield what was left."""
    for _ in range(most):
        process = started(config, out)
        if not worked(process, chance.uniform(0, seconds)):
            ended(process)
            return
        process.kill()
        process.join()
        yield left_of(out)
    ended(started(config, out))


def left_of(out: Path) -> str:
    """Return in words what a killed run has left."""
    folder = RunFolder(out)
    if folder.is_finished:
        return "everything"
    half = any(folder.unfinished.glob(".*"))
    kept = "a checkpoint" if folder.checkpoint.is_file() else "no checkpoint"
    return kept + (" and half a file" if half else "")


def differences(whole: Path, other: Path, config: RunConfig) -> list[str]:
    """Return in what two finished runs of one configuration differ, bit for bit."""
    one, two = (read_run(folder, config) for folder in (whole, other))
    weights = [(folder / "teacher.safetensors").read_bytes() for folder in (whole, other)]
    files = [sorted(file.name for file in folder.iterdir()) for folder in (whole, other)]
    curves = [run.trace.curves for run in (one, two)]
    same = {
        "weights": weights[0] == weights[1],
        "scores": one.metrics["cases"] == two.metrics["cases"],
        "curves": all(
            np.array_equal(values, curves[1][name]) for name, values in curves[0].items()
        ),
        "steps": np.array_equal(one.trace.step, two.trace.step),
        "files": files[0] == files[1] and not RunFolder(other).unfinished.exists(),
    }
    return [name for name, equal in same.items() if not equal]


def kill_runs(data: dict, folder: Path, count: int, chance: random.Random) -> list[Outcome]:
    """Kill small runs until there were `count` kills; each run starts from nothing."""
    config = RunConfig(**data, **RUN)
    seconds = undisturbed(config, folder / "whole")
    print(f"undisturbed, a run takes {seconds:.1f} s of processor time", flush=True)
    outcomes: list[Outcome] = []
    left = count
    while left:
        out = folder / f"run{len(outcomes)}"
        kills = list(kills_of(config, out, seconds, min(left, IN_A_ROW), chance))
        outcomes.append(Outcome(kills, differences(folder / "whole", out, config)))
        left -= len(kills)
        print(verdict(outcomes[-1]), flush=True)
    return outcomes


# Sweeps


def kill_sweeps(data: dict, folder: Path, count: int, chance: random.Random) -> list[Outcome]:
    """Kill sweeps of two runs on two workers, each once, and let the same command go on."""
    base = RunConfig(**data, **SWEPT)
    configs = {f"supervised_{seed}": replace(base, seed=seed) for seed in SEEDS}
    for name, config in configs.items():
        undisturbed(config, folder / name, every=100)
    grid = folder / "grid.yaml"
    grid.write_text(json.dumps({"base": base.as_dict(), "vary": {"seed": SEEDS}}))  # YAML, too
    seconds = do_sweep(grid, folder / "sweep")
    print(f"undisturbed, a sweep takes {seconds:.1f} s", flush=True)
    outcomes = []
    for number in range(count):
        out = folder / f"sweep{number}"
        do_sweep(grid, out, killed_after=chance.uniform(0, seconds))
        left = " / ".join(left_of(out / "runs" / name) for name in configs)
        do_sweep(grid, out)
        differing = [
            f"{part} of {name}"
            for name, config in configs.items()
            for part in differences(folder / name, out / "runs" / name, config)
        ]
        outcomes.append(Outcome([left], differing))
        print(verdict(outcomes[-1]), flush=True)
    return outcomes


def do_sweep(grid: Path, out: Path, killed_after: float | None = None) -> float:
    """Do or go on with a sweep, all of whose processes may be killed; return the seconds."""
    command = [sys.executable, "-m", "ucmt_lite.cli", "sweep", grid, "--out", out, "--workers", "2"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        told, _ = process.communicate(timeout=killed_after)
    except subprocess.TimeoutExpired:
        parent = psutil.Process(process.pid)
        family = [parent, *parent.children(recursive=True)]  # workers, and kernels below them
        for member in family:
            member.kill()
        process.communicate()
        psutil.wait_procs(family)
    else:
        if process.returncode:
            raise SystemExit(told)
    return time.perf_counter() - began


# What is told


def verdict(outcome: Outcome) -> str:
    """Return in words what the kills of one run or sweep found, and how it ended."""
    end = f"differs in {', '.join(outcome.differs)}" if outcome.differs else "bit for bit the same"
    return f"killed {len(outcome.kills)} times ({'; '.join(outcome.kills) or 'too late'}): {end}"


def summary_of(what: str, outcomes: Sequence[Outcome]) -> str:
    """Return how many kills left the result as it would have been, and what they found.

    >>> whole = Outcome(["a checkpoint", "no checkpoint"], [])
    >>> summary_of("runs", [whole, Outcome(["no checkpoint"], ["scores"])])
    '2 of 3 kills of runs changed nothing; they left: no checkpoint 2, a checkpoint 1'
    """
    kills = [kill for outcome in outcomes for kill in outcome.kills]
    good = sum(len(outcome.kills) for outcome in outcomes if not outcome.differs)
    found = ", ".join(f"{left} {number}" for left, number in Counter(kills).most_common())
    return f"{good} of {len(kills)} kills of {what} changed nothing; they left: {found}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill what was asked for, print what became of it, and keep it as JSON if told so."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kills",
        description="Kill runs and sweeps at random moments, let them go on, compare the results.",
    )
    parser.add_argument("--runs", type=int, default=50, metavar="N", help="kills of runs (50)")
    parser.add_argument("--sweeps", type=int, default=3, metavar="N", help="kills of sweeps (3)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws the moments (0)")
    parser.add_argument("--json", metavar="FILE", help="where to keep all kills")
    args = parser.parse_args(arguments)
    chance = random.Random(args.seed)
    told: dict[str, list[Outcome]] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        data = draw_pictures(folder / "data")
        if args.runs:
            told["runs"] = kill_runs(data, folder, args.runs, chance)
        if args.sweeps:
            told["sweeps"] = kill_sweeps(data, folder, args.sweeps, chance)
    for what, outcomes in told.items():
        print(summary_of(what, outcomes))
    if args.json:
        kept = {what: [one._asdict() for one in outcomes] for what, outcomes in told.items()}
        write_json(args.json, {"machine": machine(), "commit": commit(), **kept})
    return int(any(outcome.differs for outcomes in told.values() for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
