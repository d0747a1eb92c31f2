"""The first lesson as a student opens it in JupyterLab: run to the end, and used by keyboard."""

import re
import time
from html import unescape

import nbformat
import pytest
from browser import OUTPUTS, PICTURES, chromium_page, jupyterlab, needs_chromium, run_all

from ucmt_lite.course import lessons

COURSE = lessons.read_course()
LESSON = next(iter(COURSE.lessons), None)
PLOT = "application/vnd.plotly.v1+json"
SLIDERS = "input[type=range], .noUi-handle"
DRAWN = """output => [...output.querySelectorAll('canvas, img, svg')]
  .map(picture => picture.toDataURL?.() ?? picture.src ?? picture.outerHTML).join()"""

pytestmark = [needs_chromium, pytest.mark.skipif(LESSON is None, reason="there is no lesson yet")]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The quick copy of the first lesson with all its cells run.

    `page.faults` is what the page complained about.
    """
    import papermill

    root, quick = tmp_path_factory.mktemp("lab"), COURSE.lessons[LESSON].quick
    copy = root / f"{LESSON}.ipynb"
    papermill.execute_notebook(
        COURSE.paths(LESSON)[0], copy, quick, prepare_only=True, progress_bar=False
    )
    with jupyterlab(root, tmp_path_factory.mktemp("settings")) as address, chromium_page() as page:
        run_all(page, f"{address}/lab/tree/{copy.name}?reset")
        yield page


def test_every_cell_runs_in_the_lab(page):
    cells = page.evaluate(OUTPUTS)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{LESSON}.png")
    assert len(cells) > 1 and all(cell["count"] for cell in cells)
    assert not [cell for cell in cells if "error" in cell["outputs"]]
    assert page.faults == []


def test_an_explorer_follows_the_keyboard(page):
    """A guess by keys brings the explorer; an arrow key on its slider draws another picture."""
    guess = page.locator(f".jp-OutputArea-output :is({SLIDERS})").first
    if guess.count() == 0:
        pytest.skip(f"{LESSON} has no slider")
    output = page.locator(".jp-OutputArea-output").filter(has=page.locator(SLIDERS)).first
    guess.focus()
    page.keyboard.press("ArrowRight")
    output.locator("button", has_text="That is my answer").press("Enter")
    slider = output.locator(f".ucmt-stack :is({SLIDERS})").first
    slider.wait_for(timeout=10_000)
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


def test_a_page_that_nobody_runs_tells_its_pictures(page, tmp_path, tmp_path_factory):
    """The lab shows a page that it does not trust; its pictures still come with sentences."""
    solution = COURSE.paths(LESSON)[1]
    (tmp_path / solution.name).write_bytes(solution.read_bytes())
    with jupyterlab(tmp_path, tmp_path_factory.mktemp("settings")) as address:
        page.goto(f"{address}/lab/tree/{solution.name}?reset")
        pictures = page.locator(".jp-OutputArea-output img[src^='data:']")
        pictures.first.wait_for(timeout=60_000)
        alts = [picture.get_attribute("alt") for picture in pictures.all()]
        assert page.locator(".jp-OutputArea-output summary").count() > 1, "answers are folded"
    cells = nbformat.read(solution, as_version=4).cells
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    pages = [data.get("text/html", "") for data in shown if PLOT not in data]  # a plot is alive
    still = [
        unescape(alt) for html in pages for alt in re.findall(r'<img[^>]* alt="([^"]+)"', html)
    ]
    assert alts == still and len(still) > 1
