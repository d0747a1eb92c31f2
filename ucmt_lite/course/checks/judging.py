"""How an answer is judged: what is right, wrong or not written yet is said in one sentence."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

Answer = Callable[..., Any]
Numbers = Tensor | NDArray | float


# A grader counts what is raised; a lesson goes on.
_raises = ContextVar("raises", default=False)


class CheckFailed(AssertionError):
    """An answer that is not right yet; its sentence names the mistake."""


class Judged:
    """An answer under judgement: called as it is, it refuses to give nothing."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.name = getattr(answer, "__name__", "your answer")

    def __call__(self, *arguments: Any) -> Any:
        """Return what the answer gives; a forgotten `return` is told."""
        result = self.answer(*arguments)
        require(
            result is not None,
            f"{self.name} gives nothing back: end it with `return` and the result.",
        )
        return result

    def tensor(self, *arguments: Any) -> Tensor:
        """Return the tensor that the answer gives; plain numbers are refused."""
        result = self(*arguments)
        require(
            isinstance(result, Tensor),
            f"{self.name} returns a plain {type(result).__name__}: return the tensor itself,"
            " without .item() or float(), for it knows where its gradient goes.",
        )
        return result

    def number(self, *arguments: Any) -> float:
        """Return the one number that the answer gives, as a plain number or a tensor of one."""
        result = torch.as_tensor(self(*arguments)).detach()
        require(
            result.numel() == 1,
            f"{self.name} returns {result.numel()} numbers, of shape {tuple(result.shape)}: one is"
            " asked for.",
        )
        return float(result)

    def loss(self, *arguments: Any) -> Tensor:
        """Return the loss that the answer gives: one number that carries a gradient."""
        result = self.tensor(*arguments)
        require(
            result.dim() == 0,
            f"{self.name} returns a tensor of shape {tuple(result.shape)}: average it to one"
            " number.",
        )
        require(
            result.requires_grad,
            f"the value of {self.name} carries no gradient: a network could not learn from it."
            " Detach targets only, never the prediction.",
        )
        return result


@contextmanager
def judging(answer: Answer) -> Iterator[Judged]:
    """Judge an answer, and print that it is right, not written yet, or what its mistake is.

    Nothing is raised: Run All goes on below a wrong answer, as below an empty one.

    >>> with judging(max) as judged:
    ...     require(judged(1, 2) == 1, "the larger of the two.")
    ✗ max is not right yet: the larger of the two.
    """
    judged = Judged(answer)
    if _raises.get():
        yield judged
        return
    try:
        yield judged
    except CheckFailed as mistake:
        print(f"\N{BALLOT X} {judged.name} is not right yet: {mistake}")
    except Exception as mistake:
        # The line that an empty exercise ends with gives no reason; torch's own errors of that type
        # do.
        if isinstance(mistake, NotImplementedError) and not mistake.args:
            print(f"{judged.name} is not written yet: fill in the cell above, run it and this one.")
        else:
            reason = " ".join(str(mistake).split())
            print(f"\N{BALLOT X} {judged.name} stopped with {type(mistake).__name__}: {reason}")
    else:
        print(f"\N{CHECK MARK} {judged.name} is right.")


def must_pass(check: Callable[[Answer], None], answer: Answer) -> None:
    """Apply a check as a grader needs it: silent where an answer is right, else it raises.

    >>> from ucmt_lite.course.checks import check_hours
    >>> must_pass(check_hours, lambda seconds, iterations, seeds: 1.0)
    Traceback (most recent call last):
    ucmt_lite.course.checks.judging.CheckFailed: ...
    """
    token = _raises.set(True)
    try:
        check(answer)
    finally:
        _raises.reset(token)


def require(truth: Any, sentence: str) -> None:
    """Raise CheckFailed with the sentence unless it holds."""
    if not bool(truth):
        raise CheckFailed(sentence)


def close(a: Numbers, b: Numbers, tolerance: float = 1e-5) -> bool:
    """Return whether two results have the same shape and agree in every element.

    >>> close(torch.ones(2), torch.ones(2) + 1e-7), close(torch.ones(2), torch.ones(1, 2))
    (True, False)
    """
    one = torch.as_tensor(a, dtype=torch.float64)
    other = torch.as_tensor(b, dtype=torch.float64)
    return one.shape == other.shape and bool(((one - other).abs() <= tolerance).all())


def all_close(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    """Return whether two lists of tensors agree, one by one."""
    return all(map(close, a, b))


def require_value(
    result: Numbers,
    right: Numbers,
    mistakes: Sequence[tuple[Numbers, str]],
    otherwise: str,
    tolerance: float = 1e-5,
) -> None:
    """Raise CheckFailed unless a result is right: with the sentence of the mistake that gives it.

    >>> require_value(2.0, 2.0, [(1.0, "that is one.")], "that is not two.")
    """
    if close(result, right, tolerance):
        return
    for value, sentence in mistakes:
        require(not close(result, value, tolerance), sentence)
    raise CheckFailed(otherwise)


def random_logits(seed: int, *shape: int) -> Tensor:
    """Return the logits of a random network, the same for the same seed."""
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
