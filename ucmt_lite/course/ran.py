"""What a page ran of the kit, and whether that is still the same.

While a lesson is built its kernel notes every function of `ucmt_lite` that is called (`noting`).
Their names, each with a hash of what it does, lie in `src/ran/NAME.json`; a page is stale once one
of them has changed. Docstrings, comments, annotations and functions that the page did not run do
not count; nor does the top level of a file that was imported and of which nothing was used.
"""

import ast
import hashlib
import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError, atomic
from ucmt_lite.course import noting

KIT = Path(__file__).resolve().parents[1]
TOP_LEVEL = "<module>"  # what importing a file runs: constants, classes without their methods
NAMED = 6  # changed functions that a sentence names

# file below `ucmt_lite` -> function -> hash
Record = dict[str, dict[str, str]]


def startup_line(calls: Path, memory: Path) -> str:
    """Return the line by which a kernel begins to note its calls, and the memory that it takes.

    It leaves no trace among the kernel's names.
    """
    begin = f"note_calls({str(calls)!r})\nnote_memory({str(memory)!r})"
    code = f"{inspect.getsource(noting)}\n{begin}"
    return f"exec({code!r}, {{'__name__': 'noting'}})"


def read_kit() -> dict[str, str]:
    """Return the text of every file of the kit by its place below `ucmt_lite`."""
    files = sorted(KIT.rglob("*.py"))
    return {file.relative_to(KIT).as_posix(): file.read_text(encoding="utf-8") for file in files}


def make_record(notes: Path, sources: Mapping[str, str]) -> Record:
    """Return the functions that a kernel noted, with their hashes.

    `sources` is the kit as it was when the kernel began.

    Errors: InputError where the kernel read another file, which was edited meanwhile.
    """
    ran: Record = {}
    for entry in notes.read_text(encoding="utf-8").splitlines():
        where, path = entry.split(" ", 1)
        line, _, digest = where.partition(":")
        place = Path(path).relative_to(KIT).as_posix()
        if digest and digest != hashlib.sha256(sources.get(place, "").encode()).hexdigest():
            raise InputError(f"{place} was edited while a page ran with it: build the page again.")
        unit = unit_at(sources[place], int(line))
        ran.setdefault(place, {})[unit] = unit_hashes(sources[place])[unit]
    return ran


def write_record(path: Path, record: Record) -> None:
    """Write a record, sorted: the same calls give the same bytes."""
    with atomic(path) as temporary:
        text = json.dumps(record, indent=1, sort_keys=True) + "\n"
        temporary.write_text(text, encoding="utf-8")


def read_record(path: Path) -> Record | None:
    """Return a record; None where there is none or it is broken, as by marks of a merge."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def changed(record: Record, sources: Mapping[str, str]) -> list[str]:
    """Return what a page ran and would not run again, file by file; empty when all is the same.

    >>> old = {"core/ema.py": {"decay": "a"} | unit_hashes("RATE = 0.99")}
    >>> changed(old, {"core/ema.py": "RATE = 0.9"})
    ['decay (core/ema.py)', 'top level (core/ema.py)']
    """
    found, used = [], used_files(record, sources)
    for place, units in sorted(record.items()):
        now = unit_hashes(sources.get(place, ""))
        for unit, old in sorted(units.items(), key=lambda item: (item[0] == TOP_LEVEL, item)):
            if now.get(unit) != old and place in used:
                found.append(f"{'top level' if unit == TOP_LEVEL else unit} ({place})")
    return found


def used_files(record: Record, sources: Mapping[str, str]) -> set[str]:
    """Return the files of which a page used something, of all that it imported.

    These are the files of which it ran a function, those whose constants or classes these name, and
    so on.

    >>> sources = {"a.py": "from ucmt_lite.b import K\\ndef f():\\n    return K", "c.py": "L = 2"}
    >>> record = {"a.py": {"f": ""}, "b.py": {TOP_LEVEL: ""}, "c.py": {TOP_LEVEL: ""}}
    >>> sorted(used_files(record, sources | {"b.py": "K = 1"}))
    ['a.py', 'b.py']
    """
    used = {place for place, units in record.items() if set(units) != {TOP_LEVEL}}
    waiting = sorted(used)
    while waiting:
        place = waiting.pop()
        for module, name in _imports_of(sources.get(place, ""), record[place]):
            new = {home for home in _homes(module, name, sources) if home in record} - used
            used |= new
            waiting += sorted(new)
    return used


def _imports_of(source: str, names: Iterable[str]) -> set[tuple[str, str]]:
    """Return (module, name) of what some functions of a file, or its top level, import and use."""
    units, found = _units(source), set()
    for unit in names:
        nodes = [units.rest] if unit == TOP_LEVEL else units.functions.get(unit, [])
        for node in (inner for outer in nodes for inner in ast.walk(outer)):
            if isinstance(node, ast.Name) and node.id in units.imports:
                module, name, _ = units.imports[node.id].split(" ")
                found.add((module, name))
            elif isinstance(node, ast.ImportFrom):
                found |= {(node.module or "", alias.name) for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {("None", alias.name) for alias in node.names}
    return found


def _homes(module: str, name: str, sources: Mapping[str, str]) -> set[str]:
    """Return the files in which an imported name may be a constant or a class, or which it names.

    A package may hand out the names of its files.

    >>> sources = {"data/masks.py": "RED = 1", "data/files.py": "BLUE = 1"}
    >>> _homes("ucmt_lite.data", "RED", sources), _homes("ucmt_lite.data", "files", sources)
    ({'data/masks.py'}, {'data/files.py'})
    """
    whole = name if module == "None" else f"{module}.{name}"
    path, itself = (text.partition(".")[2].replace(".", "/") for text in (module, whole))
    inside = f"{path}/" if path else ""
    return {
        place
        for place, source in sources.items()
        if place in (f"{itself}.py", f"{itself}/__init__.py")
        or ((place == f"{path}.py" or place.startswith(inside)) and name in _bound(source))
    }


@cache
def _bound(source: str) -> set[str]:
    """Return the constants and classes of a file by name."""
    nodes = list(ast.walk(_units(source).rest))
    stored = {
        node.id
        for node in nodes
        if isinstance(getattr(node, "ctx", None), ast.Store) and isinstance(node, ast.Name)
    }
    return stored | {node.name for node in nodes if isinstance(node, ast.ClassDef)}


def told(names: list[str]) -> str:
    """Return what `changed` found as words of a sentence, the first few by name.

    >>> told(["umix (core/mixing.py)", "fit (training/fit.py)"])
    'another umix (core/mixing.py) and another fit (training/fit.py)'
    """
    shown = [f"another {name}" for name in names[:NAMED]]
    if len(names) > NAMED:
        shown.append(f"{len(names) - NAMED} more that changed")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def unit_at(source: str, line: int) -> str:
    """Return which function holds a line; what is defined inside a function belongs to it.

    >>> unit_at("class Net:\\n    def loss(self):\\n        return map(lambda x: x, ())", 3)
    'Net.loss'
    """
    for name, nodes in _units(source).functions.items():
        for node in nodes:
            first = min(part.lineno for part in [node, *node.decorator_list])
            if first <= line <= node.end_lineno:
                return name
    return TOP_LEVEL


@cache
def unit_hashes(source: str) -> dict[str, str]:
    """Return the hash of each function of a file, and of its top level.

    >>> before = unit_hashes("def twice(x: int):\\n    return 2 * x")
    >>> before == unit_hashes("def twice(x):\\n    'Double.'\\n    return (2 * x)  # quick")
    True
    >>> before == unit_hashes("def twice(x):\\n    return 3 * x")
    False
    """
    units = _units(source)
    parts: dict[str, list[ast.AST]] = {**units.functions, TOP_LEVEL: [units.rest]}
    return {name: _hash(nodes, units.imports) for name, nodes in parts.items()}


@cache
def _units(source: str) -> "_Units":
    return _Units(ast.parse(source))


class _Units(ast.NodeTransformer):
    """A file in parts: functions by qualified name, imports by the name they bind, and the rest."""

    def __init__(self, tree: ast.Module) -> None:
        self.functions: dict[str, list] = {}  # a property has several of one name
        self.imports: dict[str, str] = {}
        self._classes: list[str] = []
        self.rest = self.visit(tree)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._classes.append(node.name)
        self.generic_visit(node)
        self._classes.pop()
        return node

    def visit_FunctionDef(self, node: Any) -> ast.AST | None:
        name = ".".join([*self._classes, node.name])
        self.functions.setdefault(name, []).append(node)
        # That a class has a method may matter to those that never called it.
        return ast.Expr(ast.Name(node.name)) if self._classes else None

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if getattr(node.test, "id", "") == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_Import(self, node: Any) -> None:
        """An import counts where its name is used, so that a new one changes nothing else."""
        module = getattr(node, "module", None)
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            self.imports[bound] = f"{module} {alias.name} {alias.asname}"

    visit_ImportFrom = visit_Import

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """What is said about a file, as `__all__` and `__version__`, does nothing in it."""
        names = [getattr(target, "id", "") for target in node.targets]
        return None if names in (["__all__"], ["__version__"]) else node


def _hash(nodes: list[ast.AST], imports: Mapping[str, str]) -> str:
    """Hash what some code does, and where the names that it imports come from."""
    inner = [inner for node in nodes for inner in ast.walk(node)]
    used = {node.id for node in inner if isinstance(node, ast.Name)} & set(imports)
    parts = [*map(_plain, nodes), *(imports[name] for name in sorted(used))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _plain(node: Any) -> str:
    """Return a tree as text, without strings that stand alone, annotations of functions and places.

    What is empty is left out, as newer Pythons have fields that older ones lack.
    """
    if isinstance(node, list):
        return f"[{' '.join(_plain(item) for item in node if not _is_docstring(item))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    return f"{type(node).__name__}({' '.join(_plain_fields(node))})"


def _plain_fields(node: ast.AST) -> Iterator[str]:
    for name, value in ast.iter_fields(node):
        annotates = (isinstance(node, ast.arg) and name == "annotation") or name == "returns"
        if value is not None and value != [] and not annotates:
            yield f"{name}={_plain(value)}"


def _is_docstring(node: Any) -> bool:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)
