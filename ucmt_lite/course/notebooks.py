"""Running a notebook with parameters, and making what came out the same bytes every time."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError, atomic
from ucmt_lite.course.parameters import check_parameters

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET = "application/vnd.jupyter.widget-view+json"


class NotebookError(InputError):
    """A notebook stopped: which one, in which cell, and with what."""

    status = 1


def execute_notebook(
    notebook_path: str | Path,
    out_path: str | Path,
    parameters: Mapping[str, Any] | None = None,
    progress: bool = False,
    timeout: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """Run a notebook with other parameters, in the folder of `out_path`, write it there and return
    it.

    When a cell fails, `out_path` holds everything up to that cell.

    Errors: InputError for unknown, unused or mistyped parameters; NotebookError `name, cell [n],
    error: text` when a cell fails, takes longer than `timeout` seconds, or the kernel dies.
    """
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    notebook_path, out_path, parameters = (
        Path(notebook_path),
        Path(out_path).resolve(),
        dict(parameters or {}),
    )
    if not notebook_path.is_file():
        raise InputError(f"There is no notebook at {notebook_path}: check the path.")
    check_parameters(nbformat.read(notebook_path, as_version=4), parameters, notebook_path.stem)
    try:
        out_path.parent.mkdir(parents=True, exist_ok=True)
        out_path.open("ab").close()
    except OSError as cause:
        raise InputError(
            f"{out_path} cannot be written ({cause.strerror}): choose another file."
        ) from None
    try:
        with _environment(environment or {}):
            return papermill.execute_notebook(
                notebook_path.resolve(),
                out_path,
                parameters,
                kernel_name=KERNEL["name"],
                progress_bar=progress,
                cwd=out_path.parent,
                execution_timeout=timeout,
                extra_arguments=[
                    "--IPKernelApp.log_level=40"
                ],  # ipykernel warns of its own TCP connection each time
                record_timing=False,
                store_widget_state=False,
                coalesce_streams=True,
            )
    except papermill.PapermillExecutionError as error:
        said = f"{error.ename}: {error.evalue}"
        raise NotebookError(f"{notebook_path.stem}, cell [{error.exec_count}], {said}") from None
    except CellTimeoutError:
        raise NotebookError(
            f"{notebook_path.stem}: a cell ran longer than {timeout} seconds, see {out_path}"
        ) from None
    except DeadKernelError:
        raise NotebookError(
            f"{notebook_path.stem}: the kernel died (out of memory?), see {out_path}"
        ) from None


def execute_whole(
    notebook_path: str | Path, page: Path, parameters: Mapping[str, Any], progress: bool = False
) -> None:
    """Execute a notebook into `page`, which appears when it is whole; what a failing cell leaves
    stays in a hidden file.

    The header of a lesson, badges and links to its neighbours, is left out: the page is a record of
    its own.
    """
    if page.is_dir():
        raise InputError(f"{page} is a folder: name the file that the page is to be.")
    half = page.with_name(f".{page.stem}.unfinished.ipynb")
    executed = execute_notebook(notebook_path, half, parameters, progress)
    executed.cells = [cell for cell in executed.cells if "header" not in tags(cell)]
    write_notebook(executed, page)
    half.unlink()


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """The variables a kernel inherits. More threads make small networks many times slower and
    change the last digits.
    """
    values = {
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "PYTHONHASHSEED": "0",
        **wanted,
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def exercise_version(solution: Any) -> Any:
    """The notebook that students open: exercises blank, solutions gone, everything else as
    executed.
    """
    import nbformat

    notebook = nbformat.from_dict({**solution, "cells": []})
    for index, cell in enumerate(cell for cell in solution.cells if "solution" not in tags(cell)):
        cell = nbformat.from_dict(dict(cell))
        if "exercise" in tags(cell):
            cell.source = blank(cell.source, tags(cell))
        if cell.cell_type == "code" and {"exercise", "check"} & set(tags(cell)):
            cell.outputs, cell.execution_count = [], None
        notebook.cells.append(number_cell(cell, index))
    return notebook


def blank(source: str, cell_tags: list[str] | None = None) -> str:
    """Replace what follows the line `# solution`, and that line itself, by a place to write.

    >>> print(blank("def double(x):\\n    # solution\\n    return 2 * x"))
    def double(x):
        # Write your code here.
        raise NotImplementedError

    Errors: InputError where there is no such line, or where the error would stop Run All because it
    stands outside a function and the cell is not tagged `raises-exception`.
    """
    marker = re.search(r"^([ \t]*)# solution[ \t]*$", source, re.MULTILINE)
    first = source.partition("\n")[0]
    if marker is None:
        raise InputError(
            f"The exercise cell `{first}` has no line `# solution`: mark where the answer starts."
        )
    indent = marker[1]
    if not indent and "raises-exception" not in (cell_tags or []):
        raise InputError(
            f"`# solution` stands outside a function in the exercise cell `{first}`, so Run All"
            " would stop there: move it into a function or tag the cell raises-exception."
        )
    return (
        f"{source[: marker.start()]}{indent}# Write your code here.\n{indent}raise"
        " NotImplementedError"
    )


def tidy(executed: Any, name: str) -> Any:
    """Take from an executed notebook everything that differs from run to run or that a static view
    cannot show.

    Errors: NotebookError where an output is a live widget alone: without a picture beside it GitHub
    shows nothing.
    """
    for cell in executed.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_bar(output)]
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                if "image/png" not in output.data:
                    shown = cell.source.rstrip().splitlines()[-1]
                    raise NotebookError(
                        f"{name}: the widget shown by `{shown}` has no static picture beside it:"
                        " add one."
                    )
                del output.data[WIDGET]
    return executed


def _is_bar(output: Any) -> bool:
    """Is it a progress bar of tqdm? Its rate is never the same twice, and TQDM_DISABLE does not
    reach the notebook kind.
    """
    return bool(
        re.search(r"\d+/(\d+|\?) \[|\d+it \[", output.get("data", {}).get("text/plain", ""))
    )


def write_notebook(notebook: Any, path: Path) -> None:
    """Write a notebook, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text(notebook), encoding="utf-8")


def text(notebook: Any) -> str:
    """The bytes of a notebook as they stand in its file."""
    import nbformat

    return nbformat.writes(notebook, version=4) + "\n"


def number_cell(cell: Any, index: int) -> Any:
    """Give a cell the id that follows from its place and source and keep of its metadata the tags:
    the same bytes always.
    """
    cell["metadata"] = type(cell.metadata)({"tags": tags(cell)} if tags(cell) else {})
    cell["id"] = f"{index:02d}-{hashlib.sha256(cell.source.encode()).hexdigest()[:8]}"
    return cell


def tags(cell: Any) -> list[str]:
    """The tags of a cell."""
    return cell.metadata.get("tags", [])
