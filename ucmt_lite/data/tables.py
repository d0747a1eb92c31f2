"""What the tables of a Hugging Face dataset say of their rows: names, and whose they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from os.path import commonprefix
from pathlib import Path
from typing import Any

from ucmt_lite.data.files import ending_of
from ucmt_lite.data.groups import are_patients_named, names_somebody
from ucmt_lite.data.lists import GROUP_COLUMNS, ID_COLUMNS, SPLIT_COLUMNS, spelled
from ucmt_lite.data.nifti import NIFTI_SUFFIXES
from ucmt_lite.data.pictures import PICTURE_SUFFIXES

_ENDINGS = {*PICTURE_SUFFIXES, *NIFTI_SUFFIXES, ".npy", ".npz", ".h5", ".dcm"}
_CASE_COLUMNS = ("caseid", "volumeid", "studyid")  # as `spelled` has them


def ids_of_rows(tables: Mapping[str, Any], image: str) -> dict[str, list[str]]:
    """Return the id of every row, by table: what its column `id` says, or its name, or its number.

    A name is that of a file (`_names_of`), without its ending and the folders that all have in
    common. It tells one patient from another, which a number does not. Names and numbers begin with
    the split where two tables would share an id.
    """
    ids, named = {}, {}
    for split, table in tables.items():
        plain = table.with_format(None)
        names = _names_of(plain, image)
        if "id" in plain.column_names:
            ids[split] = [str(key) for key in plain["id"]]
        elif names:
            named[split] = names
        else:
            ids[split] = [f"{split}_{i}" for i in range(len(plain))]
    ids |= _below_common_folder(named)
    counts = Counter(key for of_table in ids.values() for key in of_table)
    if len(counts) < counts.total():
        ids |= {split: [f"{split}/{key}" for key in ids[split]] for split in named}
    return {split: ids[split] for split in tables}


def _names_of(table: Any, image: str) -> list[str]:
    """Return the names in a column of text (`file_name`), else of the files of pictures.

    They have no endings. Empty where rows have none, or one comes twice.
    """
    texts = [name for name, kind in table.features.items() if _is_text(kind)]
    columns = (table[name] for name in _called(ID_COLUMNS, texts))
    for names in (*columns, _picture_files(table, image)):
        stems = [_without_ending(name or "") for name in names]
        if all(stems) and len(set(stems)) == len(stems):
            return stems
    return []


def _without_ending(name: str) -> str:
    """Return a path without the ending of a file: other words may have dots in them.

    >>> _without_ending("p1\\\\a.nii.gz"), _without_ending("1.2.840")
    ('p1/a', '1.2.840')
    """
    path = name.replace("\\", "/").strip("/")
    ending = ending_of(Path(path))
    return path[: -len(ending)] if ending in _ENDINGS else path


def _below_common_folder(names: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return paths without the folders that those of all tables have in common.

    >>> _below_common_folder({"train": ["d/p1/a", "d/p1/b"], "test": ["d/p2/a"]})
    {'train': ['p1/a', 'p1/b'], 'test': ['p2/a']}
    """
    parts = {split: [name.split("/") for name in of_table] for split, of_table in names.items()}
    start = len(commonprefix([path[:-1] for of_table in parts.values() for path in of_table]))
    return {
        split: ["/".join(path[start:]) for path in of_table] for split, of_table in parts.items()
    }


def _picture_files(table: Any, image: str) -> list[str | None]:
    """Return the path of the file of each picture, as far as a table knows it."""
    import datasets

    if not isinstance(table.features[image], datasets.Image):
        return [None] * len(table)
    cells = table.select_columns([image]).with_format("arrow")[image]
    return [path.as_py() for chunk in cells.chunks for path in chunk.field("path")]


def patient_column(
    tables: Mapping[str, Any], taken: Collection[str], ids: Sequence[str]
) -> tuple[str, str]:
    """Return the column that names the patients and, unless it is `group`, a sentence on it.

    One that holds the same value everywhere (a `subject` that is "heart") tells no patients apart.
    A `case_id` is followed where rows share one, if `ids` name no patients. `taken` are the columns
    of images and masks.
    """
    columns = [
        name
        for name in dict.fromkeys(n for table in tables.values() for n in table.column_names)
        if name not in taken and _is_plain(tables, name)
    ]
    if "group" in columns:
        return "group", ""
    of_patients = _called(GROUP_COLUMNS, columns)
    counts = {name: _count(tables, name) for name in of_patients}
    for name in _called(_CASE_COLUMNS, columns):
        rows_of_case = _count(tables, name)
        if len(rows_of_case) < rows_of_case.total() and not are_patients_named(ids):
            counts[name] = rows_of_case
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


def _called(wanted: Sequence[str], columns: Iterable[str]) -> list[str]:
    """Return the columns of some names, in the order of these."""
    return [name for word in wanted for name in columns if spelled(name) == word]


def _is_text(kind: Any) -> bool:
    return getattr(kind, "dtype", "") in ("string", "large_string", "string_view")


def _is_plain(tables: Mapping[str, Any], column: str) -> bool:
    """Return whether a column holds one text or number a row, and no picture or list."""
    import datasets

    kinds = [table.features[column] for table in tables.values() if column in table.column_names]
    return all(isinstance(kind, (datasets.Value, datasets.ClassLabel)) for kind in kinds)


def _count(tables: Mapping[str, Any], column: str) -> Counter[str]:
    """Return how many rows of all tables have each value of a column; without one they are none."""
    there = (table for table in tables.values() if column in table.column_names)
    return Counter(value for table in there for value in texts_of(table, column) if value)


def texts_of(table: Any, column: str) -> list[str | None]:
    """Return the values of a column as text, names for classes; None for a row that has none."""
    import datasets

    kind, values = table.features[column], table.with_format(None)[column]
    if isinstance(kind, datasets.ClassLabel):
        values = [None if value is None else kind.int2str(value) for value in values]
    texts = ["" if value is None else str(value).strip() for value in values]
    return [text if names_somebody(text) else None for text in texts]


def tell_columns(tables: Mapping[str, Any], whose: str) -> list[str]:
    """Return sentences on tables without the column of patients, and on a column of splits."""
    told = []
    lacking = [split for split, table in tables.items() if whose not in table.column_names]
    if whose and lacking:
        told.append(
            f"The table '{lacking[0]}' has no column '{whose}': each of its rows is a patient of"
            " its own, who may be on both sides."
        )
    columns = next(iter(tables.values())).column_names
    if len(tables) == 1 and (of_splits := _called(SPLIT_COLUMNS, columns)):
        told.append(
            f"The column '{of_splits[0]}' is passed over and the split is by seed: to follow it,"
            " give one table for each split, as in {'train': ..., 'test': ...}."
        )
    return told
