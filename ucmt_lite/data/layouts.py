"""What the names of folders and files say: images or masks, and of which split.

Read by folders (`images/` beside `masks/`, `imagesTr/` beside `labelsTr/`, `Original/` beside
`Ground Truth/`) and by names (`a_mask.png`, `mask_001.png`): the layouts that people have.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ucmt_lite.data.files import composed, ending_of

PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_PART = "|".join(PARTS)
# Longer names of the folder of a split: TestDataset, train2017, train_images; and masks_test.
_PART_START = re.compile(rf"^({_PART})_?(?:data)?(?:set)?(?:_?(?:19|20)\d\d)?(?:_(.+))?$")
_PART_ENDING = re.compile(rf"^(.+)_({_PART})$")
# A split as a word of its own somewhere in a name, and what numbers a folder ("a. Training Set").
_PART_WORD = re.compile(rf"(?<![a-z])({_PART})(?![a-z])", re.I)
_COUNTED_FOLDER = re.compile(r"^(\d{1,2}|[a-z])([.)]|[\s_-])[\s_-]*", re.I)
# What else splits are called: told where it is not followed, for an "eval" may be either.
_LIKE_SPLIT = re.compile(
    rf"(?<![a-z])({_PART}|tr|va|ts|eval|evaluation|dev|development|discovery|replication|held_?out)"
    r"[a-c]?(?![a-z])",
    re.I,
)
UNLABELED = {"unlabeled", "unlabelled"}
IMAGE_FOLDERS = {
    *("image", "images", "img", "imgs", "original", "originals", "imagestr", "imagests"),
    *("jpegimages", "isic2018_task1_2_training_input", "input", "inputs", "cxr_png", "imagesva"),
}
# Below a folder of masks these tell one kind of them from another.
_ALSO_OF_MASKS = {"original", "originals", "input", "inputs"}
MASK_FOLDERS = {
    *("mask", "masks", "label", "labels", "gt", "gts", "ground_truth", "groundtruth", "manual"),
    *("annotation", "annotations", "segmentation", "segmentations", "seg", "segs", "target"),
    *("targets", "segmentationclass", "isic2018_task1_training_groundtruth"),
    *("labelstr", "labelsva", "labelsts"),
}
_FOLDER_OF_MASKS = re.compile(
    r"^lesion$|^manual\d$|_(lesion|masks?|labels?|gt|groundtruth|manual\d?)$|(left|right)_?masks?$"
)
_FOLDER_OF_IMAGES = re.compile(r"_(image|images)$")
_FOLDER_PASSED_OVER = re.compile(
    r"_roi$|^(thumb(nail)?s?|previews?|overlays?|visuali[sz]ations?|@eadir)$"
    r"|^pred(iction)?s?(_.+|t[rs]|va)?$"
    r"|^(masks?|labels?|images?)_?(old|backup|bak)$|^segmentationobject$"
)
MASK_ENDING = re.compile(
    r"[_-](segmentation|masks?|labels?|seg|gt|groundtruth|lesion|anno|manual\d?)([_-]?\d+)?$", re.I
)
_MASK_WORDS = "segmentation|masks?|labels?|seg|gt|groundtruth|anno"
_MASK_START = re.compile(rf"^({_MASK_WORDS})[_-]", re.I)
_MASK_ALONE = re.compile(rf"^({_MASK_WORDS})$", re.I)  # one folder a case: image.png, mask.png
MASK_SOMEWHERE = re.compile(rf"(?:^|[\W_])({_MASK_WORDS})(?:$|[\W_])", re.I)
_IMAGE_ENDING = re.compile(r"_(image|images|img|training|test|0000)$", re.I)
_IMAGE_START = re.compile(r"^(image|img|volume|vol)[_-]", re.I)


class FoundFile(NamedTuple):
    """A file of a set: its role, the split whose folder it lies in, the folders besides these."""

    path: Path
    stem: str
    is_mask: bool
    split: str | None
    inner: tuple[str, ...]
    folders: tuple[str, ...]  # all, in lower case
    mask_folder: str  # whose name made it a mask; empty for a mask by its own name
    unlabeled: bool  # in a folder of this name
    is_placed: bool  # the name of a folder made it what it is, not its own

    @property
    def bare(self) -> str:
        """The stem without what names its kind, so that an image's and its mask's are equal."""
        if self.is_mask:
            return _MASK_START.sub("", MASK_ENDING.sub("", self.stem))
        return bare_image_name(self.stem)


def split_mask_word(stem: str) -> tuple[str, str]:
    """Split what names a mask off a file's name, where it ends or begins so, or is nothing else.

    >>> [split_mask_word(stem) for stem in ("lesion1_segmentation", "mask_1", "mask", "lesion1")]
    [('lesion1', '_segmentation'), ('1', 'mask_'), ('', 'mask'), ('lesion1', '')]
    """
    found = MASK_ENDING.search(stem) or _MASK_START.search(stem) or _MASK_ALONE.search(stem)
    return (stem[: found.start()] + stem[found.end() :], found[0]) if found else (stem, "")


def bare_image_name(stem: str) -> str:
    """Return an image's name without what only says that it is one, which its mask does not have.

    >>> bare_image_name("c1_0000"), bare_image_name("img_7"), bare_image_name("c1")
    ('c1', '7', 'c1')
    """
    return _IMAGE_START.sub("", _IMAGE_ENDING.sub("", stem))


def lies_among_masks(root: Path, file: Path) -> bool:
    """Return whether a file below `root` is in a folder of masks, or in one that is passed over.

    >>> lies_among_masks(Path("s"), Path("s/masks/a.png")), lies_among_masks(Path("s"), Path("s/a"))
    (True, False)
    """
    names = [part_of(folder)[0] for folder in file.relative_to(root).parts[:-1]]
    kinds = (_FOLDER_OF_MASKS, _FOLDER_PASSED_OVER)
    return any(name in MASK_FOLDERS or any(kind.search(name) for kind in kinds) for name in names)


def stem_of(file: Path) -> str:
    """Return a file's name without its ending.

    >>> stem_of(Path("c.1.nii.gz")), stem_of(Path("a.png"))
    ('c.1', 'a')
    """
    name = composed(file.name)
    return name[: len(name) - len(ending_of(file))]


def part_of(folder: str) -> tuple[str, str | None]:
    """Return what else the name of a folder says, in small letters, and the split that it names.

    >>> part_of("masks_test"), part_of("Train-Images"), part_of("TestDataset"), part_of("p1")
    (('masks', 'test'), ('images', 'train'), ('', 'test'), ('p1', None))
    """
    folder = re.sub(r"[\s-]+", "_", folder.lower())
    kinds = {"", *IMAGE_FOLDERS, *MASK_FOLDERS}
    start, ending = _PART_START.match(folder), _PART_ENDING.match(folder)
    if start and (start[2] or "") in kinds:
        return start[2] or "", PARTS[start[1]]
    if ending and ending[1] in kinds:
        return ending[1], PARTS[ending[2]]
    return folder, None


def split_folders(folders: Iterable[str]) -> dict[str, str]:
    """Return the split of each folder whose name differs from another's in that word alone.

    >>> split_folders(["ISIC_train", "ISIC_test", "p1"])
    {'ISIC_train': 'train', 'ISIC_test': 'test'}
    >>> split_folders(["a. Training Set", "b. Testing Set", "train_notes"])
    {'a. Training Set': 'train', 'b. Testing Set': 'test'}
    """
    alike: dict[str, dict[str, str]] = defaultdict(dict)
    for folder in folders:
        words = _PART_WORD.findall(folder)
        if len(words) == 1:
            rest = _PART_WORD.sub("*", _COUNTED_FOLDER.sub("", folder)).lower()
            alike[rest][folder] = PARTS[words[0].lower()]
    several = [parts for parts in alike.values() if len(set(parts.values())) > 1]
    return {folder: split for parts in several for folder, split in parts.items()}


def words_of_splits(names: Iterable[str]) -> list[str]:
    """Return what splits may be called in names of folders or files, none where it is one word.

    >>> words_of_splits(["dev/a", "eval/b", "eval/c"]), words_of_splits(["train_1", "train_2"])
    (['dev', 'eval'], [])
    """
    words = {match[0].lower(): match[0] for name in names for match in _LIKE_SPLIT.finditer(name)}
    return sorted(words.values()) if len(words) > 1 else []


def role_of(root: Path, file: Path, splits: Mapping[str, str]) -> FoundFile | None:
    """Say what a file is by its folders, then by its name; None for one that is passed over.

    `splits` are the folders of the set that name one by their difference (`split_folders`).
    """
    folders = file.relative_to(root).parts[:-1]
    split, is_image, mask_folder, unlabeled, inner = None, False, "", False, []
    for folder in folders:
        name, part = part_of(folder)
        part = part or splits.get(folder)
        split = split or part
        if name in UNLABELED:
            unlabeled = True
        elif mask_folder and name in _ALSO_OF_MASKS:
            continue
        elif name in IMAGE_FOLDERS or _FOLDER_OF_IMAGES.search(name):
            is_image, mask_folder = True, ""  # the innermost folder decides
        elif name in MASK_FOLDERS or _FOLDER_OF_MASKS.search(name):
            is_image, mask_folder = False, folder
        elif _FOLDER_PASSED_OVER.search(name):
            return None
        elif not part:
            inner.append(composed(folder))
        if name in ("imagests", "labelsts"):
            split = "test"
        if name in ("imagestr", "labelstr"):
            split = "train"
        if name in ("imagesva", "labelsva"):
            split = "validation"
    stem = stem_of(file)
    named = any(name.search(stem) for name in (MASK_ENDING, _MASK_START, _MASK_ALONE))
    is_mask = bool(mask_folder) or (named and not is_image)
    lower = tuple(folder.lower() for folder in folders)
    is_placed = is_image or bool(mask_folder)
    return FoundFile(
        file, stem, is_mask, split, tuple(inner), lower, mask_folder, unlabeled, is_placed
    )
