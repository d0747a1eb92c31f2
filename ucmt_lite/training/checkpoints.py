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


def save_checkpoint(
    path: str | Path,
    run: dict,
    step: int,
    parts: Mapping[str, Any],
    recorder: Recorder | None = None,
) -> None:
    """Write the state of a run after `step` iterations, whole or not at all.

    `run` says which run it is; `parts` are what has a `state_dict`: nets, optimizer, scaler.
    """
    state = {
        "run": run,
        "step": step,
        **{name: part.state_dict() for name, part in parts.items()},
        "recorder": recorder.state() if recorder else None,
    }
    with atomic(path) as temporary:
        torch.save(state, temporary)


def resume(
    path: str | Path, run: dict, parts: Mapping[str, Any], recorder: Recorder | None = None
) -> int:
    """Read a checkpoint into the run's parts and return the iteration to go on from.

    That is 0 where there is no checkpoint; one of another run is refused.
    """
    if not Path(path).is_file():
        return 0
    try:
        # To the CPU: networks and optimizer copy from there to their device, and what the recorder
        # saw stays there.
        state = torch.load(path, map_location="cpu", weights_only=True)
        _check_same_run(state["run"], run)
        for name, part in parts.items():
            if state[name]:  # a scaler's is empty after a run without loss scaling
                part.load_state_dict(state[name])
    except UNREADABLE as cause:
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[-1].strip()
        raise InputError(
            f"The checkpoint {path} does not belong to this run ({reason}): remove it, or use its"
            " networks."
        ) from None
    if recorder and state["recorder"]:
        recorder.restore(state["recorder"])
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
