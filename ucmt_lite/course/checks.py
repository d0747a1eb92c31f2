"""Worked-example checks: they judge answers in a lesson, and the kit's own functions in its tests.

Each check compares with a slow, literal rendering of the definition on small random inputs, and
says in one sentence what the mistake looks like. An answer that is not written yet gets a friendly
word instead of an error.
"""

from collections.abc import Callable, Iterator, Sequence
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
    """Run a check on an answer: print that it is right or not written yet.

    A mistake raises CheckFailed.
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


def _close(a: Tensor | float, b: Tensor | float, tolerance: float = 1e-5) -> bool:
    """Return whether two results have the same shape and agree in every element."""
    a = torch.as_tensor(a, dtype=torch.float64)
    b = torch.as_tensor(b, dtype=torch.float64)
    return a.shape == b.shape and bool(((a - b).abs() <= tolerance).all())


def _random_logits(seed: int, *shape: int) -> Tensor:
    """Return the logits of a random network, the same for the same seed."""
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def check_dice(answer: Answer) -> None:
    """Check `answer(prediction, truth)`: the Dice overlap of two boolean masks, a number."""
    with _judging(answer) as name:
        generator = torch.Generator().manual_seed(0)
        for _ in range(5):
            p, t = (torch.rand(6, 7, generator=generator) > 0.6 for _ in range(2))
            pairs = zip(p.flatten(), t.flatten(), strict=True)
            overlap = sum(bool(a) and bool(b) for a, b in pairs)
            size = int(p.sum()) + int(t.sum())
            union = size - overlap
            result = float(answer(p, t))
            _require(
                not _close(result, overlap / size) or overlap == 0,
                "the overlap counts twice, because it lies in both masks.",
            )
            _require(
                not _close(result, overlap / union) or overlap in (0, union),
                "that is the Jaccard index: Dice divides by the sum of both sizes, not by the"
                " union.",
            )
            _require(
                _close(result, 2 * overlap / size),
                f"for an overlap of {overlap} and sizes {int(p.sum())} and {int(t.sum())}, {name}"
                f" gives {result:.4f}.",
            )


def check_pseudo_label(answer: Answer) -> None:
    """Check `answer(logits)`: class indices `B *S` from logits `B K *S`, without a gradient."""
    with _judging(answer) as name:
        for shape in ((2, 3, 4, 5), (1, 2, 3, 4, 2)):
            logits = _random_logits(0, *shape).requires_grad_()
            label = answer(logits)
            _require(
                label.shape != logits.shape,
                f"{name} keeps the class axis: a pseudo label has one class a pixel, B *S.",
            )
            _require(
                not label.is_floating_point(),
                f"{name} returns {label.dtype}: a target is a class index, a whole number.",
            )
            _require(
                not label.requires_grad,
                "a gradient could flow back through the pseudo label: compute it without one.",
            )
            pixels = logits.detach().movedim(1, -1).reshape(-1, shape[1]).tolist()
            best = [max(range(shape[1]), key=row.__getitem__) for row in pixels]
            _require(
                torch.equal(label.long(), torch.tensor(best).view(shape[0], *shape[2:])),
                f"{name} picks another class than the most probable one.",
            )


def check_consistency(answer: Answer) -> None:
    """Check `answer(student_logits, teacher_logits)`: the mean squared difference of softmaxes.

    Only the student receives a gradient.
    """
    with _judging(answer) as name:
        student = _random_logits(1, 2, 3, 4, 4).requires_grad_()
        teacher = _random_logits(2, 2, 3, 4, 4).requires_grad_()
        p = student.detach().softmax(1)
        q = teacher.detach().softmax(1)
        loss = answer(student, teacher)
        _require(
            loss.dim() == 0,
            f"{name} returns a tensor of shape {tuple(loss.shape)}: average it to one number.",
        )
        _require(
            not _close(loss.detach(), ((student - teacher) ** 2).mean().detach()),
            "compare probabilities, not logits: softmax over the class axis first.",
        )
        _require(
            _close(loss.detach(), ((p - q) ** 2).mean()),
            "the value is not the mean over images, classes and pixels of (p - q) squared.",
        )
        no_gradient = "no gradient reaches the student: only the teacher is detached."
        _require(loss.requires_grad, no_gradient)
        loss.backward()
        _require(
            teacher.grad is None,
            "a gradient reaches the teacher: detach its side, it learns by averaging alone.",
        )
        _require(student.grad is not None, no_gradient)


def check_ema_update(answer: Answer) -> None:
    """Check `answer(teacher, student, decay, step)`: `ema_update` of one student, in place."""
    with _judging(answer), torch.random.fork_rng():
        for step, decay in ((9, 0.99), (0, 0.99), (500, 0.9)):
            _check_one_ema_update(answer, step, decay)


def _check_one_ema_update(answer: Answer, step: int, decay: float) -> None:
    teacher, student = (nn.Linear(3, 2) for _ in range(2))
    old = [p.detach().clone() for p in teacher.parameters()]
    goal = [p.detach().clone() for p in student.parameters()]
    answer(teacher, student, decay, step)
    new = [p.detach() for p in teacher.parameters()]

    def averaged(keep: float) -> list[Tensor]:
        return [keep * t + (1 - keep) * s for t, s in zip(old, goal, strict=True)]

    alpha = min(1 - 1 / (step + 1), decay)
    _require(
        _all_close([p.detach() for p in student.parameters()], goal),
        "the student moved: only the teacher follows.",
    )
    _require(
        not _all_close(new, old) or alpha == 1,
        "the teacher did not move: change its parameters in place, for instance with copy_.",
    )
    _require(
        not _all_close(new, averaged(1 - alpha)),
        "decay is the share the teacher keeps, 1 - decay what it takes from the student.",
    )
    _require(
        not _all_close(new, averaged(decay)) or alpha == decay,
        f"at step {step} the decay is min(1 - 1/(step + 1), decay) = {alpha:.2f}, so that the start"
        " counts little.",
    )
    _require(
        _all_close(new, averaged(alpha)),
        f"at step {step} with decay {decay} the teacher is not alpha * teacher + (1 - alpha) *"
        " student.",
    )
    _require(
        all(p.grad_fn is None for p in teacher.parameters()),
        "the update is recorded for gradients: put it under torch.no_grad().",
    )


def _all_close(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return all(map(_close, a, b))


def check_cross_pseudo_supervision(answer: Answer) -> None:
    """Check `answer(logits1, logits2)`: two cross-entropies against the other's label, summed."""
    with _judging(answer):
        logits1 = _random_logits(3, 2, 3, 4, 4).requires_grad_()
        logits2 = _random_logits(4, 2, 3, 4, 4).requires_grad_()
        loss = answer(logits1, logits2)
        _check_cross_value(loss.detach(), logits1.detach(), logits2.detach())
        loss.backward()
        _require(
            logits1.grad is not None and logits2.grad is not None,
            "one of the networks gets no gradient: both learn.",
        )


def _check_cross_value(loss: Tensor, logits1: Tensor, logits2: Tensor) -> None:
    cross_entropy = nn.functional.cross_entropy
    label1, label2 = logits1.argmax(1), logits2.argmax(1)
    own = cross_entropy(logits1, label1) + cross_entropy(logits2, label2)
    _require(
        not _close(loss, own),
        "each network learns from its own pseudo label: swap them, that is the cross.",
    )
    soft = cross_entropy(logits1, logits2.softmax(1)) + cross_entropy(logits2, logits1.softmax(1))
    _require(
        not _close(loss, soft),
        "these targets are soft: a pseudo label is the most probable class, an argmax.",
    )
    to_1 = cross_entropy(logits1, label2)
    to_2 = cross_entropy(logits2, label1)
    _require(
        not _close(loss, (to_1 + to_2) / 2),
        "that is the mean of the two terms: the paper's loss is their sum.",
    )
    _require(
        not _close(loss, to_1) and not _close(loss, to_2),
        "one direction is missing: both networks learn.",
    )
    _require(
        _close(loss, to_1 + to_2),
        "the value is not CE(logits1, label2) + CE(logits2, label1).",
    )


def check_disagreement(answer: Answer) -> None:
    """Check `answer(mask1, mask2)`: one minus the Dice overlap of two boolean masks."""
    with _judging(answer) as name:
        generator = torch.Generator().manual_seed(1)
        for _ in range(5):
            a, b = (torch.rand(8, 8, generator=generator) > 0.5 for _ in range(2))
            dice = 2 * int((a & b).sum()) / (int(a.sum()) + int(b.sum()))
            result = float(answer(a, b))
            _require(
                not _close(result, dice),
                "that is the agreement: disagreement is one minus it.",
            )
            _require(
                not _close(result, (a != b).float().mean()),
                "that is the share of differing pixels: background would drown a small organ, so"
                " count overlap.",
            )
            _require(
                _close(result, 1 - dice),
                f"{name} gives {result:.4f}, one minus Dice is {1 - dice:.4f}.",
            )
        _require(_close(float(answer(a, a)), 0.0), "a mask does not disagree with itself.")


def check_entropy_of_mean(answer: Answer) -> None:
    """Check `answer(logits1, logits2)`: the entropy in nats of the mean softmax, `B 1 *S`.

    It carries no gradient.
    """
    with _judging(answer) as name:
        for shape in ((2, 2, 5, 4), (1, 4, 3, 2, 3)):
            logits1, logits2 = (_random_logits(seed, *shape).requires_grad_() for seed in (5, 6))
            p = logits1.detach().softmax(1)
            q = logits2.detach().softmax(1)
            mean = (p + q) / 2
            entropy = answer(logits1, logits2)
            _require(
                entropy.shape == (shape[0], 1, *shape[2:]),
                f"{name} returns shape {tuple(entropy.shape)}: sum over classes with keepdim=True,"
                " B 1 *S.",
            )
            _require(
                not entropy.requires_grad,
                "the map carries a gradient: it only guides, compute it without one.",
            )
            _require(
                entropy.min() >= -1e-4,
                "entropy is never negative: there is a minus sign before the sum.",
            )
            mean_of_entropies = sum(-(x * x.log()).sum(1, keepdim=True) for x in (p, q)) / 2
            _require(
                not _close(entropy, mean_of_entropies, 1e-3),
                "that is the mean of two entropies: average the probabilities first, so that"
                " contradiction counts.",
            )
            _require(
                not _close(entropy, -(mean * mean.log2()).sum(1, keepdim=True), 1e-3),
                "that is in bits: take the natural logarithm, nats.",
            )
            _require(
                _close(entropy, -(mean * mean.log()).sum(1, keepdim=True), 1e-4),
                f"{name} is not the entropy of the mean of the two softmaxes.",
            )


# What `paste_cells` must be told to make each mistake, and the sentence that names it.
_UMIX_MISTAKES = (
    (
        "uncertain_first",
        "certain cells were overwritten by uncertain ones: it is the other way round.",
    ),
    (
        "cross",
        "each map's uncertain cells got its own certain ones: the content comes from the other"
        " map's.",
    ),
    (
        "falling",
        "the certain cells are in rising order: the most uncertain cell receives the k-th most"
        " certain one.",
    ),
    (
        "second_wins",
        "where both maps pick a cell, the second paste wins.",
    ),
    (
        "original",
        "a cell was read after it had been overwritten: take all content from the original image.",
    ),
)


def check_umix(answer: Answer) -> None:
    """Check `answer(u1, u2, top_k, grid)`: a function that moves cells of images and masks alike.

    It moves them as UMIX does.
    """
    with _judging(answer):
        for seed, (cells, side, top_k) in enumerate(((4, 2, 2), (4, 3, 5), (6, 1, 3), (4, 2, 0))):
            _check_one_mix(answer, seed, cells, side, top_k)


def _check_one_mix(answer: Answer, seed: int, cells: int, side: int, top_k: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    size = cells * side
    u1, u2 = (torch.rand(2, 1, size, size, generator=generator) for _ in range(2))
    image = torch.rand(2, 3, size, size, generator=generator)
    mask = torch.randint(0, 9, (2, size, size), generator=generator)
    before = image.clone()
    mix = answer(u1, u2, top_k, cells)
    mixed = mix(image)
    mixed_mask = mix(mask)
    _require(
        torch.equal(image, before),
        "the image itself was changed: return a new one, the first copy is still needed.",
    )
    _require(
        mixed.shape == image.shape,
        f"the mixed image has shape {tuple(mixed.shape)}, not {tuple(image.shape)}.",
    )
    _require(top_k or torch.equal(mixed, image), "with top_k=0 nothing moves.")
    right = paste_cells(u1, u2, top_k, cells, image)
    for rule, sentence in _UMIX_MISTAKES:
        wrong = paste_cells(u1, u2, top_k, cells, image, **{rule: False})
        _require(not torch.equal(mixed, wrong) or torch.equal(wrong, right), sentence)
    _require(
        torch.equal(mixed, right),
        f"with top_k={top_k} and {cells}x{cells} cells the mixed image differs from two pastes in"
        " sequence.",
    )
    _require(
        torch.equal(mixed_mask, paste_cells(u1, u2, top_k, cells, mask.unsqueeze(1))[:, 0]),
        "the mask did not move like the image.",
    )


def paste_cells(
    u1: Tensor,
    u2: Tensor,
    top_k: int,
    cells: int,
    image: Tensor,
    uncertain_first: bool = True,
    cross: bool = True,
    falling: bool = True,
    second_wins: bool = True,
    original: bool = True,
) -> Tensor:
    """Return UMIX as its definition reads: two pastes in sequence from the original image (2D).

    It is made of loops and slices. Setting one of the last five arguments to False plants a mistake
    that `check_umix` tells from the others.
    """
    side = image.shape[-1] // cells
    windows = [
        (..., slice(i * side, (i + 1) * side), slice(j * side, (j + 1) * side))
        for i, j in product(range(cells), repeat=2)
    ]
    result = image.clone()
    content = image if original else result
    for b in range(len(image)):
        rank1, rank2 = (
            sorted(
                range(cells**2),
                key=lambda cell: float(u[b][windows[cell]].mean()),
                reverse=uncertain_first,
            )
            for u in (u1, u2)
        )
        pastes = [(rank1, rank2 if cross else rank1), (rank2, rank1 if cross else rank2)]
        for top, bottom in pastes if second_wins else reversed(pastes):
            for k in range(top_k):
                nth = len(bottom) - top_k + k if falling else len(bottom) - 1 - k
                result[b][windows[top[k]]] = content[b][windows[bottom[nth]]]
    return result
