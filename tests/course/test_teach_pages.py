"""The teacher's pages: what they say of checks, the rubric and commands is so."""

import re

import mistakes
import pytest

from ucmt_lite.cli import parser
from ucmt_lite.course.lessons import read_course
from ucmt_lite.course.teach_quiz import TEACHING

README = (TEACHING / "README.md").read_text(encoding="utf-8")
COURSE = read_course()


def without_numbers(text):
    """A check that trains says other digits on another machine."""
    return re.sub(r"\d+(\.\d+)?", "#", text)


def test_what_checks_say_is_what_the_page_says_they_say():
    written = mistakes.PAGE.read_text(encoding="utf-8")
    again = "write it anew with python tests/course/mistakes.py"
    assert without_numbers(written) == without_numbers(mistakes.page()), again


def test_links_of_the_teachers_pages_lead_somewhere():
    for page in TEACHING.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (TEACHING / target).exists(), f"{page.name} links to {target}"


def test_each_lesson_has_an_aim_and_a_misconception():
    table = README.partition("## Lesson by lesson")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d\d) \| (.+) \| (.+) \|$", table, re.MULTILINE)
    assert [number for number, *_ in rows] == [name[:2] for name in COURSE.lessons if name < "90"]


@pytest.mark.parametrize("command", re.findall(r"`ucmt-lite (teach [^`]+)`", README))
def test_commands_of_the_page_are_there(command):
    assert parser().parse_args(command.split()).do


def test_the_rubric_has_the_rows_of_the_lesson():
    source = (COURSE.root / "src" / "15_capstone.py").read_text(encoding="utf-8")
    in_lesson = re.findall(r"^# \| \*\*(\w+)\*\*", source, re.MULTILINE)
    rubric = README.partition("## The rubric of the capstone")[2]
    assert re.findall(r"^\| \*\*(\w+)\*\*", rubric, re.MULTILINE) == in_lesson != []
