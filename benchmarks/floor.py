"""The floor: how long arithmetic and memory traffic of an iteration must take here."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import flop_registry

from benchmarks.timing import timed

# Operations that only rename memory.
VIEWS = (
    "view",
    "t",
    "transpose",
    "permute",
    "expand",
    "slice",
    "select",
    "detach",
    "split",
    "unsqueeze",
    "squeeze",
)


class Counter(TorchDispatchMode):
    """Count floating point operations and bytes of every operation, forward and backward.

    Bytes are those of all inputs and outputs, as if nothing stayed in a cache between two
    operations. `alone` sums, over the operations, the longer of its arithmetic and its traffic: the
    floor of a program that fuses nothing.
    """

    def __init__(self, flops_a_second: float, bytes_a_second: float) -> None:
        super().__init__()
        self.rates = flops_a_second, bytes_a_second
        self.flops = self.bytes = 0
        self.alone = 0.0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> Any:  # noqa: ANN001
        out = func(*args, **(kwargs or {}))
        packet = func._overloadpacket
        flops = (
            flop_registry[packet](*args, **(kwargs or {}), out_val=out)
            if packet in flop_registry
            else 0
        )
        moved = 0
        if packet.__name__ not in VIEWS:
            tensors = tree_flatten((args, kwargs, out))[0]
            moved = sum(t.numel() * t.element_size() for t in tensors if isinstance(t, Tensor))
        self.flops += flops
        self.bytes += moved
        self.alone += max(flops / self.rates[0], moved / self.rates[1])
        return out


def count(call: Callable[[], Any], peak: dict[str, float]) -> Counter:
    """Run once and count. `peak` is what `peak_rates` measured."""
    with Counter(peak["flops"], peak["bytes"]) as counter:
        call()
    return counter


def peak_rates(dtype: torch.dtype = torch.float32, rounds: int = 5) -> dict[str, float]:
    """Return the most operations and bytes per second that some large operations reach here."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rates = {}
    with torch.no_grad():
        for channels, side in ((64, 64), (128, 32), (256, 16)):
            x = torch.randn(8, channels, side, side, device=device, dtype=dtype).to(
                memory_format=torch.channels_last
            )
            w = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype).to(
                memory_format=torch.channels_last
            )
            work = 2 * x.numel() * channels * 9
            rates[f"convolution {channels}"] = work / best(
                lambda x=x, w=w: F.conv2d(x, w, padding=1), rounds
            )
        a = torch.randn(1024, 1024, device=device, dtype=dtype)
        rates["product 1024"] = 2 * 1024**3 / best(lambda: a @ a, rounds)
        big = torch.zeros(2**25, device=device)
        other = torch.empty_like(big)
        traffic = 2 * big.numel() * 4 / best(lambda: other.copy_(big), rounds)
    return {"flops": max(rates.values()), "bytes": traffic, **rates}


def best(call: Callable[[], Any], rounds: int) -> float:
    """The shortest of several times, in seconds: other work on the machine only lengthens them."""
    call()
    return min(timed(call, 3).wall for _ in range(rounds))
