"""How a teacher follows its students, on the smallest network that shows it: f(x) = w1 w2 x.

It is to learn f(x) = x. Its loss (w1 w2 - 1)^2 has two valleys, equal by symmetry: (w1, w2) and
(-w1, -w2) are the same function, as two networks with permuted channels are. Between them lies
(0, 0), which predicts nothing. So the mean of two students in different valleys is useless although
both are right, and the mean of one student's last steps is better than any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import ipywidgets as W
import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.palette import NET_COLOURS, NET_TITLES, STROKES
from ucmt_lite.explore.draw.picture import Picture, legend_below, new_figure, sentence
from ucmt_lite.explore.draw.svg import Frame, Line, chart, dashes, drawing
from ucmt_lite.explore.draw.tiles import CSS, png_address
from ucmt_lite.explore.draw.twin import WithTwin

STARTS = {False: ((2.2, 0.9), (-1.2, -2.2)), True: ((2.2, 0.9), (1.6, 1.4))}
WALK = "paths of the weights of students and teacher on the loss"
WEIGHT_LIMIT = 3.2  # the weights shown run from -WEIGHT_LIMIT to WEIGHT_LIMIT
WINDOW = 50  # steps over which a loss is averaged: a single noisy one says little
RATE, SHRINK, NOISE = 0.02, 0.002, 4.0  # of the students' steps
TEACHER_START = (0.3, -2.0)  # its own, which never matters
TOP = 3.4  # of the chart of losses: the even teacher of two valleys, at a usual pace, fits in
DECAYS = (0.0, 0.5, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


@dataclass(frozen=True)
class Paths:
    """Weights over training, each `T 2`, and the loss there, each `T`: T steps and the start."""

    decay: float
    share: tuple[float, ...]
    weights: dict[str, np.ndarray]
    loss: dict[str, np.ndarray]
    same_valley: bool


def loss(weights: np.ndarray) -> np.ndarray:
    """Return the squared error of f(x) = w1 w2 x against f(x) = x at x = 1: `... 2` -> `...`."""
    return (weights[..., 0] * weights[..., 1] - 1) ** 2


def simulate(
    decay: float = 0.99,
    share: Sequence[float] = (0.99, 0.01),
    *,
    same_valley: bool = False,
    steps: int = 300,
    seed: int = 0,
) -> Paths:
    """Train one or two students by noisy gradient descent; a teacher follows as in `ema_update`."""
    _check_settings(decay, share, steps)
    students = np.array(STARTS[same_valley][: len(share)])
    teacher = np.array(TEACHER_START)
    path = [np.vstack([students, teacher])]
    for step, noise in enumerate(_noise(steps, len(share), seed)):
        product = students.prod(axis=1, keepdims=True)
        slope = 2 * (product - 1) * students[:, ::-1]
        students = students - RATE * (slope + noise) - SHRINK * students
        alpha = min(1 - 1 / (step + 1), decay)
        teacher = alpha * teacher + (1 - alpha) * (np.array(share) @ students)
        path.append(np.vstack([students, teacher]))
    names = ["student1", "student2"][: len(share)] + ["teacher"]
    weights = dict(zip(names, np.array(path).transpose(1, 0, 2), strict=True))
    losses = {name: loss(w) for name, w in weights.items()}
    return Paths(decay, tuple(share), weights, losses, same_valley)


def _noise(steps: int, students: int, seed: int) -> np.ndarray:
    """Return what noise adds to the gradients of the students at each step, `T students 2`."""
    return np.random.default_rng(seed).normal(0, NOISE, (steps, students, 2))


def _check_settings(decay: float, share: Sequence[float], steps: int) -> None:
    """Refuse settings with which nothing can be simulated."""
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


def last_losses(paths: Paths, until: int | None = None) -> dict[str, float]:
    """Return the mean loss over the last `WINDOW` steps up to one.

    The start, which for the teacher is arbitrary, is not counted.
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
    """Return the paths through the two weights, on the loss, and the losses, all up to `until`."""
    paths = simulate(decay, share, same_valley=same_valley, steps=steps, seed=seed)
    until = _iteration(until, steps)
    drawing, axes = new_figure(1, 2, width=4, height=3.4)
    side = np.linspace(-WEIGHT_LIMIT, WEIGHT_LIMIT, 200)
    ground = np.minimum(_surroundings(side), 4) ** 0.5
    walk, curves = axes[0]
    walk.contourf(side, side, ground, levels=12, cmap="Greys")
    for name, path in paths.weights.items():
        style = {"color": NET_COLOURS[name], "label": NET_TITLES[name], "linestyle": STROKES[name]}
        step = np.arange(1 if name == "teacher" else 0, until + 1)
        walk.plot(*path[step].T, linewidth=2 if name == "teacher" else 1, **style)
        walk.plot(*path[until], "o", color=NET_COLOURS[name], markeredgecolor="black")
        curves.plot(step, paths.loss[name][step], linewidth=1.2, **style)
    limits = (-WEIGHT_LIMIT, WEIGHT_LIMIT)
    walk.set(xlim=limits, ylim=limits, xlabel="weight 1", ylabel="weight 2")
    walk.set_title("paths of the weights (dark: high loss)", fontsize=9)
    curves.set(xlim=(0, steps), ylim=(0, TOP), xlabel="iterations")
    curves.set_title("loss", fontsize=9)
    legend_below(curves)
    return Picture(drawing, describe(paths, until))


def widget(
    decay: float = 0.99,
    share: Sequence[float] = (0.99, 0.01),
    *,
    same_valley: bool = False,
    steps: int = 300,
    seed: int = 0,
    until: int | None = None,
) -> "EmaLab":
    """Turn decay and share and watch the teacher's path. Arguments as in `figure`."""
    paths = simulate(decay, share, same_valley=same_valley, steps=steps, seed=seed)
    return EmaLab(paths, steps, seed, _iteration(until, steps))


def describe(paths: Paths, until: int) -> str:
    """Return what happened up to an iteration, in words, from the numbers."""
    losses = last_losses(paths, until)
    parts = " and ".join(f"{100 * part:.0f} %" for part in paths.share)
    students = "its student"
    if len(paths.share) == 2:
        valleys = "the same valley" if paths.same_valley else "opposite valleys"
        students = f"two students, which start in {valleys}"
    scores = sentence([f"{NET_TITLES[name]} {value:.3f}" for name, value in losses.items()])
    count = min(WINDOW, until)
    steps = f"{count} steps" if count > 1 else "step"
    return (
        f"A teacher with decay {paths.decay:g} (it remembers {_memory(paths.decay)}) follows"
        f" {parts} of {students}. Mean loss of the last {steps}: {scores}."
        f" {_verdict(paths, losses)}"
    ).strip()


def _memory(decay: float) -> str:
    """Return how far back a teacher's mean reaches."""
    if decay < 0.5:
        return "only the last step"
    return f"about {1 / (1 - decay):.0f} steps" if decay < 1 else "all steps alike"


def _verdict(paths: Paths, losses: dict[str, float]) -> str:
    """Return whether following helped the teacher, where that is clear."""
    students = [value for name, value in losses.items() if name != "teacher"]
    apart = len(students) == 2 and not paths.same_valley
    if apart and losses["teacher"] > 2 * max(students):
        return (
            "The teacher is worse than every student: it stands between them, where neither ever"
            " was."
        )
    return "The teacher is better than its students." if losses["teacher"] < min(students) else ""


def _iteration(until: int | None, steps: int) -> int:
    """Return the iteration up to which a run is shown; the last where none is named."""
    if until is not None and not 1 <= until <= steps:
        raise InputError(f"until={until}: choose an iteration from 1 to {steps}.")
    return steps if until is None else until


def _surroundings(side: np.ndarray) -> np.ndarray:
    """Return the loss over a square of weights, `len(side) len(side)`, weight 2 down the rows."""
    return loss(np.stack(np.meshgrid(side, side), axis=-1))


class EmaLab(WithTwin, W.VBox):
    """The explorer: `decay`, `share1`, `until` and `same_valley` are the controls.

    `paths` is what they stand for. Core ipywidgets, and SVG text that a kernel writes in
    milliseconds.
    """

    def __init__(self, paths: Paths, steps: int, seed: int, until: int) -> None:
        self.paths, self.steps, self.seed = paths, steps, seed
        self.two = len(paths.share) == 2
        style = {"description_width": "130px"}
        layout = W.Layout(width="min(100%, 420px)")
        self.decay = W.SelectionSlider(
            options=sorted({*DECAYS, paths.decay}),
            value=paths.decay,
            description="decay",
            style=style,
            layout=layout,
        )
        self.share1 = W.FloatSlider(
            paths.share[0],
            min=0,
            max=1,
            step=0.01,
            description="share of student 1",
            style=style,
            layout=layout,
        )
        self.until = W.IntSlider(
            until, min=1, max=steps, description="iteration", style=style, layout=layout
        )
        self.same_valley = W.Checkbox(
            paths.same_valley, description="start in the same valley", indent=False
        )
        self.board = W.HTML(layout=W.Layout(min_width="0"))
        controls = [self.decay, *([self.share1, self.same_valley] if self.two else []), self.until]
        for control in controls:
            control.observe(self._draw, "value")
        row = W.Layout(flex_flow="row wrap", grid_gap="0 12px")
        super().__init__([W.Box(controls, layout=row), self.board])
        self.board.value = _html(paths, until)

    def picture(self) -> Picture:
        """Return the still picture of what the widget shows now."""
        paths = self.paths
        return figure(
            paths.decay,
            paths.share,
            same_valley=paths.same_valley,
            steps=self.steps,
            seed=self.seed,
            until=self.until.value,
        )

    def page(self) -> dict:
        """Return what a page needs to compute the paths by itself: see `js/ema.js`."""
        paths, frame = self.paths, _plane()
        count = len(paths.share)
        nets = [
            {"label": NET_TITLES[n], "colour": NET_COLOURS[n], "dash": dashes(STROKES[n])}
            | {"first": int(n == "teacher")}  # where it starts says nothing
            for n in paths.loss
        ]
        walk = drawing(frame.width, frame.height, _ground_svg(frame), WALK)
        losses, box = chart([], "loss", "iterations", x=(0, self.steps), y=(0, TOP))
        return {
            "kind": "ema",
            "label": "How a teacher follows its students",
            "data": _noise(self.steps, count, self.seed).astype("<f8").tobytes(),
            "starts": [[list(start) for start in STARTS[same][:count]] for same in (False, True)],
            "teacherStart": list(TEACHER_START),
            "rate": RATE,
            "shrink": SHRINK,
            "window": WINDOW,
            "steps": self.steps,
            "decays": list(self.decay.options),
            "decay": paths.decay,
            "share": list(paths.share),
            "same": paths.same_valley,
            "until": self.until.value,
            "nets": nets,
            "walk": {"svg": walk, "box": frame.box()},
            "losses": {"svg": losses, "box": box.box()},
        }

    def _draw(self, change: dict) -> None:
        if change["owner"] is not self.until:
            first = round(self.share1.value, 2)
            share = (first, round(1 - first, 2)) if self.two else (1.0,)
            self.paths = simulate(
                self.decay.value,
                share,
                same_valley=self.same_valley.value,
                steps=self.steps,
                seed=self.seed,
            )
        self.board.value = _html(self.paths, self.until.value)


def _html(paths: Paths, until: int) -> str:
    """Return paths and losses up to an iteration as HTML text."""
    step = np.arange(1, until + 1)
    lines = [
        Line(NET_TITLES[n], step, np.minimum(v[1 : until + 1], TOP), NET_COLOURS[n], STROKES[n])
        for n, v in paths.loss.items()
    ]
    last = len(paths.loss["teacher"]) - 1
    losses, _ = chart(lines, "loss", "iterations", x=(1, last), y=(0, TOP))
    legend = " · ".join(
        f'<svg width="26" height="8" aria-hidden="true"><path d="M0 4H26" stroke="{NET_COLOURS[n]}"'
        f' stroke-width="3" stroke-dasharray="{dashes(STROKES[n])}"/></svg> {NET_TITLES[n]}'
        for n in paths.loss
    )
    columns = "grid-template-columns:repeat(auto-fit,minmax(min(280px,100%),1fr));max-width:860px"
    words = f'<p aria-live="polite">{describe(paths, until)}</p>'
    return (
        f'{CSS}<div class="ucmt-tiles" style="{columns}"><div>{_walk_svg(paths, until)}</div>'
        f"<div>{losses}{legend}{words}</div></div>"
    )


def _walk_svg(paths: Paths, until: int) -> str:
    """Return the loss as a grey picture, and the paths of the weights on it, as SVG text."""
    frame = _plane()
    parts = [_ground_svg(frame)]
    for name, path in paths.weights.items():
        teacher = name == "teacher"
        line = frame.path(*path[(1 if teacher else 0) : until + 1].T)
        parts.append(
            f'<path d="{line}" fill="none" stroke="#000"'
            f' stroke-width="{4.5 if teacher else 2.5}" opacity=".6"/>'
        )
        parts.append(
            f'<path d="{line}" fill="none" stroke="{NET_COLOURS[name]}"'
            f' stroke-width="{3 if teacher else 1.5}"'
            f' stroke-dasharray="{dashes(STROKES[name]) if teacher else ""}"/>'
        )
    for name, path in paths.weights.items():
        x, y = frame.across(path[until, 0]), frame.down(path[until, 1])
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{NET_COLOURS[name]}" stroke="#000"'
            ' stroke-width="2"/>'
        )
        parts.append(
            f'<text x="{x + 11:.1f}" y="{y + 4:.1f}" font-size="13" fill="#fff" stroke="#000"'
            f' stroke-width="3" paint-order="stroke">{NET_TITLES[name]}</text>'
        )
    return drawing(frame.width, frame.height, "".join(parts), WALK)


def _plane() -> Frame:
    """Return the frame in which the weights walk."""
    limits = (-WEIGHT_LIMIT, WEIGHT_LIMIT)
    return Frame(limits, limits, 400, 400)


def _ground_svg(frame: Frame) -> str:
    """Return the loss as a grey picture under its heading, as SVG text."""
    left, top = frame.across(-WEIGHT_LIMIT), frame.down(WEIGHT_LIMIT)
    width, height = frame.across(WEIGHT_LIMIT) - left, frame.down(-WEIGHT_LIMIT) - top
    return (
        '<text x="44" y="13" font-size="12" font-weight="600" fill="currentColor">weight 1 → and'
        " weight 2 ↑ (bright: low loss)</text>"
        f'<image href="{_ground()}" x="{left}" y="{top}" width="{width}" height="{height}"'
        ' preserveAspectRatio="none"/>'
    )


@lru_cache(maxsize=1)
def _ground() -> str:
    """Return the loss over the weights as a picture, bright where it is low."""
    side = np.linspace(-WEIGHT_LIMIT, WEIGHT_LIMIT, 160)
    darkness = np.minimum(_surroundings(side)[::-1], 4) ** 0.5
    return png_address((235 - 85 * darkness).astype(np.uint8))
