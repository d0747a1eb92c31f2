"""The methods: one plain function a paper, which does one training iteration, and the dictionary that names them all."""

import inspect
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import nn

from ucmt_lite.batch import Batch, Clock
from ucmt_lite.errors import InputError, one_of
from ucmt_lite.methods.cmt import cmt
from ucmt_lite.methods.cpc import cpc
from ucmt_lite.methods.cps import cps
from ucmt_lite.methods.gct import FlawDetector, gct
from ucmt_lite.methods.mean_teacher import mean_teacher
from ucmt_lite.methods.supervised import supervised
from ucmt_lite.methods.ucmt import ucmt

__all__ = ["METHODS", "Method", "Nets", "build_nets", "cmt", "cpc", "cps", "dry_run", "gct", "knobs", "mean_teacher", "supervised", "ucmt"]  # fmt: skip


class Method(NamedTuple):
    """A method's function, the networks it needs, the one that predicts, and the two branches whose disagreement is traced.

    The supervised baseline has a single branch; it is traced against itself, so its disagreement is 0 by definition.
    """

    step: Callable
    nets: tuple[str, ...]
    predicts: str
    branches: tuple[str, str]


METHODS: dict[str, Method] = {
    "supervised": Method(supervised, ("student1",), "student1", ("student1", "student1")),
    "mean_teacher": Method(mean_teacher, ("student1", "teacher"), "teacher", ("student1", "teacher")),
    "cpc": Method(cpc, ("student1", "student2"), "student1", ("student1", "student2")),
    "gct": Method(gct, ("student1", "student2", "flaw_detector"), "student1", ("student1", "student2")),
    "cps": Method(cps, ("student1", "student2"), "student1", ("student1", "student2")),
    "cmt": Method(cmt, ("student1", "student2", "teacher"), "teacher", ("student1", "student2")),
    "ucmt": Method(ucmt, ("student1", "student2", "teacher"), "teacher", ("student1", "student2")),
}


class Nets(nn.Module):
    """A method's networks under their names: `nets.student1`, `nets.student2`, `nets.teacher`, `nets.flaw_detector`.

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
    """Build a method's networks, each from a start of its own: student 1 is the same for every method with that seed.

    `make_net2` makes student 2 where it is to be another architecture; `flaw_detector` is what `gct` needs beside its
    students. The global random state is left as it was.

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
    for index, (name, make) in enumerate(makers.items()):
        if name not in METHODS[one_of("method", method, METHODS)].nets:
            continue
        if make is None:
            raise InputError(
                f"Method '{method}' needs a flaw detector: pass flaw_detector=lambda: FlawDetector(channels, classes)."
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1000 * seed + index)
            networks[name] = make()
    return Nets(**networks)


def knobs(method: str) -> dict[str, object]:
    """A method's own settings with their defaults, read from its function.

    >>> knobs("ucmt")["top_k"], sorted(knobs("supervised"))
    (2, ['loss'])
    """
    parameters = inspect.signature(METHODS[one_of("method", method, METHODS)].step).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def check_knobs(method: str, given: Mapping[str, object]) -> None:
    """Refuse a setting the method does not have, suggesting the nearest one it has."""
    for name in given:
        one_of(f"setting of method {method}", name, knobs(method))


def dry_run(method: str) -> list[tuple[str, ...]]:
    """The named loss terms of one iteration in order, a tuple for each gradient step, found by running it on noise.

    >>> dry_run("ucmt")
    [('sup', 'cps', 'cmt'), ('sup', 'cps', 'cmt')]
    >>> dry_run("gct")
    [('sup', 'consistency', 'correction'), ('flaw',)]
    """
    steps: list[tuple[str, ...]] = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        nets = build_nets(method, lambda: nn.Conv2d(1, 2, 1), flaw_detector=lambda: FlawDetector(1, 2))
        image, mask = torch.randn(2, 1, 16, 16), torch.zeros(2, 16, 16, dtype=torch.long)
        batch = Batch(image, mask, image, image, image, image, image)
        METHODS[method].step(nets, batch, Clock(0, 1.0), lambda **terms: steps.append(tuple(terms)))
    return steps
