"""Where which method is ahead: a picture over the number of labels and the length of training."""

from typing import TYPE_CHECKING, Any

from ucmt_lite.common import one_of
from ucmt_lite.experiments.comparison import (
    check_one_case,
    interval,
    scores_by_seed,
    verdict,
)
from ucmt_lite.experiments.config import SCORES, SMALLER_IS_BETTER
from ucmt_lite.explore.draw.picture import Picture, new_figure
from ucmt_lite.methods import title_of

if TYPE_CHECKING:
    from pandas import DataFrame

# Okabe & Ito's; a sign says the same where colours are not seen
_LOOKS = {
    "better": ("#56B4E9", "+"),
    "level": ("#DDDDDD", "="),
    "open": ("#FFFFFF", "?"),
    "worse": ("#E69F00", "\N{MINUS SIGN}"),
}


def regime_map(
    runs: "DataFrame", baseline: str = "supervised", score: str = "dice", margin: float = 0.02
) -> Picture:
    """Draw a panel for each number of labels (rows) and of gradient steps (columns).

    In a panel each variant has a line with its mean difference to the baseline's, over the seeds
    that both have, and the colour of its `verdict`. Errors: an unknown baseline, and runs that
    differ in more than labels and steps.
    """
    one_of("variant", baseline, list(dict.fromkeys(runs["variant"])))
    check_one_case("map", runs, apart_from=["labeled"])
    labels, steps = sorted(set(runs["labeled"])), sorted(set(runs["gradient_steps"]))
    variants = [name for name in dict.fromkeys(runs["variant"]) if name != baseline]
    height = 0.5 + 0.22 * len(variants)
    drawing, axes = new_figure(len(labels), len(steps), width=2.7, height=height)
    texts = []
    for labeled, row in zip(labels, axes, strict=True):
        for length, ax in zip(steps, row, strict=True):
            here = runs[(runs["labeled"] == labeled) & (runs["gradient_steps"] == length)]
            found = differences_of(here, baseline, score)
            _draw_panel(ax, variants, found, margin)
            if found:
                ax.set_title(f"{labeled} labels, {length} steps", fontsize=9)
                texts.append(f"{labeled} labels, {length} steps: {_in_words(found, margin)}")
    key = ", ".join(f"{sign} {word}" for word, (_, sign) in _LOOKS.items())
    drawing.suptitle(f"minus {title_of(baseline)}; {key}; margin {margin:g}", fontsize=9)
    return Picture(
        drawing,
        f"Mean {SCORES[score]} minus that of {title_of(baseline)}, by labels and gradient steps."
        f" {'; '.join(texts)}.",
    )


def differences_of(
    runs: "DataFrame", baseline: str, score: str = "dice"
) -> dict[str, tuple[float, float, float]]:
    """Return each variant's mean difference to the baseline with its interval, paired by seed.

    Of distances, of which less is better, it is the baseline's minus the variant's.
    """
    scores = scores_by_seed(runs, score)
    sign = -1 if score in SMALLER_IS_BETTER else 1
    if baseline not in scores:
        return {}
    own = scores.pop(baseline)
    return {
        variant: interval([sign * (by_seed[seed] - own[seed]) for seed in by_seed if seed in own])
        for variant, by_seed in scores.items()
    }


def _draw_panel(
    ax: Any, variants: list[str], found: dict[str, tuple[float, float, float]], margin: float
) -> None:
    """Draw one line a variant, coloured by what its interval says."""
    for row, variant in enumerate(variants):
        if variant not in found:
            continue
        mean, low, high = found[variant]
        colour, sign = _LOOKS[verdict(low, high, margin)]
        ax.barh(row, 1, height=0.92, left=0, color=colour, edgecolor="#808080", linewidth=0.5)
        ax.text(0.03, row, title_of(variant), va="center", fontsize=8)
        ax.text(0.97, row, f"{mean:+.3f} {sign}", va="center", ha="right", fontsize=8)
    ax.set_xlim(0, 1)
    ax.set_ylim(len(variants) - 0.5, -0.5)
    ax.set_axis_off()


def _in_words(found: dict[str, tuple[float, float, float]], margin: float) -> str:
    """Return a panel in words."""
    return ", ".join(
        f"{title_of(variant)} {mean:+.3f} {verdict(low, high, margin)}"
        for variant, (mean, low, high) in found.items()
    )
