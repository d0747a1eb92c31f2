"""What readers of a page get, wherever it is shown: each picture's sentence, and code as code."""

import re
from functools import lru_cache
from html import unescape

import nbformat
import pytest
from browser import chromium_page, needs_chromium

from ucmt_lite.course import lessons
from ucmt_lite.explore.draw.picture import Picture, new_figure, show_source

COURSE = lessons.read_course()
PAGE = COURSE.paths("04_two_networks")[1]
TEMPLATES = ("lab", "classic", "basic")


def sentences(page):
    """The sentences of the pictures among the outputs of a page."""
    outputs = [output for cell in page.cells for output in cell.get("outputs", [])]
    return [output.data["text/plain"] for output in outputs if "<img" in str(output.get("data"))]


@lru_cache
def exported(kind):
    """A lesson as nbconvert exports it: with a template of HTML, or as Markdown."""
    from nbconvert import HTMLExporter, MarkdownExporter

    page = nbformat.read(PAGE, as_version=4)
    html = kind in TEMPLATES
    exporter = HTMLExporter(template_name=kind) if html else MarkdownExporter()
    return exporter.from_notebook_node(page)[0]


def alts(text):
    return [unescape(alt) for alt in re.findall(r'<img[^>]*\balt="([^"]*)"', text)]


@pytest.mark.parametrize("kind", [*TEMPLATES, "markdown"])
def test_every_picture_of_a_page_is_told_to_a_screen_reader(kind):
    wanted = sentences(nbformat.read(PAGE, as_version=4))
    assert len(wanted) == 3 and min(map(len, wanted)) > 40
    text = exported(kind)
    assert [alt for alt in alts(text) if alt in wanted] == wanted
    assert "No description has been provided" not in text


@needs_chromium
@pytest.mark.parametrize("kind", TEMPLATES)
def test_code_that_a_page_shows_is_monospaced_and_pictures_fit_a_phone(kind):
    with chromium_page(390, 844) as page:
        page.route(lambda url: url.startswith("http"), lambda route: route.abort())
        page.set_content(exported(kind))
        shown = page.locator(".highlight pre > code", has_text="def ").first
        assert "mono" in shown.evaluate("e => getComputedStyle(e).fontFamily", timeout=5000)
        pictures = page.locator("img[src^='data:']")
        assert pictures.count() == 3
        for i in range(3):
            assert pictures.nth(i).evaluate("e => e.getBoundingClientRect().right") <= 390


def test_a_sentence_with_signs_of_html_stays_a_sentence():
    picture = Picture(new_figure(1, 1)[0], 'Dice < 0.5 & "low".')
    assert alts(picture._repr_mimebundle_()[0]["text/html"]) == [picture.alt]


def test_code_is_shown_without_its_docstring_and_with_its_signs():
    def half(x):
        """Return the half."""
        return x / 2 if x < 2 else "<b>"

    with pytest.MonkeyPatch.context() as patch:
        shown = []
        patch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
        show_source(half)
    assert "Return the half" not in shown[0]["text/html"]
    code = unescape(re.sub("<.*?>", "", shown[0]["text/html"]))
    assert code.strip().endswith(shown[0]["text/plain"].strip()) and "<b>" in code
