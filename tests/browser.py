"""JupyterLab in a real Chromium, for the tests that need one: a server, a page, a notebook run."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PICTURES = Path(__file__).parents[1] / "runs" / "browser"  # screenshots, to be looked at
# No news pop-up over the page, no autosave into the notebook, every cell on the page, seen or not.
QUIET = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]
KERNEL_READY = """() => {
  const kernel = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel;
  return kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code')
  .map(({ model }) => ({
    count: model.executionCount,
    outputs: model.outputs.toJSON().map(output => output.output_type),
  }))"""

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: `make browser` installs it where apt-get may"
)


@contextmanager
def jupyterlab(root, settings, module="jupyterlab", app="LabApp", **overrides):
    """Run JupyterLab over the folder `root`, and give its address.

    `settings` is an empty folder for its log and settings. Notebook 7 is made of the same parts:
    its module is "notebook", its app "JupyterNotebookApp".
    """
    (settings / "overrides.json").write_text(json.dumps({**QUIET, **overrides}))
    port = free_port()
    options = {
        "ServerApp.port_retries": 0,
        "IdentityProvider.token": "",
        "ServerApp.root_dir": root,
    }
    options |= {f"{app}.expose_app_in_browser": True, f"{app}.app_settings_dir": settings}
    command = [
        sys.executable,
        "-m",
        module,
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--allow-root",
    ]
    with (settings / "server.log").open("w") as log:
        server = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status", server, settings / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(address, server, log):
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"The server did not start: {log.read_text()[-2000:]}")


@contextmanager
def chromium_page(width=1280, height=1600, **more):
    """A page; what it complains about is collected in `page.faults`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height}, **more)
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        yield page
        browser.close()


def run_all(page, address, timeout=240_000, command="run-all-cells"):
    """Open a notebook in the lab and run all its cells; with "run-all-above" all but the last."""
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_function(KERNEL_READY, timeout=60_000)  # earlier, run-all would do nothing
    page.evaluate(
        "() => { const n = window.jupyterapp.shell.currentWidget.content; n.activeCellIndex ="
        " n.widgets.length - 1; }"
    )
    page.evaluate(f"() => window.jupyterapp.commands.execute('notebook:{command}')")
    page.wait_for_function(KERNEL_READY, timeout=timeout)


def only_the_notebook(page):
    """Hide the lab's side bars, as a reader with a small screen does."""
    page.evaluate("""async () => {
      const { commands, shell } = window.jupyterapp;
      for (const side of ['left', 'right']) {
        await commands.execute('application:toggle-side-tabbar', { side });
      }
      shell.collapseLeft();
    }""")


def write_notebook(path, *cells):
    import nbformat

    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells]
    )
    notebook.metadata.kernelspec = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    nbformat.write(notebook, path)
