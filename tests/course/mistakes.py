"""What the checks say of planted mistakes, lesson by lesson: `python tests/course/mistakes.py`
writes it to `teaching/mistakes.md` for teachers.
"""

import io
import re
from contextlib import redirect_stdout

from answers import WRONG

from ucmt_lite.course import checks
from ucmt_lite.course.lessons import read_course
from ucmt_lite.course.teach_export import exercises_of
from ucmt_lite.course.teach_quiz import TEACHING

PAGE = TEACHING / "mistakes.md"
_HEAD = """\
# What the checks say

For the teacher: the mistakes to wait for in each exercise, in the words that a student reads below
the cell. The check names the first that it finds. Of every answer without a `return` it says that
it gives nothing back; of one that is empty, that it is not written yet. Written from the answers
that the tests plant, by `python tests/course/mistakes.py`.
"""


def sentences(check):
    """The different sentences that a check says of its planted mistakes."""
    said = []
    for answer, _ in WRONG[check]:
        with redirect_stdout(io.StringIO()) as printed:
            check(answer)
        found = re.search(r"is not right yet: (.+)", printed.getvalue())
        if found and "gives nothing back" not in found[1] and "<lambda>" not in found[1]:
            said.append(found[1])
    return list(dict.fromkeys(said))


def page():
    """The page, whole."""
    course = read_course()
    lines = [_HEAD]
    for name in course.lessons:
        exercises = list(exercises_of(course, name))
        if exercises:
            lines.append(f"## {name[:2]}: {course.lessons[name].title}\n")
        for exercise in exercises:
            title = re.search(r"^### (Exercise \d+: .+)$", exercise.text, re.MULTILINE)[1]
            lines.append(f"**{title}** (`{exercise.check}`)\n")
            lines += [f"- {sentence}" for sentence in sentences(getattr(checks, exercise.check))]
            lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
