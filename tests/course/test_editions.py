"""The Chinese edition: the same code, numbers, links and formulas as the English beside it."""

import json
import re
import shutil
from collections import Counter
from html import unescape

import nbformat
import pytest
from markdown_it import MarkdownIt

from ucmt_lite.cli import main
from ucmt_lite.common import InputError
from ucmt_lite.course import build as course
from ucmt_lite.course import editions, quiz
from ucmt_lite.course.lessons import compose, read_course

COURSE = read_course()
LESSONS = [name for name in COURSE.lessons if editions.has_chinese(COURSE, name)]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def planned(name):
    """The solution version of a lesson in English and in Chinese, and in pairs of cells."""
    english = compose(COURSE, name)
    written = nbformat.read(COURSE.paths(name)[1], as_version=4)
    for cell, before in zip(code(english), code(written), strict=True):
        cell.outputs = before.outputs
    return english, editions.chinese_version(COURSE, name, english)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def beside(name):
    """The English and the Chinese of each markdown cell, as they stand in the source."""
    cells = editions.read_source(COURSE, name)
    for english, chinese in zip(cells, cells[1:], strict=False):
        if "lang" in chinese.metadata and english.cell_type == "markdown":
            yield english.source, chinese.source


def texts(name):
    """The pairs of cells, and of questions."""
    yield from beside(name)
    for english, chinese in zip(quiz.questions(name), quiz.questions(name, "zh"), strict=True):
        assert english.right == chinese.right
        yield from zip(map(str, english.options), chinese.options, strict=True)
        yield english.text, chinese.text
        yield english.why, chinese.why


def numbers(text):
    return Counter(re.findall(r"\d+(?:[.,]\d+)*", text))


def formulas(text):
    return Counter(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", text, re.DOTALL))


def targets(text):
    return Counter(re.findall(r"\]\(([^)]+)\)", text))


def snippets(text):
    return Counter(re.findall(r"`[^`]+`", text))


def headings(text):
    return [marks.count("#") for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


def folded(text):
    return text.count("<details>"), text.count("</details>"), len(re.findall("^- ", text, re.M))


@pytest.mark.parametrize("name", LESSONS)
@pytest.mark.parametrize("part", [numbers, formulas, targets, snippets, headings, folded])
def test_what_is_not_language_is_the_same_in_both(name, part):
    for english, chinese in texts(name):
        assert part(chinese) == part(english), chinese


@pytest.mark.parametrize("name", LESSONS)
def test_code_and_outputs_are_those_of_the_english_page(name):
    english, chinese = planned(name)
    assert [cell.source for cell in code(chinese)] == [cell.source for cell in code(english)]
    assert [cell.outputs for cell in code(chinese)] == [cell.outputs for cell in code(english)]
    assert [cell.metadata for cell in code(chinese)] == [cell.metadata for cell in code(english)]


@pytest.mark.parametrize("name", LESSONS)
def test_every_text_of_a_chinese_page_is_chinese(name):
    _, chinese = planned(name)
    for cell in chinese.cells:
        if cell.cell_type == "markdown":
            assert CHINESE.search(cell.source), cell.source
    assert all(CHINESE.search(question.text) for question in quiz.questions(name, "zh"))


@pytest.mark.parametrize("name", LESSONS)
def test_below_each_picture_stands_its_sentence_with_the_numbers_of_the_english_one(name):
    _, chinese = planned(name)
    seen = 0
    for cell, after in zip(chinese.cells, chinese.cells[1:], strict=False):
        drawn = "".join(
            output.get("data", {}).get("text/html", "") for output in cell.get("outputs", [])
        )
        alts = [unescape(alt) for alt in re.findall(r'alt="([^"]+)"', drawn)]
        if alts:
            assert after.source.startswith("> **图：**") and "{" not in after.source
            assert set(numbers(after.source)) == set(numbers(" ".join(alts)))
            seen += 1
    assert seen


SLIPS = {
    "Latin punctuation between Chinese": r"[\u4e00-\u9fff][,;:!?]|[,;:!?][\u4e00-\u9fff]",
    "two marks in a row": r"[，。；：、？！][，。；：、？！,.;:]|[,;:][，。；：、？！]",
    "a space before a full-width mark": r"[\u4e00-\u9fff] [，。；：、？！]",
    "half-width brackets around Chinese": r"(?<!\])\((?=[^)]*[\u4e00-\u9fff])",
    "traditional characters": "[們這個圖網絡學師習標籤]",
}


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
def test_the_chinese_is_set_as_chinese(slip):
    for name in LESSONS:
        for _, chinese in texts(name):
            prose = re.sub(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)", "`", chinese)
            assert not re.search(slip, prose), re.search(f".?.?.?(?:{slip}).*", prose)[0]


@pytest.mark.parametrize("name", LESSONS)
def test_bold_and_italics_are_seen_as_such_between_full_width_marks(name):
    _, notebook = planned(name)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            without_formulas = re.sub(r"\$[^$]*\$", "", cell.source)
            for token in MarkdownIt().enable("table").parse(without_formulas):
                for part in token.children or []:
                    assert part.type != "text" or "*" not in part.content, token.content


def test_the_chinese_front_page_lists_the_lessons_that_are_there():
    text = (COURSE.root / "zh" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d\d \| \[(.+)\]\((\w+)\.ipynb\) \|$", text, re.MULTILINE)
    titles = {name: next(beside(name))[1].splitlines()[0].removeprefix("# ") for name in LESSONS}
    assert {name: title for title, name in rows} == titles
    readme = (COURSE.root.parent / "README.md").read_text(encoding="utf-8")
    assert "[中文](notebooks/zh/README.md)" in readme


# The builder, on a tiny made-up course.

YAML = """
repository: someone/tiny
tag: v1
lessons:
  00_tiny:
    title: A tiny lesson
    reading: 1
    exercises: 2
  01_more:
    title: More
    reading: 1
    exercises: 0
    prerequisites: [00_tiny]
"""
ENGLISH = """\
# %% [markdown]
# # A tiny lesson
#
# Read [more](01_more.ipynb#end), [this](00_tiny.ipynb) and [that](../results/README.md).

# %% tags=["exercise"]
def double(x):
    # solution
    return 2 * x


# %% tags=["check"]
class Picture:
    def _repr_mimebundle_(self, **kwargs):
        return {"text/html": '<img src="" alt="Dice 0.5 after 20 steps." />'}


Picture()

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>Add 2.</details>

# %%
Picture()

# %% [markdown]
# The end.
"""
TITLE = """\
# %% [markdown] lang="zh"
# # 小小的一课
#
# 读[更多](01_more.ipynb#end)、[这里](00_tiny.ipynb)和[那里](../results/README.md)。

"""
CAPTION = """\
# %% [markdown] lang="zh"
# > **图：** {2} 步之后 Dice 为 {1}。

"""
HINT = """\
# %% [markdown] lang="zh"
# <details><summary>提示</summary>加 2。</details>

"""
END = """
# %% [markdown] lang="zh"
# 完。
"""
BILINGUAL = ENGLISH.replace('\n# %% tags=["exercise', f'\n{TITLE}# %% tags=["exercise')
BILINGUAL = BILINGUAL.replace("\n# %% [markdown] tags", f"\n{CAPTION}# %% [markdown] tags")
BILINGUAL = BILINGUAL.replace("\n# %%\nPicture", f"\n{HINT}# %%\nPicture")
BILINGUAL = (
    BILINGUAL.replace("\n# %% [markdown]\n# The", f"\n{CAPTION}# %% [markdown]\n# The") + END
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The made-up course: built in English alone, then with Chinese, which runs nothing."""
    root = tmp_path_factory.mktemp("edition") / "notebooks"
    (root / "src").mkdir(parents=True)
    (root / "src/course.yaml").write_text(YAML)
    (root / "src/00_tiny.py").write_text(ENGLISH)
    (root / "src/01_more.py").write_text("# %% [markdown]\n# # More\n# %%\n1 + 1\n")
    assert course.build_notebooks(root=root) == ["00_tiny", "01_more"]
    before = {path: path.read_bytes() for path in root.rglob("*.ipynb")}
    (root / "src/00_tiny.py").write_text(BILINGUAL, encoding="utf-8")
    assert course.build_notebooks(["00_tiny"], root=root) == []
    assert {path: path.read_bytes() for path in before} == before  # the English stays as it was
    assert len(course.renew_translations(["00_tiny"], root=root)) == 5
    course.build_notebooks(["00_tiny"], root=root)
    return root


@pytest.fixture
def tiny(made, tmp_path):
    """A copy of the made-up course that a test may change."""
    return shutil.copytree(made, tmp_path / "notebooks")


def change(root, before, after, file="src/00_tiny.py"):
    text = (root / file).read_text(encoding="utf-8")
    assert before in text
    (root / file).write_text(text.replace(before, after), encoding="utf-8")


def pages(root):
    folder = root / "zh"
    return [
        nbformat.read(page, as_version=4)
        for page in (folder / "00_tiny.ipynb", folder / "solutions/00_tiny.ipynb")
    ]


def test_a_fresh_edition_passes_and_hints_stay_hints(tiny):
    assert course.check_notebooks(root=tiny) == []
    for page in pages(tiny):
        (hint,) = [cell for cell in page.cells if "hint" in cell.metadata.get("tags", [])]
        assert "加 2" in hint.source
        assert not any("lang" in cell.metadata for cell in page.cells)


def test_a_caption_takes_its_numbers_from_the_output_and_goes_where_the_picture_goes(tiny):
    exercises, solved = [
        [cell.source for cell in page.cells if "图：" in cell.source] for page in pages(tiny)
    ]
    assert solved == ["> **图：** 20 步之后 Dice 为 0.5。"] * 2
    assert exercises == solved[:1]  # the picture of the check is for those who wrote the exercise


def test_the_header_tells_seconds_and_memory_as_the_english_one_does(tiny):
    measured = {"seconds": 7, "on": "2 CPU cores"}
    for more, said in (
        ({}, "7 秒（2 个 CPU 核心）\n"),
        ({"megabytes": 1230}, "7 秒（2 个 CPU 核心，约 1,230 MB 内存）\n"),
    ):
        (tiny / "src/times.json").write_text(json.dumps({"00_tiny": measured | more}))
        course.build_notebooks(["00_tiny"], root=tiny)
        for page in pages(tiny):
            assert f"运行全部单元格：{said}" in page.cells[1].source


def test_links_hold_in_the_folder_of_the_edition(tiny):
    blob = "https://github.com/someone/tiny/blob/v1"
    title, header = pages(tiny)[0].cells[:2]
    links = re.findall(r"\]\(([^)]+)\)", title.source)
    assert links == [
        f"{blob}/notebooks/01_more.ipynb#end",
        "00_tiny.ipynb",
        f"{blob}/results/README.md",
    ]
    assert "/github/someone/tiny/blob/v1/notebooks/zh/00_tiny.ipynb" in header.source
    assert f"{blob}/notebooks/zh/solutions/00_tiny.ipynb" in header.source


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("# The end.", "# The very end.", "English that has changed since its Chinese `完。`"),
        (END, "", "no Chinese below `The end.`: write it in src/00_tiny.py"),
    ],
)
def test_english_without_its_chinese_is_told_and_built_all_the_same(tiny, before, after, fault):
    change(tiny, before if after else mark(tiny, before), after)
    (sentence,) = course.check_notebooks(root=tiny)
    assert "differs" in sentence or "Chinese page" in sentence
    assert course.build_notebooks(["00_tiny"], root=tiny) == []
    (sentence,) = course.check_notebooks(root=tiny)
    assert fault in sentence
    assert pages(tiny)[0].cells[-1].source == ("完。" if after else "The end.")


def mark(root, cell):
    """A Chinese cell as it stands in the source, with its fingerprint."""
    head, body = cell.strip().split("\n", 1)
    source = (root / "src/00_tiny.py").read_text(encoding="utf-8")
    return re.search(rf"{re.escape(head)}.*\n{re.escape(body)}", source)[0]


def test_renewing_says_that_the_chinese_was_compared(tiny):
    change(tiny, "# The end.", "# The very end.")
    course.build_notebooks(["00_tiny"], root=tiny)
    assert course.renew_translations(["00_tiny"], root=tiny) == ["00_tiny: 完。"]
    assert course.renew_translations(["00_tiny"], root=tiny) == []
    assert course.check_notebooks(root=tiny) == []


def test_a_picture_that_says_something_else_keeps_its_english_sentence(tiny):
    for page in ("00_tiny.ipynb", "solutions/00_tiny.ipynb"):
        change(tiny, "Dice 0.5 after 20 steps.", "Dice 0.7 after 30 steps.", page)
    course.build_notebooks(["00_tiny"], root=tiny)
    assert "30 步之后 Dice 为 0.7。" in str(pages(tiny)[0].cells)
    for page in ("00_tiny.ipynb", "solutions/00_tiny.ipynb"):
        change(tiny, "Dice 0.7 after 30 steps.", "20 steps, no Dice.", page)
    course.build_notebooks(["00_tiny"], root=tiny)
    assert "*Picture:* 20 steps, no Dice." in str(pages(tiny)[0].cells)
    assert "has changed since its Chinese `> **图：**" in course.check_notebooks(root=tiny)[0]


def test_a_spoilt_or_left_over_chinese_page_is_told(tiny):
    change(tiny, "小小的一课", "大大的一课", "zh/00_tiny.ipynb")
    assert "has a Chinese page that is not what" in course.check_notebooks(root=tiny)[0]
    shutil.copy(tiny / "zh/00_tiny.ipynb", tiny / "zh/01_more.ipynb")
    assert course.check_notebooks(root=tiny)[-1] == (
        "notebooks/zh/01_more.ipynb has no source: run `git rm notebooks/zh/01_more.ipynb`."
    )


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('lang="zh"', 'lang="hz"', "Unknown language in lesson 00_tiny 'hz'.*'zh'"),
        ("\n# %% [markdown] tags", f"\n{END}\n# %% [markdown] tags", "two Chinese cells in a row"),
        ('# %% tags=["check', f'{END}\n# %% tags=["check', "below code that draws no picture"),
    ],
)
def test_chinese_in_a_wrong_place_is_refused(tiny, before, after, sentence):
    change(tiny, before, after)
    with pytest.raises(InputError, match=sentence):
        course.build_notebooks(["00_tiny"], root=tiny)


def test_renewing_wants_lessons_by_name_that_have_chinese_and_are_built(tiny):
    with pytest.raises(InputError, match="Name the lessons whose Chinese"):
        course.renew_translations([], root=tiny)
    with pytest.raises(InputError, match="Lesson 01_more has no Chinese"):
        course.renew_translations(["01_more"], root=tiny)
    (tiny / "solutions/00_tiny.ipynb").unlink()
    with pytest.raises(InputError, match="Lesson 00_tiny is not built"):
        course.renew_translations(["00_tiny"], root=tiny)


def test_the_command_renews_only_what_is_named(capsys):
    assert main(["course", "renew"]) == 2
    assert "Name the lessons whose Chinese" in capsys.readouterr().err
    assert main(["course", "renew", "08_umix"]) == 0
    assert "Nothing to renew" in capsys.readouterr().out


def test_a_quiz_is_scored_in_chinese_too(capsys):
    quiz.score("08_umix", "abb", "zh")
    said = capsys.readouterr().out
    assert "1. a 正确。标签可疑的像素离开课堂。" in said and "3. b 不对，应选 c。" in said
    assert "答对 2 / 3；还剩 2 题。" in said
    with pytest.raises(InputError, match="Unknown language 'hz'"):
        quiz.score("08_umix", "a", "hz")


def test_a_question_remembers_which_english_it_translates(tmp_path, monkeypatch):
    text = quiz._file().read_text("utf-8")
    copy = tmp_path / "quiz.yaml"
    copy.write_text(text.replace("Twice two cells of 256.", "Two cells, twice."), "utf-8")
    monkeypatch.setattr(quiz, "_file", lambda: copy)
    quiz._read.cache_clear()
    try:
        _, (stale,) = quiz.stale_questions("08_umix")
        assert "top_k = 2" in stale
        assert quiz.renew_quiz("06_disagreement_and_uncertainty") == []
        assert quiz.renew_quiz("08_umix") == [f"08_umix: {stale}"]
        assert quiz.stale_questions("08_umix") == ([], [])
        changed = set(copy.read_text("utf-8").splitlines()) - set(text.splitlines())
        assert len(changed) == 2  # the sentence, and its fingerprint
    finally:
        quiz._read.cache_clear()
