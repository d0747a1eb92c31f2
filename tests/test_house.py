"""The house: which room may use which, no imports in circles, and one home for a name."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import ucmt_lite
from ucmt_lite import ROOMS
from ucmt_lite.methods import METHODS

HOUSE = Path(ucmt_lite.__file__).parent
FILES = sorted(file for file in HOUSE.rglob("*.py") if "recorded" not in file.parts)

# Every explorer has these, by design: `training.figure`, `umix_lab.figure`.
SHARED = {"figure", "widget", "describe"}


def module_of(file):
    parts = file.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file):
    """Modules of the kit that a file imports, at its top or inside functions."""
    known = {module_of(other) for other in FILES}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("ucmt_lite"):
            continue
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in known else node.module


def room_of(module):
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_a_room_uses_only_rooms_below_it(file):
    own = room_of(module_of(file))
    for module in imports(file):
        other = room_of(module)
        if own and other and other != own:
            assert ROOMS.index(other) > ROOMS.index(own), (
                f"{own} uses {other}, which stands above it"
            )


def test_the_rooms_are_all_there_is():
    there = {
        path.stem
        for path in HOUSE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert there - {"__init__"} == set(ROOMS)
    assert len(ROOMS) <= 11


@pytest.mark.parametrize("room", [room for room in ROOMS if (HOUSE / room).is_dir()])
def test_a_room_says_at_its_door_what_lives_there(room):
    doc = ast.get_docstring(ast.parse((HOUSE / room / "__init__.py").read_text(encoding="utf-8")))
    assert doc and "Uses" in doc, (
        f"{room}/__init__.py needs a sentence on what it holds, and what it uses"
    )


def test_no_imports_go_in_circles():
    """Imports inside functions count too: a file that needs another to run is tied to it."""
    uses = {module_of(file): set(imports(file)) - {module_of(file)} for file in FILES}
    packages = {module_of(file) for file in FILES if file.name == "__init__.py"}

    def visit(module, trail):
        if module in trail:
            pytest.fail(" -> ".join([*trail[trail.index(module) :], module]))
        if module not in done:
            for other in uses.get(module, ()):
                if other not in packages:  # a package's face offers what its files hold
                    visit(other, [*trail, module])
            done.add(module)

    done = set()
    for module in uses:
        if module not in packages:
            visit(module, [])


def test_a_public_name_has_one_home():
    homes = defaultdict(set)
    for file in FILES:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            else:
                names = []
            for name in names:
                homes[name].add(module_of(file))
    twice = {
        name: sorted(files)
        for name, files in homes.items()
        if len(files) > 1 and not name.startswith("_") and name not in SHARED
    }
    assert not twice


def test_the_kit_opens_without_torch():
    code = (
        "import sys, ucmt_lite, ucmt_lite.methods, ucmt_lite.training.traces,"
        " ucmt_lite.explore.training, ucmt_lite.experiments.config;"
        " print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ucmt_lite.HOMES)
def test_the_map_offers_what_it_names(name):
    thing = getattr(ucmt_lite, name)
    assert isinstance(thing, dict) or callable(thing)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_one_file_with_a_function_of_its_name(method):
    tree = ast.parse((HOUSE / "methods" / f"{method}.py").read_text(encoding="utf-8"))
    assert method in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    files = {file.stem for file in (HOUSE / "methods").glob("*.py")}
    assert files - {"__init__", "build", "table"} == set(METHODS)
