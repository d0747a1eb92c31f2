"""Run by the tests, alone or as one of several processes: a short training in float64, its networks
saved to a file.
"""

import sys

import torch

from ucmt_lite.core import batch
from ucmt_lite.data import Batches, cases, load
from ucmt_lite.methods import FlawDetector, build_nets
from ucmt_lite.nets import make
from ucmt_lite.training import parallel
from ucmt_lite.training.fit import fit


def main(method: str, forward: str, file: str) -> None:
    """Three iterations; without dropout, whose masks each process draws for its own images."""
    torch.set_num_threads(1)
    parallel.join()
    hearts = cases(load("phantom_heart", size=32, count=(8, 1, 1)).splits["train"])
    batches = Batches(
        hearts.select(hearts.ids[:4]), hearts.select(hearts.ids[4:]), batch=(2, 2), seed=0
    )
    nets = build_nets(
        method, lambda: make("unet_small", 1, 4, 2), flaw_detector=lambda: FlawDetector(1, 4)
    ).double()
    for module in nets.modules():
        if isinstance(module, torch.nn.Dropout | torch.nn.Dropout2d):
            module.p = 0.0
    settings = (
        {"grid": 4} if method == "ucmt" else {"correction_weight": 10.0}
    )  # else the detector's pull is lost in it
    settings |= {"forward": getattr(batch, forward)}
    fit(
        method,
        nets,
        lambda step: batches(step).__class__(
            *(v.double() if v.is_floating_point() else v for v in batches(step))
        ),
        3,
        **settings,
    )
    torch.save(nets.state_dict(), f"{file}.{parallel.rank()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
