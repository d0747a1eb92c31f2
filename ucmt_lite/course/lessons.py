"""What the course consists of: `course.yaml`, and the notebook that the source of a lesson stands
for.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError, one_of
from ucmt_lite.course import parameters
from ucmt_lite.course.notebooks import KERNEL, exercise_version, number_cell, tags

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"  # in a clone
TAGS = (
    "parameters",
    "header",
    "setup",
    "exercise",
    "check",
    "hint",
    "solution",
    "explorer",
    "raises-exception",
)


@dataclass(frozen=True)
class Lesson:
    """What `course.yaml` says of one lesson."""

    title: str  # as in the first line of the source
    reading: int  # minutes
    exercises: int  # minutes
    prerequisites: list[str] = field(
        default_factory=list
    )  # names of lessons, or what to know in words
    quick: dict[str, Any] = field(default_factory=dict)  # parameters of the quick profile
    card: str | None = None  # data_cards/CARD.md


@dataclass(frozen=True)
class Course:
    """`course.yaml` and the folder it describes."""

    root: Path  # notebooks/
    repository: str  # owner/name: badges, links and the setup cell all take it from here
    branch: str
    lessons: dict[str, Lesson]
    times: dict[str, dict]  # name -> what the last `--measure` found

    @property
    def url(self) -> str:
        """Where the repository lies."""
        return f"https://github.com/{self.repository}"

    def chosen(self, names: Iterable[str] | None) -> list[str]:
        """All lessons, or those named."""
        return [one_of("lesson", name, self.lessons) for name in names or self.lessons]

    def paths(self, name: str) -> tuple[Path, Path]:
        """Where the exercise version and the solution version of a lesson are written."""
        return self.root / f"{name}.ipynb", self.root / "solutions" / f"{name}.ipynb"


def read_course(root: Path | None = None) -> Course:
    """Read `src/course.yaml`; unknown or missing keys, and lessons without source or sources
    without lesson, are errors.
    """
    import yaml

    root = root or NOTEBOOKS
    path = root / "src" / "course.yaml"
    if not path.is_file():
        raise InputError(
            f"There is no course at {path}: the lessons live in a clone of the repository, run this"
            " there."
        )
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as cause:
        raise InputError(
            f"{path} is not YAML ({' '.join(str(cause).split())}): mend that line."
        ) from None
    _known_keys(
        entries,
        ("repository", "branch", "lessons"),
        ("repository", "branch", "lessons"),
        "course.yaml",
    )
    sources = {file.stem for file in path.parent.glob("*.py")}
    for name in sorted(set(entries["lessons"]) ^ sources):
        missing = (
            "has no entry in course.yaml"
            if name in sources
            else f"has no source {path.parent / name}.py"
        )
        raise InputError(f"Lesson {name} {missing}: add it, or remove the other.")
    times = path.with_name("times.json")
    return Course(
        root=root,
        repository=entries["repository"],
        branch=entries["branch"],
        lessons={name: _lesson(name, entries["lessons"]) for name in sorted(entries["lessons"])},
        times=json.loads(times.read_text(encoding="utf-8")) if times.is_file() else {},
    )


def _lesson(name: str, lessons: dict[str, Any]) -> Lesson:
    entry, where = lessons[name], f"lesson {name} in course.yaml"
    _known_keys(entry, [f.name for f in fields(Lesson)], ("title", "reading", "exercises"), where)
    kinds = {
        "title": str,
        "reading": int,
        "exercises": int,
        "prerequisites": list,
        "quick": dict,
        "card": str,
    }
    for key, value in entry.items():
        if not isinstance(value, kinds[key]):
            raise InputError(f"'{key}' of {where} must be {kinds[key].__name__}, not {value!r}.")
    for wanted in entry.get("prerequisites", []):
        if wanted[:2].isdigit():
            one_of(f"prerequisite of {where}", wanted, lessons)
    return Lesson(**entry)


def _known_keys(entry: Any, known: Iterable[str], required: Iterable[str], where: str) -> None:
    if not isinstance(entry, dict):
        raise InputError(f"There is nothing in {where}: give {', '.join(required)}.")
    for key in entry:
        one_of(f"key of {where}", key, known)
    for key in required:
        if key not in entry:
            raise InputError(f"The key '{key}' of {where} is missing: add it.")


def compose(course: Course, name: str) -> Any:
    """The solution version of a lesson, not executed yet: the source's cells, the header and the
    setup cell.
    """
    import jupytext
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    source = (course.root / "src" / f"{name}.py").read_text(encoding="utf-8")
    cells = jupytext.reads(source, fmt="py:percent").cells
    title = f"# {course.lessons[name].title}"
    if not cells or cells[0].cell_type != "markdown" or cells[0].source.splitlines()[0] != title:
        raise InputError(
            f"Lesson {name} must open with a markdown cell `{title}`, the title that course.yaml"
            " gives."
        )
    for tag in {tag for cell in cells for tag in tags(cell)}:
        one_of(f"tag in lesson {name}", tag, TAGS)
    stamp = {"sha256": sha256_of(course, cells), "profile": "full"}
    first_code = next((i for i, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    setup = new_code_cell(_setup(course), metadata={"tags": ["setup"]})
    header = new_markdown_cell(_header(course, name), metadata={"tags": ["header"]})
    cells = [cells[0], header, *cells[1:first_code], setup, *cells[first_code:]]
    notebook = new_notebook(
        cells=[number_cell(cell, index) for index, cell in enumerate(cells)],
        metadata={"kernelspec": dict(KERNEL), "ucmt_lite": stamp},
    )
    try:
        defaults = parameters.declared(notebook)
        notebook.metadata.ucmt_lite["parameters"] = {
            k: "computed" if v is ... else v for k, v in defaults.items()
        }
        parameters.check_parameters(notebook, course.lessons[name].quick, f"lesson {name}")
        exercise_version(notebook)
    except SyntaxError as cause:
        raise InputError(
            f"Lesson {name} has a cell that is not Python ({cause}): mend src/{name}.py."
        ) from None
    return notebook


def sha256_of(course: Course, cells: Iterable[Any]) -> str:
    """A hash of what outputs depend on: the code of a lesson and the recordings it shows. Its text
    may change without a new run.

    Recordings are the tables of each comparison that the code names as `kept("NAME")`, and every
    trace if it shows any.
    """
    code = "\0".join(cell.source for cell in cells if cell.cell_type == "code")
    names = sorted(set(re.findall(r'\bkept\("(\w+)"\)', code)))
    shown = [
        file
        for name in names
        for file in sorted(course.root.parent.glob(f"results/{name}/*.parquet"))
    ]
    shown += sorted(course.root.glob("traces/*.npz")) if re.search(r"\brecorded\(", code) else []
    found = hashlib.sha256(code.encode())
    for file in shown:
        found.update(file.read_bytes())
    return found.hexdigest()


def _header(course: Course, name: str) -> str:
    """Badges, time and links: what a reader wants to know before starting."""
    lesson, page = course.lessons[name], f"notebooks/{name}.ipynb"
    colab = (
        f"https://colab.research.google.com/github/{course.repository}/blob/{course.branch}/{page}"
    )
    binder = (
        f"https://mybinder.org/v2/gh/{course.repository}/{course.branch}?urlpath=lab/tree/{page}"
    )
    measured = course.times.get(name)
    runs = "not measured yet" if not measured else f"{measured['seconds']} s on {measured['on']}"
    wanted = [
        f"[{course.lessons[w].title}]({w}.ipynb)" if w in course.lessons else w
        for w in lesson.prerequisites
    ]
    blob = f"{course.url}/blob/{course.branch}"
    exercises = f", {lesson.exercises} min of exercises" if lesson.exercises else ""
    lines = [
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})",
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})",
        "",
        f"- **Time:** {lesson.reading} min to read{exercises}; running every cell: {runs}",
        f"- **Before this:** {', '.join(wanted) or 'nothing'}",
    ]
    if lesson.card:
        lines.append(f"- **Data:** [card of {lesson.card}]({blob}/data_cards/{lesson.card}.md)")
    if lesson.exercises:
        solved = f"[solved version]({blob}/notebooks/solutions/{name}.ipynb)"
        lines.append(f"- **Stuck?** Every exercise has hints, and there is a {solved}")
    return "\n".join(lines)


def _setup(course: Course) -> str:
    """Installs the kit where it is missing, as on Colab. The kit's wide ranges leave what is
    already there, torch too.
    """
    return f"""\
# On Colab this installs the kit; where it is installed already, nothing happens.
import importlib.util

if importlib.util.find_spec("ucmt_lite") is None:
    %pip install --quiet "ucmt-lite @ git+{course.url}@{course.branch}\""""
