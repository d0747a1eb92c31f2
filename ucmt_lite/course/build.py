"""From `notebooks/src/*.py` to the pairs of notebooks that students and teachers open: build,
check, run.

One percent script holds a lesson with its exercises, hints and solutions. `build_notebooks` executes it whole
and writes `notebooks/solutions/NAME.ipynb`, and from that `notebooks/NAME.ipynb` with the exercises
blank.
"""

import json
import os
import platform
import shutil
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ucmt_lite.common import InputError, atomic, one_of
from ucmt_lite.course.lessons import Course, compose, read_course
from ucmt_lite.course.notebooks import (
    KERNEL,
    NotebookError,
    execute_notebook,
    exercise_version,
    tags,
    text,
    tidy,
    write_notebook,
)


def build_notebooks(
    names: Iterable[str] | None = None,
    force: bool = False,
    measure: bool = False,
    root: Path | None = None,
) -> list[str]:
    """Write the pair of notebooks of each lesson; return the names of those that were executed.

    A lesson keeps its outputs, whatever became of its text, until its code or a recording that it
    shows has changed, unless `force`. `measure` executes too, and records the seconds in
    `src/times.json`, from which the headers are filled.

    Errors: InputError for a lesson that breaks the rules, NotebookError for one that stops.
    """
    from tqdm import tqdm

    course, executed = read_course(root), []
    for name in (bar := tqdm(course.chosen(names), desc="build", unit="lesson")):
        bar.set_postfix_str(name)
        page, solution = course.paths(name)
        notebook, old = compose(course, name), _open(solution)
        if force or measure or not _keep_outputs(notebook, old):
            old, seconds = _executed(course, name, notebook)
            executed.append(name)
            if measure:
                _record(course, name, seconds)
                notebook = compose(course, name)  # its header now tells the seconds
            _keep_outputs(notebook, old)
        write_notebook(notebook, solution)
        write_notebook(exercise_version(notebook), page)
    return executed


def _open(path: Path) -> Any:
    import nbformat

    try:
        return nbformat.read(path, as_version=4) if path.is_file() else None
    except (
        nbformat.reader.NotJSONError,
        UnicodeDecodeError,
    ):  # marks of a merge, for one: it is built anew
        return None


def _keep_outputs(notebook: Any, old: Any) -> bool:
    """Give `notebook` the outputs and stamp of `old`, if that was executed whole from the same code
    and recordings.
    """
    if old is None or _unexecuted(old) or not _same_origin(notebook, old):
        return False
    for cell, before in zip(_code(notebook), _code(old), strict=True):
        cell.outputs, cell.execution_count = before.outputs, before.execution_count
    notebook.metadata.ucmt_lite = old.metadata.ucmt_lite
    return True


def _same_origin(notebook: Any, old: Any) -> bool:
    planned, stamp = notebook.metadata.ucmt_lite, old.metadata.get("ucmt_lite", {})
    return all(stamp.get(key) == planned[key] for key in ("sha256", "profile", "parameters"))


def _unexecuted(notebook: Any) -> list[str]:
    return [
        cell.source for cell in _code(notebook) if cell.source.strip() and not cell.execution_count
    ]


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _executed(course: Course, name: str, notebook: Any) -> tuple[Any, float]:
    """Run a lesson as its page shows it: full size, one thread, no GPU, so that another machine
    finds the same.
    """
    fixed = {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "CUDA_VISIBLE_DEVICES": ""}
    stamp = notebook.metadata.ucmt_lite | {
        "python": platform.python_version(),
        "torch": version("torch"),
    }
    with TemporaryDirectory() as folder:
        before, after = Path(folder) / f"{name}.ipynb", Path(folder) / "executed.ipynb"
        write_notebook(notebook, before)
        started = time.perf_counter()
        try:
            executed = tidy(execute_notebook(before, after, environment=fixed), name)
        except NotebookError as stop:
            kept = course.root.parent / "runs" / "failed" / before.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(after, kept)
            raise NotebookError(f"{stop} (what ran is in {kept})") from None
    executed.metadata = type(executed.metadata)({"kernelspec": dict(KERNEL), "ucmt_lite": stamp})
    return executed, time.perf_counter() - started


def _record(course: Course, name: str, seconds: float) -> None:
    course.times[name] = {"seconds": round(seconds), "on": f"{os.cpu_count()} CPU cores"}
    with atomic(course.root / "src" / "times.json") as temporary:
        temporary.write_text(
            json.dumps(course.times, indent=1, sort_keys=True) + "\n", encoding="utf-8"
        )


def check_notebooks(root: Path | None = None) -> list[str]:
    """What is wrong with the written notebooks, one sentence each with the command that mends it;
    empty when all is well.
    """
    course = read_course(root)
    wrong = {name: _fault(course, name) for name in course.lessons}
    found = [
        f"{name} {fault}: run `ucmt-lite course build {name}`."
        for name, fault in wrong.items()
        if fault
    ]
    pages = [*course.root.glob("*.ipynb"), *course.root.glob("solutions/*.ipynb")]
    orphans = sorted(
        page.relative_to(course.root) for page in pages if page.stem not in course.lessons
    )
    return found + [
        f"notebooks/{page} has no source: run `git rm notebooks/{page}`." for page in orphans
    ]


def _fault(course: Course, name: str) -> str:
    page, solution = course.paths(name)
    planned, written = compose(course, name), _open(solution)
    if written is None or not page.is_file():
        return "is not built, or cannot be read"
    if not _same_origin(planned, written):
        return "is stale: its code, or a recording that it shows, has changed since it was executed"
    if _cells(planned) != _cells(written):
        return "differs from what its source and course.yaml say"
    if _unexecuted(written):
        return "is unexecuted: some cells never ran"
    if page.read_text(encoding="utf-8") != text(exercise_version(written)):
        return (
            "is unpaired: the exercise version is not the solution version with its exercises blank"
        )
    return ""


def _cells(notebook: Any) -> list[tuple]:
    return [(cell.id, cell.cell_type, cell.source, tags(cell)) for cell in notebook.cells]


def run_all(
    profile: str = "quick",
    out: str | Path = "runs/course",
    names: Iterable[str] | None = None,
    root: Path | None = None,
) -> int:
    """Execute the solution version of every lesson into `out`; print a table of seconds; return the
    exit code.

    `quick` injects the small parameters of `course.yaml`, `full` runs the lessons as their pages
    show them. A lesson that fails is told as `lesson, cell [n], error: text`, the others still run,
    and the exit code is 1.
    """
    from tqdm import tqdm

    one_of("profile", profile, ("quick", "full"))
    course, out, seconds, failures = read_course(root), Path(out).resolve(), {}, []
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise InputError(
            f"{out} is no folder to write to ({cause.strerror}): choose another with --out."
        ) from None
    for name in (bar := tqdm(course.chosen(names), desc=f"{profile} course", unit="lesson")):
        bar.set_postfix_str(name)
        started = time.perf_counter()
        try:
            _run(course, name, profile, out / f"{name}.ipynb")
        except NotebookError as stop:
            failures.append(str(stop))
        seconds[name] = time.perf_counter() - started
    width = max(map(len, [*seconds, "lesson"]))
    print(f"\n{'lesson':{width}}  seconds")
    print(*(f"{name:{width}}  {spent:7.1f}" for name, spent in seconds.items()), sep="\n")
    print(f"{'all':{width}}  {sum(seconds.values()):7.1f}\n\nThe executed notebooks are in {out}")
    print(*failures, sep="\n")
    return 1 if failures else 0


def _run(course: Course, name: str, profile: str, out: Path) -> None:
    notebook = compose(course, name)
    values = course.lessons[name].quick if profile == "quick" else {}
    notebook.metadata.ucmt_lite |= {
        "profile": profile,
        "parameters": notebook.metadata.ucmt_lite.parameters | values,
    }
    write_notebook(notebook, out)
    execute_notebook(out, out, values, timeout=1800, environment={"TQDM_DISABLE": "1"})
