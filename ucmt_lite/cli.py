"""The command `ucmt-lite`: run an experiment, look at data, build or run the lessons, check the
installation.

Only the standard library is imported here, so that `--help` answers at once; each command imports
what it needs.
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
from ucmt_lite.experiments.config import RunConfig, item_default


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and do; wrong input ends with one sentence on stderr and status 2, a run that failed
    with status 1.
    """
    # Before torch is imported: threads that wait should sleep. Spinning ones take the cores from
    # each other's work where a machine is shared, and make training several times slower
    # (benchmarks/NOTES.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    given = parser().parse_args(arguments)
    try:
        return given.do(given) or 0
    except InputError as mistake:
        print(f"ucmt-lite: {mistake}", file=sys.stderr)
        return mistake.status
    except FloatingPointError as failure:
        print(f"ucmt-lite: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        goes_on = given.do in (_do_run, _do_sweep)
        said = (
            "; a run goes on from its last checkpoint when the same command is given again"
            if goes_on
            else ""
        )
        print(f"\nucmt-lite: stopped{said}.", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(
        prog="ucmt-lite",
        description="Semi-supervised medical image segmentation, to learn and to experiment with.",
    )
    top.add_argument("--version", action="version", version=f"ucmt-lite {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    _add_run(commands)

    _add_sweep(commands)

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

    command = commands.add_parser(
        "data", help="list the data sets, or load one and say what is in it"
    )
    command.add_argument(
        "name", nargs="?", help="a phantom, a real set, or folder, hdf5, nifti for your own"
    )
    command.add_argument("--data", default="", metavar="DIR", help="the folder it lies in")
    command.add_argument(
        "--size",
        type=int,
        default=64,
        metavar="N",
        help="side 2D images are drawn at or resized to",
    )
    command.add_argument(
        "--classes",
        type=int,
        default=2,
        metavar="N",
        help="classes of your own data, background included",
    )
    command.add_argument(
        "--download",
        action="store_true",
        help="fetch the official archive into DIR where it may be fetched",
    )
    command.set_defaults(do=_do_data)

    _add_course(commands)

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

    command = commands.add_parser(
        "doctor", help="check the installation and say how fast this machine trains"
    )
    command.set_defaults(do=_do_doctor)
    return top


def _add_sweep(commands: Any) -> None:
    """`ucmt-lite sweep` and `ucmt-lite report`, which reads what a sweep has left."""
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
    command.add_argument("--score", choices=("dice", "jaccard", "hd95", "asd"), default="dice")
    command.set_defaults(do=_do_report)


def _add_run(commands: Any) -> None:
    """`ucmt-lite run` and its options, the fields of `RunConfig`."""
    command = commands.add_parser(
        "run",
        help="train and evaluate one configuration",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for item in dataclasses.fields(RunConfig):
        default, meaning = item_default(item), item.metadata["meaning"]
        option = f"--{item.name.replace('_', '-')}"
        if item.name == "settings":
            command.add_argument(
                "--set",
                nargs="+",
                default=[],
                metavar="NAME=VALUE",
                help="the method's own settings, e.g. top_k=4 make_mix=cutmix",
            )
        elif isinstance(default, bool):
            command.add_argument(
                option, action=argparse.BooleanOptionalAction, default=default, help=meaning
            )
        elif isinstance(default, tuple):
            command.add_argument(
                option, nargs="*", type=int, default=default, metavar="N", help=meaning
            )
        else:
            command.add_argument(
                option,
                type=type(default),
                default=default,
                metavar=type(default).__name__.upper(),
                help=meaning,
            )
    command.add_argument(
        "--out", required=True, metavar="DIR", help="folder for the results, made by the run"
    )
    command.add_argument(
        "--page",
        metavar="FILE",
        help="also keep the run as an executed notebook, made by papermill",
    )
    command.set_defaults(do=_do_run)


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


def settings(pairs: Sequence[str]) -> dict:
    """`["top_k=4", "make_mix=cutmix"]` as a dictionary; what is no Python literal is text.

    >>> settings(["top_k=4", "make_mix=cutmix", "ema_share=(0.5, 0.5)"])
    {'top_k': 4, 'make_mix': 'cutmix', 'ema_share': (0.5, 0.5)}
    """
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise InputError(f"--set {pair}: say NAME=VALUE, for instance top_k=4.")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError):
            found[name] = value
    return found


def _do_run(given: argparse.Namespace) -> None:
    """`ucmt-lite run`."""
    from ucmt_lite.experiments.run import run

    values = {
        item.name: getattr(given, item.name)
        for item in dataclasses.fields(RunConfig)
        if item.name != "settings"
    }
    values["data"] = (
        os.path.abspath(given.data) if given.data else ""
    )  # a page is executed in a folder of its own
    config = RunConfig.of({**values, "settings": settings(given.set)})
    if given.page:
        run_as_page(config, given.out, given.page)
    result = run(config, given.out)  # which reads what the page has left
    if os.environ.get("RANK", "0") != "0":
        return  # the first of several processes tells
    found, seconds = result.metrics["scores"], result.metrics["seconds"]
    scores = "  ".join(
        f"{name} {found[name]:.3f}"
        for name in ("dice", "jaccard", "hd95", "asd")
        if found.get(name) is not None
    )
    print(
        f"{result.config.dataset}, {result.config.method}, {result.config.labeled} labeled, seed"
        f" {result.config.seed}: {scores}"
    )
    print(
        f"trained {seconds['training']} s, evaluated {seconds['evaluation']} s; everything is in"
        f" {result.folder}"
    )


def run_as_page(config: RunConfig, out: str, page: str) -> None:
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
    execute_whole(
        source, Path(page), {**config.as_dict(), "out": os.path.abspath(out)}, progress=True
    )


def _do_sweep(given: argparse.Namespace) -> int:
    """`ucmt-lite sweep`."""
    from ucmt_lite.experiments.plan import read_plan
    from ucmt_lite.experiments.sweep import sweep

    runs = read_plan(given.grid)
    failed = sweep(runs, given.out, scheduler=given.scheduler, workers=given.workers)
    print(
        f"{len(runs) - len(failed)} of {len(runs)} runs are finished: `ucmt-lite report"
        f" {given.out}` compares them."
    )
    for name, why in failed.items():
        print(f"ucmt-lite: run {name} failed: {why}", file=sys.stderr)
    return 1 if failed else 0


def _do_report(given: argparse.Namespace) -> None:
    """`ucmt-lite report`."""
    from ucmt_lite.experiments.report import publish, report
    from ucmt_lite.experiments.results import unfinished_runs

    if given.keep and (given.baseline or given.score != "dice"):
        raise InputError(
            "--keep publishes Dice against the grid's first variant: leave out --baseline and"
            " --score."
        )
    page = report(given.folder, given.baseline, given.score)
    print((page.parent / "comparison.md").read_text(encoding="utf-8"))
    if left := unfinished_runs(page.parent):
        print(f"{len(left)} runs are not finished and are missing here, {left[0]} for one.")
    print(f"Everything is in {page.parent}; the page is {page.name}.")
    if given.keep:
        told = publish(page.parent, given.keep)
        print(f"Published in {given.keep}" + (" and in the README.md beside it." if told else "."))


def _do_table(given: argparse.Namespace) -> None:
    """`ucmt-lite table`."""
    from ucmt_lite.experiments import results
    from ucmt_lite.experiments.tables import listing

    runs = results.of_runs(given.folders)
    if given.save:
        results.save_runs(runs, given.save)
    print(listing(runs))


def _do_data(given: argparse.Namespace) -> None:
    """`ucmt-lite data`."""
    from ucmt_lite.data import CATALOGUE, PHANTOMS, READERS, load_data, takes_size

    if given.name is None:
        print("Phantoms, drawn on the spot:", ", ".join(PHANTOMS))
        print("Real sets, from a folder or their archives:", ", ".join(CATALOGUE))
        print("Your own data:", ", ".join(READERS))
        print(
            "Look into one with: ucmt-lite data NAME [--data DIR]. Each has a card in data_cards/."
        )
        return
    size = given.size if takes_size(given.name) else None
    source = load_data(
        given.name,
        root=given.data or None,
        size=size,
        classes=given.classes,
        download=given.download,
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


def _do_course(given: argparse.Namespace) -> int:
    """`ucmt-lite course`."""
    from ucmt_lite.course import build as course

    names = given.lessons or None
    if given.action == "build":
        built = course.build_notebooks(names, force=given.force, measure=given.measure)
        print(f"Executed {', '.join(built) or 'nothing: all notebooks are fresh'}.")
    elif given.action == "record":
        from ucmt_lite.experiments.recordings import record

        print(
            "Recorded"
            f" {', '.join(record(names, given.force)) or 'nothing: all traces are as planned'}."
        )
    elif given.action == "check":
        faults = course.check_notebooks()
        print("\n".join(faults) or "All notebooks are fresh.")
        return 1 if faults else 0
    else:
        return course.run_all(given.profile, given.out, names)
    return 0


def _do_dashboard(given: argparse.Namespace) -> int:
    """`ucmt-lite dashboard`."""
    from ucmt_lite.explore import dashboard

    return dashboard.serve(given.traces, port=given.port, open_browser=not given.no_browser)


def _do_doctor(given: argparse.Namespace) -> int:
    """`ucmt-lite doctor`."""
    from ucmt_lite.course import doctor

    return doctor.examine()


if __name__ == "__main__":
    sys.exit(main())
