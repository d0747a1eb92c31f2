"""What a person sees while networks train: a bar, or in a log a line for each tenth of the run."""

import sys
from collections.abc import Mapping

from tqdm.auto import tqdm

from ucmt_lite.training.recorder import Recorder


def progress_bar(title: str, start: int, iterations: int, *, silent: bool = False) -> tqdm:
    """Return the remaining iterations, which move a bar when they are gone through."""
    # Elsewhere the environment's TQDM_DISABLE decides.
    hidden = {"disable": True} if silent or _in_a_log() else {}
    return tqdm(
        range(start, iterations),
        desc=title,
        initial=start,
        total=iterations,
        leave=False,
        **hidden,
    )


def show_progress(bar: tqdm, recorder: Recorder, terms: Mapping[str, float]) -> None:
    """Show losses and Dice of the last look: beside the bar, in a log as a line each tenth."""
    step, iterations = recorder.steps[-1], bar.total
    before = recorder.steps[-2] if len(recorder.steps) > 1 else 0
    losses = " ".join(f"{name} {value:.3f}" for name, value in terms.items())
    text = losses
    # Where no watched mask shows anything, an empty network would seem perfect.
    if any(mask.any() for mask in recorder.probe.masks):
        text += f" | dice {recorder.curves['dice'][-1]:.3f}"
    bar.set_postfix_str(text)
    tenth = max(1, iterations // 10)
    if _in_a_log() and step // tenth != before // tenth:
        print(f"{step}/{iterations}: {text}", flush=True)


def _in_a_log() -> bool:
    """Tell whether output goes to neither a terminal nor a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is None and not sys.stderr.isatty()
