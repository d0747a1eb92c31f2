"""The quiz at the end of a lesson: in its page to read and unfold, here to be scored."""

import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from ucmt_lite.common import InputError, atomic, one_of


class Words(NamedTuple):
    """What a quiz says around its questions in one language."""

    heading: str
    advice: str
    answer: str
    right: str
    wrong: str
    score: str
    left: str


WORDS = {
    "en": Words(
        heading="## Quiz",
        advice="Answer first, then unfold. With a kernel: {call}, with your letters.",
        answer="Answer to {}",
        right="{number}. {letter} is right. {why}",
        wrong="{number}. {letter} is not right: {right}. {why}",
        score="{points} of {given}",
        left="; {} questions are left.",
    ),
    "zh": Words(
        heading="## 小测验",
        advice="先作答，再展开。有内核时可以运行 {call}，换成你选的字母。",
        answer="第 {} 题答案",
        right="{number}. {letter} 正确。{why}",
        wrong="{number}. {letter} 不对，应选 {right}。{why}",
        score="答对 {points} / {given}",
        left="；还剩 {} 题。",
    ),
}


class Question(NamedTuple):
    """A question with its options, the letter of the right one, and why it is."""

    text: str
    options: tuple[str, ...]
    right: str
    why: str


def questions(lesson: str, language: str = "en") -> list[Question]:
    """Return the questions of a lesson: its own, then some of earlier ones.

    A question that nobody has translated yet stays English.

    >>> [question.right for question in questions("08_umix")][:3]
    ['a', 'b', 'c']
    """
    one_of("language", language, WORDS)
    return [_question(raw, language) for raw in _entries(lesson)]


def _entries(lesson: str) -> list[dict]:
    """Return what the file says of the questions of a lesson, its own and those asked again."""
    entries = _read()
    entry = entries[one_of("lesson with a quiz", lesson, entries)]
    again = [entries[earlier]["questions"][n - 1] for earlier, n in entry.get("again", [])]
    return [*entry["questions"], *again]


def lessons() -> list[str]:
    """Return the lessons that have a quiz."""
    return list(_read())


def _file() -> Path:
    return Path(str(files("ucmt_lite.course").joinpath("quiz.yaml")))


@cache
def _read() -> dict:
    import yaml

    return yaml.safe_load(_file().read_text("utf-8"))


def _question(raw: dict, language: str) -> Question:
    """Return a question with its options turned, so that no letter is right most of the time.

    They are turned alike in every language.
    """
    said = raw.get(language, raw)
    options = list(map(str, said["options"]))
    right = options["abcdefgh".index(raw["right"])]
    turn = len(raw["text"]) % len(options)
    options = options[turn:] + options[:turn]
    return Question(said["text"], tuple(options), "abcdefgh"[options.index(right)], said["why"])


def score(lesson: str, letters: str, language: str = "en") -> None:
    """Print which of the letters answer the questions of a lesson, and why.

    >>> score("08_umix", "abb")
    1. a is right. Pixels whose labels are doubtful leave the lesson.
    2. b is right. Twice two cells of 256.
    3. b is not right: c. The rival differs in that one thing.
    2 of 3; 2 questions are left.
    """
    asked = questions(lesson, language)
    words = WORDS[language]
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
        verdict = words.right if letter == question.right else words.wrong
        print(verdict.format(number=number, letter=letter, **question._asdict()))
    left = len(asked) - len(given)
    print(
        words.score.format(points=points, given=len(given))
        + (words.left.format(left) if left else ".")
    )


def quiz_in_markdown(lesson: str, language: str = "en") -> str:
    """Return the quiz of a lesson as a section of its page, with answers to unfold.

    >>> print(quiz_in_markdown("08_umix").splitlines()[0])
    ## Quiz
    """
    asked = questions(lesson, language)
    words = WORDS[language]
    arguments = f'"{lesson}", "{"a" * len(asked)}"' + (f', "{language}"' * (language != "en"))
    call = f"`from ucmt_lite.course.quiz import score; score({arguments})`"
    lines = [words.heading, "", words.advice.format(call=call)]
    for number, question in enumerate(asked, 1):
        lines += ["", f"**{number}.** {question.text}", ""]
        options = zip("abcdefgh", question.options, strict=False)
        lines += [f"- {letter}) {option}" for letter, option in options]
        lines += [
            "",
            f"<details><summary>{words.answer.format(number)}</summary>",
            "",
            f"{question.right}). {question.why}",
            "</details>",
        ]
    return "\n".join(lines)


def _fingerprint(raw: dict) -> str:
    """Return a short hash of a question in English, with which its Chinese remembers it."""
    english = "\0".join([raw["text"], *map(str, raw["options"]), raw["right"], raw["why"]])
    return hashlib.sha256(english.encode()).hexdigest()[:8]


def stale_questions(lesson: str) -> tuple[list[str], list[str]]:
    """Return the questions of a lesson's quiz without Chinese, and those changed since it.

    >>> stale_questions("08_umix")
    ([], [])
    """
    entries = _entries(lesson) if lesson in _read() else []
    without = [raw["text"] for raw in entries if "zh" not in raw]
    changed = [
        raw["zh"]["text"]
        for raw in entries
        if "zh" in raw and raw["zh"].get("english") != _fingerprint(raw)
    ]
    return without, changed


def renew_quiz(lesson: str) -> list[str]:
    """Write into the file that the Chinese of a quiz says what its English says now.

    Return a line for each question whose fingerprint was not that.
    """
    _, changed = stale_questions(lesson)
    asked = _entries(lesson) if changed else []
    translated = [raw for entry in _read().values() for raw in entry["questions"] if "zh" in raw]
    marks = iter(
        _fingerprint(raw) if raw in asked else raw["zh"].get("english", "") for raw in translated
    )
    text = re.sub(
        r'(?<=^        english: )"\w*"$',
        lambda _: f'"{next(marks)}"',
        _file().read_text("utf-8"),
        flags=re.MULTILINE,
    )
    with atomic(_file()) as temporary:
        temporary.write_text(text, encoding="utf-8")
    _read.cache_clear()
    return [f"{lesson}: {question}" for question in changed]
