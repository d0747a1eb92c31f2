"""Checks of uncertainty: maps, and whether they mean what they say."""

import torch
from torch import Tensor

from ucmt_lite.course.checks.judging import Answer, judging, random_logits, require, require_value


def check_entropy_of_mean(answer: Answer) -> None:
    """Check `answer(logits1, logits2)`: the entropy in nats of the mean softmax, `B 1 *S`.

    It carries no gradient, and is finite where networks are sure.
    """
    with judging(answer) as judged:
        for shape in ((2, 2, 5, 4), (1, 4, 3, 2, 3)):
            logits1, logits2 = (random_logits(seed, *shape).requires_grad_() for seed in (5, 6))
            entropy = judged.tensor(logits1, logits2)
            _check_map_shape(entropy, shape)
            require(
                not entropy.requires_grad,
                "the map carries a gradient: it only guides, compute it without one.",
            )
            _check_entropy_value(entropy, logits1.detach(), logits2.detach())
        sure = torch.tensor([[[200.0]], [[-200.0]]]).movedim(1, 0)  # 1 2 1
        require(
            judged.tensor(sure, sure).isfinite().all(),
            "where both networks are sure a probability is 0, and 0 * log(0) is not a number: add a"
            " little, such as 1e-6, inside the logarithm.",
        )


def _check_map_shape(entropy: Tensor, shape: tuple[int, ...]) -> None:
    batch, _, *sides = shape
    require(
        entropy.shape != (batch, *sides),
        "the class axis is gone: sum over the classes with keepdim=True, B 1 *S.",
    )
    require(
        entropy.shape == (batch, 1, *sides),
        f"it has shape {tuple(entropy.shape)} for logits {tuple(shape)}: sum over the classes, axis"
        " 1, with keepdim=True.",
    )


def _check_entropy_value(entropy: Tensor, logits1: Tensor, logits2: Tensor) -> None:
    p, q = logits1.softmax(1), logits2.softmax(1)
    mean = (p + q) / 2
    right = _entropy(mean)
    mixed_logits = ((logits1 + logits2) / 2).softmax(1)
    require_value(
        entropy,
        right,
        [
            (-right, "entropy is never negative: there is a minus sign before the sum."),
            (
                (_entropy(p) + _entropy(q)) / 2,
                "that is the mean of two entropies: average the probabilities first, so that"
                " contradiction counts.",
            ),
            (right / torch.log(torch.tensor(2.0)), "that is in bits: take the natural logarithm."),
            (
                _entropy(mixed_logits),
                "the logits were averaged: average the probabilities, after the softmax.",
            ),
            (_entropy(p), "the second network does not count: average both probabilities."),
            (right / p.shape[1], "entropy is the sum over the classes, not their mean."),
        ],
        "it is not the entropy of the mean of the two softmaxes.",
        tolerance=1e-4,
    )


def _entropy(p: Tensor) -> Tensor:
    """Return -sum p ln p over the classes, as `B 1 *S`."""
    return -(p * p.log()).sum(1, keepdim=True)
