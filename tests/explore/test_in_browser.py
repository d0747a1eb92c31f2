"""Every explorer in JupyterLab in a real Chromium: used by keys and mouse, its pixels looked at.

Screenshots are kept in runs/browser/explorers.
"""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from browser import (
    PICTURES,
    chromium_page,
    free_port,
    jupyterlab,
    needs_chromium,
    only_the_notebook,
    run_all,
    wait_for,
    write_notebook,
)
from synthetic import disc, synthetic

from ucmt_lite.explore import dashboard, uncertainty
from ucmt_lite.explore.draw.palette import DIFFERENT
from ucmt_lite.explore.draw.picture import overlap
from ucmt_lite.explore.draw.stack import as_level, colour_table

pytestmark = needs_chromium
HERE = str(__file__).rpartition("/")[0]
SHOTS = PICTURES / "explorers"
RUNS = ("mean_teacher", "cps", "ucmt")
CELLS = [
    f"""import sys
sys.path.insert(0, {HERE!r})
import torch
from synthetic import disc, synthetic
from ucmt_lite.training import traces
from ucmt_lite.data import Batches, cases, load
from ucmt_lite.explore import annotate, compare, ema, monitor
from ucmt_lite.explore import training, umix_lab, uncertainty, volume
from ucmt_lite.explore.predict_first import a_choice, a_number, predict_first
from ucmt_lite.methods import build_nets
from ucmt_lite.nets import make
from ucmt_lite.training.recorder import Recorder
from ucmt_lite.training.fit import fit
torch.set_num_threads(1)
runs = [traces.load_trace(f"{{name}}.npz") for name in {RUNS}]
ucmt = runs[-1]""",
    "training.widget(ucmt)",
    "uncertainty.widget(ucmt)",
    """hearts = load("phantom_heart", size=32, count=(4, 2, 2))
train, probe = cases(hearts.splits["train"]), cases(hearts.splits["validation"])
nets = build_nets("ucmt", lambda: make("unet_small", 1, 4, 2))
umix_lab.widget(nets, probe, top_k=2)""",
    "ema.widget()",
    "compare.widget(runs)",
    """cube = disc(24, 12, 10, 6)[None].repeat(16, 0)
volume.widget(cube * 200, {'truth': cube}, point=(8, 12, 10))""",
    "drawing = annotate.widget(ucmt.image[0], ucmt.truth[0])\ndrawing",
    """number = a_number("Where does UCMT end?", [0.7, 0.9], (0, 1))
predict_first(training.widget(ucmt), number)""",
    """choice = a_choice("Who ends ahead?", compare.values_at(runs, "dice"), max, "Dice at the end")
predict_first(compare.widget(runs), choice)""",
    """batches = Batches(train.select(train.ids[:2]), train, batch=(1, 1))
with monitor.widget(Recorder("ucmt", probe, 4, every=2)) as live:
    fit("ucmt", nets, batches, 100_000, grid=8, recorder=live, checkpoint="c.pt")
print("ended after", torch.load("c.pt", weights_only=True)["step"])""",
]
# The colour in the middle of every pixel of the image.
PIXELS = """(canvas, [rows, columns]) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const out = [];
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) {
    const y = Math.floor((r + 0.5) * height / rows);
    const x = Math.floor((c + 0.5) * width / columns);
    const start = 4 * (y * width + x);
    out.push(...data.slice(start, start + 3));
  }
  return out;
}"""
# Counts the pictures that are put on a canvas from now on.
COUNT = """() => {
  window.put = 0;
  const { prototype } = CanvasRenderingContext2D;
  const draw = prototype.putImageData;
  prototype.putImageData = function (...args) {
    window.put++;
    return draw.apply(this, args);
  };
}"""
# The positions that are sent to the kernel from now on.
LISTEN = """() => {
  window.heard = [];
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  kernel.anyMessage.connect((_, { direction, msg }) => {
    const sent = msg.header.msg_type === 'comm_msg' && direction === 'send';
    const position = sent && msg.content.data.state?.position;
    if (position) window.heard.push(position);
  });
}"""
ASK = """async code => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const request = { code: '', user_expressions: { answer: code }, store_history: false };
  const reply = await kernel.requestExecute(request).done;
  return reply.content.user_expressions.answer.data['text/plain'];
}"""


def asked(page, expression):
    """What the kernel says."""
    return page.evaluate(ASK, expression)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root, settings = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("settings")
    SHOTS.mkdir(parents=True, exist_ok=True)
    write_notebook(root / "explorers.ipynb", *CELLS)
    for name in RUNS:
        synthetic(name, size=64).save(root / f"{name}.npz")
    with jupyterlab(root, settings) as address, chromium_page(1280, 1200) as page:
        outside = []
        page.on(
            "request",
            lambda request: outside.append(request.url) if address not in request.url else None,
        )
        run_all(page, f"{address}/lab/tree/explorers.ipynb?reset", command="run-all-above")
        page.outside = outside
        page.wait_for_selector(".ucmt-annotate canvas", timeout=30_000)
        yield page


def cell(page, number):
    """The output of a cell, in view."""
    area = page.locator(".jp-CodeCell").nth(number).locator(".jp-Cell-outputArea")
    area.scroll_into_view_if_needed()
    return area


def pixels(canvas, *sides):
    return np.array(canvas.evaluate(PIXELS, sides)).reshape(*sides, 3)


def keys(page, widget, *names):
    widget.focus()
    for name in names:
        page.keyboard.press(name)


def until_changed(page, locator, read, before):
    for _ in range(200):
        if read(locator) != before:
            return
        page.wait_for_timeout(50)
    pytest.fail("the picture did not change")


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def test_training_draws_what_the_trace_holds(page):
    area, trace = cell(page, 1), synthetic("ucmt", size=64)
    widget, canvas = area.locator(".ucmt-stack"), area.locator("canvas")
    page.wait_for_timeout(300)
    area.screenshot(path=SHOTS / "training.png")
    # Outlines off, first step, second image.
    keys(page, widget, "4", "5", "6", "7", "Home", "ArrowUp")
    a, b = trace.predictions["student1"][0, 1], trace.predictions["student2"][0, 1]
    grey = trace.image[1].repeat(3, -1).astype(float)
    expected = np.where((a != b)[..., None], 0.35 * grey + 0.65 * rgb(DIFFERENT), grey)
    assert np.abs(pixels(canvas, 64, 64) - expected).max() <= 2
    keys(page, widget, "2", "1")  # disagreement off, uncertainty on
    table = colour_table("cividis")[:, :3].astype(float)
    expected = 0.35 * grey + 0.65 * table[as_level(trace.uncertainty[0, 1], np.log(2))]
    assert np.abs(pixels(canvas, 64, 64) - expected).max() <= 2
    text = area.locator("dl").inner_text()
    assert f"{overlap(a, trace.truth[1]):.3f}" in text and f"{100 * (a != b).mean():.1f} %" in text
    keys(page, widget, "ArrowRight")
    assert area.locator(".ucmt-value").first.inner_text() == "200"
    assert np.abs(pixels(canvas, 64, 64) - expected).max() > 20
    chart = area.locator(".ucmt-chart svg").first.bounding_box()
    page.mouse.click(chart["x"] + chart["width"] * 0.94, chart["y"] + chart["height"] / 2)
    assert area.locator(".ucmt-value").first.inner_text() == "600", "a click on a curve goes there"
    keys(page, widget, "1", "2", "4", "5", "6", "7", "Home", " ")
    element = area.locator(".ucmt-speech").element_handle()
    page.wait_for_function(
        "e => e.textContent.startsWith('UCMT, iterations 600')", arg=element, timeout=5000
    )
    assert area.locator("canvas").get_attribute("aria-label").startswith("UCMT, iterations 600")


def test_the_kernel_hears_where_the_reader_rests_and_nothing_on_the_way(page):
    area = cell(page, 1)
    keys(page, area.locator(".ucmt-stack"), "End")
    page.wait_for_timeout(1000)
    page.evaluate(LISTEN)
    # A drag over the chart; each place is less than a rest away from the next.
    for place in (0, 3, 1, 4, 2, 5, 1, 3, 0, 2):
        area.locator("input").first.evaluate(
            "(e, to) => { e.value = to; e.dispatchEvent(new Event('input', { bubbles: true })); }",
            place,
        )
    assert (
        area.locator(".ucmt-value").first.inner_text() == "300"
        and page.evaluate("window.heard") == []
    )
    page.wait_for_function("() => window.heard.length", timeout=5000)
    assert page.evaluate("window.heard") == [{"frame": 2, "item": 1}]
    element = area.locator("canvas").element_handle()
    page.wait_for_function(
        "e => e.getAttribute('aria-label').startsWith('UCMT, iterations 300')", arg=element
    )
    assert asked(page, "Out[2].position") == "{'frame': 2, 'item': 1}"
    keys(page, area.locator(".ucmt-stack"), "End")


def test_pictures_have_the_pixels_of_the_screen_and_only_what_changed_is_drawn(page):
    area = cell(page, 6)
    sides = area.locator("canvas").first.evaluate(
        "e => [e.width, e.height, e.clientWidth, e.clientHeight]"
    )
    assert sides[:2] == pytest.approx(sides[2:], abs=1) and sides[0] > 100
    page.evaluate(COUNT)
    keys(page, area.locator(".ucmt-stack"), "ArrowLeft")
    assert page.evaluate("window.put") == 3, "one plane, and the cross of the others"
    keys(page, area.locator(".ucmt-stack"), "ArrowRight")
    widget = cell(page, 2).locator(".ucmt-stack")
    # Nothing that is shown depends on the threshold any more.
    keys(page, widget, "3", "ArrowRight", "ArrowLeft")
    assert page.evaluate("window.put") == 3 + 3 + 1
    keys(page, widget, "3")


def test_keys_stay_in_the_explorer(page):
    """Arrow keys do not move the notebook, and two d's do not delete the cell."""
    cells = page.locator(".jp-CodeCell").count()
    keys(page, cell(page, 1).locator(".ucmt-stack"), "d", "d", "b", "a", "ArrowDown")
    keys(page, cell(page, 1).locator("input[type=range]").first, "d", "d", "ArrowLeft")
    page.wait_for_function(
        "e => e.textContent === '500'",
        arg=cell(page, 1).locator(".ucmt-value").first.element_handle(),
        timeout=5000,
    )
    assert page.locator(".jp-CodeCell").count() == cells


def test_the_threshold_keeps_what_counting_keeps(page):
    area, trace = cell(page, 2), synthetic("ucmt", size=64)
    # No outline, first step.
    keys(page, area.locator(".ucmt-stack"), "4", *["ArrowDown"] * 5, *["ArrowRight"] * 10)
    level = float(area.locator(".ucmt-value").first.inner_text())
    kept = uncertainty.kept_share(
        trace,
        np.linspace(0, np.log(2), uncertainty.LEVELS)[round(level / np.log(2) * 64)],
        step=100,
    )
    text = area.locator("dl").inner_text()
    assert f"{100 * kept.share:.1f} %" in text and f"{100 * kept.accuracy:.1f} %" in text
    dot = area.locator(".ucmt-chart circle").first
    before = dot.get_attribute("cx")
    keys(page, area.locator(".ucmt-stack"), "ArrowRight", "4")
    assert dot.get_attribute("cx") != before, "the dot runs along the curve"
    area.screenshot(path=SHOTS / "uncertainty.png")


def test_the_risk_chart_takes_the_scale_of_the_image_that_is_shown(page):
    area, trace = cell(page, 2), synthetic("ucmt", size=64)
    chart = area.locator(".ucmt-chart").first
    frames = uncertainty.widget(trace).spec["charts"][0]["frames"]
    grids = [re.findall(r' y1="([\d.]+)"', frame["svg"]) for frame in frames]
    assert grids[0] != grids[1]
    images = area.get_by_label("image", exact=True)
    for image, key in ((0, "ArrowRight"), (1, "ArrowLeft"), (0, "Tab")):
        lines = chart.locator("g line").evaluate_all("all => all.map(l => l.getAttribute('y1'))")
        assert lines == grids[image]
        assert chart.locator("path").count() == chart.locator("circle").count() == 1
        images.press(key)


def test_the_umix_lab_mixes_again_when_a_slider_moves(page):
    area = cell(page, 3)
    board = area.locator(".ucmt-tiles")
    before, words = board.screenshot(), area.locator("p").first.inner_text()
    assert "top_k 2 on a grid of 8 x 8" in words
    keys(page, area.locator(".noUi-handle").nth(2), "ArrowRight")
    until_changed(page, area, lambda locator: locator.locator("p").first.inner_text(), words)
    assert "top_k 3 on a grid" in area.locator("p").first.inner_text()
    page.wait_for_timeout(200)
    assert area.locator(".ucmt-tiles").screenshot() != before
    area.screenshot(path=SHOTS / "umix_lab.png")


def test_the_teacher_collapses_at_equal_shares(page):
    area = cell(page, 4)
    before = area.locator(".ucmt-tiles svg").first.screenshot()
    keys(page, area.locator(".noUi-handle").nth(1), *["PageDown"] * 5)  # the share of student 1
    page.wait_for_selector("text=worse than every student", timeout=5000)
    page.wait_for_timeout(500)  # the last of five answers
    assert area.locator(".ucmt-tiles svg").first.screenshot() != before
    area.screenshot(path=SHOTS / "ema.png")


def test_curves_tell_their_values_under_the_pointer_and_leave_when_their_name_is_clicked(page):
    area, trace = cell(page, 5), synthetic("ucmt", size=64)
    area.locator(".js-plotly-plot").wait_for(timeout=15_000)
    heights = []
    for panel, curve in enumerate(("disagreement", "uncertainty", "dice")):
        values_at = [hovered(page, area, panel, share) for share in (0.2, 0.8)]
        assert values_at[0][0] < values_at[1][0], "the values follow the pointer"
        for step, values in values_at:
            index = trace.step.tolist().index(step)
            expected = {
                name: synthetic(run, size=64).curves[curve][index]
                for name, run in (
                    ("UCMT", "ucmt"),
                    ("CPS", "cps"),
                    ("Mean Teacher", "mean_teacher"),
                )
            }
            assert values == {name: f"{value:.3f}" for name, value in expected.items()}
        heights.append(area.locator(".nsewdrag").nth(panel).bounding_box()["y"])
    assert heights == sorted(heights)
    area.screenshot(path=SHOTS / "compare.png")
    drawn = area.locator(".scatterlayer .trace").count()
    area.locator(".legendtoggle").first.click()
    page.wait_for_timeout(800)  # it waits for a second click, which would show that line alone
    assert area.locator(".scatterlayer .trace").count() == drawn - 3, "one line a panel is gone"
    assert len(hovered(page, area, 0, 0.5)[1]) == 2
    area.locator(".legendtoggle").first.click()
    page.wait_for_timeout(800)
    assert area.locator(".scatterlayer .trace").count() == drawn


def hovered(page, area, panel, share):
    """What the plot tells where the pointer stands: the iteration, and each name's value."""
    place = area.locator(".nsewdrag").nth(panel).bounding_box()
    page.mouse.move(place["x"] + place["width"] * share - 9, place["y"] + place["height"] / 2)
    page.mouse.move(place["x"] + place["width"] * share, place["y"] + place["height"] / 2)
    page.wait_for_timeout(300)
    area.locator(".hoverlayer .legendtext").first.wait_for(timeout=5000)
    step = area.locator(".hoverlayer .legendtitletext").first.text_content()
    lines = area.locator(".hoverlayer .legendtext").all_text_contents()
    return int(step), {
        name.strip(): value.strip() for name, value in (line.rsplit(":", 1) for line in lines)
    }


def test_a_click_in_one_plane_moves_the_others(page):
    area = cell(page, 6)
    values, planes = area.locator(".ucmt-value"), area.locator("canvas")
    assert values.all_inner_texts() == ["8", "12", "10"]
    before = [planes.nth(i).screenshot() for i in range(3)]
    place = planes.nth(0).bounding_box()
    page.mouse.click(
        place["x"] + place["width"] * 20.5 / 24, place["y"] + place["height"] * 3.5 / 24
    )
    assert values.all_inner_texts() == ["8", "3", "20"]
    after = pixels(planes.nth(2), 16, 24)
    assert (after[:4, 10:] == 0).all(), "beside the cylinder there is nothing"
    assert all(planes.nth(i).screenshot() != before[i] for i in range(3))
    keys(page, planes.nth(0), "ArrowRight")
    assert values.first.inner_text() == "9"
    area.screenshot(path=SHOTS / "volume.png")


def test_a_mask_is_drawn_by_mouse_and_by_keys_and_compared(page):
    area = cell(page, 7)
    canvas = area.locator("canvas")
    blank, place = pixels(canvas, 64, 64), canvas.bounding_box()
    x, y = place["x"] + place["width"] * 0.42, place["y"] + place["height"] * 0.5
    page.mouse.move(x + 100, y)
    page.mouse.down()
    for turn in np.linspace(0, 2 * np.pi, 40):
        page.mouse.move(x + 100 * np.cos(turn), y + 100 * np.sin(turn))
    page.mouse.up()
    ring = (pixels(canvas, 64, 64) != blank).any(-1).sum()
    area.locator("button", has_text="fill inside").click()
    filled = (pixels(canvas, 64, 64) != blank).any(-1).sum()
    assert ring > 100 and filled > 2 * ring
    keys(page, canvas, *["ArrowUp"] * 3, " ", "u")
    area.locator("button", has_text="compare").click()
    area.locator("text=the expert marked 796 pixels").wait_for(timeout=5000)
    assert disc(64, 32, 64 * 0.42, 16).sum() == 796 and "Dice 0." in area.inner_text()
    area.screenshot(path=SHOTS / "annotate.png")


def test_a_number_is_guessed_by_keys_and_the_explorer_follows(page):
    area = cell(page, 8)
    button = area.locator("button", has_text="That is my answer")
    button.press("Enter")
    area.locator("text=Move the slider first.").wait_for(timeout=5000)
    assert area.locator("canvas").count() == 0
    area.locator(".noUi-handle").press("PageUp")
    area.locator(".noUi-handle").press("ArrowRight")
    page.wait_for_timeout(500)
    area.screenshot(path=SHOTS / "a_number_asked.png")
    button.press("Enter")
    area.locator("canvas").wait_for(timeout=10_000)
    guess = float(asked(page, "number.board.value"))
    assert 0 < guess < 0.5 and f"You said {guess:.3f}, which is" in area.inner_text()
    sentence = "It is 0.800, the mean of 2 runs (0.700 to 0.900), on a scale from 0 to 1."
    assert area.locator(f"img[alt='{sentence}']").count() == 1
    area.screenshot(path=SHOTS / "a_number.png")


def test_a_choice_is_made_by_keys_and_the_plot_follows(page):
    area = cell(page, 9)
    button = area.locator("button", has_text="That is my answer")
    button.press("Enter")
    area.locator("text=Choose one first.").wait_for(timeout=5000)
    assert area.locator(".js-plotly-plot").count() == 0
    assert area.get_by_role("radio").count() == 3
    area.get_by_role("radio").first.press(" ")
    page.wait_for_timeout(500)
    area.screenshot(path=SHOTS / "a_choice_asked.png")
    button.press("Enter")
    area.locator(".js-plotly-plot .nsewdrag").first.wait_for(timeout=15_000)
    said = area.inner_text()
    assert "You chose Mean Teacher, the answer is UCMT. By chance one guess in 3 is right." in said
    assert area.locator("img[alt^='The answer is UCMT. Dice at the end: UCMT 0.']").count() == 1
    area.screenshot(path=SHOTS / "a_choice.png")


def test_all_read_well_on_a_small_screen_in_the_dark(page):
    page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab"
        " Dark' })"
    )
    page.set_viewport_size({"width": 390, "height": 1600})
    only_the_notebook(page)
    page.wait_for_timeout(1500)
    for number, name in enumerate(
        (
            *("training", "uncertainty", "umix_lab", "ema", "compare", "volume", "annotate"),
            *("a_number", "a_choice"),
        ),
        1,
    ):
        area = cell(page, number)
        area.screenshot(path=SHOTS / f"{name}_390_dark.png")
        wide = area.evaluate(
            "e => [...e.querySelectorAll('canvas, svg, button, input')].filter(x =>"
            " x.getBoundingClientRect().right > innerWidth).length"
        )
        assert wide == 0, f"{name} is wider than the screen"
    page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab"
        " Light' })"
    )
    page.set_viewport_size({"width": 1280, "height": 1200})


def test_the_stop_button_ends_training_after_the_step(page):
    page.evaluate(
        "() => { const n = window.jupyterapp.shell.currentWidget.content; n.activeCellIndex ="
        " n.widgets.length - 1; }"
    )
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell'); }")
    area = cell(page, 10)
    # One look is a line without length.
    area.locator(".ucmt-tiles path").first.wait_for(timeout=30_000, state="attached")

    def curve(locator):  # read at once: the board is written anew after every look
        return locator.evaluate("e => e.querySelector('.ucmt-tiles path').getAttribute('d')")

    until_changed(page, area, curve, curve(area))
    area.locator("button", has_text="stop after this step").click()
    area.locator("text=ended after").wait_for(timeout=30_000)
    area.screenshot(path=SHOTS / "monitor.png")
    assert area.locator("button", has_text="stopped").count() == 1


def test_nothing_was_fetched_from_elsewhere_and_no_script_complained(page):
    assert [url for url in page.outside if url.startswith("http")] == [] and page.faults == []


def test_the_dashboard_asks_for_its_token_and_moves(page, tmp_path, monkeypatch):
    pytest.importorskip("voila", reason="the dashboard needs the extra [dashboard]")
    monkeypatch.setenv("JUPYTER_TOKEN", "planted")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    # The README's command, which shows the recorded runs; most of them hold curves alone.
    command = [sys.executable, "-m", "ucmt_lite.cli", "dashboard", "--no-browser"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, f"--port={port}"], stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for(f"{address}/login", server, tmp_path / "log")
        page = page.context.browser.new_page(viewport={"width": 1280, "height": 2400})
        page.goto(f"{address}/voila/render/{dashboard.PAGE}")
        assert "/login" in page.url
        page.goto(f"{address}/voila/render/{dashboard.PAGE}?token=planted")
        first = page.locator(".ucmt-stack").first
        first.wait_for(timeout=60_000)
        page.locator(".ucmt-tiles").first.wait_for(timeout=30_000)
        before = pixels(first.locator("canvas").last, 64, 64)
        keys(page, first, "End")
        assert (pixels(first.locator("canvas").last, 64, 64) != before).any()
        page.locator(".js-plotly-plot").wait_for(timeout=30_000)
        assert page.locator(".ucmt-stack").count() == 2
        text = page.inner_text("body")
        assert "There was an error" not in text and "Traceback" not in text
        page.screenshot(path=SHOTS / "dashboard.png", full_page=True)
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # the command and the server that it waits for
        server.wait(timeout=30)
