"""What only a fresh process shows: imports, memory at its peak, threads beside a neighbour."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.scene import Plan
from benchmarks.timing import Lap, Row, child, interleaved, summary
from ucmt_lite.training.traces import Trace

IMPORT = """
import time
a, b = time.perf_counter(), time.process_time()
import {}
print([time.perf_counter() - a, time.process_time() - b])
"""
OPEN = """
import sys, time
a, b = time.perf_counter(), time.process_time()
from ucmt_lite.training import traces
from ucmt_lite.explore import training, uncertainty
trace = traces.load(sys.argv[1])
assert "torch" not in sys.modules
print([time.perf_counter() - a, time.process_time() - b])
"""
MEMORY = """
import json, resource, sys
import torch
from benchmarks import measures, scene
torch.set_num_threads(1)
where, which = eval(sys.argv[1], vars(scene)), sys.argv[2]
batch = where.batches()(0)
made = {"plain": lambda: where.plain("ucmt"), "kit": lambda: where.kit("ucmt"),
        "kit, bfloat16": lambda: where.kit("ucmt", precision="bfloat16")}[which]()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(2):
    made(batch, measures.CLOCK)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
card = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
print(json.dumps({"before MB": before / 1024, "peak MB": after / 1024, "card MB": card / 2**20}))
"""
NEIGHBOUR = """
import json, sys, time
import torch
from benchmarks import measures, scene, timing
torch.set_num_threads(int(sys.argv[1]))
where = eval(sys.argv[2], vars(scene))
kit, batch = where.kit("ucmt"), where.batches()(0)
variants = {"kit": lambda: kit(batch, measures.CLOCK)}
seconds = timing.interleaved(variants, int(sys.argv[3]), least=0)["kit"]
print(json.dumps(seconds))
"""
BUSY = (
    "import torch; torch.set_num_threads(1); a = torch.rand(256, 256)\nwhile True: a = (a @"
    " a).clamp(-1, 1)"
)


def imports(plan: Plan) -> Iterator[Row]:
    """Time imports and opening a trace in a fresh Python, and the command as a whole process."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "trace.npz"
        sample_trace().save(file)
        inner: dict[str, Callable[[], list[float]]] = {
            "import torch": lambda: json.loads(child(IMPORT.format("torch"))),
            "import ucmt_lite": lambda: json.loads(child(IMPORT.format("ucmt_lite"))),
            "ucmt_lite after torch": lambda: json.loads(
                child("import torch" + IMPORT.format("ucmt_lite"))
            ),
            "ucmt_lite.training.fit after torch": lambda: json.loads(
                child("import torch" + IMPORT.format("ucmt_lite.training.fit"))
            ),
            "open a trace": lambda: json.loads(child(OPEN, str(file))),
        }
        names = ["import ucmt_lite", "open a trace"] if plan.quick else list(inner)
        seconds: dict[str, list[Lap]] = {name: [] for name in names}
        for _ in range(plan.rounds):
            for name in names:
                seconds[name].append(Lap(*inner[name]()))
    yield summary("imports", "inside a fresh Python", seconds)
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "ucmt-lite --help": [sys.executable, "-m", "ucmt_lite.cli", "--help"],
    }
    runs = {
        name: lambda c=c: subprocess.run(c, check=True, capture_output=True)
        for name, c in commands.items()
    }
    yield summary("imports", "whole process", interleaved(runs, plan.rounds, least=0))


def sample_trace() -> Trace:
    """A trace of the lessons' size: 16 steps with maps of three 64 x 64 images, three networks."""
    random = np.random.default_rng(0)
    maps = {
        name: random.integers(0, 4, (16, 3, 64, 64), np.uint8)
        for name in ("student1", "student2", "teacher")
    }
    return Trace(
        meta={"method": "ucmt", "branches": ["student1", "student2"]},
        step=np.arange(50),
        curves={"dice": np.linspace(0, 1, 50)},
        map_step=np.arange(16),
        image=random.integers(0, 255, (3, 64, 64, 1), np.uint8),
        truth=random.integers(0, 4, (3, 64, 64), np.uint8),
        predictions=maps,
        uncertainty=random.random((16, 3, 64, 64)).astype(np.float16),
    )


def memory(plan: Plan) -> Iterator[Row]:
    """The most memory a process held during two iterations, and what it held before them."""
    for scene in ["TINY"] if plan.quick else ["LESSON", "SKIN[256]", "ATRIUM"]:
        values: dict[str, Any] = {}
        for which in ["kit"] if plan.quick else ["plain", "kit", "kit, bfloat16"]:
            peak = json.loads(child(MEMORY, scene, which, OMP_NUM_THREADS="1"))
            values |= {f"{which}: {name}": value for name, value in peak.items() if value}
        yield {"part": "memory", "case": f"ucmt, {scene}", "threads": 1, "values": values}


def neighbour(plan: Plan) -> Iterator[Row]:
    """Time UCMT by threads and by how OpenMP waits, alone and beside one busy process."""
    scene = "TINY" if plan.quick else "LESSON"
    for busy in (False,) if plan.quick else (False, True):
        other = subprocess.Popen([sys.executable, "-c", BUSY]) if busy else None
        try:
            seconds: dict[str, list[Lap]] = {}
            for threads in (1,) if plan.quick else (1, torch.multiprocessing.cpu_count()):
                for policy in ("active", "passive"):
                    if threads == 1 and policy == "active":
                        continue  # one thread waits for none
                    environment = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": policy}
                    name = f"{threads} threads, {policy}" if threads > 1 else "1 thread"
                    seconds[name] = [
                        Lap(*lap)
                        for lap in json.loads(
                            child(NEIGHBOUR, str(threads), scene, str(plan.rounds), **environment)
                        )
                    ]
        finally:
            if other:
                other.kill()
                other.wait()
        yield summary(
            "neighbour", f"ucmt, {scene}, {'beside a busy process' if busy else 'alone'}", seconds
        )
