"""`ucmt-lite report`, `ucmt-lite table` and `ucmt-lite calibration`: what finished runs say."""

import argparse
from typing import Any

from ucmt_lite.cli.options import expand
from ucmt_lite.common import InputError
from ucmt_lite.experiments.config import SCORES


def add_report(commands: Any) -> None:
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
            "also leave its tables and a picture there, and its part of its README.md, the lines"
            " between `<!-- NAME -->` and `<!-- end -->`"
        ),
    )
    command.add_argument("--score", choices=tuple(SCORES), default="dice")
    command.set_defaults(do=_do_report)


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
        beside = " and in its README.md" if in_readme else ""
        print(f"Published in {args.keep}{beside}.")


def add_table(commands: Any) -> None:
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


def _do_table(args: argparse.Namespace) -> None:
    """`ucmt-lite table`."""
    from ucmt_lite.experiments import results
    from ucmt_lite.experiments.tables import listing

    runs = results.of_runs(expand(args.folders))
    if args.save:
        results.save_runs(runs, args.save)
    print(listing(runs))


def add_calibration(commands: Any) -> None:
    """`ucmt-lite calibration` and its options."""
    command = commands.add_parser(
        "calibration", help="how far the networks of finished runs can be believed, by method"
    )
    command.add_argument("folders", nargs="+", metavar="DIR", help="folders of finished runs")
    command.add_argument(
        "--students", action="store_true", help="also each method's networks that do not predict"
    )
    command.add_argument(
        "--save", metavar="FILE", help="also keep a row for each network, as Parquet"
    )
    command.set_defaults(do=_do_calibration)


def _do_calibration(args: argparse.Namespace) -> None:
    """`ucmt-lite calibration`."""
    from ucmt_lite.experiments.calibration import calibration_listing, calibrations
    from ucmt_lite.experiments.results import save_runs

    table = calibrations(expand(args.folders), students=args.students)
    if args.save:
        save_runs(table, args.save)
    print(calibration_listing(table))
