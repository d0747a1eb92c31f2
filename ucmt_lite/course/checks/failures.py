"""Checks of repairs: the exhibits of the failure museum, and what a run will cost."""

import io
import math
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import torch

from ucmt_lite.core.uncertainty import disagreement
from ucmt_lite.course.checks.judging import Answer, judging, require, require_value


def check_pair_lives(answer: Answer) -> None:
    """Check `answer()`: `weight` and `ramp` with which two networks of CPS teach each other.

    They are trained for a few seconds on images of 32 pixels.
    """
    with judging(answer) as judged:
        settings = judged()
        require(
            isinstance(settings, dict) and set(settings) == {"weight", "ramp"},
            "return a dictionary with the keys weight and ramp.",
        )
        weight, ramp = settings["weight"], settings["ramp"]
        require(
            weight >= 0.1,
            f"with a weight of {weight} they do not teach each other: give 0.1 or more.",
        )
        require(0 <= ramp <= 1, "the ramp is a share of the run: give 0 to 1.")
        require(
            weight <= 5,
            f"the unsupervised terms weigh {weight} times as much as the labels in the end, and"
            " drown them whenever they start: give less.",
        )
        dice, apart = _pair(weight, ramp)
        require(
            dice > 0.1,
            f"they are blind, with a Dice of {dice:.2f}, and disagree by {apart:.2f}: give the"
            " labels more weight or more time.",
        )
        require(apart > 0.02, f"they disagree by {apart:.3f}: nothing is left to teach.")


def _pair(weight: float, ramp: float) -> tuple[float, float]:
    """Train a small pair; return Dice and disagreement on images that it has not seen."""
    # Loaded here: no other check trains, and importing all this takes seconds.
    from ucmt_lite.data import Batches, cases, load
    from ucmt_lite.data.views import to_input
    from ucmt_lite.methods import build_nets
    from ucmt_lite.nets import make
    from ucmt_lite.predict import evaluate
    from ucmt_lite.training.fit import fit

    source = load("phantom_heart", size=32, count=(40, 16, 1))
    train, unseen = (cases(source.splits[name]) for name in ("train", "validation"))
    batches = Batches(train.select(train.ids[:4]), train, seed=0)
    nets = build_nets("cps", lambda: make("unet_small", 1, len(source.classes)), seed=0)
    silent = io.StringIO()
    with redirect_stdout(silent), redirect_stderr(silent):
        fit("cps", nets, batches, 80, ramp=ramp, weight=weight)
    nets.eval()
    with torch.no_grad():
        images = to_input(torch.from_numpy(np.stack(unseen.images)))
        apart = float(disagreement(nets.student1(images), nets.student2(images)))
    return evaluate(nets.student1, unseen, distances=False)["mean"]["dice"], apart


def check_decay(answer: Answer) -> None:
    """Check `answer(steps)`: the decay whose half-life is a tenth of so many steps."""
    with judging(answer) as judged:
        for steps in (150, 1000, 20000):
            right = 0.5 ** (10 / steps)
            require_value(
                judged.number(steps),
                right,
                [
                    (
                        1 - 10 / steps,
                        "that is when a weight has fallen to a third, 1 / e: ask for half.",
                    ),
                    (0.5 ** (1 / steps), "that half-life is the whole run: a tenth is asked for."),
                    (math.log(0.5) / math.log(0.99), "that is a number of steps: return a decay."),
                    (0.5 ** (steps / 10), "the exponent is upside down: one over the half-life."),
                    (0.99, "0.99 is right for one length of run: it follows from the steps."),
                    (1 - right, "that is what the teacher takes: return what it keeps."),
                    (-right, "a decay is not negative."),
                ],
                f"for {steps} steps the half-life is {steps / 10:.0f} steps, the decay"
                f" {right:.5f}.",
                tolerance=1e-7,
            )


def check_choice(answer: Answer) -> None:
    """Check `answer(validation, test)`: the index of the chosen setting, the score to report."""
    with judging(answer) as judged:
        for validation, test in (
            ([0.70, 0.82, 0.78], [0.75, 0.77, 0.83]),
            ([0.6, 0.5, 0.4, 0.61], [0.9, 0.8, 0.7, 0.1]),
        ):
            best, luckiest = int(np.argmax(validation)), int(np.argmax(test))
            result = judged(validation, test)
            require(
                isinstance(result, tuple | list) and len(result) == 2,
                "two things are asked for: `return index, score`.",
            )
            require(
                not any(isinstance(one, tuple | list) for one in result),
                "one index and one score are asked for, not a list of them.",
            )
            index, score = int(result[0]), float(result[1])
            require(
                index != luckiest,
                "that is chosen on the test images: the luckiest setting wins. Validation images"
                " choose.",
            )
            require(index != int(np.argmin(validation)), "that is the worst on validation images.")
            require(index == best, f"setting {best} is best on validation images, not {index}.")
            require(
                score != validation[best],
                "the validation score is reported: it is flattered, since it was chosen by it.",
            )
            require(
                score != test[luckiest],
                "the best test score is reported, which is another setting's: report that of the"
                " chosen one.",
            )
            require(score == test[best], f"the test score of setting {best} is {test[best]}.")


def check_lost(answer: Answer) -> None:
    """Check `answer(masks, factor)`: how many masks show something before, and nothing after."""
    with judging(answer) as judged:
        masks = [np.zeros((16, 16), np.uint8) for _ in range(7)]
        masks[0][3, 5] = 1  # between the pixels that are kept
        masks[1][1:3, 1:3] = 2  # kept at 2, lost at 4
        masks[2][4, 8] = 1  # kept at both
        masks[3][9, 9:12] = 1  # lost at both
        masks[4][:] = 1
        for factor in (2, 4):
            before = [bool(mask.any()) for mask in masks]
            after = [bool(mask[::factor, ::factor].any()) for mask in masks]
            lost = sum(b and not a for b, a in zip(before, after, strict=True))
            require_value(
                judged.number(masks, factor),
                float(lost),
                [
                    (
                        float(len(masks) - sum(after)),
                        "a mask that was empty from the start is counted, too: it had nothing to"
                        " lose.",
                    ),
                    (float(sum(after)), "those are the masks that still show something."),
                    (float(sum(before)), "those are the masks that showed something before."),
                    (lost / len(masks), "that is a share: a number of masks is asked for."),
                    (lost / sum(before), "that is a share: a number of masks is asked for."),
                    (
                        float(
                            sum(
                                int((m > 0).sum() - (m[::factor, ::factor] > 0).sum())
                                for m in masks
                            )
                        ),
                        "those are pixels: count masks.",
                    ),
                ],
                f"with factor {factor}, {lost} of these {len(masks)} masks lose everything.",
            )


def check_scattered(answer: Answer) -> None:
    """Check `answer(truth, labels, random)`: as many mistakes of each kind, at other places."""
    random = np.random.default_rng(0)
    truth = np.zeros((24, 24), np.int64)
    truth[4:20, 4:20], truth[8:14, 8:14] = 1, 2
    labels = np.roll(truth, 2, axis=1)  # a network that is wrong along the same borders each time
    with judging(answer) as judged:
        given = truth.copy(), labels.copy()
        result = np.asarray(judged(*given, random))
        require(
            (given[0] == truth).all() and (given[1] == labels).all(),
            "the arrays that were given have changed: work on a copy.",
        )
        require(result.shape == truth.shape, f"a mask of shape {truth.shape} is asked for.")
        wrong, was = int((result != truth).sum()), int((labels != truth).sum())
        require(
            (result != labels).any(),
            "these are the given labels: the mistakes have not moved.",
        )
        require(wrong > 0, "nothing is wrong any more: shuffle the labels, not the truth.")
        require(
            wrong == was,
            f"{was} pixels were wrong, and {wrong} are: shuffle within the pixels of one true class"
            " at a time.",
        )
        require(
            (_confusions(truth, result) == _confusions(truth, labels)).all(),
            "as many pixels are wrong, but in other ways: each pixel of a class gets the label of"
            " another pixel of that class.",
        )
        still = float(((result != truth) & (labels != truth)).sum() / was)
        require(
            still < 0.7,
            f"{still:.0%} of the wrong pixels are where they were: shuffle at random.",
        )
        other = np.asarray(judged(*given, np.random.default_rng(1)))
        require((other != result).any(), "two generators shuffle alike: draw from `random`.")


def _confusions(truth: np.ndarray, labels: np.ndarray, classes: int = 3) -> np.ndarray:
    """Count how often each class was called each class."""
    return np.bincount(classes * truth.ravel() + labels.ravel(), minlength=classes**2)


def check_hours(answer: Answer) -> None:
    """Check `answer(seconds, iterations, seeds)`: the hours of all methods together."""
    with judging(answer) as judged:
        for seconds, iterations, seeds in (
            ({"a": 0.1, "b": 0.2, "c": 0.6}, 10000, 3),
            ({"a": 2.0, "b": 1.0}, 500, 1),
        ):
            total = sum(seconds.values()) * iterations * seeds
            require_value(
                judged.number(seconds, iterations, seeds),
                total / 3600,
                [
                    (total, "those are seconds: an hour has 3,600."),
                    (total / 60, "those are minutes: an hour has 3,600 seconds."),
                    (
                        total / 3600 / seeds,
                        "every seed is a run of its own: multiply by the seeds.",
                    ),
                    (
                        max(seconds.values()) * iterations * seeds / 3600,
                        "that is the slowest alone: one runs after the other, so add them.",
                    ),
                    (
                        total / len(seconds) / 3600,
                        "that is the mean of the methods: one runs after the other, so add them.",
                    ),
                    (sum(seconds.values()) * seeds / 3600, "that is one iteration: multiply."),
                ],
                f"for {seconds}, {iterations} iterations and {seeds} seeds it is"
                f" {total / 3600:.3f} hours.",
            )
