"""`ucmt-lite run` and `ucmt-lite sweep`: training one configuration, or every run of a grid."""

import argparse
import ast
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError
from ucmt_lite.experiments.config import RunConfig, item_default


def add_run(commands: Any) -> None:
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
    command.set_defaults(do=_do_run, resumes=True)


def _add_setting(command: argparse.ArgumentParser, item: dataclasses.Field) -> None:
    """The option of one field of `RunConfig`; the method's own settings are all set by `--set`."""
    default: Any = item_default(item)
    option, how = f"--{item.name.replace('_', '-')}", {"help": item.metadata["meaning"]}
    if item.name == "settings":
        command.add_argument(
            "--set",
            nargs="+",
            default=[],
            metavar="NAME=VALUE",
            help="the method's own settings, e.g. top_k=4 make_mix=cutmix",
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

    names = [item.name for item in dataclasses.fields(RunConfig) if item.name != "settings"]
    values = {name: getattr(args, name) for name in names}
    # A page is executed in a folder of its own.
    values["data"] = os.path.abspath(args.data) if args.data else ""
    config = RunConfig.of({**values, "settings": _settings(args.set)})
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


def add_sweep(commands: Any) -> None:
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
    command.set_defaults(do=_do_sweep, resumes=True)


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
