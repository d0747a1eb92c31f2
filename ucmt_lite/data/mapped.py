"""Cases on a disk: more images than memory holds, in one Arrow file that is mapped, not read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError, atomic
from ucmt_lite.data.columns import ARRAYS
from ucmt_lite.data.source import Cases, cases

if TYPE_CHECKING:
    import datasets

ROWS = 64  # cases that are in memory at once while the file is written


def keep_on_disk(
    split: datasets.Dataset, file: str | os.PathLike, *, size: int | None = None
) -> Cases:
    """Make cases like `cases(split, size=size)` whose arrays lie in `file`.

    The system reads what is used and drops it again. For sets that do not fit into memory. The file
    is written once, `ROWS` cases at a time, and replaced if it exists; `open_cases` opens it again.
    The arrays are read-only. Source: Arrow's IPC file format, as Hugging Face `datasets` keeps it,
    but with decoded pixels, so that nothing is decoded while training.

    >>> from tempfile import TemporaryDirectory
    >>> from ucmt_lite.data import load
    >>> split = load("phantom_heart", size=32, count=2).splits["train"]
    >>> with TemporaryDirectory() as folder:
    ...     there = keep_on_disk(split, f"{folder}/hearts.arrow")
    ...     here = cases(split)
    ...     all(np.array_equal(a, b) for a, b in zip(there.images, here.images, strict=True))
    True
    """
    slices = (range(start, min(start + ROWS, len(split))) for start in range(0, len(split), ROWS))
    save_cases((cases(split.select(rows), size=size) for rows in slices), file)
    return open_cases(file)


def save_cases(parts: Iterable[Cases], file: str | os.PathLike) -> None:
    """Write cases, part by part, into one Arrow file."""
    import pyarrow as pa

    columns = {"id": pa.string(), "group": pa.string(), "spacing": pa.list_(pa.float64())}
    columns["has_mask"] = pa.bool_()
    for name in ARRAYS:
        columns[name] = pa.large_binary()
        columns[f"{name}_shape"] = pa.list_(pa.int64())
        columns[f"{name}_type"] = pa.string()
    schema = pa.schema(columns)
    with atomic(file) as temporary, pa.ipc.new_file(str(temporary), schema) as writer:
        for part in parts:
            writer.write_batch(pa.RecordBatch.from_pylist(list(_rows(part)), schema))


def _rows(part: Cases) -> Iterator[dict[str, Any]]:
    """Yield one dictionary per case, its arrays as bytes with their shape and type."""
    for i, key in enumerate(part.ids):
        row: dict[str, Any] = {"id": key, "group": part.groups[i], "spacing": part.spacing[i]}
        row["has_mask"] = part.has_mask[i] if part.has_mask else True
        arrays = {"image": part.images[i], "mask": part.masks[i]}
        if part.ambiguity is not None:
            arrays["ambiguity"] = part.ambiguity[i]
        for name, array in arrays.items():
            row[name] = array.tobytes()
            row[f"{name}_shape"] = array.shape
            row[f"{name}_type"] = array.dtype.str
        yield row


def open_cases(file: str | os.PathLike) -> Cases:
    """Open the cases of a file that `save_cases` wrote; their arrays lie in it, not read yet."""
    import pyarrow as pa

    try:
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        columns = {name: table.column(name) for name in ARRAYS}
    except (OSError, pa.ArrowInvalid, KeyError) as cause:
        raise InputError(f"{file} holds no cases ({cause}): write it with keep_on_disk.") from None
    ids, groups, spacing = (table.column(name).to_pylist() for name in ("id", "group", "spacing"))
    arrays = {
        name: _mapped_arrays(table, name)
        for name, column in columns.items()
        if not column.null_count
    }
    # Files of an earlier version have no such column.
    masked = table.column("has_mask").to_pylist() if "has_mask" in table.column_names else []
    return Cases(
        tuple(ids),
        tuple(groups),
        arrays["image"],
        arrays["mask"],
        tuple(tuple(s) if s is not None else None for s in spacing),
        arrays.get("ambiguity"),
        has_mask=() if all(masked) else tuple(masked),
    )


def _mapped_arrays(table: Any, name: str) -> list[np.ndarray]:
    """Return the arrays of one column, each a window into the mapped file."""
    shapes = table.column(f"{name}_shape").to_pylist()
    types = table.column(f"{name}_type").to_pylist()
    buffers = (value.as_buffer() for value in table.column(name))
    arrays = [
        np.frombuffer(b, t).reshape(s) for b, t, s in zip(buffers, types, shapes, strict=True)
    ]
    for array in arrays:
        array.flags.writeable = False  # Arrow may say otherwise, but the file is mapped for reading
    return arrays
