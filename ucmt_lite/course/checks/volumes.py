"""Checks of what is done with volumes: sizes, resolution, windows."""

import numpy as np
from einops import reduce

from ucmt_lite.course.checks.judging import Answer, judging, require, require_value


def check_millilitres(answer: Answer) -> None:
    """Check `answer(mask, spacing)`: the volume of class 1 in millilitres."""
    with judging(answer) as judged:
        mask = np.random.default_rng(0).integers(0, 3, (10, 11, 12))
        for spacing in ((0.625, 0.625, 1.25), (1.0, 2.0, 3.0)):
            count, voxel = int((mask == 1).sum()), float(np.prod(spacing))
            right = count * voxel / 1000
            require_value(
                judged.number(mask, spacing),
                right,
                [
                    (
                        count * voxel,
                        "that is in cubic millimetres: 1,000 of them are a millilitre.",
                    ),
                    (float(count), "those are voxels: each has a size."),
                    (int((mask > 0).sum()) * voxel / 1000, "class 2 counts, too: class 1 alone."),
                    (int(mask.sum()) * voxel / 1000, "class numbers are summed: count the voxels."),
                    (count * sum(spacing) / 1000, "the spacings are added: multiply them."),
                    (count * spacing[0] ** 3 / 1000, "a voxel need not be a cube: three spacings."),
                    (mask.size * voxel / 1000, "that is the whole volume: class 1 alone."),
                ],
                f"{count} voxels of {voxel:.3f} cubic millimetres are {right:.4f} ml.",
            )


def check_shrunk(answer: Answer) -> None:
    """Check `answer(volume, factor)`: every side divided, a voxel the mean of what it covers."""
    with judging(answer) as judged:
        volume = np.random.default_rng(1).normal(0, 1, (4, 8, 12))
        for factor in (2, 4):
            right = _boxes(volume, factor, "mean")
            result = np.asarray(judged(volume, factor), float)
            require(
                result.shape == right.shape,
                f"{volume.shape} by {factor} has shape {result.shape}: {right.shape} is asked for.",
            )
            require_value(
                result,
                right,
                [
                    (
                        volume[::factor, ::factor, ::factor],
                        "it takes one voxel and throws away the others: take the mean of all that a"
                        " voxel covers.",
                    ),
                    (_boxes(volume, factor, "sum"), "that is the sum: take the mean."),
                    (_boxes(volume, factor, "max"), "that is the largest value: take the mean."),
                    (
                        reduce(
                            volume,
                            "(a d) (b h) (c w) -> d h w",
                            "mean",
                            a=factor,
                            b=factor,
                            c=factor,
                        ),
                        "voxels from far apart are averaged: in (d a) the second letter runs over"
                        " neighbours.",
                    ),
                ],
                "a voxel is not the mean of those that it covers.",
            )


def _boxes(volume: np.ndarray, factor: int, kind: str) -> np.ndarray:
    """Reduce boxes of `factor` a side to one number each."""
    pattern = "(d a) (h b) (w c) -> d h w"
    return reduce(volume, pattern, kind, a=factor, b=factor, c=factor)


def check_starts(answer: Answer) -> None:
    """Check `answer(side, window, step)`: where windows start along an axis."""
    with judging(answer) as judged:
        for side, window, step in ((10, 4, 3), (10, 4, 2), (11, 4, 3), (4, 4, 2), (88, 80, 4)):
            right = [*range(0, side - window, step), side - window]
            starts = [int(start) for start in judged(side, window, step)]
            place = f"with {side} voxels, windows of {window} and steps of {step}"
            require(starts == sorted(starts), f"{place} the starts do not rise.")
            require(
                len(set(starts)) == len(starts), f"{place} a start comes twice: each window once."
            )
            require(bool(starts), f"{place} there is no window: one at least is needed.")
            require(
                max(starts) + window <= side,
                f"{place} a window ends at {max(starts) + window}, outside: the last one starts at"
                f" {side - window}.",
            )
            require(
                max(starts) + window == side,
                f"{place} voxels at the end are never seen: the last window ends at the side.",
            )
            require(starts[0] == 0, f"{place} the first voxels are never seen: start at 0.")
            require(starts == right, f"{place} the starts are {right}, and not {starts}.")
