"""The drawing board as a widget. Imported only where it is shown: it needs anywidget."""

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from ucmt_lite.explore.annotate import describe, figure
from ucmt_lite.explore.draw.palette import NET_COLOURS
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.explore.draw.twin import WithTwin

HERE = Path(__file__).parent


class Annotate(WithTwin, anywidget.AnyWidget):
    """The browser draws; here the drawing is compared. The expert's mask is sent only when it is
    asked for.
    """

    _esm = HERE / "annotate.js"
    _css = HERE / "draw" / "stack.css"
    pixels = traitlets.Bytes().tag(sync=True)  # H W RGBA
    size: traitlets.List = traitlets.List().tag(sync=True)  # H, W
    classes: traitlets.List = traitlets.List().tag(sync=True)
    colour = traitlets.Unicode(NET_COLOURS["student1"]).tag(sync=True)
    drawn = traitlets.Bytes().tag(
        sync=True, from_json=lambda view, widget: bytes(view)
    )  # H W class indices
    seconds = traitlets.Float(0.0).tag(sync=True)  # since the first stroke
    asked = traitlets.Bool(False).tag(sync=True)  # to see the expert
    expert = traitlets.Bytes().tag(sync=True)
    told = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self, image: np.ndarray, truth: np.ndarray | None, classes: tuple[str, ...]
    ) -> None:
        self._image, self._truth = image, truth
        colours = np.broadcast_to(image, (*image.shape[:2], 3))
        pixels = np.concatenate([colours, np.full((*image.shape[:2], 1), 255, np.uint8)], axis=2)
        blank = bytes(image.shape[0] * image.shape[1])
        super().__init__(
            pixels=pixels.tobytes(), size=list(image.shape[:2]), classes=list(classes), drawn=blank
        )

    @property
    def mask(self) -> np.ndarray:
        """The mask that was drawn, `H W` class indices."""
        return np.frombuffer(self.drawn, np.uint8).reshape(self.size).copy()

    def picture(self) -> Picture:
        """The still picture of what was drawn so far."""
        return figure(self._image, self._truth, self.mask, self.seconds)

    @traitlets.observe("asked", "drawn")
    def _compare(self, change: object) -> None:
        if not self.asked:
            return
        if self.mask.any():
            self.expert = b"" if self._truth is None else self._truth.astype(np.uint8).tobytes()
            self.told = describe(self.mask, self._truth, self.seconds)
        else:  # to be asked again, else the first stroke would bring the expert's mask
            self.expert, self.told, self.asked = b"", "Draw first, then compare.", False
