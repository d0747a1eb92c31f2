"""How a teacher follows its students, on the smallest network that shows it: f(x) = w1 w2 x, which
is to learn f(x) = x.

Its loss (w1 w2 - 1)^2 has two valleys, equal by symmetry: (w1, w2) and (-w1, -w2) are the same
function, as two networks with permuted channels are. Between them lies (0, 0), which predicts
nothing. So the mean of two students in different valleys is useless although both are right, and
the mean of one student's last steps is better than any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.palette import NET_COLOURS, NET_TITLES, STROKES
from ucmt_lite.explore.draw.picture import Picture, new_figure, sentence

STARTS = {False: ((2.2, 0.9), (-1.2, -2.2)), True: ((2.2, 0.9), (1.6, 1.4))}
REACH = 3.2  # the weights shown run from -REACH to REACH
WINDOW = 50  # steps over which a loss is averaged: a single noisy one says little


@dataclass(frozen=True)
class Paths:
    """Weights over training: each `T 2`, T steps and the start before them; and the loss there,
    each `T`.
    """

    decay: float
    share: tuple[float, ...]
    weights: dict[str, np.ndarray]
    loss: dict[str, np.ndarray]
    same_valley: bool


def loss(weights: np.ndarray) -> np.ndarray:
    """The squared error of f(x) = w1 w2 x against f(x) = x at x = 1: `... 2` -> `...`."""
    return (weights[..., 0] * weights[..., 1] - 1) ** 2


def simulate(
    decay: float = 0.99,
    share: Sequence[float] = (0.99, 0.01),
    *,
    same_valley: bool = False,
    steps: int = 300,
    seed: int = 0,
) -> Paths:
    """Train one or two students by noisy gradient descent, and let a teacher follow by the rule of
    `ema_update`.
    """
    if not 0 <= decay <= 1:
        raise InputError(
            f"decay={decay}: choose 0 (the teacher is the mixture of its students) to 1 (it"
            " remembers all steps alike)."
        )
    if len(share) not in (1, 2) or min(share) < 0 or abs(sum(share) - 1) > 1e-6:
        raise InputError(
            f"share={tuple(share)}: give one or two parts that are not negative and sum to 1."
        )
    if steps < 2:
        raise InputError(f"steps={steps}: two at least make a path.")
    random = np.random.default_rng(seed)
    students = np.array(STARTS[same_valley][: len(share)])
    teacher = np.array([0.3, -2.0])  # its own start, which never matters
    path = [np.vstack([students, teacher])]
    for step in range(steps):
        product = students.prod(axis=1, keepdims=True)
        slope = 2 * (product - 1) * students[:, ::-1]
        students = (
            students - 0.02 * (slope + random.normal(0, 4, students.shape)) - 0.002 * students
        )
        alpha = min(1 - 1 / (step + 1), decay)
        teacher = alpha * teacher + (1 - alpha) * (np.array(share) @ students)
        path.append(np.vstack([students, teacher]))
    names = ["student1", "student2"][: len(share)] + ["teacher"]
    weights = dict(zip(names, np.array(path).transpose(1, 0, 2), strict=True))
    return Paths(
        decay, tuple(share), weights, {name: loss(w) for name, w in weights.items()}, same_valley
    )


def last_losses(paths: Paths, until: int | None = None) -> dict[str, float]:
    """The mean loss over the last `WINDOW` steps up to one, without the start, which for the
    teacher is arbitrary.
    """
    end = (until if until is not None else len(paths.loss["teacher"]) - 1) + 1
    return {
        name: float(values[max(1, end - WINDOW) : end].mean())
        for name, values in paths.loss.items()
    }


def figure(
    decay: float = 0.99,
    share: Sequence[float] = (0.99, 0.01),
    *,
    same_valley: bool = False,
    steps: int = 300,
    seed: int = 0,
    until: int | None = None,
) -> Picture:
    """The students' and the teacher's path through the two weights, on the loss, and their losses,
    all up to `until`.
    """
    paths = simulate(decay, share, same_valley=same_valley, steps=steps, seed=seed)
    until = iteration(until, steps)
    drawing, axes = new_figure(1, 2, width=4, height=3.4)
    side = np.linspace(-REACH, REACH, 200)
    axes[0, 0].contourf(
        side, side, np.minimum(surroundings(side), 4) ** 0.5, levels=12, cmap="Greys"
    )
    for name, path in paths.weights.items():
        style = {"color": NET_COLOURS[name], "label": NET_TITLES[name], "linestyle": STROKES[name]}
        step = np.arange(1 if name == "teacher" else 0, until + 1)
        axes[0, 0].plot(*path[step].T, linewidth=2 if name == "teacher" else 1, **style)
        axes[0, 0].plot(*path[until], "o", color=NET_COLOURS[name], markeredgecolor="black")
        axes[0, 1].plot(step, paths.loss[name][step], linewidth=1.2, **style)
    axes[0, 0].set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xlabel="weight 1", ylabel="weight 2")
    axes[0, 0].set_title("paths of the weights (dark: high loss)", fontsize=9)
    axes[0, 1].set(xlim=(0, steps), ylim=(0, 1.6), xlabel="iterations")
    axes[0, 1].set_title("loss", fontsize=9)
    axes[0, 1].legend(fontsize=8)
    return Picture(drawing, describe(paths, until))


def iteration(until: int | None, steps: int) -> int:
    """The iteration up to which a run is shown, checked; the last where none is named."""
    if until is not None and not 1 <= until <= steps:
        raise InputError(f"until={until}: choose an iteration from 1 to {steps}.")
    return steps if until is None else until


def surroundings(side: np.ndarray) -> np.ndarray:
    """The loss over a square of weights, `len(side) len(side)`, second weight down the rows."""
    return loss(np.stack(np.meshgrid(side, side), axis=-1))


def describe(paths: Paths, until: int) -> str:
    """What happened up to an iteration, in words, from the numbers."""
    losses = last_losses(paths, until)
    parts = " and ".join(f"{100 * part:.0f} %" for part in paths.share)
    where = (
        ""
        if len(paths.share) == 1
        else f", which start in {'the same valley' if paths.same_valley else 'opposite valleys'}"
    )
    told = sentence([f"{NET_TITLES[name]} {value:.3f}" for name, value in losses.items()])
    students = [value for name, value in losses.items() if name != "teacher"]
    verdict = (
        "The teacher is better than its students." if losses["teacher"] < min(students) else ""
    )
    apart = len(students) == 2 and not paths.same_valley
    if apart and losses["teacher"] > 2 * max(students):
        verdict = (
            "The teacher is worse than every student: it stands between them, where neither ever"
            " was."
        )
    count = min(WINDOW, until)
    memory = f"about {1 / (1 - paths.decay):.0f} steps" if paths.decay < 1 else "all steps alike"
    memory = "only the last step" if paths.decay < 0.5 else memory
    return (
        f"A teacher with decay {paths.decay:g} (it remembers {memory}) follows {parts} of"
        f" {'its student' if len(paths.share) == 1 else 'two students'}{where}. Mean loss of the"
        f" last {f'{count} steps' if count > 1 else 'step'}: {told}. {verdict}"
    ).strip()


def widget(
    decay: float = 0.99,
    share: Sequence[float] = (0.99, 0.01),
    *,
    same_valley: bool = False,
    steps: int = 300,
    seed: int = 0,
    until: int | None = None,
):
    """Turn decay and share and watch the teacher's path. Arguments as in `figure`."""
    from ucmt_lite.explore.ema_widget import EmaLab

    paths = simulate(decay, share, same_valley=same_valley, steps=steps, seed=seed)
    return EmaLab(paths, steps, seed, iteration(until, steps))
