"""Is everything here that the lessons need, and how fast does this machine train?"""

import importlib
import os
import platform
import shutil
import tempfile
import time
from pathlib import Path

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
    """Print what is here and how fast training is; return 1 if a required package is missing.

    Packages, memory, folders, data, widgets and browser, each with a remedy where one is needed.
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
    print()
    for line in (_memory(), _folders(), _data(), _widgets(), _browser()):
        print(line)
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


def _memory() -> str:
    """Say how much memory there is; a lesson's kernel needs less than a gigabyte."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "Memory: unknown on this system; a lesson needs less than 1 GB."
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    return _enough_memory(total)


def _enough_memory(gigabytes: float) -> str:
    """Return a word on so much memory.

    >>> _enough_memory(1.5)
    'Memory: 1.5 GB. That is little: run one lesson at a time, and close other programs.'
    """
    line = f"Memory: {gigabytes:.1f} GB."
    if gigabytes >= 2:
        return line
    return f"{line} That is little: run one lesson at a time, and close other programs."


def _folders() -> str:
    """Say whether this folder, where runs are left, and that for temporary files can be written."""
    closed = [
        str(place)
        for place in (Path.cwd(), Path(tempfile.gettempdir()))
        if not os.access(place, os.W_OK)
    ]
    if closed:
        return (
            f"Folders: nothing can be written to {' and '.join(closed)}. Remedy: change into a"
            " folder of your own, or give --out."
        )
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    return f"Folders: runs can be left here, {free:.0f} GB are free."


def _data() -> str:
    """Say which real sets lie where the kit looks for them."""
    from ucmt_lite.data import CATALOGUE

    place = os.environ.get("UCMT_DATA")
    if not place:
        return (
            "Data: phantoms are drawn by the kit; for real sets set UCMT_DATA to the folder that"
            " holds them, or give --data."
        )
    found = [name for name in CATALOGUE if (Path(place) / name).is_dir()]
    if not found:
        return f"Data: {place} holds none of {', '.join(CATALOGUE)}. Remedy: see data_cards."
    return f"Data: {', '.join(found)} in {place}."


def _widgets() -> str:
    """Say whether the explorers can move in the JupyterLab that is here."""
    from importlib.util import find_spec

    if find_spec("anywidget") and find_spec("jupyterlab"):
        return "Explorers: alive in JupyterLab."
    return (
        "Explorers: still pictures, as JupyterLab or anywidget is missing. Remedy: pip install"
        " 'ucmt-lite[lab]'"
    )


def _browser() -> str:
    """Say whether a browser is here that the tests can drive."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = [name for name in names if shutil.which(name)]
    if found:
        return f"Browser for tests: {found[0]}."
    return "Browser for tests: none, they skip. Remedy: make browser"


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
