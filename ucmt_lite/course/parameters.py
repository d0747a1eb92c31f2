"""The parameters of a notebook: which there are, and whether setting one would have any effect."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ucmt_lite.common import InputError, one_of


def declared_parameters(notebook: Any) -> dict[str, Any]:
    """Return names and defaults from the cell tagged `parameters`.

    The default is `...` where the cell has an expression instead of a literal.

    Errors: InputError where a statement of that cell is no plain assignment to one name.
    """
    defaults: dict[str, Any] = {}
    for cell in notebook.cells:
        if "parameters" not in cell.metadata.get("tags", []):
            continue
        for statement in ast.parse(cell.source).body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            name, value = _assignment(statement)
            try:
                defaults[name] = ast.literal_eval(value)
            except ValueError:
                defaults[name] = ...
    return defaults


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr]:
    """Return the name and the value of a plain assignment."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
    raise InputError(
        f"The parameters cell may only assign values to names, not `{ast.unparse(statement)}`: move"
        " it on."
    )


def check_parameters(notebook: Any, parameters: Mapping[str, Any], title: str) -> None:
    """Refuse parameters that a notebook does not declare, never reads, or has of another type.

    papermill itself only logs an unknown name and runs at full size, and a name that the notebook
    assigns anew before it reads it would silently change nothing. `title` names the notebook in the
    sentence.
    """
    defaults = declared_parameters(notebook)
    if parameters and not defaults:
        raise InputError(
            f"{title} takes no parameters, but was given {', '.join(parameters)}: leave them out."
        )
    for name, value in parameters.items():
        one_of(f"parameter of {title}", name, defaults)
        _check_type(name, value, defaults[name], title)
        problem = _why_without_effect(notebook, name)
        if problem:
            raise InputError(
                f"Parameter '{name}' of {title} {problem}, so setting it would change nothing: mend"
                " the source."
            )


def _check_type(name: str, value: Any, default: Any, title: str) -> None:
    """Refuse a value of another type than the default; a whole number may stand for a float."""
    if default is None or default is ... or value is None:
        return
    allowed: tuple[type, ...] = (type(default),)
    if isinstance(default, float):
        allowed = (int, float)
    elif isinstance(default, (list, tuple)):
        allowed = (list, tuple)
    # True is an int to isinstance, but not to a reader.
    if not isinstance(value, allowed) or isinstance(value, bool) != isinstance(default, bool):
        raise InputError(
            f"Parameter '{name}' of {title} must be {type(default).__name__} like its default"
            f" {default!r}, not {value!r}."
        )


def _why_without_effect(notebook: Any, name: str) -> str:
    """Return why setting `name` would change nothing; '' where it is read before it is replaced."""
    for number, statement in _statements(notebook):
        nodes = [
            node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == name
        ]
        if any(isinstance(node.ctx, ast.Load) for node in nodes) or _augments(statement, name):
            return ""
        if nodes:
            return f"is overwritten in code cell {number} before it is read"
    return "is never read"


def _augments(statement: ast.stmt, name: str) -> bool:
    """Return whether a statement holds something like `name += 1`, which reads the name, too."""
    return any(
        isinstance(node, ast.AugAssign) and getattr(node.target, "id", "") == name
        for node in ast.walk(statement)
    )


def _statements(notebook: Any) -> Iterator[tuple[int, ast.stmt]]:
    """Yield top-level statements after the parameters cell with the number of their code cell.

    Code cells are counted from 1.
    """
    after_parameters = False
    code_cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    for number, cell in enumerate(code_cells, start=1):
        tags = cell.metadata.get("tags", [])
        if after_parameters and "injected-parameters" not in tags:
            # A line magic is no Python.
            source = re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.MULTILINE)
            for statement in ast.parse(source).body:
                yield number, statement
        after_parameters = after_parameters or "parameters" in tags
