"""The quiz of a lesson, readable in its page and scored with a kernel; and the glossary."""

import re

import pytest

from ucmt_lite.common import InputError
from ucmt_lite.course import quiz
from ucmt_lite.course.lessons import compose, read_course

COURSE = read_course()


@pytest.mark.parametrize("lesson", quiz.lessons())
def test_a_quiz_belongs_to_a_lesson_and_asks_again_what_came_before(lesson):
    assert lesson in COURSE.lessons
    earlier = {
        question.text
        for name in quiz.lessons()
        if name < lesson
        for question in quiz.questions(name)
    }
    asked = quiz.questions(lesson)
    assert len({question.text for question in asked}) == len(asked)
    assert len(asked[:3]) == 3
    assert all(question.text in earlier for question in asked[3:])
    assert lesson == "00_start_here" or len(asked) == 5


def test_no_letter_is_right_most_of_the_time():
    right = [question.right for name in quiz.lessons() for question in quiz.questions(name)[:3]]
    assert max(map(right.count, "abc")) < 0.5 * len(right)


def test_a_page_ends_with_its_quiz_and_the_answers_are_folded():
    last = compose(COURSE, "08_umix").cells[-1]
    assert last.source.startswith("## Quiz")
    assert last.source.count("<details>") == last.source.count("**1.**") * 5 == 5


def test_letters_are_scored_and_wrong_ones_told(capsys):
    right = "".join(question.right for question in quiz.questions("08_umix"))
    quiz.score("08_umix", right)
    assert "5 of 5." in capsys.readouterr().out
    quiz.score("08_umix", ", ".join("b" if right[0] == "a" else "a"))
    assert (
        "1. " in (said := capsys.readouterr().out) and "not right" in said and "4 questions" in said
    )


def test_what_cannot_be_scored_is_refused_in_a_sentence():
    with pytest.raises(InputError, match="did you mean '08_umix'"):
        quiz.score("08_umx", "a")
    with pytest.raises(InputError, match="6 letters for the 5 questions"):
        quiz.score("08_umix", "aaaaaa")
    with pytest.raises(InputError, match="answer to question 1 'x'"):
        quiz.score("08_umix", "x")


def test_the_glossary_is_sorted_and_each_word_is_at_home_in_a_lesson():
    text = (COURSE.root / "glossary.md").read_text(encoding="utf-8")
    entries = re.findall(r"^- \*\*(.+?)\*\*: (.+) \[\d\d\]\((\w+)\.ipynb\)$", text, re.MULTILINE)
    words = [word.lower() for word, _, _ in entries]
    assert len(words) >= 40 and words == sorted(words) and len(set(words)) == len(words)
    assert len(entries) == text.count("\n- ")
    for word, _, lesson in entries:
        source = (COURSE.root / "src" / f"{lesson}.py").read_text(encoding="utf-8").lower()
        assert any(part.strip().lower() in source for part in word.split(",")), (word, lesson)
