"""One row per reader of your own data: everything about it that is not its function.

Opens without numpy or torch. A new reader is one file and one row.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from ucmt_lite.common import one_of


class Reader(NamedTuple):
    """What a reader reads, in words; whether it resizes to a `size`; what it is called with.

    `function` is called as `function(root, request, **options)` and returns a `Source`; None stands
    for `read_<name>` in the file of the reader's name, which is loaded when it runs. `reading.py`
    has what readers share: a new one has to say where the cases are and how one file is opened.
    """

    reads: str
    takes_size: bool
    options: Mapping[str, Any] = {}
    function: Callable | None = None


READERS: dict[str, Reader] = {
    "folder": Reader("pictures and masks in PNG, JPEG, BMP or TIFF", takes_size=True),
    "hdf5": Reader("slices or volumes in .h5 files with image and label", takes_size=True),
    "nifti": Reader("volumes in .nii.gz files below images/ and masks/", takes_size=False),
}


def reading_function(name: str) -> Callable:
    """Return the function of a reader: its row's, else the one in the file of its name.

    >>> reading_function("folder").__module__
    'ucmt_lite.data.folder'
    """
    row = READERS[one_of("reader", name, READERS)]
    return row.function or getattr(import_module(f"ucmt_lite.data.{name}"), f"read_{name}")
