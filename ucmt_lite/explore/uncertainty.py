"""What an uncertainty map is good for: keep pixels below a threshold, and count right labels."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.maps import (
    checked_trace,
    entropies,
    fitting,
    mean_per_image,
    most_uncertain,
    nearest_look,
    pseudo_labels,
    put_images,
    trace_title,
)
from ucmt_lite.explore.draw.palette import ERROR, NET_TITLES, UNCERTAINTY
from ucmt_lite.explore.draw.picture import (
    Picture,
    draw_image,
    draw_outline,
    legend_below,
    new_figure,
    one_colour,
)
from ucmt_lite.explore.draw.stack import Stack, as_level
from ucmt_lite.explore.draw.svg import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ucmt_lite.explore.draw.viewer import Sliders, StackWidget
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
    """Count the pixels with an entropy of at most `threshold` nats, and their right labels."""
    trace = checked_trace(trace, image=image)
    frame = nearest_look(trace, step)
    wrong = wrong_labels(trace)[frame, image]
    kept = _nats(trace, frame)[image] <= threshold
    return Kept(
        float(kept.mean()),
        float(1 - wrong[kept].mean()) if kept.any() else np.nan,
        float(1 - wrong.mean()),
    )


def _nats(trace: "Trace", frame: int | np.ndarray) -> np.ndarray:
    """Return the uncertainty maps of one or several frames, within 0 .. ln K.

    Half precision rounds beyond.
    """
    return entropies(trace)[frame].astype(float).clip(0, most_uncertain(trace))


def _reachable(trace: "Trace", threshold: float) -> float:
    """Return the threshold, if it is an uncertainty that a pixel can have."""
    maximum = most_uncertain(trace)
    if not 0 <= threshold <= maximum:
        raise InputError(
            f"threshold={threshold}: choose 0 to {maximum:.3f} nats, the entropy of a pixel nothing"
            " is known of."
        )
    return threshold


def wrong_labels(trace: "Trace") -> np.ndarray:
    """Return where the pseudo labels are not the truth: `M P *S`."""
    return trace.predictions[pseudo_labels(trace)] != trace.truth


def risk_coverage(
    entropy: np.ndarray, wrong: np.ndarray, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return coverage and risk for each threshold.

    Coverage is the share of pixels kept, risk the share of those whose label is wrong.

    >>> entropy, wrong = np.array([0.1, 0.2, 0.6]), np.array([False, False, True])
    >>> coverage, risk = risk_coverage(entropy, wrong, np.array([0.0, 0.3, 0.7]))
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
    """Return the mean entropy in equal bins of the known ambiguity; nan below 5 pixels in a bin.

    >>> calibration(np.array([0.1] * 5), np.array([0.95] * 5))[-2:].round(2).tolist()
    [nan, 0.1]
    """
    bins = np.minimum((ambiguity.astype(np.float64) * BINS).astype(int), BINS - 1).ravel()
    count = np.bincount(bins, minlength=BINS)
    total = np.bincount(bins, entropy.astype(np.float64).ravel(), minlength=BINS)
    return np.where(count >= 5, total / np.maximum(count, 1), np.nan)


def entropy_of(ambiguity: np.ndarray) -> np.ndarray:
    """Return the entropy of someone who knows exactly how undecided a border is.

    Ambiguity is a = 1 - |2 p - 1| for two classes of probability p and 1 - p.

    >>> entropy_of(np.array([0.0, 1.0])).round(3).tolist()
    [0.0, 0.693]
    """
    p = np.clip(ambiguity / 2, 1e-12, 1)
    return -(p * np.log(p) + (1 - p) * np.log(1 - p))


def figure(
    trace: "Trace", step: int | None = None, image: int = 0, threshold: float = 0.2
) -> Picture:
    """Return the entropy map, the pixels it keeps below `threshold` nats, and the risk of those.

    On phantoms calibration stands beside them.
    """
    trace = checked_trace(trace, image=image)
    frame = nearest_look(trace, step)
    threshold = _reachable(trace, threshold)
    entropy, wrong = _nats(trace, frame)[image], wrong_labels(trace)[frame, image]
    numbers = kept_share(trace, threshold, trace.map_step[frame], image)
    drawing, axes = new_figure(1, 4 if trace.ambiguity is not None else 3, width=3, height=3)
    maximum = most_uncertain(trace)
    entropy_image = axes[0, 0].imshow(
        entropy, cmap=UNCERTAINTY, vmin=0, vmax=maximum, interpolation="nearest"
    )
    draw_outline(axes[0, 0], trace.truth[image], "truth")
    axes[0, 0].set_title("uncertainty (nats) and truth", fontsize=9)
    axes[0, 0].set_axis_off()
    drawing.colorbar(entropy_image, ax=axes[0, 0], shrink=0.7)
    draw_dropped(axes[0, 1], trace.image[image], entropy > threshold, wrong)
    axes[0, 1].set_title(
        f"dropped above {threshold:.2f} nats (white),\nwrong labels (pink stripes)", fontsize=9
    )
    coverage, risk = risk_coverage(entropy, wrong, np.linspace(0, maximum, LEVELS))
    axes[0, 2].plot(coverage, risk, color=LINE)
    axes[0, 2].plot(
        [numbers.share], [1 - numbers.accuracy], "o", color=LINE, markeredgecolor="black"
    )
    axes[0, 2].set_ylim(bottom=0)
    _label(axes[0, 2], "risk of the labels kept", "coverage: share of pixels kept")
    if trace.ambiguity is not None:
        _draw_calibration(axes[0, 3], entropy, trace.ambiguity[image])
    drawing.suptitle(f"{trace_title(trace)} after {trace.map_step[frame]} iterations", fontsize=10)
    return Picture(drawing, describe(trace, frame, image, threshold, numbers))


def widget(trace: "Trace", image: int = 0, threshold: float = 0.2) -> "StackWidget | Sliders":
    """Move a threshold over the entropy map; see what is kept, and how often it is right."""
    # Importing widgets takes as long as all else that a figure needs.
    from ucmt_lite.explore.draw.viewer import show

    trace = checked_trace(trace, image=image)
    levels = np.linspace(0, most_uncertain(trace), LEVELS)
    start = int(np.abs(levels - _reachable(trace, threshold)).argmin())
    levels[start] = threshold  # the slider starts at just what the text beside it names
    stack = fitting(
        lambda frames: _build_stack(trace, frames, levels), np.arange(len(trace.map_step))
    )
    stack.spec["controls"][0]["start"] = start
    stack.spec["controls"][2]["start"] = image
    steps = stack.spec["controls"][1]["values"]
    return show(
        stack,
        lambda position: figure(
            trace, steps[position["frame"]], position["item"], float(levels[position["level"]])
        ),
    )


def describe(trace: "Trace", frame: int, image: int, threshold: float, numbers: Kept) -> str:
    """Return the picture in words, from its numbers."""
    text = f"{trace_title(trace)} after {trace.map_step[frame]} iterations on probe image {image}: "
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
    if trace.ambiguity is None:
        return text
    entropy = _nats(trace, frame)[image]
    ambiguous = trace.ambiguity[image].astype(float) > 0.5
    if not ambiguous.any():
        return text
    return (
        f"{text} Where the border is truly ambiguous (above 0.5) the mean uncertainty is"
        f" {entropy[ambiguous].mean():.3f} nats, elsewhere {entropy[~ambiguous].mean():.3f}."
    )


def draw_dropped(ax: "Axes", pixels: np.ndarray, dropped: np.ndarray, wrong: np.ndarray) -> None:
    """Draw dropped pixels white and wrong labels striped, on the image dimmed so that both show."""
    height, width = wrong.shape
    draw_image(ax, (pixels * 0.5).astype(np.uint8))
    ax.imshow(
        np.ma.masked_equal(dropped, 0),
        cmap=one_colour("white"),
        vmin=0,
        vmax=1,
        interpolation="nearest",
        alpha=0.75,
    )
    # Stripes are narrower than the pixels of a small image.
    fine = np.kron(wrong, np.ones((4, 4), bool))
    stripes = np.indices(fine.shape).sum(axis=0) * 40 // fine.shape[1] % 2
    ax.imshow(
        np.ma.masked_equal(fine, 0),
        cmap=one_colour(ERROR),
        vmin=0,
        vmax=1,
        interpolation="nearest",
        alpha=np.where(stripes, 1, 0.6),
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )


def _draw_calibration(ax: "Axes", entropy: np.ndarray, ambiguity: np.ndarray) -> None:
    """Draw mean entropy against known ambiguity, beside what someone who knows it would have."""
    middle = (np.arange(BINS) + 0.5) / BINS
    ax.plot(middle, entropy_of(middle), "--", color=IDEAL, label="knows the ambiguity")
    ax.plot(middle, calibration(entropy, ambiguity), "o-", color=LINE, label="networks")
    _label(ax, "mean uncertainty (nats)", "known ambiguity of the border")
    legend_below(ax)


def _label(ax: "Axes", title: str, x_label: str) -> None:
    """Put title and x label on a chart of the still picture."""
    ax.set_title(title, fontsize=9)
    ax.set_xlabel(x_label, fontsize=8)
    ax.tick_params(labelsize=8)
    ax.grid(alpha=0.3)


def _build_stack(trace: "Trace", frames: np.ndarray, levels: np.ndarray) -> Stack:
    """Return everything the viewer needs."""
    title = trace_title(trace)
    entropy, wrong = _nats(trace, frames), wrong_labels(trace)[frames]
    stack = Stack(
        f"Uncertainty of {title}: which pixels a threshold keeps, and how often their labels are"
        " right"
    )
    stack.control("level", "keep up to (nats)", [f"{level:.3f}" for level in levels])
    stack.control("frame", "iterations", trace.map_step[frames], still=len(frames) - 1, play=True)
    stack.control("item", "image", range(len(trace.image)))
    layers = _add_layers(stack, trace, frames, entropy, levels)
    curves = np.array(
        [
            [risk_coverage(*maps, levels) for maps in zip(*pair, strict=True)]
            for pair in zip(entropy, wrong, strict=True)
        ]
    )
    coverage, risk = (stack.put(curves[:, :, k], "frame item level") for k in (0, 1))
    right = stack.put(1 - curves[:, :, 1], "frame item level")
    right_everywhere = stack.put(1 - mean_per_image(wrong), "frame item")
    readouts = [
        ("pixels kept", coverage, 100, " %", 1),
        ("of their labels right", right, 100, " %", 1),
        ("of all labels right", right_everywhere, 100, " %", 1),
    ]
    base = put_images(stack, trace.image)
    size, classes = trace.truth.shape[1:], list(trace.meta["classes"])
    stack.panel(title, base, size, layers, readouts=readouts, classes=classes)
    line = _moving("risk of the labels kept", coverage, risk, LEVELS, marker="level")
    stack.chart(
        [],
        [],
        "risk and coverage",
        "share of pixels kept",
        moving=[line],
        by="item",
        scales=[_risk_scale(own) for own in curves.swapaxes(0, 1)],
    )
    if trace.ambiguity is not None:
        _add_calibration(stack, trace, entropy)
    return stack


def _risk_scale(curves: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return the ranges of coverage and risk that one image needs in the later half of the steps.

    `curves`: step, coverage and risk, level. The labels of the first step are nearly all wrong: on
    its scale the other curves would be specks in a corner.
    """
    coverage, risk = curves[len(curves) // 2 :].swapaxes(0, 1)
    lowest = np.floor(20 * coverage.min()) / 20  # level 0 keeps next to nothing
    highest = float(np.nanmax(risk, initial=0))
    return {"x": (min(float(lowest), 0.95), 1), "y": (0, max(0.02, 1.05 * highest))}


def _add_layers(
    stack: Stack, trace: "Trace", frames: np.ndarray, entropy: np.ndarray, levels: np.ndarray
) -> dict[str, list[dict]]:
    """Add the layers of the one panel, and return the arrays that each of them draws."""
    maximum, maker = most_uncertain(trace), pseudo_labels(trace)
    stack.scale(maximum)
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
    stack.layer(maker, f"pseudo label ({NET_TITLES[maker]})", on=False)
    labels = stack.put(trace.predictions[maker][frames].astype(np.uint8), "frame item y x")
    truth = stack.put(trace.truth, "item y x")
    entropy_levels = stack.put(as_level(entropy, maximum), "frame item y x")
    first_kept = np.searchsorted(levels, entropy).astype(np.uint8)  # the first level that keeps it
    return {
        "uncertainty": [entropy_levels],
        "dropped": [stack.put(first_kept, "frame item y x")],
        "error": [labels, truth],
        "truth": [truth],
        maker: [labels],
    }


def _moving(label: str, x: dict, y: dict, count: int, *, marker: str | None = None) -> dict:
    """Return the description of a line that is drawn anew at each position."""
    return {
        "label": label,
        "x": x,
        "y": y,
        "count": count,
        "colour": LINE,
        "dash": "",
        "marker": marker,
    }


def _add_calibration(stack: Stack, trace: "Trace", entropy: np.ndarray) -> None:
    """Add the chart of phantoms: entropy against the ambiguity that the phantom was drawn with."""
    middle, ambiguity = (np.arange(BINS) + 0.5) / BINS, np.asarray(trace.ambiguity)
    means = np.array(
        [[calibration(*maps) for maps in zip(row, ambiguity, strict=True)] for row in entropy]
    )
    line = _moving(
        "mean uncertainty of the networks (nats)",
        stack.put(middle, "level"),
        stack.put(means, "frame item level"),
        BINS,
    )
    fine = np.linspace(0, 1, 50)
    stack.chart(
        [Line("if they knew the ambiguity", fine, entropy_of(fine), IDEAL, "--")],
        [None],
        "uncertainty against known ambiguity",
        "ambiguity of the border",
        moving=[line],
        scales=[{"x": (0, 1), "y": (0, most_uncertain(trace))}],
    )
