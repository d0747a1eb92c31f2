"""Running a notebook with parameters, and making what came out the same bytes every time."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError, atomic
from ucmt_lite.course.parameters import check_parameters

# What pages need beyond the kit itself, by the names they are imported by: the extra `lab`.
LAB = ("ipykernel", "jupytext", "papermill", "nbclient", "nbformat", "yaml")
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


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
    startup: Sequence[str] = (),
) -> Any:
    """Run a notebook with other parameters in the folder of `out_path`, write it and return it.

    When a cell fails, `out_path` holds everything up to that cell. `startup`: lines that the kernel
    runs before the first cell, and no page shows.

    Errors: InputError for unknown, unused or mistyped parameters; NotebookError `name, cell [n],
    error: text` when a cell fails, takes longer than `timeout` seconds, or the kernel dies.
    """
    import nbformat

    notebook_path = Path(notebook_path)
    out_path = Path(out_path).resolve()
    if not notebook_path.is_file():
        raise InputError(f"There is no notebook at {notebook_path}: check the path.")
    parameters = dict(parameters or {})
    check_parameters(nbformat.read(notebook_path, as_version=4), parameters, notebook_path.stem)
    try:
        out_path.parent.mkdir(parents=True, exist_ok=True)
        out_path.open("ab").close()
    except OSError as cause:
        raise InputError(
            f"{out_path} cannot be written ({cause.strerror}): choose another file."
        ) from None
    with _environment(environment or {}):
        return _execute_with_papermill(
            notebook_path, out_path, parameters, progress, timeout, startup
        )


def _execute_with_papermill(
    notebook_path: Path,
    out_path: Path,
    parameters: dict[str, Any],
    progress: bool,
    timeout: int | None,
    startup: Sequence[str],
) -> Any:
    """Let papermill run a notebook; tell in one sentence how it stopped, if it did."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    name = notebook_path.stem
    try:
        return papermill.execute_notebook(
            notebook_path.resolve(),
            out_path,
            parameters,
            kernel_name=KERNEL["name"],
            progress_bar=progress,
            cwd=out_path.parent,
            execution_timeout=timeout,
            extra_arguments=[
                "--IPKernelApp.log_level=40",  # it warns of its own TCP connection each time
                *(f"--IPKernelApp.exec_lines={line}" for line in startup),
            ],
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
        )
    except papermill.PapermillExecutionError as error:
        message = f"{error.ename}: {error.evalue}"
        raise NotebookError(f"{name}, cell [{error.exec_count}], {message}") from None
    except CellTimeoutError:
        raise NotebookError(
            f"{name}: a cell ran longer than {timeout} seconds, see {out_path}"
        ) from None
    except DeadKernelError:
        raise NotebookError(f"{name}: the kernel died (out of memory?), see {out_path}") from None


def execute_whole(
    notebook_path: str | Path, page: Path, parameters: Mapping[str, Any], progress: bool = False
) -> None:
    """Execute a notebook into `page`, which appears when it is whole.

    What a failing cell leaves stays in a hidden file. The header of a lesson, badges and links to
    its neighbours, is left out: the page is a record of its own.
    """
    if page.is_dir():
        raise InputError(f"{page} is a folder: name the file that the page is to be.")
    unfinished = page.with_name(f".{page.stem}.unfinished.ipynb")
    executed = execute_notebook(notebook_path, unfinished, parameters, progress)
    executed.cells = [cell for cell in executed.cells if "header" not in cell_tags(cell)]
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            _keep_one_picture(output)
    write_notebook(executed, page)
    unfinished.unlink()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set the variables that a kernel inherits.

    One thread by default: more make small networks many times slower and change the last digits.
    """
    values = {
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "PYTHONHASHSEED": "0",
        **variables,
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def exercise_version(solution: Any) -> Any:
    """Return what students open: exercises blank, solutions gone, everything else as it ran."""
    import nbformat

    notebook = nbformat.from_dict({**solution, "cells": []})
    kept = (cell for cell in solution.cells if "solution" not in cell_tags(cell))
    for index, original in enumerate(kept):
        cell = nbformat.from_dict(dict(original))
        tags = cell_tags(cell)
        if "exercise" in tags:
            cell.source = blank_answer(cell.source, tags)
        if cell.cell_type == "code" and {"exercise", "check"} & set(tags):
            cell.outputs = []
            cell.execution_count = None
        notebook.cells.append(number_cell(cell, index))
    return notebook


def blank_answer(source: str, tags: list[str] | None = None) -> str:
    """Replace the line `# solution` and what follows it by a place to write.

    >>> print(blank_answer("def double(x):\\n    # solution\\n    return 2 * x"))
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
    if not indent and "raises-exception" not in (tags or []):
        raise InputError(
            f"`# solution` stands outside a function in the exercise cell `{first}`, so Run All"
            " would stop there: move it into a function or tag the cell raises-exception."
        )
    lines = [f"{indent}# Write your code here.", f"{indent}raise NotImplementedError"]
    return source[: marker.start()] + "\n".join(lines)


def tidy_outputs(executed: Any, name: str) -> Any:
    """Take from an executed notebook what differs from run to run or no static view can show.

    Errors: NotebookError where an output is a live widget alone: without a picture beside it GitHub
    shows nothing.
    """
    for cell in executed.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [output for output in cell.outputs if not _is_progress_bar(output)]
        for output in cell.outputs:
            _keep_one_picture(output)
            if _WIDGET_VIEW not in output.get("data", {}):
                continue
            if not {"text/html", "image/png"} & set(output.data):
                last_line = cell.source.rstrip().splitlines()[-1]
                raise NotebookError(
                    f"{name}: the widget shown by `{last_line}` has no static picture beside it:"
                    " add one."
                )
            del output.data[_WIDGET_VIEW]
    return executed


def _keep_one_picture(output: Any) -> None:
    """Take the image from an output whose HTML holds it together with its sentence."""
    data = output.get("data", {})
    if "<img" in data.get("text/html", ""):
        for mime in ("image/png", "image/jpeg"):
            data.pop(mime, None)
            output.metadata.pop(mime, None)


def _is_progress_bar(output: Any) -> bool:
    """Return whether an output is a progress bar of tqdm, whose rate is never the same twice.

    TQDM_DISABLE does not reach the notebook kind.
    """
    text = output.get("data", {}).get("text/plain", "")
    return bool(re.search(r"\d+/(\d+|\?) \[|\d+it \[", text))


def write_notebook(notebook: Any, path: Path) -> None:
    """Write a notebook, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(notebook_text(notebook), encoding="utf-8")


def notebook_text(notebook: Any) -> str:
    """Return a notebook as the text of its file."""
    import nbformat

    return nbformat.writes(notebook, version=4) + "\n"


def number_cell(cell: Any, index: int) -> Any:
    """Give a cell an id made of its place and source, and keep only the tags of its metadata.

    The same source then gives the same bytes, always. What answers a question above it is tagged
    `hide-output`: the site folds it, and so does JupyterLab, but for its first line of text, until
    the reader runs the cell.
    """
    tags = cell_tags(cell)
    folded = {"jupyter": {"outputs_hidden": True}} if "hide-output" in tags else {}
    cell["metadata"] = type(cell.metadata)({"tags": tags, **folded} if tags else {})
    cell["id"] = f"{index:02d}-{hashlib.sha256(cell.source.encode()).hexdigest()[:8]}"
    return cell


def cell_tags(cell: Any) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])
