"""`ucmt-lite data`, `course`, `dashboard` and `doctor`: what the kit holds and shows."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from ucmt_lite.cli.options import expand
from ucmt_lite.common import CLONE, KEPT, InputError, atomic, check_packages
from ucmt_lite.data.readers import READERS
from ucmt_lite.experiments.config import RunConfig

SHOWN = 4  # images that are drawn


def add_data(commands: Any) -> None:
    """`ucmt-lite data` and its options, which mean what they mean to a run."""
    meanings = {item.name: item.metadata["meaning"] for item in dataclasses.fields(RunConfig)}
    command = commands.add_parser(
        "data", help="list the data sets, or load one and say what is in it"
    )
    command.add_argument("name", nargs="?", help=meanings["dataset"])
    command.add_argument("--data", default="", metavar="DIR", help=meanings["data"])
    command.add_argument("--size", type=int, default=64, metavar="N", help=meanings["size"])
    command.add_argument("--classes", type=int, default=2, metavar="N", help=meanings["classes"])
    command.add_argument("--group", default="", metavar="REGEX", help=meanings["group"])
    command.add_argument(
        "--picture",
        metavar="FILE",
        help="also draw a few images with their masks, and the views training makes, as PNG",
    )
    command.add_argument(
        "--download",
        action="store_true",
        help="fetch the official archive into DIR where it may be fetched",
    )
    command.set_defaults(do=_do_data)


def _do_data(args: argparse.Namespace) -> None:
    """`ucmt-lite data`."""
    from ucmt_lite.data import CATALOGUE, PHANTOMS, load, takes_size
    from ucmt_lite.data.survey import survey
    from ucmt_lite.experiments.first_run import first_run

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
    source = load(
        args.name,
        root=args.data or None,
        size=size,
        classes=args.classes,
        group=args.group,
        download=args.download,
    )
    print("\n".join(survey(source)))
    print(f"To begin with: {first_run(source, args.data or '', args.group)}")
    if args.picture:
        _draw_picture(source, size, Path(args.picture))


def _draw_picture(source: Any, size: int | None, file: Path) -> None:
    """Draw some training images, from all over the set, as training sees them; whole or not."""
    from ucmt_lite.data import cases
    from ucmt_lite.data.shrink import shrink, shrink_factor, whole_patch
    from ucmt_lite.data.source import own_sizes
    from ucmt_lite.data.views import strength_of
    from ucmt_lite.explore.draw.views import draw_views

    split = source.splits["train"]
    masked = split["has_mask"] if "has_mask" in split.column_names else [True] * len(split)
    rows = [i for i, has_mask in enumerate(masked) if has_mask]
    split = split.select(rows[:: max(1, len(rows) // SHOWN)][:SHOWN])
    few = cases(split, size=size)
    sizes = own_sizes(split) or [mask.shape for mask in few.masks]
    patch = None
    if source.dims == 3:
        few = shrink(few, shrink_factor(sizes))
        patch = whole_patch(few)
    strength = strength_of(source.dims)
    picture = draw_views(few, strength, patch=patch, classes=source.classes, sizes=sizes)
    with atomic(file) as temporary:
        # Not `picture.png()`, which keeps 256 colours to be small in a notebook.
        picture.figure.savefig(temporary, format="png", dpi=120)
    print(f"{file}: {picture.alt}")


ACTIONS = ("run", "build", "check", "record", "renew")


def add_course(commands: Any) -> None:
    """`ucmt-lite course` and its options."""
    command = commands.add_parser(
        "course",
        help=(
            "run the lessons in their quick profile; build or check the notebooks; record their"
            " traces; renew the note that their Chinese is up to date"
        ),
    )
    command.add_argument(
        "words",
        nargs="*",
        metavar="run|build|check|record|renew, LESSON",
        help="what to do (run, where it is left out), and lessons (traces, for record) if not all",
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
        "--measure",
        action="store_true",
        help="write the seconds and the memory that each lesson took into times.json",
    )
    command.set_defaults(do=_do_course)


def _do_course(args: argparse.Namespace) -> int:
    """`ucmt-lite course`."""
    from ucmt_lite.course import build as course
    from ucmt_lite.course.notebooks import LAB
    from ucmt_lite.experiments.recordings import record

    check_packages("The course", "lab", LAB)
    action, names = "run", list(args.words)
    if names and names[0] in ACTIONS:
        action = names.pop(0)
    if action in ("build", "record", "renew") and KEPT != CLONE:
        raise InputError(
            f"`ucmt-lite course {action}` writes into a clone of the repository: run it there."
        )
    if action == "build":
        built = course.build_notebooks(names, force=args.force, measure=args.measure)
        print(f"Executed {', '.join(built) or 'nothing: all notebooks are fresh'}.")
        return 0
    if action == "renew":
        renewed = course.renew_translations(names)
        print("\n".join(renewed) or "Nothing to renew: the Chinese is as new as the English.")
        return 0
    if action == "record":
        recorded = record(names, args.force)
        print(f"Recorded {', '.join(recorded) or 'nothing: all traces are as planned'}.")
        return 0
    if action == "check":
        faults = course.check_notebooks(names=names)
        print("\n".join(faults) or "All notebooks are fresh.")
        return 1 if faults else 0
    return course.run_all(args.profile, args.out, names)


def add_dashboard(commands: Any) -> None:
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


def _do_dashboard(args: argparse.Namespace) -> int:
    """`ucmt-lite dashboard`."""
    from ucmt_lite.explore import dashboard

    return dashboard.serve(expand(args.traces), port=args.port, open_browser=not args.no_browser)


def add_doctor(commands: Any) -> None:
    """`ucmt-lite doctor`, which has no options."""
    command = commands.add_parser(
        "doctor", help="check the installation and say how fast this machine trains"
    )
    command.set_defaults(do=_do_doctor)


def _do_doctor(args: argparse.Namespace) -> int:
    """`ucmt-lite doctor`."""
    from ucmt_lite.course import doctor

    return doctor.examine()
