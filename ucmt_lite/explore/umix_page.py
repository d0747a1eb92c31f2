"""The UMIX lab for a page without a kernel: its networks as ONNX files, and what runs them.

`js/umix_lab.js` is the twin of `umix_lab`: it asks the networks by ONNX Runtime Web, which is not
part of this kit; npm installs it.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore._umix_samples import LETTERS, NETWORKS
from ucmt_lite.explore.draw.palette import (
    CERTAIN,
    HALOS,
    NET_COLOURS,
    NET_TITLES,
    STROKES,
    TRUTH,
    UNCERTAIN,
    UNCERTAINTY,
)
from ucmt_lite.explore.draw.stack import CANVAS_DASHES, Stack, colour_table
from ucmt_lite.explore.draw.tiles import CSS
from ucmt_lite.explore.umix_lab import TOOLTIPS, UmixLab

if TYPE_CHECKING:
    from ucmt_lite.data import Cases

RUNTIME = "onnxruntime-web"
RUNTIME_VERSION = "1.30.0"  # as in package.json
RUNTIME_FILES = {"module": "ort.wasm.bundle.min.mjs", "wasm": "ort-wasm-simd-threaded.wasm"}
CHECKOUT = Path(__file__).resolve().parents[2]
NOTICE = "Networks run by ONNX Runtime Web (Microsoft Corporation, MIT License)."
LABEL = "UMIX by hand"
STYLE = f"""{CSS.removeprefix("<style>").removesuffix("</style>")}
.ucmt-lab figcaption {{font-weight:400}}
.ucmt-lab :is(.ucmt-key, .ucmt-notice) {{font-size:12px; margin:0}}
"""


def lab_page(lab: UmixLab) -> dict:
    """Return what the page of a lab holds, as the reader left it: see `js/umix_lab.js`.

    Networks, images and runtime are arrays of a `Stack`, packed in one piece. Errors: InputError
    where the runtime is missing, for images of different sizes, and as in `predict.to_onnx`.
    """
    runtime, cases = runtime_folder(), lab.lab.cases
    channels, height, width = _common_shape(cases)
    stack = Stack(LABEL)
    parts = {
        "images": stack.put(np.stack(list(cases.images)), "image c y x"),
        "masks": stack.put(np.stack(list(cases.masks)).astype(np.uint8), "image y x"),
        "table": stack.put(colour_table(UNCERTAINTY), "value channel"),
    }
    files = {name: _onnx_bytes(net, channels) for name, net in lab.lab.nets.items()}
    files |= {part: (runtime / name).read_bytes() for part, name in RUNTIME_FILES.items()}
    for name, data in files.items():
        parts[name] = stack.put(np.frombuffer(data, np.uint8), "byte")
    return {
        "kind": "umix_lab",
        "label": LABEL,
        "data": stack.packed(),
        "parts": parts,
        "networks": list(NETWORKS),
        "sides": {"height": height, "width": width},
        "channels": channels,
        "count": len(cases),
        **_controls(lab),
        **_looks(),
    }


def _common_shape(cases: "Cases") -> tuple[int, int, int]:
    """Return channels, height and width of all images."""
    shapes = {image.shape for image in cases.images}
    if len(shapes) > 1:
        raise InputError(
            f"A page of the UMIX lab shows images of one size, these have {len(shapes)} sizes:"
            " resize them first, as by cases(split, size=64)."
        )
    return shapes.pop()


def _controls(lab: UmixLab) -> dict:
    """Return what the controls offer, and where they stand."""
    return {
        "position": {
            "image": lab.image.value,
            "grid": lab.grid.value,
            "topK": lab.top_k.value,
            "mix": lab.mix.value,
        },
        "grids": list(lab.grid.options),
        "maxMoved": lab.max_moved,
        "mixes": {name: TOOLTIPS[name] for name in lab.mix.options},
        "seed": lab.seed,
    }


def _looks() -> dict:
    """Return colours, dashes and names, so that they are written in one place alone."""
    strokes = {
        name: {
            "colour": NET_COLOURS.get(name, TRUTH),
            "halo": HALOS.get(name, "#000000"),
            "dash": CANVAS_DASHES[stroke],
        }
        for name, stroke in STROKES.items()
    }
    for name, colour, stroke in (("uncertain", UNCERTAIN, "-"), ("certain", CERTAIN, "--")):
        strokes[name] = {"colour": colour, "halo": "#000000", "dash": CANVAS_DASHES[stroke]}
    return {
        "strokes": strokes,
        "titles": NET_TITLES,
        "letters": LETTERS,
        "notice": NOTICE,
        "style": STYLE,
    }


def runtime_folder() -> Path:
    """Return where npm put the runtime: in this clone, or in the folder that one works in."""
    for root in (CHECKOUT, Path.cwd()):
        folder = root / "node_modules" / RUNTIME / "dist"
        if all((folder / name).is_file() for name in RUNTIME_FILES.values()):
            return folder
    raise InputError(
        f"A page of the UMIX lab holds {RUNTIME}, which is not in node_modules here: run npm"
        f" install {RUNTIME}@{RUNTIME_VERSION}."
    )


def _onnx_bytes(net: Any, channels: int) -> bytes:
    """Return a network as an ONNX file that gives probabilities."""
    from ucmt_lite.predict import Segmenter, to_onnx

    with TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        to_onnx(Segmenter(net, {"dims": 2, "in_channels": channels}), path)
        return path.read_bytes()
