"""True masks of the images that are predicted: found by name, and read as those of a set are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ucmt_lite.common import InputError
from ucmt_lite.data.files import walk_files
from ucmt_lite.data.layouts import bare_image_name, split_mask_word
from ucmt_lite.data.masks import CodedMask, Meaning, decide_meaning
from ucmt_lite.data.pictures import decode_mask
from ucmt_lite.predict import formats
from ucmt_lite.predict.jobs import Job, image_stem


@dataclass(frozen=True)
class Truths:
    """The true masks by their image's key, and what their values mean, decided for all of them."""

    files: Mapping[str, Path]
    classes: Sequence[str]
    meaning: Meaning
    note: str = ""  # where images and masks are left over on both sides

    def read(self, key: str, image: Path) -> NDArray[np.uint8]:
        """Return the class indices of the mask of an image, with that image's axes."""
        return self.meaning.indices(_decoded(self.files[key], image, len(self.classes)))


def find_truths(
    folder: Path, jobs: Sequence[Job], classes: Sequence[str], learned: Mapping[str, Any] | None
) -> Truths:
    """Find the true masks in a folder; at least one image must have one of its name.

    Their values mean what they meant in the masks that were learned from (`Meaning.as_dict`), if
    that is known and knows them all; else what all of them together show.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder '{folder}' of masks: check the path.")
    by_key = _by_key(folder, {file.resolve() for job in jobs for file in job.files})
    folders = Counter(_folder_of(job) for job in jobs)
    several = {}
    for job in jobs:
        names = [job.key, _bare(job.key)]
        if folders[_folder_of(job)] == 1:  # a folder a case: image.png and mask.png
            names.append(_folder_of(job))
        if found := next((by_key[name] for name in names if name in by_key), []):
            several[job.key] = found
    for key, (first, *others) in several.items():
        if others:
            raise InputError(
                f"Image '{key}' has several masks in '{folder}' ({first.name}, {others[0].name}):"
                " keep the one that is true, or join them in one."
            )
    files = {key: first for key, (first,) in several.items()}
    if not files:
        raise InputError(
            f"No image has a mask in '{folder}': name the masks as the images, such as"
            f" {jobs[0].mask}."
        )
    seen = list(_seen(files.values(), len(classes)))
    meaning = Meaning.of_dict(learned) if learned else Meaning()
    if not learned or not meaning.fits(seen):
        meaning = decide_meaning(seen, classes)
    left_over = {file for found in by_key.values() for file in found} - set(files.values())
    without = [job for job in jobs if job.key not in files]
    note = ""
    if left_over and without:
        note = (
            f"{len(without)} of {len(jobs)} images have no mask in '{folder}' (first"
            f" {without[0].image.name}), and {len(left_over)} masks there no image (first"
            f" {min(left_over).name}): check that the two are numbered alike."
        )
    return Truths(files, classes, meaning, note)


def _folder_of(job: Job) -> str:
    return Path(job.key).parent.as_posix()


def _bare(key: str) -> str:
    """Return a key without what only says that it is an image's: c1 of c1_0000, as in nnU-Net."""
    place = Path(key)
    return (place.parent / bare_image_name(place.name)).as_posix()


def _by_key(folder: Path, images: Collection[Path]) -> dict[str, list[Path]]:
    """Return the files below a folder by their place in it, without ending.

    Images that lie there, too, are no masks; but an HDF5 file holds both.
    """
    whole: dict[str, list[Path]] = defaultdict(list)
    bare: dict[str, list[Path]] = defaultdict(list)
    for file in walk_files(folder):
        if not formats.ending_of_image(file):
            continue
        if file.resolve() in images and formats.kind_of(file) != "hdf5":
            continue
        parent, stem = file.relative_to(folder).parent, image_stem(file)
        whole[(parent / stem).as_posix()].append(file)
        if split_mask_word(stem)[1]:
            bare[(parent / split_mask_word(stem)[0]).as_posix()].append(file)
    # A mask's own ending, as in lesion1_segmentation.png, counts less than a whole name.
    return bare | whole


def _seen(files: Iterable[Path], classes: int) -> Iterator[CodedMask]:
    """Yield what each mask shows, without its pixels; one that cannot be read is told later."""
    nothing = np.zeros(0, np.uint8)
    for file in files:
        try:
            yield _decoded(file, file, classes)._replace(codes=nothing)
        except InputError:  # it is read again, and told, when its image is scored
            continue


def _decoded(file: Path, image: Path, classes: int) -> CodedMask:
    """Read a mask as the readers of data sets do."""
    if formats.kind_of(file) == "picture":
        return decode_mask(file, str(file), classes)
    return decode_mask(formats.read_mask_values(file, image), str(file), classes)
