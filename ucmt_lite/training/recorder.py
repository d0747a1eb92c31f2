"""The recorder: watches networks on a fixed set of images while they train, for a trace.

The only place where torch becomes numpy.
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
from ucmt_lite.training.progress import Look
from ucmt_lite.training.traces import Trace


class Recorder:
    """Looks at the networks on fixed images while they train, and keeps what it saw.

    `probe` is best a validation set: nothing here chooses a network. Curves are read every `every`
    iterations over all probe images, maps every `maps_every` on the first `maps` of them. Networks
    look in evaluation mode, so neither their statistics nor the run's random numbers change.
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
        self.method = METHODS[method]
        self.probe = probe
        self.classes = classes
        self.every = every
        self.maps = min(maps, len(probe))
        self.maps_every = maps_every
        self.stop = False  # set it to end the run after the step
        self.steps: list[int] = []
        self.curves: dict[str, list[float]] = {}
        self.map_steps: list[int] = []
        self.predictions: dict[str, list[np.ndarray]] = {}
        self.uncertainty: list[np.ndarray] = []

    def due(self, step: int, iterations: int) -> bool:
        """Tell whether to look after this many iterations: the first, the last, some between."""
        maps = bool(self.maps) and step % self.maps_every == 0
        return step == 1 or step == iterations or step % self.every == 0 or maps

    @torch.no_grad()
    def look(self, step: int, nets: Nets, terms: dict[str, float], *, last: bool = False) -> None:
        """Read curves and, at the first and the `last` look and when they are due between, maps."""
        x, y = self._probe_on(next(nets.parameters()).device)
        names = [name for name in self.method.nets if name != "flaw_detector"]
        nets.eval()
        logits = {name: precise(getattr(nets, name)(x)) for name in names}  # B K *S each
        nets.train()

        labels = {name: logits[name].argmax(1) for name in names}
        dice = {name: mean_dice(labels[name], y, self.classes) for name in names}
        branch1, branch2 = self.method.branches
        entropy = entropy_of_mean(logits[branch1], logits[branch2])
        source = "teacher" if "teacher" in names else branch2  # of student 1's pseudo labels
        values = {
            "disagreement": disagreement(logits[branch1], logits[branch2]).item(),
            "uncertainty": entropy.mean().item(),
            "dice": dice[self.method.predicts],
            "error": (labels[source] != y).float().mean().item(),
        }
        values |= {f"dice/{name}": value for name, value in dice.items()}
        values |= {f"loss/{name}": value for name, value in terms.items()}
        # A term that a method adds later, or leaves out for a while, has no number at other looks.
        unknown = [np.nan] * len(self.steps)
        for name in dict.fromkeys([*self.curves, *values]):
            self.curves.setdefault(name, [*unknown]).append(values.get(name, np.nan))
        self.steps.append(step)
        if self.maps and (last or len(self.steps) == 1 or step % self.maps_every == 0):
            self._keep_maps(step, entropy, labels)

    def last_look(self, iterations: int, seconds: float) -> Look:
        """Return the numbers of the last look; how long the run is, and takes so far, are given."""

        def last(kind: str) -> dict[str, float]:
            values = {name: self.curves[name][-1] for name in self.curves if name.startswith(kind)}
            return {k.removeprefix(kind): v for k, v in values.items() if not np.isnan(v)}

        # Where no watched mask shows anything, an empty network would seem perfect.
        dice = last("dice/") if any(mask.any() for mask in self.probe.masks) else {}
        losses, predicts = last("loss/"), self.method.predicts
        return Look(self.steps[-1], iterations, losses, dice, predicts, seconds)

    def _probe_on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return images `B C *S` and masks `B *S` of the probe set on the networks' device."""
        x = to_input(torch.from_numpy(stack_images(self.probe.images))).to(device)
        return x, torch.from_numpy(np.stack(self.probe.masks)).long().to(device)

    def _keep_maps(self, step: int, entropy: Tensor, labels: dict[str, Tensor]) -> None:
        """Keep what the first probe images look like at this step."""
        self.map_steps.append(step)
        self.uncertainty.append(entropy[: self.maps, 0].cpu().numpy().astype(np.float16))
        for name, classes in labels.items():
            shown = classes[: self.maps].cpu().numpy().astype(np.uint8)
            self.predictions.setdefault(name, []).append(shown)

    def trace(self, **meta) -> Trace:
        """Return everything seen so far; `meta` says what run it was (see `Trace.meta`)."""
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
        """Return what a checkpoint keeps, in types that are read back without running code."""
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
        self.steps = state["steps"]
        self.curves = state["curves"]
        self.map_steps = state["map_steps"]
        self.predictions = {name: list(maps.numpy()) for name, maps in state["predictions"].items()}
        entropy = state["uncertainty"]
        self.uncertainty = [] if entropy is None else list(entropy.numpy())


def mean_dice(prediction: Tensor, truth: Tensor, classes: int) -> float:
    """Return Dice averaged over foreground classes and images; a class on neither side counts as 1.

    >>> mean_dice(torch.tensor([[0, 1, 1, 0]]), torch.tensor([[0, 1, 0, 0]]), 2)
    0.6666666865348816
    """
    p, t = (one_hot(labels, classes)[:, 1:].flatten(2).float() for labels in (prediction, truth))
    overlap, size = 2 * (p * t).sum(2), p.sum(2) + t.sum(2)
    return torch.where(size > 0, overlap / size.clamp(min=1), 1.0).mean().item()


def as_bytes(image: np.ndarray) -> np.ndarray:
    """Return an image to look at, 0..255; standardized floats from -2 to 4 deviations."""
    if image.dtype == np.uint8:
        return image
    return ((image.astype(np.float32).clip(-2, 4) + 2) / 6 * 255).round().astype(np.uint8)
