"""UMIX by hand: choose an image, cells and how many of them, and see what moves and what the
students then predict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError, one_of
from ucmt_lite.explore.draw.palette import CERTAIN, UNCERTAIN, UNCERTAINTY
from ucmt_lite.explore.draw.picture import (
    Picture,
    draw_image,
    draw_outline,
    new_figure,
    overlap,
    to_bytes,
)
from ucmt_lite.explore.draw.stack import as_level, colour_table
from ucmt_lite.explore.draw.tiles import Cell, Tile, html

if TYPE_CHECKING:
    from ucmt_lite.data import Cases

NEEDED = ("student1", "student2", "teacher")
MIX_NAMES = ("umix", "cutmix", "noise", "identity")
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Sample:
    """One image before and after a mix. Sizes `H W`; networks see bytes scaled to -1..1, as in
    training.
    """

    mix: str
    top_k: int
    grid: int
    image: np.ndarray  # H W C bytes
    truth: np.ndarray
    uncertainty: dict[str, np.ndarray]  # "student1", "student2" -> nats: each with the teacher
    ranks: dict[str, np.ndarray]  # cells of each map, the least certain first: L
    pseudo_label: np.ndarray  # of the teacher, on the image as it is
    source: np.ndarray  # for each cell of the mixed image the cell it was copied from: L
    mixed: np.ndarray  # H W C bytes
    mixed_truth: np.ndarray
    mixed_label: np.ndarray
    before: dict[str, np.ndarray]  # what each student says of the image
    after: dict[str, np.ndarray]  # and of the mixed one
    classes: int


class Lab:
    """The networks and images; every sample asks the networks anew, so that it is true also after
    training goes on.
    """

    def __init__(self, nets: Any, cases: "Cases") -> None:
        self.nets: dict[str, Any] = {
            name: nets.get(name) if isinstance(nets, Mapping) else getattr(nets, name, None)
            for name in NEEDED
        }
        for name, net in self.nets.items():
            if net is None:
                raise InputError(
                    f"UMIX needs student1, student2 and a teacher, but there is no {name}: train"
                    " ucmt or cmt."
                )
        if not len(cases):
            raise InputError("There are no images to mix: give at least one case.")
        if cases.masks[0].ndim != 2:
            raise InputError(
                f"The UMIX lab shows 2D images, these have shape {cases.masks[0].shape}: cut slices"
                " first."
            )
        self.cases = cases

    def logits(self, name: str, x: Any) -> Any:
        """What one network says, in evaluation mode; it is left as it was."""
        import torch

        net = self.nets[name]
        training = net.training
        net.eval()
        x = x.to(
            next(net.parameters()).device, memory_format=torch.channels_last
        )  # a quarter faster on a CPU
        with torch.inference_mode():
            out = net(x).float().cpu()
        net.train(training)
        return out

    def whole(self, image: int) -> tuple:
        """An image as networks take it, what all say of it, the students' maps, and the number of
        classes.
        """
        import torch

        from ucmt_lite.core.uncertainty import entropy_of_mean
        from ucmt_lite.data import to_input

        x = to_input(torch.tensor(self.cases.images[image])[None])
        said = {name: self.logits(name, x) for name in NEEDED}
        maps = {name: entropy_of_mean(said[name], said["teacher"]) for name in NEEDED[:2]}
        return x, {name: _decided(z) for name, z in said.items()}, maps, said["teacher"].shape[1]

    def sample(
        self, image: int = 0, top_k: int = 2, grid: int = 8, mix: str = "umix", seed: int = 0
    ) -> Sample:
        """Mix one image and ask the students again."""
        import torch

        from ucmt_lite.core.mixing import MIXES as MAKERS
        from ucmt_lite.core.mixing import cell_means

        if not 0 <= image < len(self.cases):
            raise InputError(f"image={image}: there are {len(self.cases)} images, counted from 0.")
        make = MAKERS[one_of("mix", mix, MIX_NAMES)]
        x, before, maps, classes = self.whole(image)
        ranks = {
            name: cell_means(u, grid).argsort(dim=1, descending=True, stable=True)[0].numpy()
            for name, u in maps.items()
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            move = make(*maps.values(), top_k, grid)
            mixed = move(x)
        pseudo = torch.from_numpy(before["teacher"])[None]
        truth = torch.tensor(self.cases.masks[image])[None].long()
        after = {name: _decided(self.logits(name, mixed)) for name in NEEDED[:2]}
        return Sample(
            mix,
            top_k,
            grid,
            to_bytes(x[0]),
            truth[0].numpy(),
            {n: u[0, 0].numpy() for n, u in maps.items()},
            ranks,
            before["teacher"],
            _where_from(move, truth.shape, grid),
            to_bytes(mixed[0]),
            move(truth)[0].numpy(),
            move(pseudo)[0].numpy(),
            {n: before[n] for n in NEEDED[:2]},
            after,
            classes,
        )


def _decided(logits: Any) -> np.ndarray:
    """The most probable class of every pixel, `1 K H W` -> `H W`; numpy's argmax is ten times
    torch's here.
    """
    return logits[0].numpy().argmax(axis=0)


def _where_from(move: Any, shape: tuple[int, ...], grid: int) -> np.ndarray:
    """The source of each cell, read off by mixing an image of cell numbers: L."""
    import torch

    rows, columns = ((torch.arange(side) * grid) // side for side in shape[1:])
    numbers = (rows[:, None] * grid + columns)[None]
    return move(numbers)[0][:: shape[1] // grid, :: shape[2] // grid].ravel().numpy()


def figure(
    nets: Any,
    cases: "Cases",
    image: int = 0,
    top_k: int = 2,
    grid: int = 8,
    mix: str = "umix",
    seed: int = 0,
) -> Picture:
    """The maps of both students with their cells, the mixed image, mask and pseudo label, and what
    the students say of it.

    `nets` holds `student1`, `student2` and `teacher` (the networks of a trained `ucmt` or `cmt`, or
    a dictionary), `cases` 2D images with masks. `seed` draws the cells of cutmix and the noise.
    """
    return drawn(Lab(nets, cases).sample(image, top_k, grid, mix, seed))


def tiles(sample: Sample) -> list[Tile]:
    """What the lab shows, picture by picture."""
    table, most = colour_table(UNCERTAINTY)[:, :3], float(np.log(sample.classes))
    maps = {name: table[as_level(u, most)] for name, u in sample.uncertainty.items()}
    moved, source = moved_cells(sample), _source_cells(sample)
    agree = {
        n: overlap(mask, sample.mixed_label, sample.classes) for n, mask in sample.after.items()
    }
    return [
        Tile("image, truth", sample.image, {"truth": sample.truth}, source),
        Tile(
            f"uncertainty of student 1 and teacher, 0 to {most:.2f} nats",
            maps["student1"],
            {},
            ranked(sample, "student1"),
        ),
        Tile(
            "uncertainty of student 2 and teacher", maps["student2"], {}, ranked(sample, "student2")
        ),
        Tile("pseudo label of the teacher", sample.image, {"teacher": sample.pseudo_label}, source),
        Tile(
            f"mixed image, {len(moved)} cells replaced",
            sample.mixed,
            {"truth": sample.mixed_truth},
            moved,
        ),
        Tile(
            f"student 1 on it, Dice {agree['student1']:.2f} with the moved pseudo label",
            sample.mixed,
            {"student1": sample.after["student1"]},
        ),
        Tile(
            f"student 2 on it, Dice {agree['student2']:.2f} with the moved pseudo label",
            sample.mixed,
            {"student2": sample.after["student2"]},
        ),
        Tile("pseudo label, moved alike", sample.mixed, {"teacher": sample.mixed_label}, moved),
    ]


def cell(sample: Sample, number: int, colour: str, stroke: str, letter: str = "") -> Cell:
    """The border of one cell by its number in row-major order."""
    height, width = (side / sample.grid for side in sample.truth.shape)
    row, column = divmod(int(number), sample.grid)
    return Cell(row * height, column * width, height, width, colour, stroke, letter)


def pairs(sample: Sample) -> list[tuple[int, int, str]]:
    """(cell, source, letter) of every cell that was replaced; a source used twice keeps its letter."""
    places = np.flatnonzero(sample.source != np.arange(len(sample.source)))
    letters: dict[int, str] = {}
    for source in sample.source[places]:
        letters.setdefault(int(source), LETTERS[len(letters) % len(LETTERS)])
    return [
        (int(place), int(sample.source[place]), letters[int(sample.source[place])])
        for place in places
    ]


def moved_cells(sample: Sample) -> list[Cell]:
    """The replaced cells, red, with the letter of where their content came from."""
    return [cell(sample, place, UNCERTAIN, "-", letter) for place, _, letter in pairs(sample)]


def _source_cells(sample: Sample) -> list[Cell]:
    """The cells whose content was copied, green, with their letters."""
    copied = {source: letter for _, source, letter in pairs(sample)}
    return [cell(sample, s, CERTAIN, "--", letter) for s, letter in copied.items()]


def ranked(sample: Sample, name: str) -> list[Cell]:
    """On a map: red the top_k least certain cells of it, green the top_k most certain; for other
    mixes what they drew.
    """
    if sample.mix == "cutmix":
        return moved_cells(sample) + _source_cells(sample)
    if sample.mix != "umix" or not sample.top_k:
        return []
    top, bottom = sample.ranks[name][: sample.top_k], sample.ranks[name][-sample.top_k :]
    red = [cell(sample, c, UNCERTAIN, "-", str(i + 1)) for i, c in enumerate(top)]
    return red + [cell(sample, c, CERTAIN, "--") for c in bottom]


def drawn(sample: Sample) -> Picture:
    """The still picture of a sample."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    drawing, axes = new_figure(2, 4, width=2.6, height=2.8)
    for at, tile in zip(axes.flat, tiles(sample), strict=True):
        caption = tile.caption.replace(" with the", "\nwith the").replace(
            " and teacher", "\nand teacher"
        )
        draw_image(at, tile.pixels, caption)
        at.title.set_fontsize(8)
        for name, mask in tile.outlines.items():
            draw_outline(at, mask, name)
        for c in tile.cells:
            box: dict = {
                "xy": (c.column - 0.5, c.row - 0.5),
                "width": c.width,
                "height": c.height,
                "fill": False,
            }
            at.add_patch(Rectangle(**box, edgecolor="black", linewidth=3))
            at.add_patch(Rectangle(**box, edgecolor=c.colour, linestyle=c.stroke, linewidth=1.8))
            centre = (c.column + c.width / 2 - 0.5, c.row + c.height / 2 - 0.5)
            letter = at.text(
                *centre,
                c.letter,
                color="white",
                fontsize=7,
                ha="center",
                va="center",
                fontweight="bold",
            )
            letter.set_path_effects(
                [withStroke(linewidth=2, foreground="black")]
            )  # the map below may be bright
    return Picture(drawing, describe(sample))


def describe(sample: Sample) -> str:
    """The sample in words, from its numbers."""
    found = pairs(sample)
    text = (
        f"{sample.mix} with top_k {sample.top_k} on a grid of {sample.grid} x {sample.grid} cells:"
        f" {len(found)} cells are replaced"
    )
    if found:
        uncertainty = np.mean(
            [_cells_of(u, sample.grid) for u in sample.uncertainty.values()], axis=0
        )
        into, out = ([uncertainty[pair[k]] for pair in found] for k in (0, 1))
        text += (
            f", with {np.mean(into):.3f} nats on average, by the content of cells with"
            f" {np.mean(out):.3f} nats"
        )
    told = []
    for name, mask in sample.after.items():
        after = overlap(mask, sample.mixed_label, sample.classes)
        before = overlap(sample.before[name], sample.pseudo_label, sample.classes)
        told.append(
            f"student {name[-1]} agrees with the moved pseudo label to Dice {after:.2f} (before the"
            f" mix {before:.2f})"
        )
    return f"{text}. On the mixed image {' and '.join(told)}."


def _cells_of(u: np.ndarray, grid: int) -> np.ndarray:
    """The mean of a map `H W` in each cell, row by row."""
    height, width = (side // grid for side in u.shape)
    return u.reshape(grid, height, grid, width).mean(axis=(1, 3)).ravel()


def widget(
    nets: Any,
    cases: "Cases",
    image: int = 0,
    top_k: int = 2,
    grid: int = 8,
    mix: str = "umix",
    seed: int = 0,
):
    """Turn the knobs of UMIX on your own networks; everything is computed when a knob moves.
    Arguments as in `figure`.
    """
    from ucmt_lite.explore.umix_widget import UmixLab

    return UmixLab(Lab(nets, cases), image=image, top_k=top_k, grid=grid, mix=mix, seed=seed)


def page(sample: Sample) -> str:
    """The sample as HTML text."""
    below = (
        f'<p aria-live="polite">{describe(sample)}</p><p'
        f' style="font-size:12px;margin:0">{key(sample)}</p>'
    )
    return html(tiles(sample), below)


def key(sample: Sample) -> str:
    """What the borders, letters and numbers of cells mean under this mix, as HTML text."""
    if sample.mix == "noise":
        return "noise on every pixel: no cell moves"
    if sample.mix == "identity" or not sample.top_k:
        return "no cell moves"
    replaced, copied, numbers = "cells drawn at random", "cells drawn at random", ""
    if sample.mix == "umix":
        replaced, copied, numbers = (
            "the least certain cells",
            "the most certain cells",
            " · numbers: rank",
        )
    return (
        f'<span style="color:{UNCERTAIN}">■</span> solid: {replaced}, replaced · <span'
        f' style="color:{CERTAIN}">▨</span> dashed: {copied}, copied · equal letters: where the'
        f" content came from{numbers}"
    )
