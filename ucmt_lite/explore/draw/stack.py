"""What the stack viewer shows: arrays, sent once, and how they are layered, moved and read.

No widget is made here, so that it can be read and tested without a browser; `viewer.show` picks the
widget that this place can draw. The description is what `js/spec.js` documents for JavaScript.
"""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.palette import (
    DIFFERENT,
    ERROR,
    HALOS,
    NET_COLOURS,
    NET_TITLES,
    STROKES,
    TRUTH,
    UNCERTAINTY,
)
from ucmt_lite.explore.draw.svg import Line, chart, dashes

MAX_BYTES = 4_000_000  # to be sent; more makes pages slow and saved notebooks huge
CANVAS_DASHES = {"-": [], "--": [4, 2], ":": [1.8, 1.3], "-.": [4, 1.6, 1, 1.6]}  # in line widths


class Stack:
    """The arrays and the description of one viewer.

    `put` an array, then describe `panel`s, `chart`s, `control`s and `layer`s of it.

    >>> stack = Stack("example")
    >>> stack.put(np.zeros((2, 8, 8), np.uint8), "frame y x")["strides"]
    {'frame': 64, 'y': 8, 'x': 1}
    """

    def __init__(self, label: str) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.resting: dict[str, int] = {}  # where a still picture shows controls
        self.spec: dict = {
            "label": label,
            "controls": [],
            "layers": [],
            "panels": [],
            "charts": [],
            "blended": True,
        }

    def put(self, array: np.ndarray, axes: str) -> dict:
        """Keep an array (bytes, or float32) and return a reference to it.

        `axes` names its axes, as in einops.
        """
        names = axes.split()
        if array.ndim != len(names):
            raise InputError(
                f"An array of shape {array.shape} was given where the axes {axes} are needed: check"
                " the maps."
            )
        dtype = np.uint8 if array.dtype in (bool, np.uint8) else np.float32
        array = np.ascontiguousarray(array, dtype)
        strides = {
            name: step // array.itemsize for name, step in zip(names, array.strides, strict=True)
        }
        data = array.tobytes()
        reference = {
            "offset": self.size,
            "length": array.size,
            "type": "u1" if dtype is np.uint8 else "f4",
            "strides": strides,
        }
        self.parts.append(data + bytes(-len(data) % 4))  # float32 arrays start at multiples of 4
        self.size += len(self.parts[-1])
        return reference

    def control(
        self,
        name: str,
        label: str,
        values: Sequence | np.ndarray,
        *,
        start: int = 0,
        still: int | None = None,
        play: bool = False,
    ) -> None:
        """Add a slider over the positions of one axis.

        `still` is where a picture without a reader shows it, if that is not the `start`.
        """
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
        self.spec["controls"].append(
            {"name": name, "label": label, "values": values, "start": start, "play": play}
        )
        if still is not None:
            self.resting[name] = still

    def panel(
        self,
        title: str,
        base: dict,
        size: tuple[int, int],
        layers: Mapping[str, list[dict]],
        **more,
    ) -> None:
        """Add an image with its layers; `readouts` are (label, reference, scale, unit, digits)."""
        readouts = [
            dict(zip(("label", "ref", "scale", "unit", "digits"), item, strict=True))
            for item in more.pop("readouts", [])
        ]
        panel = {
            "title": title,
            "base": base,
            "layers": dict(layers),
            "readouts": readouts,
            "height": size[0],
            "width": size[1],
            "y": "y",
            "x": "x",
            "classes": [],
        }
        self.spec["panels"].append({**panel, **more})

    def chart(
        self,
        lines: Sequence[Line],
        values: Sequence[dict | None],
        title: str,
        x_label: str,
        *,
        moving: Sequence[dict] = (),
        control: str = "",
        positions: Sequence | np.ndarray | None = None,
        by: str = "",
        scales: Sequence[Mapping] = ({},),
    ) -> None:
        """Add a chart whose cursor follows a control.

        `positions` are the cursor's x for each value of the control, `values` refer to what each
        line reads there; `moving` describes lines that are drawn anew at each position. `scales`
        are the ranges of x and y, as `svg.chart` takes them: one of them, or one for each position
        of the control `by`.
        """
        drawn = [chart(lines, title, x_label, **scale) for scale in scales]
        legend = [
            {"label": line.label, "colour": line.colour, "dash": dashes(line.stroke), "ref": ref}
            for line, ref in zip(lines, values, strict=True)
        ]
        self.spec["charts"].append(
            {
                "frames": [{"svg": text, "box": frame.box()} for text, frame in drawn],
                "by": by,
                "lines": legend,
                "moving": list(moving),
                "control": control,
                "positions": None if positions is None else [float(x) for x in positions],
            }
        )

    def layer(self, key: str, label: str | None = None, **more) -> None:
        """Add a layer that a panel may have.

        Known keys need no more: networks, truth, differ, error, uncertainty.
        """
        layer: dict = {"label": label or NET_TITLES.get(key, key), "kind": "outline", "on": True}
        if key in STROKES:
            layer |= {
                "colour": NET_COLOURS.get(key, TRUTH),
                "dash": CANVAS_DASHES[STROKES[key]],
                "halo": HALOS.get(key, "#000000"),
            }
        elif key == "differ":
            layer |= {"label": label or "disagreement", "kind": "differ", "colour": DIFFERENT}
        elif key == "error":
            layer |= {
                "label": label or "pseudo-label error",
                "kind": "differ",
                "colour": ERROR,
                "hatch": True,
            }
        elif key == "uncertainty":
            layer |= {"kind": "map", "colour": _stops(UNCERTAINTY)}
        self.spec["layers"].append({"key": key, **layer, **more})

    def scale(self, maximum: float) -> None:
        """Set the colours of the map layer, from 0 to `maximum` nats."""
        self.spec["lut"] = self.put(colour_table(UNCERTAINTY), "value channel")
        self.spec["unit"] = {"max": maximum, "name": "nats"}

    def packed(self) -> bytes:
        """Return all arrays in one packed piece, however long."""
        return zlib.compress(b"".join(self.parts), 6)

    def data(self) -> bytes:
        """Return all arrays in one packed piece that a page can take."""
        packed = self.packed()
        if len(packed) > MAX_BYTES:
            raise InputError(
                f"These images need {len(packed) / 1e6:.1f} MB in the browser,"
                f" {MAX_BYTES / 1e6:.0f} MB are the most: show fewer steps or images, or smaller"
                " ones."
            )
        return packed

    def start(self) -> dict[str, int]:
        """Return the index at which every control stands at first."""
        return {control["name"]: control["start"] for control in self.spec["controls"]}

    def still(self) -> dict[str, int]:
        """Return the index of every control in a picture that nobody has moved."""
        return {**self.start(), **self.resting}


def colour_table(name: str) -> np.ndarray:
    """Return a colour map as bytes, 256 x RGBA."""
    from matplotlib import colormaps

    return colormaps[name](np.arange(256), bytes=True)


def _stops(name: str, count: int = 9) -> list[str]:
    """Return a few colours of a colour map, for a scale drawn by the browser."""
    indices = np.linspace(0, 255, count).round().astype(int)
    return ["#" + bytes(colour[:3]).hex() for colour in colour_table(name)[indices]]


def as_level(values: np.ndarray, maximum: float) -> np.ndarray:
    """Return a map as bytes: 0 is 0, 255 is `maximum`.

    >>> as_level(np.array([-0.1, 0.0, 0.5, 1.0]), 1.0).tolist()
    [0, 0, 128, 255]
    """
    return np.round(np.clip(values.astype(np.float32) / maximum, 0, 1) * 255).astype(np.uint8)
