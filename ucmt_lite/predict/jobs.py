"""Which files are images to segment, where their masks go, and which true masks belong to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ucmt_lite.common import InputError
from ucmt_lite.data.layouts import split_mask_ending
from ucmt_lite.predict import formats
from ucmt_lite.predict.dicom import is_dicom


@dataclass(frozen=True)
class Job:
    """One image on its way to a mask: its files, and where the mask goes below `out`."""

    image: Path
    files: tuple[Path, ...]  # the slices of a DICOM series; else the image alone
    key: str  # its place in the folder, without ending: what its truth is found by
    mask: str
    is_series: bool = False  # of DICOM


def find_jobs(
    inputs: Sequence[Path], out: Path, truths: Path | None
) -> tuple[list[Job], dict[str, int]]:
    """List the images in files and folders, and count by ending the files that are none."""
    jobs: list[Job] = []
    passed_over: Counter[str] = Counter()
    for name in inputs:
        if name.is_dir():
            folder = name / "images" if (name / "images").is_dir() else name
            apart = [out] if truths is None else [out, truths]
            jobs += _folder_jobs(folder, apart, passed_over)
        elif name.is_file():
            jobs.append(_file_job(name, name.name))
        else:
            raise InputError(f"There is no file or folder '{name}': check the path.")
    if not jobs:
        listed = ", ".join(str(name) for name in inputs)
        raise InputError(
            f"{listed} holds no images: give PNG, JPEG, BMP, TIFF, NIfTI, .h5 or .npy files, or"
            " DICOM series."
        )
    return jobs, dict(passed_over)


def _folder_jobs(folder: Path, apart: Sequence[Path], passed_over: Counter[str]) -> Iterator[Job]:
    """Yield the images below a folder, but not what lies in the folders `apart`."""
    skipped = {path.resolve() for path in apart} - {folder.resolve()}
    series: dict[Path, list[Path]] = {}
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    stems = {file.parent / _stem(file) for file in files}
    for file in files:
        place = file.relative_to(folder)
        hidden = any(part.startswith(".") for part in place.parts)
        if hidden or skipped & set(file.resolve().parents):
            continue
        stem, ending = split_mask_ending(_stem(file))
        if formats.ending_of_image(file) and not (ending and file.parent / stem in stems):
            yield _file_job(file, place.as_posix())
        elif is_dicom(file):
            series.setdefault(file.parent, []).append(file)
        else:
            passed_over[file.suffix.lower() or file.name] += 1
    for parent, slices in series.items():
        place = parent.relative_to(folder)
        key = place.as_posix() if place.parts else parent.resolve().name
        yield Job(parent, tuple(slices), key, f"{key}.nii.gz", is_series=True)


def _file_job(file: Path, place: str) -> Job:
    """Return the job of one file, which stands at `place` below the folder that was given."""
    ending = formats.ending_of_image(file)
    if ending:
        return Job(file, (file,), place[: -len(ending)], formats.mask_name(place, ending))
    if is_dicom(file):
        key = place.removesuffix(file.suffix)
        return Job(file, (file,), key, f"{key}.nii.gz", is_series=True)
    raise InputError(
        f"'{file}' is no kind of image read here: give PNG, JPEG, BMP, TIFF, NIfTI, .h5, .npy or"
        " DICOM."
    )


def _stem(file: Path) -> str:
    """Return the name of a file without the ending of an image."""
    ending = formats.ending_of_image(file)
    return file.name[: -len(ending)] if ending else file.name


def find_truths(folder: Path, jobs: Sequence[Job]) -> dict[str, Path]:
    """Return the true masks in a folder by their image's key; at least one image must have one."""
    if not folder.is_dir():
        raise InputError(f"There is no folder '{folder}' of masks: check the path.")
    truths: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        if not formats.ending_of_image(file) or file.name.startswith("."):
            continue
        parent = file.relative_to(folder).parent
        truths[(parent / _stem(file)).as_posix()] = file
        # A mask's own ending, as in lesion1_segmentation.png, counts less than a whole name.
        truths.setdefault((parent / split_mask_ending(_stem(file))[0]).as_posix(), file)
    if not any(job.key in truths for job in jobs):
        raise InputError(
            f"No image has a mask in '{folder}': name the masks as the images, such as"
            f" {jobs[0].key}.png."
        )
    return truths
