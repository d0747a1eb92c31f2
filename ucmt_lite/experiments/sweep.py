"""Sweeps: every run of a grid, each as an executed page of its own, on this machine's cores or on a
Dask cluster.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucmt_lite.common import InputError, write_json
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.experiments.assemble import check_against, check_names, load_source, picture_size
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.grid import Planned, as_json
from ucmt_lite.experiments.run import prepare

if TYPE_CHECKING:
    from distributed import Client


def sweep(
    runs: list[Planned], out: str | Path, *, scheduler: str = "", workers: int = 0
) -> dict[str, str]:
    """Run a grid (`grid.read`, `grid.plan`) into `out`; return what went wrong, a sentence a run,
    nothing when all is well.

    All runs are checked before the first one starts. Each is `90_experiment.ipynb` executed by
    papermill: the page is left in `out/pages`, configuration, metrics, trace and network in
    `out/runs`. A run that fails is reported, and the others go on, seed by seed; a worker that dies
    is replaced, and its run goes on from its last checkpoint. The same call after an interruption
    does what is left. `out` belongs to its grid, which may grow.

    `scheduler`: the address of a Dask scheduler whose workers see `out` and the data under the same
    paths; without one, a cluster of `workers` processes on this machine (one a core), each with one
    thread.
    """
    from distributed import as_completed
    from tqdm.auto import tqdm

    if workers < 0:
        raise InputError(
            f"workers={workers}: give the number of runs at a time, or 0 for one a core."
        )
    out, runs = Path(out).resolve(), [with_place(run) for run in runs]
    check_plan(runs, device="cpu" if scheduler else "")
    claim(out, runs)
    # Seed by seed: what is there when somebody looks, or stops, can be compared already.
    left = sorted((run for run in runs if not finished(out, run)), key=lambda run: run.config.seed)
    failed: dict[str, str] = {}
    if not left:
        return failed
    with _engine(scheduler, min(workers or os.cpu_count() or 1, len(left))) as client:
        waiting = {
            client.submit(
                _execute_run,
                run.config.as_dict(),
                os.fspath(out),
                run.name,
                key=task(out, run),
                pure=False,
                priority=-place,
            ): run
            for place, run in enumerate(left)
        }
        bar = tqdm(total=len(runs), initial=len(runs) - len(left), desc="sweep", unit="run")
        for future in as_completed(waiting):
            name = waiting[future].name
            if future.status == "finished":
                bar.write(f"{name}: dice {future.result():.3f}")
            else:
                failed[name] = str(future.exception()) or future.status
                bar.write(f"{name} failed: {failed[name]}")
            bar.update()
        bar.close()
    return failed


def task(out: Path, run: Planned) -> str:
    """What a scheduler knows a run by: it takes two tasks of one name for one, and this folder's
    are not another's.
    """
    return f"{run.name}-{run.config.fingerprint}-{hashlib.sha256(os.fspath(out).encode()).hexdigest()[:8]}"


def with_place(run: Planned) -> Planned:
    """The run with the whole path of its data: a worker may stand in another folder."""
    data = os.path.abspath(run.config.data) if run.config.data else ""
    return replace(run, config=replace(run.config, data=data))


def check_plan(runs: list[Planned], device: str = "") -> None:
    """Prepare every run once, so that whatever is wrong is said before the first one starts. Data
    are read once.
    """
    from ucmt_lite.data import cases
    from ucmt_lite.training.devices import choose_device, choose_precision

    def data_of(config: RunConfig) -> tuple:
        return config.dataset, config.data, config.classes, config.size

    loaded: dict[tuple, Any] = {}
    for run in sorted(runs, key=lambda run: data_of(run.config)):
        config = run.config
        try:
            place = choose_device(device or config.device)
            if not device:
                choose_precision(config.precision, place)
            check_names(config)
            if data_of(config) not in loaded:
                source = load_source(config)
                loaded = {
                    data_of(config): (
                        source,
                        cases(source.splits["train"], size=picture_size(config, source)),
                    )
                }
            source, images = loaded[data_of(config)]
            check_against(config, source)
            prepare(config, source, images, place)
        except InputError as mistake:
            raise InputError(f"Run {run.name} of the grid: {mistake}") from None


def claim(out: Path, runs: list[Planned]) -> None:
    """Write the plan into its folder; a folder with other runs is refused, one whose grid has grown
    is not.
    """
    note = out / "grid.json"
    before = json.loads(note.read_text()) if note.is_file() else {}
    plan = as_json(runs)
    if other := [
        name for name, run in before.items() if plan.get(name, run)["config"] != run["config"]
    ]:
        raise InputError(
            f"{out} holds another grid, in which {other[0]} is another run: choose another folder"
            " with --out."
        )
    if gone := [name for name in before if name not in plan]:
        raise InputError(
            f"{out} holds a grid with {gone[0]}, which this one lacks: choose another folder with"
            " --out."
        )
    if not note.is_file() and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            f"{out} exists and holds no grid of this kit: choose another folder with --out."
        )
    try:
        write_json(note, plan)
    except OSError as cause:
        raise InputError(
            f"{out} cannot be written ({cause.strerror}): choose another folder with --out."
        ) from None


def finished(out: Path, run: Planned) -> bool:
    """Whether a run and its page are there; both appear when they are whole."""
    return (out / "runs" / run.name / "metrics.json").is_file() and (
        out / "pages" / f"{run.name}.ipynb"
    ).is_file()


def _execute_run(config: dict, out: str, name: str) -> float:
    """One run as a page, in a worker: execute the experiment notebook, put its page in place,
    return the Dice score.
    """
    from ucmt_lite.course import notebooks
    from ucmt_lite.experiments.run import read_run

    folder, page = Path(out) / "runs" / name, Path(out) / "pages" / f"{name}.ipynb"
    notebooks.execute_whole(
        NOTEBOOKS / "90_experiment.ipynb", page, {**config, "out": os.fspath(folder)}
    )
    return read_run(folder, RunConfig.of(config)).metrics["scores"]["dice"]


@contextmanager
def _engine(scheduler: str, workers: int) -> Iterator["Client"]:
    """A client of the given scheduler, or of a cluster on this machine that ends with the sweep."""
    import dask
    from distributed import Client, LocalCluster

    if scheduler:
        try:
            client = Client(scheduler, timeout=10)
        except (OSError, ValueError, ImportError) as cause:
            raise InputError(
                f"No Dask scheduler answers at {scheduler} ({cause}): start one with `dask"
                f" scheduler`, workers with `dask worker {scheduler} --nthreads 1`."
            ) from None
        with client:
            yield client
        return
    # Runs take minutes: without this the idle scheduler and workers look around 50 times a second,
    # a fifth of a core. The kernels hold the memory, not the workers. Every port is open on this
    # computer only.
    calm = {"distributed.admin.tick.interval": "1s", "distributed.worker.profile.enabled": False}
    # Errors alone are told: the warnings of workers that are stopped in the middle of a run say
    # nothing to their user.
    place = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": logging.ERROR}
    with dask.config.set(calm), ExitStack() as stack:
        try:
            cluster = LocalCluster(
                n_workers=workers, threads_per_worker=1, memory_limit=None, **place
            )
        except (
            RuntimeError
        ) as cause:  # the workers import the script that started them, which starts workers
            raise InputError(
                f"The workers did not start ({cause}): in a script, call sweep below `if __name__"
                " == '__main__':`."
            ) from None
        stack.enter_context(cluster)
        yield stack.enter_context(Client(cluster))
