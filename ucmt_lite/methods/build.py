"""From a method's row to what training needs: its networks, its function, and the settings of its
own.
"""

import importlib
import inspect
from collections.abc import Callable, Mapping

import torch
from torch import nn

from ucmt_lite.common import InputError, one_of
from ucmt_lite.core.batch import Batch, Clock
from ucmt_lite.methods.gct import FlawDetector
from ucmt_lite.methods.table import METHODS
from ucmt_lite.nets import make


class Nets(nn.Module):
    """A method's networks under their names: `nets.student1`, `nets.student2`, `nets.teacher`,
    `nets.flaw_detector`.

    The teacher's weights take no gradient: it follows its students by `ema_update`.

    >>> nets = Nets(student1=nn.Linear(1, 1), teacher=nn.Linear(1, 1))
    >>> nets.student1.weight.requires_grad, nets.teacher.weight.requires_grad
    (True, False)
    """

    def __init__(self, **networks: nn.Module) -> None:
        super().__init__()
        for name, network in networks.items():
            self.add_module(name, network)
        if "teacher" in networks:
            networks["teacher"].requires_grad_(False)


def build_nets(
    method: str,
    make_net: Callable[[], nn.Module],
    *,
    seed: int = 0,
    make_net2: Callable[[], nn.Module] | None = None,
    flaw_detector: Callable[[], nn.Module] | None = None,
) -> Nets:
    """Build a method's networks, each from a start of its own: student 1 is the same for every
    method with that seed.

    `make_net2` makes student 2 where it is to be another architecture; `flaw_detector` is what
    `gct` needs beside its students. The CPU's random state is left as it was.

    >>> nets = build_nets("ucmt", lambda: nn.Linear(2, 2), seed=0)
    >>> bool((nets.student1.weight == nets.student2.weight).any())
    False
    """
    makers = {
        "student1": make_net,
        "student2": make_net2 or make_net,
        "teacher": make_net,
        "flaw_detector": flaw_detector,
    }
    networks = {}
    for index, (name, maker) in enumerate(makers.items()):
        if name not in METHODS[one_of("method", method, METHODS)].nets:
            continue
        if maker is None:
            raise InputError(
                f"Method '{method}' needs a flaw detector: pass flaw_detector=lambda:"
                " FlawDetector(channels, classes)."
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1000 * seed + index)
            networks[name] = maker()
    return Nets(**networks)


def step_of(method: str) -> Callable:
    """The function of a method: the one its row brings, else the one of its name in the file of its
    name.

    >>> step_of("ucmt").__module__
    'ucmt_lite.methods.ucmt'
    """
    row = METHODS[one_of("method", method, METHODS)]
    return row.step or getattr(importlib.import_module(f"ucmt_lite.methods.{method}"), method)


def knobs(method: str) -> dict[str, object]:
    """A method's own settings with their defaults, read from its function.

    >>> knobs("ucmt")["top_k"], sorted(knobs("supervised"))
    (2, ['loss'])
    """
    parameters = inspect.signature(step_of(method)).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def check_knobs(method: str, given: Mapping[str, object]) -> None:
    """Refuse a setting the method does not have, suggesting the nearest one it has."""
    for name in given:
        one_of(f"setting of method {method}", name, knobs(method))


def dry_run(method: str) -> list[tuple[str, ...]]:
    """The named loss terms of one iteration in order, a tuple for each gradient step, found by
    running it on noise.

    >>> dry_run("ucmt")
    [('sup', 'cps', 'cmt'), ('sup', 'cps', 'cmt')]
    >>> dry_run("gct")
    [('sup', 'consistency', 'correction'), ('flaw',)]
    """
    steps: list[tuple[str, ...]] = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        nets = build_nets(
            method, lambda: make("unet_small", 1, 2), flaw_detector=lambda: FlawDetector(1, 2)
        )
        image, mask = torch.randn(2, 1, 16, 16), torch.zeros(2, 16, 16, dtype=torch.long)
        batch = Batch(image, mask, image, image, image, image, image)
        step_of(method)(nets, batch, Clock(0, 1.0), lambda **terms: steps.append(tuple(terms)))
    return steps
