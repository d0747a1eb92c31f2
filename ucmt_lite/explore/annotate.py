"""Draw a mask yourself, and see what a label costs: minutes, and how far two people can differ."""

import time

import ipywidgets as W
import numpy as np
import traitlets

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.palette import NET_COLOURS
from ucmt_lite.explore.draw.picture import (
    Picture,
    as_class_indices,
    draw_image,
    draw_outline,
    new_figure,
    overlap,
)
from ucmt_lite.explore.draw.twin import AnyWidget, WithTwin, browser_draws
from ucmt_lite.explore.draw.viewer import FOLDER


def figure(
    image: np.ndarray,
    truth: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    seconds: float = 0.0,
) -> Picture:
    """Return a picture of an image, and on it the mask that was drawn beside the expert's.

    `image` is `C H W` or `H W C` bytes, `truth` and `mask` are `H W` class indices; without an
    expert nothing is scored.
    """
    image, truth = _checked(image, truth)
    if mask is not None and np.shape(mask) != image.shape[:2]:
        raise InputError(
            f"The mask has shape {np.shape(mask)}, the image {image.shape[:2]}: give those of one"
            " case."
        )
    if mask is None or not mask.any():
        return _undrawn(image)
    drawing, axes = new_figure(1, 2 if truth is None else 3)
    draw_image(axes[0, 0], image, "image")
    draw_image(axes[0, 1], image, f"drawn in {seconds / 60:.1f} minutes")
    draw_outline(axes[0, 1], mask, "student1")
    if truth is not None:
        draw_image(axes[0, 2], image, f"expert, Dice {overlap(mask, truth):.2f}")
        draw_outline(axes[0, 2], truth, "truth")
    return Picture(drawing, describe(mask, truth, seconds))


def widget(
    image: np.ndarray,
    truth: np.ndarray | None = None,
    classes: tuple[str, ...] = ("background", "lesion"),
) -> "Annotate | Ellipse":
    """Draw with mouse, finger or keys; `.mask` holds the drawing.

    `compare` shows the expert's mask, the Dice and the minutes. Where anywidget is not installed,
    sliders move an ellipse.
    """
    image, truth = _checked(image, truth)
    return Annotate(image, truth, classes) if browser_draws() else Ellipse(image, truth)


def describe(mask: np.ndarray, truth: np.ndarray | None, seconds: float) -> str:
    """Return what was drawn, in words."""
    text = (
        f"A mask of {int((mask > 0).sum())} of {mask.size} pixels, drawn in {seconds / 60:.1f}"
        " minutes"
    )
    if truth is None:
        return f"{text}."
    expert = f"the expert marked {int((truth > 0).sum())} pixels"
    return (
        f"{text}; {expert}, Dice {overlap(mask, truth):.2f}. At that pace a hundred images take"
        f" {100 * seconds / 3600:.1f} hours."
    )


def _undrawn(image: np.ndarray) -> Picture:
    """Return a picture of an image before the first stroke."""
    drawing, axes = new_figure(1, 2)
    draw_image(axes[0, 0], image, "image")
    draw_image(axes[0, 1], image, "nothing drawn yet")
    return Picture(
        drawing,
        f"An image of {image.shape[0]} x {image.shape[1]} pixels, of which no mask was drawn yet.",
    )


def _checked(image: np.ndarray, truth: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the image as `H W C` bytes, and the expert's mask of the same size."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    elif image.ndim == 3 and image.shape[0] in (1, 3):
        image = np.moveaxis(image, 0, -1)
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or image.dtype != np.uint8:
        raise InputError(
            f"An image to draw on is H W, C H W or H W C bytes, this is {image.dtype} of shape"
            f" {image.shape}: convert it to bytes, and cut slices of a volume."
        )
    if truth is not None and np.shape(truth) != image.shape[:2]:
        raise InputError(
            f"The expert's mask has shape {np.shape(truth)}, the image {image.shape[:2]}: give"
            " those of one case."
        )
    return image, None if truth is None else as_class_indices(truth)


class Annotate(WithTwin, AnyWidget):
    """The drawing board: the browser draws, the kernel compares.

    The expert's mask is sent only when it is asked for.
    """

    _esm = FOLDER / "bundle" / "annotate.js"
    _css = FOLDER / "stack.css"
    pixels = traitlets.Bytes().tag(sync=True)  # H W RGBA
    size: traitlets.List = traitlets.List().tag(sync=True)  # H, W
    classes: traitlets.List = traitlets.List().tag(sync=True)
    colour = traitlets.Unicode(NET_COLOURS["student1"]).tag(sync=True)
    # H W class indices
    drawn = traitlets.Bytes().tag(sync=True, from_json=lambda view, widget: bytes(view))
    seconds = traitlets.Float(0.0).tag(sync=True)  # since the first stroke
    scored = traitlets.Bool(True).tag(sync=True)  # whether there is an expert to compare with
    asked = traitlets.Bool(False).tag(sync=True)  # to see the expert
    expert = traitlets.Bytes().tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self, image: np.ndarray, truth: np.ndarray | None, classes: tuple[str, ...]
    ) -> None:
        self._image, self._truth = image, truth
        height, width = image.shape[:2]
        colours = np.broadcast_to(image, (height, width, 3))
        opaque = np.full((height, width, 1), 255, np.uint8)
        super().__init__(
            pixels=np.concatenate([colours, opaque], axis=2).tobytes(),
            size=[height, width],
            classes=list(classes),
            drawn=bytes(height * width),
            scored=truth is not None,
        )

    @property
    def mask(self) -> np.ndarray:
        """The mask that was drawn, `H W` class indices."""
        return np.frombuffer(self.drawn, np.uint8).reshape(self.size).copy()

    def picture(self) -> Picture:
        """Return the still picture of what was drawn so far."""
        return figure(self._image, self._truth, self.mask, self.seconds)

    @traitlets.observe("asked", "drawn")
    def _compare(self, change: object) -> None:
        if not self.asked:
            return
        if self.mask.any():
            self.expert = b"" if self._truth is None else self._truth.astype(np.uint8).tobytes()
            self.message = describe(self.mask, self._truth, self.seconds)
        else:
            self.expert = b""
            self.message = "Draw first, then compare."
            # To be asked again, else the first stroke would bring the expert's mask.
            self.asked = False


class Ellipse(WithTwin, W.VBox):
    """An ellipse that five sliders move, where nothing can be drawn; `compare` shows the expert's.

    Core ipywidgets alone.
    """

    def __init__(self, image: np.ndarray, truth: np.ndarray | None) -> None:
        self._image, self._truth = image, truth
        self._start = time.monotonic()
        height, width = image.shape[:2]
        ranges = {  # start, maximum
            "row": (height // 2, height),
            "column": (width // 2, width),
            "height": (0, height),
            "width": (width // 4, width),
            "turn": (0, 180),
        }
        self.sliders = {
            name: W.IntSlider(start, 0, maximum, description=name)
            for name, (start, maximum) in ranges.items()
        }
        self.compare = W.ToggleButton(description="compare")
        self.image = W.Image(format="png", layout=W.Layout(object_fit="contain", max_width="100%"))
        self.words = W.HTML()
        for control in (*self.sliders.values(), self.compare):
            control.observe(self._draw, "value")
        super().__init__([*self.sliders.values(), self.compare, self.image, self.words])
        self._draw()

    @property
    def mask(self) -> np.ndarray:
        """The pixels inside the ellipse, `H W`."""
        row, column, height, width, turn = (slider.value for slider in self.sliders.values())
        y, x = np.mgrid[: self._image.shape[0], : self._image.shape[1]]
        angle = np.deg2rad(turn)
        u = (x - column) * np.cos(angle) + (y - row) * np.sin(angle)
        v = (y - row) * np.cos(angle) - (x - column) * np.sin(angle)
        inside = (2 * u / max(width, 1)) ** 2 + (2 * v / max(height, 1)) ** 2 <= 1
        return inside.astype(np.uint8) * (height > 0)

    def picture(self) -> Picture:
        """Return the still picture of what was drawn so far."""
        truth = self._truth if self.compare.value else None
        return figure(self._image, truth, self.mask, time.monotonic() - self._start)

    def _draw(self, change: object = None) -> None:
        picture = self.picture()
        self.image.value = picture.png()
        self.words.value = picture.alt
