"""A method's own settings: checked, and with the names of functions turned into functions."""

import math
from collections.abc import Sequence
from typing import Any

from ucmt_lite.common import InputError, one_of
from ucmt_lite.experiments.config import RunConfig, is_a

LOSSES = ("segmentation_loss", "dice_loss", "cross_entropy")
CONSISTENCIES = ("soft_consistency", "hard_consistency")
FORWARDS = ("jointly", "separately")


def method_settings(config: RunConfig, dims: int, sides: Sequence[int]) -> dict:
    """Return what `fit` passes on to the method, on images of these dims and sides."""
    from ucmt_lite.core.mixing import cells_per_axis, check_top_k
    from ucmt_lite.methods import knobs

    check_settings(config, dims)
    settings: dict[str, Any] = {
        name: _value_of(name, value) for name, value in config.settings.items()
    }
    defaults: dict[str, Any] = knobs(config.method)
    if "grid" in defaults and config.settings.get("make_mix") not in ("noise", "identity"):
        # The defaults are those of 2D; the papers have half as many cells an axis in 3D.
        grid = settings.setdefault("grid", defaults["grid"] // (dims - 1))
        cells = math.prod(cells_per_axis(sides, grid).values())
        check_top_k(settings.get("top_k", defaults["top_k"]), cells)
    return settings


def _value_of(name: str, value: Any) -> Any:
    """Return the function that a setting names; other values as they are."""
    import torch.nn.functional as F

    from ucmt_lite.core import batch, losses
    from ucmt_lite.core.mixing import MIXES

    if name == "make_mix":
        return MIXES[one_of("mix", value, MIXES)]
    if name in ("loss", "pseudo_loss"):
        loss = one_of("loss", value, LOSSES)
        return F.cross_entropy if loss == "cross_entropy" else getattr(losses, loss)
    if name == "consistency":
        return getattr(losses, one_of("consistency", value, CONSISTENCIES))
    if name == "forward":
        return getattr(batch, one_of("way forward", value, FORWARDS))
    return value


def check_settings(config: RunConfig, dims: int) -> None:
    """Refuse settings that the method does not have, and values it could not use on such images."""
    from ucmt_lite.methods import check_knobs, knobs

    settings, defaults = config.settings, knobs(config.method)
    check_knobs(config.method, settings)
    for name, value in settings.items():
        default = defaults[name]
        # Names of functions are checked where they are turned into functions.
        if callable(default) or alike(value, default):
            continue
        if name == "grid" and alike(value, [default] * dims):
            continue
        raise InputError(
            f"{name}={value!r} does not fit method {config.method}: its default is {default!r}."
        )
    for view in settings.get("labeled_views", ()):
        one_of("labeled view", view, ("x", "x1", "x2"))
    for name in ("threshold", "probability", "pretraining", "feature_dropout"):
        if not 0 <= settings.get(name, 0) <= 1:
            raise InputError(f"{name}={settings[name]}: give a number from 0 to 1.")
    if settings.get("passes", 1) < 1:
        raise InputError(f"passes={settings['passes']}: give a positive number.")
    for name in ("weight", "correction_weight"):
        if settings.get(name, 0) < 0:
            raise InputError(f"{name}={settings[name]}: give 0, for no such terms, or more.")
    if not 0 <= settings.get("ema_decay", 0) <= 1:
        raise InputError(
            f"ema_decay={settings['ema_decay']}: give a number from 0 to 1, such as 0.99."
        )
    if "ema_share" in defaults:
        check_teacher(config, settings.get("ema_share", defaults["ema_share"]))


def check_teacher(config: RunConfig, share: Sequence[float]) -> None:
    """Refuse shares of the students that no teacher can follow."""
    from ucmt_lite.core.ema import check_shares

    check_shares(share, len(share))
    if config.network2 not in ("", config.network) and share[1]:
        raise InputError(
            f"network2='{config.network2}': the teacher of {config.method} averages weights, which"
            " two architectures do not share; set ema_share=(1, 0) to let it follow student 1"
            " alone."
        )


def alike(value: object, default: object) -> bool:
    """Tell whether a setting is of its default's kind: a finite number, or as many of them.

    >>> alike(1, 0.25), alike("two", 2), alike(1.5, 2)
    (True, False, False)
    >>> alike([0.5, 0.5], (0.99, 0.01)), alike(0.5, (0.99, 0.01))
    (True, False)
    """
    if isinstance(default, (list, tuple)):
        if not isinstance(value, (list, tuple)) or len(value) != len(default):
            return False
        return all(alike(v, d) for v, d in zip(value, default, strict=True))
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return is_a(value, type(default))
