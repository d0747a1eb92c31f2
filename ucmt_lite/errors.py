"""What the kit says when its input is wrong: one sentence with the place, the value and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Wrong input, told in one sentence: what was wrong, where, and what to do.

    In a notebook only that sentence is shown, without the stack of calls that led to it.
    """

    status = 2  # what a command ends with

    def _render_traceback_(self) -> list[str]:  # IPython asks the exception itself how it wants to be shown
        return [f"{type(self).__name__}: {self}"]


def one_of(what: str, name: str, known: Iterable[str]) -> str:
    """Return `name` if it is among `known`, else raise an InputError that suggests the nearest name.

    >>> one_of("method", "ucmt", ["cps", "ucmt"])
    'ucmt'
    >>> one_of("method", "umct", ["cps", "ucmt"])
    Traceback (most recent call last):
    ucmt_lite.errors.InputError: Unknown method 'umct': did you mean 'ucmt'? Known: cps, ucmt.
    """
    known = list(known)
    if name in known:
        return name
    near = get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? Known" if near else "choose one of"
    raise InputError(f"Unknown {what} '{name}': {hint}: {', '.join(known)}.")
