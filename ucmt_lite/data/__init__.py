"""Data: where images come from, how they are split, and how they become minibatches.

Uses `core` and `common`. A set by its name is `loading.load`; the rows of its three tables are
in `phantoms`, `catalogue` and `readers`. `reading` has what readers share, `source` the two forms
of a set, `batches` and `views` what training sees of it.
"""

from ucmt_lite.common import lazy
from ucmt_lite.data.readers import READERS

# Loaded when asked for: numpy and Pillow, and with views and batches torch, take their time.
_LATER = {
    "Batches": "batches",
    "CATALOGUE": "catalogue",
    "Cases": "source",
    "PHANTOMS": "phantoms",
    "Source": "source",
    "cases": "source",
    "from_dataset": "dataset",
    "keep_on_disk": "mapped",
    "load": "loading",
    "open_cases": "mapped",
    "split_labeled": "splits",
    "strong_view": "views",
    "takes_size": "loading",
    "to_input": "views",
    "weak_view": "views",
}
__getattr__ = lazy(__name__, _LATER)

__all__ = ["READERS", *_LATER]
