"""The quiz at the end of a lesson: in its page to read and unfold, here to be scored."""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

from ucmt_lite.common import InputError, one_of


class Question(NamedTuple):
    """A question with its options, the letter of the right one, and why it is."""

    text: str
    options: tuple[str, ...]
    right: str
    why: str


def questions(lesson: str) -> list[Question]:
    """Return the questions of a lesson: its own, then some of earlier ones.

    >>> [question.right for question in questions("08_umix")][:3]
    ['a', 'b', 'c']
    """
    entries = _read()
    entry = entries[one_of("lesson with a quiz", lesson, entries)]
    own = [_question(raw) for raw in entry["questions"]]
    again = [
        _question(entries[earlier]["questions"][n - 1]) for earlier, n in entry.get("again", [])
    ]
    return [*own, *again]


def lessons() -> list[str]:
    """Return the lessons that have a quiz."""
    return list(_read())


@cache
def _read() -> dict:
    import yaml

    return yaml.safe_load(files("ucmt_lite.course").joinpath("quiz.yaml").read_text("utf-8"))


def _question(raw: dict) -> Question:
    """Return a question with its options turned, so that no letter is right most of the time."""
    text, options = raw["text"], list(map(str, raw["options"]))
    right = options["abcdefgh".index(raw["right"])]
    turn = len(text) % len(options)
    options = options[turn:] + options[:turn]
    return Question(text, tuple(options), "abcdefgh"[options.index(right)], raw["why"])


def score(lesson: str, letters: str) -> None:
    """Print which of the letters answer the questions of a lesson, and why.

    >>> score("08_umix", "abb")
    1. a is right. Pixels whose labels are doubtful leave the lesson.
    2. b is right. Twice two cells of 256.
    3. b is not right: c. The rival differs in that one thing.
    2 of 3; 2 questions are left.
    """
    asked = questions(lesson)
    given = letters.lower().replace(" ", "").replace(",", "")
    if len(given) > len(asked):
        raise InputError(
            f"There are {len(given)} letters for the {len(asked)} questions of {lesson}: give one"
            " each."
        )
    points = 0
    for number, (letter, question) in enumerate(zip(given, asked, strict=False), 1):
        known = "abcdefgh"[: len(question.options)]
        one_of(f"answer to question {number}", letter, list(known))
        points += letter == question.right
        verdict = "right." if letter == question.right else f"not right: {question.right}."
        print(f"{number}. {letter} is {verdict} {question.why}")
    left = len(asked) - len(given)
    print(f"{points} of {len(given)}" + (f"; {left} questions are left." if left else "."))


def quiz_in_markdown(lesson: str) -> str:
    """Return the quiz of a lesson as a section of its page, with answers to unfold.

    >>> print(quiz_in_markdown("08_umix").splitlines()[0])
    ## Quiz
    """
    asked = questions(lesson)
    lines = [
        "## Quiz",
        "",
        "Answer first, then unfold. With a kernel:"
        f' `from ucmt_lite.course.quiz import score; score("{lesson}", "{"a" * len(asked)}")`,'
        " with your letters.",
    ]
    for number, question in enumerate(asked, 1):
        lines += ["", f"**{number}.** {question.text}", ""]
        options = zip("abcdefgh", question.options, strict=False)
        lines += [f"- {letter}) {option}" for letter, option in options]
        lines += [
            "",
            f"<details><summary>Answer to {number}</summary>",
            "",
            f"{question.right}). {question.why}",
            "</details>",
        ]
    return "\n".join(lines)
