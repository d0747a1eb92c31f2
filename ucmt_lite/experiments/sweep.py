"""Sweeps: all runs of a plan, each as an executed page, on this machine or on a Dask cluster."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ucmt_lite.common import InputError, check_packages, write_json
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.course.notebooks import LAB
from ucmt_lite.experiments.assemble import load_images, prepare
from ucmt_lite.experiments.config import RunConfig, with_whole_weights
from ucmt_lite.experiments.plan import Planned, plan_as_json
from ucmt_lite.experiments.results import sweep_plan

if TYPE_CHECKING:
    from distributed import Client


def sweep(
    runs: list[Planned], out: str | Path, *, scheduler: str = "", workers: int = 0
) -> dict[str, str]:
    """Do all runs of a plan into `out`; return what went wrong, one sentence per failed run.

    All runs are checked before the first one starts. Each is `90_experiment.ipynb` executed by
    papermill: the page is left in `out/pages`, configuration, metrics, trace and network in
    `out/runs`. A run that fails is reported, and the others go on, seed by seed; a worker that dies
    is replaced, and its run goes on from its last checkpoint. The same call after an interruption
    does what is left. `out` belongs to its grid, which may grow.

    `scheduler`: the address of a Dask scheduler whose workers see `out` and the data under the same
    paths; without one, a cluster of `workers` processes on this machine (one a core), each with one
    thread.
    """
    check_packages("A sweep", "lab", (*LAB, "distributed"))
    if workers < 0:
        raise InputError(
            f"workers={workers}: give the number of runs at a time, or 0 for one a core."
        )
    out, runs = Path(out).resolve(), [with_whole_path(run) for run in runs]
    check_plan(runs, elsewhere=bool(scheduler))
    claim(out, runs)
    # Seed by seed: what is there when somebody looks, or stops, can be compared already.
    waiting = sorted(
        (run for run in runs if not _is_finished(out, run)), key=lambda run: run.config.seed
    )
    if not waiting:
        return {}
    with _engine(scheduler, min(workers or os.cpu_count() or 1, len(waiting))) as client:
        return _do_all(waiting, out, client, count=len(runs))


def _do_all(waiting: list[Planned], out: Path, client: "Client", count: int) -> dict[str, str]:
    """Let the workers do what is left of `count` runs; return what went wrong, by run."""
    from distributed import as_completed
    from tqdm.auto import tqdm

    tasks = {
        client.submit(
            _execute_run,
            run.config.as_dict(),
            os.fspath(out),
            run.name,
            key=task(out, run),
            pure=False,
            priority=-place,
        ): run.name
        for place, run in enumerate(waiting)
    }
    failed: dict[str, str] = {}
    bar = tqdm(total=count, initial=count - len(waiting), desc="sweep", unit="run")
    for future in as_completed(tasks):
        name = tasks[future]
        if future.status == "finished":
            bar.write(f"{name}: dice {future.result():.3f}")
        else:
            failed[name] = str(future.exception()) or future.status
            bar.write(f"{name} failed: {failed[name]}")
        bar.update()
    bar.close()
    return failed


def task(out: Path, run: Planned) -> str:
    """Return what a scheduler knows a run by, in this folder and no other.

    It takes two tasks of one name for one. What stands before the first digits is the kind of a
    task: of a kind that is new to it Dask knows no length, and an idle worker takes over nothing.
    """
    place = hashlib.sha256(os.fspath(out).encode()).hexdigest()[:8]
    return f"run-{run.config.fingerprint}-{place}-{run.name}"


def with_whole_path(run: Planned) -> Planned:
    """Return the run with the whole path of its files: a worker may stand in another folder."""
    data = os.path.abspath(run.config.data) if run.config.data else ""
    network_settings = with_whole_weights(run.config.network_settings)
    config = replace(run.config, data=data, network_settings=network_settings)
    return replace(run, config=config)


def check_plan(runs: list[Planned], elsewhere: bool = False) -> None:
    """Prepare every run once, so that whatever is wrong is said before the first one starts.

    Each data set is read once. Where the workers are `elsewhere`, their devices cannot be tried.
    Two folders of one name are refused: tables name a set by it.
    """
    folders: dict[str, str] = {}
    for data in sorted({run.config.data for run in runs if run.config.data}):
        other = folders.setdefault(Path(data).name, data)
        if other != data:
            raise InputError(
                f"The grid has two sets of one name, {other} and {data}, which its tables would"
                " take for one: rename a folder, or make a sweep for each."
            )
    load = lru_cache(maxsize=1)(load_images)
    for run in sorted(runs, key=lambda run: _data_of(run.config)):
        here = replace(run.config, device="cpu", precision="auto") if elsewhere else run.config
        try:
            prepare(here, load)
        except InputError as mistake:
            raise InputError(f"Run {run.name} of the grid: {mistake}") from None


def _data_of(config: RunConfig) -> tuple:
    """Return what decides the images of a run."""
    return config.dataset, config.data, config.classes, config.size, config.group


def claim(out: Path, runs: list[Planned]) -> None:
    """Write the plan into its folder, whose grid may have grown; one with other runs is refused."""
    note = out / "grid.json"
    before = sweep_plan(out) if note.is_file() else _plan_of_runs(out)
    plan = plan_as_json(runs)
    changed = [
        name
        for name, run in before.items()
        # A plan that an earlier version wrote lacks the settings that have come since
        if name in plan and plan[name]["config"] != RunConfig.of_saved(run["config"]).as_dict()
    ]
    if changed:
        raise InputError(
            f"{out} holds another grid, in which {changed[0]} is another run: give it another name"
            " in the grid, or choose another folder with --out."
        )
    # What never came to an end may leave the grid: a variant that fails is mended, or left out.
    gone = [
        name
        for name in before
        if name not in plan and (out / "runs" / name / "metrics.json").is_file()
    ]
    if gone:
        raise InputError(
            f"{out} holds the finished run {gone[0]}, which this grid lacks: leave it in, or choose"
            " another folder with --out."
        )
    if not note.is_file() and out.exists() and not _may_be_claimed(out):
        raise InputError(
            f"{out} exists and holds no grid of this kit: choose another folder with --out."
        )
    try:
        write_json(note, plan)
    except OSError as cause:
        raise InputError(
            f"{out} cannot be written ({cause.strerror}): choose another folder with --out."
        ) from None


def _may_be_claimed(out: Path) -> bool:
    """Tell whether a folder is empty, or a sweep's whose damaged plan was removed."""
    return out.is_dir() and {file.name for file in out.iterdir()} <= {"runs", "pages"}


def _plan_of_runs(out: Path) -> dict[str, dict]:
    """Return what the runs of a sweep say of themselves, where its plan is not there."""
    files = sorted(out.glob("runs/*/config.json"))
    return {file.parent.name: {"config": json.loads(file.read_text())} for file in files}


def _is_finished(out: Path, run: Planned) -> bool:
    """Tell whether a run and its page are there; both appear when they are whole."""
    page = out / "pages" / f"{run.name}.ipynb"
    return page.is_file() and (out / "runs" / run.name / "metrics.json").is_file()


def _execute_run(config: dict, out: str, name: str) -> float:
    """Do one run as a page, in a worker, and return its Dice score."""
    from ucmt_lite.course import notebooks
    from ucmt_lite.experiments.run import read_run

    folder, page = Path(out) / "runs" / name, Path(out) / "pages" / f"{name}.ipynb"
    notebooks.execute_whole(
        NOTEBOOKS / "90_experiment.ipynb", page, {**config, "out": os.fspath(folder)}
    )
    return read_run(folder, RunConfig.of(config)).metrics["scores"]["dice"]


@contextmanager
def _engine(scheduler: str, workers: int) -> Iterator["Client"]:
    """Yield a client of the scheduler, or of a cluster on this machine that ends with the sweep."""
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
    # a fifth of a core. The kernels hold the memory, not the workers.
    calm = {"distributed.admin.tick.interval": "1s", "distributed.worker.profile.enabled": False}
    # Every port is open on this computer only. Workers are silent: what a run fails of is told
    # here, and that one was stopped in the middle says nothing to its user.
    here, silent = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}, logging.CRITICAL
    with dask.config.set(calm), ExitStack() as stack:
        try:
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=None,
                silence_logs=silent,
                **here,
            )
        except RuntimeError as cause:
            # The workers import the script that started them, which starts workers ...
            raise InputError(
                f"The workers did not start ({cause}): in a script, call sweep below `if __name__"
                " == '__main__':`."
            ) from None
        stack.enter_context(cluster)
        yield stack.enter_context(Client(cluster))
