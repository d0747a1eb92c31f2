"""Training: one short loop for every method."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ucmt_lite.common import InputError
from ucmt_lite.core.batch import Batch, Clock
from ucmt_lite.data.batches import mixed_seed
from ucmt_lite.methods import Nets, check_knobs, step_of
from ucmt_lite.training import parallel
from ucmt_lite.training.checkpoints import Checkpoint, check_finite
from ucmt_lite.training.devices import choose_precision
from ucmt_lite.training.memory import freed_memory_kept
from ucmt_lite.training.progress import Look, Progress
from ucmt_lite.training.recorder import Recorder
from ucmt_lite.training.schedules import polynomial_decay, sigmoid_rampup

__all__ = ["Minimize", "adamw", "fit"]


def fit(
    method: str,
    nets: Nets,
    batches: Callable[[int], Batch],
    iterations: int,
    *,
    lr: float = 3e-3,
    weight_decay: float = 1e-2,
    ramp: float = 0.5,
    seed: int = 0,
    precision: str = "float32",
    recorder: Recorder | None = None,
    on_look: Callable[[Look], None] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 100,
    **settings,
) -> Nets:
    """Train a method's networks in place, and return them.

    AdamW on every network that takes gradients, learning rate falling by `polynomial_decay` to 0;
    the unsupervised terms rise over the first `ramp` of the iterations. `settings` are the method's
    own (`knobs(method)`).

    Iteration n draws everything it draws at random from a seed made of `seed` and n. So a run
    repeats bit for bit on one CPU, and one that was stopped goes on from its `checkpoint` as if
    nothing had happened; one of another method, rate, seed, length or setting is refused (whose
    minibatches they are, and in which precision, is for the caller to keep). `precision`:
    "float32", "bfloat16", "float16" (with loss scaling) or "auto" (see `choose_precision`); losses
    are always computed in float32.

    `on_look` is called with the numbers of every look of the recorder (see `Look`); what it raises
    ends the run. Setting `recorder.stop` ends it after the step, with a checkpoint to go on from.

    A loss that is not finite stops the run before it reaches the weights, and the term is named;
    weights or batch-norm statistics that are not finite are refused before the first step and after
    the last. Where several processes run this together (`ucmt_lite.training.parallel`), they share
    every minibatch; the first of them watches and keeps the checkpoint.
    """
    check_knobs(method, settings)
    if on_look and recorder is None:
        raise InputError("on_look is called when the recorder looks: give a recorder, too.")

    # What the loop works with: the method's function, its precision, one optimizer for all networks
    step_method = step_of(method)
    device = next(nets.parameters()).device
    dtype = choose_precision(precision, device)
    scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    minimize = Minimize(adamw(nets, lr, weight_decay), scaler)

    # Go on from where an interrupted run of the same settings stopped
    run = {"method": method, "lr": lr, "weight_decay": weight_decay, "ramp": ramp, "seed": seed}
    parts = {"nets": nets, "optimizer": minimize.optimizer, "scaler": scaler}
    kept = Checkpoint(checkpoint, {**run, "iterations": iterations}, settings, parts, recorder)
    start = kept.resume()
    check_finite(nets)

    first = parallel.rank() == 0  # of several processes, one watches and writes
    shared = parallel.share_nets(nets)  # the same weights; alone, `nets` itself
    nets.train()
    progress = Progress(method, start, iterations, on_look, silent=not first)
    with torch.random.fork_rng(), freed_memory_kept(device):
        for step in progress:
            # A seed for every iteration: dropout, noise and random mixes repeat
            torch.manual_seed(mixed_seed(seed, step, 2))

            # The learning rate falls to 0, the weight of the unsupervised terms rises to 1
            minimize.start(step, lr * polynomial_decay(step, iterations))
            clock = Clock(step, sigmoid_rampup(step, ramp * iterations))

            # One iteration of the paper: images B C *S, masks B *S, logits B K *S
            batch = batches(step)
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                step_method(shared, batch, clock, minimize, **settings)

            # Look at the networks from time to time, and keep what an interrupted run goes on from
            done = step + 1
            if recorder and first and recorder.due(done, iterations):
                recorder.look(done, nets, minimize.terms, last=done == iterations)
                progress.tell(recorder.last_look(iterations, progress.seconds))
            stopped = recorder is not None and recorder.stop
            if first and (done % checkpoint_every == 0 or done == iterations or stopped):
                kept.save(done)
            if stopped:
                break
    check_finite(nets)
    return nets


def adamw(nets: Nets, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """Return the optimizer of all networks that take gradients, fused where torch can do it.

    A fused step is three times as fast.
    """
    learning = [p for p in nets.parameters() if p.requires_grad]
    fused = learning[0].device.type in ("cpu", "cuda") or None
    return torch.optim.AdamW(learning, lr=lr, weight_decay=weight_decay, fused=fused)


class Minimize:
    """What a method is lent: it takes one gradient step on the sum of the terms it is called with.

    `minimize(sup=..., cps=...)`. Networks that the sum does not depend on are left alone: they have
    no gradient, so the optimizer skips them. `terms` is what a recorder reads: where an iteration
    takes two steps on terms of one name, as UCMT, those of the last.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        self.optimizer, self.scaler = optimizer, scaler
        self.step, self.calls = 0, 0
        self.terms: dict[str, float] = {}

    def start(self, step: int, lr: float) -> None:
        """Begin an iteration at a learning rate: forget the terms of the last one."""
        self.step, self.calls, self.terms = step, 0, {}
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def __call__(self, **terms: Tensor) -> None:
        # All terms in one message: one wait for the device
        values = torch.stack([term.detach().float() for term in terms.values()]).tolist()
        for name, value in zip(terms, values, strict=True):
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"The loss term '{name}' became {value} at iteration {self.step}, gradient step"
                    f" {self.calls + 1}: lower the learning rate or the weight. The weights are as"
                    " they were before this step; batch-norm statistics may not be, so build the"
                    " networks anew."
                )
        self.calls += 1
        self.terms |= dict(zip(terms, values, strict=True))
        total = torch.stack([term.float() for term in terms.values()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(total.device.type, enabled=False):
            self.scaler.scale(total).backward()
        parallel.sum_gradients(p for group in self.optimizer.param_groups for p in group["params"])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        # Else a second forward pass of this iteration would see the weights of before
        torch.clear_autocast_cache()
