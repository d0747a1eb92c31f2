"""A first run for a set: the command, with settings that have learned on a set of its kind."""

import shlex
from typing import TYPE_CHECKING, Any

from ucmt_lite.data import READERS
from ucmt_lite.experiments.config import RunConfig

if TYPE_CHECKING:
    from ucmt_lite.data import Source

# On Kvasir-SEG with 80 labels 300 passes (6,000 iterations, some three minutes of a core) were
# ahead of 150, and those of 75 (results/recipe_kvasir).
PASSES_OF_LABELS = 300  # over the labeled images, at least
SHORTEST, LONGEST = 600, 6000  # iterations
SHARE = 0.1  # of the training images, whose masks a first run uses

# What differs from the defaults: two volumes of a minibatch fill a small computer, and four labels
# learn on the left atrium.
VOLUMES: dict[str, Any] = {"network": "vnet_small", "batch": 2, "ramp": 0.6}


def first_run(source: "Source", data: str = "", group: str = "") -> str:
    """Return a command that trains a baseline on a set, with a length that fits it.

    `data` and `group` are what `ucmt-lite data` was given. A set that lists its labeled images has
    all of them used, another a tenth of its training images.

    >>> from ucmt_lite.data import load
    >>> first_run(load("phantom_heart", size=32, count=(40, 4, 4)))
    'ucmt-lite run --dataset phantom_heart --method supervised --labeled 4 --iterations 600 --out
    runs/first'
    """
    own = VOLUMES if source.dims == 3 else {}
    config = RunConfig(**own)
    masked = _with_mask(source)
    classes = len(source.classes)
    labeled = len(source.labeled) or max(min(config.labeled, masked), round(SHARE * masked))
    iterations = min(LONGEST, max(SHORTEST, PASSES_OF_LABELS * labeled // config.batch))
    options = {
        "dataset": source.name,
        "data": data,
        "group": group,
        "classes": classes if source.name in READERS and classes > 2 else "",
        "method": "supervised",
        "labeled": labeled,
        **own,
        "iterations": iterations,
        "out": "runs/first",
    }
    words = [f"--{name} {shlex.quote(str(value))}" for name, value in options.items() if value]
    return " ".join(["ucmt-lite run", *words])


def _with_mask(source: "Source") -> int:
    """Count the training images that have a mask."""
    train = source.splits["train"]
    return sum(train["has_mask"]) if "has_mask" in train.column_names else len(train)
