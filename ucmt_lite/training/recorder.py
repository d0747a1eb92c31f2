"""The recorder: watches the networks on a fixed set of images while they train. The only place
where torch becomes numpy.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ucmt_lite.core.losses import one_hot, precise
from ucmt_lite.core.uncertainty import disagreement, entropy_of_mean
from ucmt_lite.data.batches import stack_images
from ucmt_lite.data.source import Cases
from ucmt_lite.data.views import to_input
from ucmt_lite.methods import METHODS, Nets
from ucmt_lite.training.traces import Trace


class Recorder:
    """Looks at the networks on a fixed probe set while they train, and keeps what it saw for a
    `Trace`.

    `probe` is best a validation set: nothing here chooses a network. Curves are
    read every `every` iterations over all probe images, maps every `maps_every` on the first `maps`
    of them. Networks look in evaluation mode, so neither their statistics nor the run's random
    numbers change.
    """

    def __init__(
        self,
        method: str,
        probe: Cases,
        classes: int,
        *,
        every: int = 20,
        maps: int = 3,
        maps_every: int = 100,
    ) -> None:
        self.method, self.probe, self.classes = METHODS[method], probe, classes
        self.every, self.maps, self.maps_every = every, min(maps, len(probe)), maps_every
        self.stop = False  # set it to end the run after the step
        self.steps: list[int] = []
        self.curves: dict[str, list[float]] = {}
        self.map_steps: list[int] = []
        self.predictions: dict[str, list[np.ndarray]] = {}
        self.uncertainty: list[np.ndarray] = []

    def due(self, step: int, iterations: int) -> bool:
        """Whether it looks after this many iterations: the first and the last, and every so many
        between.
        """
        maps = bool(self.maps) and step % self.maps_every == 0
        return step == 1 or step == iterations or step % self.every == 0 or maps

    @torch.no_grad()
    def look(self, step: int, nets: Nets, terms: dict[str, float], *, last: bool = False) -> None:
        """Read curves and, at the first and the `last` look and when they are due between, maps."""
        device = next(nets.parameters()).device
        x = to_input(torch.from_numpy(stack_images(self.probe.images))).to(device)
        y = torch.from_numpy(np.stack(self.probe.masks)).long().to(device)
        nets.eval()
        names = [name for name in self.method.nets if name != "flaw_detector"]
        logits = {name: precise(getattr(nets, name)(x)) for name in names}
        nets.train()

        labels = {name: logits[name].argmax(1) for name in names}
        dice = {name: mean_dice(labels[name], y, self.classes) for name in names}
        one, other = self.method.branches
        entropy = entropy_of_mean(logits[one], logits[other])
        source = (
            "teacher" if "teacher" in names else other
        )  # whose pseudo labels student 1 learns from
        values = {
            "disagreement": disagreement(logits[one], logits[other]).item(),
            "uncertainty": entropy.mean().item(),
            "dice": dice[self.method.predicts],
            "error": (labels[source] != y).float().mean().item(),
        }
        values |= {f"dice/{name}": value for name, value in dice.items()}
        values |= {f"loss/{name}": value for name, value in terms.items()}
        self.steps.append(step)
        for name, value in values.items():
            self.curves.setdefault(name, []).append(value)
        if self.maps and (last or len(self.steps) == 1 or step % self.maps_every == 0):
            self.map_steps.append(step)
            self.uncertainty.append(entropy[: self.maps, 0].cpu().numpy().astype(np.float16))
            for name in names:
                self.predictions.setdefault(name, []).append(
                    labels[name][: self.maps].cpu().numpy().astype(np.uint8)
                )

    def trace(self, **meta) -> Trace:
        """Everything seen so far; `meta` says what run it was (see `Trace.meta`)."""
        shown = range(self.maps)
        curves = Trace(
            meta={"branches": list(self.method.branches), "predicts": self.method.predicts, **meta},
            step=np.array(self.steps),
            curves={name: np.array(values) for name, values in self.curves.items()},
        )
        if not self.map_steps:  # none were asked for
            return curves
        return replace(
            curves,
            map_step=np.array(self.map_steps),
            image=np.stack([np.moveaxis(as_bytes(self.probe.images[i]), 0, -1) for i in shown]),
            truth=np.stack([self.probe.masks[i] for i in shown]),
            predictions={name: np.stack(maps) for name, maps in self.predictions.items()},
            uncertainty=np.stack(self.uncertainty),
            ambiguity=(
                np.stack([self.probe.ambiguity[i] for i in shown]) if self.probe.ambiguity else None
            ),
        )

    def state(self) -> dict:
        """What a checkpoint keeps, in types that are read back without running code."""
        maps = {name: torch.from_numpy(np.stack(m)) for name, m in self.predictions.items()}
        entropy = torch.from_numpy(np.stack(self.uncertainty)) if self.uncertainty else None
        return {
            "steps": self.steps,
            "curves": self.curves,
            "map_steps": self.map_steps,
            "predictions": maps,
            "uncertainty": entropy,
        }

    def restore(self, state: dict) -> None:
        """Go on from what a checkpoint kept."""
        self.steps, self.curves, self.map_steps = (
            state["steps"],
            state["curves"],
            state["map_steps"],
        )
        self.predictions = {name: list(maps.numpy()) for name, maps in state["predictions"].items()}
        self.uncertainty = (
            [] if state["uncertainty"] is None else list(state["uncertainty"].numpy())
        )


def mean_dice(prediction: Tensor, truth: Tensor, classes: int) -> float:
    """Dice of each foreground class and image, averaged; a class on neither side counts as 1.

    >>> mean_dice(torch.tensor([[0, 1, 1, 0]]), torch.tensor([[0, 1, 0, 0]]), 2)
    0.6666666865348816
    """
    p, t = (one_hot(labels, classes)[:, 1:].flatten(2).float() for labels in (prediction, truth))
    overlap, size = 2 * (p * t).sum(2), p.sum(2) + t.sum(2)
    return torch.where(size > 0, overlap / size.clamp(min=1), 1.0).mean().item()


def as_bytes(image: np.ndarray) -> np.ndarray:
    """An image for looking at, 0..255: bytes stay, standardised floats are shown from -2 to 4
    deviations.
    """
    if image.dtype == np.uint8:
        return image
    return ((image.astype(np.float32).clip(-2, 4) + 2) / 6 * 255).round().astype(np.uint8)
