"""Slides of a lesson: one HTML file that needs no network, and a PDF where Chromium is found.

They are made of the executed page: its questions, equations, pictures, exercises and recap. The
prose stays where it can be read, in the lesson.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from html import escape, unescape
from importlib.resources import files
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError, atomic
from ucmt_lite.course.lessons import Course, read_course
from ucmt_lite.course.notebooks import blank_answer, cell_tags

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
_LONGEST = 230  # letters of a sentence that is said on a slide
_LINES = 26  # of code or output that can be read from the last row
_KINDS = {">": "quote", "|": "table", "`": "code"}  # by how a block begins
# A question before an explorer, as `explore.predict_first` leaves it: what is asked, on what, and
# what the explorer shows once it is answered.
_ASKED = re.compile(
    r"<p><b>(?P<question>.*?)</b></p>(?P<scale><img[^>]*>)"
    r"<details>.*(?P<explorer><img[^>]*>)</details>",
    re.DOTALL,
)
_LEFT_OUT = ("**References.**", "**Next:**", "<")


@dataclass(frozen=True)
class Slide:
    """One idea: its heading, what is shown as HTML, and how it is laid out."""

    title: str
    body: str
    kind: str = ""


def write_slides(
    names: Iterable[str] | None = None, out: str | Path = "runs/slides", root: Path | None = None
) -> list[Path]:
    """Write the slides of lessons, all where none is named, and return their files.

    Errors: InputError for a lesson that is unknown or not built, and where a package is missing.
    """
    import nbformat

    course = read_course(root)
    written = []
    for name in course.chosen(names):
        page = course.paths(name)[1]
        if not page.is_file():
            raise InputError(
                f"Lesson {name} is not built, so there are no pictures: run `ucmt-lite course"
                f" build {name}`."
            )
        slides = slides_of(nbformat.read(page, as_version=4))
        path = Path(out) / f"{name}.html"
        with atomic(path) as temporary:
            temporary.write_text(_document(course, name, slides), encoding="utf-8")
        written.append(path)
    return written


def find_browser() -> str | None:
    """Return a browser that Chromium is the core of; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def print_slides(pages: Iterable[Path], browser: str) -> list[Path]:
    """Print slides as PDF beside them.

    Errors: InputError where the browser fails.
    """
    printed = []
    for page in pages:
        path = page.with_suffix(".pdf")
        with atomic(path) as temporary:
            _print(browser, page, temporary)
        printed.append(path)
    return printed


def _print(browser: str, page: Path, file: Path) -> None:
    """Let a browser print one page into a file."""
    command = [browser, "--headless", "--disable-gpu", "--no-pdf-header-footer"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--no-sandbox")  # Chromium refuses to run as root within it
    command += [f"--print-to-pdf={file}", page.resolve().as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode or not file.stat().st_size:
        said = " ".join(done.stderr.split())[-200:]
        raise InputError(
            f"{browser} could not print {page} ({said}): open it in a browser and print it there."
        )


def slides_of(notebook: Any) -> list[Slide]:
    """Return the slides of an executed lesson, in its order."""
    talk = _Talk()
    for cell in notebook.cells:
        tags = cell_tags(cell)
        if cell.cell_type == "markdown" and not {"header", "hint", "solution"} & set(tags):
            show = talk.quiz if "quiz" in tags else talk.text
            show(cell.source)
        elif "exercise" in tags:
            talk.code_to_write(blank_answer(cell.source, tags))
        elif "check" not in tags and cell.cell_type == "code":
            for output in cell.outputs:
                talk.output(output)
    talk.close_section()
    return talk.slides


class _Talk:
    """Slides in the making: the section that is open, and what was said in it since the last."""

    def __init__(self) -> None:
        self.slides: list[Slide] = []
        self.title = self.section = ""  # of the slide, and the one that an exercise stands in
        self.said: list[str] = []
        self.markdown = _renderer()

    def show(self, body: str, kind: str = "") -> None:
        """Add a slide of this section below a sentence of what was said last."""
        lead = f"<p class=lead>{self.markdown(_lead(self.said[-1]))}</p>" if self.said else ""
        self.slides.append(Slide(self.markdown(self.title), lead + body, kind))
        self.said = []

    def open_talk(self, aims: str) -> None:
        """Show the title, why the lesson is there, and what one will do in it."""
        *reasons, you_will = self.said
        why = "".join(f"<p>{self.markdown(_first(text, _LONGEST))}</p>" for text in reasons[:1])
        self.said = [you_will]
        self.show(self.markdown(aims), "title")
        title = self.slides.pop()
        self.slides.append(replace(title, body=why + title.body))

    def close_section(self) -> None:
        """Show what was said and belongs to no picture: each paragraph by how it begins."""
        most = 2 * _LONGEST // max(1, len(self.said))
        words = [f"<p>{self.markdown(_first(paragraph, most))}</p>" for paragraph in self.said[:4]]
        self.said = []
        if words:
            self.show("".join(words), "words")

    def text(self, source: str) -> None:
        """Go through a markdown cell, block by block."""
        has_equation = False  # the block before
        for block in _blocks(source):
            if block.startswith("# "):
                self.title = block[2:]
            elif block.startswith("#"):
                self.close_section()
                self.title = block.lstrip("# ")
                self.section = self.section if block.startswith("###") else self.title
            elif block.startswith("$$"):
                self.show(_equation(block.strip("$"), display=True), "equation")
                has_equation = True
                continue
            elif has_equation and _is_words(block):
                self.explain(_first(block, _LONGEST))
            elif block.startswith("- ") and not self.slides:
                self.open_talk(block)
            elif block.startswith(("- ", "1. ", "|", ">", "```")):
                self.show(self.markdown(block), _KINDS.get(block[0], "list"))
            elif block.startswith(("*Before", "**Questions.**")):
                self.close_section()
                self.show(f"<p>{self.markdown(block)}</p>", "bet")
            elif not block.startswith(_LEFT_OUT):
                self.said.append(block)
            has_equation = False

    def explain(self, symbols: str) -> None:
        """Put what the symbols of an equation are below it."""
        last = self.slides[-1]
        self.slides[-1] = replace(last, body=f"{last.body}<p>{self.markdown(symbols)}</p>")

    def code_to_write(self, source: str) -> None:
        """Show an exercise: all that was said of it, and the lines that are given."""
        statement = "".join(f"<p>{self.markdown(block)}</p>" for block in self.said)
        self.said = []
        self.show(statement + _code(source), "exercise")
        self.title = self.section

    def output(self, output: Any) -> None:
        """Show what a cell gave: a picture, a table, code or a few lines."""
        data = output.get("data", {})
        html = re.sub(r"<style.*?</style>", "", data.get("text/html", ""), flags=re.DOTALL)
        html = re.sub(r'(<img\b[^>]*) style="[^"]*"', r"\1", html)
        asked = _ASKED.fullmatch(html)
        if asked:
            self.said.append(unescape(asked["question"]))
            self.show(asked["scale"], "picture")
            self.show(asked["explorer"], "picture")
        elif "<img" in html:
            self.show(re.search(r"<img\b[^>]*>", html)[0], "picture")  # type: ignore[index]
        elif 'class="highlight"' in html:
            self._code_shown(data["text/plain"])
        elif html:
            self.show(html)
        elif "text/markdown" in data:
            self.show(self.markdown(data["text/markdown"]))
        elif output.output_type == "stream" and (self.said or output.text.count("\n") > 1):
            self.show(f"<pre>{escape(_cut(output.text.rstrip()))}</pre>")

    def _code_shown(self, code: str) -> None:
        """Show the source of a function, if it fits on a slide."""
        if len(code.splitlines()) <= _LINES:
            self.show(_code(code), "code")

    def quiz(self, source: str) -> None:
        """Show each question of the quiz, to be answered by a show of hands."""
        answer = r"<details><summary>Answer to (\d+)</summary>\s*(.*?)\s*</details>"
        answers = dict(re.findall(answer, source, re.DOTALL))
        for number, question in re.findall(
            r"^\*\*(\d+)\.\*\* (.*?)(?=<details>)", source, re.DOTALL | re.MULTILINE
        ):
            text, _, options = question.partition("\n\n")
            letters = re.sub(r"^- (\w\)) (.*)$", r"<li>\1 \2</li>", options.strip(), flags=re.M)
            self.title, self.said = f"Quiz, question {number}", []
            folded = f"<details><summary>Answer</summary>{escape(answers[number])}</details>"
            body = f"<p>{self.markdown(text)}</p><ul class=options>{letters}</ul>{folded}"
            self.show(body, "question")


def _blocks(source: str) -> Iterator[str]:
    """Yield the blocks of a markdown text, which blank lines part; what is folded is left out.

    >>> list(_blocks("## A\\n\\none\\ntwo\\n<details><summary>no</summary>\\n\\nno</details>"))
    ['## A', 'one\\ntwo']
    """
    shown = re.sub(r"<details>.*?</details>", "\n\n", source, flags=re.DOTALL)
    shown = re.sub(r"(?<!!)\[([^\]]+)\]\([^)\s]+\)", r"\1", shown)  # a beamer follows no link
    shown = re.sub(r"(\$\$.+?\$\$),?", r"\n\n\1\n\n", shown, flags=re.DOTALL)
    fenced = re.split(r"(^```.*?^```)", shown, flags=re.DOTALL | re.MULTILINE)
    for index, part in enumerate(fenced):
        blocks = [part] if index % 2 else re.split(r"\n\s*\n", part)
        yield from (block.strip() for block in blocks if block.strip())


def sentences_of(paragraph: str) -> list[str]:
    """Return the sentences of a paragraph, on one line each.

    >>> sentences_of("Two maps\\npick cells. The second wins (1.6 %). And $x. Y$ stays!")
    ['Two maps pick cells.', 'The second wins (1.6 %).', 'And $x. Y$ stays!']
    """
    text = " ".join(paragraph.split())
    hidden = re.sub(r"\$[^$]+\$|`[^`]+`", lambda found: "x" * len(found[0]), text)
    ends = [0, *(end.end() for end in re.finditer(r"[.?!][)*]*\s+(?=[A-Z*(`\"xα])", hidden))]
    return [text[a:b].strip() for a, b in zip(ends, [*ends[1:], len(text)], strict=True)]


def _lead(paragraph: str) -> str:
    """Return the sentence that leads to what stands below: all of a short paragraph, else the last
    sentence where it ends with a colon, else the first.

    >>> _lead("Read down a column. " + "Then along a row. " * 20 + "So it is:")
    'So it is:'
    """
    text = " ".join(paragraph.split())
    if len(text) <= _LONGEST:
        return text
    sentences = sentences_of(paragraph)
    return sentences[-1] if text.endswith((":", ",")) else sentences[0]


def _is_words(block: str) -> bool:
    return not block.startswith(("#", "$$", "- ", "|", ">", "`", "*Before", *_LEFT_OUT))


def _first(paragraph: str, most: int) -> str:
    """Return the sentences that a paragraph begins with, one at least, at most so many letters.

    >>> _first("It covers it. The reason is simple. And so on.", 40)
    'It covers it. The reason is simple.'
    """
    first, *others = sentences_of(paragraph)
    for sentence in others:
        if len(first) + len(sentence) >= most:
            break
        first += f" {sentence}"
    return first


def _cut(text: str) -> str:
    """Return the first lines of a text, as many as a slide holds."""
    lines = text.splitlines()
    return "\n".join([*lines[:_LINES], *(["..."] if len(lines) > _LINES else [])])


def _renderer() -> Callable[[str], str]:
    """Return a function from markdown with equations to HTML, without a paragraph around it."""
    try:
        import mistune
    except ImportError:
        raise _missing("mistune") from None
    renderer = mistune.HTMLRenderer()
    markdown = mistune.create_markdown(renderer=renderer, plugins=["math", "table"])
    renderer.register("inline_math", lambda _, text: _equation(text))

    def render(source: str) -> str:
        html = str(markdown(source)).strip()
        single = re.fullmatch(r"<p>((?:(?!<p>).)*)</p>", html, re.DOTALL)
        return single[1] if single else html

    return render


def _equation(source: str, display: bool = False) -> str:
    r"""Return an equation as MathML, which browsers draw without help.

    >>> _equation(r"\arg\max_k")[:5]
    '<math'
    """
    try:
        from latex2mathml.converter import convert
    except ImportError:
        raise _missing("latex2mathml") from None
    known = source.strip().replace(r"\arg\max", r"\operatorname{argmax}")
    return convert(known, display="block" if display else "inline")


def _code(source: str) -> str:
    """Return Python in colours."""
    try:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer
    except ImportError:
        raise _missing("pygments") from None
    return highlight(source, PythonLexer(), HtmlFormatter(noclasses=True, nobackground=True))


def _missing(package: str) -> InputError:
    return InputError(
        f'Slides need the package {package}: run pip install "ucmt-lite[teach]", or pip install'
        f" {package}."
    )


def _document(course: Course, name: str, slides: list[Slide]) -> str:
    """Return the one file that holds all: style, slides, and the keys that turn them."""
    here = files("ucmt_lite.course")
    style, keys = (here.joinpath(f"slides.{end}").read_text("utf-8") for end in ("css", "js"))
    title = course.lessons[name].title
    sections = "\n".join(
        f'<section class="{slide.kind}"><{level}>{slide.title}</{level}>\n'
        f"<div class=body>{slide.body}</div>\n"
        f"<footer>{escape(name)}<span>{number} / {len(slides)}</span></footer></section>"
        for number, slide in enumerate(slides, 1)
        for level in ["h1" if number == 1 else "h2"]
    )
    return (
        f"<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<title>{escape(title)}</title>\n"
        f"<style>\n{style}</style>\n<main>\n{sections}\n</main>\n"
        f"<script>\n{keys}</script>\n</html>\n"
    )
