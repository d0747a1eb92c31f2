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
    _add_slides(actions)


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


def _add_slides(actions: Any) -> None:
    slides = actions.add_parser(
        "slides", help="make slides of the executed lessons: HTML that needs no network, and PDF"
    )
    slides.add_argument("lessons", nargs="*", help="names of lessons; all where none is named")
    slides.add_argument("--out", default="runs/slides", metavar="DIR", help="where they are left")
    slides.set_defaults(do=_do_slides)


def _do_slides(args: argparse.Namespace) -> None:
    """`ucmt-lite teach slides`."""
    from ucmt_lite.course.teach_slides import find_browser, print_slides, write_slides

    pages = write_slides(args.lessons or None, args.out)
    print(*pages, sep="\n")
    browser = find_browser()
    if browser:
        print(*print_slides(pages, browser), sep="\n")
    else:
        print(
            "No PDF: there is no Chromium or Chrome here, so open the slides in a browser and print"
            " them."
        )
