"""A picture with the sentence that says what is on it, and the small things every picture is drawn
with.
"""

import ast
import base64
import inspect
import io
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.palette import HALOS, NET_COLOURS, NET_TITLES, STROKES, TRUTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure and its alternative text; as the last value of a cell it shows both, also where no
    kernel runs.

    >>> picture = Picture(new_figure(1, 1)[0], "An empty square.")
    >>> sorted(picture._repr_mimebundle_()[0])
    ['image/png', 'text/plain']
    """

    figure: "Figure"
    alt: str

    def png(self) -> bytes:
        """The figure as a PNG file."""
        return self.file("png")

    def file(self, kind: str) -> bytes:
        """The figure as a file, "png" or "jpeg", small enough to stand in a notebook."""
        from PIL import Image

        drawn, buffer = io.BytesIO(), io.BytesIO()
        self.figure.savefig(drawn, format="png", dpi=80)
        image = Image.open(drawn).convert("RGB")
        if (
            kind == "png"
        ):  # 256 colours, chosen to keep the rare ones too: a file of less than half the size
            few = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            few.save(buffer, "PNG", optimize=True)
        else:
            image.save(buffer, "JPEG", quality=85)
        return buffer.getvalue()

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict, dict]:
        picture = base64.b64encode(self.png()).decode()
        return {"image/png": picture, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def new_figure(
    rows: int, columns: int, *, width: float = 2.4, height: float = 2.6
) -> tuple["Figure", np.ndarray]:
    """A figure of its own (no global state) with a grid of axes; sizes in inches for one of them."""
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(width * columns, height * rows), layout="constrained", facecolor="white"
    )
    return figure, figure.subplots(rows, columns, squeeze=False)


def draw_image(axes: "Axes", image: np.ndarray, title: str = "") -> None:
    """One image `H W C`, bytes, without ticks."""
    axes.imshow(
        image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest",
    )
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def draw_outline(axes: "Axes", mask: np.ndarray, name: str) -> None:
    """The outline of every class of a mask `H W`, in the colour and the dash of whoever drew it."""
    y, x = (np.arange(-1, side + 1) for side in mask.shape)
    axes.autoscale(
        False
    )  # the ring of background around the mask, which closes its outlines, stays outside
    for label in np.unique(mask[mask > 0]):
        inside = np.pad(mask == label, 1)
        # A line below keeps the coloured one readable on bright and on dark images.
        lines = [
            axes.contour(x, y, inside, [0.5], colors=HALOS.get(name, "black"), linewidths=2.4),
            axes.contour(
                x,
                y,
                inside,
                [0.5],
                colors=NET_COLOURS.get(name, TRUTH),
                linewidths=1.3,
                linestyles=STROKES.get(name, "-"),
            ),
        ]
        for line in lines:
            line.set_clip_on(False)  # at the image's edge half of a line lies beyond it


def segmentations(
    image: np.ndarray, masks: dict[str, np.ndarray], *, against: str = "truth"
) -> Picture:
    """An image, and beside it the same image once for each named mask; Dice against one of them in
    the titles.

    `image` is `C H W` or `H W C` bytes, masks are `H W` class indices. Names `truth`, `student1`,
    `student2`, `teacher` get their colours.

    >>> mask = np.pad(np.ones((4, 4), int), 2)
    >>> segmentations(np.zeros((1, 8, 8), np.uint8), {"truth": mask, "teacher": mask}).alt
    'One image, and on it the outlines of truth (16 of 64 pixels) and teacher (16 of 64 pixels, Dice
    1.00 against truth).'
    """
    image = np.moveaxis(image, 0, -1) if image.shape[0] in (1, 3) else image
    figure, axes = new_figure(1, 1 + len(masks))
    draw_image(axes[0, 0], image, "image")
    told = []
    for place, (name, mask) in zip(axes[0, 1:], masks.items(), strict=True):
        score = (
            f", Dice {overlap(mask, masks[against]):.2f}"
            if against in masks and name != against
            else ""
        )
        draw_image(place, image, NET_TITLES.get(name, name) + score)
        draw_outline(place, mask, name)
        told.append(
            f"{NET_TITLES.get(name, name)} ({int((mask > 0).sum())} of {mask.size}"
            f" pixels{score}{f' against {against}' if score else ''})"
        )
    return Picture(figure, f"One image, and on it the outlines of {sentence(told)}.")


def images(named: dict[str, np.ndarray]) -> Picture:
    """Images beside each other, each under its name: arrays or tensors `C H W`, bytes or as
    networks take them (-1..1).

    >>> images({"black": np.zeros((1, 8, 8), np.uint8), "white": np.ones((1, 8, 8))}).alt
    'Images beside each other: black (mean brightness 0.00) and white (mean brightness 1.00).'
    """
    figure, axes = new_figure(1, len(named))
    told = []
    for place, (name, image) in zip(axes[0], named.items(), strict=True):
        pixels = to_bytes(image)
        draw_image(place, pixels, name)
        told.append(f"{name} (mean brightness {pixels.mean() / 255:.2f})")
    return Picture(figure, f"Images beside each other: {sentence(told)}.")


def to_bytes(image: Any) -> np.ndarray:
    """An image `C H W`, array or tensor on any device, bytes or as networks take them (-1..1), as
    bytes `H W C`.

    >>> to_bytes(np.array([[[-1.0, 0.0, 1.0]]])).ravel().tolist()
    [0, 128, 255]
    """
    pixels = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
    known = pixels.dtype == np.uint8 or pixels.dtype.kind == "f"
    if not known or pixels.ndim != 3 or pixels.shape[0] not in (1, 3):
        raise InputError(
            "An image to show is C H W of 1 or 3 channels, bytes or numbers in -1..1, this is"
            f" {pixels.dtype} of shape {pixels.shape}: put the channels first, as in image[None] or"
            " np.moveaxis(image, -1, 0)."
        )
    if pixels.dtype != np.uint8:
        pixels = ((pixels.astype(np.float32).clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
    return np.moveaxis(pixels, 0, -1)


def overlap(mask: np.ndarray, truth: np.ndarray, classes: int = 2) -> float:
    """Mean Dice of the foreground classes 1 .. `classes` - 1, and above where a mask shows more;
    absent from both is 1.

    >>> overlap(np.array([0, 1, 1, 2]), np.array([0, 1, 0, 0])), overlap(np.array([0, 1]), np.array([0, 0]), classes=3)
    (0.3333333333333333, 0.5)
    """
    a, b = np.ravel(mask).astype(np.intp), np.ravel(truth).astype(np.intp)
    classes = max(classes, 1 + int(max(a.max(initial=0), b.max(initial=0))))
    in_a, in_b, in_both = (
        np.bincount(values, minlength=classes)[1:] for values in (a, b, a[a == b])
    )
    shown = in_a + in_b
    return float(np.where(shown > 0, 2 * in_both / np.maximum(shown, 1), 1).mean())


def sentence(parts: list[str]) -> str:
    """Join for reading.

    >>> sentence(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def show_source(function: Callable) -> None:
    """Show a library function's code in a lesson, without its docstring: what is read is what runs."""
    from IPython.display import display

    source = textwrap.dedent(inspect.getsource(function))
    lines = source.splitlines()
    first = next(
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)
    ).body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del lines[first.lineno - 1 : first.end_lineno]
    code = "\n".join(lines)
    place = f"`{function.__module__}.{function.__name__}`"
    display({"text/markdown": f"{place}\n```python\n{code}\n```", "text/plain": code}, raw=True)
