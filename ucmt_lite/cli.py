"""The command `ucmt-lite`: experiments, data sets, lessons, explorers, a check of the installation.

What is imported here takes no time (no torch, no numpy), so that `--help` answers at once; each
command imports what it needs.
"""

import argparse
import ast
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ucmt_lite import __version__
from ucmt_lite.common import InputError
from ucmt_lite.data.readers import READERS
from ucmt_lite.experiments.config import SCORES, RunConfig, item_default


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one command and return its status; what went wrong is one sentence on stderr.

    Status 2 is wrong input, 1 a run that failed, 130 an interruption.
    """
    # Before torch is imported: threads that wait should sleep. Spinning ones take the cores from
    # each other's work where a machine is shared, and make training several times slower
    # (benchmarks/NOTES.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    args = parser().parse_args(arguments)
    try:
        return args.do(args) or 0
    except InputError as mistake:
        print(f"ucmt-lite: {mistake}", file=sys.stderr)
        return mistake.status
    except FloatingPointError as failure:
        print(f"ucmt-lite: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        hint = ""
        if args.do in (_do_run, _do_sweep):
            hint = "; a run goes on from its last checkpoint when the same command is given again"
        print(f"\nucmt-lite: stopped{hint}.", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands and their options."""
    top = argparse.ArgumentParser(
        prog="ucmt-lite",
        description="Semi-supervised medical image segmentation, to learn and to experiment with.",
    )
    top.add_argument("--version", action="version", version=f"ucmt-lite {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_sweep(commands)
    _add_report(commands)
    _add_table(commands)
    _add_data(commands)
    _add_course(commands)
    _add_dashboard(commands)
    _add_doctor(commands)
    return top


def _add_run(commands: Any) -> None:
    """`ucmt-lite run` and its options, the fields of `RunConfig`."""
    command = commands.add_parser(
        "run",
        help="train and evaluate one configuration",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for item in dataclasses.fields(RunConfig):
        _add_setting(command, item)
    command.add_argument(
        "--out", required=True, metavar="DIR", help="folder for the results, made by the run"
    )
    command.add_argument(
        "--page",
        metavar="FILE",
        help="also keep the run as an executed notebook, made by papermill",
    )
    command.set_defaults(do=_do_run)


def _add_setting(command: argparse.ArgumentParser, item: dataclasses.Field) -> None:
    """The option of one field of `RunConfig`; the method's own settings are all set by `--set`."""
    default: Any = item_default(item)
    option, how = f"--{item.name.replace('_', '-')}", {"help": item.metadata["meaning"]}
    if isinstance(default, dict):
        option = "--set" if item.name == "settings" else option
        command.add_argument(
            option, dest=item.name, nargs="+", default=[], metavar="NAME=VALUE", **how
        )
    elif isinstance(default, bool):
        command.add_argument(option, action=argparse.BooleanOptionalAction, default=default, **how)
    elif isinstance(default, tuple):
        command.add_argument(option, nargs="*", type=int, default=default, metavar="N", **how)
    else:
        kind = type(default)
        command.add_argument(
            option, type=kind, default=default, metavar=kind.__name__.upper(), **how
        )


def _add_sweep(commands: Any) -> None:
    """`ucmt-lite sweep` and its options."""
    command = commands.add_parser("sweep", help="train and evaluate every run of a grid")
    command.add_argument(
        "grid", metavar="GRID", help="a YAML file with base, variants and vary (see results/)"
    )
    command.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder for pages and results, made by the sweep",
    )
    command.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="runs at a time on this machine (0: one a core)",
    )
    command.add_argument(
        "--scheduler",
        default="",
        metavar="ADDRESS",
        help="run on this Dask cluster, tcp://HOST:PORT",
    )
    command.set_defaults(do=_do_sweep)


def _add_report(commands: Any) -> None:
    """`ucmt-lite report` and its options; it reads what a sweep has left."""
    command = commands.add_parser(
        "report", help="compare the runs of a sweep: tables, LaTeX, and a page with plots"
    )
    command.add_argument(
        "folder",
        metavar="DIR",
        help="what `ucmt-lite sweep --out` was given, or a folder of results/",
    )
    command.add_argument(
        "--baseline", default="", metavar="VARIANT", help="compare with this one (the first)"
    )
    command.add_argument(
        "--keep",
        default="",
        metavar="DIR",
        help=(
            "also leave its tables and a picture there, and its part of ../README.md, the lines"
            " between `<!-- NAME -->` and `<!-- end -->`"
        ),
    )
    command.add_argument("--score", choices=tuple(SCORES), default="dice")
    command.set_defaults(do=_do_report)


def _add_table(commands: Any) -> None:
    """`ucmt-lite table` and its options."""
    command = commands.add_parser("table", help="finished runs as a table")
    command.add_argument(
        "folders",
        nargs="+",
        metavar="DIR",
        help="folders of finished runs, in the order of the rows",
    )
    command.add_argument(
        "--save", metavar="FILE", help="also keep the rows, with all they depend on, as Parquet"
    )
    command.set_defaults(do=_do_table)


def _add_data(commands: Any) -> None:
    """`ucmt-lite data` and its options, which mean what they mean to a run."""
    meanings = {item.name: item.metadata["meaning"] for item in dataclasses.fields(RunConfig)}
    command = commands.add_parser(
        "data", help="list the data sets, or load one and say what is in it"
    )
    command.add_argument("name", nargs="?", help=meanings["dataset"])
    command.add_argument("--data", default="", metavar="DIR", help=meanings["data"])
    command.add_argument("--size", type=int, default=64, metavar="N", help=meanings["size"])
    command.add_argument("--classes", type=int, default=2, metavar="N", help=meanings["classes"])
    command.add_argument(
        "--download",
        action="store_true",
        help="fetch the official archive into DIR where it may be fetched",
    )
    command.set_defaults(do=_do_data)


def _add_course(commands: Any) -> None:
    """`ucmt-lite course` and its options."""
    command = commands.add_parser(
        "course",
        help=(
            "run the lessons in their quick profile; build or check the notebooks; record their"
            " traces"
        ),
    )
    command.add_argument(
        "action", nargs="?", choices=("run", "build", "check", "record"), default="run"
    )
    command.add_argument(
        "lessons",
        nargs="*",
        help="names of lessons (of traces, for `record`); all where none is named",
    )
    command.add_argument(
        "--out",
        default="runs/course",
        metavar="DIR",
        help="where `run` leaves the executed notebooks",
    )
    command.add_argument("--profile", choices=("quick", "full"), default="quick")
    command.add_argument("--force", action="store_true", help="build or record again what is fresh")
    command.add_argument(
        "--measure", action="store_true", help="write the seconds each lesson took into times.json"
    )
    command.set_defaults(do=_do_course)


def _add_dashboard(commands: Any) -> None:
    """`ucmt-lite dashboard` and its options."""
    command = commands.add_parser(
        "dashboard", help="show the explorers on recorded runs as a page without code"
    )
    command.add_argument(
        "traces",
        nargs="*",
        metavar="TRACE",
        help="RUN/trace.npz; those of the lessons where none is named",
    )
    command.add_argument(
        "--port", type=int, default=8866, metavar="N", help="on this computer only (8866)"
    )
    command.add_argument(
        "--no-browser", action="store_true", help="print the address, open nothing"
    )
    command.set_defaults(do=_do_dashboard)


def _add_doctor(commands: Any) -> None:
    """`ucmt-lite doctor`, which has no options."""
    command = commands.add_parser(
        "doctor", help="check the installation and say how fast this machine trains"
    )
    command.set_defaults(do=_do_doctor)


def _settings(pairs: Sequence[str]) -> dict:
    """Return `["top_k=4", "make_mix=cutmix"]` as a dictionary; no Python literal is text.

    >>> _settings(["top_k=4", "make_mix=cutmix", "ema_share=(0.5, 0.5)"])
    {'top_k': 4, 'make_mix': 'cutmix', 'ema_share': (0.5, 0.5)}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise InputError(f"--set {pair}: say NAME=VALUE, for instance top_k=4.")
        try:
            values[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError):
            values[name] = text
    return values


def _do_run(args: argparse.Namespace) -> None:
    """`ucmt-lite run`."""
    from ucmt_lite.experiments.run import run

    values = {item.name: getattr(args, item.name) for item in dataclasses.fields(RunConfig)}
    for name in ("settings", "views"):
        values[name] = _settings(values[name])
    # A page is executed in a folder of its own.
    values["data"] = os.path.abspath(args.data) if args.data else ""
    config = RunConfig.of(values)
    if args.page:
        _run_as_page(config, args.out, args.page)
    result = run(config, args.out)  # which reads what the page has left
    if os.environ.get("RANK", "0") != "0":
        return  # the first of several processes tells
    config, seconds = result.config, result.metrics["seconds"]
    scores = "  ".join(f"{name} {value:.3f}" for name, value in result.scores.items())
    print(
        f"{config.dataset}, {config.method}, {config.labeled} labeled, seed {config.seed}: {scores}"
    )
    print(
        f"trained {seconds['training']} s, evaluated {seconds['evaluation']} s; everything is in"
        f" {result.folder}"
    )
    for sentence in result.metrics.get("findings", []):
        print(sentence)


def _run_as_page(config: RunConfig, out: str, page: str) -> None:
    """Let papermill execute the experiment notebook with this configuration."""
    from ucmt_lite.course.lessons import NOTEBOOKS
    from ucmt_lite.course.notebooks import execute_whole

    if Path(out).resolve() in Path(page).resolve().parents:
        raise InputError(
            f"--page {page} lies in {out}, which the run makes when it is whole: name a file"
            " beside it."
        )
    source = NOTEBOOKS / "90_experiment.ipynb"
    if not source.is_file():
        raise InputError(
            "--page needs a clone of the repository, which holds the experiment notebook: run it"
            " from there."
        )
    parameters = {**config.as_dict(), "out": os.path.abspath(out)}
    execute_whole(source, Path(page), parameters, progress=True)


def _do_sweep(args: argparse.Namespace) -> int:
    """`ucmt-lite sweep`."""
    from ucmt_lite.experiments.plan import read_plan
    from ucmt_lite.experiments.sweep import sweep

    runs = read_plan(args.grid)
    failed = sweep(runs, args.out, scheduler=args.scheduler, workers=args.workers)
    print(
        f"{len(runs) - len(failed)} of {len(runs)} runs are finished: `ucmt-lite report"
        f" {args.out}` compares them."
    )
    for name, why in failed.items():
        print(f"ucmt-lite: run {name} failed: {why}", file=sys.stderr)
    return 1 if failed else 0


def _do_report(args: argparse.Namespace) -> None:
    """`ucmt-lite report`."""
    from ucmt_lite.experiments.report import publish, report
    from ucmt_lite.experiments.results import unfinished_runs

    if args.keep and (args.baseline or args.score != "dice"):
        raise InputError(
            "--keep publishes Dice against the grid's first variant: leave out --baseline and"
            " --score."
        )
    page = report(args.folder, args.baseline, args.score)
    print((page.parent / "comparison.md").read_text(encoding="utf-8"))
    unfinished = unfinished_runs(page.parent)
    if unfinished:
        print(
            f"{len(unfinished)} runs are not finished and are missing here, {unfinished[0]} for"
            " one."
        )
    print(f"Everything is in {page.parent}; the page is {page.name}.")
    if args.keep:
        in_readme = publish(page.parent, args.keep)
        beside = " and in the README.md beside it" if in_readme else ""
        print(f"Published in {args.keep}{beside}.")


def _do_table(args: argparse.Namespace) -> None:
    """`ucmt-lite table`."""
    from ucmt_lite.experiments import results
    from ucmt_lite.experiments.tables import listing

    runs = results.of_runs(args.folders)
    if args.save:
        results.save_runs(runs, args.save)
    print(listing(runs))


def _do_data(args: argparse.Namespace) -> None:
    """`ucmt-lite data`."""
    from ucmt_lite.data import CATALOGUE, PHANTOMS, load_data, takes_size

    if args.name is None:
        print("Phantoms, drawn on the spot:", ", ".join(PHANTOMS))
        print("Real sets, from a folder or their archives:", ", ".join(CATALOGUE))
        print("Your own data:")
        for name, row in READERS.items():
            print(f"  {name}: {row.reads}")
        print(
            "Look into one with: ucmt-lite data NAME [--data DIR]. Each has a card in data_cards/."
        )
        return
    size = args.size if takes_size(args.name) else None
    source = load_data(
        args.name,
        root=args.data or None,
        size=size,
        classes=args.classes,
        download=args.download,
    )
    print(
        f"{source.name}: {source.dims}D, {source.channels} channel(s), classes"
        f" {', '.join(source.classes)}"
    )
    for name, split in source.splits.items():
        print(
            f"  {name}: {len(split)} cases of {len(set(split['group']))} groups, first"
            f" {split[0]['id']}"
        )
    print(f"  split: {source.split_rule}")


def _do_course(args: argparse.Namespace) -> int:
    """`ucmt-lite course`."""
    from ucmt_lite.course import build as course
    from ucmt_lite.experiments.recordings import record

    names = args.lessons or None
    if args.action == "build":
        built = course.build_notebooks(names, force=args.force, measure=args.measure)
        print(f"Executed {', '.join(built) or 'nothing: all notebooks are fresh'}.")
        return 0
    if args.action == "record":
        recorded = record(names, args.force)
        print(f"Recorded {', '.join(recorded) or 'nothing: all traces are as planned'}.")
        return 0
    if args.action == "check":
        faults = course.check_notebooks()
        print("\n".join(faults) or "All notebooks are fresh.")
        return 1 if faults else 0
    return course.run_all(args.profile, args.out, names)


def _do_dashboard(args: argparse.Namespace) -> int:
    """`ucmt-lite dashboard`."""
    from ucmt_lite.explore import dashboard

    return dashboard.serve(args.traces, port=args.port, open_browser=not args.no_browser)


def _do_doctor(args: argparse.Namespace) -> int:
    """`ucmt-lite doctor`."""
    from ucmt_lite.course import doctor

    return doctor.examine()


if __name__ == "__main__":
    sys.exit(main())
