"""The website: links lead to the copies of pages, docstrings are readable, dead links are found."""

import importlib.util
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import ucmt_lite
from ucmt_lite.course.lessons import read_course
from ucmt_lite.explore import umix_page
from ucmt_lite.methods import build_nets
from ucmt_lite.nets import make
from ucmt_lite.training.traces import recorded

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site():
    spec = importlib.util.spec_from_file_location("site_build", ROOT / "docs/site/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GITHUB, TAG = "https://github.com/ucmt-lite/ucmt-lite", read_course().tag


@pytest.mark.parametrize(
    ("target", "page", "expected"),
    [
        ("05_cps.ipynb", "notebooks/x.ipynb", f"{GITHUB}/blob/{TAG}/notebooks/05_cps.ipynb"),
        ("../notebooks/09_ucmt.ipynb", "teaching/README.md", "../notebooks/09_ucmt.ipynb"),
        (f"{GITHUB}/blob/{TAG}/notebooks/glossary.md", "notebooks/x.ipynb", "glossary.md"),
        ("heart", "results/README.md", "heart/README.md"),
        ("notebooks/solutions", "README.md", f"{GITHUB}/tree/{TAG}/notebooks/solutions"),
        ("CITATION.cff", "README.md", f"{GITHUB}/blob/{TAG}/CITATION.cff"),
        ("https://arxiv.org/abs/2301.04465", "README.md", "https://arxiv.org/abs/2301.04465"),
    ],
)
def test_a_link_leads_to_the_page_of_the_site_or_else_to_the_repository(
    site, target, page, expected
):
    assert site.address(target, page) == expected


def test_badges_become_words(site):
    badge = (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://x)"
    )
    assert site.relinked(badge, "README.md") == "[Open in Colab](https://x)"


def test_every_room_has_a_page_and_its_names(site):
    index = (ROOT / "docs/site/pages/reference.md").read_text(encoding="utf-8")
    for room in ucmt_lite.ROOMS:
        assert f"reference/{room}\n" in index
    names = {name for _, name, _ in site.offered_by(importlib.import_module("ucmt_lite.core"))}
    assert {"umix", "ema_update", "entropy_of_mean"} <= names


def test_dead_links_and_foreign_scripts_are_told(site, tmp_path):
    (tmp_path / "a.html").write_text(
        '<a id="here" href="b.html#there">x</a> <a href="c.html">y</a> <a href="#here">z</a>'
        ' <script src="https://elsewhere/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="other">x</p>')
    assert site.faulty_links(tmp_path) == [
        "a.html links to b.html#there, an anchor that is not there",
        "a.html links to c.html, which is not there",
        "a.html needs https://elsewhere/x.js, which is not part of the site",
    ]


def test_what_can_be_pressed_has_the_name_that_it_shows_and_chinese_its_language(site, tmp_path):
    (tmp_path / "zh").mkdir()
    page = (
        '<button class="btn search-button-field" title="Search" aria-label="Search" data-x="">'
        '<a class="reference" href="a.html">Data cards</a><details open><summary><i></i></summary>'
        '<article class="bd-article"><details><summary>Hint</summary></details>'
        '<details class="hide"><summary aria-label="Toggle hidden content">'
        "<p>Show code cell output</p><p>Hide code cell output</p></summary></details></article>"
    )
    for name in ("a.html", "zh/a.html"):
        (tmp_path / name).write_text(page)
    (tmp_path / "explorer.html").write_text(
        '<button class="btn search-button-field" aria-label="">'
    )
    site.name_for_all(tmp_path)
    english, chinese = ((tmp_path / name).read_text() for name in ("a.html", "zh/a.html"))
    assert '<button class="btn search-button-field" title="Search" data-x="">' in english
    assert '<details open><summary aria-label="Pages below Data cards"><i>' in english
    assert "<summary>Hint</summary>" in english and "lang=" not in english
    assert '<details class="hide"><summary><p>Show code cell output</p>' in english
    assert '<article lang="zh" class="bd-article">' in chinese
    assert "<summary><p>显示输出</p><p>收起输出</p></summary>" in chinese
    assert "aria-label" in (tmp_path / "explorer.html").read_text()


def test_the_runs_that_the_site_shows_are_recorded(site):
    for method in site.METHODS_SHOWN:
        assert len(recorded(f"heart_{method}_{site.SEED_SHOWN}").map_step)


def test_explorers_are_alive_where_lessons_show_them(site):
    """Every one that is offered stands in a lesson as it is, else the lesson has changed."""
    found = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        shown = list(site.with_live_explorers(cells, f"notebooks/{path.name}"))
        frames = [cell for cell in shown if cell not in cells]
        assert [cell for cell in shown if cell in cells] == cells
        found += [(path.name[:2], cell["source"]) for cell in frames]
    names = {name for name, _ in site.ALIVE.values()}
    assert {lesson for lesson, _ in found} == {"03", "06", "07", "08", "09"}
    assert {re.search(r"explorers/(\w+)", text)[1] for _, text in found} == names
    assert all('src="../explorers/' in text for _, text in found)
    assert all(text.startswith("<details>") for _, text in found), "they give the answer away"


def test_the_chinese_page_invites_in_chinese(site):
    cell = {"cell_type": "code", "source": [next(iter(site.ALIVE))], "metadata": {}}
    _, frame = site.with_live_explorers([cell], "notebooks/zh/03_mean_teacher.ipynb")
    assert 'src="../../explorers/' in frame["source"] and "互动图" in frame["source"]


def test_without_its_runtime_the_lab_is_a_picture_that_says_so(site, monkeypatch, tmp_path, capsys):
    torch.manual_seed(0)
    nets = build_nets("ucmt", lambda: make("unet_small", 1, 4, 2))
    monkeypatch.setattr(site, "train", lambda config: SimpleNamespace(nets=nets))
    monkeypatch.setattr(umix_page, "CHECKOUT", tmp_path)
    monkeypatch.chdir(tmp_path)
    site.stage_lab(tmp_path / "lab.html")
    text = (tmp_path / "lab.html").read_text(encoding="utf-8")
    assert "so this is a picture: A page of the UMIX lab holds onnxruntime-web" in text
    assert "<img" in text and "umix with top_k 4 on a grid of 8 x 8 cells" in text
    assert "npm install" in capsys.readouterr().err
