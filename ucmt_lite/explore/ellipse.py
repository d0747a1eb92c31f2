"""Drawing with core ipywidgets alone: an ellipse that sliders move, where nothing can be drawn with
the mouse.
"""

import time

import ipywidgets as W
import numpy as np

from ucmt_lite.explore.annotate import figure
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.explore.draw.twin import WithTwin


class Ellipse(WithTwin, W.VBox):
    """Five sliders make a mask; `compare` shows the expert's."""

    def __init__(self, image: np.ndarray, truth: np.ndarray | None) -> None:
        self._image, self._truth, self._start = image, truth, time.monotonic()
        height, width = image.shape[:2]
        starts = {
            "row": (height // 2, height),
            "column": (width // 2, width),
            "height": (0, height),
            "width": (width // 4, width),
            "turn": (0, 180),
        }
        self.sliders = {
            name: W.IntSlider(value, 0, most, description=name)
            for name, (value, most) in starts.items()
        }
        self.compare = W.ToggleButton(description="compare")
        self.image, self.words = (
            W.Image(format="png", layout=W.Layout(object_fit="contain", max_width="100%")),
            W.HTML(),
        )
        for control in (*self.sliders.values(), self.compare):
            control.observe(self._draw, "value")
        super().__init__([*self.sliders.values(), self.compare, self.image, self.words])
        self._draw()

    @property
    def mask(self) -> np.ndarray:
        """The pixels inside the ellipse, `H W`."""
        row, column, high, wide, turn = (slider.value for slider in self.sliders.values())
        y, x = np.mgrid[: self._image.shape[0], : self._image.shape[1]]
        angle = np.deg2rad(turn)
        u = (x - column) * np.cos(angle) + (y - row) * np.sin(angle)
        v = (y - row) * np.cos(angle) - (x - column) * np.sin(angle)
        return ((2 * u / max(wide, 1)) ** 2 + (2 * v / max(high, 1)) ** 2 <= 1).astype(np.uint8) * (
            high > 0
        )

    def picture(self) -> Picture:
        """The still picture of what was drawn so far."""
        truth = self._truth if self.compare.value else None
        return figure(self._image, truth, self.mask, time.monotonic() - self._start)

    def _draw(self, change: object = None) -> None:
        picture = self.picture()
        self.image.value, self.words.value = picture.png(), picture.alt
