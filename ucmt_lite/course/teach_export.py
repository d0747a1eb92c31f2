"""The exercises of lessons as assignments: for nbgrader, and for Otter-Grader.

An assignment holds the text of each exercise, its code with the solution marked, and its check in
the form that raises. What a lesson trains and draws stays out, so it is graded in seconds.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ucmt_lite.common import InputError, one_of
from ucmt_lite.course.lessons import Course, compose, read_course
from ucmt_lite.course.notebooks import KERNEL, cell_tags, number_cell, write_notebook

POINTS = {"Easy": 1, "Medium": 2, "Hard": 3}
# What to do with the assignments, by the grader.
NEXT = {
    "nbgrader": "Go there; `nbgrader generate_assignment LESSON` makes what students get.",
    "otter": "`otter assign LESSON.ipynb dist` makes what students and the grader get.",
}


class Exercise(NamedTuple):
    """An exercise of a lesson: its text, its code with `# solution`, the check of its answer."""

    text: str
    code: str
    check: str
    answer: str

    @property
    def points(self) -> int:
        """The points that its difficulty is worth."""
        level = re.search(r"^\*(Easy|Medium|Hard), about", self.text, re.MULTILINE)
        return POINTS[level[1]] if level else 1

    @property
    def test(self) -> str:
        """The cell that raises where the answer is wrong."""
        return (
            f"from ucmt_lite.course.checks import {self.check}\n"
            "from ucmt_lite.course.checks.judging import must_pass\n\n"
            f"must_pass({self.check}, {self.answer})"
        )

    def with_marks(self, begin: str, end: str) -> str:
        """Return its code with the solution between two marks, as a grader wants it."""
        head, indent, solution = re.split(r"^([ \t]*)# solution[ \t]*\n", self.code, flags=re.M)
        return f"{head}{indent}{begin}\n{solution.rstrip()}\n{indent}{end}"


def export_lessons(
    names: Iterable[str] | None, to: str, out: str | Path, root: Path | None = None
) -> list[Path]:
    """Write the assignments of lessons, of all that have exercises where none is named.

    For nbgrader that is a course, `source/LESSON/LESSON.ipynb` and its configuration; for Otter
    one folder a lesson. Errors: InputError for an unknown lesson or grader, and for a lesson that
    has no exercise.
    """
    make = GRADERS[one_of("grader", to, GRADERS)]
    course = read_course(root)
    folder = Path(out) / "source" if to == "nbgrader" else Path(out)
    written = []
    for name in course.chosen(names):
        exercises = list(exercises_of(course, name))
        if exercises:
            path = folder / name / f"{name}.ipynb"
            write_notebook(make(course, name, exercises), path)
            written.append(path)
        elif names:
            raise InputError(f"Lesson {name} has no exercise that a check judges: leave it out.")
    if to == "nbgrader":
        (Path(out) / "nbgrader_config.py").write_text(_NBGRADER_CONFIG, encoding="utf-8")
    return written


def exercises_of(course: Course, name: str) -> Iterator[Exercise]:
    """Yield the exercises of a lesson that have a check."""
    cells = compose(course, name).cells
    for index, cell in enumerate(cells):
        if "exercise" not in cell_tags(cell):
            continue
        check = next(cell for cell in cells[index:] if "check" in cell_tags(cell))
        called = re.search(r"^(check_\w+)\((\w+)\)$", check.source, re.MULTILINE)
        if called is None:
            raise InputError(
                f"The check `{check.source}` of {name} does not end with check_NAME(ANSWER): mend"
                f" src/{name}.py."
            )
        text = re.sub(r"\]\((\w+\.ipynb)\)", rf"]({_address(course)}/\1)", cells[index - 1].source)
        yield Exercise(text, cell.source, called[1], called[2])


def _address(course: Course) -> str:
    return f"{course.url}/blob/{course.tag}/notebooks"


def _head(course: Course, name: str, exercises: list[Exercise]) -> list[Any]:
    """Return the first cells: the title, and the imports that exercises share with their lesson."""
    from nbformat.v4 import new_code_cell, new_markdown_cell

    title = (
        f"# {course.lessons[name].title}\n\nExercises of"
        f" [this lesson]({_address(course)}/{name}.ipynb): read it first."
    )
    imports = sorted(_imports(course, name, exercises))
    return [
        new_markdown_cell(title),
        *([new_code_cell("\n".join(imports))] if imports else []),
    ]


def _imports(course: Course, name: str, exercises: list[Exercise]) -> Iterator[str]:
    """Yield the imports of a lesson's other cells whose names its exercises use."""
    used = {
        node.id
        for exercise in exercises
        for node in ast.walk(ast.parse(exercise.code))
        if isinstance(node, ast.Name)
    }
    for cell in compose(course, name).cells:
        if cell.cell_type != "code" or {"exercise", "check", "setup"} & set(cell_tags(cell)):
            continue
        for statement in ast.parse(cell.source).body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                statement.names = [
                    alias for alias in statement.names if (alias.asname or alias.name) in used
                ]
                if statement.names:
                    yield ast.unparse(statement)


def _for_nbgrader(course: Course, name: str, exercises: list[Exercise]) -> Any:
    """Return an assignment whose cells say in their metadata what nbgrader does with them."""
    from nbformat.v4 import new_code_cell, new_markdown_cell

    cells = _head(course, name, exercises)
    for exercise in exercises:
        code = exercise.with_marks("### BEGIN SOLUTION", "### END SOLUTION")
        cells += [
            new_markdown_cell(exercise.text),
            new_code_cell(code, metadata=_nbgrader(exercise.answer, solution=True)),
            new_code_cell(
                exercise.test,
                metadata=_nbgrader(exercise.check, points=exercise.points, grade=True, locked=True),
            ),
        ]
    return _notebook(cells)


def _nbgrader(grade_id: str, **more: Any) -> dict[str, Any]:
    """Return the metadata of a cell that nbgrader knows."""
    plain = {"grade": False, "locked": False, "solution": False, "task": False}
    return {"nbgrader": {"grade_id": grade_id, "schema_version": 3, **plain, **more}}


def _for_otter(course: Course, name: str, exercises: list[Exercise]) -> Any:
    """Return an assignment whose raw cells say where questions begin and end."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

    kit = f"ucmt-lite @ git+{course.url}@{course.tag}"
    config = f'# ASSIGNMENT CONFIG\nname: {name}\nexport_cell: false\nrequirements: ["{kit}"]'
    cells = [new_raw_cell(config), *_head(course, name, exercises)]
    for exercise in exercises:
        begin = f"# BEGIN QUESTION\nname: {exercise.answer}\npoints: {exercise.points}"
        cells += [
            new_raw_cell(begin),
            new_markdown_cell(exercise.text),
            new_raw_cell("# BEGIN SOLUTION"),
            new_code_cell(exercise.with_marks("# BEGIN SOLUTION", "# END SOLUTION")),
            new_raw_cell("# END SOLUTION"),
            new_raw_cell("# BEGIN TESTS"),
            new_code_cell(exercise.test),
            new_raw_cell("# END TESTS"),
            new_raw_cell("# END QUESTION"),
        ]
    return _notebook(cells)


def _notebook(cells: list[Any]) -> Any:
    """Return a notebook of cells, the same bytes for the same cells."""
    from nbformat.v4 import new_notebook

    for index, cell in enumerate(cells):
        known = {"nbgrader": cell.metadata["nbgrader"]} if "nbgrader" in cell.metadata else {}
        number_cell(cell, index)
        cell.metadata.update(known)
    return new_notebook(cells=cells, metadata={"kernelspec": dict(KERNEL)})


_NBGRADER_CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "ucmt-lite"
c.ExecutePreprocessor.timeout = 300
c.ClearSolutions.code_stub = {"python": "# Write your code here.\\nraise NotImplementedError"}
"""

GRADERS: dict[str, Callable[[Course, str, list[Exercise]], Any]] = {
    "nbgrader": _for_nbgrader,
    "otter": _for_otter,
}
