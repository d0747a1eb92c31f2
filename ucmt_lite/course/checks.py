"""Worked-example checks: they judge a student's answer in a lesson and the kit's own functions in
its tests.

Each check compares with a slow, literal rendering of the definition on small random inputs, and
says in one sentence what the mistake looks like. An answer that is not written yet gets a friendly
word instead of an error.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

Answer = Callable[..., Any]


class CheckFailed(AssertionError):
    """An answer that is not right yet. In a notebook only its sentence is shown."""

    def _render_traceback_(self) -> list[str]:
        return [f"Not yet: {self}"]


@contextmanager
def _judging(answer: Answer) -> Iterator[str]:
    """Run a check on an answer: say that it is right or not written yet; a mistake raises
    CheckFailed.
    """
    name = getattr(answer, "__name__", "your answer")
    try:
        yield name
    except NotImplementedError:
        print(
            f"{name} is not written yet: fill in the cell above, run it, then run this check again."
        )
    except (CheckFailed, KeyboardInterrupt):
        raise
    except Exception as mistake:
        raise CheckFailed(f"{name} stopped with {type(mistake).__name__}: {mistake}") from mistake
    else:
        print(f"\N{CHECK MARK} {name} is right.")


def _require(truth: Any, sentence: str) -> None:
    """Raise CheckFailed with the sentence unless it holds."""
    if not bool(truth):
        raise CheckFailed(sentence)


def close(a: Tensor | float, b: Tensor | float, tolerance: float = 1e-5) -> bool:
    """Whether two results have the same shape and agree in every element."""
    a, b = torch.as_tensor(a, dtype=torch.float64), torch.as_tensor(b, dtype=torch.float64)
    return a.shape == b.shape and bool((a - b).abs().max() <= tolerance if a.numel() else True)


def _random_logits(seed: int, *shape: int) -> Tensor:
    """Logits of a random network, the same for the same seed."""
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def check_dice(answer: Answer) -> None:
    """`answer(prediction, truth)`: the Dice overlap of two boolean masks, a number."""
    with _judging(answer) as name:
        generator = torch.Generator().manual_seed(0)
        for _ in range(5):
            p, t = (torch.rand(6, 7, generator=generator) > 0.6 for _ in range(2))
            overlap = sum(
                bool(a) and bool(b) for a, b in zip(p.flatten(), t.flatten(), strict=True)
            )
            got, size = float(answer(p, t)), int(p.sum()) + int(t.sum())
            _require(
                not close(got, overlap / size) or overlap == 0,
                "the overlap counts twice, because it lies in both masks.",
            )
            union = size - overlap
            _require(
                not close(got, overlap / union) or overlap in (0, union),
                "that is the Jaccard index: Dice divides by the sum of both sizes, not by the"
                " union.",
            )
            _require(
                close(got, 2 * overlap / size),
                f"for an overlap of {overlap} and sizes {int(p.sum())} and {int(t.sum())}, {name}"
                f" gives {got:.4f}.",
            )


def check_pseudo_label(answer: Answer) -> None:
    """`answer(logits)`: class indices `B *S` from logits `B K *S`, without a gradient."""
    with _judging(answer) as name:
        for shape in ((2, 3, 4, 5), (1, 2, 3, 4, 2)):
            logits = _random_logits(0, *shape).requires_grad_()
            got = answer(logits)
            _require(
                got.shape != logits.shape,
                f"{name} keeps the class axis: a pseudo label has one class a pixel, B *S.",
            )
            _require(
                not got.is_floating_point(),
                f"{name} returns {got.dtype}: a target is a class index, a whole number.",
            )
            _require(
                not got.requires_grad,
                "a gradient could flow back through the pseudo label: compute it without one.",
            )
            pixels = logits.detach().movedim(1, -1).reshape(-1, shape[1]).tolist()
            best = torch.tensor([max(range(shape[1]), key=row.__getitem__) for row in pixels]).view(
                shape[0], *shape[2:]
            )
            _require(
                torch.equal(got.long(), best),
                f"{name} picks another class than the most probable one.",
            )


def check_consistency(answer: Answer) -> None:
    """`answer(student_logits, teacher_logits)`: mean squared difference of the softmaxes, gradient
    to the student only.
    """
    with _judging(answer) as name:
        student, teacher = (
            _random_logits(1, 2, 3, 4, 4).requires_grad_(),
            _random_logits(2, 2, 3, 4, 4).requires_grad_(),
        )
        p, q = student.detach().softmax(1), teacher.detach().softmax(1)
        got = answer(student, teacher)
        _require(
            got.dim() == 0,
            f"{name} returns a tensor of shape {tuple(got.shape)}: average it to one number.",
        )
        _require(
            not close(got.detach(), ((student - teacher) ** 2).mean().detach()),
            "compare probabilities, not logits: softmax over the class axis first.",
        )
        _require(
            close(got.detach(), ((p - q) ** 2).mean()),
            "the value is not the mean over images, classes and pixels of (p - q) squared.",
        )
        _require(
            got.requires_grad, "no gradient reaches the student: only the teacher is detached."
        )
        got.backward()
        _require(
            teacher.grad is None,
            "a gradient reaches the teacher: detach its side, it learns by averaging alone.",
        )
        _require(
            student.grad is not None,
            "no gradient reaches the student: only the teacher is detached.",
        )


def check_ema_update(answer: Answer) -> None:
    """`answer(teacher, student, decay, step)`: moves the teacher's parameters in place, as
    `ema_update` with one student.
    """
    with _judging(answer), torch.random.fork_rng():
        for step, decay in ((9, 0.99), (0, 0.99), (500, 0.9)):
            teacher, student = (nn.Linear(3, 2) for _ in range(2))
            was, pull = (
                [p.detach().clone() for p in teacher.parameters()],
                [p.detach().clone() for p in student.parameters()],
            )
            answer(teacher, student, decay, step)
            now = [p.detach() for p in teacher.parameters()]
            alpha = min(1 - 1 / (step + 1), decay)
            wanted = [alpha * t + (1 - alpha) * s for t, s in zip(was, pull, strict=True)]
            swapped = [(1 - alpha) * t + alpha * s for t, s in zip(was, pull, strict=True)]
            late = [decay * t + (1 - decay) * s for t, s in zip(was, pull, strict=True)]
            _require(
                all(map(close, (p.detach() for p in student.parameters()), pull)),
                "the student moved: only the teacher follows.",
            )
            _require(
                not all(map(close, now, was)) or alpha == 1,
                "the teacher did not move: change its parameters in place, for instance with"
                " copy_.",
            )
            _require(
                not all(map(close, now, swapped)),
                "decay is the share the teacher keeps, 1 - decay what it takes from the student.",
            )
            _require(
                not all(map(close, now, late)) or alpha == decay,
                f"at step {step} the decay is min(1 - 1/(step + 1), decay) = {alpha:.2f}, so that"
                " the start counts little.",
            )
            _require(
                all(map(close, now, wanted)),
                f"at step {step} with decay {decay} the teacher is not alpha * teacher + (1 -"
                " alpha) * student.",
            )
            _require(
                all(p.grad_fn is None for p in teacher.parameters()),
                "the update is recorded for gradients: put it under torch.no_grad().",
            )


def check_cross_pseudo_supervision(answer: Answer) -> None:
    """`answer(logits1, logits2)`: the sum of two cross-entropies, each network against the other's
    pseudo label.
    """
    with _judging(answer):
        one, two = (
            _random_logits(3, 2, 3, 4, 4).requires_grad_(),
            _random_logits(4, 2, 3, 4, 4).requires_grad_(),
        )
        ce = nn.functional.cross_entropy
        y1, y2 = one.detach().argmax(1), two.detach().argmax(1)
        got = answer(one, two)
        itself = ce(one, y1) + ce(two, y2)
        _require(
            not close(got.detach(), itself.detach()),
            "each network learns from its own pseudo label: swap them, that is the cross.",
        )
        soft = ce(one, two.softmax(1).detach()) + ce(two, one.softmax(1).detach())
        _require(
            not close(got.detach(), soft.detach()),
            "these targets are soft: a pseudo label is the most probable class, an argmax.",
        )
        half = (ce(one, y2) + ce(two, y1)).detach()
        _require(
            not close(got.detach(), half / 2),
            "that is the mean of the two terms: the paper's loss is their sum.",
        )
        _require(
            not any(map(close, [got.detach()] * 2, [ce(one, y2).detach(), ce(two, y1).detach()])),
            "one direction is missing: both networks learn.",
        )
        _require(
            close(got.detach(), half), "the value is not CE(logits1, label2) + CE(logits2, label1)."
        )
        got.backward()
        _require(
            one.grad is not None and two.grad is not None,
            "one of the networks gets no gradient: both learn.",
        )


def check_disagreement(answer: Answer) -> None:
    """`answer(mask1, mask2)`: one minus the Dice overlap of two boolean masks."""
    with _judging(answer) as name:
        generator = torch.Generator().manual_seed(1)
        for _ in range(5):
            a, b = (torch.rand(8, 8, generator=generator) > 0.5 for _ in range(2))
            both, size = int((a & b).sum()), int(a.sum()) + int(b.sum())
            got = float(answer(a, b))
            _require(
                not close(got, 2 * both / size),
                "that is the agreement: disagreement is one minus it.",
            )
            _require(
                not close(got, (a != b).float().mean()),
                "that is the share of differing pixels: background would drown a small organ, so"
                " count overlap.",
            )
            _require(
                close(got, 1 - 2 * both / size),
                f"{name} gives {got:.4f}, one minus Dice is {1 - 2 * both / size:.4f}.",
            )
        _require(close(float(answer(a, a)), 0.0), "a mask does not disagree with itself.")


def check_entropy_of_mean(answer: Answer) -> None:
    """`answer(logits1, logits2)`: entropy in nats of the mean softmax, `B 1 *S`, without a
    gradient.
    """
    with _judging(answer) as name:
        for shape in ((2, 2, 5, 4), (1, 4, 3, 2, 3)):
            a, b = (_random_logits(seed, *shape).requires_grad_() for seed in (5, 6))
            p, q = a.detach().softmax(1), b.detach().softmax(1)
            got = answer(a, b)
            _require(
                got.shape == (shape[0], 1, *shape[2:]),
                f"{name} returns shape {tuple(got.shape)}: sum over classes with keepdim=True, B"
                " 1 *S.",
            )
            _require(
                not got.requires_grad,
                "the map carries a gradient: it only guides, compute it without one.",
            )
            _require(
                got.min() >= -1e-4,
                "entropy is never negative: there is a minus sign before the sum.",
            )
            mean_of_entropies = sum(-(x * x.log()).sum(1, keepdim=True) for x in (p, q)) / 2
            _require(
                not close(got, mean_of_entropies, 1e-3),
                "that is the mean of two entropies: average the probabilities first, so that"
                " contradiction counts.",
            )
            m = (p + q) / 2
            _require(
                not close(got, -(m * m.log2()).sum(1, keepdim=True), 1e-3),
                "that is in bits: take the natural logarithm, nats.",
            )
            _require(
                close(got, -(m * m.log()).sum(1, keepdim=True), 1e-4),
                f"{name} is not the entropy of the mean of the two softmaxes.",
            )


def check_umix(answer: Answer) -> None:
    """`answer(u1, u2, top_k, grid)` returns a function that moves an image's and a mask's cells as
    UMIX does.
    """
    with _judging(answer):
        for seed, (cells, side, top_k) in enumerate(((4, 2, 2), (4, 3, 5), (6, 1, 3), (4, 2, 0))):
            generator = torch.Generator().manual_seed(seed)
            u1, u2 = (
                torch.rand(2, 1, cells * side, cells * side, generator=generator) for _ in range(2)
            )
            image = torch.rand(2, 3, cells * side, cells * side, generator=generator)
            mask = torch.randint(0, 9, (2, cells * side, cells * side), generator=generator)
            before = image.clone()
            mix = answer(u1, u2, top_k, cells)
            got, got_mask = mix(image), mix(mask)
            _require(
                torch.equal(image, before),
                "the image itself was changed: return a new one, the first copy is still needed.",
            )
            _require(
                got.shape == image.shape,
                f"the mixed image has shape {tuple(got.shape)}, not {tuple(image.shape)}.",
            )
            _require(top_k or torch.equal(got, image), "with top_k=0 nothing moves.")
            wanted = pasted(u1, u2, top_k, cells, image)
            mistakes = {
                "certain cells were overwritten by uncertain ones: it is the other way round.": (
                    pasted(-u1, -u2, top_k, cells, image)
                ),
                "each map's uncertain cells got its own certain ones: the content comes from the other map's.": pasted(
                    u1, u2, top_k, cells, image, cross=False
                ),
                "the certain cells are in rising order: the most uncertain cell receives the k-th most certain one.": pasted(
                    u1, u2, top_k, cells, image, falling=False
                ),
                "where both maps pick a cell, the second paste wins.": pasted(
                    u1, u2, top_k, cells, image, second_wins=False
                ),
                "a cell was read after it had been overwritten: take all content from the original image.": pasted(
                    u1, u2, top_k, cells, image, original=False
                ),
            }
            for sentence, planted in mistakes.items():
                _require(not torch.equal(got, planted) or torch.equal(planted, wanted), sentence)
            _require(
                torch.equal(got, wanted),
                f"with top_k={top_k} and {cells}x{cells} cells the mixed image differs from two"
                " pastes in sequence.",
            )
            _require(
                torch.equal(got_mask, pasted(u1, u2, top_k, cells, mask.unsqueeze(1))[:, 0]),
                "the mask did not move like the image.",
            )


def pasted(
    u1: Tensor,
    u2: Tensor,
    top_k: int,
    cells: int,
    image: Tensor,
    cross: bool = True,
    falling: bool = True,
    second_wins: bool = True,
    original: bool = True,
) -> Tensor:
    """UMIX as its definition reads, with loops and slices: two pastes in sequence from the original
    image (2D).

    The last four arguments plant the mistakes that `check_umix` tells apart.
    """
    side = image.shape[-1] // cells
    result = image.clone()
    content = image if original else result
    for b in range(len(image)):
        windows = [
            (..., slice(i * side, (i + 1) * side), slice(j * side, (j + 1) * side))
            for i, j in product(range(cells), repeat=2)
        ]
        rank1, rank2 = (
            sorted(range(cells**2), key=lambda c: -float(u[b][windows[c]].mean())) for u in (u1, u2)
        )
        pastes = [(rank1, rank2 if cross else rank1), (rank2, rank1 if cross else rank2)]
        for top, bottom in pastes if second_wins else reversed(pastes):
            for k in range(top_k):
                nth = len(bottom) - top_k + k if falling else len(bottom) - 1 - k
                result[b][windows[top[k]]] = content[b][windows[bottom[nth]]]
    return result
