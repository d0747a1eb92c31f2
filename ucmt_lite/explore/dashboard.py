"""The explorers as a page of their own, without code: Voila on recorded runs, on this computer and
behind a token.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.training import traces

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace

PAGE = "explorers.ipynb"
NOT_FOR_PAGES = ["jupyterlab-jupytext"]  # comes with the lab, fails where there is no file browser


def serve(files: Iterable[str | Path] = (), port: int = 8866, open_browser: bool = True) -> int:
    """Show the explorers on traces (those that come with the kit where none is named) until
    interrupted.

    The server listens on this computer only, and asks for the token in the address it prints.
    """
    for needed in ("voila", "jupyter_server"):
        if importlib.util.find_spec(needed) is None:
            raise InputError(
                "The dashboard needs Voila: install it with `pip install ucmt-lite[dashboard]`."
            )
    named = [Path(file).resolve() for file in files] or _recorded_files()
    runs = read_traces(named)
    with TemporaryDirectory(prefix="ucmt_lite_") as folder:
        (Path(folder) / PAGE).write_text(json.dumps(notebook(named, runs)), encoding="utf-8")
        return subprocess.run(command(folder, port, open_browser), check=False).returncode


def command(folder: str | Path, port: int, open_browser: bool) -> list[str]:
    """How the server is started. Its token is drawn anew each time, unless JUPYTER_TOKEN gives one."""
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
    """The traces that come with the kit."""
    folder = traces.RECORDED if traces.RECORDED.is_dir() else traces.INSTALLED
    files = sorted(folder.glob("*.npz"))
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
    """One run a method, of those that watched the same images as the last run; the last method is
    UCMT where there is one.
    """
    order = ["supervised", "mean_teacher", "cpc", "gct", "cps", "cmt", "ucmt"]
    runs = sorted(runs, key=lambda run: order.index(run.method) if run.method in order else -1)
    watched: dict[str, Trace] = {}
    for run in runs:
        if np.array_equal(run.image, runs[-1].image):
            watched.setdefault(run.method, run)
    return list(watched.values())[-3:]


def notebook(files: Sequence[Path], runs: Sequence["Trace"]) -> dict:
    """The page: one cell of text and one of code an explorer."""
    named = [str(file) for file in files]
    shown = side_by_side(runs)
    cells = [
        (
            "# Semi-supervised segmentation, to explore",
            (
                "from ucmt_lite.explore import compare, dashboard, ema, training, uncertainty,"
                f" volume\nruns = dashboard.read({named!r})\nshown = dashboard.side_by_side(runs)"
            ),
        ),
        ("## Training, image by image", "training.widget(shown)"),
        ("## Which pixels to trust", "uncertainty.widget(shown[-1])"),
        ("## Runs beside each other", "compare.widget(runs)"),
        ("## How a teacher follows", "ema.widget()"),
    ]
    if shown[-1].truth.ndim == 4:
        cells.insert(3, ("## The volume", "volume.widget(shown[-1])"))
    blank: dict = {"metadata": {}, "outputs": [], "execution_count": None}
    return {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "cells": [
            cell
            for text, code in cells
            for cell in (
                {"cell_type": "markdown", "metadata": {}, "source": text},
                {"cell_type": "code", "source": code, **blank},
            )
        ],
    }
