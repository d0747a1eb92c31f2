"""An explorer as one HTML file, alive without a kernel: its own JavaScript beside its data.

The file needs no server and no network, and says so to the browser: its policy allows neither. The
UMIX lab's brings a program that runs networks, and its policy allows that one.
"""

import base64
import json
from html import escape
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError, atomic
from ucmt_lite.explore.draw.viewer import FOLDER
from ucmt_lite.explore.umix_lab import UmixLab
from ucmt_lite.explore.umix_page import lab_page

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
RUNS_NETWORKS = POLICY.replace("'unsafe-inline'", "'unsafe-inline' 'wasm-unsafe-eval' blob:", 1)
LOOKS = """:root { color-scheme: light dark; }
body { margin: 12px; color: CanvasText; background: Canvas; font-family: system-ui, sans-serif; }
main { max-width: 1240px; margin: auto; }
img { max-width: 100%; }
"""
TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{css}</style>
</head>
<body>
<main id="ucmt-explorer"></main>
<noscript><p>This explorer needs JavaScript; here is what it shows at first.</p>{still}</noscript>
<script type="application/json" id="ucmt-state">{state}</script>
<script>
{script}</script>
</body>
</html>
"""


def to_html(explorer: Any, file: str | Path) -> Path:
    """Write what the widget of an explorer shows now as one HTML file, and return its path.

    `training`, `uncertainty`, `volume`, `ema` and `umix_lab` can do without a kernel; others are
    refused. The file of `umix_lab` holds its networks and ONNX Runtime Web, 7 MB in all.

    >>> from tempfile import TemporaryDirectory
    >>> from ucmt_lite.explore import ema
    >>> with TemporaryDirectory() as folder:
    ...     to_html(ema.widget(), f"{folder}/teacher.html").name
    'teacher.html'
    """
    state = _state(explorer)
    title = state["spec"]["label"] if "spec" in state else state["label"]
    css = LOOKS + (FOLDER / "stack.css").read_text(encoding="utf-8") + state.pop("style", "")
    state |= {"data": base64.b64encode(state["data"]).decode()}
    still, _ = explorer.picture().bundle()
    text = TEMPLATE.format(
        policy=RUNS_NETWORKS if "networks" in state else POLICY,
        title=escape(title),
        css=css,
        still=still["text/html"],
        # Else a "</script>" in a title would end the data.
        state=json.dumps(state).replace("<", "\\u003c"),
        script=(FOLDER / "bundle" / "page.js").read_text(encoding="utf-8"),
    )
    with atomic(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(file)


def _state(explorer: Any) -> dict:
    """Return what the page of an explorer holds, with its arrays as `data`."""
    if isinstance(explorer, UmixLab):
        return lab_page(explorer)
    if not hasattr(explorer, "page"):
        raise InputError(
            f"A {type(explorer).__name__} cannot be exported, because it needs a kernel: give the"
            " widget of training, uncertainty, volume, ema or umix_lab."
        )
    return explorer.page()
