"""What a page ran of the kit: noted while it is built, compared by `ucmt-lite course check`."""

import json
import shutil

import pytest

from ucmt_lite.common import InputError
from ucmt_lite.course import build as course
from ucmt_lite.course import ran

YAML = """
repository: someone/tiny
tag: v1
lessons:
  00_tiny: {title: A tiny lesson, reading: 1, exercises: 0}
"""
LESSON = """\
# %% [markdown]
# # A tiny lesson

# %%
from threading import Thread

from ucmt_lite.common import one_of
from ucmt_lite.course.notebooks import blank_answer

print(blank_answer("def double(x):\\n    # solution\\n    return 2 * x"))
thread = Thread(target=one_of, args=("lesson", "first", ["first"]))
thread.start()
thread.join()

# %%
print(sorted(name for name in globals() if "note" in name or name.startswith("exec")))
"""
FILE = "course/notebooks.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A made-up course of one page, built once."""
    root = tmp_path_factory.mktemp("course") / "notebooks"
    (root / "src").mkdir(parents=True)
    (root / "src" / "course.yaml").write_text(YAML)
    (root / "src" / "00_tiny.py").write_text(LESSON)
    assert course.build_notebooks(root=root) == ["00_tiny"]
    return root


@pytest.fixture
def copied(built, tmp_path):
    """A copy of the built course that a test may spoil."""
    return shutil.copytree(built, tmp_path / "notebooks")


@pytest.fixture
def kit(monkeypatch):
    """`kit(before, after)` lets the builder read another text of course/notebooks.py."""
    sources = ran.read_kit()
    monkeypatch.setattr(ran, "read_kit", lambda: sources)

    def write(before, after, place=FILE):
        assert before in sources[place]
        sources[place] = sources[place].replace(before, after)

    return write


def test_the_record_names_what_ran_and_nothing_else(built):
    record = json.loads((built / "src/ran/00_tiny.json").read_text())
    assert set(record[FILE]) == {ran.TOP_LEVEL, "blank_answer"}
    assert set(record["common.py"]) == {ran.TOP_LEVEL, "one_of", "lazy"}, "also what a thread calls"
    assert "course/build.py" not in record


def test_the_page_shows_nothing_of_it(built):
    page = (built / "00_tiny.ipynb").read_text()
    assert "Write your code here" in page and '"[]\\n"' in page
    assert json.loads(page)["cells"][3]["execution_count"] == 2


def test_building_again_writes_the_same_bytes(copied):
    before = (copied / "src/ran/00_tiny.json").read_bytes()
    assert course.build_notebooks(root=copied) == []
    assert course.build_notebooks(root=copied, force=True) == ["00_tiny"]
    assert (copied / "src/ran/00_tiny.json").read_bytes() == before


DOCSTRING = '"""Replace the line `# solution` and what follows it by a place to write.'
SIGNATURE = "def blank_answer(source: str, tags: list[str] | None = None) -> str:"
MARKER = 'indent = marker[1]\n    if not indent and "raises-exception" not in (tags or []):'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (DOCSTRING, '"""Another sentence.'),
        (SIGNATURE, f"# A comment.\n{SIGNATURE}"),
        (SIGNATURE, "def blank_answer(\n    source, tags=None\n):"),
        (MARKER, MARKER.replace("(tags or [])", "(\n        tags or []\n    )")),
        ("import re\n", "import re\nimport shutil\n"),
        ("def notebook_text(", "def added():\n    pass\n\n\ndef notebook_text("),
        ("version=4) + ", "version=5) + "),
        ("return cell.metadata.get", "return cell.get"),
        ('"""Running a notebook', '"""About running a notebook'),
    ],
    ids=(
        "docstring comment annotations format import function unrun unrun-too of-the-file".split()
    ),
)
def test_what_changes_nothing_leaves_a_page_fresh(built, kit, before, after):
    kit(before, after)
    assert course.check_notebooks(built) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("Write your code here.", "Write here.", "another blank_answer (course/notebooks.py)"),
        (
            SIGNATURE,
            SIGNATURE.replace("None)", "())"),
            "another blank_answer (course/notebooks.py)",
        ),
        ("import re\n", "import regex as re\n", "another blank_answer (course/notebooks.py)"),
        ('"Python 3 (ipykernel)"', '"Python"', "another top level (course/notebooks.py)"),
        ("    status = 1\n", "    status = 3\n", "another top level (course/notebooks.py)"),
        ("def blank_answer", "def blank", "another blank_answer (course/notebooks.py)"),
    ],
)
def test_a_page_is_stale_once_what_it_ran_has_changed(built, kit, before, after, told):
    kit(before, after)
    assert course.check_notebooks(built) == [
        f"00_tiny was run with {told}: run `ucmt-lite course build 00_tiny`."
    ]


@pytest.mark.parametrize(
    ("importing", "used"),
    [
        ("from ucmt_lite.data.rates import RATE\ndef fit():\n    return RATE", True),
        ("from ucmt_lite.data.rates import Rates\ndef fit():\n    return Rates()", True),
        ("def fit():\n    from ucmt_lite.data.rates import RATE\n    return RATE", True),
        ("from ucmt_lite.data import rates\ndef fit():\n    return rates.RATE", True),
        ("import ucmt_lite.data.rates as r\ndef fit():\n    return r.RATE", True),
        ("from ucmt_lite.data import RATE\ndef fit():\n    return RATE", True),
        ("from ucmt_lite.between import AGAIN\ndef fit():\n    return AGAIN", True),
        ("from ucmt_lite.data.rates import RATE\ndef fit():\n    return 1", False),
        ("from ucmt_lite.data.rates import lowered\ndef fit():\n    return lowered", False),
    ],
    ids="constant class inside file module package twice imported-only function-not-run".split(),
)
def test_constants_and_classes_count_where_what_ran_uses_them(importing, used):
    sources = {
        "fit.py": importing,
        "between.py": "from ucmt_lite.data.rates import RATE\nAGAIN = RATE",
        "data/__init__.py": "",
        "data/rates.py": "RATE = 0.1\nclass Rates: pass\ndef lowered(): return RATE / 2",
    }
    record = {
        place: {ran.TOP_LEVEL: ran.unit_hashes(text)[ran.TOP_LEVEL]}
        for place, text in sources.items()
    }
    record["fit.py"]["fit"] = ran.unit_hashes(importing)["fit"]
    changed = ran.changed(record, sources | {"data/rates.py": sources["data/rates.py"] + "\nX = 1"})
    assert changed == (["top level (data/rates.py)"] if used else [])


def test_a_file_that_is_gone_counts_as_changed(built, kit, monkeypatch):
    sources = {place: text for place, text in ran.read_kit().items() if place != FILE}
    monkeypatch.setattr(ran, "read_kit", lambda: sources)
    (fault,) = course.check_notebooks(built)
    assert "another blank_answer (course/notebooks.py) and another top level" in fault


@pytest.mark.parametrize("content", [None, "<<<<<<< HEAD"])
def test_a_page_without_a_record_is_stale_until_it_is_built(copied, content):
    file = copied / "src/ran/00_tiny.json"
    file.unlink() if content is None else file.write_text(content)
    assert course.check_notebooks(copied) == [
        "00_tiny has no record of what it ran of the kit: run `ucmt-lite course build 00_tiny`."
    ]
    assert course.build_notebooks(root=copied) == ["00_tiny"]
    assert course.check_notebooks(copied) == []


def test_a_page_is_executed_again_once_what_it_ran_has_changed(copied):
    file = copied / "src/ran/00_tiny.json"
    record = json.loads(file.read_text())
    record[FILE]["blank_answer"] = "another"
    file.write_text(json.dumps(record))
    assert course.build_notebooks(root=copied) == ["00_tiny"]
    assert course.check_notebooks(copied) == [] == course.build_notebooks(root=copied)


def test_a_record_without_source_is_found(copied):
    gone = copied / "src/ran/07_gone.json"
    gone.write_text("{}")
    (fault,) = course.check_notebooks(copied)
    assert fault.endswith("has no source: run `git rm notebooks/src/ran/07_gone.json`.")


def test_a_file_that_was_edited_while_its_page_ran_gives_no_record(copied, kit):
    """The kernel may have imported it before or after."""
    kit("def blank_answer", "# A comment.\ndef blank_answer")
    with pytest.raises(InputError, match="course/notebooks.py was edited while a page ran"):
        course.build_notebooks(force=True, root=copied)


def test_methods_and_what_lies_inside_functions_belong_to_one_name():
    source = (
        "class Net:\n    @property\n    def loss(self):\n        def inner():\n            pass\n"
    )
    assert [ran.unit_at(source, line) for line in (1, 2, 4, 5)] == [
        ran.TOP_LEVEL,
        *["Net.loss"] * 3,
    ]
    assert set(ran.unit_hashes(source)) == {ran.TOP_LEVEL, "Net.loss"}


def test_a_method_more_changes_its_class():
    """It may stand in for one that another class had."""
    before = ran.unit_hashes("class Net:\n    pass\n")
    after = ran.unit_hashes("class Net:\n    pass\n    def loss(self):\n        pass\n")
    assert before[ran.TOP_LEVEL] != after[ran.TOP_LEVEL]


def test_hashes_are_the_same_with_every_python():
    """Known ones: a record must not go stale where another Python checks it."""
    source = "import os\n\ndef join(*parts, sep='/'):\n    return f'{os.sep}{sep.join(parts)}'\n"
    assert ran.unit_hashes(source) == {"join": "69f0191abc08", ran.TOP_LEVEL: "ad2e13b69c4f"}
