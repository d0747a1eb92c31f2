"""Timing that a shared machine disturbs least: variants in turn, medians over rounds."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any, NamedTuple

import torch

Row = dict[str, Any]


class Lap(NamedTuple):
    """Seconds of one call: by the clock, and of processor time, which neighbours disturb less."""

    wall: float
    cpu: float | None = None


def interleaved(
    variants: dict[str, Callable[[], Any]], rounds: int, least: float = 0.005
) -> dict[str, list[Lap]]:
    """Time variants in turn, one lap per round; short calls are repeated to fill `least` seconds.

    Every variant is called before, to warm up. The order turns from round to round, so that none
    always comes after the same other one.
    """
    names, repeats = list(variants), dict.fromkeys(variants, 1)
    for name in names:
        variants[name]()
        if least:
            repeats[name] = max(1, round(least / max(timed(variants[name], 1).wall, 1e-7)))
    laps: dict[str, list[Lap]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            laps[name].append(timed(variants[name], repeats[name]))
    return laps


def timed(call: Callable[[], Any], repeats: int) -> Lap:
    """The mean of some calls in a row, with the device waited for."""
    start, work = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return Lap((time.perf_counter() - start) / repeats, (time.process_time() - work) / repeats)


def row(
    part: str, case: str, variants: dict[str, Callable[[], Any]], rounds: int, **more: Any
) -> Row:
    """Time variants and make a row of them: medians and ranges in ms, ratios to the first."""
    return summary(
        part, case, interleaved(variants, rounds), threads=torch.get_num_threads(), **more
    )


def summary(part: str, case: str, laps: dict[str, list[Lap]], **more: Any) -> Row:
    """Make a row of the laps of each variant; the others are compared with the first."""
    first = next(iter(laps.values()))
    times = {}
    for name, own in laps.items():
        walls = [lap.wall for lap in own]
        times[name] = {
            "ms": 1e3 * median(walls),
            "min": 1e3 * min(walls),
            "max": 1e3 * max(walls),
            "rounds": len(walls),
        }
        times[name]["ratio"] = median(lap.wall for lap in first) / median(walls)
        cpus, firsts = ([lap.cpu for lap in some if lap.cpu is not None] for some in (own, first))
        if cpus and firsts:
            times[name] |= {
                "cpu ms": 1e3 * median(cpus),
                "cpu ratio": median(firsts) / max(median(cpus), 1e-9),
            }
    return {"part": part, "case": case, "times": times, "load": os.getloadavg()[0], **more}


def shown(row: Row) -> str:
    """Return a row as a line: times by the clock, and how many times faster than the first."""
    texts: list[str] = []
    for name, t in row.get("times", {}).items():
        by_cpu = f", {t['cpu ratio']:.2f}x cpu" if "cpu ratio" in t else ""
        texts.append(
            f"{name} {t['ms']:.4g} ms" + (f" ({t['ratio']:.2f}x{by_cpu})" if texts else "")
        )
    texts += [f"{name} {number(value)}" for name, value in row.get("values", {}).items()]
    threads = f" [{row['threads']} thread{'s' * (row['threads'] > 1)}]" if "threads" in row else ""
    return f"{row['part']:10} {row['case']}{threads}: " + ", ".join(texts)


def number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def on_threads(counts: Iterable[int]) -> Iterable[int]:
    """Set torch's threads to each of the counts in turn, and back at the end."""
    before = torch.get_num_threads()
    try:
        for count in counts:
            torch.set_num_threads(count)
            yield count
    finally:
        torch.set_num_threads(before)


def child(code: str, *arguments: str, **environment: str) -> str:
    """What a fresh Python prints that runs `code`."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    name = "unknown"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            lines = [
                line.partition(":")[2].strip() for line in file if line.startswith("model name")
            ]
        name = lines[0] if lines else name
    return {
        "cpu": name,
        "cores": os.cpu_count(),
        "isa": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()),
        "amx": bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "omp": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
    }
