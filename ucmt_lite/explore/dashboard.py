"""The explorers as a page of their own, without code: Voila on recorded runs.

It listens on this computer, behind a token.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite import explore
from ucmt_lite.common import InputError
from ucmt_lite.methods import METHODS
from ucmt_lite.training import traces

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace

PAGE = "explorers.ipynb"
NOT_FOR_PAGES = ["jupyterlab-jupytext"]  # comes with the lab, fails where there is no file browser


def serve(files: Iterable[str | Path] = (), port: int = 8866, open_browser: bool = True) -> int:
    """Show the explorers on traces until interrupted.

    Without files they are the traces that come with the kit. The server listens on this computer
    only, and asks for the token in the address it prints.
    """
    for needed in ("voila", "jupyter_server"):
        if importlib.util.find_spec(needed) is None:
            raise InputError(
                "The dashboard needs Voila: install it with `pip install ucmt-lite[dashboard]`."
            )
    paths = [Path(file).resolve() for file in files] or _recorded_files()
    runs = read_traces(paths)
    with TemporaryDirectory(prefix="ucmt_lite_") as folder:
        (Path(folder) / PAGE).write_text(json.dumps(notebook(paths, runs)), encoding="utf-8")
        return subprocess.run(command(folder, port, open_browser), check=False).returncode


def command(folder: str | Path, port: int, open_browser: bool) -> list[str]:
    """Return the command that starts the server.

    Its token is drawn anew each time, unless JUPYTER_TOKEN gives one.
    """
    options = {
        "ip": "127.0.0.1",
        "port": port,
        "port_retries": 0,
        "root_dir": folder,
        "default_url": f"/voila/render/{PAGE}",
        "open_browser": open_browser,
        "jpserver_extensions": "{'voila.server_extension': True}",
        "allow_root": hasattr(os, "geteuid") and os.geteuid() == 0,
    }
    voila = f"--VoilaConfiguration.extension_denylist={NOT_FOR_PAGES!r}"
    return [
        sys.executable,
        "-m",
        "jupyter_server",
        *(f"--ServerApp.{k}={v}" for k, v in options.items()),
        voila,
    ]


def _recorded_files() -> list[Path]:
    """Return the traces that come with the kit."""
    files = sorted(traces.RECORDED.glob("*.npz"))
    if not files:
        raise InputError(
            "No recorded runs come with this installation: name trace files, ucmt-lite dashboard"
            " RUN/trace.npz."
        )
    return files


def read_traces(files: Sequence[str | Path]) -> list["Trace"]:
    """Open traces."""
    return [traces.load_trace(file) for file in files]


def side_by_side(runs: Sequence["Trace"]) -> list["Trace"]:
    """Return one run per method, three at most, of those that watched the same images.

    Methods stand in the order of the lessons, so that UCMT, where it was run, is the last; others
    come before. The images are those of the last one. Runs that hold curves alone stand back where
    others have maps, of which most explorers are made.
    """
    order = list(METHODS)
    runs = [run for run in runs if len(run.map_step)] or list(runs)
    runs = sorted(runs, key=lambda run: order.index(run.method) if run.method in order else -1)
    watched: dict[str, Trace] = {}
    for run in runs:
        if np.array_equal(run.image, runs[-1].image):
            watched.setdefault(run.method, run)
    return list(watched.values())[-3:]


def explorer(name: str, *runs: Any) -> Any:
    """Return the widget of an explorer on runs, or where they cannot be shown the sentence why.

    >>> explorer("training", []).value
    'There is nothing to show: give at least one trace.'
    """
    from ipywidgets import HTML

    try:
        return getattr(explore, name).widget(*runs)
    except InputError as error:
        return HTML(escape(str(error)))


def notebook(files: Sequence[Path], runs: Sequence["Trace"]) -> dict:
    """Return the page: for each explorer one cell of text and one of code."""
    shown = side_by_side(runs)
    imports = (
        "from ucmt_lite.explore import dashboard\n"
        f"runs = dashboard.read_traces({[str(file) for file in files]!r})\n"
        "shown = dashboard.side_by_side(runs)"
    )
    sections = [
        ("# Semi-supervised segmentation, to explore", imports),
        ("## Training, image by image", "dashboard.explorer('training', shown)"),
        ("## Which pixels to trust", "dashboard.explorer('uncertainty', shown[-1])"),
        ("## Runs beside each other", "dashboard.explorer('compare', runs)"),
        ("## How a teacher follows", "dashboard.explorer('ema')"),
    ]
    if shown[-1].truth.ndim == 4:
        sections.insert(3, ("## The volume", "dashboard.explorer('volume', shown[-1])"))
    cells: list[dict] = []
    for text, code in sections:
        unexecuted: dict = {"metadata": {}, "outputs": [], "execution_count": None}
        cells.append({"cell_type": "markdown", "metadata": {}, "source": text})
        cells.append({"cell_type": "code", "source": code, **unexecuted})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {"kernelspec": kernel},
        "cells": cells,
    }
