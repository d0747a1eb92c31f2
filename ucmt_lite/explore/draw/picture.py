"""A picture with the sentence that says what is on it, and what every picture is drawn with."""

import ast
import base64
import inspect
import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.palette import (
    HALOS,
    NET_COLOURS,
    NET_TITLES,
    STROKES,
    TRUTH,
    UNCERTAINTY,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure and its alternative text.

    As the last value of a cell it shows both, also where no kernel runs.

    >>> picture = Picture(new_figure(1, 1)[0], "An empty square.")
    >>> picture._repr_mimebundle_()[0]["text/html"][-25:]
    'alt="An empty square." />'
    """

    figure: "Figure"
    alt: str

    def png(self) -> bytes:
        """Return the figure as a PNG file."""
        return self.file("png")

    def file(self, kind: str) -> bytes:
        """Return the figure as a file, "png" or "jpeg", small enough to stand in a notebook."""
        from PIL import Image

        drawn, buffer = io.BytesIO(), io.BytesIO()
        self.figure.savefig(drawn, format="png", dpi=80)
        image = Image.open(drawn).convert("RGB")
        if kind == "png":
            # 256 colours, chosen to keep the rare ones too: a file of less than half the size.
            few = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            few.save(buffer, "PNG", optimize=True)
        else:
            image.save(buffer, "JPEG", quality=85)
        return buffer.getvalue()

    def bundle(self, kind: str = "png") -> tuple[dict, dict]:
        """Return what an output holds of the picture, and the metadata of that.

        The sentence is in the HTML, which every page prefers: of an image alone JupyterLab and most
        exporters pass on the pixels and drop its metadata. The image is for what knows no HTML,
        such as LaTeX; a page that is kept has it once (`course.notebooks.tidy_outputs`).
        """
        mime, encoded = f"image/{kind}", base64.b64encode(self.file(kind)).decode()
        tag = (
            f'<img style="max-width:100%" src="data:{mime};base64,{encoded}"'
            f' alt="{escape(self.alt)}" />'
        )
        data = {"text/html": tag, mime: encoded, "text/plain": self.alt}
        return data, {mime: {"alt": self.alt}}

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict, dict]:
        return self.bundle()


def new_figure(
    rows: int, columns: int, *, width: float = 2.4, height: float = 2.6
) -> tuple["Figure", np.ndarray]:
    """Return a figure without global state, and its axes, each `width` x `height` inches."""
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(width * columns, height * rows), layout="constrained", facecolor="white"
    )
    return figure, figure.subplots(rows, columns, squeeze=False)


def legend_below(ax: "Axes") -> None:
    """Put the legend of a chart below it, where it covers no line."""
    ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, frameon=False)


def draw_image(ax: "Axes", image: np.ndarray, title: str = "") -> None:
    """Draw one image `H W C`, bytes, without ticks."""
    ax.imshow(
        image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest",
    )
    ax.set_title(title, fontsize=9)
    ax.set_axis_off()


def draw_outline(
    ax: "Axes", mask: np.ndarray, name: str, colours: Sequence[str] | None = None
) -> None:
    """Draw the outline of every class of a mask `H W`, in colour and dash of whoever drew it.

    `colours`: one for each class index, where classes are to be told apart.
    """
    y, x = (np.arange(-1, side + 1) for side in mask.shape)
    # The ring of background around the mask, which closes its outlines, stays outside.
    ax.autoscale(False)
    for label in np.unique(mask[mask > 0]):
        inside = np.pad(mask == label, 1)
        # A line below keeps the coloured one readable on bright and on dark images.
        halo = ax.contour(x, y, inside, [0.5], colors=HALOS.get(name, "black"), linewidths=2.4)
        line = ax.contour(
            x,
            y,
            inside,
            [0.5],
            colors=colours[label] if colours else NET_COLOURS.get(name, TRUTH),
            linewidths=1.3,
            linestyles=STROKES.get(name, "-"),
        )
        for contour in (halo, line):
            contour.set_clip_on(False)  # at the image's edge half of a line lies beyond it


def name_outlines(figure: "Figure", names: Sequence[str]) -> None:
    """Say below a figure whose line is which, on grey, where a white one shows as well."""
    from matplotlib.lines import Line2D

    looks: list[dict[str, Any]] = [
        {"color": NET_COLOURS.get(name, TRUTH), "linestyle": STROKES.get(name, "-")}
        for name in names
    ]
    lines = [Line2D([], [], **look) for look in looks]
    style = {"facecolor": "#606060", "labelcolor": "white", "fontsize": 8}
    labels = [NET_TITLES.get(name, name) for name in names]
    figure.legend(lines, labels, loc="outside lower center", ncols=len(names), **style)


def draw_uncertainty(ax: "Axes", entropy: np.ndarray, maximum: float) -> None:
    """Draw an entropy map `H W` with its scale, 0 to `maximum` nats."""
    image = ax.imshow(
        entropy.astype(float), cmap=UNCERTAINTY, vmin=0, vmax=maximum, interpolation="nearest"
    )
    ax.set_title("uncertainty (nats)", fontsize=9)
    ax.set_axis_off()
    ax.figure.colorbar(image, ax=ax, shrink=0.7)


def one_colour(colour: str) -> "ListedColormap":
    """Return a colour map of a single colour."""
    from matplotlib.colors import ListedColormap

    return ListedColormap([colour])


def segmentations(
    image: np.ndarray, masks: dict[str, np.ndarray], *, against: str = "truth"
) -> Picture:
    """Return a picture of an image, and beside it the same image once for each named mask.

    `image` is `C H W` or `H W C` bytes, masks are `H W` class indices. Names `truth`, `student1`,
    `student2`, `teacher` get their colours. Titles tell the Dice against the mask named `against`.

    >>> mask = np.pad(np.ones((4, 4), int), 2)
    >>> segmentations(np.zeros((1, 8, 8), np.uint8), {"truth": mask, "teacher": mask}).alt
    'One image, and on it the outlines of truth (16 of 64 pixels in 1 piece) and teacher (16 of 64
    pixels in 1 piece, Dice 1.00 against truth).'
    """
    image = np.moveaxis(image, 0, -1) if image.shape[0] in (1, 3) else image
    figure, axes = new_figure(1, 1 + len(masks))
    draw_image(axes[0, 0], image, "image")
    parts = []
    for ax, (name, mask) in zip(axes[0, 1:], masks.items(), strict=True):
        title = NET_TITLES.get(name, name)
        score = reference = ""
        if against in masks and name != against:
            score = f", Dice {overlap(mask, masks[against]):.2f}"
            reference = f" against {against}"
        draw_image(ax, image, title + score)
        draw_outline(ax, mask, name)
        size = f"{int((mask > 0).sum())} of {mask.size} pixels in {pieces(mask)}"
        parts.append(f"{title} ({size}{score}{reference})")
    return Picture(figure, f"One image, and on it the outlines of {sentence(parts)}.")


def images(named: dict[str, np.ndarray]) -> Picture:
    """Return a picture of images beside each other, each under its name.

    Images are arrays or tensors `C H W`, bytes or as networks take them (-1..1).

    >>> flag = np.array([[[-1.0, -1.0], [-1.0, 1.0]]])
    >>> images({"black": np.zeros((1, 8, 8), np.uint8), "flag": flag}).alt
    'Images beside each other: black (mean brightness 0.00) and flag (mean brightness 0.25, its
    bright part 75 to 75 % of the way down and 75 to 75 % across).'
    """
    figure, axes = new_figure(1, len(named))
    parts = []
    for ax, (name, image) in zip(axes[0], named.items(), strict=True):
        pixels = to_bytes(image)
        draw_image(ax, pixels, name)
        bright = pixels.mean(axis=2) > (int(pixels.min()) + int(pixels.max())) / 2
        place = f", its bright part {whereabouts(bright)}" if bright.any() else ""
        parts.append(f"{name} (mean brightness {pixels.mean() / 255:.2f}{place})")
    return Picture(figure, f"Images beside each other: {sentence(parts)}.")


def pieces(mask: np.ndarray) -> str:
    """Count the pieces that a mask's classes lie in, for pictures that cannot be seen.

    >>> pieces(np.array([[1, 0, 1, 2]])), pieces(np.zeros((2, 2)))
    ('3 pieces', '0 pieces')
    """
    from scipy.ndimage import label

    count = sum(label(mask == index)[1] for index in np.unique(mask[mask > 0]))
    return f"{count} piece{'' if count == 1 else 's'}"


def whereabouts(inside: np.ndarray) -> str:
    """Tell where nine in ten of the marked pixels lie; of a ring the middle would say nothing.

    >>> whereabouts(np.array([[0, 0, 0, 0], [0, 1, 1, 0]]))
    '75 to 75 % of the way down and 39 to 61 % across'
    """
    places = 100 * (np.argwhere(inside) + 0.5) / inside.shape
    (top, left), (bottom, right) = np.quantile(places, [0.05, 0.95], axis=0)
    return f"{top:.0f} to {bottom:.0f} % of the way down and {left:.0f} to {right:.0f} % across"


def to_bytes(image: Any) -> np.ndarray:
    """Return an image `C H W` as bytes `H W C`.

    It is an array, or a tensor on any device, of bytes or of numbers as networks take them (-1..1).

    >>> to_bytes(np.array([[[-1.0, 0.0, 1.0]]])).ravel().tolist()
    [0, 128, 255]
    """
    pixels = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
    showable = pixels.dtype == np.uint8 or pixels.dtype.kind == "f"
    if not showable or pixels.ndim != 3 or pixels.shape[0] not in (1, 3):
        raise InputError(
            "An image to show is C H W of 1 or 3 channels, bytes or numbers in -1..1, this is"
            f" {pixels.dtype} of shape {pixels.shape}: put the channels first, as in image[None] or"
            " np.moveaxis(image, -1, 0)."
        )
    if pixels.dtype != np.uint8:
        pixels = ((pixels.astype(np.float32).clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
    return np.moveaxis(pixels, 0, -1)


def as_class_indices(mask: np.ndarray) -> np.ndarray:
    """Return a mask as class indices, also one in black and white, as two classes are often kept.

    >>> as_class_indices([0, 255]).tolist(), as_class_indices([0, 1, 2]).tolist()
    ([0, 1], [0, 1, 2])
    """
    mask = np.asarray(mask)
    return mask // 255 if set(np.unique(mask)) == {0, 255} else mask


def overlap(mask: np.ndarray, truth: np.ndarray, classes: int = 2) -> float:
    """Return the mean Dice of the foreground classes 1 .. `classes` - 1.

    Masks that show more classes are scored on those too. A class that is absent from both masks
    counts as 1.

    >>> overlap(np.array([0, 1, 1, 2]), np.array([0, 1, 0, 0]))
    0.3333333333333333
    >>> overlap(np.array([0, 1]), np.array([0, 0]), classes=3)
    0.5
    """
    a, b = np.ravel(mask).astype(np.intp), np.ravel(truth).astype(np.intp)
    classes = max(classes, 1 + int(max(a.max(initial=0), b.max(initial=0))))
    in_a, in_b, in_both = (
        np.bincount(values, minlength=classes)[1:] for values in (a, b, a[a == b])
    )
    total = in_a + in_b
    return float(np.where(total > 0, 2 * in_both / np.maximum(total, 1), 1).mean())


def sentence(parts: list[str]) -> str:
    """Join parts for reading.

    >>> sentence(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def show_source(function: Callable) -> None:
    """Show a library function's code in a lesson, without its docstring.

    What is read is what runs.
    """
    from IPython.display import display

    source = textwrap.dedent(inspect.getsource(function))
    lines = source.splitlines()
    nodes = ast.walk(ast.parse(source))
    first = next(node for node in nodes if isinstance(node, ast.FunctionDef)).body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del lines[first.lineno - 1 : first.end_lineno]
    code = "\n".join(lines)
    name = f"{function.__module__}.{function.__name__}"
    display({"text/html": code_html(name, code), "text/plain": code}, raw=True)


def code_html(name: str, code: str) -> str:
    """Return code under its name as HTML: monospaced on every page, in colour where it has some.

    The style says so again, because some pages' own style makes code in colour running text.

    >>> code_html("half", "x = 1").split()[0]
    '<p><code>half</code></p>'
    """
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    form = HtmlFormatter(prestyles="font-family:monospace", wrapcode=True)
    coloured = highlight(code, PythonLexer(), form)
    return f"<p><code>{escape(name)}</code></p>\n{coloured}"
