"""Which files are images to segment, and where their masks go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ucmt_lite.common import InputError
from ucmt_lite.data.files import ending_of, walk_files
from ucmt_lite.data.layouts import lies_among_masks, split_mask_word
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
    """Yield the images below a folder, but no masks, and not what lies in the folders `apart`."""
    here = folder.resolve()
    skipped = {path.resolve() for path in apart} - {here, *here.parents}
    series: dict[Path, list[Path]] = {}
    files = walk_files(folder)
    stems = {file.parent / image_stem(file) for file in files}
    in_folder = Counter(file.parent for file in files if formats.ending_of_image(file))
    for file in files:
        place = file.relative_to(folder)
        if skipped & set(file.resolve().parents):
            continue
        stem, ending = split_mask_word(image_stem(file))
        beside = file.parent / stem in stems if stem else in_folder[file.parent] > 1
        is_mask = bool(ending) and beside or lies_among_masks(folder, file)
        if formats.ending_of_image(file) and not is_mask:
            yield _file_job(file, place.as_posix())
        elif is_dicom(file):
            series.setdefault(file.parent, []).append(file)
        else:
            passed_over[ending_of(file) or file.name] += 1
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


def image_stem(file: Path) -> str:
    """Return the name of a file without the ending of an image."""
    ending = formats.ending_of_image(file)
    return file.name[: -len(ending)] if ending else file.name
