"""`python -m benchmarks.speed [--quick] [--only PART ...] [--scenes ...] [--methods ...] [--threads
...] [--json FILE]`: how fast the kit is, in ratios.

Each row times its variants in turn, round by round, in this one run; ratios compare with the row's
first variant. The plain baseline is checked against the kit before anything is timed.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence

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
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description="How fast the kit is, in ratios."
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny images and one round: does the script run?"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        default=list(PARTS),
        metavar="PART",
        help=", ".join(PARTS),
    )
    all_scenes = SCENES | PAPER
    usual = list(all_scenes if torch.cuda.is_available() else SCENES)
    parser.add_argument(
        "--scenes",
        nargs="+",
        choices=all_scenes,
        default=usual,
        metavar="SCENE",
        help=", ".join(all_scenes),
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=[],
        metavar="METHOD",
        help="for whole iterations: only these methods",
    )
    parser.add_argument(
        "--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="threads (default 1 2)"
    )
    parser.add_argument("--rounds", type=int, help="rounds a row (default 5; 1 with --quick)")
    parser.add_argument(
        "--json", metavar="FILE", help="where to keep all rows with the machine they are from"
    )
    given = parser.parse_args(arguments)
    plan = Plan(
        (TINY, TINY_3D) if given.quick else tuple(all_scenes[name] for name in given.scenes),
        (1,) if given.quick else tuple(given.threads),
        given.rounds or (1 if given.quick else 5),
        tuple(given.methods),
        given.quick,
    )
    checks.check_all()
    about = {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "commit": commit(),
        "command": " ".join(["python -m benchmarks.speed", *(arguments or sys.argv[1:])]),
    }
    about |= {
        "machine": machine(),
        "load": os.getloadavg(),
        "rounds": plan.rounds,
        "quick": given.quick,
    }
    print(
        f"{about['date']}, {about['machine']}, load {about['load'][0]:.1f}, {plan.rounds} round(s)",
        flush=True,
    )
    if not torch.cuda.is_available():
        print("No GPU: nothing is measured on one.", flush=True)
    rows: list[Row] = []
    for part in given.only:
        for found in PARTS[part](plan):
            rows.append(found)
            print(shown(found), flush=True)
            if given.json:  # row by row: an interrupted run keeps what it has
                write_json(given.json, {**about, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
