"""The widgets of a stack: drawn by the browser, or where that is not possible by the kernel."""

from collections.abc import Callable, Mapping
from pathlib import Path

import ipywidgets as W
import traitlets

from ucmt_lite.common import InputError, one_of
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.explore.draw.stack import Stack
from ucmt_lite.explore.draw.twin import AnyWidget, WithTwin, browser_draws

FOLDER = Path(__file__).parent
BLEND = 0.65  # opacity of the filled layers at first
PictureMaker = Callable[[Mapping[str, int]], Picture]

__all__ = ["FOLDER", "Sliders", "StackWidget", "show"]


def show(stack: Stack, make_picture: PictureMaker) -> "StackWidget | Sliders":
    """Return the widget of a stack: `StackWidget` where anywidget is installed, else `Sliders`.

    `make_picture` makes the still picture of a position, a dictionary of control name -> index; it
    is what remains in a saved notebook.
    """
    return (StackWidget if browser_draws() else Sliders)(stack, make_picture)


class StackWidget(WithTwin, AnyWidget):
    """The stack viewer, drawn by the browser.

    `position`, `shown` and `blend` follow the reader, and the reader's view follows them.
    """

    _esm = FOLDER / "bundle" / "stack.js"
    _css = FOLDER / "stack.css"
    data = traitlets.Bytes().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    position = traitlets.Dict().tag(sync=True)  # name of a control -> index
    shown: traitlets.List = traitlets.List().tag(sync=True)  # keys of layers
    blend = traitlets.Float(BLEND, min=0, max=1).tag(sync=True)  # opacity of the filled layers

    def __init__(self, stack: Stack, make_picture: PictureMaker) -> None:
        self._make_picture = make_picture
        shown = [layer["key"] for layer in stack.spec["layers"] if layer["on"]]
        super().__init__(data=stack.data(), spec=stack.spec, position=stack.start(), shown=shown)
        self._still = stack.still()  # until somebody moves it

    def picture(self) -> Picture:
        """Return the still picture of what the widget shows; of a run's end until it is moved."""
        return self._make_picture(self._still or self.position)

    def page(self) -> dict:
        """Return what a page without a kernel shows, as the reader left it: see `js/page.js`."""
        names = ("data", "spec", "position", "shown", "blend")
        return {"kind": "stack", **{name: getattr(self, name) for name in names}}

    @traitlets.validate("position")
    def _inside(self, proposal: dict) -> dict[str, int]:
        controls = {control["name"]: control for control in self.spec["controls"]}
        for name, index in proposal["value"].items():
            last = len(controls[one_of("control", name, controls)]["values"]) - 1
            if not 0 <= index <= last:
                raise InputError(f"position['{name}']={index}: choose 0 to {last}.")
        self._still = {}
        return {**self.position, **proposal["value"]}

    @traitlets.validate("shown")
    def _known(self, proposal: dict) -> list[str]:
        keys = [layer["key"] for layer in self.spec["layers"]]
        return [one_of("layer", key, keys) for key in proposal["value"]]


class Sliders(WithTwin, W.VBox):
    """One slider per control, and the picture of where they stand, drawn by the kernel."""

    def __init__(self, stack: Stack, make_picture: PictureMaker) -> None:
        self._make_picture, self._stack = make_picture, stack
        self.sliders = {}
        for control in stack.spec["controls"]:
            options = [(str(value), index) for index, value in enumerate(control["values"])]
            slider = W.SelectionSlider(
                options=options,
                value=stack.still()[control["name"]],
                description=control["label"],
            )
            slider.observe(self._draw, "value")
            self.sliders[control["name"]] = slider
        self.image = W.Image(format="png", layout=W.Layout(object_fit="contain", max_width="100%"))
        self.words = W.HTML()
        super().__init__([*self.sliders.values(), self.image, self.words])
        self._draw()

    @property
    def position(self) -> dict[str, int]:
        """The index at which each slider stands, by the name of its control."""
        return {name: slider.value for name, slider in self.sliders.items()}

    @position.setter
    def position(self, position: Mapping[str, int]) -> None:
        for name, index in position.items():
            self.sliders[name].value = index

    def picture(self) -> Picture:
        """Return the still picture of what the widget shows now."""
        return self._make_picture(self.position)

    def page(self) -> dict:
        """Return what a page without a kernel shows, at the sliders' position."""
        spec = self._stack.spec
        shown = [layer["key"] for layer in spec["layers"] if layer["on"]]
        return {
            "kind": "stack",
            "data": self._stack.data(),
            "spec": spec,
            "position": self.position,
            "shown": shown,
            "blend": BLEND,
        }

    def _draw(self, change: object = None) -> None:
        picture = self.picture()
        self.image.value = picture.png()
        self.words.value = picture.alt
