"""`ucmt-lite run` and `ucmt-lite sweep`: training one configuration, or every run of a grid."""

import argparse
import ast
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError, check_packages, plain
from ucmt_lite.experiments.config import TABLES, RunConfig, item_default, with_whole_weights
from ucmt_lite.experiments.loggers import LOGGERS

_EXAMPLES = {
    "--set": "top_k=4",
    "--views": "degrees=0",
    "--network-settings": "weights=imagenet",
}


def add_run(commands: Any) -> None:
    """`ucmt-lite run` and its options, the fields of `RunConfig`."""
    command = commands.add_parser("run", help="train and evaluate one configuration")
    command.add_argument(
        "--config",
        metavar="FILE",
        help="config.json of another run, to repeat it; options beside it count more",
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
    command.add_argument(
        "--log",
        default="",
        metavar="TOOL",
        help=f"also tell losses, Dice and scores to one of {', '.join(LOGGERS)}",
    )
    command.add_argument("--quiet", action="store_true", help="print nothing but what is wrong")
    command.add_argument("--json", action="store_true", help="print the scores as one JSON line")
    command.set_defaults(do=_do_run, resumes=True)


def _add_setting(command: argparse.ArgumentParser, item: dataclasses.Field) -> None:
    """The option of one field of `RunConfig`; the method's own settings are all set by `--set`.

    An option that is not given leaves nothing behind, so that a configuration's file can count.
    """
    default: Any = item_default(item)
    option = _option(item.name)
    shown = "" if isinstance(default, dict) else f" (default: {default})"
    if item.name in TABLES:
        rows: Any = TABLES[item.name]
        shown = f": {', '.join(rows)}{shown}"
    common: dict[str, Any] = {
        "dest": item.name,
        "default": argparse.SUPPRESS,
        "help": item.metadata["meaning"].replace("%", "%%") + shown,
    }
    if item.name == "settings":
        common["help"] = "the method's own settings, e.g. top_k=4 make_mix=cutmix"
        command.add_argument(option, nargs="+", metavar="NAME=VALUE", **common)
    elif isinstance(default, dict):
        command.add_argument(option, nargs="+", metavar="NAME=VALUE", **common)
    elif isinstance(default, bool):
        command.add_argument(option, action=argparse.BooleanOptionalAction, **common)
    elif isinstance(default, tuple):
        command.add_argument(option, nargs="*", type=int, metavar="N", **common)
    else:
        kind = type(default)
        metavar = "DIR" if item.name == "data" else kind.__name__.upper()
        command.add_argument(option, type=kind, metavar=metavar, **common)


def _option(field: str) -> str:
    """Return the option of a field of `RunConfig`."""
    return "--set" if field == "settings" else f"--{field.replace('_', '-')}"


def _settings(pairs: Sequence[str], option: str = "--set") -> dict:
    """Return `["top_k=4", "make_mix=cutmix"]` as a dictionary; no Python literal is text.

    >>> _settings(["top_k=4", "make_mix=cutmix", "ema_share=(0.5, 0.5)"])
    {'top_k': 4, 'make_mix': 'cutmix', 'ema_share': (0.5, 0.5)}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise InputError(f"{option} {pair}: say NAME=VALUE, for instance {_EXAMPLES[option]}.")
        try:
            values[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError):
            values[name] = text
    return values


def _read_config(args: argparse.Namespace) -> RunConfig:
    """Return the configuration of the options given, and of the file for all others.

    What the options change in the file is said. A relative `data` in it stays as it is, or the
    run would be another one.
    """
    given = {
        item.name: getattr(args, item.name)
        for item in dataclasses.fields(RunConfig)
        if hasattr(args, item.name)
    }
    for item in dataclasses.fields(RunConfig):
        if isinstance(item_default(item), dict) and item.name in given:
            given[item.name] = _settings(given[item.name], _option(item.name))
    if given.get("data"):
        given["data"] = os.path.abspath(given["data"])  # a page is executed in a folder of its own
    if given.get("network_settings"):
        given["network_settings"] = with_whole_weights(given["network_settings"])
    if not args.config:
        return RunConfig.of(given)
    saved = RunConfig.of_saved(_config_file(Path(args.config))).as_dict()
    for name, value in given.items():
        if isinstance(value, dict):
            given[name] = {**saved[name], **value}
        print(f"{name} is {given[name]!r}, in {args.config} it is {saved[name]!r}")
    return RunConfig.of({**saved, **given})


def _config_file(path: Path) -> dict:
    """Return what a run's config.json holds."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise InputError(
            f"{path} cannot be read ({cause.strerror}): give the config.json of a run."
        ) from None
    except ValueError as cause:
        raise InputError(f"{path} is not JSON ({cause}): give the config.json of a run.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no settings by name: give the config.json of a run.")
    return content


def _do_run(args: argparse.Namespace) -> None:
    """`ucmt-lite run`."""
    if args.quiet and args.json:
        raise InputError("--quiet prints nothing and --json one line: give one of the two.")
    if args.log and args.page:
        raise InputError(
            "--log is for runs without a page, which --page makes: give one of the two."
        )
    if args.quiet or args.json:
        os.environ["TQDM_DISABLE"] = "1"  # before tqdm is imported
    with _stdout_kept_free(args.quiet, args.json):
        from ucmt_lite.experiments.run import run

        config = _read_config(args)
        if args.page:
            _run_as_page(config, args.out, args.page, progress=not (args.quiet or args.json))
        result = run(config, args.out, log=args.log)  # which reads what the page has left
    # Of several processes the first one tells.
    if args.quiet or os.environ.get("RANK", "0") != "0":
        return
    if args.json:
        print(json.dumps(plain(result.metrics["scores"]), allow_nan=False))
        return
    config, seconds = result.config, result.metrics["seconds"]
    scores = "  ".join(f"{name} {value:.3f}" for name, value in result.scores.items())
    print(f"{config.dataset}, {config.method}, {result.labeled}, seed {config.seed}: {scores}")
    if "scored_at" in result.metrics:  # which runs of earlier versions do not tell
        print(f"scored at {result.metrics['scored_at']}")
    print(
        f"trained {seconds['training']} s, evaluated {seconds['evaluation']} s; everything is in"
        f" {result.folder}"
    )
    for sentence in result.remarks:
        print(sentence)


@contextmanager
def _stdout_kept_free(quiet: bool, as_json: bool) -> Iterator[None]:
    """Let what is printed on the way go nowhere (quiet), or to stderr (JSON)."""
    if quiet:
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            yield
    elif as_json:
        with redirect_stdout(sys.stderr):
            yield
    else:
        yield


def _run_as_page(config: RunConfig, out: str, page: str, *, progress: bool) -> None:
    """Let papermill execute the experiment notebook with this configuration."""
    from ucmt_lite.course.lessons import NOTEBOOKS
    from ucmt_lite.course.notebooks import LAB, execute_whole

    if Path(out).resolve() in Path(page).resolve().parents:
        raise InputError(
            f"--page {page} lies in {out}, which the run makes when it is whole: name a file"
            " beside it."
        )
    check_packages("--page", "lab", LAB)
    parameters = {**config.as_dict(), "out": os.path.abspath(out)}
    execute_whole(NOTEBOOKS / "90_experiment.ipynb", Path(page), parameters, progress=progress)


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
    compared = f": `ucmt-lite report {args.out}` compares them" if len(failed) < len(runs) else ""
    print(f"{len(runs) - len(failed)} of {len(runs)} runs are finished{compared}.")
    for name, why in failed.items():
        print(f"ucmt-lite: run {name} failed: {why}", file=sys.stderr)
    return 1 if failed else 0
