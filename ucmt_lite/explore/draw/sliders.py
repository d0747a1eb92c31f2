"""Sliders over pictures, with core ipywidgets alone: what is shown where the browser cannot draw a
stack itself.
"""

from collections.abc import Callable, Mapping

import ipywidgets as W

from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.explore.draw.stack import Stack
from ucmt_lite.explore.draw.twin import WithTwin


class Sliders(WithTwin, W.VBox):
    """One slider a control, and the picture of where they stand, drawn by the kernel."""

    def __init__(self, stack: Stack, picture: Callable[[Mapping[str, int]], Picture]) -> None:
        self._picture = picture
        self.sliders = {}
        for control in stack.spec["controls"]:
            options = [(str(value), index) for index, value in enumerate(control["values"])]
            slider = W.SelectionSlider(
                options=options, value=control["start"], description=control["label"]
            )
            slider.observe(self._draw, "value")
            self.sliders[control["name"]] = slider
        self.image = W.Image(format="png", layout=W.Layout(object_fit="contain", max_width="100%"))
        self.words = W.HTML()
        super().__init__([*self.sliders.values(), self.image, self.words])
        self._draw()

    @property
    def position(self) -> dict[str, int]:
        """Where the sliders stand."""
        return {name: slider.value for name, slider in self.sliders.items()}

    @position.setter
    def position(self, place: Mapping[str, int]) -> None:
        for name, index in place.items():
            self.sliders[name].value = index

    def picture(self) -> Picture:
        """The still picture of what the widget shows now."""
        return self._picture(self.position)

    def _draw(self, change: object = None) -> None:
        picture = self.picture()
        self.image.value, self.words.value = picture.png(), picture.alt
