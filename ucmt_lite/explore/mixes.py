"""Three kinds of mix side by side: within an image by doubt, a box from another image, and cells
from another image as far as training has come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets as W
import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore._umix_samples import logits_of
from ucmt_lite.explore.draw.palette import UNCERTAIN, UNCERTAINTY
from ucmt_lite.explore.draw.picture import Picture, draw_image, draw_outline, new_figure, to_bytes
from ucmt_lite.explore.draw.stack import as_level, colour_table
from ucmt_lite.explore.draw.tiles import Tile, html
from ucmt_lite.explore.draw.twin import WithTwin

if TYPE_CHECKING:
    from ucmt_lite.data import Cases

_NETWORKS = ("student1", "teacher")
_TITLES = {
    "umix": ("UMIX", "cells of this image"),
    "boxmix": ("CutMix", "a box of the other"),
    "copy_paste": ("BCP", "two thirds of each side"),
    "self_paced": ("AdaMix", "cells of the other"),
}


@dataclass(frozen=True)
class Mixed:
    """One image under each mix, sizes `H W`; `moved` says where each changed it."""

    image: np.ndarray  # H W C bytes
    other: np.ndarray
    label: np.ndarray  # pseudo labels of the teacher
    other_label: np.ndarray
    doubt: np.ndarray  # one minus the teacher's confidence
    other_doubt: np.ndarray
    difficulty: float
    reach: float
    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    moved: dict[str, np.ndarray]


class Mixer:
    """The networks and images; each sample asks the networks anew."""

    def __init__(self, nets: Any, cases: "Cases") -> None:
        named = nets if isinstance(nets, Mapping) else dict(nets.named_children())
        for name in _NETWORKS:
            if name not in named:
                raise InputError(
                    f"The mixes need student1 and a teacher, but there is no {name}: train adamix,"
                    " mean_teacher or ucmt."
                )
        if len(cases) < 2:
            raise InputError("The mixes take from another image: give at least two cases.")
        if len({mask.shape for mask in cases.masks}) > 1:
            raise InputError("The mixes need images of one size: resize them first.")
        if cases.masks[0].ndim != 2:
            raise InputError(
                f"The explorer of mixes shows 2D images, these have shape {cases.masks[0].shape}:"
                " cut slices first."
            )
        self.student, self.teacher = (named[name] for name in _NETWORKS)
        self.cases = cases

    def sample(
        self, image: int = 0, reach: float = 0.5, top_k: int = 4, grid: int = 8, seed: int = 0
    ) -> Mixed:
        """Mix one image with the next one, in every way."""
        import torch

        from ucmt_lite.core.losses import pseudo_label
        from ucmt_lite.data import to_input
        from ucmt_lite.methods.adamix import dice_losses, doubt

        if not 0 <= image < len(self.cases):
            raise InputError(f"image={image}: there are {len(self.cases)} images, counted from 0.")
        if not 0 <= reach <= 1:
            raise InputError(f"reach={reach}: give a number from 0 to 1.")
        pair = [image, (image + 1) % len(self.cases)]
        x = to_input(torch.tensor(np.stack([self.cases.images[i] for i in pair])))
        student, teacher = logits_of(self.student, x), logits_of(self.teacher, x)
        labels, difficulty = pseudo_label(teacher), dice_losses(student, pseudo_label(teacher))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            mixes = _mixes_of(student, teacher, difficulty, reach, top_k, grid)
        # An image in which every pixel of both has a number of its own tells what moved
        numbers = torch.arange(labels.numel()).view_as(labels)
        return Mixed(
            image=to_bytes(x[0]),
            other=to_bytes(x[1]),
            label=labels[0].numpy(),
            other_label=labels[1].numpy(),
            doubt=doubt(teacher)[0, 0].numpy(),
            other_doubt=doubt(teacher)[1, 0].numpy(),
            difficulty=difficulty[0].item(),
            reach=reach,
            images={name: to_bytes(mix(x)[0]) for name, mix in mixes.items()},
            labels={name: mix(labels)[0].numpy() for name, mix in mixes.items()},
            moved={name: (mix(numbers) != numbers)[0].numpy() for name, mix in mixes.items()},
        )


def _mixes_of(
    student: Any, teacher: Any, difficulty: Any, reach: float, top_k: int, grid: int
) -> dict[str, Any]:
    """Return the four mixes of two images by name, from what both networks say of them."""
    from ucmt_lite.core.across import boxmix, copy_paste, self_paced
    from ucmt_lite.core.losses import pseudo_label
    from ucmt_lite.core.mixing import umix
    from ucmt_lite.core.uncertainty import entropy_of_mean
    from ucmt_lite.methods.adamix import doubt

    labels, unsure = pseudo_label(teacher), entropy_of_mean(student, teacher)
    most = min(4 * top_k, grid**2 // 2)
    return {
        "umix": umix(unsure, unsure, top_k, grid),
        "boxmix": boxmix(labels, probability=1.0),
        "copy_paste": copy_paste(labels),
        "self_paced": self_paced(doubt(teacher), difficulty, max(reach, 1e-3), most, grid, 1.0),
    }


def figure(
    nets: Any,
    cases: "Cases",
    image: int = 0,
    reach: float = 0.5,
    top_k: int = 4,
    grid: int = 8,
    seed: int = 0,
) -> Picture:
    """Return an image, the one it is mixed with, where the teacher doubts, and the four mixes.

    `nets` holds `student1` and `teacher` (of a trained `adamix`, `mean_teacher`, `ucmt`, or a
    dictionary), `cases` at least two 2D images. `reach` is how far AdaMix's course has come, from 0
    to 1; it moves up to `4 * top_k` cells, UMIX `top_k`. `seed` draws the boxes' places.
    """
    return _drawn(Mixer(nets, cases).sample(image, reach, top_k, grid, seed))


def widget(
    nets: Any, cases: "Cases", image: int = 0, reach: float = 0.5, top_k: int = 4, grid: int = 8
) -> "Mixes":
    """Move through images and through the training; arguments as in `figure`."""
    return Mixes(Mixer(nets, cases), image=image, reach=reach, top_k=top_k, grid=grid)


def changed_shares(mixed: Mixed) -> dict[str, float]:
    """Return how much of the image each mix changes, in percent of its pixels."""
    return {title: 100 * float(mixed.moved[name].mean()) for name, (title, _) in _TITLES.items()}


def describe(mixed: Mixed) -> str:
    """Return the sample in words, from its numbers."""
    shares = changed_shares(mixed)
    easy = mixed.difficulty < mixed.reach
    way = "what the teacher doubts of the other" if easy else "what it is sure of in the other"
    receives = f"so the image receives {way}" if shares["AdaMix"] else "so nothing moves"
    changed = ", ".join(f"{title} {share:.1f} %" for title, share in shares.items())
    return (
        f"The image's difficulty is {mixed.difficulty:.2f}, the reach {mixed.reach:.2f},"
        f" {receives}. Changed pixels: {changed}."
    )


def _tiles(mixed: Mixed) -> list[Tile]:
    """Return what the explorer shows, picture by picture."""
    table = colour_table(UNCERTAINTY)[:, :3]
    doubts = [table[as_level(u, 0.5)] for u in (mixed.doubt, mixed.other_doubt)]
    return [
        Tile("this image, its pseudo label", mixed.image, {"teacher": mixed.label}),
        Tile("the other image, its pseudo label", mixed.other, {"teacher": mixed.other_label}),
        Tile("doubt on this image, 0 to 0.5", doubts[0]),
        Tile("doubt on the other", doubts[1]),
        *(
            Tile(
                f"{title}: {content}, {100 * mixed.moved[name].mean():.0f} %",
                _framed(mixed.images[name], mixed.moved[name]),
                {"teacher": mixed.labels[name]},
            )
            for name, (title, content) in _TITLES.items()
        ),
    ]


def _framed(image: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return an image with a red line along the inside of what moved."""
    padded = np.pad(moved, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    framed = np.broadcast_to(image, (*image.shape[:2], 3)).copy()
    framed[moved & ~inner] = [int(UNCERTAIN[i : i + 2], 16) for i in (1, 3, 5)]
    return framed


def _drawn(mixed: Mixed) -> Picture:
    """Return the still picture of a sample."""
    drawing, axes = new_figure(2, 4, width=2.6, height=2.8)
    for ax, tile in zip(axes.flat, _tiles(mixed), strict=True):
        draw_image(ax, tile.pixels, tile.caption.replace(", ", ",\n").replace(": ", ":\n"))
        ax.title.set_fontsize(8)
        for name, mask in tile.outlines.items():
            draw_outline(ax, mask, name)
    return Picture(drawing, describe(mixed))


class Mixes(WithTwin, W.VBox):
    """The explorer: `image`, `reach`, `draw` are the controls; `mixed` is what they stand for."""

    def __init__(self, mixer: Mixer, *, top_k: int, grid: int, image: int, reach: float) -> None:
        self.mixer, self.cells = mixer, {"top_k": top_k, "grid": grid}
        self.mixed = mixer.sample(image, reach, **self.cells)  # refuses wrong input first
        style = {"description_width": "60px"}
        images = list(range(len(mixer.cases)))
        self.image = W.SelectionSlider(
            options=images, value=image, description="image", style=style
        )
        self.reach = W.FloatSlider(reach, min=0, max=1, step=0.05, description="reach", style=style)
        self.draw = W.IntSlider(0, 0, 20, description="draw", style=style)
        self.board = W.HTML(layout=W.Layout(min_width="0"))
        controls = [self.image, self.reach, self.draw]
        for control in controls:
            control.observe(self._draw, "value")
        row = W.Layout(flex_flow="row wrap", grid_gap="0 12px")
        super().__init__([W.Box(controls, layout=row), self.board])
        self._show()

    def picture(self) -> Picture:
        """Return the still picture of what the explorer shows now."""
        return _drawn(self.mixed)

    def _show(self) -> None:
        below = f'<p aria-live="polite">{describe(self.mixed)}</p>'
        self.board.value = html(_tiles(self.mixed), below)

    def _draw(self, change: object) -> None:
        self.mixed = self.mixer.sample(
            self.image.value, self.reach.value, **self.cells, seed=self.draw.value
        )
        self._show()
