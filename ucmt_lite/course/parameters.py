"""The parameters of a notebook: which there are, and whether a value handed in would have any
effect.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ucmt_lite.common import InputError, one_of


def declared(notebook: Any) -> dict[str, Any]:
    """Names and defaults in the cell tagged `parameters`; an expression instead of a literal is
    `...`.

    Errors: InputError where a statement of that cell is no plain assignment to one name.
    """
    names: dict[str, Any] = {}
    for cell in notebook.cells:
        if "parameters" not in cell.metadata.get("tags", []):
            continue
        for statement in ast.parse(cell.source).body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            target, value = _assignment(statement)
            try:
                names[target] = ast.literal_eval(value)
            except ValueError:
                names[target] = ...
    return names


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
    raise InputError(
        f"The parameters cell may only assign values to names, not `{ast.unparse(statement)}`: move"
        " it on."
    )


def check_parameters(notebook: Any, parameters: Mapping[str, Any], where: str) -> None:
    """Refuse parameters that the notebook does not declare, that it never reads, or that are of
    another type.

    papermill itself only logs an unknown name and runs at full size, and a name that the notebook
    assigns anew before it reads it would silently change nothing. `where` names the notebook in the
    sentence.
    """
    known = declared(notebook)
    if parameters and not known:
        raise InputError(
            f"{where} takes no parameters, but was given {', '.join(parameters)}: leave them out."
        )
    for name, value in parameters.items():
        one_of(f"parameter of {where}", name, known)
        _check_type(name, value, known[name], where)
        fate = _fate(notebook, name)
        if fate:
            raise InputError(
                f"Parameter '{name}' of {where} {fate}, so setting it would change nothing: mend"
                " the source."
            )


def _check_type(name: str, value: Any, default: Any, where: str) -> None:
    if default is None or default is ... or value is None:
        return
    alike = (
        (int, float)
        if isinstance(default, float)
        else (list, tuple)
        if isinstance(default, (list, tuple))
        else type(default)
    )
    if not isinstance(value, alike) or isinstance(value, bool) != isinstance(default, bool):
        raise InputError(
            f"Parameter '{name}' of {where} must be {type(default).__name__} like its default"
            f" {default!r}, not {value!r}."
        )


def _fate(notebook: Any, name: str) -> str:
    """What becomes of `name` after the parameters cell: '' when it is read before anything else
    happens to it.
    """
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
    return any(
        isinstance(n, ast.AugAssign) and getattr(n.target, "id", "") == name
        for n in ast.walk(statement)
    )


def _statements(notebook: Any) -> Iterator[tuple[int, ast.stmt]]:
    """Top-level statements after the parameters cell, each with the number of its code cell,
    counted from 1.
    """
    seen = False
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    for number, cell in enumerate(code, start=1):
        tags = cell.metadata.get("tags", [])
        if seen and "injected-parameters" not in tags:
            source = re.sub(
                r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.MULTILINE
            )  # magics are no Python
            yield from ((number, statement) for statement in ast.parse(source).body)
        seen = seen or "parameters" in tags
