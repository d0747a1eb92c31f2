"""What an uncertainty map is good for: keep the pixels below a threshold, and see how many of their
pseudo labels are right.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.maps import (
    base,
    checked_trace,
    entropies,
    fitting,
    mean_per_image,
    most_uncertain,
    nearest_look,
    pseudo_labels,
    trace_title,
)
from ucmt_lite.explore.draw.palette import ERROR, NET_TITLES, UNCERTAINTY
from ucmt_lite.explore.draw.picture import Picture, draw_image, draw_outline, new_figure
from ucmt_lite.explore.draw.stack import Stack, as_level, show
from ucmt_lite.explore.training import one_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ucmt_lite.training.traces import Trace

LEVELS = 65  # thresholds, from 0 to ln K
BINS = 10  # of ambiguity
LINE, IDEAL = "#D55E00", "#009E73"


class Kept(NamedTuple):
    """What is left when pixels above a threshold are dropped."""

    share: float  # of the pixels, kept
    accuracy: float  # of the pseudo labels that are kept; nan where none is
    everywhere: float  # accuracy without a threshold


def kept_share(trace: "Trace", threshold: float, step: int | None = None, image: int = 0) -> Kept:
    """How many pixels have an entropy of at most `threshold` nats, and how many of their pseudo
    labels are right.
    """
    trace = checked_trace(trace, image=image)
    where = nearest_look(trace, step)
    wrong, sure = wrong_labels(trace)[where, image], nats(trace, where)[image] <= threshold
    return Kept(
        float(sure.mean()),
        float(1 - wrong[sure].mean()) if sure.any() else np.nan,
        float(1 - wrong.mean()),
    )


def nats(trace: "Trace", where: int | np.ndarray) -> np.ndarray:
    """The uncertainty maps of one or several steps, within 0 .. ln K, which half precision rounds
    beyond.
    """
    return entropies(trace)[where].astype(float).clip(0, most_uncertain(trace))


def _reachable(trace: "Trace", threshold: float) -> float:
    """The threshold, if it is an uncertainty that a pixel can have."""
    most = most_uncertain(trace)
    if not 0 <= threshold <= most:
        raise InputError(
            f"threshold={threshold}: choose 0 to {most:.3f} nats, the entropy of a pixel nothing is"
            " known of."
        )
    return threshold


def wrong_labels(trace: "Trace") -> np.ndarray:
    """Where the pseudo labels are not the truth: `M P *S`."""
    return trace.predictions[pseudo_labels(trace)] != trace.truth


def risk_coverage(
    entropy: np.ndarray, wrong: np.ndarray, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each threshold the share of pixels kept (coverage) and the share of those whose label is
    wrong (risk).

    >>> coverage, risk = risk_coverage(np.array([0.1, 0.2, 0.6]), np.array([False, False, True]), np.array([0.0, 0.3, 0.7]))
    >>> coverage.round(2).tolist(), risk.round(2).tolist()
    ([0.0, 0.67, 1.0], [nan, 0.0, 0.33])
    """
    entropy = entropy.astype(np.float64).ravel()
    order = entropy.argsort(kind="stable")
    count = np.searchsorted(entropy[order], levels, side="right")
    errors = np.concatenate([[0], wrong.ravel()[order].cumsum()])[count]
    with np.errstate(invalid="ignore"):
        return count / entropy.size, errors / count


def calibration(entropy: np.ndarray, ambiguity: np.ndarray) -> np.ndarray:
    """Mean entropy in equal bins of the known ambiguity; nan where a bin has fewer than 5 pixels.

    >>> calibration(np.array([0.1] * 5), np.array([0.95] * 5))[-2:].round(2).tolist()
    [nan, 0.1]
    """
    place = np.minimum((ambiguity.astype(np.float64) * BINS).astype(int), BINS - 1).ravel()
    count = np.bincount(place, minlength=BINS)
    total = np.bincount(place, entropy.astype(np.float64).ravel(), minlength=BINS)
    return np.where(count >= 5, total / np.maximum(count, 1), np.nan)


def entropy_of(ambiguity: np.ndarray) -> np.ndarray:
    """The entropy of someone who knows exactly how undecided a border is: ambiguity a = 1 - |2 p -
    1| for two classes.

    >>> entropy_of(np.array([0.0, 1.0])).round(3).tolist()
    [0.0, 0.693]
    """
    p = np.clip(ambiguity / 2, 1e-12, 1)
    return -(p * np.log(p) + (1 - p) * np.log(1 - p))


def figure(
    trace: "Trace", step: int | None = None, image: int = 0, threshold: float = 0.2
) -> Picture:
    """The entropy map, the pixels it keeps below `threshold` nats, and the risk-coverage curve;
    calibration on phantoms.
    """
    trace = checked_trace(trace, image=image)
    where, most, threshold = (
        nearest_look(trace, step),
        most_uncertain(trace),
        _reachable(trace, threshold),
    )
    entropy, wrong = nats(trace, where)[image], wrong_labels(trace)[where, image]
    drawing, axes = new_figure(1, 4 if trace.ambiguity is not None else 3, width=3, height=3)
    shown = axes[0, 0].imshow(entropy, cmap=UNCERTAINTY, vmin=0, vmax=most, interpolation="nearest")
    draw_outline(axes[0, 0], trace.truth[image], "truth")
    axes[0, 0].set_title("uncertainty (nats) and truth", fontsize=9)
    axes[0, 0].set_axis_off()
    drawing.colorbar(shown, ax=axes[0, 0], shrink=0.7)
    draw_dropped(axes[0, 1], trace.image[image], entropy > threshold, wrong)
    axes[0, 1].set_title(
        f"dropped above {threshold:.2f} nats (white),\nwrong labels (pink stripes)", fontsize=9
    )
    numbers = kept_share(trace, threshold, trace.map_step[where], image)
    coverage, risk = risk_coverage(entropy, wrong, np.linspace(0, most, LEVELS))
    axes[0, 2].plot(coverage, risk, color=LINE)
    axes[0, 2].plot(
        [numbers.share], [1 - numbers.accuracy], "o", color=LINE, markeredgecolor="black"
    )
    label(axes[0, 2], "risk of the labels kept", "coverage: share of pixels kept")
    if trace.ambiguity is not None:
        middle = (np.arange(BINS) + 0.5) / BINS
        axes[0, 3].plot(middle, entropy_of(middle), "--", color=IDEAL, label="knows the ambiguity")
        axes[0, 3].plot(
            middle, calibration(entropy, trace.ambiguity[image]), "o-", color=LINE, label="networks"
        )
        label(axes[0, 3], "mean uncertainty (nats)", "known ambiguity of the border")
        axes[0, 3].legend(fontsize=8)
    drawing.suptitle(f"{trace_title(trace)} after {trace.map_step[where]} iterations", fontsize=10)
    return Picture(drawing, describe(trace, where, image, threshold, numbers))


def draw_dropped(axes: "Axes", picture: np.ndarray, dropped: np.ndarray, wrong: np.ndarray) -> None:
    """White where pixels are dropped and striped where labels are wrong, on the image dimmed so
    that both are seen.
    """
    height, width = wrong.shape
    draw_image(axes, (picture * 0.5).astype(np.uint8))
    axes.imshow(
        np.ma.masked_equal(dropped, 0),
        cmap=one_colour("white"),
        vmin=0,
        vmax=1,
        interpolation="nearest",
        alpha=0.75,
    )
    fine = np.kron(
        wrong, np.ones((4, 4), bool)
    )  # stripes are narrower than the pixels of a small image
    stripes = np.indices(fine.shape).sum(axis=0) * 40 // fine.shape[1] % 2
    axes.imshow(
        np.ma.masked_equal(fine, 0),
        cmap=one_colour(ERROR),
        vmin=0,
        vmax=1,
        interpolation="nearest",
        alpha=np.where(stripes, 1, 0.6),
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )


def label(axes, heading: str, below: str) -> None:
    """Title and x label of a chart of the still picture."""
    axes.set_title(heading, fontsize=9)
    axes.set_xlabel(below, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)


def describe(trace: "Trace", where: int, image: int, threshold: float, numbers: Kept) -> str:
    """The picture in words, from its numbers."""
    entropy = nats(trace, where)[image]
    text = f"{trace_title(trace)} after {trace.map_step[where]} iterations on probe image {image}: "
    everywhere = f"{100 * numbers.everywhere:.1f} % of all"
    if numbers.share:
        text += (
            f"{100 * numbers.share:.1f} % of the pixels have at most {threshold:.2f} nats of"
            f" uncertainty; {100 * numbers.accuracy:.1f} % of their pseudo labels are right,"
            f" against {everywhere}."
        )
    else:
        text += (
            f"no pixel has at most {threshold:.2f} nats of uncertainty, so none is kept; "
            f"{everywhere} pseudo labels are right."
        )
    if trace.ambiguity is not None:
        doubt = trace.ambiguity[image].astype(float)
        text += (
            " Where the border is truly ambiguous (above 0.5) the mean uncertainty is"
            f" {entropy[doubt > 0.5].mean():.3f} nats"
            if (doubt > 0.5).any()
            else ""
        )
        text += f", elsewhere {entropy[doubt <= 0.5].mean():.3f}." if (doubt > 0.5).any() else ""
    return text


def widget(trace: "Trace", image: int = 0, threshold: float = 0.2):
    """Move a threshold over the entropy map and see what is kept and how often it is right, step by
    step.
    """
    trace = checked_trace(trace, image=image)
    levels, threshold = np.linspace(0, most_uncertain(trace), LEVELS), _reachable(trace, threshold)
    stack = fitting(
        lambda frames: build_stack(trace, frames, levels), np.arange(len(trace.map_step))
    )
    stack.spec["controls"][0]["start"] = int(np.abs(levels - threshold).argmin())
    stack.spec["controls"][2]["start"] = image
    steps = stack.spec["controls"][1]["values"]
    return show(
        stack, lambda at: figure(trace, steps[at["frame"]], at["item"], float(levels[at["level"]]))
    )


def build_stack(trace: "Trace", frames: np.ndarray, levels: np.ndarray) -> Stack:
    """Everything the viewer needs."""
    most, entropy, wrong = most_uncertain(trace), nats(trace, frames), wrong_labels(trace)[frames]
    stack = Stack(
        f"Uncertainty of {trace_title(trace)}: which pixels a threshold keeps, and how often their"
        " labels are right"
    )
    stack.control("level", "keep up to (nats)", [f"{level:.3f}" for level in levels])
    stack.control("frame", "iterations", trace.map_step[frames], start=len(frames) - 1, play=True)
    stack.control("item", "image", range(len(trace.image)))
    stack.scale(most)
    stack.layer("uncertainty")
    stack.layer("error")
    stack.layer(
        "dropped",
        kind="above",
        colour="#FFFFFF",
        hatch=True,
        control="level",
        levels=list(range(LEVELS)),
    )
    stack.layer("truth")
    maker = pseudo_labels(trace)
    stack.layer(maker, f"pseudo label ({NET_TITLES[maker]})", on=False)
    names = [
        stack.put(trace.predictions[maker][frames].astype(np.uint8), "frame item y x"),
        stack.put(trace.truth, "item y x"),
    ]
    map_ref = stack.put(as_level(entropy, most), "frame item y x")
    kept_from = stack.put(
        np.searchsorted(levels, entropy).astype(np.uint8), "frame item y x"
    )  # the first level
    curves = np.array(
        [
            [risk_coverage(*maps, levels) for maps in zip(*pair, strict=True)]
            for pair in zip(entropy, wrong, strict=True)
        ]
    )
    coverage, risk = (stack.put(curves[:, :, k], "frame item level") for k in (0, 1))
    right = stack.put(1 - curves[:, :, 1], "frame item level")
    readouts = [
        ("pixels kept", coverage, 100, " %", 1),
        ("of their labels right", right, 100, " %", 1),
        ("of all labels right", stack.put(1 - mean_per_image(wrong), "frame item"), 100, " %", 1),
    ]
    layers = {
        "uncertainty": [map_ref],
        "dropped": [kept_from],
        "error": names,
        "truth": names[1:],
        maker: names[:1],
    }
    stack.panel(
        trace_title(trace),
        base(stack, trace.image),
        trace.truth.shape[1:],
        layers,
        readouts=readouts,
        classes=list(trace.meta["classes"]),
    )
    # The labels of the first step are nearly all wrong: on its scale the other curves would be
    # flat.
    later = curves[frames > 0] if frames[-1] else curves
    worst = max(0.02, float(later[:, :, 1, -1].max()))
    moving = [
        {
            "label": "risk of the labels kept",
            "x": coverage,
            "y": risk,
            "count": LEVELS,
            "colour": LINE,
            "dash": "",
            "marker": "level",
        }
    ]
    stack.chart(
        [], [], "risk and coverage", "share of pixels kept", moving=moving, x=(0, 1), y=(0, worst)
    )
    if trace.ambiguity is not None:
        _add_calibration(stack, trace, entropy)
    return stack


def _add_calibration(stack: Stack, trace: "Trace", entropy: np.ndarray) -> None:
    """The chart of phantoms: entropy against the ambiguity that the phantom was drawn with."""
    from ucmt_lite.explore.draw.svg import Line

    middle, known = (np.arange(BINS) + 0.5) / BINS, np.asarray(trace.ambiguity)
    means = np.array(
        [[calibration(e, a) for e, a in zip(row, known, strict=True)] for row in entropy]
    )
    moving = [
        {
            "label": "mean uncertainty of the networks (nats)",
            "x": stack.put(middle, "level"),
            "y": stack.put(means, "frame item level"),
            "count": BINS,
            "colour": LINE,
            "dash": "",
            "marker": None,
        }
    ]
    fine = np.linspace(0, 1, 50)
    ideal = Line("if they knew the ambiguity", fine, entropy_of(fine), IDEAL, "--")
    stack.chart(
        [ideal],
        [None],
        "uncertainty against known ambiguity",
        "ambiguity of the border",
        moving=moving,
        x=(0, 1),
        y=(0, most_uncertain(trace)),
    )
