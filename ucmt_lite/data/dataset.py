"""Any Hugging Face `datasets` object as a `Source`: one of your own, or one from the Hub at a
pinned revision.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError, one_of
from ucmt_lite.data.columns import Item, in_threads, npy, png
from ucmt_lite.data.hdf5 import normalised
from ucmt_lite.data.masks import class_indices, class_names
from ucmt_lite.data.pictures import eight_bits, look, read_pair
from ucmt_lite.data.source import Source, build_source
from ucmt_lite.data.splits import PARTS, first, split_up

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
    group_of: Callable[[str], str] = str,
) -> Source:
    """Make a `Source` of a `datasets.Dataset` or `DatasetDict`, whose own splits are kept if it has
    at least two.

    The columns `image` and `mask` hold pictures (`datasets.Image`) or arrays: `H W`, `H W 3` or `3
    H W` with a mask `H W`, or a volume `D H W` with a mask `D H W`; one channel more of either is
    dropped. Arrays of pictures become 8 bits (`eight_bits`), volumes are standardised
    (`normalised`). A column `id` gives unique names (default: split and row) and a column `group`
    the patient, where it is known. Masks, seed, size and count: as `read_folder`.

    >>> import datasets
    >>> pixels = np.zeros((8, 8), np.uint8); masks = [np.full((8, 8), i % 2, np.uint8) for i in range(5)]
    >>> rows = datasets.Dataset.from_dict({"image": [pixels] * 5, "mask": masks})
    >>> source = from_dataset(rows, classes=["background", "cell"])
    >>> sorted(len(split) for split in source.splits.values()), source.classes, source.dims
    ([1, 1, 3], ('background', 'cell'), 2)
    """
    names = class_names(classes)
    tables = dict(dataset) if isinstance(dataset, Mapping) else {"train": dataset}
    rows: dict[str, tuple[str, int]] = {}
    groups: dict[str, str] = {}
    for split, table in tables.items():
        for i, (key, group) in enumerate(_names(table, split, image, mask, group_of)):
            if key in rows:
                raise InputError(
                    f"Two rows have the id '{key}': give every row its own, or drop the column id."
                )
            rows[key], groups[key] = (split, i), group
    if not rows:
        raise InputError("The dataset has no rows: give one with at least two.")
    where = {
        split: PARTS[one_of("split", split, PARTS)] if len(tables) > 1 else None for split in tables
    }
    parts, rule = split_up(
        None, {key: where[split] for key, (split, _) in rows.items()}, groups, shares, seed
    )
    parts = first(parts, count)
    plain = {split: _undecoded(table, image, mask) for split, table in tables.items()}
    pairs = {key: (plain[rows[key][0]], rows[key][1]) for ids in parts.values() for key in ids}
    items, channels, dims = _read(pairs, groups, image, mask, len(names), size)
    chosen = {split: [items[key] for key in ids] for split, ids in parts.items()}
    return build_source(name, chosen, classes=names, channels=channels, dims=dims, split_rule=rule)


def _names(
    table: Any, split: str, image: str, mask: str, group_of: Callable[[str], str]
) -> list[tuple[str, str]]:
    """Id and group of every row."""
    for column in (image, mask):
        if column not in table.column_names:
            have = ", ".join(table.column_names)
            raise InputError(
                f"The dataset has no column '{column}' but {have}: name it with image= or mask=."
            )
    ids = (
        [str(v) for v in table["id"]]
        if "id" in table.column_names
        else [f"{split}_{i}" for i in range(len(table))]
    )
    groups = table["group"] if "group" in table.column_names else [None] * len(ids)
    return [
        (key, group_of(key) if group is None else str(group))
        for key, group in zip(ids, groups, strict=True)
    ]


def _undecoded(table: Any, image: str, mask: str) -> Any:
    """The two columns only, with pictures left encoded as they are."""
    import datasets

    table = table.select_columns([image, mask])
    for column in (image, mask):
        if isinstance(table.features[column], datasets.Image):
            table = table.cast_column(column, datasets.Image(decode=False))
    return table


def _read(
    pairs: dict[str, tuple[Any, int]],
    groups: Mapping[str, str],
    image: str,
    mask: str,
    classes: int,
    size: int | None,
) -> tuple[dict[str, Item], int, int]:
    """Check and encode every case; channels and axes are the same for all."""

    def encoded(key: str) -> tuple:
        table, i = pairs[key]
        row = table[i]
        return key, *_encoded(row[image], row[mask], key)

    rows = in_threads(encoded, list(pairs), "reading the dataset")
    dims = {3 if isinstance(data, np.ndarray) else 2 for _, data, _ in rows}
    if len(dims) > 1:
        raise InputError("The dataset mixes pictures and volumes: make two datasets of it.")
    if dims == {3}:
        items = {
            k: Item(k, groups[k], npy(normalised(v, k)), npy(class_indices(m, classes, k)))
            for k, v, m in rows
        }
        return items, 1, 3
    channels = max(look(picture, of, key) for key, picture, of in rows)
    encode = partial(read_pair, classes=classes, mode="RGB" if channels == 3 else "L", size=size)
    read = in_threads(
        lambda row: encode(row[0], groups[row[0]], row[1], row[2]), rows, "reading the dataset"
    )
    return {item.id: item for item, _ in read}, channels, 2


def _encoded(image: Any, mask: Any, key: str) -> tuple[Any, Any]:
    """A picture as bytes or path, a volume as array; the same for the mask."""
    if isinstance(image, dict) and isinstance(mask, dict):
        return image["bytes"] or Path(image["path"]), mask["bytes"] or Path(mask["path"])
    if isinstance(image, dict) or isinstance(mask, dict):
        raise InputError(
            f"'{key}' has one column of pictures and one of arrays: make both datasets.Image."
        )
    if image is None or mask is None:
        raise InputError(
            f"'{key}' has no {'image' if image is None else 'mask'}: take that row out."
        )
    values, labels = np.asarray(image), _without_channel(np.asarray(mask))
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
    return png(eight_bits(values, key)), png(_bytes(labels, key))


def _without_channel(array: np.ndarray) -> np.ndarray:
    """An array without an axis of one channel, first as torch has it or last."""
    for axis in (0, -1):
        if array.ndim > 2 and array.shape[axis] == 1:
            return array.squeeze(axis)
    return array


def _bytes(labels: np.ndarray, key: str) -> np.ndarray:
    if not np.isin(labels, np.arange(256)).all():
        raise InputError(
            f"Mask '{key}' holds values that are no whole numbers from 0 to 255: save class"
            " indices."
        )
    return labels.astype(np.uint8)


def from_hub(address: str, **options: Any) -> Source:
    """Read "owner/name@revision" from the Hugging Face Hub; the revision is the full hash, so it
    never changes.

    Takes the columns `image` and `mask` (or `label`, `annotation`, `segmentation`); everything
    else: `from_dataset`.
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
        # Not load_dataset(repository): a local folder that happens to have this name would win over
        # the Hub.
        found = datasets.load_dataset(
            snapshot_download(repository, repo_type="dataset", revision=revision)
        )
    except (
        OSError,
        ValueError,
        RuntimeError,
    ) as error:  # no such set, no network, a layout `datasets` does not read
        reason = " ".join(str(error).split())
        raise InputError(
            f"hub='{address}' cannot be read ({reason}): check the name, the revision, the network."
        ) from error
    columns = next(iter(found.values())).column_names
    mask = next((name for name in MASK_COLUMNS if name in columns), "mask")
    return from_dataset(found, mask=mask, **options)
