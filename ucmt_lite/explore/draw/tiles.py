"""Pictures as HTML text: pixels as a PNG, outlines and cells as SVG on top.

Drawn in milliseconds, so that a kernel can answer a slider; the widget that shows them is core
ipywidgets, so they are seen everywhere.
"""

import base64
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape

import numpy as np

from ucmt_lite.explore.draw.palette import HALOS, NET_COLOURS, STROKES, TRUTH
from ucmt_lite.explore.draw.svg import dashes

CSS = """<style>
.ucmt-tiles, .ucmt-wide {max-width:1240px;
  color:var(--jp-ui-font-color1,var(--vscode-foreground,inherit));
  font:13px/1.4 var(--jp-ui-font-family,system-ui,sans-serif)}
/* else it cannot become narrower again */
.widget-html-content:has(> .ucmt-tiles) {min-width:0; flex:1 1 0}
.ucmt-tiles {display:grid; gap:8px 12px;
  grid-template-columns:repeat(auto-fit,minmax(max(150px,22%),1fr))}
.ucmt-tiles figure {margin:0; max-width:330px; display:flex; flex-direction:column;
  justify-content:flex-end}
.ucmt-tiles figcaption {font-size:12px; margin:0 0 3px}
.ucmt-tiles figure svg {width:100%; height:auto; display:block; border-radius:3px}
.ucmt-wide {margin:8px 0} .ucmt-wide p, .ucmt-tiles p {margin:6px 0; line-height:1.45}
</style>"""


@dataclass(frozen=True)
class Cell:
    """The border of one cell of a grid, with a letter in it."""

    row: float
    column: float
    height: float
    width: float
    colour: str
    stroke: str = "-"
    letter: str = ""


@dataclass(frozen=True)
class Tile:
    """One picture: pixels `H W C` bytes, outlines of masks by whose they are, cells, a caption."""

    caption: str
    pixels: np.ndarray
    outlines: Mapping[str, np.ndarray] = field(default_factory=dict)
    cells: Sequence[Cell] = ()


def html(tiles: Sequence[Tile], below: str = "") -> str:
    """Return a grid of tiles that folds to the width of the page, and HTML text below it."""
    sent: set[str] = set()
    figures = "".join(_figure(tile, sent) for tile in tiles)
    return f'{CSS}<div class="ucmt-tiles">{figures}</div><div class="ucmt-wide">{below}</div>'


def _figure(tile: Tile, sent: set[str]) -> str:
    """Return one tile; pixels that an earlier tile has `sent` are not sent and decoded again."""
    height, width = tile.pixels.shape[:2]
    address = png_address(tile.pixels)
    # From the content: equal names, also in another cell, are equal pixels.
    pixels_id = f"ucmt-{zlib.crc32(address.encode()):08x}"
    if pixels_id in sent:
        parts = [f'<use href="#{pixels_id}"/>']
    else:
        parts = [
            f'<image id="{pixels_id}" href="{address}" width="{width}" height="{height}"'
            ' style="image-rendering:pixelated" decoding="sync"/>'
        ]
    sent.add(pixels_id)
    for name, mask in tile.outlines.items():
        labels = np.flatnonzero(np.bincount(mask.ravel()))
        parts += [_outlined(mask == label, name) for label in labels if label]
    parts += [_bordered(cell) for cell in tile.cells]
    label = escape(tile.caption, quote=True)
    return (
        f'<figure><figcaption>{escape(tile.caption)}</figcaption><svg viewBox="0 0 {width}'
        f' {height}" role="img" aria-label="{label}">{"".join(parts)}</svg></figure>'
    )


def png_address(pixels: np.ndarray) -> str:
    """Return pixels `H W C` or `H W`, bytes, as a data address."""
    pixels = pixels.squeeze()
    return _png_address(pixels.shape, pixels.tobytes())


@lru_cache(maxsize=16)  # one picture stands in several tiles, and stays when a slider moves
def _png_address(shape: tuple[int, ...], data: bytes) -> str:
    from PIL import Image

    pixels = np.frombuffer(data, np.uint8).reshape(shape)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _outlined(inside: np.ndarray, name: str) -> str:
    """Return the outline of a mask in colour and dash of whoever drew it.

    A halo below it keeps it readable.
    """
    path = (
        f'<path d="{outline(inside)}" transform="scale(.5)" fill="none"'
        ' vector-effect="non-scaling-stroke"'
    )
    halo, colour = HALOS.get(name, "#000"), NET_COLOURS.get(name, TRUTH)
    stroke = dashes(STROKES.get(name, "-"))
    return (
        f'{path} stroke="{halo}" stroke-width="3.6"/>'
        f'{path} stroke="{colour}" stroke-width="2" stroke-dasharray="{stroke}"/>'
    )


def _bordered(cell: Cell) -> str:
    """Return a cell's border and letter."""
    box = (
        f'x="{cell.column:g}" y="{cell.row:g}" width="{cell.width:g}" height="{cell.height:g}"'
        ' fill="none" vector-effect="non-scaling-stroke"'
    )
    return (
        f'<rect {box} stroke="#000" stroke-width="4"/><rect {box} stroke="{cell.colour}"'
        f' stroke-width="2.4" stroke-dasharray="{dashes(cell.stroke)}"/>{_letter(cell)}'
    )


def _letter(cell: Cell) -> str:
    """Return the letter in the middle of a cell, or nothing where it has none."""
    if not cell.letter:
        return ""
    size = 0.62 * min(cell.height, cell.width)
    x = cell.column + cell.width / 2
    y = cell.row + cell.height / 2 + size * 0.35
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="middle" fill="#fff"'
        f' stroke="#000" stroke-width="{size * 0.16:g}"'
        f' paint-order="stroke">{escape(cell.letter)}</text>'
    )


def outline(inside: np.ndarray) -> str:
    """Return the border of a boolean mask `H W` as closed SVG lines, in half pixels.

    The lines run through the middles of pixel edges.

    >>> outline(np.ones((1, 1), bool))
    'M0 1 1 0 2 1 1 2Z'
    """
    from contourpy import contour_generator  # matplotlib draws its contours with it

    lines = contour_generator(z=np.pad(inside, 1).astype(np.float32)).lines(0.5)
    return "".join(f"M{' '.join(map(str, _corners(np.asarray(line))))}Z" for line in lines)


def _corners(line: np.ndarray) -> list[int]:
    """Return where a closed line `N 2` turns, in half pixels, flat."""
    points = (2 * line[:-1] - 1).astype(int)
    ahead = np.roll(points, -1, axis=0) - points
    behind = points - np.roll(points, 1, axis=0)
    return points[(ahead != behind).any(axis=1)].ravel().tolist()
