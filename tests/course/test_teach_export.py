"""Exercises as assignments: what they are made of, and that graders give full marks and none."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from ucmt_lite.cli import main
from ucmt_lite.course import checks
from ucmt_lite.course.checks.judging import CheckFailed, must_pass
from ucmt_lite.course.lessons import read_course
from ucmt_lite.course.teach_export import GRADERS, exercises_of, export_lessons

ROOT = Path(__file__).parents[2]
COURSE = read_course()
LESSONS = [name for name in COURSE.lessons if list(exercises_of(COURSE, name))]


def read(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folders = {grader: tmp_path_factory.mktemp(grader) for grader in GRADERS}
    return {to: (out, export_lessons(None, to, out)) for to, out in folders.items()}


def test_every_check_is_in_an_assignment_and_carries_points():
    exercises = [exercise for name in LESSONS for exercise in exercises_of(COURSE, name)]
    assert {exercise.check for exercise in exercises} == set(checks.__all__)
    assert {exercise.points for exercise in exercises} == {1, 2, 3}
    (umix,) = [exercise for exercise in exercises if exercise.check == "check_umix"]
    assert umix.points == 3 and umix.answer == "my_umix" and "### Exercise 2" in umix.text


def test_a_check_that_must_pass_raises_its_sentence_and_is_silent_where_all_is_well(capsys):
    must_pass(checks.check_hours, lambda s, n, k: sum(s.values()) * n * k / 3600)
    with pytest.raises(CheckFailed, match="those are seconds"):
        must_pass(checks.check_hours, lambda s, n, k: sum(s.values()) * n * k)
    with pytest.raises(ZeroDivisionError):
        must_pass(checks.check_hours, lambda s, n, k: 1 / 0)
    assert capsys.readouterr().out == ""
    checks.check_hours(lambda s, n, k: 1.0)  # and a lesson goes on as before
    assert capsys.readouterr().out.startswith("\N{BALLOT X}")


@pytest.mark.parametrize("grader", GRADERS)
def test_an_assignment_runs_alone_and_its_solutions_pass(grader, exported):
    """Code cells, as they are graded; a lesson whose check trains networks is left out."""
    _, paths = exported[grader]
    assert [path.stem for path in paths] == LESSONS
    for path in paths:
        if path.stem == "13_failure_museum":
            continue
        namespace = {}
        for cell in read(path).cells:
            if cell.cell_type == "code":
                exec(cell.source, namespace)


def test_nbgrader_knows_each_solution_and_locks_each_test(exported):
    out, paths = exported["nbgrader"]
    assert (out / "nbgrader_config.py").is_file()
    assert [path.relative_to(out) for path in paths] == [
        Path("source") / name / f"{name}.ipynb" for name in LESSONS
    ]
    for path in paths:
        notebook = read(path)
        marked = [c for c in notebook.cells if "nbgrader" in c.metadata]
        known = [cell.metadata.nbgrader for cell in marked]
        assert len({cell.grade_id for cell in known}) == len(known)
        for solution, test in zip(marked[::2], marked[1::2], strict=True):
            text = solution.source
            assert text.count("### BEGIN SOLUTION") == text.count("### END SOLUTION") == 1
            assert solution.metadata.nbgrader.solution and not solution.metadata.nbgrader.grade
            assert test.metadata.nbgrader.grade and test.metadata.nbgrader.locked
            assert test.metadata.nbgrader.points > 0 and "must_pass(check_" in test.source


def test_otter_finds_what_begins_ended_again(exported):
    for path in exported["otter"][1]:
        raw = [cell.source.splitlines() for cell in read(path).cells if cell.cell_type == "raw"]
        assert raw[0][0] == "# ASSIGNMENT CONFIG"
        heads = [lines[0] for lines in raw[1:]]
        parts = ["BEGIN QUESTION", "BEGIN SOLUTION", "END SOLUTION"]
        parts += ["BEGIN TESTS", "END TESTS", "END QUESTION"]
        assert heads == [f"# {part}" for part in parts] * (len(heads) // 6)
        names = [lines[1] for lines in raw if lines[0] == "# BEGIN QUESTION"]
        assert len(set(names)) == len(names) == len(heads) // 6


def test_what_an_assignment_links_to_is_there_without_the_course(exported):
    for _, paths in exported.values():
        for path in paths:
            text = "\n".join(cell.source for cell in read(path).cells)
            assert "](0" not in text and "](1" not in text and "](9" not in text


def test_the_same_lessons_give_the_same_bytes(tmp_path):
    for grader in GRADERS:
        one, two = (export_lessons(["08_umix"], grader, tmp_path / n)[0] for n in ("a", "b"))
        assert one.read_bytes() == two.read_bytes()
        nbformat.validate(read(one))


def test_the_command_says_what_comes_next_and_refuses_what_it_cannot_export(tmp_path, capsys):
    out = ["--out", str(tmp_path)]
    assert main(["teach", "export", "08_umix", "--to", "otter", *out]) == 0
    assert "otter assign" in capsys.readouterr().out
    assert main(["teach", "export", "--to", "nbgrade", *out]) == 2
    assert "did you mean 'nbgrader'" in capsys.readouterr().err
    assert main(["teach", "export", "91_results", "--to", "otter", *out]) == 2
    assert "91_results has no exercise" in capsys.readouterr().err


def run(folder, *command):
    """Run a grader's command beside this Python, with the kit of this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    bin_folder = str(Path(sys.executable).parent)
    environment["PATH"] = bin_folder + os.pathsep + environment["PATH"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def needs(package, name):
    there = importlib.util.find_spec(package) is not None
    return pytest.mark.skipif(not there, reason=f"needs {name}: pip install {name}")


@needs("nbgrader", "nbgrader")
def test_nbgrader_gives_solutions_full_marks_and_blanks_none(tmp_path):
    from nbgrader.api import Gradebook

    (source,) = export_lessons(["08_umix"], "nbgrader", tmp_path)
    run(tmp_path, "nbgrader", "generate_assignment", "08_umix", "--create")
    release = tmp_path / "release/08_umix/08_umix.ipynb"
    assert "SOLUTION" not in release.read_text(encoding="utf-8")
    for student, page in (("solved", source), ("blank", release)):
        handed_in = tmp_path / "submitted" / student / "08_umix"
        handed_in.mkdir(parents=True)
        shutil.copy(page, handed_in)
    run(tmp_path, "nbgrader", "autograde", "08_umix", "--create")
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        submissions = book.assignment_submissions("08_umix")
        scores = {one.student.id: (one.score, one.max_score) for one in submissions}
    assert scores == {"solved": (7, 7), "blank": (0, 7)}


@needs("otter", "otter-grader")
def test_otter_gives_solutions_full_marks_and_blanks_none(tmp_path):
    (source,) = export_lessons(["08_umix"], "otter", tmp_path)
    run(source.parent, "otter", "assign", source.name, "dist")
    dist = source.parent / "dist"
    (archive,) = dist.glob("autograder/*.zip")
    points = {}
    for student, page in (("solved", "autograder"), ("blank", "student")):
        out = tmp_path / student
        out.mkdir()
        run(out, "otter", "run", "-a", archive, "-o", out, dist / page / "08_umix.ipynb")
        tests = json.loads((out / "results.json").read_text(encoding="utf-8"))["tests"]
        tests = [test for test in tests if test.get("max_score")]
        points[student] = [sum(test[key] for test in tests) for key in ("score", "max_score")]
    assert points == {"solved": [7, 7], "blank": [0, 7]}
