"""Any Hugging Face `datasets` object as a `Source`: your own, or one of the Hub at a revision."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError, one_of
from ucmt_lite.data.columns import picture_file
from ucmt_lite.data.layouts import PARTS, stem_of
from ucmt_lite.data.lists import GROUP_COLUMNS, ID_COLUMNS, spelled
from ucmt_lite.data.masks import class_names
from ucmt_lite.data.pictures import look_at_pair
from ucmt_lite.data.reading import Content, Entry, Form, Request, read_set
from ucmt_lite.data.source import Source

if TYPE_CHECKING:
    import datasets

MASK_COLUMNS = ("mask", "label", "annotation", "segmentation")  # how uploads call it
_CASE_COLUMNS = ("case", "caseid", "volume", "volumeid")  # as `spelled` has them
_MANY = 3  # fewer cases than this are kinds of images


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
    unlabeled image. A column `id` gives unique names; without it one called as in `groups.csv`
    (`file_name`), the names of the images' files, or split and row. A column `group` gives the
    patient, where it is known; without it one called as in `groups.csv` (`patient_id`), which is
    told. Masks, groups, seed, size and count: as `read_folder`.

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
    entries: dict[str, Entry] = {}
    whose, told = ("", "") if request.group else _group_column(tables)
    for table in tables.values():
        _check_columns(table, image, mask)
    ids = _ids(tables, image)
    for split, table in tables.items():
        for entry in _entries(split, table, ids[split], mask, whose):
            if entry.id in entries:
                raise InputError(
                    f"Two rows have the id '{entry.id}': give every row its own, or drop the"
                    " column id."
                )
            entries[entry.id] = entry
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
        [entry._replace(split=sides[entry.image[0]]) for entry in entries.values()],
        request,
        look=look,
        open_case=open_case,
        mixed="The dataset mixes pictures and volumes: make two datasets of it.",
        notes=[told],
    )


def _check_table(table: Any) -> None:
    """Refuse what is no table whose rows can be counted."""
    if not hasattr(table, "column_names") or not hasattr(table, "__len__"):
        raise InputError(
            f"The dataset is a {type(table).__name__} and no table with a number of rows: load it"
            " without streaming, or give a datasets.Dataset."
        )


def _group_column(tables: Mapping[str, Any]) -> tuple[str, str]:
    """Return the column that names the patients and, unless it is `group`, a sentence on it.

    One that holds the same value everywhere (a `subject` that is "heart") tells no patients apart.
    A `case_id` names a patient where rows share one.
    """
    columns = dict.fromkeys(name for table in tables.values() for name in table.column_names)
    if "group" in columns:
        return "group", ""
    of_patients = _columns_called(GROUP_COLUMNS, columns)
    counts = {name: Counter(_values(tables, name)) for name in of_patients}
    for name in _columns_called(_CASE_COLUMNS, columns):
        cases = Counter(_values(tables, name))
        if _MANY <= len(cases) < cases.total():
            counts[name] = cases
    column = next((name for name, values in counts.items() if len(values) > 1), "")
    if not column and of_patients:
        value = next(iter(counts[of_patients[0]]), "")
        return "", (
            f"The column '{of_patients[0]}' holds '{value}' in every row and is not taken for the"
            " patient: call it group if it is."
        )
    if not column:
        return "", ""
    return column, (
        f"The column '{column}' is taken for the patient of each row, as none is called group:"
        " group='none' takes every case for itself."
    )


def _columns_called(wanted: Sequence[str], columns: Iterable[str]) -> list[str]:
    return [name for word in wanted for name in columns if spelled(name) == word]


def _values(tables: Mapping[str, Any], column: str) -> list[str]:
    """Return the values of a column in all tables that have it."""
    there = (table for table in tables.values() if column in table.column_names)
    return [str(value) for table in there for value in table[column]]


def _check_columns(table: Any, image: str, mask: str) -> None:
    """Refuse a table without one of its two columns."""
    for column in (image, mask):
        if column not in table.column_names:
            have = ", ".join(table.column_names)
            raise InputError(
                f"The dataset has no column '{column}' but {have}: name it with image= or mask=."
            )


def _ids(tables: Mapping[str, Any], image: str) -> dict[str, list[str]]:
    """Return the id of every row by table; names that two tables share begin with the split."""
    ids = {split: _ids_of(split, table, image) for split, table in tables.items()}
    has_ids = any("id" in table.column_names for table in tables.values())
    names = [name for of_table in ids.values() for name in of_table]
    if has_ids or len(set(names)) == len(names):
        return ids
    return {split: [f"{split}/{name}" for name in of_table] for split, of_table in ids.items()}


def _ids_of(split: str, table: Any, image: str) -> list[str]:
    """Return the id of every row of a table: what it says, or names of files, or numbers.

    Names tell one patient from another, which numbers do not; they are no ids if one comes twice.
    """
    import datasets

    if "id" in table.column_names:
        return [str(key) for key in table["id"]]
    texts = [name for name, kind in table.features.items() if kind == datasets.Value("string")]
    likely = [table[name] for name in texts if spelled(name) in ID_COLUMNS]
    for names in (*likely, _file_names(table, image)):
        if all(names):
            files = [Path(name.replace("\\", "/")) for name in names]
            stems = [file.with_name(stem_of(file)).as_posix() for file in files]
            if len(set(stems)) == len(stems):
                return stems
    return [f"{split}_{i}" for i in range(len(table))]


def _file_names(table: Any, image: str) -> list[str | None]:
    """Return what the file of each picture is called, as far as a table knows."""
    import datasets

    if not isinstance(table.features[image], datasets.Image):
        return [None] * len(table)
    cells = table.select_columns([image]).with_format("arrow")[image]
    paths = (path.as_py() for chunk in cells.chunks for path in chunk.field("path"))
    return [path and Path(path).name for path in paths]


def _entries(split: str, table: Any, ids: list[str], mask: str, whose: str) -> list[Entry]:
    """List the rows of a table, with their ids and the groups in the column `whose`."""
    groups = table[whose] if whose in table.column_names else [None] * len(table)
    labels = table.select_columns([mask]).with_format("arrow")
    masked = [value.is_valid for value in labels[mask]]
    return [
        Entry(
            key,
            (split, i),
            i if masked[i] else None,
            group=None if group is None else str(group),
        )
        for i, (key, group) in enumerate(zip(ids, groups, strict=True))
    ]


def _undecoded(table: Any, image: str, mask: str) -> Any:
    """Return the two columns only, with pictures left encoded as they are."""
    import datasets

    table = table.select_columns([image, mask])
    for column in (image, mask):
        if isinstance(table.features[column], datasets.Image):
            table = table.cast_column(column, datasets.Image(decode=False))
    return table


def _content(image: Any, mask: Any, key: str) -> Content:
    """Return a picture as bytes or path, anything else as array; the same for the mask."""
    if image is None:
        raise InputError(f"'{key}' has no image: take that row out.")
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
