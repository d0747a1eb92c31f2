"""One row per method: everything about it that is not its function. Opens without torch."""

import re
from collections.abc import Callable
from typing import NamedTuple


class Method(NamedTuple):
    """What a method is called and drawn like, its networks, the one that predicts, and the two
    whose disagreement is traced.

    `step` is its function; None stands for the one of the method's name in the file of that name,
    which is loaded when it runs. Colours are Okabe & Ito's as far as they go; never colour alone:
    each method's line has a dash pattern of its own. A method with a single network is traced
    against itself, so its disagreement is 0 by definition.
    """

    title: str
    nets: tuple[str, ...]
    predicts: str
    branches: tuple[str, str]
    colour: str = "#808080"
    dash: str | tuple = "-"
    step: Callable | None = None


ALONE = ("student1", "student1")
STUDENTS = ("student1", "student2")
STUDENT_TEACHER = ("student1", "teacher")

# In the order of the lessons. Students follow Batch.x1, x2; a teacher is an average of their
# weights.
METHODS: dict[str, Method] = {
    "supervised": Method("supervised", ("student1",), "student1", ALONE, "#7F7F7F", ":"),
    "mean_teacher": Method(
        "Mean Teacher", STUDENT_TEACHER, "teacher", STUDENT_TEACHER, "#009E73", "--"
    ),
    "cpc": Method("CPC", STUDENTS, "student1", STUDENTS, "#CC79A7", (0, (1, 1))),
    "gct": Method(
        "GCT", (*STUDENTS, "flaw_detector"), "student1", STUDENTS, "#8C6D31", (0, (3, 1, 1, 1))
    ),
    "cps": Method("CPS", STUDENTS, "student1", STUDENTS, "#0072B2", "-."),
    "cmt": Method("CMT", (*STUDENTS, "teacher"), "teacher", STUDENTS, "#E69F00", (0, (5, 1))),
    "ucmt": Method("UCMT", (*STUDENTS, "teacher"), "teacher", STUDENTS, "#D55E00", "-"),
    # UA-MT came before, the others after; Okabe & Ito's last colours, then Tol's
    "ua_mt": Method("UA-MT", STUDENT_TEACHER, "teacher", STUDENT_TEACHER, "#56B4E9", (0, (8, 2))),
    "fixmatch": Method("FixMatch", ("student1",), "student1", ALONE, "#000000", (0, (4, 2, 1, 2))),
    "unimatch": Method("UniMatch", ("student1",), "student1", ALONE, "#882255", (0, (6, 1, 1, 1))),
    "bcp": Method("BCP", STUDENT_TEACHER, "teacher", STUDENT_TEACHER, "#117733", (0, (2, 2))),
    "adamix": Method("AdaMix", STUDENT_TEACHER, "teacher", STUDENT_TEACHER, "#332288", (0, (3, 1))),
}


def title_of(variant: str) -> str:
    """What a variant is called in print: a method that its name begins with gets the name the
    papers give it.

    >>> title_of("mean_teacher, apart"), title_of("ucmt"), title_of("no mix")
    ('Mean Teacher, apart', 'UCMT', 'no mix')
    """
    return re.sub(
        r"^\w+", lambda word: METHODS[word[0]].title if word[0] in METHODS else word[0], variant
    )


def look_of(method: str, colour: str = "#808080") -> tuple[str, str | tuple]:
    """Colour and dash of a method's line; `colour` and a solid line for a method without a row."""
    return METHODS[method][4:6] if method in METHODS else (colour, "-")
