"""How fast the UMIX lab answers as a page without a kernel: from a key press to a new picture.

    python -m benchmarks.lab_page

In a real Chromium without a GPU: `drawn` is when canvases and words hold the answer, `shown` when
the next frame of the screen does, which comes every 17 ms: about 8 ms later. `cpu` is processor
time of the page's main thread for one press, networks included: it depends less than the rest on
what else the machine does. The networks are trained for a moment: those at the start of training
draw hundreds of islands, whose outlines take a browser without a GPU 50 ms a picture.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.explorers import WALK

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from browser import chromium_page  # noqa: E402

from ucmt_lite import RunConfig, train  # noqa: E402
from ucmt_lite.data import cases, load  # noqa: E402
from ucmt_lite.explore import to_html, umix_lab  # noqa: E402

# The words are written last, after all canvases.
LISTEN = """() => { window.answer = new Promise(done => {
  window.addEventListener('keydown', ({ timeStamp }) => {
    const since = () => performance.now() - timeStamp;
    const written = new MutationObserver(() => {
      const drawn = since();
      const painted = new MessageChannel();
      painted.port1.onmessage = () => done([drawn, since()]);
      written.disconnect();
      requestAnimationFrame(() => painted.port2.postMessage(0));
    });
    written.observe(document.querySelector('.ucmt-wide p'), { childList: true });
  }, { capture: true, once: true });
}); }"""
COUNT = 40  # images
FORTH, BACK = ("ArrowRight",) * (COUNT - 1), ("ArrowLeft",) * (COUNT - 1)
ROWS = [  # title, slider, keys
    ("an image for the first time, 5 inferences", "image", FORTH),
    ("an image seen before, 2 inferences", "image", BACK),
    ("top_k, 2 inferences", "top_k", WALK[::-1] * 4),
]


def write_page(folder: str, size: int) -> Path:
    """Write the page of a lab with `COUNT` hearts of `size` pixels."""
    nets = train(RunConfig(method="ucmt", labeled=4, size=size, iterations=100)).nets
    hearts = load("phantom_heart", size=size, count=(1, COUNT, 1)).splits["validation"]
    return to_html(umix_lab.widget(nets, cases(hearts), top_k=2), f"{folder}/{size}.html")


def measure(page, slider: str, keys: tuple[str, ...]) -> tuple[np.ndarray, float]:
    """Return milliseconds [drawn, shown] of each press, and those of the CPU."""
    cpu = page.context.new_cdp_session(page)
    cpu.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.get_by_label(slider, exact=True).focus()
    before, times = main_thread(cpu), []
    for key in keys:
        page.evaluate(LISTEN)
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
    print(f"{'milliseconds from key to picture':52} drawn   p95 shown   p95   cpu")
    for size in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as folder, chromium_page(1280, 900) as page:
            page.goto(write_page(folder, size).as_uri())
            page.locator(".ucmt-lab").wait_for(timeout=120_000)
            for title, *row in ROWS:
                ms, cpu = measure(page, *row)
                quantiles = np.quantile(ms, [0.5, 0.95], axis=0)
                numbers = " ".join(f"{number:5.1f}" for number in [*quantiles.T.ravel(), cpu])
                print(f"{size} x {size}: {title:43} {numbers}", flush=True)


if __name__ == "__main__":
    main()
