"""Explorers of images, predictions and training, one file each; `draw/` is what they draw with.

Uses `methods`, `training.traces`, and where networks run `core` and `data`.

Each explorer is a module with two functions: `figure(...)` makes a still picture, `widget(...)` the
explorer around it, which leaves that picture in a saved notebook. Both show the same data; the
monitor's figure takes a trace, its widget the recorder that makes one. Other arguments may differ:
a widget leaves to its reader which step to see, or which mask to draw. Every picture carries a
sentence that says what is on it. Explorers read traces and arrays, never torch; only the UMIX lab
and the monitor, which work with networks, import it when they are called. `to_html(widget, file)`
writes an explorer as a page that needs no kernel.
"""

from ucmt_lite.common import lazy

EXPLORERS = (
    "training",
    "uncertainty",
    "umix_lab",
    "mixes",
    "ema",
    "compare",
    "volume",
    "annotate",
    "monitor",
)
__getattr__ = lazy(__name__, {name: name for name in EXPLORERS} | {"to_html": "draw.page"})

__all__ = [*EXPLORERS, "to_html"]
