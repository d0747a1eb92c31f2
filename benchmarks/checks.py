"""The plain baseline computes what the kit computes: asserted before anything is timed."""

import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.plain import step as plain
from benchmarks.plain.data import Pictures, weak, write_files
from benchmarks.scene import TINY, Kit
from ucmt_lite.core.batch import Batch, Clock, separately
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.mixing import umix
from ucmt_lite.data import to_input
from ucmt_lite.methods import build_nets, knobs
from ucmt_lite.nets import UNet

METHODS = ("supervised", "mean_teacher", "cps", "cmt", "ucmt")


def check_mix() -> None:
    """Pixel by pixel, in 2D and 3D, also where cells collide."""
    for sides, grid, top_k in (((32, 32), 8, 2), ((24, 24), 4, 8), ((8, 12, 8), 4, 5)):
        generator = torch.Generator().manual_seed(0)
        u1, u2 = (torch.rand(3, 1, *sides, generator=generator) for _ in range(2))
        image = torch.randn(3, 2, *sides, generator=generator)
        mask = torch.randint(0, 4, (3, *sides), generator=generator)
        mix = umix(u1, u2, top_k, grid)
        other_image, other_mask = plain.mix(u1, u2, image, mask, top_k, grid)
        assert torch.equal(mix(image), other_image), f"mixed images differ at {sides}"
        assert torch.equal(mix(mask), other_mask), f"mixed masks differ at {sides}"


def check_ema() -> None:
    """Compare to the last digits of float64: at the start, and where counter or decay rules."""
    nets = [UNet(1, 2, channels=(4, 8), dropout=(0, 0)).double() for _ in range(3)]
    for step in (0, 5, 1000):
        ours, other = copy.deepcopy(nets[0]), copy.deepcopy(nets[0])
        ema_update(ours, nets[1:], 0.99, step, (0.99, 0.01))
        plain.ema(other, nets[1:], 0.99, step, (0.99, 0.01))
        for p, q in zip(ours.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-14, atol=1e-16)


def check_step(method: str) -> None:
    """Two whole iterations in float64: the weights of all networks agree afterwards."""
    settings: dict = {"forward": separately, "weight": 0.05}
    settings |= {"labeled_views": ("x", "x"), "grid": 4} if method == "ucmt" else {}
    settings = {name: value for name, value in settings.items() if name in knobs(method)}
    start = build_nets(method, lambda: UNet(1, 4, channels=(4, 8), dropout=(0, 0))).double()
    ours, other = copy.deepcopy(start), copy.deepcopy(start)
    kit, baseline = Kit(method, ours, **settings), plain.Plain(method, other, weight=0.05, grid=4)
    batches = TINY.batches()
    for step in (0, 1):
        batch = in_float64(batches(step))
        for iterate in (kit, baseline):
            iterate(batch, Clock(step, 0.7))
    changed = [
        not torch.equal(p, q) for p, q in zip(ours.parameters(), start.parameters(), strict=True)
    ]
    assert all(changed), f"{method}: not every weight was trained"
    for (name, p), (_, q) in zip(ours.named_parameters(), other.named_parameters(), strict=True):
        torch.testing.assert_close(
            p, q, rtol=1e-8, atol=1e-10, msg=lambda m, n=name: f"{method} {n}: {m}"
        )


def check_pictures() -> None:
    """A plain picture is the kit's where nothing is drawn; its flips move image and mask alike."""
    with TemporaryDirectory() as folder:
        write_files(TINY.cases, Path(folder))
        data = Pictures(Path(folder), TINY.size, work=TINY.size)
        image, mask = data.read(1)
        want, labels = to_input(torch.from_numpy(TINY.cases.images[1])), TINY.cases.masks[1]
        assert torch.equal(data.finish(image), want) and np.array_equal(np.array(mask), labels)
        image, mask = weak(image, mask, [True, False], 0)
        assert torch.equal(data.finish(image), want.flip(-1)) and np.array_equal(
            np.array(mask), labels[:, ::-1]
        )
        x, y, x1, x2 = data[0]
        assert (
            x.shape == x1.shape == x2.shape == want.shape
            and y.shape == want.shape[1:]
            and not torch.equal(x1, x2)
        )


def in_float64(batch: Batch) -> Batch:
    return Batch(*(view.double() if view.is_floating_point() else view for view in batch))


def check_all() -> None:
    """Every part of the baseline that has a counterpart."""
    check_mix()
    check_ema()
    check_pictures()
    for method in METHODS:
        check_step(method)
