"""The command `ucmt-lite`: experiments, data sets, lessons, explorers, a check of the installation.

`runs`, `tables`, `networks`, `kit` and `teach` hold the commands. Uses all rooms below it. What is
imported here takes no time (no torch, no numpy), so that `--help` answers at once; each command
imports what it needs.
"""

import argparse
import io
import os
import select
import sys
from collections.abc import Sequence

from ucmt_lite import __version__
from ucmt_lite.cli import kit, networks, runs, tables, teach
from ucmt_lite.cli.options import SHELLS, PrintCompletion
from ucmt_lite.common import InputError

__all__ = ["main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one command and return its status; what went wrong is one sentence on stderr.

    Status 2 is wrong input, 1 a run that failed, 130 an interruption, 141 a reader that left, as
    `head` does.
    """
    # Before torch is imported: threads that wait should sleep. Spinning ones take the cores from
    # each other's work where a machine is shared, and make training several times slower
    # (benchmarks/NOTES.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _print_any_name()
    try:
        try:
            return _do(arguments)
        finally:  # now, and not when Python ends, where nobody could catch what it says
            sys.stdout.flush()
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        return 141


def _do(arguments: Sequence[str] | None) -> int:
    """Do one command and return its status."""
    resumes = False
    try:
        args = parser().parse_args(arguments)
        resumes = args.resumes
        return args.do(args) or 0
    except InputError as mistake:
        print(f"ucmt-lite: {mistake}", file=sys.stderr)
        return mistake.status
    except PermissionError as refusal:
        print(
            f"ucmt-lite: {refusal.filename or 'A file'}: {refusal.strerror or refusal}, so it can"
            " be neither read nor written: choose another place, or ask for the rights.",
            file=sys.stderr,
        )
        return 2
    except FloatingPointError as failure:
        print(f"ucmt-lite: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        hint = ""
        if resumes:
            hint = "; a run goes on from its last checkpoint when the same command is given again"
        print(f"\nucmt-lite: stopped{hint}.", file=sys.stderr)
        return 130


def _nobody_reads() -> bool:
    """Return whether whoever read stdout or stderr has left; silence what has nobody to read it."""
    if sys.platform == "win32":  # which cannot be asked
        return False
    watch = select.poll()
    for stream in (sys.stdout, sys.stderr):
        watch.register(stream.fileno(), select.POLLOUT)
    left = [number for number, event in watch.poll(0) if event & (select.POLLERR | select.POLLHUP)]
    with open(os.devnull, "w") as nowhere:
        for number in left:
            os.dup2(nowhere.fileno(), number)
    return bool(left)


def _print_any_name() -> None:
    """Let names be printed that the terminal's code page lacks, as backslashes and numbers."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # notebooks and tests put others in their place
            stream.reconfigure(errors="backslashreplace")


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands and their options."""
    top = argparse.ArgumentParser(
        prog="ucmt-lite",
        description="Semi-supervised medical image segmentation, to learn and to experiment with.",
    )
    top.add_argument("--version", action="version", version=f"ucmt-lite {__version__}")
    top.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        help="print the script by which this shell completes commands and options",
    )
    top.set_defaults(resumes=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    runs.add_run(commands)
    runs.add_sweep(commands)
    networks.add_predict(commands)
    networks.add_export(commands)
    tables.add_report(commands)
    tables.add_table(commands)
    tables.add_calibration(commands)
    kit.add_data(commands)
    kit.add_course(commands)
    teach.add_teach(commands)
    kit.add_dashboard(commands)
    kit.add_doctor(commands)
    return top
