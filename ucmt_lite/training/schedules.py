"""How weights and learning rates move over training."""

import math


def sigmoid_rampup(step: float, length: float) -> float:
    r"""Rise from exp(-5) to 1 along half a Gaussian bell (Laine & Aila, ICLR 2017).

    The weight of unsupervised terms:

    .. math:: r(t) = \exp(-5 (1 - t / T)^2), \quad t \text{ clipped to } [0, T]

    A length of 0 means no ramp: 1 from the start.

    >>> [round(sigmoid_rampup(step, 100), 4) for step in (0, 50, 100, 200)], sigmoid_rampup(0, 0)
    ([0.0067, 0.2865, 1.0, 1.0], 1.0)
    """
    if length == 0:
        return 1.0
    t = min(max(step, 0.0), length) / length
    return math.exp(-5 * (1 - t) ** 2)


def polynomial_decay(step: int, length: int, power: float = 0.9) -> float:
    r"""Fall from 1 to 0, the factor of the learning rate (Liu et al., 2015, ParseNet).

    .. math:: f(t) = (1 - t / T)^{0.9}

    >>> [round(polynomial_decay(step, 100), 3) for step in (0, 50, 100)]
    [1.0, 0.536, 0.0]
    """
    return (1 - min(step, length) / length) ** power
