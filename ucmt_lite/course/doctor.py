"""Is everything here that the lessons need, and how fast does this machine train?"""

import importlib
import os
import platform
import time

from ucmt_lite import __version__

NEEDED = (
    "numpy",
    "torch",
    "einops",
    "scipy",
    "PIL",
    "h5py",
    "datasets",
    "pandas",
    "safetensors",
    "filelock",
    "monai",
    "tqdm",
    "matplotlib",
    "plotly",
    "ipywidgets",
    "anywidget",
)
FOR_LESSONS = (
    "jupyterlab",
    "ipykernel",
    "jupytext",
    "papermill",
    "nbclient",
    "nbformat",
    "yaml",
    "distributed",
)


def examine() -> int:
    """Print what was found, with the remedy where something is missing; return 1 if anything needed
    is.
    """
    print(
        f"ucmt-lite {__version__}, Python {platform.python_version()}, {platform.system()},"
        f" {os.cpu_count()} CPU cores"
    )
    missing = [name for name in NEEDED if not _report_checks(name)]
    lacking = [name for name in FOR_LESSONS if not _report_checks(name)]
    if missing:
        print(f"\nMissing: {', '.join(missing)}. Remedy: pip install -e .")
        return 1
    if lacking:
        print(f"\nThe lessons also need {', '.join(lacking)}. Remedy: pip install -e '.[lab]'")
    device, threads = machine()
    print(f"\nTraining runs on {device} with {threads} thread(s).")
    seconds = {count: _one_iteration(count) for count in sorted({1, threads})}
    for count, each in seconds.items():
        print(
            f"One UCMT iteration of the lessons takes {1000 * each:.0f} ms with {count} thread(s),"
            f" 300 take {300 * each:.0f} s."
        )
    print(_advice(threads, min(seconds, key=seconds.__getitem__)))
    return 0


def _report_checks(name: str) -> bool:
    """Print the version of a package, or that it is missing."""
    try:
        module = importlib.import_module(name)
    except Exception as cause:  # whatever a broken package raises is what the reader needs to know
        print(f"  {name:12} missing ({cause})")
        return False
    print(f"  {name:12} {getattr(module, '__version__', 'present')}")
    return True


def machine() -> tuple[str, int]:
    """The device training would use, and how many threads torch takes on the CPU."""
    import torch

    from ucmt_lite.training.devices import choose_device

    device = choose_device()
    return (
        torch.cuda.get_device_name() if device.type == "cuda" else str(device)
    ), torch.get_num_threads()


def _advice(threads: int, best: int) -> str:
    """A word on threads: small networks gain little from many, and lose much where cores are
    shared.

    >>> _advice(2, best=1)
    'Fewer threads are faster here just now: set OMP_NUM_THREADS=1 before Python starts.'
    """
    if best < threads:
        return (
            f"Fewer threads are faster here just now: set OMP_NUM_THREADS={best} before Python"
            " starts."
        )
    return (
        f"{threads} thread(s) are right here just now; beside other busy processes 1 is often"
        " faster."
    )


def _one_iteration(threads: int, repeats: int = 5) -> float:
    """Seconds for one UCMT iteration at the lessons' size, the median of a few, as training lays
    out its networks.
    """
    import torch

    from ucmt_lite.core.batch import Batch, Clock
    from ucmt_lite.methods import build_nets
    from ucmt_lite.methods.ucmt import ucmt
    from ucmt_lite.nets import make
    from ucmt_lite.training.devices import choose_device
    from ucmt_lite.training.fit import Minimize

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    device = choose_device()
    nets = build_nets("ucmt", lambda: make("unet_small", 1, 4, 2)).to(device)
    nets.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's stubs
    x, y = (
        torch.randn(4, 1, 64, 64, device=device),
        torch.zeros(4, 64, 64, dtype=torch.long, device=device),
    )
    optimizer = torch.optim.AdamW(p for p in nets.parameters() if p.requires_grad)
    minimize = Minimize(optimizer, torch.amp.GradScaler(device.type, enabled=False))
    seconds = []
    for step in range(repeats + 1):
        start = time.perf_counter()
        ucmt(nets, Batch(x, y, x, x, x, x, x), Clock(step, 1.0), minimize)
        seconds.append(time.perf_counter() - start)  # `minimize` has waited for the device
    torch.set_num_threads(before)
    return sorted(seconds[1:])[repeats // 2]
