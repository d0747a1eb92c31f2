"""How fast the kit is, in ratios: `python -m benchmarks.speed --help` names the options.

Each row times its variants in turn, round by round, in this one run; ratios compare with the row's
first variant. The plain baseline is checked against the kit before anything is timed.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from benchmarks import checks, growth, levers, measures, processes
from benchmarks.scene import PAPER, SCENES, TINY, TINY_3D, Plan
from benchmarks.timing import Row, machine, shown
from ucmt_lite.common import write_json
from ucmt_lite.experiments.provenance import commit
from ucmt_lite.methods import METHODS

PARTS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "iteration": measures.iteration,
    "parts": measures.parts,
    "alone": measures.alone,
    "floor": measures.floors,
    "memory": processes.memory,
    "scaling": growth.scaling,
    "disk": growth.disk,
    "imports": processes.imports,
    "levers": levers.levers,
    "neighbour": processes.neighbour,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for, print it row by row, and keep it as JSON if told where."""
    args = _parser().parse_args(arguments)
    all_scenes = SCENES | PAPER
    plan = Plan(
        (TINY, TINY_3D) if args.quick else tuple(all_scenes[name] for name in args.scenes),
        (1,) if args.quick else tuple(args.threads),
        args.rounds or (1 if args.quick else 5),
        tuple(args.methods),
        args.quick,
    )
    checks.check_all()
    about = {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "commit": commit(),
        "command": " ".join(["python -m benchmarks.speed", *(arguments or sys.argv[1:])]),
        "machine": machine(),
        "load": os.getloadavg(),
        "rounds": plan.rounds,
        "quick": args.quick,
    }
    print(
        f"{about['date']}, {about['machine']}, load {about['load'][0]:.1f}, {plan.rounds} round(s)",
        flush=True,
    )
    if not torch.cuda.is_available():
        print("No GPU: nothing is measured on one.", flush=True)
    rows: list[Row] = []
    for part in args.only:
        for row in PARTS[part](plan):
            rows.append(row)
            print(shown(row), flush=True)
            if args.json:  # row by row: an interrupted run keeps what it has
                write_json(args.json, {**about, "rows": rows})
    return 0


def _parser() -> argparse.ArgumentParser:
    """Return the reader of the command's options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description="How fast the kit is, in ratios."
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny images and one round: does the script run?"
    )
    _add_list(parser, "--only", PARTS, list(PARTS), "PART", ", ".join(PARTS))
    scenes = SCENES | PAPER
    usual = list(scenes if torch.cuda.is_available() else SCENES)
    _add_list(parser, "--scenes", scenes, usual, "SCENE", ", ".join(scenes))
    _add_list(
        parser, "--methods", METHODS, [], "METHOD", "for whole iterations: only these methods"
    )
    parser.add_argument(
        "--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="threads (default 1 2)"
    )
    parser.add_argument("--rounds", type=int, help="rounds a row (default 5; 1 with --quick)")
    parser.add_argument(
        "--json", metavar="FILE", help="where to keep all rows with the machine they are from"
    )
    return parser


def _add_list(
    parser: argparse.ArgumentParser,
    option: str,
    choices: Iterable[str],
    default: list[str],
    metavar: str,
    meaning: str,
) -> None:
    """Add an option that takes some of a list of names."""
    parser.add_argument(
        option, nargs="+", choices=list(choices), default=default, metavar=metavar, help=meaning
    )


if __name__ == "__main__":
    sys.exit(main())
