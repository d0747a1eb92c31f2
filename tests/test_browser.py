"""JupyterLab in a real Chromium: the first lesson as a student opens it, run from top to bottom and used by keyboard."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from ucmt_lite import lessons

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
COURSE = lessons.read()
LESSON = next(iter(COURSE.lessons), None)
PICTURES = Path(__file__).parents[1] / "runs" / "browser"  # screenshots, to be looked at
QUIET = {  # no news pop-up over the page, and no autosave into the notebook
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
KERNEL_READY = """() => {
  const kernel = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel;
  return kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code')
  .map(cell => ({count: cell.model.executionCount, outputs: cell.model.outputs.toJSON().map(o => o.output_type)}))"""
SLIDERS = "input[type=range], .noUi-handle"
DRAWN = """output => [...output.querySelectorAll('canvas, img, svg')]
  .map(picture => picture.toDataURL ? picture.toDataURL() : picture.src ?? picture.outerHTML).join()"""

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: `make browser` installs it where apt-get may"),
    pytest.mark.skipif(LESSON is None, reason="there is no lesson yet"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab over a folder with the quick copy of the first lesson; gives the address of that notebook."""
    import papermill

    root = tmp_path_factory.mktemp("lab")
    quick = COURSE.lessons[LESSON].quick
    papermill.execute_notebook(
        COURSE.paths(LESSON)[0], root / f"{LESSON}.ipynb", quick, prepare_only=True, progress_bar=False
    )
    settings = tmp_path_factory.mktemp("settings")
    (settings / "overrides.json").write_text(json.dumps(QUIET))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"ServerApp.port_retries": 0, "IdentityProvider.token": "", "ServerApp.root_dir": root}
    options |= {"LabApp.expose_app_in_browser": True, "LabApp.app_settings_dir": settings}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root"]
    with (settings / "server.log").open("w") as log:
        server = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status", server, settings / "server.log")
        yield f"http://127.0.0.1:{port}/lab/tree/{LESSON}.ipynb?reset"
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(address, server, log):
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def page(lab):
    """The lesson with all its cells run, and in `page.faults` what the page complained about meanwhile."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.goto(lab)
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.wait_for_function(KERNEL_READY, timeout=60_000)  # earlier, run-all would do nothing
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(KERNEL_READY, timeout=240_000)
        yield page
        browser.close()


def test_every_cell_runs_in_the_lab(page):
    cells = page.evaluate(OUTPUTS)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{LESSON}.png")
    assert len(cells) > 1 and all(cell["count"] for cell in cells)
    assert not [cell for cell in cells if "error" in cell["outputs"]]
    assert page.faults == []


def test_an_explorer_follows_the_keyboard(page):
    """Another picture is drawn when the slider of the first explorer is moved by an arrow key."""
    slider = page.locator(f".jp-OutputArea-output :is({SLIDERS})").first
    if slider.count() == 0:
        pytest.skip(f"{LESSON} has no slider")
    output = page.locator(".jp-OutputArea-output").filter(has=page.locator(SLIDERS)).first
    before = output.evaluate(DRAWN)
    assert before, "there is a slider, but no picture beside it"
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # explorers may open at the last step
    page.keyboard.press("ArrowRight")
    until = time.monotonic() + 10
    while output.evaluate(DRAWN) == before and time.monotonic() < until:
        page.wait_for_timeout(100)
    output.screenshot(path=PICTURES / f"{LESSON}_explorer.png")
    assert output.evaluate(DRAWN) != before and page.faults == []
