"""Which image of a folder each mask belongs to: pairs are found by name and by folder.

What cannot be told is refused, with what to do about it; nothing is guessed.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from ucmt_lite.common import InputError
from ucmt_lite.data.files import ending_of, quantity
from ucmt_lite.data.layouts import (
    IMAGE_FOLDERS,
    MASK_ENDING,
    MASK_FOLDERS,
    MASK_SOMEWHERE,
    PARTS,
    FoundFile,
    part_of,
    role_of,
    split_folders,
    stem_of,
)

# Files that may lie beside an image under its name, and are none.
_NOTES = {".txt", ".csv", ".json", ".xml", ".yaml", ".yml"}
# nnU-Net numbers the channels of a case: c_0000.nii.gz, c_0001.nii.gz.
_CHANNEL = re.compile(r"_000\d$")
# What is made of an image often has its name and a word: a_pred, a_overlay.
_FOLD = re.compile(r"^(fold|split|cv)[\s._-]*\d+$", re.I)
# A name and the word behind it, and words of the parts that a patient's images are of.
_LAST_WORD = re.compile(r"^(.+)[_-]([a-z]+\d{0,2}[a-z]*)$", re.I)
_OF_PART = re.compile(r"^(slice|frame|img|image|left|right|view|tile|patch|visit)", re.I)
_WORD_BEHIND = re.compile(r"[_-][a-z]+$", re.I)


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
    if kind not in IMAGE_FOLDERS | MASK_FOLDERS:  # what lies beside a whole set is another one
        return
    wanted, this = (IMAGE_FOLDERS, "masks") if kind in MASK_FOLDERS else (MASK_FOLDERS, "images")
    other = next((name for name in beside if part_of(name)[0] in wanted), "")
    if other:
        raise InputError(
            f"{root} holds {this} alone, and {other}/ lies beside it: give the folder of both,"
            f" {above}."
        )


def find_layout(root: Path, files: Sequence[Path], endings: Iterable[str]) -> Layout:
    """Pair the images of a folder with their masks; a mask whose image is missing is refused.

    An image without a mask stays alone. Several masks of one image are all given.
    """
    known = set(endings)
    usable = [file for file in files if ending_of(file) in known]
    splits = split_folders(dict.fromkeys(f for file in usable for f in _folders(root, file)))
    roles = (role_of(root, file, splits) for file in usable)
    found = [item for item in roles if item is not None]
    found = _without_open_parts(found)
    read = {item.path for item in found}
    unread = [file for file in files if file not in read]
    images = [item for item in found if not item.is_mask]
    masks = [item for item in found if item.is_mask]
    notes = []
    if _has_open_test(found):
        passed = [item for item in images if "imagests" in item.folders]
        images = [item for item in images if "imagests" not in item.folders]
        if not any("labelsva" in item.folders for item in masks):  # nothing but training images
            images = [item._replace(split=None) for item in images]
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
            () if item.unlabeled else tuple(of_image.get(item.path, ())),
            item.split,
            "/".join(item.inner),
        )
        for item in images
    ]
    _check_folds(root, images)
    notes += _tell_layout(root, images, masks)
    notes += _tell_unlabeled(images, of_image)
    notes += _tell_namesakes(root, images, of_image)
    notes += _tell_numbers(root, images, masks, of_image)
    return Layout(pairs, unread, notes)


def _folders(root: Path, file: Path) -> tuple[str, ...]:
    return file.relative_to(root).parts[:-1]


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


def _match(
    root: Path, images: Sequence[FoundFile], masks: Sequence[FoundFile], strange: Sequence[Path]
) -> dict[Path, list[Path]]:
    """Find the image of every mask: of its name in its folder, of its name, alone in its folder.

    `strange` are the files of kinds that are not read, of which one may be what is missing.
    """
    stems, bares, far, alone = (defaultdict(list) for _ in range(4))
    for item in images:
        stems[item.split, item.inner, item.stem].append(item)
        bares[item.split, item.inner, item.bare].append(item)
        far[item.split, item.bare].append(item)
        alone[item.split, item.inner].append(item)
    of_image: dict[Path, list[FoundFile]] = defaultdict(list)
    by_name: set[Path] = set()
    by_folder: list[tuple[FoundFile, FoundFile]] = []
    for mask in masks:
        ending = MASK_ENDING.sub("", mask.stem)
        # The longest name first: the mask of "a_seg" may be called "a_seg", too.
        candidates = (
            stems[mask.split, mask.inner, mask.stem],
            stems[mask.split, mask.inner, ending],
            bares[mask.split, mask.inner, mask.bare],
            [i for i in far[mask.split, mask.bare] if not (i.inner and mask.inner)],
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
    counted = [pair for pair in by_folder if _differ_in_number(*pair)]
    names = {item.bare for item in images}
    for mask, image in counted:
        # The image has its own mask already, and this one counts on: its image is missing. So it
        # is where masks of other folders have the numbers of their images, and where there is an
        # image of this one's number elsewhere.
        if image.path in by_name or len(counted) < len(by_name) or mask.bare in names:
            raise _orphan(root, mask, images, strange)
    for path, several in of_image.items():
        _check_twins(root, path, several)
        _check_folders(root, path, several)
    return {path: [item.path for item in several] for path, several in of_image.items()}


def _differ_in_number(mask: FoundFile, image: FoundFile) -> bool:
    """Return whether a mask and an image are called as slices of one patient are."""
    uncounted = (re.sub(r"\d+", "0", item.bare) for item in (mask, image))
    return mask.bare != image.bare and len(set(uncounted)) == 1


def _check_number(
    root: Path, mask: FoundFile, image: FoundFile, stems: Mapping[tuple, Sequence[FoundFile]]
) -> None:
    """Refuse `a_mask_1` where there are the images `a` and `a_1`: it may be of either.

    `stems` are the images by split, folders and stem.
    """
    ending = MASK_ENDING.search(mask.stem)
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
        called = [folder for folder in item.inner if MASK_SOMEWHERE.search(folder)]
        if masks and called and not (item.is_placed or item.unlabeled):
            raise InputError(
                f"'{item.path.relative_to(root)}' lies in {called[0]}/, which is called as a folder"
                " of masks: call the folder masks, below the folder of its split, or take it out."
            )
        if masks and not (item.is_placed or item.unlabeled) and MASK_SOMEWHERE.search(item.stem):
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
    unread = [file for file in strange if stem_of(file) in (mask.stem, mask.bare)]
    if unread:
        return InputError(
            f"Mask '{name}' belongs to '{unread[0].relative_to(root)}', which is of a kind that is"
            " not read: save that as another one, or take the mask out."
        )
    alike = [item for item in images if item.bare == mask.bare]
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
    channels = _channels(mask, images)
    if len(channels) > 1:
        return InputError(
            f"Mask '{name}' fits {' and '.join(channels[:2])}, as of one case in several channels,"
            " of which one is read: keep the files of one channel and call each as its mask, here"
            f" '{mask.bare}'."
        )
    if not mask.mask_folder:
        return InputError(
            f"Mask '{name}' (a mask by its name) has no image called"
            f" '{mask.bare}'{_nearest(mask, images)}: add that or take the mask out, or, if it is"
            " an image itself, put images into images/ and masks into masks/."
        )
    names = "' or '".join(dict.fromkeys([mask.stem, mask.bare]))
    return InputError(
        f"Mask '{name}' has no image called '{names}'{_nearest(mask, images)}: give its image that"
        " name, or take the mask out."
    )


def _channels(mask: FoundFile, images: Sequence[FoundFile]) -> list[str]:
    """Return the images called as a mask and a word more, if other images have that word, too.

    Slices and sides have numbers and words of their own.
    """
    parts = [_LAST_WORD.match(item.stem) for item in images]
    words = Counter(part[2] for part in parts if part)
    return [
        part[0]
        for part in parts
        if part and part[1] == mask.bare and words[part[2]] > 1 and not _OF_PART.search(part[2])
    ]


def _nearest(mask: FoundFile, images: Sequence[FoundFile]) -> str:
    """Return in words which image may be meant, where one has nearly the name of a mask."""
    begun = [item.stem for item in images if mask.stem.startswith(f"{item.stem}_")]
    if begun:
        return f" (if it shows one class of '{begun[0]}', save all classes of it in one mask)"
    stems = {_without_zeros(item.bare): item.stem for item in images}
    near = get_close_matches(_without_zeros(mask.bare), stems, n=1)
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
    folders = sorted({_tree(root, mask) for mask in masks})
    halves = all(re.search("left|right", folder, re.I) for folder in folders)
    if len(folders) > 1 and not halves:
        first, second = (f"in {folder}/" if folder else "by their names" for folder in folders[:2])
        raise InputError(
            f"Image '{image.relative_to(root)}' has masks {first} and {second}:"
            " keep the folder with the truth and move the other one away."
        )


def _tree(root: Path, mask: FoundFile) -> str:
    """Return the path of the folder that makes a file a mask; "" for one by its own name."""
    folders = _folders(root, mask.path)
    return "/".join(folders[: 1 + folders.index(mask.mask_folder)]) if mask.mask_folder else ""


def _check_folds(root: Path, images: Sequence[FoundFile]) -> None:
    """Refuse several folds that have splits of their own: what one trains on, another tests on."""
    folds = sorted({f for item in images if item.split for f in item.inner if _FOLD.match(f)})
    if len(folds) > 1:
        raise InputError(
            f"{root} holds {len(folds)} folds ({', '.join(folds[:2])}), each with splits of its"
            f" own: give one of them, such as {root / folds[0]}."
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
    """Return a sentence on images without masks that are called as those with one.

    They may be copies, edges or depths of them (a_overlay of a), and even of those that are tested
    on. Folders of patients with the same names of files are another matter: then several of them
    have masks.
    """
    masked = {item.stem: item.path for item in images if item.path in of_image}
    folders = {item.inner for item in images if item.path in of_image}
    bare = [item for item in images if item.path not in of_image and not item.unlabeled]
    alike = {
        item.path: item.stem
        for item in bare
        if item.stem in masked and item.inner not in folders and len(folders) == 1
    }
    known = {item.stem: item.path for item in images} | masked
    alike |= {
        item.path: _WORD_BEHIND.sub("", item.stem)
        for item in bare
        if item.stem not in masked and _WORD_BEHIND.sub("", item.stem) in {*known} - {item.stem}
    }
    if not alike:
        return []
    path, stem = next(iter(alike.items()))
    copy, first = (file.relative_to(root) for file in (path, known[stem]))
    return [
        f"{quantity(len(alike), 'image')} without a mask called as other images (first {copy}, as"
        f" {first}): if they are masks, copies or maps of those, move them away, for they are"
        " trained on."
    ]


def _tell_unlabeled(
    images: Sequence[FoundFile], of_image: Mapping[Path, Sequence[Path]]
) -> list[str]:
    """Return a sentence on masks of images whose folder says that they have none."""
    masked = [item for item in images if item.unlabeled and item.path in of_image]
    if not masked:
        return []
    return [
        f"{quantity(len(masked), 'image')} in a folder of unlabeled images with a mask (first"
        f" '{masked[0].stem}'): used without it, for training only."
    ]


def _tell_numbers(
    root: Path,
    images: Sequence[FoundFile],
    masks: Sequence[FoundFile],
    of_image: Mapping[Path, Sequence[Path]],
) -> list[str]:
    """Return a sentence on masks of another number than the one image of their folder."""
    found = {mask.path: mask for mask in masks}
    pairs = [(found[path], image) for image in images for path in of_image.get(image.path, ())]
    odd = [pair for pair in pairs if _differ_in_number(*pair)]
    if not odd:
        return []
    mask, image = (item.path.relative_to(root) for item in odd[0])
    return [
        f"{quantity(len(odd), 'mask')} of another number than the one image of the folder (first"
        f" {mask}, for {image}): taken for its mask; look at some with --picture."
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
