"""Checks of uncertainty: maps, and whether they mean what they say."""

from typing import Any

import numpy as np
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


def check_contradiction(answer: Answer) -> None:
    """Check `answer(logits1, logits2)`: the entropy of the mean minus the mean of the entropies."""
    with judging(answer) as judged:
        shape = (2, 3, 4, 5)
        logits1, logits2 = (random_logits(seed, *shape).requires_grad_() for seed in (18, 19))
        contradiction = judged.tensor(logits1, logits2)
        _check_map_shape(contradiction, shape)
        require(
            not contradiction.requires_grad,
            "the map carries a gradient: it only measures, compute it without one.",
        )
        p, q = logits1.detach().softmax(1), logits2.detach().softmax(1)
        of_mean, each = _entropy((p + q) / 2), (_entropy(p) + _entropy(q)) / 2
        of_mean_logits = _entropy(((logits1 + logits2).detach() / 2).softmax(1))
        right = of_mean - each
        require_value(
            contradiction,
            right,
            [
                (-right, "it is negative: the entropy of the mean comes first."),
                (of_mean, "that is the whole uncertainty: take off what each doubts by itself."),
                (each, "that is what each doubts by itself: the contradiction is the other part."),
                (
                    of_mean - 2 * each,
                    "the *mean* of the two entropies is taken off, not their sum.",
                ),
                (of_mean_logits - each, "take the mean of the probabilities, not of the logits."),
                (
                    right / torch.log(torch.tensor(2.0)),
                    "that is in bits: take the natural logarithm.",
                ),
                (
                    (p - q).abs().sum(1, keepdim=True) / 2,
                    "that is the distance of the probabilities, another measure.",
                ),
            ],
            "it is not the entropy of the mean minus the mean of the entropies.",
            tolerance=1e-4,
        )
        sure = torch.tensor([[[200.0]], [[-200.0]]]).movedim(1, 0)
        require(
            judged.tensor(sure, sure).isfinite().all(),
            "where both networks are sure a probability is 0, and 0 * log(0) is not a number: add a"
            " little, such as 1e-6, inside the logarithms.",
        )


def check_risk_coverage(answer: Answer) -> None:
    """Check `answer(entropy, wrong, threshold)`: the share kept, and how much of it is wrong."""
    with judging(answer) as judged:
        entropy, wrong = _entropy_and_errors()
        for threshold in (0.2, 0.5):
            coverage, risk = _two_numbers(judged(entropy, wrong, threshold))
            kept = entropy <= threshold
            require_value(
                coverage,
                float(kept.mean()),
                [
                    (float((entropy < threshold).mean()), "a pixel at the threshold is kept."),
                    (
                        1 - float(kept.mean()),
                        "that is the share that is dropped: keep low entropy.",
                    ),
                    (float(kept.sum()), "that is a count: coverage is a share of all pixels."),
                    (float(wrong[kept].mean()), "the two numbers are swapped: coverage first."),
                ],
                f"at a threshold of {threshold} {kept.sum()} of {kept.size} pixels are kept.",
            )
            require_value(
                risk,
                float(wrong[kept].mean()),
                [
                    (
                        1 - float(wrong[kept].mean()),
                        "that is the share that is right: risk is wrong.",
                    ),
                    (
                        float((wrong & kept).mean()),
                        "divide by the number of kept pixels, not by that of all.",
                    ),
                    (float(wrong.mean()), "only the kept pixels count."),
                    (
                        float((wrong & kept).sum() / wrong.sum()),
                        "that is the share of the errors that are kept: divide by the kept pixels.",
                    ),
                ],
                f"{(wrong & kept).sum()} of the {kept.sum()} kept pixels are wrong.",
            )
        _, risk = _two_numbers(judged(entropy, wrong, -1.0))
        require(risk == 0, "where nothing is kept nothing is at risk: return 0 there.")


def check_confident_errors(answer: Answer) -> None:
    """Check `answer(entropy, wrong, threshold)`: the share of the wrong pixels that are certain."""
    with judging(answer) as judged:
        entropy, wrong = _entropy_and_errors()
        for threshold in (0.2, 0.5):
            kept = entropy <= threshold
            both = (wrong & kept).sum()
            require_value(
                judged.number(entropy, wrong, threshold),
                float(both / wrong.sum()),
                [
                    (float(both / kept.sum()), "that is the risk: divide by the wrong pixels."),
                    (float(both / kept.size), "divide by the wrong pixels, not by all."),
                    (1 - float(both / wrong.sum()), "those are the errors that are *not* certain."),
                    (float(both), "that is a count: a share of the wrong pixels is asked for."),
                    (
                        float((wrong & (entropy < threshold)).sum() / wrong.sum()),
                        "a pixel at the threshold counts as certain.",
                    ),
                ],
                f"{both} of {wrong.sum()} wrong pixels have at most {threshold} nats.",
            )
        none = judged.number(entropy, np.zeros_like(wrong), 0.2)
        require(none == 0, "where nothing is wrong no error is confident: return 0 there.")


def check_calibration_error(answer: Answer) -> None:
    """Check `answer(confidence, right, bins)`: the expected calibration error of equal bins."""
    with judging(answer) as judged:
        random = np.random.default_rng(5)
        confidence = np.concatenate([random.uniform(0.5, 1, 60).round(3), [1.0, 1.0]])
        # Too modest where unsure, too sure elsewhere.
        right = random.random(62) < np.where(confidence < 0.75, confidence + 0.2, confidence - 0.3)
        gaps, share = _gaps(confidence, right, bins=5)
        fewer_gaps, fewer = _gaps(confidence[:-2], right[:-2], bins=5)
        without_ones = float((60 / 62 * fewer * abs(fewer_gaps)).sum())
        error = judged.number(confidence, right, 5)
        require(error == error, "an empty bin has no mean: leave it out.")
        unweighted = "every bin counts alike: weigh it by its share of the pixels."
        require_value(
            error,
            float((share * abs(gaps)).sum()),
            [
                (
                    float(abs((share * gaps).sum())),
                    "too much here and too little there cancel: take the absolute value of each"
                    " bin.",
                ),
                (float(abs(gaps[share > 0]).mean()), unweighted),
                (float(abs(gaps).mean()), unweighted),
                (
                    float(abs(confidence - right).mean()),
                    "that is the mean error of each pixel: compare means of bins.",
                ),
                (float((62 * share * abs(gaps)).sum()), "divide by the number of pixels."),
                (float(abs(gaps).max()), "that is the largest gap: take the weighted mean of all."),
                (without_ones, "a confidence of exactly 1 belongs to the last bin."),
            ],
            "it is not the mean gap between confidence and accuracy, weighted by the bins' shares.",
            tolerance=1e-6,
        )


def check_area_under_roc(answer: Answer) -> None:
    """Check `answer(doubt, wrong)`: how often a wrong pixel has more doubt than a right one."""
    random = np.random.default_rng(6)
    wrong = random.random((8, 8)) < 0.3
    doubt = np.round(random.random((8, 8)) + 0.4 * wrong, 1)  # rounded: some doubts are equal
    above = doubt[wrong][:, None] > doubt[~wrong][None]
    equal = doubt[wrong][:, None] == doubt[~wrong][None]
    with judging(answer) as judged:
        require_value(
            judged.number(doubt, wrong),
            float((above + 0.5 * equal).mean()),
            [
                (float(above.mean()), "pairs of equal doubt count half."),
                (float((above | equal).mean()), "pairs of equal doubt count half, not whole."),
                (
                    1 - float((above + 0.5 * equal).mean()),
                    "that is how often the *right* pixel has more doubt.",
                ),
                (float((above + 0.5 * equal).sum()), "that is a number of pairs: take the mean."),
                (
                    float((doubt[wrong] > doubt[~wrong].mean()).mean()),
                    "compare each wrong pixel with each right one, not with their mean.",
                ),
            ],
            "compare every wrong pixel with every right one, and take the mean over all pairs.",
        )


def check_control(answer: Answer) -> None:
    """Check `answer(maps)`: the maps `B H W`, each whole and each with another image."""
    inside = "the maps have moved within their images: images are axis 0, exchange along that one."
    with judging(answer) as judged:
        for count in (2, 3, 5, 7, 7):
            maps = torch.rand(count, 4, 6, generator=torch.Generator().manual_seed(count))
            control = judged.tensor(maps)
            require(
                control.shape == maps.shape,
                f"it has shape {tuple(control.shape)} for maps {tuple(maps.shape)}: one map an"
                " image is asked for.",
            )
            mistakes = [
                (maps.roll(1), "told no axis, roll moves all pixels on by one: give it dims=0."),
                (maps.roll(-1), "told no axis, roll moves all pixels back by one: give it dims=0."),
                *((maps.roll(n, axis), inside) for n in (1, -1) for axis in (1, 2)),
                *((maps.flip(axis), inside) for axis in ((1,), (2,), (1, 2))),
                (
                    maps.mean(0, keepdim=True).expand_as(maps),
                    "the mean holds each image's own, too.",
                ),
            ]
            for wrong, sentence in mistakes:
                require(not torch.equal(control, wrong), sentence)
            came_from = [[torch.equal(one, other) for other in maps] for one in control]
            require(
                all(any(row) for row in came_from),
                "some image has a map that no image had: exchange them whole, as they are.",
            )
            owners = [row.index(True) for row in came_from]
            keeps = [b for b, owner in enumerate(owners) if b == owner]
            require(
                len(keeps) < count, "every image keeps its own map: then it is no control at all."
            )
            require(
                not keeps,
                f"one of {count} images keeps its own map: give it that of another.",
            )
            require(len(set(owners)) == count, "some map is given twice, and another is not given.")


def _gaps(confidence: np.ndarray, right: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return confidence minus accuracy in each bin, 0 where it is empty, and the bins' shares."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    inside = [place == b for b in range(bins)]
    gaps = [confidence[i].mean() - right[i].mean() if i.any() else 0.0 for i in inside]
    return np.array(gaps), np.array([i.mean() for i in inside])


def _two_numbers(result: Any) -> tuple[float, float]:
    """Return the two numbers of an answer that is to give two."""
    require(
        isinstance(result, tuple | list) and len(result) == 2,
        "two numbers are asked for: `return coverage, risk`.",
    )
    return float(result[0]), float(result[1])


def _entropy_and_errors() -> tuple[np.ndarray, np.ndarray]:
    """Return entropies, some of them exactly at a threshold, and errors that are likelier there."""
    random = np.random.default_rng(4)
    entropy = random.uniform(0, 0.69, (6, 7)).round(2)
    entropy[0, :3], entropy[1, :3] = 0.2, 0.5
    return entropy, random.random((6, 7)) < 0.1 + 0.6 * entropy
