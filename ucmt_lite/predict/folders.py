"""Masks for files and whole folders, in the format, at the size and in the place of each image."""

from __future__ import annotations

import csv
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ucmt_lite.common import InputError, atomic, missing_memory
from ucmt_lite.data.pictures import look_at_pair
from ucmt_lite.data.remarks import tell_remarks
from ucmt_lite.predict import formats, metrics
from ucmt_lite.predict.dicom import series_to_nifti
from ucmt_lite.predict.jobs import Job, find_jobs
from ucmt_lite.predict.overlays import with_outline
from ucmt_lite.predict.segmenter import Segmenter
from ucmt_lite.predict.truths import Truths, find_truths
from ucmt_lite.predict.written import Written

# What may be left beside the masks, each in a folder of its own below that of the masks.
_UNCERTAINTY = "uncertainty"
_PROBABILITIES = "probabilities"
_PICTURES = "pictures"
_SCORES = "scores.csv"


@dataclass(frozen=True)
class PredictedFile:
    """What became of one image: its mask, and its Dice where the truth is given; or an error."""

    image: Path
    mask: Path
    dice: tuple[float, ...] = ()  # of each foreground class
    scores: dict[str, list[float]] = field(default_factory=dict, repr=False)
    error: str = ""
    is_strange: bool = False  # grey, for a network that learned from colour
    remark: str = ""  # a key of `ucmt_lite.data.remarks.SENTENCES`, on the image and its truth


@dataclass(frozen=True)
class Predictions:
    """What became of all files: a row for each, and the files passed over, by their ending."""

    files: tuple[PredictedFile, ...]
    passed_over: dict[str, int]
    classes: tuple[str, ...]
    truths_are: str = ""  # how true masks were read and found, where there is something to say

    @property
    def failed(self) -> list[PredictedFile]:
        """The files that have no mask, or could not be scored."""
        return [row for row in self.files if row.error]

    @property
    def remarks(self) -> list[str]:
        """What masks alone do not tell."""
        about_truths = {str(row.image): row.remark for row in self.files if row.remark}
        told = [self.truths_are] if self.truths_are else []
        return [*self._strange(), *told, *tell_remarks(about_truths)]

    def _strange(self) -> list[str]:
        strange = [row for row in self.files if row.is_strange and not row.error]
        if not strange:
            return []
        are = "image is" if len(self.files) == 1 else "images are"
        return [
            f"{len(strange)} of {len(self.files)} {are} grey (first {strange[0].image}), and the"
            " network learned from colour: look at such a mask before you believe it, or train on"
            " images of this kind."
        ]

    @property
    def summary(self) -> dict:
        """The mean scores (`metrics.summary`) of the files whose truth is given; else empty."""
        scored = [row.scores for row in self.files if row.scores]
        return metrics.summary(scored) if scored else {}


@dataclass(frozen=True)
class _Wanted:
    """What to leave for every image."""

    out: Path
    extras: frozenset[str]
    truths: Truths | None
    axis: int | None
    overlap: float
    written: Written

    def targets(self, job: Job) -> list[Path]:
        """Return the files that an image becomes."""
        return [self.out / job.mask, *(_beside(job, extra, self) for extra in sorted(self.extras))]


def predict_files(
    segmenter: Segmenter,
    images: str | os.PathLike | Iterable[str | os.PathLike],
    out: str | os.PathLike,
    *,
    uncertainty: bool = False,
    probabilities: bool = False,
    pictures: bool = False,
    masks: str | os.PathLike | None = None,
    axis: int | None = None,
    overlap: float = 0.5,
    progress: bool = False,
) -> Predictions:
    """Segment files and folders, and write a mask for each image below the folder `out`.

    Pictures get a PNG whose palette shows the class indices; NIfTI files a file with their own
    affine and header; HDF5 files one with the key `label`; NumPy files one of their kind; a DICOM
    series (a folder of slices) a NIfTI file. All are at the image's own size, and stand below `out`
    as the images do below their folder. A folder with `images/` in it stands for that folder.

    On demand, each in a folder below `out`: `uncertainty`, maps of the entropy in nats (in a PNG,
    255 stands for ln K); `probabilities`, npz files with `probabilities` (float16 `K *S`) and
    `classes`; `pictures`, PNG files of the image and of the image with its mask's outlines. `masks`
    is a folder with true masks of the images' names, or with masks/ in it; Dice then stands in
    `out/scores.csv`. A 2D network goes through a volume slice by slice, along `axis` or, if None,
    as `slice_axis` says.
    `overlap` is what neighbouring windows of a 3D network share of a side. `progress` shows a bar.

    An image that cannot be read or segmented has an `error`, one sentence, and the others go on.
    A mask appears whole or not at all. Files of an earlier call are replaced, others never: what
    was written stands, with its content's SHA-256, in `out/.predicted.sha256`. Raises InputError
    where there is nothing to segment, where two images would have one mask or one would be written
    over any other file, and where `out` cannot be written.
    """
    from tqdm.auto import tqdm

    names = [images] if isinstance(images, (str, os.PathLike)) else list(images)
    inputs, out = [Path(name) for name in names], Path(out)
    truth_folder = None if masks is None else _folder_of_masks(Path(masks))
    jobs, passed_over = find_jobs(inputs, out, truth_folder)
    flags = {_UNCERTAINTY: uncertainty, _PROBABILITIES: probabilities, _PICTURES: pictures}
    extras = frozenset(name for name, flag in flags.items() if flag)
    classes = tuple(segmenter.card["classes"])
    learned = segmenter.card.get("mask_values")
    truths = None if truth_folder is None else find_truths(truth_folder, jobs, classes, learned)
    wanted = _Wanted(out, extras, truths, axis, overlap, Written(out))
    _check_targets(jobs, wanted)
    bar = tqdm(jobs, desc="predicting", leave=False, disable=None if progress else True)
    rows = [_predict_or_tell(segmenter, job, wanted) for job in bar]
    if truths is not None:
        _write_scores(rows, classes, out)
        wanted.written.add([out / _SCORES])
    truths_are = " ".join(filter(None, [truths.meaning.sentence, truths.note])) if truths else ""
    return Predictions(tuple(rows), passed_over, classes, truths_are)


def slice_axis(shape: Sequence[int], spacing: Sequence[float] = ()) -> int:
    """Return the axis along which the slices of a volume lie.

    That of the widest spacing; where it is unknown or the same for two axes, that of the fewest
    slices, the last of several.

    >>> slice_axis((10, 256, 216)), slice_axis((112, 112, 80)), slice_axis((64, 64, 64))
    (0, 2, 2)
    >>> slice_axis((40, 30, 50), (1.0, 1.0, 5.0))
    2
    """
    if spacing and sum(math.isclose(mm, max(spacing)) for mm in spacing) == 1:
        return int(np.argmax(spacing))
    return max(range(len(shape)), key=lambda axis: (-shape[axis], axis))


def _folder_of_masks(folder: Path) -> Path:
    """Return the folder masks/ of a set, where the set is given."""
    return folder / "masks" if (folder / "masks").is_dir() else folder


def _check_targets(jobs: Sequence[Job], wanted: _Wanted) -> None:
    """Refuse two images with one mask, and to write over what an earlier call has not written."""
    taken: dict[Path, Path] = {}
    sources = {file.resolve() for job in jobs for file in job.files}
    truths = {file.resolve() for file in wanted.truths.files.values()} if wanted.truths else set()
    for job in jobs:
        for target in wanted.targets(job):
            if target.resolve() in sources:
                raise InputError(f"{target} is an image itself: choose another folder with --out.")
            if target.resolve() in truths:
                raise InputError(
                    f"{target} is a true mask, which would be overwritten: choose another folder"
                    " with --out."
                )
            other = taken.setdefault(target, job.image)
            if other is not job.image:
                raise InputError(
                    f"'{other}' and '{job.image}' would both be written to {target}: rename one, or"
                    " predict them into two folders."
                )
    scores = [wanted.out / _SCORES] if wanted.truths else []
    for target in (*taken, *scores):
        if target.exists() and not wanted.written.has(target):
            raise InputError(
                f"{target} is there already, and is not as this command has written it: choose"
                " another folder with --out, or move the file away."
            )


def _beside(job: Job, extra: str, wanted: _Wanted) -> Path:
    """Return where a map, probabilities or the picture of an image go."""
    names = {
        _UNCERTAINTY: job.mask,
        _PROBABILITIES: f"{job.key}.npz",
        _PICTURES: f"{job.key}.png",
    }
    return wanted.out / extra / names[extra]


def _predict_or_tell(segmenter: Segmenter, job: Job, wanted: _Wanted) -> PredictedFile:
    """Predict one image; what is wrong with it is kept as a sentence."""
    target = wanted.out / job.mask
    try:
        with _readable(job) as image:
            mask = _predict(segmenter, job, image, wanted)
            wanted.written.add(wanted.targets(job))
            learned_from_colour = segmenter.card["in_channels"] == 3
            is_strange = learned_from_colour and formats.is_grey(image, mask.ndim)
            row = PredictedFile(job.image, target, is_strange=is_strange)
            return _scored(row, job, image, mask, wanted, len(segmenter.card["classes"]))
    except (MemoryError, RuntimeError) as cause:
        if not (memory := missing_memory(cause)):
            raise
        sentence = (
            f"There is too little memory for '{job.image}' ({memory}): close other programs, or"
            " predict it on its own."
        )
        return PredictedFile(job.image, target, error=sentence)
    except InputError as mistake:
        # A slice is an array to what refuses it; the user knows the file.
        sentence = str(mistake).replace("Image 'array'", f"Image '{job.image}'")
        return PredictedFile(job.image, target, error=sentence)
    except OSError as cause:
        raise InputError(
            f"{wanted.out} cannot be written ({cause.strerror or cause}): choose another folder"
            " with --out."
        ) from None


@contextmanager
def _readable(job: Job) -> Iterator[Path]:
    """Yield the file of an image; a DICOM series becomes a temporary NIfTI file."""
    if not job.is_series:
        yield job.image
        return
    with tempfile.TemporaryDirectory(prefix="ucmt-lite-") as folder:
        path = Path(folder) / "series.nii"
        try:
            series_to_nifti(job.files, path)
            yield path
        except InputError as mistake:  # which may name the temporary file
            raise InputError(str(mistake).replace(str(path), str(job.image))) from mistake


def _predict(segmenter: Segmenter, job: Job, image: Path, wanted: _Wanted) -> NDArray[np.uint8]:
    """Segment one image and write its mask, and what is wanted beside it; return the mask."""
    probs = _softmax_of(segmenter, image, wanted, rows_first=job.is_series)
    mask = probs.argmax(0).astype(np.uint8)
    if _PROBABILITIES in wanted.extras:
        with atomic(_beside(job, _PROBABILITIES, wanted)) as path:
            classes = np.array(segmenter.card["classes"])
            np.savez_compressed(path, probabilities=probs.astype(np.float16), classes=classes)
    if _UNCERTAINTY in wanted.extras:
        entropy = -(probs * np.log(np.clip(probs, 1e-12, None))).sum(0).astype(np.float32)
        path = _beside(job, _UNCERTAINTY, wanted)
        formats.write_map(entropy, image, path, maximum=math.log(len(probs)))
    if _PICTURES in wanted.extras:
        from PIL import Image

        drawn = with_outline(*_plane(image, mask, wanted.axis))
        with atomic(_beside(job, _PICTURES, wanted)) as path:
            Image.fromarray(drawn).save(path, "PNG")
    formats.write_mask(mask, image, wanted.out / job.mask)
    return mask


def _softmax_of(
    segmenter: Segmenter, image: Path, wanted: _Wanted, *, rows_first: bool
) -> NDArray[np.float32]:
    """Return the probabilities `K *S` of an image; a 2D network takes a volume slice by slice.

    Slices are taken with their axes as they are stored; those of a DICOM series with the rows
    first, as its pictures have them.
    """
    kind = formats.kind_of(image)
    if segmenter.card["dims"] == 3 or kind == "picture":
        return segmenter.probabilities(image, overlap=wanted.overlap)
    values = formats.read_values(image)
    may_be_colour = kind != "nifti" and wanted.axis is None
    is_colour = may_be_colour and values.ndim == 3 and values.shape[2] in (3, 4)
    if values.ndim == 2 or is_colour:
        return segmenter.probabilities(values)
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(f"Image '{image}' is {values.shape}: give an image or a volume.")
    if wanted.axis is None and kind != "nifti":
        _check_slices(values.shape, image)
    axis = _checked_axis(wanted.axis, values.shape, image)
    slices = np.moveaxis(values, axis, 0)
    if rows_first:
        slices = slices.swapaxes(1, 2)
    # The float values of a slice that a picture would hold as whole numbers stay whole.
    whole = values.dtype.kind == "f" and bool((values == np.rint(values)).all())
    slices = slices.astype(np.int32) if whole else slices
    probs = np.stack([segmenter.probabilities(part) for part in slices], axis=1)  # K N H W
    return np.moveaxis(probs.swapaxes(2, 3) if rows_first else probs, 1, axis + 1)


def _check_slices(shape: Sequence[int], image: Path) -> None:
    """Refuse three or four slices that may be the channels of one picture."""
    if shape[0] in (3, 4) and min(shape[1:]) >= 16 and not formats.read_spacing(image):
        raise InputError(
            f"Image '{image}' is {tuple(shape)}, which may be one picture with its channels first:"
            " save it as H W 3, or, if these are slices, say axis=0 (--axis 0)."
        )


def _checked_axis(axis: int | None, shape: Sequence[int], image: Path) -> int:
    """Return the axis of the slices: the one asked for, or the one that fits the volume."""
    if axis is None:
        spacing = formats.read_spacing(image)
        return slice_axis(shape, spacing if len(spacing) == len(shape) else ())
    if not 0 <= axis < len(shape):
        raise InputError(f"axis={axis} is none of '{image}', whose axes are 0, 1 and 2: give one.")
    return axis


def _plane(
    image: Path, mask: NDArray[np.uint8], axis: int | None
) -> tuple[NDArray, NDArray[np.uint8]]:
    """Return a picture and its mask; of a volume the slice that shows most of the foreground."""
    values = formats.read_values(image)
    if mask.ndim == 2:
        return values, mask
    axis = _checked_axis(axis, mask.shape, image)
    shown = np.moveaxis(mask, axis, 0)
    areas = (shown > 0).sum((1, 2))
    index = int(areas.argmax()) if areas.any() else len(areas) // 2
    return np.moveaxis(values, axis, 0)[index].T, shown[index].T


def _scored(
    row: PredictedFile,
    job: Job,
    image: Path,
    mask: NDArray[np.uint8],
    wanted: _Wanted,
    classes: int,
) -> PredictedFile:
    """Return the row of an image with its Dice, where its truth is given."""
    if wanted.truths is None or job.key not in wanted.truths.files:
        return row
    file = wanted.truths.files[job.key]
    remark = ""
    if formats.kind_of(file) == formats.kind_of(image) == "picture":
        _, remark = look_at_pair(image, [file], job.key)
    truth = wanted.truths.read(job.key, image)
    if truth.shape != mask.shape:
        raise InputError(
            f"Mask '{file}' is {truth.shape} but its image is {mask.shape}: save both at one size."
        )
    scores = metrics.scores(mask, truth, classes, distances=False)
    return replace(row, dice=tuple(scores["dice"]), scores=scores, remark=remark)


def _write_scores(rows: Sequence[PredictedFile], classes: Sequence[str], out: Path) -> None:
    """Write the Dice of every file whose truth is given: a row per file, a column per class."""
    with atomic(out / _SCORES) as path, path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["mask", *(f"dice {name}" for name in classes[1:])])
        for row in rows:
            if not row.dice:
                continue
            place = row.mask.relative_to(out).as_posix()
            table.writerow([place, *(f"{value:.4f}" for value in row.dice)])
