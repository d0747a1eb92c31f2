"""`ucmt-lite teach`: the exit quiz, slides, tasks and assignments of a class."""

import argparse
from typing import Any


def add_teach(commands: Any) -> None:
    """`ucmt-lite teach` and its commands."""
    command = commands.add_parser(
        "teach", help="what a class needs: quiz, slides, tasks to set, assignments to grade"
    )
    actions = command.add_subparsers(required=True, metavar="WHAT")
    _add_quiz(actions)


def _add_quiz(actions: Any) -> None:
    quiz = actions.add_parser("quiz", help="mark the exit quiz (teaching/exit_quiz.md) of a class")
    quiz.add_argument(
        "answers",
        metavar="FILE",
        help="CSV, a student a line: name, then the letters, in one cell or one each",
    )
    quiz.set_defaults(do=_do_quiz)


def _do_quiz(args: argparse.Namespace) -> None:
    """`ucmt-lite teach quiz`."""
    from ucmt_lite.course.teach_quiz import class_in_words, exit_answers, read_class

    answers = exit_answers()
    print(class_in_words(read_class(args.answers, answers), answers))
