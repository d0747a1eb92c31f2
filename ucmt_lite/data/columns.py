"""How one case is kept in a Hugging Face dataset, and read back.

PNG bytes or a path in 2D, `np.save` bytes in 3D.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps

from ucmt_lite.common import InputError

if TYPE_CHECKING:
    import datasets

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")
ARRAYS = ("image", "mask", "ambiguity")  # the columns that hold pictures or volumes
# The mask of a picture before it was resized, in splits that are scored: a picture as well.
OWN_MASK = "own_mask"


class Item(NamedTuple):
    """One case on its way into a dataset: encoded already, or in a file of its own."""

    id: str
    group: str
    image: bytes | Path
    mask: bytes
    spacing: tuple[float, ...] = ()
    ambiguity: bytes | None = None
    has_mask: bool = True  # an unlabeled image has a mask of zeros
    own_mask: bytes | None = None  # of a picture that was resized: the mask before
    own_size: tuple[int, ...] = ()  # of a picture that was resized: its sides before


def png(array: np.ndarray) -> bytes:
    """Encode a uint8 picture `H W` or `H W 3` without loss.

    >>> unpng(png(np.array([[0, 1], [2, 255]], np.uint8)), "L").tolist()
    [[0, 1], [2, 255]]
    """
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    """Encode an array of any shape as `np.save` writes it.

    >>> unnpy(npy(np.zeros((2, 3, 4), np.float16))).shape
    (2, 3, 4)
    """
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def unnpy(data: bytes) -> np.ndarray:
    """Read back what `npy` wrote; nothing in `data` is ever executed."""
    return np.load(io.BytesIO(data), allow_pickle=False)


def unpng(data: bytes | Path | str, mode: str, size: int | None = None) -> np.ndarray:
    """Decode a picture to uint8 `H W` (mode "L") or `H W 3` (mode "RGB").

    With `size` it is resized to `size` x `size`, bilinear with antialias.
    """
    with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as picture:
        if size is not None:
            # A JPEG can be decoded at 1/2, 1/4, 1/8: never below twice the size we resize to.
            picture.draft(mode, (2 * size, 2 * size))
        upright = ImageOps.exif_transpose(picture).convert(mode)
        if size is not None:
            upright = upright.resize((size, size), Image.Resampling.BILINEAR)
        return np.asarray(upright)


def resize_nearest(mask: np.ndarray, size: int) -> np.ndarray:
    """Resize class indices `H W` to `size` x `size`; a pixel takes the value of the nearest one."""
    return np.asarray(Image.fromarray(mask).resize((size, size), Image.Resampling.NEAREST))


def scaled_spacing(
    spacing: Sequence[float], before: Sequence[int], after: Sequence[int]
) -> tuple[float, ...]:
    """Return the spacing of an image whose sides were `before` and have become `after`.

    >>> scaled_spacing((0.5, 1.0), (4, 6), (2, 2)), scaled_spacing((), (4, 6), (2, 2))
    ((1.0, 3.0), ())
    """
    sides = zip(spacing, before, after, strict=bool(spacing))
    return tuple(mm * side / resized for mm, side, resized in sides)


def in_threads(
    function: Callable[[_Argument], _Result], items: Sequence[_Argument], label: str = "reading"
) -> list[_Result]:
    """Apply `function` to all items in threads and keep their order.

    A bar with the label shows once it takes more than five seconds.
    """
    from tqdm.auto import tqdm

    with ThreadPoolExecutor() as pool:
        try:
            return list(
                tqdm(
                    pool.map(function, items),
                    total=len(items),
                    desc=label,
                    delay=5,
                    leave=False,
                    disable=None,
                )
            )
        except BaseException:
            pool.shutdown(cancel_futures=True)  # the first bad file is enough
            raise


class Lazy(Sequence[_Result]):
    """A list whose items are made each time they are asked for, and never kept.

    >>> squares = Lazy(lambda x: x * x, [2, 3])
    >>> squares[1], len(squares)
    (9, 2)
    """

    def __init__(self, make: Callable[[Any], _Result], sources: Sequence[Any]) -> None:
        self.make, self.sources = make, sources

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: Any) -> Any:
        return self.make(self.sources[index])


def features(
    dims: int, channels: int, arrays: Sequence[str] = ARRAYS[:2], others: Sequence[str] = ()
) -> "datasets.Features":
    """Return the columns of a split, whatever it was made from.

    `arrays` are those of pictures or volumes, `others` those that not every set has.
    """
    import datasets

    image = grey = datasets.Value("large_binary")
    if dims == 2:
        image = datasets.Image(mode="RGB" if channels == 3 else "L")
        grey = datasets.Image(mode="L")
    columns: dict[str, Any] = {"id": datasets.Value("string"), "group": datasets.Value("string")}
    columns |= {name: image if name == "image" else grey for name in arrays}
    columns["spacing"] = datasets.Sequence(datasets.Value("float32"))
    kinds = {
        "has_mask": datasets.Value("bool"),
        "own_size": datasets.Sequence(datasets.Value("int32")),
    }
    return datasets.Features(columns | {name: kinds[name] for name in others})


def to_split(items: Iterable[Item], dims: int, channels: int) -> "datasets.Dataset":
    """Make one split, in memory and without any cache file, from its cases."""
    import datasets

    items = list(items)
    kept = [name for name in (*ARRAYS, OWN_MASK) if items and getattr(items[0], name) is not None]
    arrays = kept or ARRAYS[:2]
    columns: dict[str, list] = {
        name: [getattr(item, name) for item in items] for name in ("id", "group", *arrays)
    }
    columns["spacing"] = [list(item.spacing) for item in items]
    if dims == 2:
        for name in arrays:
            columns[name] = [_picture_cell(value) for value in columns[name]]
    there = {
        "has_mask": not all(item.has_mask for item in items),
        "own_size": any(item.own_size for item in items),
    }
    others = [name for name, is_there in there.items() if is_there]
    columns |= {name: [getattr(item, name) for item in items] for name in others}
    kinds = features(dims, channels, arrays, others)
    split = datasets.Dataset.from_dict(columns, features=kinds)
    return split if dims == 2 else split.with_transform(_decode_volumes)


def _picture_cell(value: bytes | Path) -> dict[str, Any]:
    """Return a picture as `datasets.Image` takes it."""
    if isinstance(value, bytes):
        return {"bytes": value, "path": None}
    return {"bytes": None, "path": str(value)}


def picture_file(cell: dict[str, Any]) -> bytes | Path:
    """Return the bytes or the path of a cell of `datasets.Image`."""
    return cell["bytes"] or Path(cell["path"])


def _decode_volumes(batch: dict[str, list]) -> dict[str, list]:
    """Decode the cells of a 3D split, so that `split[0]["image"]` is an array, not its bytes."""
    return {k: [unnpy(v) for v in column] if k in ARRAYS else column for k, column in batch.items()}


def unreadable(kind: str, name: object, error: Exception) -> InputError:
    """Return the one sentence for a file that cannot be decoded."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if type(error).__name__ == "DecompressionBombError":
        return InputError(f"{kind} '{name}' is too large ({reason}): cut it into tiles first.")
    return InputError(f"{kind} '{name}' cannot be read ({reason}): fetch it again or take it out.")
