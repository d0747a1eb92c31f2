"""`ucmt-lite predict` and `ucmt-lite export`: what a trained network is for."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucmt_lite.cli.options import expand
from ucmt_lite.common import InputError, plain

if TYPE_CHECKING:
    from ucmt_lite.predict.folders import Predictions

_NETWORK = "RUN/teacher.safetensors, or the folder RUN of a finished run"

# What a prediction leaves beside masks, on demand.
_EXTRAS = {
    "uncertainty": "maps of the entropy",
    "probabilities": "as npz (float16)",
    "pictures": "images with outlines as PNG",
}


def add_predict(commands: Any) -> None:
    """`ucmt-lite predict` and its options."""
    command = commands.add_parser(
        "predict",
        help="segment images, folders of images and volumes with a trained network",
        description=(
            "Leave a mask for each image, in its format: PNG with a palette, NIfTI with the image's"
            " affine and header, HDF5 with the key label. An image that cannot be read is told, the"
            " others go on, and the status is 1."
        ),
    )
    command.add_argument("network", metavar="NET", help=_NETWORK)
    command.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="PNG, JPEG, BMP, TIFF, NIfTI, HDF5, NumPy or DICOM files, or folders of them",
    )
    command.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder for the masks; those of an earlier call are replaced, other files never",
    )
    command.add_argument(
        "--masks", metavar="DIR", help="true masks of the same names: print Dice, and scores.csv"
    )
    for extra, meaning in _EXTRAS.items():
        command.add_argument(f"--{extra}", action="store_true", help=f"also DIR/{extra}, {meaning}")
    command.add_argument(
        "--axis",
        type=int,
        metavar="N",
        help="the axis along which a 2D network takes a volume slice by slice (the coarsest)",
    )
    command.add_argument(
        "--overlap",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of a side, that neighbouring windows of a 3D network have in common (0.5)",
    )
    _add_device(command)
    command.add_argument("--quiet", action="store_true", help="print nothing but what is wrong")
    command.add_argument("--json", action="store_true", help="print what is left as one JSON line")
    command.set_defaults(do=_do_predict)


def add_export(commands: Any) -> None:
    """`ucmt-lite export` and its options."""
    command = commands.add_parser(
        "export", help="write a trained network as ONNX, checked against torch"
    )
    command.add_argument("network", metavar="NET", help=_NETWORK)
    command.add_argument("file", metavar="FILE", help="the file to write, NAME.onnx")
    command.set_defaults(do=_do_export)


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", metavar="STR", help="cpu, cuda, mps or auto")


def _network_file(name: str) -> Path:
    """Return the file of a network that was named, or whose run was."""
    path = Path(name)
    return path / "teacher.safetensors" if path.is_dir() else path


def _do_predict(args: argparse.Namespace) -> int:
    """`ucmt-lite predict`."""
    from ucmt_lite.predict import load_segmenter, predict_files
    from ucmt_lite.training.devices import choose_device

    if args.quiet and args.json:
        raise InputError("--quiet prints nothing and --json one line: give one of the two.")
    segmenter = load_segmenter(_network_file(args.network), device=choose_device(args.device))
    done = predict_files(
        segmenter,
        expand(args.images),
        args.out,
        uncertainty=args.uncertainty,
        probabilities=args.probabilities,
        pictures=args.pictures,
        masks=args.masks,
        axis=args.axis,
        overlap=args.overlap,
        progress=not (args.quiet or args.json),
    )
    for row in done.failed:
        print(f"ucmt-lite: {row.error}", file=sys.stderr)
    if args.json:
        print(_as_json(done))
    elif not args.quiet:
        print(_as_text(done, args.out))
    return 1 if done.failed else 0


def _as_json(done: "Predictions") -> str:
    """Return the files and their scores as one line."""
    files = [
        {"image": row.image, "mask": row.mask, "dice": row.dice, "error": row.error}
        for row in done.files
    ]
    return json.dumps(
        plain(
            {
                "classes": done.classes,
                "files": files,
                "scores": done.summary,
                "remarks": done.remarks,
            }
        ),
        allow_nan=False,
    )


def _as_text(done: "Predictions", out: str) -> str:
    """Return how many masks there are, what was passed over, and the mean Dice of each class."""
    lines = [f"{len(done.files) - len(done.failed)} of {len(done.files)} images: masks in {out}"]
    if done.passed_over:
        endings = ", ".join(f"{count} {ending}" for ending, count in done.passed_over.items())
        lines.append(f"Passed over, since they are no images: {endings}")
    lines += done.remarks
    scores = done.summary
    if scores:
        count = sum(1 for row in done.files if row.dice)
        lines.append(f"Dice over the {count} images whose mask is given (scores.csv has each):")
        per_class = zip(
            done.classes[1:],
            scores["dice_per_class"],
            scores["dice_present_per_class"],
            strict=True,
        )
        for name, dice, present in per_class:
            lines.append(f"  {name} {dice:.3f}, over those that show it {present:.3f}")
    return "\n".join(lines)


def _do_export(args: argparse.Namespace) -> None:
    """`ucmt-lite export`."""
    from ucmt_lite.nets import ForeignNet, reason
    from ucmt_lite.predict import load_segmenter, to_onnx

    segmenter = load_segmenter(_network_file(args.network))
    try:
        difference = to_onnx(segmenter, args.file)
    except InputError:
        raise
    except Exception as cause:  # whatever exporter and runtime raise at what they cannot do
        if not isinstance(segmenter.net, ForeignNet):
            raise
        raise InputError(
            f"{segmenter.card['network']} cannot be written as ONNX"
            f" ({reason(cause)}): choose another network for that."
        ) from None
    print(f"{args.file} gives torch's probabilities, up to {difference:.1e}.")
