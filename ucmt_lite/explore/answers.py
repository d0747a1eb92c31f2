"""Answers on an image, given before an explorer is shown: a region that is drawn, cells that are
chosen.

Every answer, those of `guesses` too, has a `question`, a `board` of widgets to answer on, and two
pictures: `asked()` goes with the question, `revealed()` shows what is so. `missing()` tells what an
answer lacks, `told()` its score. `predict_first` puts them before an explorer.
"""

from typing import Any

import ipywidgets as W
import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore import annotate
from ucmt_lite.explore.draw.palette import DIFFERENT, UNCERTAIN
from ucmt_lite.explore.draw.picture import (
    Picture,
    draw_image,
    draw_outline,
    new_figure,
    one_colour,
    whereabouts,
)
from ucmt_lite.explore.draw.tiles import png_address

CHOSEN = "#56B4E9"  # what the reader chose


def region_score(region: np.ndarray, surprise: np.ndarray) -> tuple[float, float]:
    """Return the share of the surprise inside a region, and what a random region of its size gets.

    Placed at random, a region holds on average its own share of the pixels.

    >>> surprise = np.array([[1, 1, 0, 0]])
    >>> region_score(np.array([[1, 0, 0, 0]]), surprise)
    (0.5, 0.25)
    """
    region, surprise = np.asarray(region) > 0, np.asarray(surprise) > 0
    return float(region[surprise].mean()), float(region.mean())


def cells_score(chosen: set[int], moved: set[int], count: int) -> tuple[int, float]:
    """Return how many chosen cells move, and how many would of cells drawn at random from `count`.

    >>> cells_score({0, 1}, {1, 5}, 16)
    (1, 0.25)
    """
    return len(chosen & moved), len(chosen) * len(moved) / count


class Region:
    """An answer that is drawn: by mouse, finger or keys, or with sliders without anywidget."""

    question = "Where will the students disagree? Draw the region, then give your answer."

    def __init__(self, image: np.ndarray, surprise: np.ndarray) -> None:
        if np.shape(surprise) != image.shape[:2] or not np.any(surprise):
            raise InputError(
                f"There is nothing to predict in a map of shape {np.shape(surprise)} on an image of"
                f" shape {image.shape}: give another image or step, where the students differ."
            )
        self.image, self.surprise = image, np.asarray(surprise) > 0
        self.board = annotate.widget(image, classes=("elsewhere", "region"))

    def missing(self) -> str:
        """Return what is to be done before an answer counts; '' when nothing is."""
        return "" if self.board.mask.any() else "Draw a region first."

    def told(self) -> str:
        """Return the score in words."""
        share, chance = region_score(self.board.mask, self.surprise)
        return (
            f"Your region holds {100 * share:.0f} % of the pixels where they disagree; a region of"
            f" its size at a random place would hold {100 * chance:.0f} %."
        )

    def asked(self) -> Picture:
        """Return the picture that goes with the question."""
        drawing, axes = new_figure(1, 1, width=3, height=3)
        draw_image(axes[0, 0], self.image)
        return Picture(drawing, self.question)

    def revealed(self) -> Picture:
        """Return the picture of the surprise, with what was drawn."""
        drawing, axes = new_figure(1, 1, width=3, height=3)
        share = 100 * self.surprise.mean()
        draw_image(axes[0, 0], (self.image * 0.5).astype(np.uint8), f"they differ on {share:.1f} %")
        seen = np.ma.masked_equal(self.surprise, 0)
        axes[0, 0].imshow(seen, cmap=one_colour(DIFFERENT), vmin=0, vmax=1, interpolation="nearest")
        if self.board.mask.any():
            draw_outline(axes[0, 0], self.board.mask, "student1")
        return Picture(
            drawing,
            f"The students disagree on {share:.1f} % of the pixels. Along each axis, nine"
            f" in ten of them lie {whereabouts(self.surprise)}.",
        )


class Cells:
    """An answer that is chosen: cells of a grid on an image, each a button for mouse and keys."""

    def __init__(self, image: np.ndarray, grid: int, moved: set[int]) -> None:
        if not moved:
            raise InputError("No cell moves in this mix: give a sample of umix with top_k above 0.")
        self.image, self.grid, self.moved = image, grid, moved
        self.question = (
            f"Which {len(moved)} of the {grid} x {grid} cells will be replaced? Choose them, then"
            " give your answer."
        )
        self.buttons = [
            W.ToggleButton(
                tooltip=f"row {number // grid + 1}, column {number % grid + 1}",
                layout=W.Layout(width="auto", height="auto", margin="0", padding="0"),
            )
            for number in range(grid**2)
        ]
        self.board = W.VBox([W.HTML(self._style()), self._squares()])

    def _squares(self) -> W.GridBox:
        """Return the buttons in rows and columns, on the image."""
        side = "minmax(0, 1fr)"
        layout = W.Layout(
            width="min(100%, 400px)",
            height="400px",
            grid_template_columns=f"repeat({self.grid}, {side})",
            grid_template_rows=f"repeat({self.grid}, {side})",
        )
        squares = W.GridBox(self.buttons, layout=layout)
        squares.add_class("ucmt-cells")
        squares.add_class(f"ucmt-cells-{id(self)}")
        return squares

    def _style(self) -> str:
        """Return the image below the buttons, and how buttons look, as HTML text."""
        own, button = f".ucmt-cells-{id(self)}", ".ucmt-cells button"
        image = f"url({png_address(self.image)}) 0 0 / 100% 100%"
        return (
            f"<style>{own} {{ background: {image}; image-rendering: pixelated; }}"
            f" {button} {{ background: transparent; border: 1px solid #fff6; min-width: 0; }}"
            f" {button}.mod-active {{ background: {CHOSEN}99; border: 2px solid #fff; }}"
            f" {button}:focus-visible {{ outline: 3px solid {CHOSEN}; }}</style>"
        )

    def chosen(self) -> set[int]:
        """Return the numbers of the chosen cells, in row-major order."""
        return {number for number, button in enumerate(self.buttons) if button.value}

    def missing(self) -> str:
        """Return what is to be done before an answer counts; '' when nothing is."""
        if len(self.chosen()) == len(self.moved):
            return ""
        return f"Choose {len(self.moved)} cells; {len(self.chosen())} are chosen."

    def told(self) -> str:
        """Return the score in words."""
        hits, chance = cells_score(self.chosen(), self.moved, self.grid**2)
        return (
            f"{hits} of your {len(self.moved)} cells move; cells drawn at random would hit"
            f" {chance:.1f} on average."
        )

    def asked(self) -> Picture:
        """Return the picture that goes with the question."""
        return Picture(self._drawn(set()), self.question)

    def revealed(self) -> Picture:
        """Return the picture of the cells that move, with those that were chosen."""
        places = [f"{cell // self.grid + 1}/{cell % self.grid + 1}" for cell in sorted(self.moved)]
        sentence = f"The cells that move, row/column from the top left: {', '.join(places)}."
        return Picture(self._drawn(self.moved), sentence)

    def _drawn(self, moved: set[int]) -> Any:
        from matplotlib.patches import Rectangle

        drawing, axes = new_figure(1, 1, width=3, height=3)
        draw_image(axes[0, 0], self.image)
        height, width = (side / self.grid for side in self.image.shape[:2])
        for number in range(self.grid**2):
            row, column = divmod(number, self.grid)
            corner = (column * width - 0.5, row * height - 0.5)
            if number in self.chosen():
                axes[0, 0].add_patch(Rectangle(corner, width, height, color=CHOSEN, alpha=0.4))
            border: dict = {"edgecolor": UNCERTAIN, "linewidth": 2.5, "zorder": 3}
            if number not in moved:
                border = {"edgecolor": "white", "linewidth": 0.3}
            axes[0, 0].add_patch(Rectangle(corner, width, height, fill=False, **border))
        return drawing
