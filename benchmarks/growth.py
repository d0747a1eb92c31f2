"""How time grows with image, minibatch and data set, and what reading from a disk costs."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measures import CLOCK
from benchmarks.scene import SKIN, TINY, Plan, Scene
from benchmarks.timing import Row, interleaved, on_threads, summary
from ucmt_lite.data import Batches, Cases
from ucmt_lite.data.mapped import open_cases, save_cases


def scaling(plan: Plan) -> Iterator[Row]:
    """Time growth on one thread; the `per` numbers would be equal if it were linear."""
    base = TINY if plan.quick else SKIN[64]
    sizes = (32, 64) if plan.quick else (64, 128, 256)
    counts = (2, 4) if plan.quick else (2, 4, 8, 16)
    for _ in on_threads((1,)):
        scenes = {size: replace(base, size=size, grid=4 if plan.quick else 16) for size in sizes}
        yield grown(
            "pixels a side",
            {size: iterate(scene) for size, scene in scenes.items()},
            lambda n: n * n,
            plan.rounds,
        )
        batches = {count: iterate(replace(base, batch=count)) for count in counts}
        yield grown("images of each kind", batches, lambda n: n, plan.rounds)
        yield grown(
            "data set",
            {n: draw(base, n) for n in ((100, 1000) if plan.quick else (100, 1000, 10000))},
            lambda n: 1,
            plan.rounds,
        )


def grown(
    what: str, calls: dict[int, Callable[[], object]], work: Callable[[int], int], rounds: int
) -> Row:
    """A row of times, with the time for one unit of work relative to that of the first column."""
    result = summary(
        "scaling",
        f"ucmt, by {what}",
        interleaved({str(n): call for n, call in calls.items()}, rounds),
        threads=1,
    )
    per = {n: result["times"][str(n)]["ms"] / work(n) for n in calls}
    first = next(iter(per.values()))
    result["values"] = {f"{n}: per unit": value / first for n, value in per.items()}
    return result


def iterate(scene: Scene) -> Callable[[], None]:
    kit, batch = scene.kit("ucmt"), scene.batches()(0)
    return lambda: kit(batch, CLOCK)


def draw(scene: Scene, count: int) -> Callable[[], object]:
    """A whole minibatch, all views made, out of `count` images."""
    batches, steps = scene.batches(many(scene.cases, count)), iter(range(10**9))
    return lambda: batches(next(steps))


def disk(plan: Plan) -> Iterator[Row]:
    """Time minibatches from memory and from a mapped file that the system was told to forget."""
    scene, count = (TINY, 32) if plan.quick else (SKIN[256], 2000)
    held = many(scene.cases, count)
    with TemporaryDirectory(dir=Path.cwd(), prefix=".disk_") as folder:
        file = Path(folder) / "cases.arrow"
        save_cases([held], file)
        steps, iteration, mapped = (
            iter(range(10**9)),
            iterate(scene),
            scene.batches(open_cases(file)),
        )
        memory = scene.batches(held)

        def from_disk() -> None:
            opened(scene, file)(next(steps))

        calls: dict[str, Callable[[], object]] = {
            "in memory": lambda: memory(next(steps)),
            "mapped, in the cache": lambda: mapped(next(steps)),
            "opened, from the disk": from_disk,
            "opened only": lambda: opened(scene, file),
            "iteration": iteration,
        }
        for _ in on_threads((1,)):
            result = summary(
                "disk",
                f"{count} images, {scene.title}",
                interleaved(calls, plan.rounds, least=0),
                threads=1,
            )
        result["values"] = {"file MB": file.stat().st_size / 1e6}
    t = {name: value["ms"] for name, value in result["times"].items()}
    extra = t["opened, from the disk"] - t["opened only"] - t["in memory"]
    result["values"]["slower by %"] = 100 * extra / (t["iteration"] + t["in memory"])
    yield result


def many(few: Cases, count: int) -> Cases:
    """Copies of a few cases, as many as wanted, each with pages of its own."""
    which, ids = [i % len(few) for i in range(count)], tuple(map(str, range(count)))
    return Cases(
        ids,
        ids,
        [few.images[i].copy() for i in which],
        [few.masks[i] for i in which],
        (None,) * count,
    )


def opened(scene: Scene, file: Path) -> Batches:
    """Open a file of which nothing is in memory; mapped pages would not be forgotten."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
    return scene.batches(open_cases(file))
