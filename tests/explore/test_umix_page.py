"""The UMIX lab as one file: its networks run in a real Chromium, without a kernel and a network.

Screenshots are kept in runs/browser/pages.
"""

import json
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from browser import chromium_page, needs_chromium
from test_pages import PRESSED, SEEN, SHOTS, opened, served

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load
from ucmt_lite.explore import to_html, umix_lab, umix_page
from ucmt_lite.nets import make

MOVE = """([label, value]) => {
  const slider = document.querySelector(`[aria-label=${label}]`);
  slider.value = value;
  slider.dispatchEvent(new Event('input', { bubbles: true }));
}"""
NAME_OF_FOCUS = """() => {
  const { activeElement } = document;
  return activeElement.getAttribute('aria-label') ?? activeElement.textContent;
}"""
AT_REST = "() => document.querySelector('.ucmt-lab').getAttribute('aria-busy') === 'false'"


def few_weights():
    layers = (torch.nn.Conv2d(1, 8, 5, padding=2), torch.nn.LeakyReLU(), torch.nn.Conv2d(8, 4, 1))
    return torch.nn.Sequential(*layers)


def lab(**start):
    torch.manual_seed(0)
    # One as lessons train it; the others are written as ONNX in a fraction of the time.
    nets = {"student1": make("unet_small", 1, 4, 2, norm="instance")}
    nets |= {"student2": few_weights(), "teacher": few_weights()}
    hearts = cases(load("phantom_heart", size=32, count=(1, 4, 1)).splits["validation"])
    return umix_lab.widget(nets, hearts, **start)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is optional")
    try:
        umix_page.runtime_folder()
    except InputError as mistake:
        pytest.skip(str(mistake))
    SHOTS.mkdir(parents=True, exist_ok=True)
    widget = lab(image=1, top_k=3, grid=8)
    return to_html(widget, tmp_path_factory.mktemp("lab") / "umix_lab.html")


def words(page):
    """The captions and the sentence, once the networks have answered."""
    page.wait_for_function(AT_REST)
    captions = page.locator("figcaption").all_inner_texts()
    return captions, page.locator(".ucmt-wide p").first.inner_text()


def expected(sample):
    return [tile.caption for tile in umix_lab.sample_tiles(sample)], umix_lab.describe(sample)


@needs_chromium
def test_the_page_says_what_the_kernel_says(page_file):
    kernel = lab(image=1, top_k=3, grid=8).lab
    with opened(page_file.as_uri()) as page:
        assert words(page) == expected(kernel.sample(1, 3, 8, "umix"))
        page.evaluate(MOVE, ["top_k", 5])
        page.evaluate(MOVE, ["image", 3])
        assert words(page) == expected(kernel.sample(3, 5, 8, "umix"))
        page.get_by_text("identity").click()
        assert words(page) == expected(kernel.sample(3, 5, 8, "identity"))
        page.get_by_text("umix", exact=True).click()
        page.evaluate(MOVE, ["grid", 1])  # 4 x 4
        assert words(page) == expected(kernel.sample(3, 5, 4, "umix"))
        page.evaluate(MOVE, ["grid", 0])
        assert words(page) == expected(kernel.sample(3, 2, 2, "umix")), "2 is half of the cells"


@needs_chromium
def test_rivals_draw_cells_and_noise_of_their_own(page_file):
    with opened(page_file.as_uri()) as page:
        page.get_by_text("cutmix").click()
        captions, sentence = words(page)
        moved = int(captions[4].split()[2])
        assert (
            3 <= moved <= 6 and f"cutmix with top_k 3 on a grid of 8 x 8 cells: {moved}" in sentence
        )
        assert "cells drawn at random, replaced" in page.locator(".ucmt-key").inner_text()
        page.get_by_text("noise").click()
        captions, sentence = words(page)
        assert captions[4] == "mixed image, 0 cells replaced" and sentence.startswith("noise with")
        assert page.locator(".ucmt-key").inner_text() == "noise on every pixel: no cell moves"


@needs_chromium
def test_a_moved_cell_holds_the_pixels_of_its_source(page_file):
    kernel = lab().lab.sample(1, 3, 8, "umix")
    with opened(page_file.as_uri()) as page:
        words(page)
        # The mixed image below one student's outline: unlike tile 4 it has no letters on it.
        shown = page.evaluate(
            """() => {
              const canvas = document.querySelectorAll('canvas')[5];
              const { width, height } = canvas;
              const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
              const at = i => Math.floor((i + 0.5) * width / 32);
              const rows = Array.from({ length: 32 }, (_, y) => y);
              return rows.map(y => rows.map(x => data[4 * (at(y) * width + at(x))]));
            }"""
        )
    replaced = kernel.mixed[..., 0] != kernel.image[..., 0]
    as_mixed = np.abs(np.array(shown) - kernel.mixed[..., 0]) <= 1
    assert replaced.sum() > 20
    assert as_mixed[replaced].mean() > 0.5 and as_mixed[~replaced].mean() > 0.5  # beside outlines
    as_it_was = np.abs(np.array(shown) - kernel.image[..., 0]) <= 1
    assert as_it_was[replaced].mean() < 0.3


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
def test_the_lab_survives_clicks_and_keys(page_file, width):
    chance = random.Random(width)
    with opened(page_file.as_uri(), width) as page:
        words(page)
        page.screenshot(path=SHOTS / f"umix_lab_{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator(".ucmt-stack").bounding_box()
        for _ in range(30):
            if chance.random() < 0.5:
                down = min(box["height"], 900) * chance.random()
                page.mouse.click(box["width"] * chance.random(), down)
            else:
                page.keyboard.press(chance.choice(PRESSED))
        words(page)


@needs_chromium
def test_the_keyboard_alone_moves_every_control(page_file):
    with opened(page_file.as_uri()) as page:
        before, reached = page.evaluate(SEEN), []
        for _ in range(8):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(NAME_OF_FOCUS))
            page.keyboard.press("ArrowRight" if len(reached) <= 3 else "Enter")
            words(page)
            if len(reached) <= 7:
                now = page.evaluate(SEEN)
                assert (now != before) == (reached[-1] != "umix"), reached[-1]
                before = now
        assert reached[:7] == ["image", "grid", "top_k", "umix", "cutmix", "noise", "identity"]


@needs_chromium
def test_a_plain_server_may_give_the_page(page_file):
    with served(page_file.parent) as address, opened(f"{address}/{page_file.name}") as page:
        assert words(page)[0][0] == "image, truth"


@needs_chromium
def test_where_networks_cannot_run_the_picture_stays(page_file):
    with chromium_page(900, 900) as page:
        page.add_init_script("delete WebAssembly.__proto__; WebAssembly = undefined;")
        page.goto(page_file.as_uri())
        # Not by a string of JavaScript: the page forbids those to be evaluated.
        page.get_by_text("cannot run here").first.wait_for(timeout=60_000)
        status = page.locator("[role=status]").inner_text()
        assert status.startswith("The networks cannot run here, so this is a picture: ")
        assert page.locator("main img").evaluate("e => e.naturalWidth") > 500
        alt = page.locator("main img").get_attribute("alt")
        assert alt == umix_lab.describe(lab().lab.sample(1, 3, 8, "umix"))
        page.screenshot(path=SHOTS / "umix_lab_without.png")


def test_without_the_runtime_a_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(umix_page, "CHECKOUT", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="run npm install onnxruntime-web@"):
        to_html(lab(), tmp_path / "no.html")
    assert list(tmp_path.iterdir()) == []


def test_the_runtime_is_the_one_that_the_kit_pins():
    package = json.loads((umix_page.CHECKOUT / "package.json").read_text(encoding="utf-8"))
    assert package["devDependencies"][umix_page.RUNTIME] == umix_page.RUNTIME_VERSION


def test_images_of_several_sizes_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(umix_page, "runtime_folder", lambda: tmp_path)
    widget = lab()
    small, large = np.zeros((1, 32, 32), np.uint8), np.zeros((1, 64, 64), np.uint8)
    monkeypatch.setattr(widget.lab, "cases", SimpleNamespace(images=[small, large]))
    with pytest.raises(InputError, match="images of one size, these have 2 sizes"):
        to_html(widget, tmp_path / "no.html")
