"""What is measured: data, networks, and one iteration of kit and baseline on the same images."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.plain.data import Pictures, Volumes, minibatches, write_files
from benchmarks.plain.step import Plain
from ucmt_lite.core.batch import Batch, Clock, separately
from ucmt_lite.data import Batches, Cases
from ucmt_lite.data.phantoms import generate
from ucmt_lite.methods import FlawDetector, Nets, build_nets, knobs, step_of
from ucmt_lite.nets import make
from ucmt_lite.training.devices import choose_device
from ucmt_lite.training.fit import Minimize
from ucmt_lite.training.memory import keep_freed_memory

LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}


@dataclass(frozen=True)
class Scene:
    """Images of a phantom, a network and a minibatch: all that decides how much to compute."""

    phantom: str
    network: str
    size: int
    batch: int = 4
    count: int = 24
    patch: tuple[int, ...] | None = None
    grid: int = 16

    @property
    def dims(self) -> int:
        return 3 if self.patch else 2

    @property
    def title(self) -> str:
        side = "x".join(map(str, self.patch or (self.size,) * 2))
        return f"{self.network} {side}x{self.channels}, batch {self.batch}+{self.batch}"

    @property
    def channels(self) -> int:
        return self.cases.images[0].shape[0]

    @property
    def classes(self) -> int:
        return 4 if self.phantom == "phantom_heart" else 2

    @cached_property
    def cases(self) -> Cases:
        drawn = generate(self.phantom, self.count, self.size, 0)
        images = drawn["image"]
        grey = images.ndim == drawn["mask"].ndim
        images = [
            image[None] if grey else np.ascontiguousarray(np.moveaxis(image, -1, 0))
            for image in images
        ]
        ids = tuple(map(str, range(self.count)))
        return Cases(ids, ids, images, list(drawn["mask"]), (None,) * self.count)

    def nets(self, method: str, *, last: bool = True, seed: int = 0) -> Nets:
        """A method's networks on the device, channels last unless said otherwise."""
        nets = build_nets(
            method,
            lambda: make(self.network, self.channels, self.classes, self.dims),
            flaw_detector=lambda: FlawDetector(self.channels, self.classes, self.dims),
            seed=seed,
        )
        nets.to(choose_device()).train()
        return nets.to(memory_format=LAYOUTS[self.dims]) if last else nets

    def batches(self, cases: Cases | None = None) -> Batches:
        """The kit's minibatches."""
        some = self.cases if cases is None else cases
        few = some.select(some.ids[: self.batch])
        return Batches(
            few, some, batch=(self.batch, self.batch), patch=self.patch, device=choose_device()
        )

    @contextmanager
    def plain_batches(self, workers: int = 2) -> Iterator[Iterator[Batch]]:
        """Yield the plain baseline's minibatches from files (see `signal_workers`)."""
        with TemporaryDirectory() as folder:
            write_files(self.cases, Path(folder))
            data = self.plain_data(Path(folder))
            stream = minibatches(data, data, (self.batch, self.batch), workers)
            try:
                yield stream
            finally:
                signal_workers(signal.SIGCONT)
                stream.close()

    def plain_data(self, folder: Path) -> Pictures | Volumes:
        return Volumes(folder, self.patch) if self.patch else Pictures(folder, self.size)

    def plain(self, method: str) -> "Plain | Kit":
        """Return the plain iteration; of CPC and GCT the kit's, with separate forward passes."""
        nets = self.nets(method, last=False)
        if hasattr(Plain, method):
            return Plain(method, nets, weight=0.05, grid=self.grid)
        return Kit(method, nets, forward=separately)

    def kit(self, method: str, *, last: bool = True, **options) -> "Kit":
        """The kit's iteration."""
        settings = {"grid": self.grid} if "grid" in knobs(method) else {}
        return Kit(method, self.nets(method, last=last), **settings, **options)


class Kit:
    """The kit's iteration as `fit` does it, without bar and recorder: `kit(batch, clock)`."""

    def __init__(
        self,
        method: str,
        nets: Nets,
        *,
        precision: str = "float32",
        fused: bool = True,
        keep: bool = True,
        **settings,
    ) -> None:
        self.method, self.nets, self.settings, self.keep = method, nets, settings, keep
        self.dtype = getattr(torch, precision)
        parameters = [p for p in nets.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            parameters, lr=1e-3, weight_decay=1e-2, fused=fused or None
        )
        self.minimize = Minimize(self.optimizer, torch.amp.GradScaler(enabled=False))

    def __call__(self, batch: Batch, clock: Clock) -> None:
        keep_freed_memory(self.keep)
        with torch.autocast(batch.x.device.type, self.dtype, enabled=self.dtype != torch.float32):
            step_of(self.method)(self.nets, batch, clock, self.minimize, **self.settings)


def signal_workers(number: signal.Signals) -> None:
    """Stop or continue the loader's processes, so that they work in their own turn only."""
    for process in multiprocessing.active_children():
        if process.pid:
            os.kill(process.pid, number)


LESSON = Scene("phantom_heart", "unet_small", 64, grid=8)
SKIN = {size: Scene("phantom_skin", "unet", size) for size in (64, 128, 256)}
ATRIUM = Scene("phantom_atrium", "vnet_small", 64, batch=2, count=6, patch=(48, 48, 32), grid=8)
TINY = Scene("phantom_heart", "unet_small", 32, batch=2, count=4, grid=4)
# Deepest sides of 4 voxels: below that bfloat16 fails on CPUs, see NOTES.md.
TINY_3D = Scene("phantom_atrium", "unet_small", 32, batch=2, count=3, patch=(32, 32, 32), grid=4)

SCENES = {"lesson": LESSON, "64": SKIN[64], "128": SKIN[128], "256": SKIN[256], "volume": ATRIUM}
# The paper's networks at its sizes: minutes an iteration on a CPU, so only where there is a GPU or
# they are asked for.
PAPER = {
    "paper-unet": Scene("phantom_skin", "unet", 256, batch=8),
    "paper-deeplab": Scene("phantom_skin", "deeplabv3plus", 256, batch=8),
    "paper-vnet": Scene(
        "phantom_atrium", "vnet", 112, batch=2, count=4, patch=(112, 112, 80), grid=8
    ),
}


@dataclass(frozen=True)
class Plan:
    """What to measure: on which scenes, with which numbers of threads, how many rounds a row."""

    scenes: tuple[Scene, ...]
    threads: tuple[int, ...]
    rounds: int
    methods: tuple[str, ...] = ()  # none: every method on two scenes, UCMT on the others
    quick: bool = False
