"""Checks of comparisons: intervals, tests, corrections, verdicts."""

import math

import numpy as np

from ucmt_lite.course.checks.judging import Answer, judging, require, require_value


def check_interval(answer: Answer) -> None:
    """Check `answer(differences, t)`: the lower and upper end of the interval of their mean."""
    with judging(answer) as judged:
        for values, t in (([0.01, 0.03, -0.02, 0.05, 0.04], 2.776), ([0.2, 0.1, 0.4], 4.303)):
            n, mean = len(values), float(np.mean(values))
            deviation = float(np.std(values, ddof=1))
            half = t * deviation / math.sqrt(n)
            result = judged(values, t)
            require(
                isinstance(result, tuple | list) and len(result) == 2,
                "two ends are asked for: `return low, high`.",
            )
            low, high = (float(end) for end in result)
            require(low <= high, "the ends are swapped: the lower one comes first.")
            require_value(
                (low + high) / 2,
                mean,
                [(0.0, "the interval lies about 0: it lies about the mean of the differences.")],
                f"its middle is the mean, {mean:.3f}, and not {(low + high) / 2:.3f}.",
            )
            require_value(
                (high - low) / 2,
                half,
                [
                    (
                        t * float(np.std(values)) / math.sqrt(n),
                        "the variance of a sample divides by n - 1, not by n.",
                    ),
                    (t * deviation, "the mean of n values scatters less: divide by the root of n."),
                    (t * deviation / n, "divide by the root of n, not by n."),
                    (
                        t * deviation**2 / math.sqrt(n),
                        "that is with the variance: take its root, the standard deviation.",
                    ),
                    (deviation / math.sqrt(n), "Student's quantile t is missing."),
                    (half / 2, "t standard errors to *each* side."),
                ],
                f"the half-width is t times the standard error, {half:.4f}.",
            )


def check_sign_test(answer: Answer) -> None:
    """Check `answer(differences)`: the two-sided p value of a sign test."""
    with judging(answer) as judged:
        for wins, losses, level in ((5, 0, 0), (4, 1, 0), (1, 7, 2), (3, 3, 0)):
            values = [0.1] * wins + [-0.2] * losses + [0.0] * level
            n, extreme = wins + losses, max(wins, losses)
            one_sided = sum(math.comb(n, k) for k in range(extreme, n + 1)) / 2**n
            right = min(1.0, 2 * one_sided)
            with_zeros, most = n + level, max(wins, losses + level)
            require_value(
                judged.number(values),
                right,
                [
                    (
                        one_sided,
                        "that is one side: it could have been lopsided the other way, too.",
                    ),
                    (2 * one_sided, "no p is above 1."),
                    (
                        2 * math.comb(n, extreme) / 2**n,
                        "that is the chance of just this result: add those that are more lopsided.",
                    ),
                    (
                        2
                        * sum(math.comb(with_zeros, k) for k in range(most, with_zeros + 1))
                        / 2**with_zeros,
                        "differences of 0 are neither wins nor losses: leave them out.",
                    ),
                    (
                        2
                        * sum(math.comb(with_zeros, k) for k in range(extreme, with_zeros + 1))
                        / 2**with_zeros,
                        "differences of 0 do not count in n either: leave them out.",
                    ),
                    (1 - right, "that is one minus p: a small p stands for a rare result."),
                    (
                        min(1.0, 2 * sum(math.comb(n, k) for k in range(wins, n + 1)) / 2**n),
                        "start from the larger of wins and losses: losing seven of eight is as"
                        " rare as winning them.",
                    ),
                ],
                f"for {wins} wins and {losses} losses p is {right:.4f}.",
            )


def check_holm(answer: Answer) -> None:
    """Check `answer(values)`: p values corrected by Holm's procedure, in the given order."""
    with judging(answer) as judged:
        for values in ([0.01, 0.04, 0.03], [0.2, 0.001, 0.6, 0.02], [0.5, 0.6]):
            n = len(values)
            order = sorted(range(n), key=values.__getitem__)
            plain = [0.0] * n
            for rank, place in enumerate(order):
                plain[place] = (n - rank) * values[place]
            right, largest = [0.0] * n, 0.0
            for place in order:
                largest = max(largest, min(1.0, plain[place]))
                right[place] = largest
            result = np.asarray(judged(values), float)
            require(result.shape == (n,), f"{n} values are asked for, not {result.shape}.")
            mistakes = [
                (
                    [min(1.0, n * p) for p in values],
                    "that is Bonferroni: the factor falls, n, n - 1, ...",
                ),
                (
                    plain,
                    "a corrected value is never below that of a smaller p: take the largest so far,"
                    " and 1 at most.",
                ),
                (
                    [min(1.0, p) for p in plain],
                    "a corrected value is never below that of a smaller p: take the largest so"
                    " far.",
                ),
                (
                    sorted(right),
                    "these are in rising order: return them in the order of the given ones.",
                ),
                (values, "nothing is corrected."),
                (
                    [min(1.0, (n - place) * p) for place, p in enumerate(values)],
                    "the factor goes with the rank of a value, not with its place in the list.",
                ),
            ]
            if not np.allclose(result, right):
                for mistake, sentence in mistakes:
                    require(not np.allclose(result, mistake), sentence)
            require(
                np.allclose(result, right),
                f"for {values} the corrected values are {[round(p, 3) for p in right]}.",
            )


def check_verdict(answer: Answer) -> None:
    """Check `answer(low, high, margin)`: better, worse, level or open."""
    with judging(answer) as judged:
        for low, high, margin, right, why in (
            (0.005, 0.03, 0.02, "better", "it lies wholly above 0, however far"),
            (-0.03, -0.005, 0.02, "worse", "it lies wholly below 0"),
            (-0.01, 0.015, 0.02, "level", "it covers 0 and fits into the margin"),
            (-0.01, 0.05, 0.02, "open", "it covers 0 and does not fit into the margin"),
            (-0.05, 0.01, 0.02, "open", "it covers 0 and does not fit into the margin"),
            (0.005, 0.015, 0.02, "better", "it is small, but wholly above 0"),
            (-0.015, -0.005, 0.02, "worse", "it is small, but wholly below 0"),
            (-0.01, 0.015, 0.005, "open", "the margin is narrower here: use the one that is given"),
        ):
            word = judged(low, high, margin)
            require(
                word in ("better", "worse", "level", "open"),
                f"it says {word!r}: one of better, worse, level, open is asked for.",
            )
            require(
                word == right,
                f"the interval {low} to {high} with a margin of {margin} is {right}, since {why};"
                f" it says {word}.",
            )


def check_right_choices(answer: Answer) -> None:
    """Check `answer(better, worse, n, draws, random)`: how often few images choose as all do."""
    random = np.random.default_rng(0)
    hard = random.random(40)
    rarely = np.array([1.0, *[0.0] * 9])  # one image in ten makes all of the difference
    with judging(answer) as judged:
        paired = judged.number(hard + 0.01, hard, 4, 500, np.random.default_rng(1))
        require_value(
            paired,
            1.0,
            [
                (0.0, "that counts the draws in which `worse` is ahead."),
                (500.0, "that is a number of draws: divide it by `draws`."),
            ],
            "where one is ahead by 0.01 on every image, every draw chooses right: score both on the"
            " same drawn images.",
        )
        one = judged.number(rarely, np.full(10, 0.05), 1, 4000, np.random.default_rng(2))
        require(
            one not in (0.0, 1.0),
            "every draw says the same: draw `n` images anew, `draws` times.",
        )
        several = judged.number(rarely, np.full(10, 0.05), 5, 4000, np.random.default_rng(3))
        require_value(
            several,
            0.5,
            [
                (0.0, "a choice by five images compares their *means*, not how many are ahead."),
                (0.1, "draw `n` images each time, not one."),
                (1 - 0.9**5, "no image is drawn twice: `replace=False`."),
            ],
            f"five of these ten images choose right in half of the draws: it says {several:.2f}.",
            tolerance=0.04,
        )


def check_seeds_needed(answer: Answer) -> None:
    """Check `answer(deviation, margin)`: seeds until an interval is no wider than the margin."""
    with judging(answer) as judged:
        for deviation, margin in ((0.05, 0.01), (0.03, 0.02), (0.01, 0.02), (0.03, 0.015)):
            right = math.ceil((1.96 * deviation / margin) ** 2)
            share = 1.96 * deviation / margin
            result = judged.number(deviation, margin)
            require(
                result == int(result),
                f"there is no {result % 1:.2f} of a seed: round up to a whole number.",
            )
            require_value(
                result,
                right,
                [
                    (math.floor(share**2), "round up: with fewer the interval is still wider."),
                    (
                        math.ceil(share),
                        "the interval narrows with the root of the seeds only: square the ratio.",
                    ),
                    (
                        math.ceil((deviation / margin) ** 2),
                        "that is one standard error: an interval of 95 % has 1.96 of them to each"
                        " side.",
                    ),
                    (
                        math.ceil((2 * share) ** 2),
                        "the margin is the half-width: it counts to each side.",
                    ),
                    (math.ceil((margin / (1.96 * deviation)) ** 2), "the ratio is upside down."),
                    (
                        math.ceil(1.96**2 * deviation / margin**2),
                        "the deviation is squared, too: it scatters, its square is the variance.",
                    ),
                ],
                f"with a deviation of {deviation} and a margin of {margin} it takes {right} seeds.",
            )
