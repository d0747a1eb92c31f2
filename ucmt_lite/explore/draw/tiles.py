"""Pictures as HTML text: pixels as a PNG, outlines and cells as SVG on top. Drawn in milliseconds,
so that a kernel can answer a slider; the widget that shows them is core ipywidgets, so they are
seen everywhere.
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
.ucmt-tiles, .ucmt-wide {max-width:1240px; color:var(--jp-ui-font-color1,var(--vscode-foreground,inherit));
  font:13px/1.4 var(--jp-ui-font-family,system-ui,sans-serif)}
.widget-html-content:has(> .ucmt-tiles) {min-width:0; flex:1 1 0} /* else it cannot become narrower again */
.ucmt-tiles {display:grid; grid-template-columns:repeat(auto-fit,minmax(max(150px,22%),1fr)); gap:8px 12px}
.ucmt-tiles figure {margin:0; max-width:330px; display:flex; flex-direction:column; justify-content:flex-end}
.ucmt-tiles figcaption {font-size:12px; margin:0 0 3px} .ucmt-tiles figure svg {width:100%; height:auto; display:block; border-radius:3px}
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
    """A grid of tiles that folds to the width of the page; `below` is HTML text under it."""
    sent: set[str] = set()
    figures = "".join(figure(tile, sent) for tile in tiles)
    return f'{CSS}<div class="ucmt-tiles">{figures}</div><div class="ucmt-wide">{below}</div>'


def figure(tile: Tile, sent: set[str]) -> str:
    """One tile; pixels that a tile before it has `sent` are used again, not sent and decoded once
    more.
    """
    height, width = tile.pixels.shape[:2]
    address = png_address(tile.pixels)
    name = (  # from the content: equal names, also in another cell, are equal pixels
        f"ucmt-{zlib.crc32(address.encode()):08x}"
    )
    parts = [
        (
            f'<use href="#{name}"/>'
            if name in sent
            else (
                f'<image id="{name}" href="{address}" width="{width}" height="{height}"'
                ' style="image-rendering:pixelated" decoding="sync"/>'
            )
        )
    ]
    sent.add(name)
    for name, mask in tile.outlines.items():
        parts += [
            outlined(mask == label, name)
            for label in np.flatnonzero(np.bincount(mask.ravel()))
            if label
        ]
    parts += [_bordered(cell) for cell in tile.cells]
    label = escape(tile.caption, quote=True)
    return (
        f'<figure><figcaption>{escape(tile.caption)}</figcaption><svg viewBox="0 0 {width}'
        f' {height}" role="img" aria-label="{label}">{"".join(parts)}</svg></figure>'
    )


def png_address(pixels: np.ndarray) -> str:
    """Pixels `H W C` or `H W`, bytes, as a data address."""
    pixels = pixels.squeeze()
    return _png_address(pixels.shape, pixels.tobytes())


@lru_cache(maxsize=16)  # one picture stands in several tiles, and stays when a slider moves
def _png_address(shape: tuple[int, ...], pixels: bytes) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(shape)).save(
        buffer, "PNG", compress_level=1
    )
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def outlined(inside: np.ndarray, name: str) -> str:
    """The outline of a mask in the colour and dash of whoever drew it, on a halo that keeps it
    readable.
    """
    path = (
        f'<path d="{outline(inside)}" transform="scale(.5)" fill="none"'
        ' vector-effect="non-scaling-stroke"'
    )
    colour, stroke = NET_COLOURS.get(name, TRUTH), dashes(STROKES.get(name, "-"))
    return (
        f'{path} stroke="{HALOS.get(name, "#000")}" stroke-width="3.6"/>'
        f'{path} stroke="{colour}" stroke-width="2" stroke-dasharray="{stroke}"/>'
    )


def _bordered(cell: Cell) -> str:
    """A cell's border and letter."""
    place = (
        f'x="{cell.column:g}" y="{cell.row:g}" width="{cell.width:g}" height="{cell.height:g}"'
        ' fill="none" vector-effect="non-scaling-stroke"'
    )
    size = 0.62 * min(cell.height, cell.width)
    text = (
        f'<text x="{cell.column + cell.width / 2:g}"'
        f' y="{cell.row + cell.height / 2 + size * 0.35:g}" font-size="{size:g}"'
        f' text-anchor="middle" fill="#fff" stroke="#000" stroke-width="{size * 0.16:g}"'
        f' paint-order="stroke">{escape(cell.letter)}</text>'
        if cell.letter
        else ""
    )
    return (
        f'<rect {place} stroke="#000" stroke-width="4"/><rect {place} stroke="{cell.colour}"'
        f' stroke-width="2.4" stroke-dasharray="{dashes(cell.stroke)}"/>{text}'
    )


def outline(inside: np.ndarray) -> str:
    """The border of a boolean mask `H W` as closed SVG lines through the middles of pixel edges, in
    half pixels.

    >>> outline(np.ones((1, 1), bool))
    'M0 1 1 0 2 1 1 2Z'
    """
    from contourpy import contour_generator  # matplotlib draws its contours with it

    lines = contour_generator(z=np.pad(inside, 1).astype(np.float32)).lines(0.5)
    return "".join(f"M{' '.join(map(str, corners(np.asarray(line))))}Z" for line in lines)


def corners(line: np.ndarray) -> list[int]:
    """The points `N 2` of a closed line that are not on the way from one neighbour to the next, in
    half pixels, flat.
    """
    points = (2 * line[:-1] - 1).astype(int)
    ahead, behind = np.roll(points, -1, axis=0) - points, points - np.roll(points, 1, axis=0)
    return points[(ahead != behind).any(axis=1)].ravel().tolist()
