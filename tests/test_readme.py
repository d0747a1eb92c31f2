"""What the README says and shows: its code runs, its links lead somewhere, it stays short."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ucmt_lite.course.lessons import read_course
from ucmt_lite.methods import METHODS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
METHOD_CODE = next(block for block in BLOCKS if "METHODS[" in block)


def test_it_is_read_in_a_few_minutes():
    lessons = r"^\| \d\d .*\n"  # each new one is a line
    assert len(re.sub(lessons, "", README, flags=re.MULTILINE).split()) < 1450


def test_its_first_table_has_a_door_for_each_reader():
    doors = README.partition("\n## ")[0]
    address = f"{read_course().repository}/blob/{read_course().tag}"
    assert re.findall(r"^\| a \*\*(\w+)\*\*", doors, re.MULTILINE) == [
        "student",
        "teacher",
        "researcher",
    ]
    assert f"/github/{address}/notebooks/00_start_here.ipynb" in doors
    assert "mybinder.org/v2/gh/" in doors and "`make course`" in doors


def test_its_picture_is_shown_on_a_package_page_too():
    course = read_course()
    (address,) = re.findall(r"!\[[^\]]{40,}\]\(([^)]+)\)", README)
    raw = f"https://raw.githubusercontent.com/{course.repository}/{course.tag}/"
    assert address.startswith(raw)
    assert (ROOT / address.removeprefix(raw)).is_file()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_between_files_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / target).exists(), f"{page} links to {target}"


def test_headings_that_are_linked_are_there():
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)", README, re.MULTILINE)
    }
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\(#([^)]+)\)", README)
    linked += re.findall(r"\]\(README\.md#([^)]+)\)", contributing)
    assert linked and set(linked) <= headings


@pytest.mark.parametrize("extras", [".[lab]", ".[lab,dev]"])
def test_the_set_up_without_make_installs_what_make_installs(extras):
    install = f'pip install -c constraints.txt -e "{extras}"'
    assert install in README
    assert install in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_its_table_has_every_lesson():
    assert re.findall(r"\]\(notebooks/(\d\w+)\.ipynb\):", README) == list(read_course().lessons)


def test_every_python_block_imports_what_is_there():
    for block in BLOCKS:
        imports = [line for line in block.splitlines() if line.startswith(("from ", "import "))]
        exec("\n".join(imports), {})


def test_a_method_of_your_own_trains_and_is_scored(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = METHOD_CODE.replace('method="entropy",', 'method="entropy", iterations=2, size=32,')
    assert code != METHOD_CODE
    try:
        exec(code, {})
    finally:
        METHODS.pop("entropy", None)
    assert "'dice': 0." in capsys.readouterr().out
    assert (tmp_path / "runs/entropy/teacher.safetensors").is_file()


@pytest.fixture(scope="module")
def package_with_entropy(tmp_path_factory):
    """A copy of the package to which the README's method was added for good: a file and a row."""
    folder = tmp_path_factory.mktemp("clone")
    package = folder / "ucmt_lite"
    shutil.copytree(
        ROOT / "ucmt_lite", package, ignore=shutil.ignore_patterns("__pycache__", "recorded")
    )
    tree = ast.parse(METHOD_CODE)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    row = next(node.value for node in tree.body if isinstance(node, ast.Assign))
    row.keywords = [keyword for keyword in row.keywords if keyword.arg != "step"]
    (package / "methods" / "entropy.py").write_text(
        "from ucmt_lite.core.losses import segmentation_loss\n\n\n" + ast.unparse(function) + "\n"
    )
    table = package / "methods" / "table.py"
    text = table.read_text()
    assert text.count('    "ucmt": Method(') == 1
    table.write_text(
        text.replace(
            '    "ucmt": Method(', f'    "entropy": {ast.unparse(row)},\n    "ucmt": Method('
        )
    )
    return folder


def ucmt_lite(folder, *arguments):
    """Run the command of the package in `folder`; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "ucmt_lite.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_method_added_for_good_is_run_by_the_command(package_with_entropy):
    options = "--method entropy --set weight=0.2 --iterations 2 --size 32 --out runs/entropy"
    printed = ucmt_lite(package_with_entropy, "run", *options.split())
    assert "phantom_heart, entropy, 4 labeled, seed 0: dice 0." in printed
    assert (package_with_entropy / "runs/entropy/trace.npz").is_file()


def test_a_method_added_for_good_is_in_the_help(package_with_entropy):
    assert "entropy" in ucmt_lite(package_with_entropy, "run", "--help")
