"""Slides: one idea each, in one file that asks the network for nothing."""

import re
import shutil
from html.parser import HTMLParser

import pytest
from browser import CHROMIUM, CHROMIUM_FLAGS
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ucmt_lite.cli import main
from ucmt_lite.common import InputError
from ucmt_lite.course import teach_slides
from ucmt_lite.course.lessons import read_course
from ucmt_lite.explore import ema
from ucmt_lite.explore.predict_first import a_choice, predict_first

pytest.importorskip("latex2mathml", reason="slides need latex2mathml: pip install latex2mathml")
COURSE = read_course()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    written = teach_slides.write_slides(out=tmp_path_factory.mktemp("slides"))
    return {page.stem: page for page in written}


def sections(page):
    found = re.findall(
        r'<section class="(\w*)"><h\d>(.*?)</h\d>\n(.*?)<footer>',
        page.read_text("utf-8"),
        re.DOTALL,
    )
    return found


def test_every_lesson_has_its_title_its_exercises_and_its_quiz(pages):
    assert list(pages) == list(COURSE.lessons)
    for name, page in pages.items():
        slides = sections(page)
        source = (COURSE.root / "src" / f"{name}.py").read_text(encoding="utf-8")
        kinds = [kind for kind, *_ in slides]
        assert slides[0][1] == COURSE.lessons[name].title
        assert kinds[0] == "title" or name >= "90"  # the last two are no lessons
        assert kinds.count("exercise") == source.count('# %% tags=["exercise"]')
        assert kinds.count("question") in (0, 3, 5)


def test_a_lesson_is_told_in_order_and_solutions_stay_away(pages):
    text = pages["08_umix"].read_text(encoding="utf-8")
    titles = [title for _, title, _ in sections(pages["08_umix"])]
    order = ["The question", "Exercise 1: the mean of each cell", "Mix on paper", "Does it pay?"]
    assert sorted(order, key=titles.index) == order
    assert titles.index("Recap") == len(titles) - 6 and titles[-1] == "Quiz, question 5"
    assert "NotImplementedError" in text and "order[:cells]" not in text
    assert "Hint 1" not in text and "AdaMix</em>, arXiv" not in text


def test_equations_are_mathml_and_none_is_left_in_tex(pages):
    for page in pages.values():
        shown = re.sub(
            r"<pre.*?</pre>|<script.*?</script>", "", page.read_text("utf-8"), flags=re.S
        )
        assert not re.search(r"\$[^$]+\$|\\[a-z]{2,}", re.sub(r'(src|alt)="[^"]*"', "", shown)), (
            page
        )
    text = pages["03_mean_teacher"].read_text(encoding="utf-8")
    assert text.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">') == 3


class Addresses(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.pictures = [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.found += [attributes[key] for key in ("src", "href", "srcset") if key in attributes]
        if tag == "img":
            self.pictures.append(attributes)


def test_a_page_loads_nothing_and_its_pictures_have_words(pages):
    for page in pages.values():
        parser = Addresses()
        parser.feed(page.read_text(encoding="utf-8"))
        assert all(address.startswith("data:image/") for address in parser.found), page
        assert all(len(picture["alt"]) > 20 for picture in parser.pictures), page
        assert not re.search(r"url\(|@import", page.read_text(encoding="utf-8"))


def test_no_slide_holds_a_whole_cell_of_prose(pages):
    for page in pages.values():
        for kind, title, body in sections(page):
            if kind not in ("exercise", "table"):
                shown = re.sub(r"<(pre|table|math|details).*?</\1>|<[^>]+>", "", body, flags=re.S)
                assert len(shown) < 900, (page.stem, title, shown)


def test_what_a_picture_is_led_in_by_is_a_sentence():
    long = "The first one stays. " + "And on it goes with words. " * 20
    assert teach_slides._lead(long) == "The first one stays."
    assert teach_slides._lead("Short. And whole.") == "Short. And whole."


def test_a_question_before_an_explorer_comes_before_what_the_explorer_shows():
    answer = a_choice("Who is <ahead>?", {"cps": 0.8, "ucmt": 0.7}, max, "Dice at the end")
    explorer = ema.widget()
    data, _ = predict_first(explorer, answer)._repr_mimebundle_()
    cells = [
        new_markdown_cell("# Title"),
        new_code_cell("x", outputs=[new_output("display_data", data)]),
    ]
    first, second = teach_slides.slides_of(new_notebook(cells=cells))[-2:]
    assert first.kind == second.kind == "picture"
    assert "Who is &lt;ahead&gt;?</p>" in first.body and first.body.count("<img") == 1
    assert f'alt="{explorer.picture().alt}"' in second.body and second.body.count("<img") == 1
    assert "The answer is CPS" not in first.body + second.body


def test_unknown_lessons_and_missing_pages_are_told(tmp_path, capsys):
    assert main(["teach", "slides", "08_umx", "--out", str(tmp_path)]) == 2
    assert "did you mean '08_umix'" in capsys.readouterr().err
    shutil.copytree(COURSE.root / "src", tmp_path / "src")
    with pytest.raises(InputError, match="ucmt-lite course build 08_umix"):
        teach_slides.write_slides(["08_umix"], tmp_path, root=tmp_path)


def test_where_no_browser_is_the_slides_are_written_all_the_same(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(teach_slides, "BROWSERS", ("no-such-browser",))
    assert main(["teach", "slides", "15_capstone", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "15_capstone.html" in said and "No PDF: there is no Chromium" in said
    assert [file.name for file in tmp_path.iterdir()] == ["15_capstone.html"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: make browser")
def test_the_pdf_has_a_sheet_for_each_slide(tmp_path, pages):
    page = shutil.copy(pages["15_capstone"], tmp_path)
    (printed,) = teach_slides.print_slides([tmp_path / "15_capstone.html"], CHROMIUM)
    content = printed.read_bytes()
    assert content.startswith(b"%PDF")
    sheets = max(int(count) for count in re.findall(rb"/Count (\d+)", content))
    assert sheets == len(sections(tmp_path / "15_capstone.html")), page


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: make browser")
def test_on_screen_nothing_is_cut_off_and_keys_turn_slides(pages):
    playwright = pytest.importorskip("playwright.sync_api")
    cut = """() => [...document.querySelectorAll('.body')].flatMap((body, n) =>
      body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1
      ? [n + 1] : [])"""
    asked = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        view = browser.new_page(viewport={"width": 1280, "height": 720})
        view.on("request", lambda request: asked.append(request.url))
        for name in ("02_supervised_baseline", "09_ucmt", "14_full_size_on_gpu"):
            view.goto(pages[name].as_uri())
            assert view.evaluate(cut) == [], name
        view.keyboard.press("ArrowRight")
        view.wait_for_function("Math.round(scrollY / innerHeight) === 1")
        browser.close()
    assert all(address.startswith(("file:", "data:")) for address in asked)
