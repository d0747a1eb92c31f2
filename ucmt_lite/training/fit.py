"""Training: one short loop for every method."""

import math
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ucmt_lite.common import InputError, atomic
from ucmt_lite.core.batch import Batch, Clock
from ucmt_lite.data.batches import mixed_seed
from ucmt_lite.methods import Nets, check_knobs, step_of
from ucmt_lite.training import parallel
from ucmt_lite.training.memory import keep_freed_memory
from ucmt_lite.training.recorder import Recorder
from ucmt_lite.training.schedules import polynomial_decay, sigmoid_rampup


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
    nothing had happened; another run's is refused. `precision`: "float32", "bfloat16", "float16"
    (with loss scaling) or "auto" (see `choose_precision`); losses are always computed in float32.
    Setting `recorder.stop` ends the run after the step, with a checkpoint to go on from. A loss
    that is not finite stops the run before it reaches the weights, and the term is named; weights
    or batch-norm statistics that are not finite are refused before the first step and after the
    last. Where several processes run this together (`ucmt_lite.training.parallel`), they share
    every minibatch; the first of them watches and keeps the checkpoint.
    """
    check_knobs(method, settings)
    step_method = step_of(method)
    _check_finite(nets)
    device = next(nets.parameters()).device
    dtype = choose_precision(precision, device)
    optimizer = adamw(nets, lr, weight_decay)
    minimize = Minimize(
        optimizer, torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    )
    first = parallel.rank() == 0
    run = {"method": method, "lr": lr, "weight_decay": weight_decay, "ramp": ramp, "seed": seed}
    run |= {"iterations": iterations, **(settings_as_text(settings) if checkpoint else {})}
    start = resume(checkpoint, run, nets, minimize, recorder) if checkpoint else 0

    if device.type == "cpu":
        keep_freed_memory()
    working = parallel.share_nets(nets)
    nets.train()
    silent = {"disable": True} if _in_a_log() or not first else {}  # else TQDM_DISABLE decides
    bar = tqdm(
        range(start, iterations),
        desc=method,
        initial=start,
        total=iterations,
        leave=False,
        **silent,
    )
    with torch.random.fork_rng():
        for step in bar:
            torch.manual_seed(mixed_seed(seed, step, 2))  # dropout, noise and random mixes
            for group in optimizer.param_groups:
                group["lr"] = lr * polynomial_decay(step, iterations)
            minimize.start(step)
            clock = Clock(step, sigmoid_rampup(step, ramp * iterations))
            batch = batches(step)
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                step_method(working, batch, clock, minimize, **settings)
            if recorder and first and recorder.due(step + 1, iterations):
                recorder.look(step + 1, nets, minimize.terms, last=step + 1 == iterations)
                _show_progress(
                    bar,
                    recorder.steps[-2:],
                    iterations,
                    minimize.terms,
                    recorder.curves["dice"][-1],
                )
            stopped = recorder is not None and recorder.stop
            if (
                checkpoint
                and first
                and ((step + 1) % checkpoint_every == 0 or step + 1 == iterations or stopped)
            ):
                save_checkpoint(checkpoint, run, step + 1, nets, minimize, recorder)
            if stopped:
                break
    _check_finite(nets)
    return nets


def adamw(nets: Nets, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """The optimiser of every network that takes gradients; fused where torch can, which is three
    times as fast.
    """
    learning = [p for p in nets.parameters() if p.requires_grad]
    fused = learning[0].device.type in ("cpu", "cuda") or None
    return torch.optim.AdamW(learning, lr=lr, weight_decay=weight_decay, fused=fused)


class Minimize:
    """What a method is lent: `minimize(sup=..., cps=...)` takes one gradient step on the sum of the
    named terms.

    Networks that the sum does not depend on are left alone: they have no gradient, so the optimiser
    skips them. `terms` is what a recorder reads: where an iteration takes two steps on terms of one
    name, as UCMT, those of the last.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        self.optimizer, self.scaler = optimizer, scaler
        self.start(0)

    def start(self, step: int) -> None:
        """Begin an iteration: forget the terms of the last one."""
        self.step, self.calls = step, 0
        self.terms: dict[str, float] = {}

    def __call__(self, **terms: Tensor) -> None:
        values = torch.stack(
            [term.detach().float() for term in terms.values()]
        ).tolist()  # one wait for the device
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
        torch.clear_autocast_cache()  # else a second forward pass of this iteration would see the weights of before


def _check_finite(nets: Nets) -> None:
    """Refuse networks with weights or statistics that are not finite: a gradient can overflow where
    its loss did not.
    """
    for name, net in nets.named_children():
        if not all(value.isfinite().all() for value in net.state_dict().values()):
            raise FloatingPointError(
                f"{name} has weights or batch-norm statistics that are not finite: build it anew,"
                " lower the learning rate."
            )


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """The type networks compute in. "auto": bfloat16 on a GPU made for it (compute capability 8 and
    up), float16 with loss scaling on an older one such as a T4, float32 on a CPU.

    >>> choose_precision("auto", torch.device("cpu"))
    torch.float32
    """
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if precision == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
    if precision not in known:
        raise InputError(
            f"Unknown precision '{precision}': choose one of auto, {', '.join(known)}."
        )
    if precision == "float16" and device.type == "cpu":
        raise InputError(
            "precision='float16' needs a GPU, this run is on a CPU: choose float32 or bfloat16."
        )
    return known[precision]


def choose_device(device: str = "auto") -> torch.device:
    """The device to train on: "auto" is a CUDA GPU, else Apple's, else the CPU."""
    if device != "auto":
        try:
            probe = torch.zeros(1, device=device)
            probe.item()  # "meta" makes tensors too, but without values
            return probe.device
        except (RuntimeError, AssertionError, ImportError) as cause:
            raise InputError(
                f"Device '{device}' cannot be used ({str(cause).splitlines()[0]}): try 'auto' or"
                " 'cpu'."
            ) from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _show_progress(
    bar: tqdm, looks: Sequence[int], iterations: int, terms: dict[str, float], dice: float
) -> None:
    """Loss and Dice beside the progress bar; in a log, where a bar would be noise, a line for each
    tenth of the run.

    `looks` are the iterations of the last look and, where there is one, of the look before it.
    """
    step, last = looks[-1], looks[0] if len(looks) > 1 else 0
    text = " ".join(f"{name} {value:.3f}" for name, value in terms.items()) + f" | dice {dice:.3f}"
    bar.set_postfix_str(text)
    tenth = max(1, iterations // 10)
    if _in_a_log() and step // tenth != last // tenth:
        print(f"{step}/{iterations}: {text}", flush=True)


def _in_a_log() -> bool:
    """Whether output goes to neither a terminal nor a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is None and not sys.stderr.isatty()


def settings_as_text(settings: dict) -> dict[str, str]:
    """A method's settings in words that tell two of them apart; functions by their full names."""
    nameless = [
        name
        for name, value in settings.items()
        if callable(value) and "<lambda>" in full_name(value)
    ]
    if nameless:
        raise InputError(
            f"{nameless[0]} is a function without a name, which no checkpoint can tell from"
            " another: use `def`."
        )
    return {
        name: full_name(value) if callable(value) else repr(value)
        for name, value in settings.items()
    }


def full_name(function: Callable) -> str:
    """Module and name of a function; "<lambda>" in it where it has none of its own, as a
    `functools.partial`.
    """
    return f"{function.__module__}.{getattr(function, '__qualname__', '<lambda>')}"


def save_checkpoint(
    path: str | Path,
    run: dict,
    step: int,
    nets: Nets,
    minimize: Minimize,
    recorder: Recorder | None,
) -> None:
    """Write everything the rest of the run depends on."""
    state = {
        "run": run,
        "step": step,
        "nets": nets.state_dict(),
        "optimizer": minimize.optimizer.state_dict(),
        "scaler": minimize.scaler.state_dict(),
        "recorder": recorder.state() if recorder else None,
    }
    with atomic(path) as temporary:
        torch.save(state, temporary)


def resume(
    path: str | Path, run: dict, nets: Nets, minimize: Minimize, recorder: Recorder | None
) -> int:
    """Read a checkpoint into the run and return the iteration to go on from, 0 where there is none;
    another run's is refused.
    """
    if not Path(path).is_file():
        return 0
    try:
        # To the CPU: networks and optimiser copy from there to their device, and what the recorder
        # saw stays there.
        state = torch.load(path, map_location="cpu", weights_only=True)
        other = [name for name in run | state["run"] if state["run"].get(name) != run.get(name)]
        if other:
            raise ValueError(f"another {', '.join(other)}")
        nets.load_state_dict(state["nets"])
        minimize.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:  # empty after a run without loss scaling: one on another device, say
            minimize.scaler.load_state_dict(state["scaler"])
    except (
        RuntimeError,
        ValueError,
        LookupError,
        TypeError,
        EOFError,
        OSError,
        pickle.UnpicklingError,
    ) as cause:
        last = (str(cause).strip() or type(cause).__name__).splitlines()[-1].strip()
        raise InputError(
            f"The checkpoint {path} does not belong to this run ({last}): remove it, or use its"
            " networks."
        ) from None
    if recorder and state["recorder"]:
        recorder.restore(state["recorder"])
    return state["step"]
