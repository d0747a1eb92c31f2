"""Tasks to set in a class, drawn by a number: a sheet for students, another with the answers."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator

from ucmt_lite.common import InputError, atomic, one_of
from ucmt_lite.core.losses import pseudo_label
from ucmt_lite.core.mixing import umix
from ucmt_lite.core.uncertainty import entropy_of_mean
from ucmt_lite.data.groups import find_groups

_TWIN = 0.99  # two images that correlate as much are one
_OTHERS = 0.95  # and all others stay below that
_CERTAIN = 0.4  # nats
_MARGIN = 0.02  # of Dice


class Task(NamedTuple):
    """A task, what it is about, and its answer, as markdown."""

    title: str
    text: str
    answer: str


def write_task(
    seed: int, kinds: Iterable[str] | None = None, out: str | Path = "runs/tasks"
) -> tuple[Path, Path]:
    """Write the sheet that a seed draws, of some kinds of tasks or all, and the answers to it.

    Errors: InputError for an unknown kind and a negative seed.
    """
    if seed < 0:
        raise InputError(f"The seed {seed} draws nothing: give 0 or more.")
    chosen = [one_of("kind of task", kind, TASKS) for kind in kinds or TASKS]
    drawn = [draw_task(kind, seed) for kind in dict.fromkeys(chosen)]
    name = "_".join(["task", str(seed), *(dict.fromkeys(chosen) if kinds else [])])
    sheet, key = Path(out) / f"{name}.md", Path(out) / f"{name}_answers.md"
    _write(sheet, f"# Tasks, number {seed}\n\nName: {'_' * 30}\n", drawn, "text")
    _write(key, f"# Answers to tasks, number {seed}\n\nFor the teacher.\n", drawn, "answer")
    return sheet, key


def _write(path: Path, head: str, drawn: Sequence[Task], part: str) -> None:
    sections = [
        f"## {number}. {task.title}\n\n{getattr(task, part)}\n"
        for number, task in enumerate(drawn, 1)
    ]
    with atomic(path) as temporary:
        temporary.write_text("\n".join([head, *sections]), encoding="utf-8")


def draw_task(kind: str, seed: int) -> Task:
    """Return the task of one kind that a seed draws, whatever other kinds stand beside it.

    >>> draw_task("mix", 7) == draw_task("mix", 7), draw_task("mix", 7) == draw_task("mix", 8)
    (True, False)
    """
    place = list(TASKS).index(one_of("kind of task", kind, TASKS))
    return TASKS[kind](np.random.default_rng([seed, place]))


def _leak(random: Generator) -> Task:
    """Draw a small set in which a patient stands on both sides, and an image comes twice."""
    while True:
        names, sides, greys = _set_with_leaks(random)
        groups = find_groups(dict.fromkeys(names, ""), {}, root=None, asked="", group_of=str)
        train, test = ([n for n, side in enumerate(sides) if side == s] for s in ("train", "test"))
        patients = [groups.of_id[name] for name in names]
        shared = sorted({patients[n] for n in train} & {patients[n] for n in test})
        likeness = np.corrcoef(greys)[np.ix_(test, train)]
        twins = [(test[i], train[j]) for i, j in np.argwhere(likeness > _TWIN)]
        if len(twins) == len(shared) == 1 and (likeness < _OTHERS).sum() == likeness.size - 1:
            break
    twin, original = (names[n] for n in twins[0])
    rows = [[name, side, *values] for name, side, values in zip(names, sides, greys, strict=True)]
    text = (
        "Sixteen images of a set, each with the grey values of six of its pixels, always at the"
        " same places. Two things make this split worthless. (a) Which patient is on both sides?"
        " (b) Which test image is a training image in other brightness and contrast,"
        " `a * image + b`, up to rounding? Which one?\n\n"
        + _table(["image", "split", *(f"pixel {n}" for n in range(1, 7))], rows)
    )
    answer = f"(a) {shared[0]}. (b) {twin} is {original}."
    return Task("Find what leaks", text, answer)


def _set_with_leaks(random: Generator) -> tuple[list[str], list[str], np.ndarray]:
    """Return names, sides and grey values of sixteen images, two of them leaked."""
    numbers = random.choice(np.arange(1, 100), size=8, replace=False)
    names = [f"patient{number:03d}_slice_{part}" for number in numbers for part in (1, 2)]
    sides = ["train"] * 10 + ["test"] * 6
    greys = random.integers(20, 180, (16, 6))
    known, twin, original = random.integers(5), random.integers(12, 16), random.integers(10)
    names[10 + random.integers(2)] = f"patient{numbers[known]:03d}_slice_3"
    changed = random.uniform(0.6, 0.9) * greys[original] + random.uniform(10, 40)
    greys[twin] = changed.round()
    order = random.permutation(16)
    return [names[n] for n in order], [sides[n] for n in order], greys[order]


def _mix(random: Generator, grid: int = 3, top_k: int = 2) -> Task:
    """Draw two maps of uncertainty to mix an image by."""
    values = random.choice(np.arange(1, 70), size=(2, grid * grid), replace=False) / 100
    maps = torch.tensor(values).view(2, 1, 1, grid, grid)
    letters = "ABCDEFGHI"
    mixed = umix(maps[0], maps[1], top_k=top_k, grid=grid)(
        torch.arange(grid * grid).view(1, grid, grid)
    )
    rows = [[letter, *column] for letter, column in zip(letters, values.T.tolist(), strict=True)]
    text = (
        f"An image of {grid} x {grid} cells, A to I in reading order, and the uncertainty of each"
        f" cell in two maps, in nats. What does UMIX with `top_k = {top_k}` make of it? Write the"
        " letter of its content into each cell.\n\n"
        + _table(["cell", "map 1", "map 2"], rows)
        + "\n\n"
        + _table(["", "", ""], [[" "] * grid] * grid)
    )
    cells = [letters[cell] for cell in mixed.flatten()]
    return Task("Mix by hand", text, "; ".join(" ".join(cells[n : n + 3]) for n in (0, 3, 6)) + ".")


def _threshold(random: Generator, pixels: int = 8) -> Task:
    """Draw logits of two networks, of which a threshold keeps some pseudo labels."""
    while True:
        logits = random.normal(0, 2.2, (2, pixels, 2)).round(1) + 0.0  # no -0.0
        networks = [torch.tensor(z.T)[None] for z in logits]  # 1 K S
        entropy = entropy_of_mean(*networks).flatten().numpy()
        label = pseudo_label(networks[0]).flatten().numpy()
        kept, wrong = entropy <= _CERTAIN, random.random(pixels) < 0.25
        clear = abs(entropy - _CERTAIN).min() > 0.03 and abs(logits[0] @ [1, -1]).min() > 0.2
        if clear and wrong[kept].any() and kept.sum() < pixels:
            break
    truth = np.where(wrong, 1 - label, label)
    rows = [[n + 1, *logits[0, n], *logits[1, n], truth[n]] for n in range(pixels)]
    text = (
        "The logits of two networks for the classes 0 and 1 at each pixel, and its true class. (a)"
        " Which pseudo labels does network 1 give? (b) Which pixels have an entropy of the mean"
        f" softmax of at most {_CERTAIN} nats? (c) Coverage and risk of network 1's labels at that"
        " threshold? (d) Which kept label will be believed although it is wrong?\n\n"
        + _table(["pixel", "net 1: 0", "net 1: 1", "net 2: 0", "net 2: 1", "truth"], rows)
    )
    answer = (
        f"(a) {', '.join(map(str, label))}. (b) {_numbers(kept)}; the entropies are"
        f" {', '.join(f'{value:.2f}' for value in entropy)}. (c) {kept.sum()} of {pixels} are kept,"
        f" coverage {kept.mean():.3g}; {(kept & wrong).sum()} of those are wrong, risk"
        f" {wrong[kept].mean():.3g}. (d) {_numbers(kept & wrong)}."
    )
    return Task("Keep the certain ones", text, answer)


def _verdict(random: Generator, seeds: int = 5) -> Task:
    """Draw the scores of two methods, paired by seed, to be judged."""
    from scipy import stats

    t = float(stats.t.ppf(0.975, seeds - 1).round(3))
    effect, spread = [(0.05, 0.02), (-0.05, 0.02), (0.0, 0.008), (0.02, 0.04)][random.integers(4)]
    while True:
        b = random.normal(0.75, 0.03, seeds).round(3)
        differences = (random.normal(effect, spread, seeds)).round(3)
        mean, half = differences.mean(), t * differences.std(ddof=1) / math.sqrt(seeds)
        low, high = mean - half, mean + half
        limits = np.array([[-_MARGIN, 0, _MARGIN]]) - np.array([[low], [high]])
        if abs(limits).min() > 0.001 and differences.all():
            break
    wins = int((differences > 0).sum())
    p = stats.binomtest(wins, seeds).pvalue
    rows = [[n, f"{b[n] + differences[n]:.3f}", f"{b[n]:.3f}"] for n in range(seeds)]
    text = (
        "Dice of two methods on the same test images, with the same labels in each seed. (a) Give"
        f" the 95 % interval of the difference A - B (t = {t}). (b) Give the two-sided p of a sign"
        f" test. (c) With a margin of {_MARGIN}, is A better, worse, level, or is it open? (d) One"
        " sentence that you would print.\n\n" + _table(["seed", "A", "B"], rows)
    )
    answer = (
        f"(a) {mean:+.3f}, from {low:+.3f} to {high:+.3f}. (b) {wins} of {seeds} won, p = {p:.4g}."
        f" (c) {_judged(low, high)}. (d) It names the difference with its interval, five seeds,"
        " the data, and no more than (c)."
    )
    return Task("Judge a comparison", text, answer)


def _judged(low: float, high: float) -> str:
    """Return the verdict of an interval, as lesson 10 words it.

    >>> _judged(-0.01, 0.015), _judged(-0.01, 0.05), _judged(0.004, 0.012)
    ('level', 'open', 'better')
    """
    if low > 0 or high < 0:
        return "better" if low > 0 else "worse"
    return "level" if max(-low, high) < _MARGIN else "open"


def _numbers(chosen: np.ndarray) -> str:
    """Return which pixels are chosen, counted from 1."""
    return ", ".join(str(n + 1) for n in np.flatnonzero(chosen)) or "none"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


TASKS: dict[str, Callable[[Generator], Task]] = {
    "leak": _leak,
    "mix": _mix,
    "threshold": _threshold,
    "verdict": _verdict,
}
