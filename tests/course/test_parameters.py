"""Parameters that would silently change nothing are refused."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from ucmt_lite.common import InputError
from ucmt_lite.course.parameters import check_parameters, declared_parameters


def notebook(defaults, *code):
    cells = [new_code_cell(defaults, metadata={"tags": ["parameters"]}), *map(new_code_cell, code)]
    return new_notebook(cells=cells)


def test_names_and_defaults_are_read_from_the_parameters_cell():
    lines = [
        '"""Small."""',
        "steps = 5",
        "rate: float = 0.1  # per step",
        "sides = (4, 4)",
        "half = 10 // 2",
    ]
    defaults = declared_parameters(notebook("\n".join(lines), "other = 1"))
    assert defaults == {"steps": 5, "rate": 0.1, "sides": (4, 4), "half": ...}


def test_a_parameters_cell_that_does_more_than_assign_is_refused():
    with pytest.raises(InputError, match=r"may only assign.*`print\('hello'\)`"):
        declared_parameters(notebook("print('hello')"))


@pytest.mark.parametrize(
    "code",
    [
        "print(steps)",
        "def train():\n    return steps",
        "if True:\n    %pip install nothing\nprint(f'{steps} steps')",
        "steps += 1",
        "steps = 2 * steps",
        "fit(steps=steps)\nsteps = 0",
    ],
)
def test_parameters_that_are_read_are_accepted(code):
    check_parameters(notebook("steps = 5", code), {"steps": 2}, "a lesson")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("print('done')", "is never read"),
        ("pass\nsteps = 3\nprint(steps)", "is overwritten in code cell 2 before it is read"),
        (
            "for steps in range(3):\n    print('x')",
            "is overwritten in code cell 2 before it is read",
        ),
    ],
)
def test_dead_parameters_are_refused(code, problem):
    with pytest.raises(InputError, match=f"Parameter 'steps' of a lesson {problem}"):
        check_parameters(notebook("steps = 5", code), {"steps": 2}, "a lesson")


def test_reading_a_parameter_inside_its_own_cell_does_not_count():
    """papermill injects below that cell, so `half` is computed from the default."""
    with pytest.raises(InputError, match="'steps' .* is never read"):
        check_parameters(
            notebook("steps = 5\nhalf = steps // 2", "print(half)"), {"steps": 2}, "a lesson"
        )


def test_unknown_parameters_are_refused_with_the_nearest_name():
    with pytest.raises(
        InputError, match="Unknown parameter of a lesson 'step': did you mean 'steps'"
    ):
        check_parameters(notebook("steps = 5", "print(steps)"), {"step": 2}, "a lesson")
    with pytest.raises(InputError, match="a lesson takes no parameters, but was given steps"):
        check_parameters(new_notebook(cells=[new_code_cell("print(1)")]), {"steps": 2}, "a lesson")


@pytest.mark.parametrize(
    ("default", "value"),
    [("5", "5"), ("5", 0.5), ("5", True), ("'cps'", 1), ("True", 1), ("(4, 4)", 4)],
)
def test_another_type_than_the_default_is_refused(default, value):
    with pytest.raises(InputError, match="Parameter 'knob' of a lesson must be"):
        check_parameters(notebook(f"knob = {default}", "print(knob)"), {"knob": value}, "a lesson")


@pytest.mark.parametrize(
    ("default", "value"), [("0.5", 1), ("None", 3), ("(4, 4)", [2, 2]), ("5", None)]
)
def test_types_that_mean_the_same_are_accepted(default, value):
    check_parameters(notebook(f"knob = {default}", "print(knob)"), {"knob": value}, "a lesson")
