"""A volume in its three planes, with masks and uncertainty, through a point that readers move."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.draw.maps import check_image_index, most_uncertain, nearest_look
from ucmt_lite.explore.draw.palette import NET_TITLES, STROKES, UNCERTAINTY
from ucmt_lite.explore.draw.picture import (
    Picture,
    as_class_indices,
    draw_image,
    draw_outline,
    name_outlines,
    new_figure,
    overlap,
    sentence,
)
from ucmt_lite.explore.draw.stack import Stack, as_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ucmt_lite.explore.draw.viewer import Sliders, StackWidget
    from ucmt_lite.training.traces import Trace

AXIS_NAMES = ("d", "h", "w")  # depth, height, width: in the order of a volume's array
PLANES = ("plane across axis 0", "plane across axis 1", "plane across axis 2")


class Parts(NamedTuple):
    """What is shown of a volume."""

    voxels: np.ndarray  # D H W bytes
    masks: dict[str, np.ndarray]  # D H W class indices
    uncertainty: np.ndarray | None  # D H W nats
    classes: int


def figure(
    volume: "np.ndarray | Trace",
    masks: Mapping[str, np.ndarray] | None = None,
    uncertainty: np.ndarray | None = None,
    *,
    point: Sequence[int] | None = None,
    step: int | None = None,
    image: int = 0,
    spacing: Sequence[float] | None = None,
    classes: int = 2,
) -> Picture:
    """Return the three planes through a point, the middle of the first mask where none is named.

    `volume` is `D H W` bytes; other integers are shown from their lowest to their highest, floats
    as standardised, from -2 to 4 deviations. `masks` maps names (`truth`, `student1`, `student2`,
    `teacher`) to `D H W` class indices, `uncertainty` is `D H W` nats, of `classes` classes or as
    many as the masks show; or `volume` is a trace of volumes, and `step` and `image` say what of
    it. `spacing` in millimetres gives the planes their true proportions.
    """
    parts = checked_parts(volume, masks, uncertainty, step, image, classes)
    centre, sides = _checked_point(parts, point), _voxel_sides(spacing)
    drawing, axes = new_figure(1 if parts.uncertainty is None else 2, 3, width=2.8, height=2.8)
    for axis in range(3):
        cut = (slice(None),) * axis + (centre[axis],)
        ax = axes[0, axis]
        draw_image(ax, parts.voxels[cut], f"{PLANES[axis]}, slice {centre[axis]}")
        _stretch(ax, axis, sides)
        for name, mask in parts.masks.items():
            draw_outline(ax, mask[cut], name)
    if len(parts.masks) > 1:
        name_outlines(drawing, list(parts.masks))
    if parts.uncertainty is not None:
        for axis, ax in enumerate(axes[1]):
            cut = (slice(None),) * axis + (centre[axis],)
            entropy_image = ax.imshow(
                parts.uncertainty[cut].astype(float),
                cmap=UNCERTAINTY,
                vmin=0,
                vmax=np.log(parts.classes),
                interpolation="nearest",
            )
            ax.set_axis_off()
            _stretch(ax, axis, sides)
        drawing.colorbar(entropy_image, ax=axes[1, :], shrink=0.8, label="uncertainty (nats)")
    return Picture(drawing, describe(parts, centre))


def widget(
    volume: "np.ndarray | Trace",
    masks: Mapping[str, np.ndarray] | None = None,
    uncertainty: np.ndarray | None = None,
    *,
    point: Sequence[int] | None = None,
    step: int | None = None,
    image: int = 0,
    spacing: Sequence[float] | None = None,
    classes: int = 2,
) -> "StackWidget | Sliders":
    """Scroll through a volume: one slider per axis, or a click in one plane moves the other two.

    Arguments as in `figure`.
    """
    # Importing widgets takes as long as all else that a figure needs.
    from ucmt_lite.explore.draw.viewer import show

    parts = checked_parts(volume, masks, uncertainty, step, image, classes)
    centre, sides = _checked_point(parts, point), _voxel_sides(spacing)
    stack = _build_stack(parts, centre, sides)
    return show(
        stack,
        lambda position: figure(
            parts.voxels,
            parts.masks,
            parts.uncertainty,
            point=[position[name] for name in AXIS_NAMES],
            spacing=sides,
            classes=parts.classes,
        ),
    )


def describe(parts: Parts, point: Sequence[int]) -> str:
    """Return the volume in words, from its numbers."""
    outlines = []
    for name, mask in parts.masks.items():
        score = ""
        if "truth" in parts.masks and name != "truth":
            score = f", Dice {overlap(mask, parts.masks['truth'], parts.classes):.2f}"
        share = 100 * (mask > 0).mean()
        outlines.append(f"{NET_TITLES[name]} ({share:.1f} % of the voxels{score})")
    text = (
        f"A volume of {' x '.join(map(str, parts.voxels.shape))} voxels in its three planes through"
        f" {tuple(point)}"
    )
    text += f", with the outlines of {sentence(outlines)}." if outlines else "."
    if parts.uncertainty is not None:
        text += (
            f" Mean uncertainty is {parts.uncertainty.astype(float).mean():.3f} nats,"
            f" {float(parts.uncertainty[tuple(point)]):.3f} at that point."
        )
    return text


def _build_stack(parts: Parts, point: Sequence[int], sides: Sequence[float]) -> Stack:
    """Return everything the viewer needs."""
    stack = Stack("A volume in three planes")
    for axis, name in enumerate(AXIS_NAMES):
        size = parts.voxels.shape[axis]
        stack.control(name, f"axis {axis}", range(size), start=point[axis], play=axis == 0)
    image = stack.put(parts.voxels, "d h w")
    layers = {
        name: [stack.put(mask.astype(np.uint8), "d h w")] for name, mask in parts.masks.items()
    }
    if parts.uncertainty is not None:
        maximum = float(np.log(parts.classes))
        layers["uncertainty"] = [stack.put(as_level(parts.uncertainty, maximum), "d h w")]
        stack.scale(maximum)
        stack.layer("uncertainty", on=False)
    for name in parts.masks:
        stack.layer(name)
    stack.spec["blended"] = parts.uncertainty is not None
    for axis in range(3):
        y, x = (other for other in range(3) if other != axis)
        stack.panel(
            PLANES[axis],
            image,
            (parts.voxels.shape[y], parts.voxels.shape[x]),
            layers,
            y=AXIS_NAMES[y],
            x=AXIS_NAMES[x],
            cross=True,
            stretch=sides[y] / sides[x],
        )
    return stack


def checked_parts(
    volume: Any,
    masks: Mapping[str, np.ndarray] | None,
    uncertainty: np.ndarray | None,
    step: int | None,
    image: int,
    classes: int,
) -> Parts:
    """Return what is shown, checked, of a trace of volumes or of arrays: see `figure`."""
    if hasattr(volume, "map_step"):
        return _parts_of(volume, step, image)
    voxels = np.asarray(volume)
    if voxels.ndim == 4 and voxels.shape[0] == 1:
        voxels = voxels[0]
    if voxels.ndim != 3:
        raise InputError(
            f"A volume has three axes, this array has shape {voxels.shape}: give D H W."
        )
    named = {name: as_class_indices(mask) for name, mask in (masks or {}).items()}
    entropy = None if uncertainty is None else np.asarray(uncertainty)
    maps = named if entropy is None else {**named, "uncertainty": entropy}
    for name, values in maps.items():
        if values.shape != voxels.shape:
            raise InputError(
                f"'{name}' has shape {values.shape}, the volume {voxels.shape}: give arrays of the"
                " same shape."
            )
        if name not in STROKES and name != "uncertainty":
            raise InputError(f"Unknown mask '{name}': name masks {', '.join(STROKES)}.")
    classes = max([classes, *(int(mask.max()) + 1 for mask in named.values())])
    return Parts(grey_levels(voxels), named, entropy, classes)


def _parts_of(trace: "Trace", step: int | None, image: int) -> Parts:
    """Return what is shown of a trace of volumes."""
    if not len(trace.map_step) or trace.truth.ndim != 4:
        raise InputError("This trace holds no maps of volumes: record one on a 3D data set.")
    check_image_index(trace, image)
    frame = nearest_look(trace, step)
    masks = {"truth": trace.truth[image]}
    masks |= {name: maps[frame, image] for name, maps in trace.predictions.items()}
    entropy = None if trace.uncertainty is None else trace.uncertainty[frame, image]
    classes = round(np.exp(most_uncertain(trace)))
    return checked_parts(trace.image[image][..., 0], masks, entropy, None, 0, classes)


def grey_levels(volume: np.ndarray) -> np.ndarray:
    """Return a volume as bytes for looking at.

    0..255 stays, other integers are shown from lowest to highest, floats as standardised.

    >>> grey_levels(np.array([0, 200])).tolist()
    [0, 200]
    >>> grey_levels(np.array([-1000, 1000])).tolist()
    [0, 255]
    >>> grey_levels(np.array([-2.0, 4.0])).tolist()
    [0, 255]
    """
    low, high = -2.0, 4.0  # deviations, as the recorder shows them
    if volume.dtype.kind in "biu":
        low, high = float(volume.min()), float(volume.max())
        if low >= 0 and high <= 255:
            return volume.astype(np.uint8)
        high = max(high, low + 1)  # a volume may be the same everywhere
    share = (volume.astype(np.float64).clip(low, high) - low) / (high - low)
    return (share * 255).round().astype(np.uint8)


def _checked_point(parts: Parts, point: Sequence[int] | None) -> tuple[int, ...]:
    """Return the point; without one the middle of the first mask, or of the volume."""
    shape = parts.voxels.shape
    if point is None:
        mask = next(iter(parts.masks.values()), np.zeros(1, bool)) > 0
        middle = np.argwhere(mask).mean(axis=0).round() if mask.any() else np.array(shape) // 2
        return tuple(int(i) for i in middle)
    if len(point) != 3 or not all(0 <= i < size for i, size in zip(point, shape, strict=True)):
        raise InputError(
            f"point={tuple(point)} lies outside a volume of shape {shape}: give three indices"
            " from 0."
        )
    return tuple(int(i) for i in point)


def _voxel_sides(spacing: Sequence[float] | None) -> tuple[float, ...]:
    """Return the three sides of a voxel; equal where no spacing is known."""
    lengths = tuple(np.ravel(() if spacing is None else spacing).tolist()) or (1.0, 1.0, 1.0)
    if len(lengths) != 3 or not all(length > 0 for length in lengths):
        raise InputError(
            f"spacing={lengths}: give three lengths in millimetres, in the order of the axes D H W."
        )
    return lengths


def _stretch(ax: "Axes", axis: int, sides: Sequence[float]) -> None:
    """Give a plane its true proportions."""
    y, x = (sides[other] for other in range(3) if other != axis)
    ax.set_aspect(y / x)
