"""Checkpoints: a file with everything that the rest of a run depends on, so that it can go on."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ucmt_lite.common import InputError, atomic
from ucmt_lite.training.recorder import Recorder

# What `torch.load` and `load_state_dict` raise at a file that is damaged, or another run's.
UNREADABLE = (
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    EOFError,
    OSError,
    pickle.UnpicklingError,
)


class Checkpoint:
    """The file that a run is kept in, so that it can go on; without a path nothing is kept.

    `run` and the method's own `settings` say which run it is; `parts` are what has a `state_dict`:
    nets, optimizer, scaler.
    """

    def __init__(
        self,
        path: str | Path | None,
        run: dict,
        settings: Mapping[str, object],
        parts: Mapping[str, Any],
        recorder: Recorder | None,
    ) -> None:
        self.path = Path(path) if path else None
        self.run = {**run, **(settings_as_text(settings) if path else {})}
        self.parts, self.recorder = parts, recorder

    def save(self, step: int) -> None:
        """Write the state of the run after `step` iterations, whole or not at all.

        Networks that are not finite are refused: nothing could go on from them.
        """
        if self.path is None:
            return
        check_finite(self.parts["nets"])
        state = {
            "run": self.run,
            "step": step,
            **{name: part.state_dict() for name, part in self.parts.items()},
            "recorder": self.recorder.state() if self.recorder else None,
        }
        # Into a file of Python's: torch's own says nothing of a disk that is full.
        with atomic(self.path) as temporary, temporary.open("wb") as file:
            torch.save(state, file)

    def resume(self) -> int:
        """Read the file into the run's parts and return the iteration to go on from.

        That is 0 where there is no file; one of another run is refused.
        """
        if self.path is None or not self.path.is_file():
            return 0
        try:
            # To the CPU: networks and optimizer copy from there to their device, and what the
            # recorder saw stays there.
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            _check_same_run(state["run"], self.run)
            for name, part in self.parts.items():
                if state[name]:  # a scaler's is empty after a run without loss scaling
                    part.load_state_dict(state[name])
        except UNREADABLE as cause:
            reason = (str(cause).strip() or type(cause).__name__).splitlines()[-1].strip()
            raise InputError(
                f"The checkpoint {self.path} does not belong to this run ({reason}): remove it, or"
                " use its networks."
            ) from None
        if self.recorder and state["recorder"]:
            self.recorder.restore(state["recorder"])
        return state["step"]


def _check_same_run(saved: dict, run: dict) -> None:
    """Refuse a checkpoint of a run that differs in anything, and name what."""
    differing = [name for name in run | saved if saved.get(name) != run.get(name)]
    if differing:
        raise ValueError(f"another {', '.join(differing)}")


def settings_as_text(settings: Mapping[str, object]) -> dict[str, str]:
    """Return a method's settings in words that tell two of them apart; functions by full name."""
    for name, value in settings.items():
        if callable(value) and "<lambda>" in _full_name(value):
            raise InputError(
                f"{name} is a function without a name, which no checkpoint can tell from another:"
                " use `def`."
            )
    return {
        name: _full_name(value) if callable(value) else repr(value)
        for name, value in settings.items()
    }


def _full_name(function: Callable) -> str:
    """Return module and name of a function, "<lambda>" for one without a name (a partial)."""
    return f"{function.__module__}.{getattr(function, '__qualname__', '<lambda>')}"


def check_finite(nets: torch.nn.Module) -> None:
    """Refuse networks with weights or statistics that are not finite.

    A gradient can overflow where its loss did not.
    """
    for name, net in nets.named_children():
        if not all(value.isfinite().all() for value in net.state_dict().values()):
            raise FloatingPointError(
                f"{name} has weights or batch-norm statistics that are not finite: build it anew,"
                " lower the learning rate."
            )
