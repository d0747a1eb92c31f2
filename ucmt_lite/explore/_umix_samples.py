"""One image before and after a mix, asked of the networks: what the UMIX lab shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ucmt_lite.common import InputError, one_of
from ucmt_lite.explore.draw.picture import to_bytes

if TYPE_CHECKING:
    from ucmt_lite.data import Cases

_STUDENTS = ("student1", "student2")
NETWORKS = (*_STUDENTS, "teacher")
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Sample:
    """One image before and after a mix, sizes `H W`.

    Networks see bytes scaled to -1..1, as in training.
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
    """The networks and images.

    Every sample asks the networks anew, so that it is true also after training goes on.
    """

    def __init__(self, nets: Any, cases: "Cases") -> None:
        self.nets: dict[str, Any] = {
            name: nets.get(name) if isinstance(nets, Mapping) else getattr(nets, name, None)
            for name in NETWORKS
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

    def sample(
        self, image: int = 0, top_k: int = 2, grid: int = 8, mix: str = "umix", seed: int = 0
    ) -> Sample:
        """Mix one image and ask the students again."""
        import torch

        from ucmt_lite.core.mixing import MIXES, rank_cells
        from ucmt_lite.core.uncertainty import entropy_of_mean
        from ucmt_lite.data import to_input

        if not 0 <= image < len(self.cases):
            raise InputError(f"image={image}: there are {len(self.cases)} images, counted from 0.")
        make_mix = MIXES[one_of("mix", mix, MIXES)]
        x = to_input(torch.tensor(self.cases.images[image])[None])
        logits = {name: logits_of(self.nets[name], x) for name in NETWORKS}
        before = {name: _decided(z) for name, z in logits.items()}
        maps = {name: entropy_of_mean(logits[name], logits["teacher"]) for name in _STUDENTS}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            move = make_mix(*maps.values(), top_k, grid)
            mixed = move(x)
        truth = torch.tensor(self.cases.masks[image])[None].long()
        pseudo_label = torch.from_numpy(before["teacher"])[None]
        return Sample(
            mix=mix,
            top_k=top_k,
            grid=grid,
            image=to_bytes(x[0]),
            truth=truth[0].numpy(),
            uncertainty={name: u[0, 0].numpy() for name, u in maps.items()},
            ranks={name: rank_cells(u, grid)[0].numpy() for name, u in maps.items()},
            pseudo_label=before["teacher"],
            source=_sources(move, truth.shape, grid),
            mixed=to_bytes(mixed[0]),
            mixed_truth=move(truth)[0].numpy(),
            mixed_label=move(pseudo_label)[0].numpy(),
            before={name: before[name] for name in _STUDENTS},
            after={name: _decided(logits_of(self.nets[name], mixed)) for name in _STUDENTS},
            classes=logits["teacher"].shape[1],
        )


def logits_of(net: Any, x: Any) -> Any:
    """Return what a network says of images, in evaluation mode; it is left as it was."""
    import torch

    training = net.training
    net.eval()
    device = next(net.parameters()).device
    # Channels last: a quarter faster on a CPU; not every operation of Apple's GPUs takes it.
    layout = torch.channels_last if device.type == "cpu" else torch.preserve_format
    x = x.to(device, memory_format=layout)
    with torch.inference_mode():
        logits = net(x).float().cpu()
    net.train(training)
    return logits


def _decided(logits: Any) -> np.ndarray:
    """Return the most probable class of every pixel, `1 K H W` -> `H W`."""
    return logits[0].numpy().argmax(axis=0)  # ten times as fast as torch's here


def _sources(move: Any, shape: tuple[int, ...], grid: int) -> np.ndarray:
    """Return the source of each cell, read off by mixing an image of cell numbers: L."""
    import torch

    rows, columns = ((torch.arange(side) * grid) // side for side in shape[1:])
    numbers = (rows[:, None] * grid + columns)[None]
    return move(numbers)[0][:: shape[1] // grid, :: shape[2] // grid].ravel().numpy()


def pairs(sample: Sample) -> list[tuple[int, int, str]]:
    """Return (cell, source, letter) of every cell that was replaced.

    A source that is used twice keeps its letter.
    """
    cells = np.flatnonzero(sample.source != np.arange(len(sample.source)))
    letters: dict[int, str] = {}
    for source in sample.source[cells]:
        letters.setdefault(int(source), LETTERS[len(letters) % len(LETTERS)])
    return [
        (int(cell), int(sample.source[cell]), letters[int(sample.source[cell])]) for cell in cells
    ]


def mean_uncertainty(sample: Sample) -> np.ndarray:
    """Return the mean of both students' maps in each cell, row by row: L."""
    return np.mean([_cell_means(u, sample.grid) for u in sample.uncertainty.values()], axis=0)


def _cell_means(u: np.ndarray, grid: int) -> np.ndarray:
    """Return the mean of a map `H W` in each cell, row by row: L."""
    height, width = (side // grid for side in u.shape)
    return u.reshape(grid, height, grid, width).mean(axis=(1, 3)).ravel()
