"""The course: what `course.yaml` says, and the notebook that the source of a lesson stands for."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ucmt_lite.common import KEPT, InputError, one_of
from ucmt_lite.course.notebooks import KERNEL, cell_tags, exercise_version, number_cell
from ucmt_lite.course.parameters import check_parameters, declared_parameters
from ucmt_lite.course.quiz import lessons as with_quiz
from ucmt_lite.course.quiz import quiz_in_markdown

NOTEBOOKS = KEPT / "notebooks"
TAGS = (
    "parameters",
    "header",
    "setup",
    "exercise",
    "check",
    "hint",
    "solution",
    "explorer",
    "quiz",
    "raises-exception",
    "hide-output",
)
LANGUAGES = ("zh",)  # beside English; the folders of notebooks/ that hold their pages
_COURSE_KEYS = ("repository", "tag", "lessons")
_LESSON_KEYS = {
    "title": str,
    "reading": int,
    "exercises": int,
    "prerequisites": list,
    "quick": dict,
    "card": str,
}
_REQUIRED_LESSON_KEYS = ("title", "reading", "exercises")


@dataclass(frozen=True)
class Lesson:
    """What `course.yaml` says of one lesson."""

    title: str  # as in the first line of the source
    reading: int  # minutes
    exercises: int  # minutes
    # Names of lessons, or what to know in words.
    prerequisites: list[str] = field(default_factory=list)
    quick: dict[str, Any] = field(default_factory=dict)  # parameters of the quick profile
    card: str | None = None  # data_cards/CARD.md


@dataclass(frozen=True)
class Course:
    """`course.yaml` and the folder it describes."""

    root: Path  # notebooks/
    repository: str  # owner/name: badges, links and the setup cell all take it from here
    tag: str  # of the version that badges and setup cells take
    lessons: dict[str, Lesson]
    times: dict[str, dict]  # name -> what the last `--measure` found

    @property
    def url(self) -> str:
        """Where the repository lies."""
        return f"https://github.com/{self.repository}"

    @property
    def blob(self) -> str:
        """Where the files of this version can be read."""
        return f"{self.url}/blob/{self.tag}"

    def chosen(self, names: Iterable[str] | None) -> list[str]:
        """Return all lessons, or those named."""
        return [one_of("lesson", name, self.lessons) for name in names or self.lessons]

    def paths(self, name: str) -> tuple[Path, Path]:
        """Return where the exercise version and the solution version of a lesson are written."""
        return self.root / f"{name}.ipynb", self.root / "solutions" / f"{name}.ipynb"

    def record(self, name: str) -> Path:
        """Return where it is written what a lesson ran of the kit."""
        return self.root / "src" / "ran" / f"{name}.json"


def read_course(root: Path | None = None) -> Course:
    """Read `src/course.yaml`.

    Errors: InputError for unknown or missing keys, lessons without source and sources without
    lesson.
    """
    root = root or NOTEBOOKS
    path = root / "src" / "course.yaml"
    if not path.is_file():
        raise InputError(
            f"There is no course at {path}: the lessons live in a clone of the repository, run this"
            " there."
        )
    entries = _read_yaml(path)
    _check_keys(entries, _COURSE_KEYS, _COURSE_KEYS, "course.yaml")
    _check_sources(path.parent, entries["lessons"])
    times = path.with_name("times.json")
    return Course(
        root=root,
        repository=entries["repository"],
        tag=entries["tag"],
        lessons={name: _lesson(name, entries["lessons"]) for name in sorted(entries["lessons"])},
        times=json.loads(times.read_text(encoding="utf-8")) if times.is_file() else {},
    )


def _read_yaml(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as cause:
        raise InputError(
            f"{path} is not YAML ({' '.join(str(cause).split())}): mend that line."
        ) from None


def _check_sources(folder: Path, lessons: Iterable[str]) -> None:
    """Refuse a lesson without source, and a source without lesson."""
    sources = {file.stem for file in folder.glob("*.py")}
    for name in sorted(set(lessons) ^ sources):
        missing = f"has no source {folder / name}.py"
        if name in sources:
            missing = "has no entry in course.yaml"
        raise InputError(f"Lesson {name} {missing}: add it, or remove the other.")


def _lesson(name: str, lessons: dict[str, Any]) -> Lesson:
    """Return one entry of `course.yaml`, checked."""
    entry = lessons[name]
    place = f"lesson {name} in course.yaml"
    _check_keys(entry, [item.name for item in fields(Lesson)], _REQUIRED_LESSON_KEYS, place)
    for key, value in entry.items():
        if not isinstance(value, _LESSON_KEYS[key]):
            kind = _LESSON_KEYS[key].__name__
            raise InputError(f"'{key}' of {place} must be {kind}, not {value!r}.")
    for prerequisite in entry.get("prerequisites", []):
        if prerequisite[:2].isdigit():
            one_of(f"prerequisite of {place}", prerequisite, lessons)
    return Lesson(**entry)


def _check_keys(entry: Any, known: Iterable[str], required: Iterable[str], place: str) -> None:
    """Refuse unknown and missing keys; `place` names the entry in the sentence."""
    if not isinstance(entry, dict):
        raise InputError(f"There is nothing in {place}: give {', '.join(required)}.")
    for key in entry:
        one_of(f"key of {place}", key, known)
    for key in required:
        if key not in entry:
            raise InputError(f"The key '{key}' of {place} is missing: add it.")


def compose(course: Course, name: str) -> Any:
    """Return the solution version of a lesson, not executed yet.

    It holds the source's cells, the header, the setup cell and the stamp.
    """
    from nbformat.v4 import new_notebook

    source_cells = [cell for cell in read_source(course, name) if "lang" not in cell.metadata]
    cells = _with_header_and_setup(course, name, source_cells)
    stamp = {"sha256": _hash_of_outputs_origin(course, source_cells), "profile": "full"}
    notebook = new_notebook(
        cells=[number_cell(cell, index) for index, cell in enumerate(cells)],
        metadata={"kernelspec": dict(KERNEL), "ucmt_lite": stamp},
    )
    try:
        defaults = declared_parameters(notebook)
        notebook.metadata.ucmt_lite["parameters"] = {
            key: "computed" if value is ... else value for key, value in defaults.items()
        }
        check_parameters(notebook, course.lessons[name].quick, f"lesson {name}")
        exercise_version(notebook)
    except SyntaxError as cause:
        raise InputError(
            f"Lesson {name} has a cell that is not Python ({cause}): mend src/{name}.py."
        ) from None
    return notebook


def read_source(course: Course, name: str) -> list[Any]:
    """Return the cells of a lesson's percent script, those of other languages among them.

    Errors: InputError for a wrong title, unknown tags and unknown languages.
    """
    import jupytext

    source = (course.root / "src" / f"{name}.py").read_text(encoding="utf-8")
    cells = jupytext.reads(source, fmt="py:percent").cells
    title = f"# {course.lessons[name].title}"
    if not cells or cells[0].cell_type != "markdown" or cells[0].source.splitlines()[0] != title:
        raise InputError(
            f"Lesson {name} must open with a markdown cell `{title}`, the title that course.yaml"
            " gives."
        )
    for tag in {tag for cell in cells for tag in cell_tags(cell)}:
        one_of(f"tag in lesson {name}", tag, TAGS)
    for cell in cells:
        if "lang" in cell.metadata:
            one_of(f"language in lesson {name}", cell.metadata["lang"], LANGUAGES)
    return cells


def _with_header_and_setup(course: Course, name: str, cells: list[Any]) -> list[Any]:
    """Put the header below the title, the setup cell before the first code cell, the quiz last."""
    from nbformat.v4 import new_code_cell, new_markdown_cell

    first_code = len(cells)
    for index, cell in enumerate(cells):
        if cell.cell_type == "code":
            first_code = index
            break
    header = new_markdown_cell(_header(course, name), metadata={"tags": ["header"]})
    setup = new_code_cell(_setup(course), metadata={"tags": ["setup"]})
    quizzes = [
        new_markdown_cell(quiz_in_markdown(lesson), metadata={"tags": ["quiz"]})
        for lesson in with_quiz()
        if lesson == name
    ]
    return [cells[0], header, *cells[1:first_code], setup, *cells[first_code:], *quizzes]


def _hash_of_outputs_origin(course: Course, cells: Iterable[Any]) -> str:
    """Hash what outputs depend on: the code of a lesson and the recordings it shows.

    Its text may change without a new run. Recordings are the tables of each comparison that the
    code names as `kept("NAME")`, and every trace if it shows any.
    """
    code = "\0".join(cell.source for cell in cells if cell.cell_type == "code")
    recordings: list[Path] = []
    for name in sorted(set(re.findall(r'\bkept\("(\w+)"\)', code))):
        recordings += sorted(course.root.parent.glob(f"results/{name}/*.parquet"))
    if re.search(r"\brecorded\(", code):
        recordings += sorted(course.root.glob("traces/*.npz"))
    digest = hashlib.sha256(code.encode())
    for file in recordings:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _header(course: Course, name: str) -> str:
    """Return badges, time and links: what a reader wants to know before starting."""
    lesson = course.lessons[name]
    measured = course.times.get(name)
    running = f"{measured['seconds']} s on {measured['on']}" if measured else "not measured yet"
    if measured and measured.get("megabytes"):
        running += f", with about {measured['megabytes']:,} MB of memory"
    exercises = f", {lesson.exercises} min of exercises" if lesson.exercises else ""
    prerequisites = [
        f"[{course.lessons[item].title}]({item}.ipynb)" if item in course.lessons else item
        for item in lesson.prerequisites
    ]
    lines = [
        *badges(course, f"notebooks/{name}.ipynb", "Open in Colab", "Open in Binder"),
        "",
        f"- **Time:** {lesson.reading} min to read{exercises}; running every cell: {running}",
        f"- **Before this:** {', '.join(prerequisites) or 'nothing'}",
        f"- **Words:** [glossary]({course.blob}/notebooks/glossary.md)",
    ]
    if lesson.card:
        card = f"{course.blob}/data_cards/{lesson.card}.md"
        lines.append(f"- **Data:** [card of {lesson.card}]({card})")
    if lesson.exercises:
        solved = f"[solved version]({course.blob}/notebooks/solutions/{name}.ipynb)"
        lines.append(f"- **Stuck?** Every exercise has hints, and there is a {solved}")
    return "\n".join(lines)


def badges(course: Course, page: str, in_colab: str, in_binder: str) -> list[str]:
    """Return the badges that open `page`, a path in the repository, with their alt texts."""
    colab = "https://colab.research.google.com"
    colab_page = f"{colab}/github/{course.repository}/blob/{course.tag}/{page}"
    binder = "https://mybinder.org"
    binder_page = f"{binder}/v2/gh/{course.repository}/{course.tag}?urlpath=lab/tree/{page}"
    return [
        f"[![{in_colab}]({colab}/assets/colab-badge.svg)]({colab_page})",
        f"[![{in_binder}]({binder}/badge_logo.svg)]({binder_page})",
    ]


def _setup(course: Course) -> str:
    """Return the cell that installs the kit where it is missing, as on Colab.

    The kit's wide ranges leave what is already there, torch too. Where the installation fails, the
    page stops here with a sentence, and not in every cell below; it may be run again.
    """
    return f"""\
# On Colab this installs the kit; where it is installed already, nothing happens.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ucmt_lite") is None:
    kit = "ucmt-lite @ git+{course.url}@{course.tag}"
    if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", kit]).returncode:
        why = f"The kit could not be installed from {{kit}}: is there a network?"
        sys.exit(f"{{why}} Run this cell again.")
    importlib.invalidate_caches()"""
