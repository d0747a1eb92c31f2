"""What several commands need: names with stars in them, and what a shell completes."""

import argparse
import glob
import os
from collections.abc import Sequence
from typing import Any

from ucmt_lite.common import InputError

SHELLS = ("bash", "zsh", "tcsh")
_PATHS = ("DIR", "FILE", "NET", "IMAGE", "TRACE", "GRID")  # the metavars that stand for paths


def expand(names: Sequence[str]) -> list[str]:
    """Return names with their stars expanded, which shells other than those of Windows have done.

    A name that exists, or that fits nothing, stays as it is.

    >>> expand(["no such folder/*", "."])
    ['no such folder/*', '.']
    """
    expanded: list[str] = []
    for name in names:
        has_star = any(sign in name for sign in "*?[") and not os.path.exists(name)
        expanded += (sorted(glob.glob(name)) if has_star else []) or [name]
    return expanded


class PrintCompletion(argparse.Action):
    """The option that prints a shell's completion script of the parser it belongs to, and ends."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Print the script and end."""
        try:
            import shtab
        except ImportError:
            raise InputError(
                "--print-completion needs the package shtab: run pip install shtab."
            ) from None
        for action in _all_actions(parser):
            if action.metavar in _PATHS:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, shell=values))
        parser.exit()


def _all_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the options and arguments of a parser and of its commands."""
    actions: list[argparse.Action] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                actions += _all_actions(command)
        else:
            actions.append(action)
    return actions
