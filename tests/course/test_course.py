"""The lesson builder, on a tiny made-up course: what students get, what stays, what is refused."""

import json
import re
import subprocess
import sys

import nbformat
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.course import build as course
from ucmt_lite.course.notebooks import NotebookError, blank_answer, execute_notebook

YAML = """
repository: someone/tiny
tag: v1
lessons:
  00_tiny:
    title: A tiny lesson
    reading: 1
    exercises: 2
    quick: {steps: 2}
    card: phantom_heart
"""
LESSON = '''\
# %% [markdown]
# # A tiny lesson
#
# Why: to see.

# %% tags=["parameters"]
steps = 5

# %%
from tqdm.auto import tqdm

print("sum", sum(tqdm(range(steps))))

# %% tags=["exercise"]
def double(x):
    """Twice x."""
    # solution
    return 2 * x

# %% tags=["check"]
try:
    print(double(3))
except NotImplementedError:
    print("not written yet")

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>Add.</details>

# %% tags=["solution"]
print("another way")

# %% tags=["hide-output"]
import ipywidgets


class Pictured(ipywidgets.IntSlider):
    def _repr_mimebundle_(self, **kwargs):
        tag = '<img src="data:image/png;base64,iVBORw0KGgo=" alt="a slider at zero" />'
        picture = {"text/html": tag, "image/png": "iVBORw0KGgo=", "text/plain": "a slider at zero"}
        return {**super()._repr_mimebundle_(**kwargs), **picture}


Pictured()
'''


@pytest.fixture
def tiny(tmp_path):
    """`tiny(lesson=..., yaml=...)` writes the made-up course and returns its notebooks folder."""

    def write(lesson=LESSON, yaml=YAML, **others):
        source = tmp_path / "notebooks" / "src"
        source.mkdir(parents=True, exist_ok=True)
        (source / "course.yaml").write_text(yaml)
        (source / "00_tiny.py").write_text(lesson)
        for name, text in others.items():
            (source / f"{name}.py").write_text(text)
        return tmp_path / "notebooks"

    return write


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The made-up course, built once."""
    root = tmp_path_factory.mktemp("course") / "notebooks"
    (root / "src").mkdir(parents=True)
    (root / "src" / "course.yaml").write_text(YAML)
    (root / "src" / "00_tiny.py").write_text(LESSON)
    assert course.build_notebooks(root=root) == ["00_tiny"]
    return root


@pytest.fixture
def copied(built, tmp_path):
    """A copy of the built course that a test may spoil."""
    import shutil

    return shutil.copytree(built, tmp_path / "notebooks")


def open_pair(root):
    pair = root / "00_tiny.ipynb", root / "solutions" / "00_tiny.ipynb"
    return [nbformat.read(path, as_version=4) for path in pair]


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def test_the_exercise_version_has_places_to_write_instead_of_answers(built):
    page, _ = open_pair(built)
    (exercise,), (check,) = tagged(page, "exercise"), tagged(page, "check")
    assert exercise.source.splitlines() == [
        "def double(x):",
        '    """Twice x."""',
        "    # Write your code here.",
        "    raise NotImplementedError",
    ]
    assert not exercise.outputs and not check.outputs and check.execution_count is None
    assert not tagged(page, "solution") and "another way" not in str(page)
    assert tagged(page, "hint")


def test_the_exercise_version_shows_what_the_other_cells_gave(built):
    page, _ = open_pair(built)
    outputs = [output for cell in page.cells for output in cell.get("outputs", [])]
    assert [output.text for output in outputs if "text" in output] == ["sum 10\n"]


def test_the_solution_version_is_executed_whole(built):
    _, solution = open_pair(built)
    code = [cell for cell in solution.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert tagged(solution, "check")[0].outputs[0].text == "6\n"
    assert tagged(solution, "solution")[0].outputs[0].text == "another way\n"


def test_both_open_with_badges_time_and_card_and_then_the_setup_cell(built):
    for notebook in open_pair(built):
        title, header = notebook.cells[:2]
        assert title.source.startswith("# A tiny lesson")
        assert "/github/someone/tiny/blob/v1/notebooks/00_tiny.ipynb" in header.source
        assert (
            "mybinder.org/v2/gh/someone/tiny/v1?urlpath=lab/tree/notebooks/00_tiny.ipynb"
            in header.source
        )
        assert "data_cards/phantom_heart.md" in header.source
        assert "1 min to read, 2 min of exercises; running" in header.source
        assert "Every exercise has hints" in header.source
        first = next(cell for cell in notebook.cells if cell.cell_type == "code")
        assert (
            first.metadata.tags == ["setup"]
            and "git+https://github.com/someone/tiny@v1" in first.source
        )
        assert "torch" not in first.source and "drive" not in first.source.lower()


@pytest.mark.parametrize("address", ["file:///no/such/place", "git+file:///no/such/repository"])
def test_a_kit_that_cannot_be_installed_stops_the_page_with_one_sentence(built, address):
    setup = tagged(open_pair(built)[0], "setup")[0].source
    hidden = "import importlib.util; importlib.util.find_spec = lambda name: None\n"
    broken = re.sub(r"@ git\+\S+(?=\")", f"@ {address}", setup)
    assert broken != setup
    done = subprocess.run([sys.executable, "-c", hidden + broken], capture_output=True, text=True)
    assert done.returncode and done.stderr.strip().splitlines()[-1] == (
        f"The kit could not be installed from ucmt-lite @ {address}: is there a network? Run this"
        " cell again."
    )


def test_the_setup_cell_does_nothing_where_the_kit_is(built):
    setup = tagged(open_pair(built)[0], "setup")[0].source
    silent = "import subprocess; subprocess.run = None\n"
    subprocess.run([sys.executable, "-c", silent + setup + "\n" + setup], check=True)


def test_nothing_is_stored_that_differs_from_run_to_run(built):
    for notebook in open_pair(built):
        assert set(notebook.metadata) == {"kernelspec", "ucmt_lite"}
        assert notebook.metadata.kernelspec.name == "python3"
        *others, last = [cell.metadata for cell in notebook.cells]
        assert all(set(metadata) <= {"tags"} for metadata in others)
        assert last == {"tags": ["hide-output"], "jupyter": {"outputs_hidden": True}}
        assert "widget-view" not in str(notebook) and "it/s" not in str(notebook)
        assert notebook.cells[-1].outputs[0].data == {
            "text/html": '<img src="data:image/png;base64,iVBORw0KGgo=" alt="a slider at zero" />',
            "text/plain": "a slider at zero",
        }, "the bytes of the picture stand in it once"


def test_building_again_gives_the_same_bytes(copied):
    before = {path: path.read_bytes() for path in copied.rglob("*.ipynb")}
    assert course.build_notebooks(force=True, root=copied) == ["00_tiny"]
    assert len(before) == 2 and before == {
        path: path.read_bytes() for path in copied.rglob("*.ipynb")
    }


def test_the_stamp_tells_source_profile_parameters_and_versions(built):
    stamp = open_pair(built)[0].metadata.ucmt_lite
    assert set(stamp) == {"sha256", "profile", "parameters", "python", "torch"}
    assert (stamp.profile, stamp.parameters) == ("full", {"steps": 5})


def test_a_fresh_course_passes_and_is_not_executed_again(copied):
    assert course.check_notebooks(root=copied) == []
    assert course.build_notebooks(root=copied) == []


def edit(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (
            lambda root: edit(root / "src/00_tiny.py", "to see", "to look"),
            "differs from what its source",
        ),
        (lambda root: edit(root / "src/00_tiny.py", "steps = 5", "steps = 6"), "is stale"),
        (
            lambda root: edit(root / "solutions/00_tiny.ipynb", "steps = 5", "steps = 7"),
            "differs from what its source",
        ),
        (
            lambda root: edit(
                root / "solutions/00_tiny.ipynb", '"execution_count": 3', '"execution_count": null'
            ),
            "is unexecuted",
        ),
        (
            lambda root: edit(
                root / "solutions/00_tiny.ipynb", '"profile": "full"', '"profile": "quick"'
            ),
            "is stale",
        ),
        (lambda root: edit(root / "00_tiny.ipynb", "sum 10", "sum 11"), "is unpaired"),
        (lambda root: (root / "00_tiny.ipynb").unlink(), "is not built"),
        (
            lambda root: (root / "solutions/00_tiny.ipynb").write_text("<<<<<<< HEAD"),
            "is not built, or cannot be read",
        ),
    ],
)
def test_check_names_the_notebook_the_fault_and_the_remedy(copied, spoil, fault):
    spoil(copied)
    (sentence,) = course.check_notebooks(root=copied)
    assert sentence.startswith(f"00_tiny {fault}")
    assert sentence.endswith("run `ucmt-lite course build 00_tiny`.")


def test_a_place_that_is_no_folder_is_refused_before_anything_runs(copied, tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(
            InputError, match="is no folder to write to .*: choose another with --out"
        ):
            course.run_all(out=out, root=copied)


def test_a_notebook_that_never_ran_to_its_end_is_executed_again(copied):
    edit(copied / "solutions" / "00_tiny.ipynb", '"execution_count": 3', '"execution_count": null')
    assert course.build_notebooks(root=copied) == ["00_tiny"]
    assert course.check_notebooks(root=copied) == []


def test_check_finds_notebooks_without_source(copied):
    (copied / "solutions" / "07_gone.ipynb").write_text("{}")
    assert course.check_notebooks(root=copied) == [
        "notebooks/solutions/07_gone.ipynb has no source: run `git rm"
        " notebooks/solutions/07_gone.ipynb`."
    ]


def test_a_new_address_reaches_the_notebooks_without_executing_them(copied):
    edit(copied / "src" / "course.yaml", "someone/tiny", "other/home")
    assert "differs from what its source" in course.check_notebooks(root=copied)[0]
    assert course.build_notebooks(root=copied) == []
    assert course.check_notebooks(root=copied) == []
    for notebook in open_pair(copied):
        text = str(notebook)
        assert "other/home" in text and "someone" not in text and "sum 10" in text


def test_seconds_are_recorded_only_when_asked(copied):
    times = copied / "src" / "times.json"
    assert not times.exists() and "not measured yet" in str(open_pair(copied)[0])
    assert course.build_notebooks(["00_tiny"], measure=True, root=copied) == ["00_tiny"]
    seconds = json.loads(times.read_text())["00_tiny"]["seconds"]
    assert f"running every cell: {seconds} s on" in open_pair(copied)[0].cells[1].source
    assert course.check_notebooks(root=copied) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process")
def test_the_peak_of_a_lesson_is_its_own_and_stands_in_its_header(tiny):
    lesson = f"{LESSON}\n# %%\nheld = b'1' * 200_000_000\ndel held\n"
    root = tiny(lesson)
    here = b"1" * 600_000_000  # of the process that starts the kernel: does not count
    course.build_notebooks(measure=True, root=root)
    del here
    megabytes = json.loads((root / "src/times.json").read_text())["00_tiny"]["megabytes"]
    assert 220 < megabytes < 600 and megabytes % 10 == 0
    for notebook in open_pair(root):
        assert f" CPU cores, with about {megabytes} MB of memory\n" in notebook.cells[1].source


@pytest.mark.parametrize("more", [{}, {"megabytes": None}])
def test_a_lesson_whose_memory_was_not_measured_says_nothing_of_it(copied, more):
    measured = {"00_tiny": {"seconds": 7, "on": "2 CPU cores"} | more}
    (copied / "src/times.json").write_text(json.dumps(measured))
    assert course.build_notebooks(root=copied) == []
    header = open_pair(copied)[0].cells[1].source
    assert "running every cell: 7 s on 2 CPU cores\n" in header and "memory" not in header


def test_the_quick_profile_injects_its_parameters(tiny, tmp_path, capsys):
    root = tiny()
    assert course.run_all(profile="quick", out=tmp_path / "quick", root=root) == 0
    ran = nbformat.read(tmp_path / "quick" / "00_tiny.ipynb", as_version=4)
    assert "sum 1\\n" in str(ran)
    assert (ran.metadata.ucmt_lite.profile, ran.metadata.ucmt_lite.parameters) == (
        "quick",
        {"steps": 2},
    )
    printed = capsys.readouterr().out
    assert f"The executed notebooks are in {tmp_path / 'quick'}" in printed
    assert "00_tiny" in printed


def test_a_lesson_is_stale_when_a_recording_that_it_shows_changes(tiny, tmp_path):
    for name in ("shown", "other"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "runs.parquet").write_bytes(b"first")
    root = tiny(LESSON.replace('print("another way")', """print('kept("shown")', "recorded()")"""))
    (root / "traces").mkdir()
    assert course.build_notebooks(root=root) == ["00_tiny"]
    (tmp_path / "results/other/runs.parquet").write_bytes(b"second")
    assert course.check_notebooks(root) == []
    for file in (tmp_path / "results/shown/runs.parquet", root / "traces/run.npz"):
        file.write_bytes(b"second")
        assert "a recording that it shows, has changed" in course.check_notebooks(root)[0]
        assert course.build_notebooks(root=root) == ["00_tiny"]
        assert course.check_notebooks(root) == []


def test_a_failing_lesson_is_told_in_one_sentence_and_the_others_run(tiny, tmp_path, capsys):
    broken = LESSON.replace('print("another way")', 'raise ValueError("planted")')
    second = "  01_more: {title: A tiny lesson, reading: 1, exercises: 0}\n"
    root = tiny(
        broken,
        YAML + second,
        **{"01_more": "# %% [markdown]\n# # A tiny lesson\n\n# %%\nprint('ran')\n"},
    )
    assert course.run_all(out=tmp_path / "quick", root=root) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "00_tiny, cell [7], ValueError: planted"
    assert "sum 1" in (tmp_path / "quick" / "00_tiny.ipynb").read_text()
    other = (tmp_path / "quick" / "01_more.ipynb").read_text()
    assert "ran" in other and "1 min to read; running" in other and "exercise" not in other


def test_a_run_ends_with_a_page_of_pictures_seconds_and_errors(tiny, tmp_path, capsys):
    """Two small pages; one shows a picture, then fails with an error of several lines."""
    yaml = YAML.partition("lessons:")[0] + (
        "lessons:\n  00_tiny: {title: A <tiny> lesson, reading: 1, exercises: 0}\n"
        "  01_more: {title: More, reading: 1, exercises: 0}\n"
    )
    shown = (
        'from IPython.display import display\ndisplay({"image/png": "iVBORw0KGgo=", "text/plain":'
        ' "two \\"hearts\\""}, raw=True)\n'
    )
    fails = 'raise ValueError("a long\\nstory: <planted>")\n'
    root = tiny(
        f"# %% [markdown]\n# # A <tiny> lesson\n\n# %%\n{shown}\n# %%\n{fails}",
        yaml,
        **{"01_more": "# %% [markdown]\n# # More\n\n# %%\nprint('ran')\n"},
    )
    out = tmp_path / "quick course"
    assert course.run_all(out=out, root=root) == 1
    assert f"look at them from {(out / 'index.html').as_uri()}" in capsys.readouterr().out
    page = (out / "index.html").read_text()
    first, second = page.split("<article")[1:]
    assert "2 lessons in " in page and "1 failed." in page and page.count("<img") == 1
    assert '<a href="00_tiny.ipynb">A &lt;tiny&gt; lesson</a>' in first and " s</p>" in first
    assert (
        "00_tiny, cell [3], ValueError: story: &lt;planted&gt;" in first and "a long" not in first
    )
    assert 'alt="two &quot;hearts&quot;" src="data:image/png;base64,iVBORw0KGgo="' in first
    assert "Failed" not in second and 'href="01_more.ipynb"' in second


def test_a_lesson_that_fails_is_not_written_and_what_ran_is_kept(tiny, tmp_path):
    root = tiny(LESSON.replace('print("another way")', 'raise ValueError("planted")'))
    with pytest.raises(
        NotebookError, match=r"^00_tiny, cell \[6\], ValueError: planted \(what ran is in "
    ):
        course.build_notebooks(root=root)
    assert not list(root.glob("*.ipynb"))
    assert (tmp_path / "runs" / "failed" / "00_tiny.ipynb").is_file()


def test_a_kernel_that_dies_is_told_too(copied, tmp_path):
    path = tmp_path / "dies.ipynb"
    notebook = open_pair(copied)[0]
    notebook.cells = [nbformat.v4.new_code_cell("import os\nos._exit(1)")]
    nbformat.write(notebook, path)
    with pytest.raises(NotebookError, match=r"^dies: the kernel died"):
        execute_notebook(path, tmp_path / "out.ipynb")


def test_execute_refuses_parameters_before_anything_runs(built, tmp_path):
    with pytest.raises(
        InputError, match="Unknown parameter of 00_tiny 'stpes': did you mean 'steps'"
    ):
        execute_notebook(built / "00_tiny.ipynb", tmp_path / "out.ipynb", {"stpes": 1})
    assert not (tmp_path / "out.ipynb").exists()
    with pytest.raises(InputError, match="There is no notebook at"):
        execute_notebook(built / "gone.ipynb", tmp_path / "out.ipynb")


@pytest.mark.parametrize(
    ("yaml", "sentence"),
    [
        (
            YAML.replace("card:", "crad:"),
            "Unknown key of lesson 00_tiny in course.yaml 'crad': did you mean 'card'",
        ),
        (
            YAML.replace("tag:", "tug:"),
            "Unknown key of course.yaml 'tug': did you mean 'tag'",
        ),
        (
            YAML.replace("    reading: 1\n", ""),
            "The key 'reading' of lesson 00_tiny in course.yaml is missing",
        ),
        (
            YAML.replace("reading: 1", "reading: long"),
            "'reading' of lesson 00_tiny in course.yaml must be int, not 'long'",
        ),
        (YAML.replace("00_tiny", "00_tony"), "Lesson 00_tiny has no entry in course.yaml"),
        (
            YAML + "    prerequisites: [01_more]\n",
            "Unknown prerequisite of lesson 00_tiny in course.yaml '01_more'",
        ),
        (
            YAML.replace("steps: 2", "stpes: 2"),
            "Unknown parameter of lesson 00_tiny 'stpes': did you mean 'steps'",
        ),
        (
            YAML.replace("title: A", "title: No"),
            "Lesson 00_tiny must open with a markdown cell `# No tiny lesson`",
        ),
    ],
)
def test_a_wrong_course_file_is_refused(tiny, yaml, sentence):
    with pytest.raises(InputError, match=sentence):
        course.build_notebooks(root=tiny(yaml=yaml))


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            'tags=["check"]',
            'tags=["chekc"]',
            "Unknown tag in lesson 00_tiny 'chekc': did you mean 'check'",
        ),
        ("    # solution\n", "", r"The exercise cell `def double\(x\):` has no line `# solution`"),
        ("def double(x):", "# solution\ndef double(x):", "stands outside a function"),
        ("sum(tqdm(range(steps)))", "10", "Parameter 'steps' of lesson 00_tiny is never read"),
        ("steps = 5", "steps = (5", "Lesson 00_tiny has a cell that is not Python"),
    ],
)
def test_a_wrong_source_is_refused_before_it_runs(tiny, monkeypatch, before, after, sentence):
    assert before in LESSON
    monkeypatch.setattr(course, "execute_notebook", None)
    with pytest.raises(InputError, match=sentence):
        course.build_notebooks(root=tiny(LESSON.replace(before, after)))


def test_a_widget_without_a_picture_is_refused(tiny):
    with pytest.raises(
        NotebookError,
        match=r"^00_tiny: the widget shown by `ipywidgets.IntSlider\(\)` has no static picture",
    ):
        course.build_notebooks(
            root=tiny(LESSON.replace("\nPictured()", "\nipywidgets.IntSlider()"))
        )


def test_outside_a_clone_the_course_says_where_it_lives(tmp_path):
    with pytest.raises(InputError, match="the lessons live in a clone of the repository"):
        course.check_notebooks(root=tmp_path)


def test_a_top_level_answer_may_be_blanked_where_the_error_is_expected():
    blanked = blank_answer("# solution\nx = 1", ["raises-exception"])
    assert blanked == "# Write your code here.\nraise NotImplementedError"


def test_importing_the_builder_is_cheap():
    code = (
        "import sys, ucmt_lite.course.build; print({'torch', 'jupytext', 'papermill', 'nbformat'} &"
        " set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
