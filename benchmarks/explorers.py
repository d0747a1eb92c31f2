"""How fast the explorers answer: from a key press in JupyterLab to the changed picture.

The browser is a real Chromium:

    python -m benchmarks.explorers

Times are taken in the page, from the keydown event until the frame with the new picture has been
painted (a message posted from its animation frame arrives after that). The base line is a key press
that changes nothing one could see: what the wait for a frame, at most 17 ms, and the browser cost
alone.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "explore")]

from browser import chromium_page, jupyterlab, run_all, write_notebook  # noqa: E402
from synthetic import synthetic  # noqa: E402

CELLS = [
    """import torch
from ucmt_lite.training import traces
from ucmt_lite.data import cases, load
from ucmt_lite.explore import ema, training, umix_lab, uncertainty, volume
from ucmt_lite.methods import build_nets
from ucmt_lite.nets import make
torch.set_num_threads(1)
runs = [traces.load_trace(f"{name}.npz") for name in ("mean_teacher", "cps", "ucmt")]
def lab(size, net):
    probe = cases(load("phantom_heart", size=size, count=(1, 4, 1)).splits["validation"])
    return umix_lab.widget(build_nets("ucmt", lambda: make(net, 1, 4, 2)), probe, top_k=2)""",
    "training.widget(runs[-1])",
    "training.widget(runs)",
    "uncertainty.widget(runs[-1])",
    "lab(64, 'unet_small')",
    "lab(256, 'unet_small')",
    "ema.widget()",
    """import numpy as np
axes = np.moveaxis(np.mgrid[:24, :256, :256], 0, -1)
far = np.sqrt((((axes - [12, 128, 110]) / [8, 90, 60]) ** 2).sum(-1))
noise = np.random.default_rng(0).integers(-12, 12, far.shape)
masks = {"truth": far < 1, "student1": far < 0.9, "student2": far < 1.05}
voxels = (90 + 80 * (far < 1) + noise).astype(np.uint8)
volume.widget(voxels, masks, np.log(2) * np.exp(-8 * abs(far - 1)))""",
]
STEPS = 16  # in one direction before the way back, so that most pictures are new
WALK = ("ArrowLeft",) * STEPS + ("ArrowRight",) * STEPS
BACK = WALK[STEPS:] + WALK[:STEPS]
ROWS = [  # title, cell, what is focused, the words that change with the picture, keys
    ("training, one run of 256 x 256, 4 layers", 1, ".ucmt-stack", ".ucmt-value", WALK),
    ("training, three runs of 256 x 256", 2, ".ucmt-stack", ".ucmt-value", WALK),
    ("uncertainty, threshold on 256 x 256", 3, ".ucmt-stack", ".ucmt-value", BACK),
    (
        "volume of 24 x 256 x 256, 3 planes",
        7,
        ".ucmt-stack",
        ".ucmt-value",
        ("ArrowLeft",) * 8 + ("ArrowRight",) * 8,
    ),
    ("UMIX lab, 64 x 64, computed live", 4, ".noUi-handle >> nth=2", ".ucmt-wide p", BACK),
    ("UMIX lab, 256 x 256, computed live", 5, ".noUi-handle >> nth=2", ".ucmt-wide p", BACK),
    ("EMA, computed live", 6, ".noUi-handle >> nth=1", ".ucmt-tiles p", WALK),
    ("base line: nothing to draw", 1, ".ucmt-stack", None, ("F8", "F9")),
]
# Resolves with the milliseconds from the next keydown to the frame after the change.
LISTEN = """([area, words]) => { window.answer = new Promise(done => {
  const read = () => area.querySelector(words)?.textContent;
  // An explorer hears the key first, and may have drawn when this listener is called.
  const before = words && read();
  window.addEventListener('keydown', (event) => {
    const start = event.timeStamp;
    if (!words) area.dataset.line = start;
    const painted = new MessageChannel();
    painted.port1.onmessage = () => done(performance.now() - start);
    const look = () => {
      if (!words || read() !== before) painted.port2.postMessage(0);
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, { capture: true, once: true });
}); }"""


def measure(
    page, cell: int, focus: str, words: str | None, keys: tuple[str, ...], presses: int
) -> np.ndarray:
    """Return milliseconds of single key presses, each when the last was answered."""
    area = page.locator(".jp-CodeCell").nth(cell).locator(".jp-Cell-outputArea")
    area.scroll_into_view_if_needed()
    area.locator(focus).first.focus()
    handle, times = area.element_handle(), []
    whole = -(-(presses + 5) // len(keys)) * len(keys)  # back to where it began
    for press in range(whole):
        page.evaluate(LISTEN, [handle, words])
        page.keyboard.press(keys[press % len(keys)])
        times.append(page.evaluate("() => window.answer"))
        page.wait_for_timeout(60)
    return np.array(times[5 : presses + 5])


def main() -> None:
    """Print one line for each explorer."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--presses", type=int, default=60)
    presses = parser.parse_args().presses
    root, settings = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    write_notebook(root / "speed.ipynb", *CELLS)
    for name in ("mean_teacher", "cps", "ucmt"):
        trace = synthetic(name, size=256, frames=20, images=2)
        trace.save(root / f"{name}.npz")
    with jupyterlab(root, settings) as address, chromium_page(1280, 1200) as page:
        run_all(page, f"{address}/lab/tree/speed.ipynb?reset")
        page.locator(".ucmt-tiles").nth(2).wait_for(timeout=60_000)
        print(f"{'milliseconds from key to picture':44}   p50   p95   max")
        for title, *row in ROWS:
            ms = measure(page, *row, presses)
            print(
                f"{title:44} {np.median(ms):5.0f} {np.percentile(ms, 95):5.0f} {ms.max():5.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
