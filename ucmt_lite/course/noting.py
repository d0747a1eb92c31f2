"""Noting which functions of the kit a kernel calls, and how much memory it takes.

What is imported of the kit after `note_calls` has one more statement in each function, which costs
next to nothing; a trace function would slow down all of torch. The kernel runs this file as text:
it imports nothing of the kit, since what it imported would be missing in the notes.
"""

import ast
import builtins
import hashlib
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType
from typing import Any


def note_calls(notes: str) -> None:
    """Write `line file` of each function of the kit when it is first called.

    For a file that is imported `0:hash` stands in the place of a line.
    """
    # Line by line, as a kernel may die.
    file = open(notes, "a", encoding="utf-8", buffering=1)
    seen = set()

    def note(line: int | str, path: str) -> None:
        if (line, path) not in seen:
            seen.add((line, path))
            file.write(f"{line} {os.path.realpath(path)}\n")

    vars(builtins)["__note__"] = note
    sys.meta_path.insert(0, Finder())


def note_memory(notes: str) -> None:
    """Write after each cell the most memory that the kernel has held, in KiB, as Linux counts it.

    Where the system does not tell, nothing is written. `getrusage` would tell more than is true: a
    kernel inherits the number of the process that started it.
    """
    from IPython import get_ipython

    def note(result: Any) -> None:
        with open("/proc/self/status", encoding="utf-8") as status:
            peak = [line.split()[1] for line in status if line.startswith("VmHWM:")]
        if peak:
            with open(notes, "w", encoding="utf-8") as file:
                file.write(peak[0])

    if os.path.exists("/proc/self/status"):
        get_ipython().events.register("post_run_cell", note)


class Finder:
    """Finds what other finders find, and gives files of the kit a loader of their own."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Answer what `import` asks."""
        if name.partition(".")[0] != "ucmt_lite":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next(filter(None, specs), None)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = Noting(name, spec.loader.path)
        return spec


class Noting(SourceFileLoader):
    """Loads a file with a call of `__note__` at the top of each function."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the file anew; what Python keeps compiled has no such calls."""
        source = self.get_data(self.path).replace(b"\r\n", b"\n")  # as text is read
        vars(builtins)["__note__"](f"0:{hashlib.sha256(source).hexdigest()}", self.path)
        tree = with_calls(ast.parse(source), self.path)
        return compile(tree, self.path, "exec", dont_inherit=True)


def with_calls(tree: ast.Module, path: str) -> ast.Module:
    """Let each function say first where it stands; its docstring stays its first statement.

    >>> one = ast.parse("def one():\\n    return 1")
    >>> print(ast.unparse(with_calls(one, "a.py")))
    def one():
        __note__(1, 'a.py')
        return 1
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            (call,) = ast.parse(f"__note__({node.lineno}, {path!r})").body
            node.body.insert(ast.get_docstring(node) is not None, call)
    return tree
