"""Pictures as HTML text: pixels as a PNG, outlines and cells as SVG on top. Drawn in milliseconds, so that a kernel can
answer a slider; the widget that shows them is core ipywidgets, so they are seen everywhere."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape

import numpy as np

from ucmt_lite.explore.palette import HALOS, NETS, STROKES, TRUTH
from ucmt_lite.explore.svg import dashes

CSS = """<style>
.ucmt-tiles, .ucmt-wide {max-width:1240px; color:var(--jp-ui-font-color1,var(--vscode-foreground,inherit));
  font:13px/1.4 var(--jp-ui-font-family,system-ui,sans-serif)}
.widget-html-content:has(> .ucmt-tiles) {min-width:0; flex:1 1 0} /* else it cannot become narrower again */
.ucmt-tiles {display:grid; grid-template-columns:repeat(auto-fit,minmax(max(150px,22%),1fr)); gap:8px 12px}
.ucmt-tiles figure {margin:0; max-width:330px; display:flex; flex-direction:column; justify-content:flex-end}
.ucmt-tiles figcaption {font-size:12px; margin:0 0 3px} .ucmt-tiles figure svg {width:100%; height:auto; display:block; border-radius:3px}
.ucmt-wide {margin:8px 0} .ucmt-wide p, .ucmt-tiles p {margin:6px 0; line-height:1.45}
</style>"""
TURN = {(0, 1): (1, 0), (1, 0): (0, -1), (0, -1): (-1, 0), (-1, 0): (0, 1)}  # to the right, as (row, column)


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
    return f'{CSS}<div class="ucmt-tiles">{"".join(map(figure, tiles))}</div><div class="ucmt-wide">{below}</div>'


def figure(tile: Tile) -> str:
    """One tile."""
    height, width = tile.pixels.shape[:2]
    parts = [
        f'<image href="{png_address(tile.pixels)}" width="{width}" height="{height}" style="image-rendering:pixelated" decoding="sync"/>'
    ]
    for name, mask in tile.outlines.items():
        parts += [outlined(mask == label, name) for label in np.flatnonzero(np.bincount(mask.ravel())) if label]
    parts += [bordered(cell) for cell in tile.cells]
    label = escape(tile.caption, quote=True)
    return (
        f'<figure><figcaption>{escape(tile.caption)}</figcaption><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{label}">{"".join(parts)}</svg></figure>'
    )


def png_address(pixels: np.ndarray) -> str:
    """Pixels `H W C` or `H W`, bytes, as a data address."""
    pixels = pixels.squeeze()
    return _png_address(pixels.shape, pixels.tobytes())


@lru_cache(maxsize=16)  # one picture stands in several tiles, and stays when a slider moves
def _png_address(shape: tuple[int, ...], pixels: bytes) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(shape)).save(buffer, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def outlined(inside: np.ndarray, name: str) -> str:
    """The outline of a mask in the colour and dash of whoever drew it, on a halo that keeps it readable."""
    path = f'<path d="{outline(inside)}" fill="none" vector-effect="non-scaling-stroke"'
    colour, stroke = NETS.get(name, TRUTH), dashes(STROKES.get(name, "-"))
    return (
        f'{path} stroke="{HALOS.get(name, "#000")}" stroke-width="3.6"/>'
        f'{path} stroke="{colour}" stroke-width="2" stroke-dasharray="{stroke}"/>'
    )


def bordered(cell: Cell) -> str:
    """A cell's border and letter."""
    place = f'x="{cell.column:g}" y="{cell.row:g}" width="{cell.width:g}" height="{cell.height:g}" fill="none" vector-effect="non-scaling-stroke"'
    size = 0.62 * min(cell.height, cell.width)
    text = (
        f'<text x="{cell.column + cell.width / 2:g}" y="{cell.row + cell.height / 2 + size * 0.35:g}" font-size="{size:g}" '
        f'text-anchor="middle" fill="#fff" stroke="#000" stroke-width="{size * 0.16:g}" paint-order="stroke">{escape(cell.letter)}</text>'
        if cell.letter
        else ""
    )
    return (
        f'<rect {place} stroke="#000" stroke-width="4"/>'
        f'<rect {place} stroke="{cell.colour}" stroke-width="2.4" stroke-dasharray="{dashes(cell.stroke)}"/>{text}'
    )


def outline(inside: np.ndarray) -> str:
    """The border of a boolean mask `H W` as closed SVG lines through the middles of pixel edges.

    >>> outline(np.ones((1, 1), bool))
    'M0.5 0L1 0.5L0.5 1L0 0.5Z'
    """
    padded = np.pad(inside, 1)
    leaving: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # Edges run with the mask on their right: along the tops to the right, down the right sides, and so on.
    for way, (start_row, start_column), shift in (
        ((0, 1), (0, 0), (1, 0)), ((1, 0), (0, 1), (0, -1)), ((0, -1), (1, 1), (-1, 0)), ((-1, 0), (1, 0), (0, 1))
    ):  # fmt: skip
        for row, column in np.argwhere(inside & ~np.roll(padded, shift, (0, 1))[1:-1, 1:-1]).tolist():
            leaving.setdefault((row + start_row, column + start_column), []).append(way)
    loops = []
    while leaving:
        at = min(leaving)
        way, points = leaving[at][0], []
        while way in leaving.get(at, ()):
            leaving[at].remove(way)
            if not leaving[at]:
                del leaving[at]
            points.append(f"{at[1] + way[1] / 2:g} {at[0] + way[0] / 2:g}")
            at = (at[0] + way[0], at[1] + way[1])
            right = TURN[way]
            left = (-right[0], -right[1])
            way = next((w for w in (right, way, left) if w in leaving.get(at, ())), way)
        loops.append(f"M{'L'.join(points)}Z")
    return "".join(loops)
