"""The Chinese edition: its prose stands beside the English in the source of a lesson.

Below an English markdown cell of `notebooks/src/NAME.py`, a cell `# %% [markdown] lang="zh"` holds
its Chinese; below a code cell that draws, the sentence of its picture, in which `{1}`, `{2}` stand
for the first and second number of its English sentence. Code and outputs are those of the English
page. `english="..."` is the fingerprint of what was translated: it tells when that has changed.
"""

import hashlib
import posixpath
import re
from html import unescape
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError, atomic
from ucmt_lite.course.lessons import Course, badges, read_source
from ucmt_lite.course.notebooks import cell_tags, number_cell
from ucmt_lite.course.quiz import quiz_in_markdown, renew_quiz, stale_questions

_HEAD = re.compile(r'^# %% \[markdown\] lang="zh".*$', re.MULTILINE)
_ALT = re.compile(r'<img\b[^>]*\balt="([^"]+)"')
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WORDS = {"some Python and PyTorch": "会一点 Python 和 PyTorch"}  # what course.yaml says in words


def has_chinese(course: Course, name: str) -> bool:
    """Return whether a lesson has Chinese beside its English."""
    source = course.root / "src" / f"{name}.py"
    return source.is_file() and bool(_HEAD.search(source.read_text(encoding="utf-8")))


def chinese_paths(course: Course, name: str) -> tuple[Path, Path]:
    """Return where the Chinese exercise and solution versions of a lesson are written."""
    folder = course.root / "zh"
    return folder / f"{name}.ipynb", folder / "solutions" / f"{name}.ipynb"


def fingerprint(text: str) -> str:
    """Return a short hash of an English text, with which its Chinese remembers it.

    >>> fingerprint("A cell is as uncertain as its pixels.")
    '955e268a'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def chinese_version(course: Course, name: str, solution: Any) -> Any:
    """Return the solution version of a lesson with Chinese in place of its English.

    What nobody has translated yet stays English; code and outputs stay as they are.
    """
    import nbformat

    notebook = nbformat.from_dict({**solution, "cells": []})
    beside = {cell.id: chinese for cell, chinese in _pairs(course, name, solution)}
    for original in solution.cells:
        cell = nbformat.from_dict(dict(original))
        tags = cell_tags(cell)
        if "header" in tags:
            cell.source = _header(course, name)
        elif "quiz" in tags:
            cell.source = quiz_in_markdown(name, "zh")
        elif cell.cell_type == "markdown":
            chinese = beside[cell.id]
            cell.source = _relinked(course, chinese.source if chinese else cell.source)
        notebook.cells.append(cell)
        if cell.cell_type == "code" and beside.get(cell.id):
            notebook.cells.append(_caption(cell, beside[cell.id]))
    notebook.cells = [number_cell(cell, index) for index, cell in enumerate(notebook.cells)]
    return notebook


def _pairs(course: Course, name: str, solution: Any) -> list[tuple[Any, Any]]:
    """Return the cells of a solution version, each with the Chinese cell below it in the source.

    The cells that the builder adds are left out. None where there is no Chinese.
    """
    beside: list[Any] = []
    for cell in read_source(course, name):
        if "lang" not in cell.metadata:
            beside.append(None)
        elif beside[-1] is None:
            beside[-1] = cell
        else:
            raise InputError(
                f"Lesson {name} has two Chinese cells in a row, the second is"
                f" `{_start(cell)}`: one belongs below each English cell."
            )
    added = {"header", "setup", "quiz"}
    cells = [cell for cell in solution.cells if not added & set(cell_tags(cell))]
    for cell, chinese in zip(cells, beside, strict=True):
        if chinese is not None and _english(cell) is None:
            raise InputError(
                f"Lesson {name} has the Chinese cell `{_start(chinese)}` below code that draws"
                " no picture: put it below the English that it translates."
            )
    return list(zip(cells, beside, strict=True))


def _first_line(cell: Any) -> str:
    return cell.source.strip().partition("\n")[0]


def _start(cell: Any) -> str:
    """Return by what a cell is recognised in a sentence."""
    line = _first_line(cell)
    return line if len(line) <= 40 else f"{line[:40]}..."


def _english(cell: Any) -> str | None:
    """Return what is to be translated of a cell: its text, or the sentences of its pictures.

    None where it is code that draws nothing.
    """
    if cell.cell_type == "markdown":
        return cell.source
    drawn = [output.get("data", {}).get("text/html", "") for output in cell.outputs]
    alts = [alt for html in drawn for alt in _ALT.findall(html)]
    return unescape(" ".join(alts)) if alts else None


def _fingerprint_of(cell: Any) -> str:
    """Return the fingerprint of a cell's English; of a picture's sentence without its numbers."""
    english = _english(cell) or ""
    return fingerprint(english if cell.cell_type == "markdown" else _NUMBER.sub("#", english))


def _caption(cell: Any, chinese: Any) -> Any:
    """Return the sentence of a picture in Chinese, with the numbers of the English one.

    Where the English has become another sentence, the caption is that.
    """
    from nbformat.v4 import new_markdown_cell

    english = _english(cell) or ""
    text = f"*Picture:* {english}"
    if chinese.metadata.get("english") == _fingerprint_of(cell):
        numbers = dict(enumerate(_NUMBER.findall(english), 1))
        text = re.sub(
            r"\{(\d+)\}", lambda place: numbers.get(int(place[1]), place[0]), chinese.source
        )
    # A picture that the exercise version leaves out takes its caption with it.
    left_out = {"exercise", "check", "solution"} & set(cell_tags(cell))
    return new_markdown_cell(text, metadata={"tags": ["solution"] if left_out else []})


def _relinked(course: Course, text: str) -> str:
    """Return a text whose links hold in `notebooks/zh/` and below it.

    A lesson that has Chinese pages lies beside; all else is linked where it can be read.
    """

    def moved(link: re.Match) -> str:
        path, anchor = link[1], link[2] or ""
        if has_chinese(course, path.removesuffix(".ipynb")):
            return link[0]
        return f"]({course.blob}/{posixpath.normpath(f'notebooks/{path}')}{anchor})"

    return re.sub(r"\]\(([^)#:\s]+)(#[^)]*)?\)", moved, text)


def _header(course: Course, name: str) -> str:
    """Return badges, time and links in Chinese."""
    lesson = course.lessons[name]
    measured = course.times.get(name)
    running = "尚未测量"
    if measured:
        cores = measured["on"].replace(" CPU cores", " 个 CPU 核心")
        megabytes = measured.get("megabytes")
        memory = f"，约 {megabytes:,} MB 内存" if megabytes else ""
        running = f"{measured['seconds']} 秒（{cores}{memory}）"
    exercises = f"，练习 {lesson.exercises} 分钟" if lesson.exercises else ""
    before = [_prerequisite(course, item) for item in lesson.prerequisites]
    lines = [
        *badges(course, f"notebooks/zh/{name}.ipynb", "在 Colab 中打开", "在 Binder 中打开"),
        "",
        f"- **时间：** 阅读 {lesson.reading} 分钟{exercises}；运行全部单元格：{running}",
        f"- **先修：** {'、'.join(before) or '无'}",
        f"- **术语：** [术语表]({course.blob}/notebooks/zh/README.md)",
    ]
    if lesson.card:
        card = f"{course.blob}/data_cards/{lesson.card}.md"
        lines.append(f"- **数据：** [{lesson.card} 的数据卡（英文）]({card})")
    if lesson.exercises:
        solved = f"{course.blob}/notebooks/zh/solutions/{name}.ipynb"
        lines.append(f"- **卡住了？** 每道练习都有提示，另有[带答案的版本]({solved})")
    lines.append(f"- **English:** [{lesson.title}]({course.blob}/notebooks/{name}.ipynb)")
    return "\n".join(lines)


def _prerequisite(course: Course, item: str) -> str:
    """Return a lesson to know beforehand as a link with its title, in Chinese if it has any."""
    if item not in course.lessons:
        return _WORDS.get(item, item)
    title = course.lessons[item].title
    if has_chinese(course, item):
        title = _title(course, item)
    return _relinked(course, f"[{title}]({item}.ipynb)")


def _title(course: Course, name: str) -> str:
    """Return the Chinese title of a lesson; the English one where its first cell has no Chinese."""
    cells = read_source(course, name)
    chinese = cells[1] if len(cells) > 1 and "lang" in cells[1].metadata else cells[0]
    return _first_line(chinese).removeprefix("# ")


def translation_faults(course: Course, name: str, solution: Any) -> list[str]:
    """Return which English of a lesson has no Chinese, or has changed since it was translated.

    `solution`: its solution version, with outputs. A sentence each; empty when all is well.
    """
    pairs = _pairs(course, name, solution)
    missing = [_start(cell) for cell, chinese in pairs if _english(cell) and not chinese]
    changed = [
        _start(chinese)
        for cell, chinese in pairs
        if chinese and chinese.metadata.get("english") != _fingerprint_of(cell)
    ]
    without, stale = stale_questions(name)
    sentences = [
        f"{name} has no Chinese below `{line}`: write it in src/{name}.py." for line in missing
    ]
    sentences += [f"{name} has no Chinese for `{text}`: write it in quiz.yaml." for text in without]
    for line in [*changed, *stale]:
        sentences.append(
            f"{name} has English that has changed since its Chinese `{line}` was written: compare"
            f" them, then run `ucmt-lite course renew {name}`."
        )
    return sentences


def renew_fingerprints(course: Course, name: str, solution: Any) -> list[str]:
    """Write into the source that the Chinese of a lesson says what its English says now.

    Return a line for each cell and question whose fingerprint was not that.
    """
    pairs = [(cell, chinese) for cell, chinese in _pairs(course, name, solution) if chinese]
    now = [_fingerprint_of(cell) for cell, _ in pairs]
    heads = iter(f'# %% [markdown] lang="zh" english="{mark}"' for mark in now)
    source = course.root / "src" / f"{name}.py"
    text = _HEAD.sub(lambda _: next(heads), source.read_text(encoding="utf-8"))
    with atomic(source) as temporary:
        temporary.write_text(text, encoding="utf-8")
    renewed = [
        f"{name}: {_start(chinese)}"
        for mark, (_, chinese) in zip(now, pairs, strict=True)
        if chinese.metadata.get("english") != mark
    ]
    return renewed + renew_quiz(name)
