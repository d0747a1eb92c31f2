"""Checks of normalisation."""

import torch

from ucmt_lite.course.checks.judging import Answer, judging, require, require_value


def check_instance_norm(answer: Answer) -> None:
    """Check `answer(x)`: each channel of each image `B C H W` to mean 0 and variance 1."""
    with judging(answer) as judged:
        x = 3 + 2 * torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(9))
        x[1] = 0.5  # a channel without any variance, as a blank image has
        result = judged.tensor(x.clone())
        require(
            result.shape == x.shape,
            f"it returns shape {tuple(result.shape)} for {tuple(x.shape)}: keep the shape, and"
            " keepdim=True in mean and variance.",
        )
        require(
            result.isfinite().all(),
            "where a channel is constant its variance is 0: add 1e-5 below the root.",
        )
        require_value(
            result,
            _normalised(x, (2, 3)),
            [
                (
                    _normalised(x, (0, 2, 3)),
                    "mean and variance run over the images as well, which is batch norm: over each"
                    " image alone, dim=(2, 3).",
                ),
                (
                    _normalised(x, (1, 2, 3)),
                    "mean and variance run over the channels as well, which is layer norm: each"
                    " channel has its own, dim=(2, 3).",
                ),
                (
                    _normalised(x, (2, 3), unbiased=True),
                    "the variance divides by one less than the number of pixels: unbiased=False.",
                ),
                (
                    (x - x.mean((2, 3), True)) / (x.var((2, 3), False, keepdim=True) + 1e-5),
                    "that divides by the variance: divide by its root.",
                ),
                (
                    x - x.mean((2, 3), True),
                    "the variance is still what it was: divide by its root.",
                ),
            ],
            "a channel of an image does not come out with mean 0 and variance 1.",
            tolerance=1e-4,
        )


def _normalised(x: torch.Tensor, axes: tuple[int, ...], unbiased: bool = False) -> torch.Tensor:
    """Return x with mean 0 and variance 1 over some axes."""
    variance = x.var(axes, unbiased=unbiased, keepdim=True)
    return (x - x.mean(axes, keepdim=True)) / (variance + 1e-5).sqrt()
