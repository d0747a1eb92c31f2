"""How fast the UMIX lab answers as a page without a kernel: from a key press to a new picture.

    python -m benchmarks.lab_page

Times are taken as in `benchmarks.explorers`, in a real Chromium without a GPU. `cpu` is processor
time of the page's main thread for one press, networks included: it depends less than the rest on
what else the machine does. The networks are small U-Nets as at the start of training, which cost
what trained ones cost.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.explorers import LISTEN, WALK

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from browser import chromium_page  # noqa: E402

from ucmt_lite.data import cases, load  # noqa: E402
from ucmt_lite.explore import to_html, umix_lab  # noqa: E402
from ucmt_lite.methods import build_nets  # noqa: E402
from ucmt_lite.nets import make  # noqa: E402

COUNT = 40  # images
FORTH, BACK = ("ArrowRight",) * (COUNT - 1), ("ArrowLeft",) * (COUNT - 1)
ROWS = [  # title, slider, keys
    ("an image for the first time, 5 inferences", "image", FORTH),
    ("an image seen before, 2 inferences", "image", BACK),
    ("top_k, 2 inferences", "top_k", WALK[::-1] * 2),
]


def write_page(folder: str, size: int) -> Path:
    """Write the page of a lab with `COUNT` hearts of `size` pixels."""
    torch.manual_seed(0)
    nets = build_nets("ucmt", lambda: make("unet_small", 1, 4, 2, norm="instance"))
    hearts = load("phantom_heart", size=size, count=(1, COUNT, 1)).splits["validation"]
    return to_html(umix_lab.widget(nets, cases(hearts), top_k=2), f"{folder}/{size}.html")


def measure(page, slider: str, keys: tuple[str, ...]) -> tuple[np.ndarray, float]:
    """Return milliseconds of each press, made when the last was answered, and those of the CPU."""
    cpu = page.context.new_cdp_session(page)
    cpu.send("Performance.enable", {"timeDomain": "threadTicks"})
    area = page.locator(".ucmt-lab").element_handle()
    page.get_by_label(slider, exact=True).focus()
    before, times = main_thread(cpu), []
    for key in keys:
        page.evaluate(LISTEN, [area, ".ucmt-wide"])
        page.keyboard.press(key)
        times.append(page.evaluate("() => window.answer"))
    return np.array(times), 1000 * (main_thread(cpu) - before) / len(keys)


def main_thread(cpu) -> float:
    """Return the seconds of processor time that the page's main thread has spent in tasks."""
    metrics = cpu.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def main() -> None:
    """Print one line for each way to move."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64], help="sides of the images")
    load_average = os.getloadavg()[0]
    print(f"load {load_average:.1f} on {os.cpu_count()} cores")
    print(f"{'milliseconds from key to picture':52}   p50   p95   max   cpu")
    for size in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as folder, chromium_page(1280, 900) as page:
            page.goto(write_page(folder, size).as_uri())
            page.locator(".ucmt-lab").wait_for(timeout=120_000)
            for title, *row in ROWS:
                ms, cpu = measure(page, *row)
                numbers = (np.median(ms), np.percentile(ms, 95), ms.max(), cpu)
                shown = " ".join(f"{number:5.0f}" for number in numbers)
                print(f"{size} x {size}: {title:43} {shown}", flush=True)


if __name__ == "__main__":
    main()
