"""Explorers as files of their own: alive in a real Chromium without a kernel and without a network.

Screenshots are kept in runs/browser/pages.
"""

import random
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
from browser import PICTURES, chromium_page, free_port, needs_chromium, wait_for
from synthetic import disc, synthetic

from ucmt_lite.common import InputError
from ucmt_lite.explore import annotate, compare, ema, to_html, training, uncertainty, volume
from ucmt_lite.explore.draw import viewer
from ucmt_lite.explore.draw.picture import Picture, new_figure
from ucmt_lite.explore.draw.stack import Stack

SHOTS = PICTURES / "pages"
CUBE = disc(24, 12, 10, 6)[None].repeat(16, 0)
EXPLORERS = {
    "training": lambda: training.widget([synthetic("cps", size=64), synthetic(size=64)]),
    "uncertainty": lambda: uncertainty.widget(synthetic(size=64)),
    "volume": lambda: volume.widget(CUBE * 200, {"truth": CUBE}, CUBE * 0.1),
    "ema": lambda: ema.widget(),
}
# Whatever could be pressed, now and then with nothing under it.
PRESSED = ["Tab", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", " ", *"123456"]
SEEN = """() => [...document.querySelectorAll('canvas, .ucmt-value, path')]
  .map(e => e.toDataURL?.() ?? e.getAttribute('d') ?? e.textContent).join()"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    SHOTS.mkdir(parents=True, exist_ok=True)
    return {name: to_html(make(), folder / f"{name}.html") for name, make in EXPLORERS.items()}


@contextmanager
def opened(address, width=1280):
    """The page of an explorer, which may ask for nothing but itself; complaints are collected."""
    with chromium_page(width, 900) as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.on(
            "console",
            lambda message: page.faults.append(message.text) if message.type == "error" else None,
        )
        page.context.set_offline(str(address).startswith("file:"))
        page.goto(address)
        page.locator(".ucmt-stack").wait_for(timeout=60_000)  # the UMIX lab loads its networks
        page.wait_for_timeout(400)
        yield page
        assert page.faults == []
        inside = ("data:", "blob:")
        assert [url for url in asked if not url.startswith(inside)] == [address]


@contextmanager
def served(folder):
    """The address of a plain server of files."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    log = folder / "log"
    with log.open("w") as file:
        server = subprocess.Popen([*command, "--directory", folder], stdout=file, stderr=file)
    try:
        wait_for(f"http://127.0.0.1:{port}", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", EXPLORERS)
def test_a_page_survives_clicks_and_keys_without_a_network(pages, name, width):
    chance = random.Random(width)
    with opened(pages[name].as_uri(), width) as page:
        page.screenshot(path=SHOTS / f"{name}_{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator(".ucmt-stack").bounding_box()
        for _ in range(30):
            if chance.random() < 0.5:
                down = min(box["height"], 900) * chance.random()
                page.mouse.click(box["width"] * chance.random(), down)
            else:
                page.keyboard.press(chance.choice(PRESSED))
        page.wait_for_timeout(400)


@needs_chromium
@pytest.mark.parametrize("name", EXPLORERS)
def test_the_keyboard_alone_is_enough(pages, name):
    with opened(pages[name].as_uri()) as page:
        before = page.evaluate(SEEN)
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''"))
            if page.evaluate("document.activeElement.type") == "range":
                page.keyboard.press("ArrowLeft")
        assert page.evaluate(SEEN) != before
        sliders = page.locator("input[type=range]")
        wanted = {slider.get_attribute("aria-label") for slider in sliders.all()}
        assert wanted and wanted <= reached


@needs_chromium
def test_a_server_may_give_the_page(pages):
    with served(pages["training"].parent) as address, opened(f"{address}/training.html") as page:
        assert page.locator("canvas").count() == 2


@needs_chromium
def test_a_page_begins_where_the_reader_stood(tmp_path):
    widget = training.widget(synthetic(size=64))
    widget.position, widget.shown = {"frame": 1, "item": 1}, ["truth"]
    with opened(to_html(widget, tmp_path / "here.html").as_uri()) as page:
        assert page.locator(".ucmt-value").all_inner_texts() == ["200", "1"]
        assert page.locator("[aria-pressed=true]").all_inner_texts() == ["truth"]


@needs_chromium
@pytest.mark.parametrize("share", [(0.99, 0.01), (1.0,)])
def test_the_paths_of_the_page_are_those_of_the_kernel(share, tmp_path):
    page_file = to_html(ema.widget(share=share), tmp_path / "ema.html")
    with opened(page_file.as_uri()) as page:
        words = page.locator("p[aria-live]")
        assert words.inner_text() == ema.figure(share=share).alt
        page.get_by_label("decay").fill(str(ema.DECAYS.index(0.9)))
        page.get_by_label("iteration").fill("120")
        assert words.inner_text() == ema.figure(0.9, share, until=120).alt
        if len(share) == 2:
            page.get_by_label("share of student 1").fill("0.5")
            assert "worse than every student" in words.inner_text()
            assert words.inner_text() == ema.figure(0.9, (0.5, 0.5), until=120).alt
            page.get_by_label("start in the same valley").check()
            same = ema.figure(0.9, (0.5, 0.5), until=120, same_valley=True)
            assert words.inner_text() == same.alt


def test_a_title_with_signs_of_html_ends_nothing(tmp_path):
    stack = Stack('"</script><b>&')
    stack.control("frame", "</script>", range(2))
    widget = viewer.show(stack, lambda position: Picture(new_figure(1, 1)[0], "A square."))
    text = to_html(widget, tmp_path / "title.html").read_text(encoding="utf-8")
    assert len(re.findall("</script>", text)) == 2
    assert "<title>&quot;&lt;/script&gt;&lt;b&gt;&amp;</title>" in text


def test_without_anywidget_the_same_page_is_written(monkeypatch):
    whole = training.widget(synthetic()).page()
    monkeypatch.setattr(viewer, "browser_draws", lambda: False)
    plain = training.widget(synthetic())
    assert isinstance(plain, viewer.Sliders)
    assert plain.page() == {**whole, "position": plain.position}


def test_what_needs_a_kernel_is_refused(tmp_path):
    trace = synthetic()
    for widget in (compare.widget([trace]), annotate.widget(trace.image[0], trace.truth[0])):
        with pytest.raises(InputError, match="cannot be exported, because it needs a kernel"):
            to_html(widget, tmp_path / "no.html")
    assert list(tmp_path.iterdir()) == []
