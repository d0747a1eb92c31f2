"""Seconds of training until a Dice is reached: `python -m benchmarks.time_to_dice --help`.

The kit's recipe, its recipe of before and a plain MONAI loop train on the same labeled images, one
after the other in this process, on the same cores. Now and then each is scored on validation
images, with the clock stopped; where a set has none, on training images whose masks nobody uses.
Real sets are read from $UCMT_DATA, which holds folders kvasir_seg, isic2018 and la2018.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from torch import nn

from benchmarks.plain import monai_loop
from benchmarks.timing import machine
from ucmt_lite.common import write_json
from ucmt_lite.data import CATALOGUE, Cases, cases
from ucmt_lite.data.shrink import shrink
from ucmt_lite.experiments.assemble import Prepared, prepare
from ucmt_lite.experiments.config import RECIPE_OF_BEFORE, RunConfig
from ucmt_lite.experiments.provenance import commit
from ucmt_lite.experiments.tables import markdown
from ucmt_lite.methods import METHODS, Nets
from ucmt_lite.predict import evaluate
from ucmt_lite.training.fit import fit
from ucmt_lite.training.recorder import Recorder

MONAI = "MONAI loop, supervised"
WATCHED = {2: 50, 3: 2}  # validation images, volumes


@dataclass(frozen=True)
class Task:
    """A set, what is trained on it, and the Dice to reach."""

    name: str
    target: float
    config: dict
    every: int = 25  # iterations between two looks
    before: dict = field(default_factory=dict)  # settings of its own under the recipe of before

    @property
    def missing(self) -> str:
        """The folder of a real set, where it is not there; "" where all is."""
        name = self.config["dataset"]
        if name not in CATALOGUE:
            return ""
        folder = Path(os.environ.get("UCMT_DATA") or "$UCMT_DATA") / name
        return "" if folder.is_dir() else str(folder)


HEARTS = {"dataset": "phantom_heart", "labeled": 16, "iterations": 600}
PICTURES = {"labeled": 80}
ATRIA = {"dataset": "la2018", "labeled": 4, "batch": 2, "network": "vnet_small"}
TASKS = {
    task.name: task
    for task in (
        Task("hearts", 0.80, HEARTS),
        Task("skin", 0.80, {**HEARTS, "dataset": "phantom_skin"}),
        Task("polyps", 0.60, {**PICTURES, "dataset": "kvasir_seg", "iterations": 3000}, every=100),
        Task("lesions", 0.80, {**PICTURES, "dataset": "isic2018", "iterations": 600}),
        Task(
            "atria",
            0.80,
            {**ATRIA, "iterations": 600},
            every=50,
            before={"patch": (64, 64, 32), "lr": 0.001},
        ),
    )
}
QUICK = Task("hearts", 0.80, {**HEARTS, "size": 32, "labeled": 4, "iterations": 4}, every=2)


class Point(NamedTuple):
    """One look: after how many iterations and seconds of training, and the Dice then."""

    step: int
    wall: float
    cpu: float
    dice: float


class Outcome(NamedTuple):
    """What one contestant did on one task with one seed."""

    task: str
    target: float
    contestant: str
    seed: int
    points: list[Point]

    @property
    def reached(self) -> Point | None:
        """The first look at which the Dice was there, if any."""
        return next((point for point in self.points if point.dice >= self.target), None)

    @property
    def best(self) -> float:
        """The highest Dice of all looks."""
        return max(point.dice for point in self.points)


class Stopwatch:
    """Times training, and stops while it scores: `look(step, net)`."""

    def __init__(self, score: Callable[[nn.Module], float], target: float, budget: float) -> None:
        self.score = score
        self.target = target
        self.budget = budget
        self.points: list[Point] = []
        self.wall = 0.0
        self.cpu = 0.0
        self._go_on()

    def _go_on(self) -> None:
        self.last_wall = time.perf_counter()
        self.last_cpu = time.process_time()

    def look(self, step: int, net: nn.Module) -> bool:
        """Score a network; return whether training should end here."""
        self.wall += time.perf_counter() - self.last_wall
        self.cpu += time.process_time() - self.last_cpu
        self.points.append(Point(step, self.wall, self.cpu, self.score(net)))
        self._go_on()
        return self.points[-1].dice >= self.target or self.wall > self.budget


class Watch(Recorder):
    """Lets a stopwatch look where the kit's loop would record."""

    def __init__(self, method: str, probe: Cases, classes: int, every: int) -> None:
        super().__init__(method, probe, classes, every=every, maps=0)
        self.stopwatch: Stopwatch | None = None

    def due(self, step: int, iterations: int) -> bool:
        """Tell whether to look after this many iterations."""
        return step % self.every == 0 or step == iterations

    def look(self, step: int, nets: Nets, terms: dict[str, float], *, last: bool = False) -> None:
        """Score the network that predicts, and end the run where that is enough."""
        assert self.stopwatch is not None
        self.stop = self.stopwatch.look(step, getattr(nets, self.method.predicts))
        self.steps.append(step)
        values = {f"dice/{self.method.predicts}": self.stopwatch.points[-1].dice}
        values |= {f"loss/{name}": value for name, value in terms.items()}
        for name, value in values.items():
            self.curves.setdefault(name, []).append(value)


def kit(task: Task, config: RunConfig, budget: float) -> list[Point]:
    """Train a configuration of the kit until the Dice or the budget is reached."""
    prepared = prepare(config)
    validation = watched_cases(prepared)
    watch = Watch(config.method, validation, len(prepared.source.classes), task.every)
    watch.stopwatch = Stopwatch(score_on(validation, prepared.patch), task.target, budget)
    fit(
        config.method,
        prepared.nets,
        prepared.batches,
        config.iterations,
        lr=config.lr,
        weight_decay=config.weight_decay,
        ramp=config.ramp,
        seed=config.seed,
        precision=config.precision,
        recorder=watch,
        **prepared.settings,
    )
    return watch.stopwatch.points


def monai(task: Task, config: RunConfig, budget: float) -> list[Point]:
    """Train MONAI's loop on the labeled images of the kit's recipe, as long as that would take."""
    prepared = prepare(config)
    source = prepared.source
    stopwatch = Stopwatch(score_on(watched_cases(prepared), prepared.patch), task.target, budget)
    with torch.random.fork_rng():
        net = monai_loop.build_net(source.channels, len(source.classes), source.dims)
        steps = monai_loop.train_steps(
            net,
            prepared.batches.labeled,
            batch=config.batch,
            patch=prepared.patch,
            seed=config.seed,
        )
        for step in steps:
            last = step == config.iterations
            due = last or step % task.every == 0
            if due and (stopwatch.look(step, net) or last):
                break
    return stopwatch.points


def watched_cases(prepared: Prepared) -> Cases:
    """Return the first validation images, or the first training images that are not labeled."""
    splits = prepared.source.splits
    count = WATCHED[prepared.source.dims]
    if "validation" in splits:
        split = splits["validation"]
        rows = range(len(split))
    else:
        split = splits["train"]
        rows = [i for i, name in enumerate(split["id"]) if name not in prepared.labeled_ids]
    return shrink(cases(split.select(rows[:count]), size=prepared.size), prepared.shrink)


def score_on(validation: Cases, patch: Sequence[int] | None) -> Callable[[nn.Module], float]:
    """Return what scores a network on images, by their mean Dice at their own size."""

    def score(net: nn.Module) -> float:
        return evaluate(net, validation, patch=patch, overlap=0.25, distances=False)["mean"]["dice"]

    return score


def contestants(
    task: Task, methods: Sequence[str], seed: int
) -> Iterator[tuple[str, Callable[[float], list[Point]]]]:
    """Yield who trains on a task, and how: by name, what takes a budget and returns points."""
    config = {**task.config, "seed": seed, "device": "cpu"}
    for method in methods:
        title = METHODS[method].title
        now = RunConfig.of({**config, "method": method})
        before = RunConfig.of({**config, **RECIPE_OF_BEFORE, **task.before, "method": method})
        yield f"kit, {title}", partial(kit, task, now)
        yield f"before, {title}", partial(kit, task, before)
    yield MONAI, partial(monai, task, RunConfig.of({**config, "method": "supervised"}))


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as Markdown: a row per task, a column per contestant.

    Seconds stand by the clock and of processor time, medians over seeds.
    """
    names = list(dict.fromkeys(outcome.contestant for outcome in outcomes))
    rows = []
    for task, group in groupby(outcomes, key=lambda outcome: (outcome.task, outcome.target)):
        own = list(group)
        by_name = {name: [one for one in own if one.contestant == name] for name in names}
        cells = [_cell(ones) if ones else "-" for ones in by_name.values()]
        rows.append([f"{task[0]}, Dice {task[1]:.2f}", *cells])
    return markdown(["until", *names], rows)


def _cell(outcomes: Sequence[Outcome]) -> str:
    """Return the seconds of one contestant over seeds, or how near it came.

    >>> points = [Point(25, 3.0, 2.5, 0.5), Point(50, 6.0, 5.0, 0.7)]
    >>> near, there = (Outcome("hearts", target, "kit", 0, points) for target in (0.8, 0.6))
    >>> _cell([near]), _cell([there]), _cell([near, there])
    ('not in 6.0 / 5.0 s (0.70)', '6.0 / 5.0 s', '6.0 / 5.0 s, in 1 of 2 seeds')
    """
    reached = [point for outcome in outcomes if (point := outcome.reached)]
    if not reached:
        best = median(outcome.best for outcome in outcomes)
        return f"not in {_seconds([outcome.points[-1] for outcome in outcomes])} ({best:.2f})"
    missing = (
        "" if len(reached) == len(outcomes) else f", in {len(reached)} of {len(outcomes)} seeds"
    )
    return _seconds(reached) + missing


def _seconds(points: Sequence[Point]) -> str:
    """Return the medians by the clock and of processor time, below ten with a tenth."""
    medians = [median(point.wall for point in points), median(point.cpu for point in points)]
    return " / ".join(f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in medians) + " s"


def warm_up() -> None:
    """Train for a moment: what is loaded once should not be counted against who comes first."""
    for _, train in contestants(QUICK, ["supervised"], 0):
        train(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what was asked for, print each outcome and the table, keep both as JSON if told so."""
    args = _parser().parse_args(arguments)
    tasks = [QUICK] if args.quick else [TASKS[name] for name in args.sets]
    about = {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "commit": commit(),
        "machine": machine(),
        "load": os.getloadavg(),
        "threads": torch.get_num_threads(),
        "budget": args.budget,
    }
    print(f"{about['date']}, {about['machine']}, load {about['load'][0]:.1f}", flush=True)
    warm_up()
    outcomes = []
    for task in tasks:
        if task.missing:
            print(f"{task.name}: left out, there is no folder {task.missing}.")
            continue
        for seed in args.seeds:
            for name, train in contestants(task, args.methods, seed):
                outcome = Outcome(task.name, task.target, name, seed, train(args.budget))
                outcomes.append(outcome)
                print(f"{task.name}, seed {seed}, {name}: {_cell([outcome])}", flush=True)
                if args.json:
                    rows = [one._asdict() | {"points": [*one.points]} for one in outcomes]
                    write_json(args.json, {**about, "outcomes": rows})
    print(table(outcomes))
    return 0


def _parser() -> argparse.ArgumentParser:
    """Return the reader of the command's options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.time_to_dice",
        description="Seconds of training until a Dice is reached.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny images, four iterations: does the script run?"
    )
    parser.add_argument("--sets", nargs="+", choices=TASKS, default=list(TASKS), metavar="SET")
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=["supervised"],
        metavar="METHOD",
        help="of the kit, now and before (supervised); MONAI's loop is supervised",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N")
    parser.add_argument(
        "--budget", type=float, default=300, metavar="SECONDS", help="to give up after (300)"
    )
    parser.add_argument("--json", metavar="FILE", help="where to keep all looks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
