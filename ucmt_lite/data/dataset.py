"""Any Hugging Face `datasets` object as a `Source`: your own, or one of the Hub at a revision."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError, one_of
from ucmt_lite.data.columns import picture_file
from ucmt_lite.data.hdf5 import may_be_channels
from ucmt_lite.data.layouts import IMAGE_FOLDERS, MASK_FOLDERS, PARTS, part_of
from ucmt_lite.data.masks import class_names
from ucmt_lite.data.pictures import look_at_pair
from ucmt_lite.data.reading import Content, Entry, Form, Request, read_set
from ucmt_lite.data.source import Source
from ucmt_lite.data.tables import ids_of_rows, patient_column, tell_columns, texts_of

if TYPE_CHECKING:
    import datasets

MASK_COLUMNS = ("mask", "label", "annotation", "segmentation")  # how uploads call it


def from_dataset(
    dataset: datasets.Dataset | Mapping[str, datasets.Dataset],
    *,
    image: str = "image",
    mask: str = "mask",
    classes: int | Sequence[str] | None = None,
    name: str = "dataset",
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    size: int | None = None,
    count: Sequence[int] | None = None,
    group: str = "",
    group_of: Callable[[str], str] = str,
) -> Source:
    """Make a `Source` of a `datasets.Dataset` or `DatasetDict`.

    Its own splits are kept if it has at least two. The columns `image` and `mask` hold pictures
    (`datasets.Image`) or arrays: `H W`, `H W 3` or `3 H W` with a mask `H W`, or a volume `D H W`
    with a mask `D H W`; one channel more of either is dropped. Arrays of pictures become 8 bits
    (`eight_bits`), volumes are standardised (`decide_values`). A row whose mask is None is an
    unlabeled image. Ids come from a column `id`, else from unique names of files (a column
    `file_name` or the like, or those of the pictures), else from split and row (`ids_of_rows`).
    Patients come from a column `group`, else from `patient_id` or the like, which is told
    (`patient_column`). Masks, groups, seed, size and count: as `read_folder`.

    >>> import datasets
    >>> pixels = np.zeros((8, 8), np.uint8)
    >>> masks = [np.full((8, 8), i % 2, np.uint8) for i in range(5)]
    >>> rows = datasets.Dataset.from_dict({"image": [pixels] * 5, "mask": masks})
    >>> source = from_dataset(rows, classes=["background", "cell"])
    >>> sorted(len(split) for split in source.splits.values()), source.classes, source.dims
    ([1, 1, 3], ('background', 'cell'), 2)
    """
    names = class_names(classes)
    request = Request(name, names, shares, seed, size, count, group, group_of)
    return _read_tables(dataset, request, image, mask)


def read_hub(address: str, request: Request) -> Source:
    """Read "owner/name@revision" from the Hugging Face Hub; the revision is the full hash.

    So it never changes. Takes the columns `image` and `mask` (or `label`, `annotation`,
    `segmentation`); everything else: `from_dataset`.
    """
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})", address)
    if match is None:
        raise InputError(
            f"hub='{address}' is not pinned: write owner/name@ and the 40 characters of a revision,"
            " from 'Files and versions' on its page, so that everyone gets the same files."
        )
    import datasets
    from huggingface_hub import snapshot_download

    repository, revision = match.groups()
    try:
        folder = snapshot_download(repository, repo_type="dataset", revision=revision)
        # Not load_dataset(repository): a local folder that happens to have this name would win over
        # the Hub.
        tables = datasets.load_dataset(folder)
    except (OSError, ValueError, RuntimeError) as error:
        # There is no such set, no network, or it has a layout that `datasets` does not read.
        reason = " ".join(str(error).split())
        raise InputError(
            f"hub='{address}' cannot be read ({reason}): check the name, the revision, the network."
        ) from error
    columns = next(iter(tables.values())).column_names
    mask = next((name for name in MASK_COLUMNS if name in columns), "mask")
    return _read_tables(tables, request, "image", mask)


def _read_tables(
    dataset: datasets.Dataset | Mapping[str, datasets.Dataset],
    request: Request,
    image: str,
    mask: str,
) -> Source:
    """Read the two columns of every table."""
    tables = dict(dataset) if isinstance(dataset, Mapping) else {"train": dataset}
    for table in tables.values():
        _check_table(table)
        _check_columns(table, image, mask)
    ids = ids_of_rows(tables, image)
    names = [name for of_table in ids.values() for name in of_table]
    whose, told = ("", "") if request.group else patient_column(tables, {image, mask}, names)
    entries = [
        entry
        for split, table in tables.items()
        for entry in _entries(split, table, ids[split], mask, whose)
    ]
    _check_ids(entries)
    if not entries:
        raise InputError("The dataset has no rows: give one with at least two.")
    sides: dict[str, str | None] = dict.fromkeys(tables)
    if len(tables) > 1:
        sides = {split: PARTS[one_of("split", split, PARTS)] for split in tables}
    plain = {split: _undecoded(table, image, mask) for split, table in tables.items()}

    @cache  # a row of arrays takes long to decode, and is looked at before it is read
    def open_case(entry: Entry) -> Content:
        split, number = entry.image
        row = plain[split][number]
        return _content(row[image], row[mask], entry.id)

    def look(entry: Entry) -> Form:
        picture, labels = open_case(entry)
        if not isinstance(picture, np.ndarray):
            masks = [labels] if isinstance(labels, (bytes, Path)) else []
            sight, remark = look_at_pair(picture, masks, entry.id)
            return Form(2, sight.channels, shape=sight.size[::-1], remark=remark)
        dims = 2 if picture.ndim == 2 or picture.shape[2] == 3 else 3
        return Form(dims, 3 if dims < picture.ndim else 1)

    return read_set(
        [entry._replace(split=sides[entry.image[0]]) for entry in entries],
        request,
        look=look,
        open_case=open_case,
        mixed="The dataset mixes pictures and volumes: make two datasets of it.",
        notes=[told, *tell_columns(tables, whose)],
    )


def _check_table(table: Any) -> None:
    """Refuse what is no table whose rows can be counted."""
    if not hasattr(table, "column_names") or not hasattr(table, "__len__"):
        raise InputError(
            f"The dataset is a {type(table).__name__} and no table with a number of rows: load it"
            " without streaming, or give a datasets.Dataset."
        )


def _check_columns(table: Any, image: str, mask: str) -> None:
    """Refuse a table without one of its two columns."""
    for column in (image, mask):
        if column not in table.column_names:
            have = ", ".join(table.column_names)
            raise InputError(
                f"The dataset has no column '{column}' but {have}: name it with image= or mask=."
            )


def _check_ids(entries: Sequence[Entry]) -> None:
    """Refuse two rows of one id."""
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise InputError(
                f"Two rows have the id '{entry.id}': give every row its own, or drop the column id."
            )
        seen.add(entry.id)


def _entries(split: str, table: Any, ids: list[str], mask: str, whose: str) -> list[Entry]:
    """List the rows of a table, with their ids and the groups in the column `whose`."""
    groups = texts_of(table, whose) if whose in table.column_names else [None] * len(table)
    labels = table.select_columns([mask]).with_format("arrow")
    masked = [value.is_valid for value in labels[mask]]
    return [
        Entry(
            key,
            (split, i),
            i if masked[i] else None,
            group=group,
            folder=_folder_of(key),
        )
        for i, (key, group) in enumerate(zip(ids, groups, strict=True))
    ]


def _folder_of(key: str) -> str:
    """Return the folders in an id besides those of kinds and splits.

    >>> _folder_of("train/images/p1/a"), _folder_of("a")
    ('p1', '')
    """
    kinds = IMAGE_FOLDERS | MASK_FOLDERS | {""}
    parts = ((folder, *part_of(folder)) for folder in key.split("/")[:-1])
    return "/".join(folder for folder, kind, split in parts if not split and kind not in kinds)


def _undecoded(table: Any, image: str, mask: str) -> Any:
    """Return the two columns only, with pictures left encoded as they are."""
    import datasets

    if not {image, mask} <= set(table.format["columns"]):
        table = table.with_format(None)
    table = table.select_columns([image, mask])
    for column in (image, mask):
        if isinstance(table.features[column], datasets.Image):
            table = table.cast_column(column, datasets.Image(decode=False))
    return table


def _content(image: Any, mask: Any, key: str) -> Content:
    """Return a picture as bytes or path, anything else as array; the same for the mask."""
    if image is None:
        raise InputError(f"'{key}' has no image: take that row out.")
    _check_picture(image, "image", key)
    _check_picture(mask, "mask", key)
    if isinstance(image, dict) and (mask is None or isinstance(mask, dict)):
        return picture_file(image), None if mask is None else picture_file(mask)
    if isinstance(image, dict) or isinstance(mask, dict):
        raise InputError(
            f"'{key}' has one column of pictures and one of arrays: make both datasets.Image."
        )
    values = _numbers(image, "image", key)
    if mask is None:
        return _alone(values), None
    labels = _without_channel(_numbers(mask, "mask", key))
    if values.ndim == 4:
        values = _without_channel(values)
    if values.shape == labels.shape and values.ndim == 3:
        if 3 in (labels.shape[0], labels.shape[2]):
            raise InputError(
                f"The mask of '{key}' is {labels.shape}, as a colour picture: give class indices,"
                " `H W`."
            )
        if may_be_channels(labels.shape):
            raise InputError(
                f"Image and mask of '{key}' are {labels.shape}, which may be channels, or a mask"
                " for each class: give class indices, `H W`, and an image of one channel or three;"
                " of a volume with so few slices give each slice as a row."
            )
        return values, labels
    if values.ndim == 3 and values.shape[0] in (1, 3) and values.shape[1:] == labels.shape:
        values = values.transpose(1, 2, 0)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if (
        values.shape[:2] != labels.shape
        or values.ndim > 3
        or (values.ndim == 3 and values.shape[2] != 3)
    ):
        raise InputError(
            f"'{key}': the image is {values.shape} but its mask {labels.shape}: one size for both."
        )
    return values, labels


def _check_picture(cell: Any, column: str, key: str) -> None:
    """Refuse a cell that is a dictionary, as that of a picture is, and holds something else."""
    if isinstance(cell, dict) and not {"bytes", "path"} <= set(cell):
        raise InputError(
            f"'{key}' has no picture in the column '{column}' but {', '.join(cell)}: make it"
            " datasets.Image, or give arrays."
        )


def _numbers(cell: Any, column: str, key: str) -> np.ndarray:
    """Return a cell as an array of numbers; text and rows of different lengths are refused."""
    try:
        array = np.asarray(cell)
    except ValueError:
        array = np.asarray("ragged")
    if array.dtype.kind not in "biuf" or array.ndim < 2:
        raise InputError(
            f"'{key}' holds no array in the column '{column}': give numbers, `H W` or `D H W`, or"
            " make the column datasets.Image."
        )
    return array


def _alone(values: np.ndarray) -> np.ndarray:
    """Return an image that has no mask as `H W`, `H W 3` or a volume, as its sides suggest."""
    values = _without_channel(values)
    return values.transpose(1, 2, 0) if values.ndim == 3 and values.shape[0] == 3 else values


def _without_channel(array: np.ndarray) -> np.ndarray:
    """Return an array without an axis of one channel, first as torch has it or last."""
    for axis in (0, -1):
        if array.ndim > 2 and array.shape[axis] == 1:
            return array.squeeze(axis)
    return array
