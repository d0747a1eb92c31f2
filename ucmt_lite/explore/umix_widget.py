"""The UMIX lab as a widget: core ipywidgets only, so that it works wherever a kernel does."""

from typing import Any

import ipywidgets as W

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.explore.draw.twin import WithTwin
from ucmt_lite.explore.umix_lab import MIX_NAMES, Lab, drawn, page

MANY = 32  # cells that the slider offers to move, unless more are asked for
WIDE = {"description_width": "60px"}


class UmixLab(WithTwin, W.VBox):
    """`image`, `top_k`, `grid`, `mix` are the controls; `sample` is what they stand for."""

    def __init__(self, lab: Lab, *, seed: int = 0, **start: Any) -> None:
        self.lab, self.seed, self.most = lab, seed, max(MANY, start["top_k"])
        self.sample = lab.sample(**start, seed=seed)  # wrong input is told before anything is drawn
        sides = lab.cases.masks[start["image"]].shape
        grids = [
            g
            for g in range(2, min(sides) // 2 + 1)
            if not any(side % g for side in sides) and g <= 32
        ]
        images = list(range(len(lab.cases)))
        self.image = W.SelectionSlider(
            options=images, value=start["image"], description="image", style=WIDE
        )
        self.grid = W.SelectionSlider(
            options=sorted({*grids, start["grid"]}),
            value=start["grid"],
            description="grid",
            style=WIDE,
        )
        self.top_k = W.IntSlider(
            start["top_k"], 0, self._movable(start["grid"]), description="top_k", style=WIDE
        )
        self.mix = W.ToggleButtons(
            options=MIX_NAMES, value=start["mix"], style={"button_width": "76px"}
        )
        self.mix.tooltips = [
            "by uncertainty",
            "cells drawn at random",
            "noise, nothing moves",
            "as it is",
        ]
        self.board = W.HTML(layout=W.Layout(min_width="0"))
        self.grid.observe(self._fit, "value")
        for control in (self.image, self.grid, self.top_k, self.mix):
            control.observe(self._draw, "value")
        row = W.Layout(flex_flow="row wrap", grid_gap="0 12px")
        super().__init__(
            [W.Box([self.image, self.grid, self.top_k, self.mix], layout=row), self.board]
        )
        self.board.value = page(self.sample)

    def picture(self) -> Picture:
        """The still picture of what the lab shows now."""
        return drawn(self.sample)

    def _movable(self, grid: int) -> int:
        """No more cells than half of them can move."""
        return min(grid**2 // 2, self.most)

    def _fit(self, change: dict) -> None:
        self.top_k.max = self._movable(change["new"])

    def _draw(self, change: object) -> None:
        try:
            self.sample = self.lab.sample(
                self.image.value, self.top_k.value, self.grid.value, self.mix.value, self.seed
            )
            self.board.value = page(self.sample)
        except InputError as mistake:
            self.board.value = f"<b>{mistake}</b>"
