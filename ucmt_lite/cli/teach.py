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
    _add_task(actions)
    _add_export(actions)


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


def _add_task(actions: Any) -> None:
    task = actions.add_parser(
        "task", help="draw unpublished tasks by a number: a sheet for students, and the answers"
    )
    task.add_argument("--seed", type=int, required=True, metavar="N", help="the number")
    task.add_argument(
        "--kind",
        action="append",
        metavar="NAME",
        help="leak, mix, threshold or verdict; may be given again; all where none is",
    )
    task.add_argument("--out", default="runs/tasks", metavar="DIR", help="where they are left")
    task.set_defaults(do=_do_task)


def _do_task(args: argparse.Namespace) -> None:
    """`ucmt-lite teach task`."""
    from ucmt_lite.course.teach_tasks import write_task

    sheet, key = write_task(args.seed, args.kind, args.out)
    print(f"{sheet} is for students, {key} for you.")


def _add_export(actions: Any) -> None:
    export = actions.add_parser(
        "export", help="write the exercises of lessons as assignments for nbgrader or Otter"
    )
    export.add_argument("lessons", nargs="*", help="names of lessons; all where none is named")
    export.add_argument("--to", required=True, metavar="GRADER", help="nbgrader or otter")
    export.add_argument("--out", required=True, metavar="DIR", help="where they are left")
    export.set_defaults(do=_do_export)


def _do_export(args: argparse.Namespace) -> None:
    """`ucmt-lite teach export`."""
    from ucmt_lite.course.teach_export import NEXT, export_lessons

    written = export_lessons(args.lessons or None, args.to, args.out)
    print(*written, sep="\n")
    print(NEXT[args.to])
