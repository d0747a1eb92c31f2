"""What the stack viewer shows: arrays sent to the browser once, and a description of how they are
layered, moved and read.

No widget is made here, so that it can be read and tested without a browser; `show` picks the widget
that this place can draw.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence

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
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.explore.draw.svg import Line, chart, dashes

MOST = 4_000_000  # bytes sent; more makes pages slow and saved notebooks huge
CANVAS_DASHES = {"-": [], "--": [4, 2], ":": [1.8, 1.3], "-.": [4, 1.6, 1, 1.6]}  # in line widths


class Stack:
    """The arrays and the description of one viewer; `put` an array, then `panel`s, `chart`s,
    `control`s and `layer`s of it.

    >>> stack = Stack("example")
    >>> stack.put(np.zeros((2, 8, 8), np.uint8), "frame y x")["strides"]
    {'frame': 64, 'y': 8, 'x': 1}
    """

    def __init__(self, label: str) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.spec: dict = {
            "label": label,
            "controls": [],
            "layers": [],
            "panels": [],
            "charts": [],
            "blended": True,
        }

    def put(self, array: np.ndarray, axes: str) -> dict:
        """Keep an array (bytes, or float32) and return how to find it; `axes` names its axes, as in
        einops.
        """
        names = axes.split()
        if array.ndim != len(names):
            raise InputError(
                f"An array of shape {array.shape} was given where the axes {axes} are needed: check"
                " the maps."
            )
        kind = np.uint8 if array.dtype in (bool, np.uint8) else np.float32
        array = np.ascontiguousarray(array, kind)
        strides = {
            name: step // array.itemsize for name, step in zip(names, array.strides, strict=True)
        }
        data = array.tobytes()
        self.parts.append(data + bytes(-len(data) % 4))  # float32 arrays start at multiples of 4
        self.size += len(self.parts[-1])
        return {
            "at": self.size - len(self.parts[-1]),
            "length": array.size,
            "type": "u1" if kind is np.uint8 else "f4",
            "strides": strides,
        }

    def control(
        self,
        name: str,
        label: str,
        values: Sequence | np.ndarray,
        *,
        start: int = 0,
        play: bool = False,
    ) -> None:
        """A slider over the positions of one axis."""
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
        self.spec["controls"].append(
            {"name": name, "label": label, "values": values, "start": start, "play": play}
        )

    def panel(
        self,
        title: str,
        base: dict,
        size: tuple[int, int],
        layers: Mapping[str, list[dict]],
        **more,
    ) -> None:
        """An image with its layers; `readouts` are (label, reference, scale, unit, digits)."""
        readouts = [
            dict(zip(("label", "ref", "scale", "unit", "digits"), item, strict=True))
            for item in more.pop("readouts", [])
        ]
        place = {"height": size[0], "width": size[1], "y": "y", "x": "x", "classes": []}
        self.spec["panels"].append(
            {
                "title": title,
                "base": base,
                "layers": dict(layers),
                "readouts": readouts,
                **place,
                **more,
            }
        )

    def chart(
        self,
        lines: Sequence[Line],
        values: Sequence[dict | None],
        title: str,
        x_label: str,
        *,
        moving=(),
        control="",
        at=None,
        **limits,
    ) -> None:
        """A chart whose cursor follows a control: `at` is where it stands for each value, `values`
        what each line reads.
        """
        text, frame = chart(lines, title, x_label, **limits)
        legend = [
            {"label": line.label, "colour": line.colour, "dash": dashes(line.stroke), "ref": ref}
            for line, ref in zip(lines, values, strict=True)
        ]
        at = None if at is None else [float(x) for x in at]
        self.spec["charts"].append(
            {
                "svg": text,
                "box": frame.box(),
                "lines": legend,
                "moving": list(moving),
                "control": control,
                "at": at,
            }
        )

    def layer(self, key: str, label: str | None = None, **more) -> None:
        """A layer that a panel may have. Known keys need no more: networks, truth, differ, error,
        uncertainty.
        """
        known: dict = {"label": label or NET_TITLES.get(key, key), "kind": "outline", "on": True}
        if key in STROKES:
            known |= {
                "colour": NET_COLOURS.get(key, TRUTH),
                "dash": CANVAS_DASHES[STROKES[key]],
                "halo": HALOS.get(key, "#000000"),
            }
        elif key == "differ":
            known |= {"label": label or "disagreement", "kind": "differ", "colour": DIFFERENT}
        elif key == "error":
            known |= {
                "label": label or "pseudo-label error",
                "kind": "differ",
                "colour": ERROR,
                "hatch": True,
            }
        elif key == "uncertainty":
            known |= {"kind": "map", "colour": stops(UNCERTAINTY)}
        self.spec["layers"].append({"key": key, **known, **more})

    def scale(self, most: float) -> None:
        """The colours of the map layer, from 0 to `most` nats."""
        self.spec["lut"] = self.put(colour_table(UNCERTAINTY), "value channel")
        self.spec["unit"] = {"max": most, "name": "nats"}

    def packed(self) -> bytes:
        """All arrays in one packed piece, however long."""
        return zlib.compress(b"".join(self.parts), 6)

    def data(self) -> bytes:
        """All arrays in one packed piece that a page can take."""
        packed = self.packed()
        if len(packed) > MOST:
            raise InputError(
                f"These images need {len(packed) / 1e6:.1f} MB in the browser, {MOST / 1e6:.0f} MB"
                " are the most: show fewer steps or images, or smaller ones."
            )
        return packed

    def start(self) -> dict[str, int]:
        """Where every control stands at first."""
        return {control["name"]: control["start"] for control in self.spec["controls"]}


def colour_table(name: str) -> np.ndarray:
    """A colour map as bytes, 256 x RGBA."""
    from matplotlib import colormaps

    return colormaps[name](np.arange(256), bytes=True)


def stops(name: str, count: int = 9) -> list[str]:
    """A few colours of a colour map, for a scale drawn by the browser."""
    return [
        "#" + bytes(colour[:3]).hex()
        for colour in colour_table(name)[np.linspace(0, 255, count).round().astype(int)]
    ]


def as_level(values: np.ndarray, most: float) -> np.ndarray:
    """A map as bytes: 0 is 0, 255 is `most`.

    >>> as_level(np.array([-0.1, 0.0, 0.5, 1.0]), 1.0).tolist()
    [0, 0, 128, 255]
    """
    return np.round(np.clip(values.astype(np.float32) / most, 0, 1) * 255).astype(np.uint8)


def show(stack: Stack, picture: Callable[[Mapping[str, int]], Picture]):
    """The widget of a stack: drawn in the browser where anywidget is installed, else sliders over
    pictures.

    `picture` makes the still picture of a position; it is what remains in a saved notebook.
    """
    try:
        from ucmt_lite.explore.draw.stack_widget import StackWidget
    except ImportError:
        from ucmt_lite.explore.draw.sliders import Sliders

        return Sliders(stack, picture)
    return StackWidget(stack, picture)
