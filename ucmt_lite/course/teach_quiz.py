"""The exit quiz over the whole course: its questions on paper, its answers with the teacher, and
the marks of a class.
"""

import csv
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from ucmt_lite.common import InputError
from ucmt_lite.course.lessons import NOTEBOOKS

TEACHING = NOTEBOOKS.parent / "teaching"  # in a clone
_LETTERS = "abcd"
_MISSING = "-"  # a question that a student left out


class ExitAnswer(NamedTuple):
    """The letter of the right answer, the lesson that it follows from, and why it is right."""

    letter: str
    lesson: str
    why: str


class Marked(NamedTuple):
    """A student, the letter given to each question, and which of them are right."""

    student: str
    letters: str
    right: tuple[bool, ...]

    def to_repeat(self, answers: list[ExitAnswer]) -> list[str]:
        """Return the lessons of the questions that were not answered right, in their order."""
        marked = zip(answers, self.right, strict=True)
        return list(dict.fromkeys(answer.lesson for answer, right in marked if not right))


def exit_answers(folder: Path = TEACHING) -> list[ExitAnswer]:
    """Return the answers of `answers.md`, question by question.

    >>> exit_answers()[0].letter
    'c'
    """
    page = folder / "answers.md"
    if not page.is_file():
        raise InputError(
            f"There are no answers at {page}: they live in a clone of the repository, run this"
            " there."
        )
    row = re.compile(r"^\| (\d+) \| ([a-d]) \| (\w+) \| (.+) \|$", re.MULTILINE)
    rows = row.findall(page.read_text(encoding="utf-8"))
    if [int(number) for number, *_ in rows] != list(range(1, len(rows) + 1)) or not rows:
        raise InputError(f"The questions in {page} are not numbered 1, 2, 3, ...: mend its table.")
    return [ExitAnswer(*cells) for _, *cells in rows]


def mark(student: str, letters: str, answers: list[ExitAnswer]) -> Marked:
    """Mark one student's letters; `-` stands for no answer, and so does what is left at the end.

    >>> answers = [ExitAnswer("a", "00_start_here", ""), ExitAnswer("b", "08_umix", "")]
    >>> mark("Ada", "ac", answers).right
    (True, False)
    """
    given = re.sub(r"[\s,;]", "", letters.lower())
    if len(given) > len(answers):
        raise InputError(
            f"{student} has {len(given)} letters for {len(answers)} questions: give one each, and"
            f" {_MISSING} where there is no answer."
        )
    for number, letter in enumerate(given, 1):
        if letter not in _LETTERS + _MISSING:
            raise InputError(
                f"{student} answers question {number} with '{letter}': write one of"
                f" {', '.join(_LETTERS)}, or {_MISSING} for no answer."
            )
    given = given.ljust(len(answers), _MISSING)
    right = tuple(letter == answer.letter for letter, answer in zip(given, answers, strict=True))
    return Marked(student, given, right)


def read_class(file: str | Path, answers: list[ExitAnswer]) -> list[Marked]:
    """Mark a class: each line of a CSV file is a name, then letters in one cell or in one each.

    A first line that begins with `name` or `student` is a heading. Commas and semicolons part
    cells. Errors: InputError for a file that cannot be read, or holds nobody.
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{file} cannot be read ({cause}): give a CSV file in UTF-8.") from None
    delimiter = ";" if text.count(";") > text.count(",") else ","
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(row)]
    if rows and rows[0][0].strip().lower() in ("name", "student"):
        rows = rows[1:]
    if not rows:
        raise InputError(f"{file} holds no answers: write a name and letters on each line.")
    return [mark(name.strip(), _joined(cells), answers) for name, *cells in rows]


def _joined(cells: list[str]) -> str:
    """Return the letters of a row; an empty cell among cells of one letter is no answer."""
    if len(cells) == 1:
        return cells[0]
    return "".join(cell.strip() or _MISSING for cell in cells)


def class_in_words(marked: list[Marked], answers: list[ExitAnswer]) -> str:
    """Return the marks of a class, and the questions that most of it missed with the why.

    >>> answers = [ExitAnswer("a", "08_umix", "Twice two cells of 256.")]
    >>> print(class_in_words([mark("Ada", "b", answers)], answers))
    Ada  0 of 1; lessons to come back to: 08_umix
    Missed by most:
    1 (08_umix): 0 of 1 right, most frequent b. Right is a: Twice two cells of 256.
    """
    width = max(len(one.student) for one in marked)
    lines = []
    for one in marked:
        lessons = ", ".join(one.to_repeat(answers)) or "none"
        points = f"{sum(one.right)} of {len(answers)}"
        lines.append(f"{one.student:{width}}  {points}; lessons to come back to: {lessons}")
    missed = []
    for index, answer in enumerate(answers):
        right = sum(one.right[index] for one in marked)
        if 2 * right < len(marked):
            frequent = Counter(one.letters[index] for one in marked).most_common(1)[0][0]
            missed.append(
                f"{index + 1} ({answer.lesson}): {right} of {len(marked)} right, most frequent"
                f" {frequent}. Right is {answer.letter}: {answer.why}"
            )
    return "\n".join([*lines, *(["Missed by most:", *missed] if missed else [])])
