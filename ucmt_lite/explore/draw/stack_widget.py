"""The stack viewer as a widget, drawn by the browser. Imported only where it is shown: it needs
anywidget.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import anywidget
import traitlets

from ucmt_lite.common import InputError, one_of
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.explore.draw.stack import Stack
from ucmt_lite.explore.draw.twin import WithTwin

HERE = Path(__file__).parent


class StackWidget(WithTwin, anywidget.AnyWidget):
    """`position`, `shown` and `blend` follow the reader, and the reader's view follows them."""

    _esm = "".join(
        (HERE / name).read_text(encoding="utf-8") for name in ("panel.js", "chart.js", "stack.js")
    )
    _css = HERE / "stack.css"
    data = traitlets.Bytes().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    position = traitlets.Dict().tag(sync=True)  # name of a control -> index
    shown: traitlets.List = traitlets.List().tag(sync=True)  # keys of layers
    blend = traitlets.Float(0.65, min=0, max=1).tag(sync=True)  # opacity of the filled layers

    def __init__(self, stack: Stack, picture: Callable[[Mapping[str, int]], Picture]) -> None:
        self._picture = picture
        shown = [layer["key"] for layer in stack.spec["layers"] if layer["on"]]
        super().__init__(data=stack.data(), spec=stack.spec, position=stack.start(), shown=shown)

    def picture(self) -> Picture:
        """The still picture of what the widget shows now."""
        return self._picture(self.position)

    @traitlets.validate("position")
    def _inside(self, proposal: dict) -> dict[str, int]:
        known = {control["name"]: control for control in self.spec["controls"]}
        for name, index in proposal["value"].items():
            most = len(known[one_of("control", name, known)]["values"]) - 1
            if not 0 <= index <= most:
                raise InputError(f"position['{name}']={index}: choose 0 to {most}.")
        return {**self.position, **proposal["value"]}

    @traitlets.validate("shown")
    def _known(self, proposal: dict) -> list[str]:
        keys = [layer["key"] for layer in self.spec["layers"]]
        return [one_of("layer", key, keys) for key in proposal["value"]]
