"""Is everything here that the lessons need, and how fast does this machine train?"""

import importlib
import os
import platform
import time

from ucmt_lite import __version__
from ucmt_lite.course.notebooks import LAB

REQUIRED_PACKAGES = (
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
LESSON_PACKAGES = ("jupyterlab", *LAB, "distributed")


def examine() -> int:
    """Print what is installed and how fast training is; return 1 if a required package is missing.

    Where something is missing, the remedy is printed, too.
    """
    print(
        f"ucmt-lite {__version__}, Python {platform.python_version()}, {platform.system()},"
        f" {os.cpu_count()} CPU cores"
    )
    missing = [name for name in REQUIRED_PACKAGES if not _print_version(name)]
    missing_for_lessons = [name for name in LESSON_PACKAGES if not _print_version(name)]
    if missing:
        print(f"\nMissing: {', '.join(missing)}. Remedy: pip install ucmt-lite")
        return 1
    if missing_for_lessons:
        names = ", ".join(missing_for_lessons)
        print(f"\nThe lessons also need {names}. Remedy: pip install 'ucmt-lite[lab]'")
    device, threads = _device_and_threads()
    print(f"\nTraining runs on {device} with {threads} thread(s).")
    seconds = {count: _seconds_per_iteration(count) for count in sorted({1, threads})}
    for count, duration in seconds.items():
        print(
            f"One UCMT iteration of the lessons takes {1000 * duration:.0f} ms with {count}"
            f" thread(s), 300 take {300 * duration:.0f} s."
        )
    print(_advice(threads, min(seconds, key=seconds.__getitem__)))
    return 0


def _print_version(name: str) -> bool:
    """Print the version of a package, or that it is missing; return whether it is there."""
    try:
        module = importlib.import_module(name)
    except Exception as cause:  # whatever a broken package raises is what the reader needs to know
        print(f"  {name:12} missing ({cause})")
        return False
    print(f"  {name:12} {getattr(module, '__version__', 'present')}")
    return True


def _device_and_threads() -> tuple[str, int]:
    """Return the device training would use, and how many threads torch takes on the CPU."""
    import torch

    from ucmt_lite.training.devices import choose_device

    device = choose_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else str(device)
    return name, torch.get_num_threads()


def _advice(threads: int, best: int) -> str:
    """Return a word on threads.

    Small networks gain little from many, and lose much where cores are shared.

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


def _seconds_per_iteration(threads: int, repeats: int = 5) -> float:
    """Return the median time of one UCMT iteration at the lessons' size, as training does it."""
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
    if device.type != "mps":  # whose batch norm was wrong in that layout: training has another
        # torch's stubs lack the keyword.
        nets.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.randn(4, 1, 64, 64, device=device)
    mask = torch.zeros(4, 64, 64, dtype=torch.long, device=device)
    batch = Batch(image, mask, image, image, image, image, image)
    optimizer = torch.optim.AdamW(p for p in nets.parameters() if p.requires_grad)
    minimize = Minimize(optimizer, torch.amp.GradScaler(device.type, enabled=False))
    seconds = []
    for step in range(repeats + 1):
        start = time.perf_counter()
        ucmt(nets, batch, Clock(step, 1.0), minimize)
        seconds.append(time.perf_counter() - start)  # `minimize` has waited for the device
    torch.set_num_threads(before)
    return sorted(seconds[1:])[repeats // 2]
