"""The methods: one paper, one file, one plain function that does one training iteration; `table.py`
has a row for each.

Uses `core`, and `nets` to try a method out. The functions live in their files:
`from ucmt_lite.methods.ucmt import ucmt`.
"""

from ucmt_lite.common import lazy
from ucmt_lite.methods.table import METHODS, Method, look_of, title_of

# What needs torch, whose import takes seconds, is loaded when it is asked for.
LATER = dict.fromkeys(("Nets", "build_nets", "check_knobs", "dry_run", "knobs", "step_of"), "build")
LATER["FlawDetector"] = "gct"
__getattr__ = lazy(__name__, LATER)

__all__ = ["METHODS", "Method", "look_of", "title_of", *LATER]
