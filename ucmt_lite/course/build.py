"""Build, check and run the pairs of notebooks that students and teachers open.

One percent script, `notebooks/src/NAME.py`, holds a lesson with its exercises, hints and solutions.
`build_notebooks` executes it whole and writes `notebooks/solutions/NAME.ipynb`, and from that
`notebooks/NAME.ipynb` with the exercises blank. A lesson with Chinese beside its English has the
same pair in `notebooks/zh/`, with the same outputs.
"""

import json
import math
import os
import platform
import shutil
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ucmt_lite.common import InputError, atomic, one_of
from ucmt_lite.course import ran
from ucmt_lite.course.editions import (
    chinese_paths,
    chinese_version,
    has_chinese,
    renew_fingerprints,
    translation_faults,
)
from ucmt_lite.course.index import Outcome, write_index
from ucmt_lite.course.lessons import Course, compose, read_course
from ucmt_lite.course.notebooks import (
    KERNEL,
    NotebookError,
    cell_tags,
    execute_notebook,
    exercise_version,
    notebook_text,
    tidy_outputs,
    write_notebook,
)

# A page shows what another machine finds, too: one thread, no GPU, no progress bars.
_REPEATABLE = {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "CUDA_VISIBLE_DEVICES": ""}


def build_notebooks(
    names: Iterable[str] | None = None,
    force: bool = False,
    measure: bool = False,
    root: Path | None = None,
) -> list[str]:
    """Write the pair of notebooks of each lesson; return the names of those that were executed.

    A lesson keeps its outputs, whatever became of its text, until its code, a recording that it
    shows or a function of the kit that it ran has changed, unless `force`. `measure` executes too,
    and records seconds and memory in `src/times.json`, from which the headers are filled.

    Errors: InputError for a lesson that breaks the rules, NotebookError for one that stops.
    """
    from tqdm import tqdm

    course = read_course(root)
    executed = []
    bar = tqdm(course.chosen(names), desc="build", unit="lesson")
    for name in bar:
        bar.set_postfix_str(name)
        _, solution = course.paths(name)
        notebook = compose(course, name)
        old = _read_if_valid(solution)
        record = None
        outdated = bool(_fault_of_library(course, name))
        if force or measure or outdated or not _keep_outputs(notebook, old):
            old, spent, record = _execute_full(course, name, notebook)
            executed.append(name)
            if measure:
                _record_spent(course, name, spent)
                notebook = compose(course, name)  # its header now tells what was measured
            _keep_outputs(notebook, old)
        for path, text in _texts(course, name, notebook).items():
            with atomic(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        if record is not None:
            ran.write_record(course.record(name), record)
    return executed


def _texts(course: Course, name: str, notebook: Any) -> dict[Path, str]:
    """Return the text of each page that comes from the solution version of a lesson."""
    page, solution = course.paths(name)
    versions = {solution: notebook, page: exercise_version(notebook)}
    if has_chinese(course, name):
        page, solution = chinese_paths(course, name)
        versions[solution] = chinese_version(course, name, notebook)
        versions[page] = exercise_version(versions[solution])
    return {path: notebook_text(version) for path, version in versions.items()}


def _read_if_valid(path: Path) -> Any:
    """Return a notebook; None where there is none or it is broken, as by marks of a merge.

    The lesson is then built anew.
    """
    import nbformat

    if not path.is_file():
        return None
    try:
        return nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, UnicodeDecodeError):
        return None


def _keep_outputs(notebook: Any, old: Any) -> bool:
    """Give `notebook` the outputs and stamp of `old`, if they still belong to it.

    They do where `old` was executed whole from the same code and recordings. Return whether.
    """
    if old is None or _unexecuted(old) or not _same_origin(notebook, old):
        return False
    for cell, before in zip(_code_cells(notebook), _code_cells(old), strict=True):
        cell.outputs = before.outputs
        cell.execution_count = before.execution_count
    notebook.metadata.ucmt_lite = old.metadata.ucmt_lite
    return True


def _same_origin(notebook: Any, old: Any) -> bool:
    """Return whether two notebooks come from the same code, recordings and parameters."""
    planned = notebook.metadata.ucmt_lite
    stamp = old.metadata.get("ucmt_lite", {})
    return all(stamp.get(key) == planned[key] for key in ("sha256", "profile", "parameters"))


def _unexecuted(notebook: Any) -> list[Any]:
    """Return the code cells that hold code and never ran."""
    return [
        cell for cell in _code_cells(notebook) if cell.source.strip() and not cell.execution_count
    ]


def _code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _execute_full(course: Course, name: str, notebook: Any) -> tuple[Any, dict, ran.Record]:
    """Run a lesson at full size.

    Return it with its outputs and stamp, the time and memory it took, and what it ran of the kit.
    """
    stamp = notebook.metadata.ucmt_lite | {
        "python": platform.python_version(),
        "torch": version("torch"),
    }
    with TemporaryDirectory() as folder:
        before = Path(folder) / f"{name}.ipynb"
        after = Path(folder) / "executed.ipynb"
        calls, memory = Path(folder) / "calls.txt", Path(folder) / "memory.txt"
        write_notebook(notebook, before)
        sources = ran.read_kit()
        startup = [ran.startup_line(calls, memory)]
        started = time.perf_counter()
        try:
            executed = execute_notebook(before, after, environment=_REPEATABLE, startup=startup)
            tidy_outputs(executed, name)
        except NotebookError as error:
            kept = course.root.parent / "runs" / "failed" / before.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(after, kept)
            raise NotebookError(f"{error} (what ran is in {kept})") from None
        spent = {
            "seconds": round(time.perf_counter() - started),
            "megabytes": _peak_megabytes(memory),
            "on": f"{os.cpu_count()} CPU cores",
        }
        record = ran.make_record(calls, sources)
    executed.metadata = type(executed.metadata)({"kernelspec": dict(KERNEL), "ucmt_lite": stamp})
    return executed, spent, record


def _peak_megabytes(notes: Path) -> int | None:
    """Return the most memory that a kernel noted, to the next ten MB; None where it could not."""
    if not notes.is_file():
        return None
    return math.ceil(int(notes.read_text()) * 1024 / 1e7) * 10


def _record_spent(course: Course, name: str, spent: dict) -> None:
    """Write what a lesson took, seconds and memory, into `src/times.json`."""
    course.times[name] = spent
    text = json.dumps(course.times, indent=1, sort_keys=True) + "\n"
    with atomic(course.root / "src" / "times.json") as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_notebooks(root: Path | None = None, names: Sequence[str] | None = None) -> list[str]:
    """Return what is wrong with the written notebooks, one sentence each; empty when all is well.

    Each sentence names the command that mends it. `names`: only these lessons.
    """
    course = read_course(root)
    for name in names or ():
        one_of("lesson", name, course.lessons)
    sentences = []
    for name in names or course.lessons:
        fault = _fault(course, name)
        if fault:
            sentences.append(f"{name} {fault}: run `ucmt-lite course build {name}`.")
        elif has_chinese(course, name):
            _, solution = course.paths(name)
            sentences += translation_faults(course, name, _read_if_valid(solution))
    for page in _orphans(course):
        sentences.append(f"notebooks/{page} has no source: run `git rm notebooks/{page}`.")
    return sentences


def _orphans(course: Course) -> list[Path]:
    """Return the pages and records that no source stands for."""
    made = [*course.root.glob("*.ipynb"), *course.root.glob("solutions/*.ipynb")]
    made += course.root.glob("src/ran/*.json")
    orphans = [file for file in made if file.stem not in course.lessons]
    chinese = [*course.root.glob("zh/*.ipynb"), *course.root.glob("zh/solutions/*.ipynb")]
    orphans += [file for file in chinese if not has_chinese(course, file.stem)]
    return sorted(file.relative_to(course.root) for file in orphans)


def _fault(course: Course, name: str) -> str:
    """Return what is wrong with the pages of a lesson; '' when nothing is."""
    page, solution = course.paths(name)
    planned = compose(course, name)
    written = _read_if_valid(solution)
    if written is None or not page.is_file():
        return "is not built, or cannot be read"
    if not _same_origin(planned, written):
        return "is stale: its code, or a recording that it shows, has changed since it was executed"
    fault = _fault_of_library(course, name)
    if fault:
        return fault
    if _without_outputs(planned) != _without_outputs(written):
        return "differs from what its source and course.yaml say"
    if _unexecuted(written):
        return "is unexecuted: some cells never ran"
    texts = _texts(course, name, written)
    if page.read_text(encoding="utf-8") != texts[page]:
        return (
            "is unpaired: the exercise version is not the solution version with its exercises blank"
        )
    for path in set(texts) - {page, solution}:
        if not path.is_file() or path.read_text(encoding="utf-8") != texts[path]:
            return "has a Chinese page that is not what its source and its English page say"
    return ""


def _fault_of_library(course: Course, name: str) -> str:
    """Return why the kit is not the one that a page ran, as far as the page ran it; '' if it is."""
    record = ran.read_record(course.record(name))
    if record is None:
        return "has no record of what it ran of the kit"
    changed = ran.changed(record, ran.read_kit())
    return f"was run with {ran.told(changed)}" if changed else ""


def renew_translations(names: Sequence[str], root: Path | None = None) -> list[str]:
    """Note that the Chinese of some lessons says what their English says now; return what changed.

    Errors: InputError where no lesson is named, one has no Chinese, or is not built.
    """
    course = read_course(root)
    if not names:
        raise InputError("Name the lessons whose Chinese you have compared with the English.")
    renewed = []
    for name in course.chosen(names):
        notebook = compose(course, name)
        _, solution = course.paths(name)
        if not has_chinese(course, name):
            raise InputError(f"Lesson {name} has no Chinese: write it in src/{name}.py first.")
        if not _keep_outputs(notebook, _read_if_valid(solution)):
            raise InputError(f"Lesson {name} is not built: run `ucmt-lite course build {name}`.")
        renewed += renew_fingerprints(course, name, notebook)
    return renewed


def _without_outputs(notebook: Any) -> list[tuple]:
    return [(cell.id, cell.cell_type, cell.source, cell_tags(cell)) for cell in notebook.cells]


def run_all(
    profile: str = "quick",
    out: str | Path = "runs/course",
    names: Iterable[str] | None = None,
    root: Path | None = None,
) -> int:
    """Execute the solution version of every lesson into `out`; return the exit code.

    `quick` injects the small parameters of `course.yaml`, `full` runs the lessons as their pages
    show them. A table of seconds is printed, and the address of an index page. A lesson that fails
    is told as `lesson, cell [n], error: text`, the others still run, and the exit code is 1.
    """
    from tqdm import tqdm

    one_of("profile", profile, ("quick", "full"))
    course = read_course(root)
    out = Path(out).resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise InputError(
            f"{out} is no folder to write to ({cause.strerror}): choose another with --out."
        ) from None
    outcomes = []
    bar = tqdm(course.chosen(names), desc=f"{profile} course", unit="lesson")
    for name in bar:
        bar.set_postfix_str(name)
        failure = ""
        started = time.perf_counter()
        try:
            _run_lesson(course, name, profile, out / f"{name}.ipynb")
        except NotebookError as error:
            failure = str(error)
        seconds = time.perf_counter() - started
        outcomes.append(Outcome(name, course.lessons[name].title, seconds, failure))
    _print_outcomes(outcomes)
    index = write_index(outcomes, out, profile)
    print(f"\nThe executed notebooks are in {out}; look at them from {index.as_uri()}")
    failures = [outcome.failure for outcome in outcomes if outcome.failure]
    print(*failures, sep="\n")
    return 1 if failures else 0


def _print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print how long each lesson took, and all of them."""
    width = max(len(name) for name in [*(outcome.name for outcome in outcomes), "lesson"])
    print(f"\n{'lesson':{width}}  seconds")
    for outcome in outcomes:
        print(f"{outcome.name:{width}}  {outcome.seconds:7.1f}")
    print(f"{'all':{width}}  {sum(outcome.seconds for outcome in outcomes):7.1f}")


def _run_lesson(course: Course, name: str, profile: str, out: Path) -> None:
    """Execute one lesson into `out`, with the parameters of a profile."""
    notebook = compose(course, name)
    values = course.lessons[name].quick if profile == "quick" else {}
    notebook.metadata.ucmt_lite |= {
        "profile": profile,
        "parameters": notebook.metadata.ucmt_lite.parameters | values,
    }
    write_notebook(notebook, out)
    execute_notebook(out, out, values, timeout=1800, environment={"TQDM_DISABLE": "1"})
