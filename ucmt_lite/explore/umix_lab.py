"""UMIX by hand: choose an image and cells, see what moves and what the students then predict."""

from typing import TYPE_CHECKING, Any

import ipywidgets as W
import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore._umix_samples import Lab, Sample, mean_uncertainty, pairs
from ucmt_lite.explore.draw.palette import CERTAIN, NET_TITLES, UNCERTAIN, UNCERTAINTY
from ucmt_lite.explore.draw.picture import Picture, draw_image, draw_outline, new_figure, overlap
from ucmt_lite.explore.draw.stack import as_level, colour_table
from ucmt_lite.explore.draw.tiles import Cell, Tile, html
from ucmt_lite.explore.draw.twin import WithTwin

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ucmt_lite.data import Cases

MAX_MOVED = 32  # cells that the slider offers to move, unless more are asked for
TOOLTIPS = {
    "umix": "by uncertainty",
    "cutmix": "cells drawn at random",
    "noise": "noise, nothing moves",
    "identity": "as it is",
}

__all__ = ["Lab", "Sample", "UmixLab", "describe", "figure", "pairs", "widget"]


def figure(
    nets: Any,
    cases: "Cases",
    image: int = 0,
    top_k: int = 2,
    grid: int = 8,
    mix: str = "umix",
    seed: int = 0,
) -> Picture:
    """Return both students' maps with their cells, the mixed image, and what they say of it.

    `nets` holds `student1`, `student2` and `teacher` (the networks of a trained `ucmt` or `cmt`, or
    a dictionary), `cases` 2D images with masks. `seed` draws the cells of cutmix and the noise.
    """
    return _drawn(Lab(nets, cases).sample(image, top_k, grid, mix, seed))


def widget(
    nets: Any,
    cases: "Cases",
    image: int = 0,
    top_k: int = 2,
    grid: int = 8,
    mix: str = "umix",
    seed: int = 0,
) -> "UmixLab":
    """Turn the knobs of UMIX on your own networks; everything is computed when a knob moves.

    Arguments as in `figure`.
    """
    return UmixLab(Lab(nets, cases), image=image, top_k=top_k, grid=grid, mix=mix, seed=seed)


def describe(sample: Sample) -> str:
    """Return the sample in words, from its numbers."""
    moved = pairs(sample)
    text = (
        f"{sample.mix} with top_k {sample.top_k} on a grid of {sample.grid} x {sample.grid} cells:"
        f" {len(moved)} cells are replaced"
    )
    if moved:
        uncertainty = mean_uncertainty(sample)
        replaced = np.mean([uncertainty[cell] for cell, _, _ in moved])
        copied = np.mean([uncertainty[source] for _, source, _ in moved])
        text += (
            f", with {replaced:.3f} nats on average, by the content of cells with {copied:.3f} nats"
        )
    scores = []
    for name, mask in sample.after.items():
        after = overlap(mask, sample.mixed_label, sample.classes)
        before = overlap(sample.before[name], sample.pseudo_label, sample.classes)
        scores.append(
            f"{NET_TITLES[name]} agrees with the moved pseudo label to Dice {after:.2f} (before the"
            f" mix {before:.2f})"
        )
    return f"{text}. On the mixed image {' and '.join(scores)}."


def sample_tiles(sample: Sample) -> list[Tile]:
    """Return what the lab shows, picture by picture."""
    table, maximum = colour_table(UNCERTAINTY)[:, :3], float(np.log(sample.classes))
    maps = {name: table[as_level(u, maximum)] for name, u in sample.uncertainty.items()}
    moved, source = moved_cells(sample), _source_cells(sample)
    return [
        Tile("image, truth", sample.image, {"truth": sample.truth}, source),
        Tile(
            f"uncertainty of student 1 and teacher, 0 to {maximum:.2f} nats",
            maps["student1"],
            cells=_ranked_cells(sample, "student1"),
        ),
        Tile(
            "uncertainty of student 2 and teacher",
            maps["student2"],
            cells=_ranked_cells(sample, "student2"),
        ),
        Tile("pseudo label of the teacher", sample.image, {"teacher": sample.pseudo_label}, source),
        Tile(
            f"mixed image, {len(moved)} cells replaced",
            sample.mixed,
            {"truth": sample.mixed_truth},
            moved,
        ),
        *(_prediction_tile(sample, name) for name in sample.after),
        Tile("pseudo label, moved alike", sample.mixed, {"teacher": sample.mixed_label}, moved),
    ]


def _prediction_tile(sample: Sample, name: str) -> Tile:
    """Return what one student says of the mixed image."""
    mask = sample.after[name]
    dice = overlap(mask, sample.mixed_label, sample.classes)
    caption = f"{NET_TITLES[name]} on it, Dice {dice:.2f} with the moved pseudo label"
    return Tile(caption, sample.mixed, {name: mask})


def _cell(sample: Sample, number: int, colour: str, stroke: str, letter: str = "") -> Cell:
    """Return the border of one cell by its number in row-major order."""
    height, width = (side / sample.grid for side in sample.truth.shape)
    row, column = divmod(int(number), sample.grid)
    return Cell(row * height, column * width, height, width, colour, stroke, letter)


def moved_cells(sample: Sample) -> list[Cell]:
    """Return the replaced cells, red, with the letter of where their content came from."""
    return [_cell(sample, cell, UNCERTAIN, "-", letter) for cell, _, letter in pairs(sample)]


def _source_cells(sample: Sample) -> list[Cell]:
    """Return the cells whose content was copied, green, with their letters."""
    copied = {source: letter for _, source, letter in pairs(sample)}
    return [_cell(sample, cell, CERTAIN, "--", letter) for cell, letter in copied.items()]


def _ranked_cells(sample: Sample, name: str) -> list[Cell]:
    """Return the top_k least certain cells of a map, red, and the top_k most certain, green.

    For cutmix they are the cells that it drew, for other mixes none.
    """
    if sample.mix == "cutmix":
        return moved_cells(sample) + _source_cells(sample)
    if sample.mix != "umix" or not sample.top_k:
        return []
    top, bottom = sample.ranks[name][: sample.top_k], sample.ranks[name][-sample.top_k :]
    red = [_cell(sample, cell, UNCERTAIN, "-", str(i + 1)) for i, cell in enumerate(top)]
    return red + [_cell(sample, cell, CERTAIN, "--") for cell in bottom]


def _drawn(sample: Sample) -> Picture:
    """Return the still picture of a sample."""
    drawing, axes = new_figure(2, 4, width=2.6, height=2.8)
    for ax, tile in zip(axes.flat, sample_tiles(sample), strict=True):
        caption = tile.caption.replace(" with the", "\nwith the")
        draw_image(ax, tile.pixels, caption.replace(" and teacher", "\nand teacher"))
        ax.title.set_fontsize(8)
        for name, mask in tile.outlines.items():
            draw_outline(ax, mask, name)
        for cell in tile.cells:
            _draw_cell(ax, cell)
    return Picture(drawing, describe(sample))


def _draw_cell(ax: "Axes", cell: Cell) -> None:
    """Draw the border of a cell, and its letter."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    x, y = cell.column - 0.5, cell.row - 0.5
    box: dict = {"xy": (x, y), "width": cell.width, "height": cell.height, "fill": False}
    ax.add_patch(Rectangle(**box, edgecolor="black", linewidth=3))
    ax.add_patch(Rectangle(**box, edgecolor=cell.colour, linestyle=cell.stroke, linewidth=1.8))
    letter = ax.text(
        x + cell.width / 2,
        y + cell.height / 2,
        cell.letter,
        color="white",
        fontsize=7,
        ha="center",
        va="center",
        fontweight="bold",
    )
    # The map below may be bright.
    letter.set_path_effects([withStroke(linewidth=2, foreground="black")])


def sample_html(sample: Sample) -> str:
    """Return the sample as HTML text."""
    below = (
        f'<p aria-live="polite">{describe(sample)}</p><p'
        f' style="font-size:12px;margin:0">{_key(sample)}</p>'
    )
    return html(sample_tiles(sample), below)


def _key(sample: Sample) -> str:
    """Return what borders, letters and numbers of cells mean under this mix, as HTML text."""
    if sample.mix == "noise":
        return "noise on every pixel: no cell moves"
    if sample.mix == "identity" or not sample.top_k:
        return "no cell moves"
    replaced = copied = "cells drawn at random"
    numbers = ""
    if sample.mix == "umix":
        replaced, copied = "the least certain cells", "the most certain cells"
        numbers = " · numbers: rank"
    return (
        f'<span style="color:{UNCERTAIN}">■</span> solid: {replaced}, replaced · <span'
        f' style="color:{CERTAIN}">▨</span> dashed: {copied}, copied · equal letters: where the'
        f" content came from{numbers}"
    )


class UmixLab(WithTwin, W.VBox):
    """The explorer: `image`, `top_k`, `grid`, `mix` are the controls.

    `sample` is what they stand for. Core ipywidgets only, so that it works wherever a kernel does.
    """

    def __init__(self, lab: Lab, *, seed: int = 0, **start: Any) -> None:
        self.lab, self.seed = lab, seed
        self.max_moved = max(MAX_MOVED, start["top_k"])
        self.sample = lab.sample(**start, seed=seed)  # refuses wrong input before anything is drawn
        self._make_controls(**start)
        self.board = W.HTML(layout=W.Layout(min_width="0"))
        self.grid.observe(self._fit, "value")
        controls = [self.image, self.grid, self.top_k, self.mix]
        for control in controls:
            control.observe(self._draw, "value")
        row = W.Layout(flex_flow="row wrap", grid_gap="0 12px")
        super().__init__([W.Box(controls, layout=row), self.board])
        self.board.value = sample_html(self.sample)

    def _make_controls(self, image: int, top_k: int, grid: int, mix: str) -> None:
        from ucmt_lite.core.mixing import MIXES

        style = {"description_width": "60px"}
        sides = self.lab.cases.masks[image].shape
        grids = [
            count
            for count in range(2, min(32, *(side // 2 for side in sides)) + 1)
            if not any(side % count for side in sides)
        ]
        images = list(range(len(self.lab.cases)))
        self.image = W.SelectionSlider(
            options=images, value=image, description="image", style=style
        )
        self.grid = W.SelectionSlider(
            options=sorted({*grids, grid}), value=grid, description="grid", style=style
        )
        self.top_k = W.IntSlider(top_k, 0, self._movable(grid), description="top_k", style=style)
        self.mix = W.ToggleButtons(options=[*MIXES], value=mix, style={"button_width": "76px"})
        self.mix.tooltips = [TOOLTIPS[name] for name in MIXES]

    def picture(self) -> Picture:
        """Return the still picture of what the lab shows now."""
        return _drawn(self.sample)

    def _movable(self, grid: int) -> int:
        """Return how many cells the slider offers to move: never more than half of them."""
        return min(grid**2 // 2, self.max_moved)

    def _fit(self, change: dict) -> None:
        self.top_k.max = self._movable(change["new"])

    def _draw(self, change: object) -> None:
        try:
            self.sample = self.lab.sample(
                self.image.value, self.top_k.value, self.grid.value, self.mix.value, self.seed
            )
            self.board.value = sample_html(self.sample)
        except InputError as mistake:
            self.board.value = f"<b>{mistake}</b>"
