"""Where and how precisely networks compute: the device and the floating-point type of a run."""

import torch

from ucmt_lite.common import InputError


def choose_device(device: str = "auto") -> torch.device:
    """Return the device to train on: "auto" is a CUDA GPU, else Apple's, else the CPU."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        probe = torch.zeros(1, device=device)
        probe.item()  # "meta" makes tensors too, but without values
        return probe.device
    except (RuntimeError, AssertionError, ImportError) as cause:
        raise InputError(
            f"Device '{device}' cannot be used ({str(cause).splitlines()[0]}): try 'auto' or 'cpu'."
        ) from None


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """Return the type that networks compute in.

    "auto": bfloat16 on a GPU made for it (compute capability 8 and up), float16 with loss scaling
    on an older one such as a T4, float32 on a CPU.

    >>> choose_precision("auto", torch.device("cpu"))
    torch.float32
    """
    if precision == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if precision not in known:
        raise InputError(
            f"Unknown precision '{precision}': choose one of auto, {', '.join(known)}."
        )
    if precision == "float16" and device.type == "cpu":
        raise InputError(
            "precision='float16' needs a GPU, this run is on a CPU: choose float32 or bfloat16."
        )
    return known[precision]
