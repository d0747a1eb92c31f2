"""Which files of a folder are images, which are their masks: the layouts that people have.

Read by folders (`images/` beside `masks/`, `imagesTr/` beside `labelsTr/`, `Original/` beside
`Ground Truth/`) and by names (`a_mask.png`, `mask_001.png`); pairs are found by name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from ucmt_lite.common import InputError
from ucmt_lite.data.files import composed, ending_of, quantity

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
UNLABELED = {"unlabeled", "unlabelled"}
_IMAGE_FOLDERS = {
    *("image", "images", "img", "imgs", "original", "originals", "imagestr", "imagests"),
    *("jpegimages", "isic2018_task1_2_training_input", "input", "inputs", "cxr_png"),
}
_MASK_FOLDERS = {
    *("mask", "masks", "label", "labels", "gt", "gts", "ground_truth", "groundtruth", "labelstr"),
    *("labelsts", "annotation", "annotations", "segmentation", "segmentations", "seg", "segs"),
    *("segmentationclass", "isic2018_task1_training_groundtruth", "manual", "target", "targets"),
}
_FOLDER_OF_MASKS = re.compile(
    r"^lesion$|_(lesion|masks?|labels?|gt|groundtruth|manual\d?)$|(left|right)_?masks?$"
)
_FOLDER_OF_IMAGES = re.compile(r"_(image|images)$")
_FOLDER_PASSED_OVER = re.compile(
    r"_roi$|^(thumb(nail)?s?|previews?|overlays?|pred(iction)?s?|visuali[sz]ations?|@eadir)$"
    r"|^(masks?|labels?|images?)_?(old|backup|bak)$|^segmentationobject$"
)
_MASK_ENDING = re.compile(
    r"[_-](segmentation|masks?|labels?|seg|gt|groundtruth|lesion|manual\d?)([_-]?\d+)?$", re.I
)
_MASK_START = re.compile(r"^(mask|label|seg|gt)[_-]", re.I)
_MASK_WORDS = "segmentation|masks?|labels?|seg|gt|groundtruth"
_MASK_ALONE = re.compile(rf"^({_MASK_WORDS})$", re.I)  # one folder a case: image.png, mask.png
_MASK_SOMEWHERE = re.compile(rf"(?:^|[\W_])({_MASK_WORDS})(?:$|[\W_])", re.I)
_IMAGE_ENDING = re.compile(r"_(image|images|img|training|test|0000)$", re.I)
_IMAGE_START = re.compile(r"^(image|img)[_-]", re.I)
# Files that may lie beside an image under its name, and are none.
_NOTES = {".txt", ".csv", ".json", ".xml", ".yaml", ".yml"}
# nnU-Net numbers the channels of a case: c_0000.nii.gz, c_0001.nii.gz.
_CHANNEL = re.compile(r"_000\d$")


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


class Pair(NamedTuple):
    """An image and its masks; none where it has no mask."""

    id: str
    image: Path
    masks: tuple[Path, ...]
    split: str | None
    folder: str  # the folders that are neither kind nor split, as "p1"; may be empty


@dataclass(frozen=True)
class Layout:
    """The pairs of a folder, and what is to be said of how they were found."""

    pairs: list[Pair]
    unread: list[Path]
    notes: list[str] = field(default_factory=list)


def split_mask_word(stem: str) -> tuple[str, str]:
    """Split what names a mask off a file's name, where it ends or begins so, or is nothing else.

    >>> [split_mask_word(stem) for stem in ("lesion1_segmentation", "mask_1", "mask", "lesion1")]
    [('lesion1', '_segmentation'), ('1', 'mask_'), ('', 'mask'), ('lesion1', '')]
    """
    found = _MASK_ENDING.search(stem) or _MASK_START.search(stem) or _MASK_ALONE.search(stem)
    return (stem[: found.start()] + stem[found.end() :], found[0]) if found else (stem, "")


def bare_image_name(stem: str) -> str:
    """Return an image's name without what only says that it is one, which its mask does not have.

    >>> bare_image_name("c1_0000"), bare_image_name("img_7"), bare_image_name("c1")
    ('c1', '7', 'c1')
    """
    return _IMAGE_START.sub("", _IMAGE_ENDING.sub("", stem))


def check_whole(root: Path, pairs: Sequence[Pair]) -> None:
    """Refuse a folder of one kind alone where one of the other kind lies beside it."""
    if any(pair.masks for pair in pairs):
        return
    above = root.resolve().parent
    try:
        beside = sorted(path.name for path in above.iterdir() if path.is_dir())
    except OSError:  # then it is nobody's business
        return
    kind = part_of(root.resolve().name)[0]
    wanted, this = (_IMAGE_FOLDERS, "masks") if kind in _MASK_FOLDERS else (_MASK_FOLDERS, "images")
    other = next((name for name in beside if part_of(name)[0] in wanted), "")
    if other:
        raise InputError(
            f"{root} holds {this} alone, and {other}/ lies beside it: give the folder of both,"
            f" {above}."
        )


def lies_among_masks(root: Path, file: Path) -> bool:
    """Return whether a file below `root` is in a folder of masks, or in one that is passed over.

    >>> lies_among_masks(Path("s"), Path("s/masks/a.png")), lies_among_masks(Path("s"), Path("s/a"))
    (True, False)
    """
    names = [part_of(folder)[0] for folder in file.relative_to(root).parts[:-1]]
    return any(name in _MASK_FOLDERS or _FOLDER_PASSED_OVER.search(name) for name in names)


def stem_of(file: Path) -> str:
    """Return a file's name without its ending.

    >>> stem_of(Path("c.1.nii.gz")), stem_of(Path("a.png"))
    ('c.1', 'a')
    """
    name = composed(file.name)
    return name[: len(name) - len(ending_of(file))]


def find_layout(root: Path, files: Sequence[Path], endings: Iterable[str]) -> Layout:
    """Pair the images of a folder with their masks; a mask whose image is missing is refused.

    An image without a mask stays alone. Several masks of one image are all given.
    """
    known = set(endings)
    usable = [file for file in files if ending_of(file) in known]
    found = [item for item in (_role(root, file) for file in usable) if item is not None]
    found = _without_open_parts(found)
    read = {item.path for item in found}
    unread = [file for file in files if file not in read]
    images = [item for item in found if not item.is_mask]
    masks = [item for item in found if item.is_mask]
    notes = []
    if _has_open_test(found):
        passed = [item for item in images if "imagests" in item.folders]
        images = [item._replace(split=None) for item in images if "imagests" not in item.folders]
        masks = [item._replace(split=None) for item in masks]
        if passed:
            notes.append(f"imagesTs holds {len(passed)} images without masks: passed over.")
    names = _ids(images, {item.stem for item in masks})
    strange = [file for file in files if ending_of(file) not in known | _NOTES]
    of_image = _match(root, images, masks, strange)
    _check_left(root, [item for item in images if item.path not in of_image], masks)
    pairs = [
        Pair(
            names[item.path],
            item.path,
            tuple(of_image.get(item.path, ())),
            item.split,
            "/".join(item.inner),
        )
        for item in images
    ]
    notes += _tell_layout(root, images, masks)
    notes += _tell_namesakes(root, images, of_image)
    return Layout(pairs, unread, notes)


def part_of(folder: str) -> tuple[str, str | None]:
    """Return what else the name of a folder says, in small letters, and the split that it names.

    >>> part_of("masks_test"), part_of("Train-Images"), part_of("TestDataset"), part_of("p1")
    (('masks', 'test'), ('images', 'train'), ('', 'test'), ('p1', None))
    """
    folder = re.sub(r"[\s-]+", "_", folder.lower())
    kinds = {"", *_IMAGE_FOLDERS, *_MASK_FOLDERS}
    start, ending = _PART_START.match(folder), _PART_ENDING.match(folder)
    if start and (start[2] or "") in kinds:
        return start[2] or "", PARTS[start[1]]
    if ending and ending[1] in kinds:
        return ending[1], PARTS[ending[2]]
    return folder, None


def _role(root: Path, file: Path) -> FoundFile | None:
    """Say what a file is by its folders, then by its name; None for one that is passed over."""
    folders = file.relative_to(root).parts[:-1]
    split, is_image, mask_folder, unlabeled, inner = None, False, "", False, []
    for folder in folders:
        name, part = part_of(folder)
        split = split or part
        if name in UNLABELED:
            unlabeled = True
        elif name in _IMAGE_FOLDERS or _FOLDER_OF_IMAGES.search(name):
            is_image, mask_folder = True, ""  # the innermost folder decides
        elif name in _MASK_FOLDERS or _FOLDER_OF_MASKS.search(name):
            is_image, mask_folder = False, folder
        elif _FOLDER_PASSED_OVER.search(name):
            return None
        elif not part:
            inner.append(composed(folder))
        if name in ("imagests", "labelsts"):
            split = "test"
        if name in ("imagestr", "labelstr"):
            split = "train"
    stem = stem_of(file)
    named = any(name.search(stem) for name in (_MASK_ENDING, _MASK_START, _MASK_ALONE))
    is_mask = bool(mask_folder) or (named and not is_image)
    lower = tuple(folder.lower() for folder in folders)
    is_placed = is_image or bool(mask_folder)
    return FoundFile(
        file, stem, is_mask, split, tuple(inner), lower, mask_folder, unlabeled, is_placed
    )


def _has_open_test(found: Sequence[FoundFile]) -> bool:
    """Return whether a set in the folders of nnU-Net or MSD keeps the labels of its test images."""
    kinds = {folder for item in found for folder in item.folders}
    return "imagestr" in kinds and "labelsts" not in kinds


def _without_open_parts(found: Sequence[FoundFile]) -> list[FoundFile]:
    """Forget a split that a longer name (test_images) gives to images without any mask.

    They are unlabeled images then; a folder that is just called test/ is meant as it says.
    """
    masked = {item.split for item in found if item.is_mask}
    return [
        item if item.split in masked or PARTS.keys() & item.folders else item._replace(split=None)
        for item in found
    ]


def _bare(item: FoundFile) -> str:
    """Return a stem without what names its kind, so that an image's and its mask's are equal."""
    if item.is_mask:
        return _MASK_START.sub("", _MASK_ENDING.sub("", item.stem))
    return bare_image_name(item.stem)


def _match(
    root: Path, images: Sequence[FoundFile], masks: Sequence[FoundFile], strange: Sequence[Path]
) -> dict[Path, list[Path]]:
    """Find the image of every mask: of its name in its folder, of its name, alone in its folder.

    `strange` are the files of kinds that are not read, of which one may be what is missing.
    """
    stems, bares, far, alone = (defaultdict(list) for _ in range(4))
    for item in images:
        stems[item.split, item.inner, item.stem].append(item)
        bares[item.split, item.inner, _bare(item)].append(item)
        far[item.split, _bare(item)].append(item)
        alone[item.split, item.inner].append(item)
    of_image: dict[Path, list[FoundFile]] = defaultdict(list)
    by_name: set[Path] = set()
    by_folder: list[tuple[FoundFile, FoundFile]] = []
    for mask in masks:
        ending = _MASK_ENDING.sub("", mask.stem)
        # The longest name first: the mask of "a_seg" may be called "a_seg", too.
        candidates = (
            stems[mask.split, mask.inner, mask.stem],
            stems[mask.split, mask.inner, ending],
            bares[mask.split, mask.inner, _bare(mask)],
            [i for i in far[mask.split, _bare(mask)] if not (i.inner and mask.inner)],
        )
        image = next((few[0] for few in candidates if len(few) == 1), None)
        if image is not None:
            by_name.add(image.path)
            _check_number(root, mask, image, stems)
        elif mask.inner and len(alone[mask.split, mask.inner]) == 1:
            image = alone[mask.split, mask.inner][0]
            by_folder.append((mask, image))
        else:
            raise _orphan(root, mask, images, strange)
        of_image[image.path].append(mask)
    for mask, image in by_folder:
        # The image has its own mask already, and this one counts on: its image is missing.
        if image.path in by_name and _uncounted(mask) == _uncounted(image):
            raise _orphan(root, mask, images, strange)
    for path, several in of_image.items():
        _check_twins(root, path, several)
        _check_folders(root, path, several)
    return {path: [item.path for item in several] for path, several in of_image.items()}


def _uncounted(item: FoundFile) -> str:
    """Return what is equal for the slices of one patient: the bare stem without its numbers."""
    return re.sub(r"\d+", "0", _bare(item))


def _check_number(
    root: Path, mask: FoundFile, image: FoundFile, stems: Mapping[tuple, Sequence[FoundFile]]
) -> None:
    """Refuse `a_mask_1` where there are the images `a` and `a_1`: it may be of either.

    `stems` are the images by split, folders and stem.
    """
    ending = _MASK_ENDING.search(mask.stem)
    if ending is None or not ending[2] or image.stem == mask.stem:
        return
    for link in "_-":
        other = f"{image.stem}{link}{ending[2].lstrip('_-')}"
        if stems.get((mask.split, mask.inner, other)):
            raise InputError(
                f"Mask '{mask.path.relative_to(root)}' may be of the image '{image.stem}' or of"
                f" '{other}': call it {other}_mask, or give it a number that no image has."
            )


def _check_left(root: Path, bare: Sequence[FoundFile], masks: Sequence[FoundFile]) -> None:
    """Refuse an image without a mask that is called as a mask, beside others that are."""
    for item in bare:
        if masks and not (item.is_placed or item.unlabeled) and _MASK_SOMEWHERE.search(item.stem):
            raise InputError(
                f"'{item.path.relative_to(root)}' is called as a mask, but as that of no image: let"
                " its name end in _mask_1 or the like, take it out, or, if it is an image, put"
                " images into images/ and masks into masks/."
            )


def _orphan(
    root: Path, mask: FoundFile, images: Sequence[FoundFile], strange: Sequence[Path]
) -> InputError:
    """Return the sentence for a mask without an image; its name says what is missing."""
    name = mask.path.relative_to(root)
    unread = [file for file in strange if stem_of(file) in (mask.stem, _bare(mask))]
    if unread:
        return InputError(
            f"Mask '{name}' belongs to '{unread[0].relative_to(root)}', which is of a kind that is"
            " not read: save that as another one, or take the mask out."
        )
    alike = [item for item in images if _bare(item) == _bare(mask)]
    if len(alike) == 1:
        return InputError(
            f"Mask '{name}' fits '{alike[0].path.relative_to(root)}', which is of another folder or"
            " split: put the two into folders that agree, as in images/p1/ and masks/p1/."
        )
    if alike:
        return InputError(
            f"Mask '{name}' fits several images, or the one of another split: give the images"
            " names of their own."
        )
    if not mask.mask_folder:
        return InputError(
            f"Mask '{name}' (a mask by its name) has no image called"
            f" '{_bare(mask)}'{_nearest(mask, images)}: add that or take the mask out, or, if it is"
            " an image itself, put images into images/ and masks into masks/."
        )
    names = "' or '".join(dict.fromkeys([mask.stem, _bare(mask)]))
    return InputError(
        f"Mask '{name}' has no image called '{names}'{_nearest(mask, images)}: give its image that"
        " name, or take the mask out."
    )


def _nearest(mask: FoundFile, images: Sequence[FoundFile]) -> str:
    """Return in words which image may be meant, where one has nearly the name of a mask."""
    begun = [item.stem for item in images if mask.stem.startswith(f"{item.stem}_")]
    if begun:
        return f" (if it shows one class of '{begun[0]}', save all classes of it in one mask)"
    stems = {_without_zeros(_bare(item)): item.stem for item in images}
    near = get_close_matches(_without_zeros(_bare(mask)), stems, n=1)
    return f" (did you mean '{stems[near[0]]}'?)" if near else ""


def _without_zeros(name: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", name.lower())


def _check_twins(root: Path, image: Path, masks: Sequence[FoundFile]) -> None:
    """Refuse masks of one image that differ by their endings only: one may be an older one."""
    first: dict[tuple[Path, str], Path] = {}
    for mask in masks:
        twin = first.setdefault((mask.path.parent, mask.stem), mask.path)
        if twin != mask.path:
            raise InputError(
                f"Image '{image.relative_to(root)}' has two masks of one name ({twin.name},"
                f" {mask.path.name}): keep the one that is true."
            )


def _check_folders(root: Path, image: Path, masks: Sequence[FoundFile]) -> None:
    """Refuse masks of one image in two different folders, of which one may be no truth at all."""
    folders = sorted({mask.mask_folder for mask in masks if mask.mask_folder})
    halves = all(re.search("left|right", folder, re.I) for folder in folders)
    if len(folders) > 1 and not halves:
        raise InputError(
            f"Image '{image.relative_to(root)}' has masks in {folders[0]}/ and in {folders[1]}/:"
            " keep the folder with the truth and move the other one away."
        )


def _ids(images: Sequence[FoundFile], masks: set[str]) -> dict[Path, str]:
    """Give every image the shortest id that tells it apart: its name, or with split and folders.

    The number of a channel (nnU-Net) is left out where masks (their names) have none.
    """

    def bare(item: FoundFile) -> str:
        shorter = _CHANNEL.sub("", item.stem)
        return shorter if shorter in masks and item.stem not in masks else item.stem

    makers = (
        bare,
        lambda item: "/".join([*([item.split] if item.split else []), bare(item)]),
        lambda item: "/".join([*item.inner, bare(item)]),
        lambda item: "/".join([*([item.split] if item.split else []), *item.inner, bare(item)]),
    )
    for maker in makers:
        names = [maker(item) for item in images]
        if len(set(names)) == len(names):
            return {item.path: name for item, name in zip(images, names, strict=True)}
    first: dict[str, Path] = {}
    for item, name in zip(images, names, strict=True):
        other = first.setdefault(name, item.path)
        if other != item.path:
            raise _same_id(name, other, item.path)
    raise AssertionError("ids are unique and are not")


def _same_id(name: str, other: Path, file: Path) -> InputError:
    if _CHANNEL.search(stem_of(file)) and _CHANNEL.search(stem_of(other)):
        return InputError(
            f"Case '{name}' has several channels ({other.name}, {file.name}), and one is read: keep"
            " the files of one channel in the folder."
        )
    pair = f"{other.name}, {file.name}" if other.parent == file.parent else f"{other}, {file}"
    return InputError(
        f"Two images in {file.parent} have the id '{name}' ({pair}): rename one; a mask beside its"
        " image needs an ending, such as _mask."
    )


def _tell_namesakes(
    root: Path, images: Sequence[FoundFile], of_image: Mapping[Path, Sequence[Path]]
) -> list[str]:
    """Return a sentence on a folder of images without masks that are called as those with one.

    They may be copies, edges or depths of them, and even of those that are tested on. Folders of
    patients with the same names of files are another matter: then several of them have masks.
    """
    masked = {item.stem: item.path for item in images if item.path in of_image}
    folders = {item.inner for item in images if item.path in of_image}
    alike = [
        item
        for item in images
        if item.stem in masked and item.inner not in folders and not item.unlabeled
    ]
    if not alike or len(folders) > 1:
        return []
    copy, first = (path.relative_to(root) for path in (alike[0].path, masked[alike[0].stem]))
    return [
        f"{quantity(len(alike), 'image')} without a mask called as images that have one (first"
        f" {copy}, as {first}): if they are copies or maps of those, move them away, for they are"
        " trained on."
    ]


def _tell_layout(root: Path, images: Sequence[FoundFile], masks: Sequence[FoundFile]) -> list[str]:
    """Return a sentence on folders of kinds other than images/ and masks/."""
    of_images = {part for i in images for part in i.path.relative_to(root).parts[:-1]} - {
        part for item in images for part in item.inner
    }
    names = sorted(folder for folder in of_images if part_of(folder)[0])
    of_masks = sorted({item.mask_folder for item in masks if item.mask_folder})
    if names in ([], ["images"]) and of_masks in ([], ["masks"]):
        return []
    images_are = f"images in {', '.join(names[:3])}/" if names else "images by their names"
    masks_are = f"masks in {', '.join(of_masks[:3])}/" if of_masks else "masks by their names"
    return [f"Layout: {images_are}, {masks_are}."]
