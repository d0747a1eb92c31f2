"""The course as it is published: fresh, readable, and pages run as students get them."""

import os
import re
import subprocess
import sys
from html import escape

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from rules import RULES

from ucmt_lite.course import build as course
from ucmt_lite.course import lessons
from ucmt_lite.course.editions import chinese_paths, has_chinese
from ucmt_lite.course.parameters import declared_parameters

COURSE = lessons.read_course()
CHINESE = [name for name in COURSE.lessons if has_chinese(COURSE, name)]
PAGES = [path for name in COURSE.lessons for path in COURSE.paths(name)]
PAGES += [path for name in CHINESE for path in chinese_paths(COURSE, name)]


@pytest.fixture(scope="module")
def faults():
    return course.check_notebooks()


@pytest.mark.parametrize("name", COURSE.lessons)
def test_the_pair_is_fresh_executed_and_made_from_one_source(name, faults):
    assert not [fault for fault in faults if fault.startswith(f"{name} ")]


def test_no_notebook_is_without_source(faults):
    assert not [fault for fault in faults if "has no source" in fault]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(COURSE.root)))
def test_a_notebook_keeps_the_rule(page, rule):
    if not page.is_file():
        pytest.fail(f"{page.stem} is not built: run `ucmt-lite course build {page.stem}`")
    assert list(rule(nbformat.read(page, as_version=4))) == []


@pytest.mark.parametrize("name", COURSE.lessons)
def test_the_exercise_version_runs_from_top_to_bottom(name, tmp_path):
    """An exercise not written yet must stop nothing.

    nbval runs every cell as one test, with the quick parameters.
    """
    import papermill

    page, _ = COURSE.paths(name)
    copy = tmp_path / f"{name}.ipynb"
    quick = COURSE.lessons[name].quick
    papermill.execute_notebook(page, copy, quick, prepare_only=True, progress_bar=False)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--nbval-lax",
        "--nbval-current-env",
        "-p",
        "no:cacheprovider",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
    )
    cells = nbformat.read(copy, as_version=4).cells
    count = len([cell for cell in cells if cell.cell_type == "code"])
    assert done.returncode == 0, done.stdout[-3000:]
    assert count > 1
    assert re.search(rf"^{count} passed", done.stdout, re.MULTILINE), done.stdout[-500:]


@pytest.mark.parametrize("name", COURSE.lessons)
def test_a_lesson_fits_where_memory_is_small(name):
    """Free machines in the cloud have a gigabyte or two, old laptops not much more to spare."""
    megabytes = COURSE.times.get(name, {}).get("megabytes")
    if megabytes is None:
        pytest.skip(f"not measured yet: run `ucmt-lite course build {name} --measure`")
    assert megabytes <= 1000


@pytest.mark.parametrize("name", COURSE.lessons)
def test_papermill_can_read_every_parameter(name, caplog):
    """It stumbles over `=` in a comment, and warns whoever runs the page."""
    from papermill.inspection import inspect_notebook

    declared = declared_parameters(lessons.compose(COURSE, name))
    found = inspect_notebook(COURSE.paths(name)[0])
    assert set(found) == set(declared) and not caplog.records


# The rules themselves: each lets a good notebook pass and catches what it is for.


def picture(alt, **more):
    tag = f'<img src="data:image/png;base64,iVBORw0KGgo=" alt="{escape(alt)}" />'
    return new_output("display_data", data={"text/html": tag, "text/plain": alt, **more})


def good():
    return new_notebook(
        cells=[
            new_markdown_cell("# Title\n\n```\n# a comment\n```\n![a heart](heart.png)"),
            new_code_cell("x = 1", outputs=[picture("The students agree on 94 % of the pixels.")]),
            new_code_cell("def double(x):\n    return 2 * x", metadata={"tags": ["exercise"]}),
            new_code_cell("check(double)", metadata={"tags": ["check"]}),
            new_markdown_cell(
                "<details><summary>Hint</summary>Add.</details>", metadata={"tags": ["hint"]}
            ),
        ]
    )


PLANTED = {
    "cell_sizes": [
        lambda n: n.cells.append(new_code_cell("x\n" * 36)),
        lambda n: n.cells.extend([new_code_cell("x\n" * 9)] * 9),
        lambda n: n.cells.extend([new_code_cell("x\n" * 21)] * 2),
    ],
    "code_cells_in_a_row": [lambda n: n.cells.insert(1, new_code_cell("y = 1"))],
    "one_title": [lambda n: n.cells.append(new_markdown_cell("# Again")), lambda n: n.cells.pop(0)],
    "functions_stand_in_the_library": [
        lambda n: n.cells[1].update(source="%time x\nif x:\n    def f(): ...")
    ],
    "exercises_are_complete": [
        lambda n: n.cells.pop(3),
        lambda n: n.cells.pop(4),
        lambda n: n.cells.insert(3, new_code_cell("def f(): ...", metadata={"tags": ["exercise"]})),
        lambda n: n.cells[4].update(source="Add."),
    ],
    "explorers_ask_first": [
        lambda n: n.cells.append(new_code_cell("ema.widget()", metadata={"tags": ["explorer"]}))
    ],
    "answers_are_folded": [
        lambda n: n.cells[0].update(source="# T\n*Before you run:* who?"),
        lambda n: (
            n.cells[0].update(source="# T\n运行之前先想"),
            n.cells[1].metadata.update(jupyter={"outputs_hidden": True}),
            n.cells.insert(2, new_markdown_cell("It was B.")),
        ),
    ],
    "checks_accept_the_solution": [
        lambda n: n.cells[3].update(
            outputs=[new_output("stream", text="\N{BALLOT X} double is not right yet: twice.")]
        ),
    ],
    "pictures_have_alt_text": [
        lambda n: n.cells[0].update(source="# T\n![](heart.png)"),
        lambda n: n.cells[0].update(source='# T\n<img src="heart.png" alt="">'),
        lambda n: n.cells[1].update(outputs=[picture("<Figure size 640x480 with 1 Axes>")]),
        lambda n: n.cells[1].update(outputs=[picture("a figure")]),
        lambda n: n.cells[1].outputs[0].data.update({"image/png": "iVBORw0KGgo="}),
    ],
    "output_is_clean": [
        lambda n: n.cells[1].update(
            outputs=[new_output("error", ename="ValueError", evalue="x", traceback=[])]
        ),
        lambda n: n.cells[1].update(
            outputs=[new_output("stream", name="stderr", text="UserWarning: beware")]
        ),
        lambda n: n.cells[1].update(
            outputs=[new_output("stream", name="stdout", text="saved /home/me/run.npz")]
        ),
        lambda n: n.cells[1].update(source="open('/tmp/x')"),
        lambda n: n.cells[1].update(
            outputs=[picture("A table of numbers, as text.", **{"text/latex": "/root/x"})]
        ),
    ],
    "metadata_is_lean": [
        lambda n: n.metadata.update(widgets={}),
        lambda n: n.cells[1].metadata.update(tags=["chekc"]),
    ],
    "size": [
        lambda n: n.cells[1].update(
            outputs=[picture("A picture of great size.", **{"text/latex": "x" * 500_000})]
        )
    ],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_passes_the_good_and_catches_the_planted(rule):
    assert list(rule(good())) == []
    assert list(rule(new_notebook(cells=good().cells[:2]))) == []
    for plant in PLANTED[rule.__name__]:
        notebook = good()
        plant(notebook)
        assert len(list(rule(notebook))) >= 1
