"""A volume in its three planes, with masks and uncertainty, through a point that one moves."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.explore.annotate import as_class_indices
from ucmt_lite.explore.draw.maps import most_uncertain, nearest_look
from ucmt_lite.explore.draw.palette import NET_TITLES, STROKES, UNCERTAINTY
from ucmt_lite.explore.draw.picture import (
    Picture,
    draw_image,
    draw_outline,
    new_figure,
    overlap,
    sentence,
)
from ucmt_lite.explore.draw.stack import Stack, as_level, show

if TYPE_CHECKING:
    from ucmt_lite.training.traces import Trace

AXES = ("d", "h", "w")  # depth, height, width: the axes of a volume in the order of its array
PLANES = {"d": "plane across axis 0", "h": "plane across axis 1", "w": "plane across axis 2"}


def figure(
    volume: "np.ndarray | Trace",
    masks: Mapping[str, np.ndarray] | None = None,
    uncertainty: np.ndarray | None = None,
    *,
    at: Sequence[int] | None = None,
    step: int | None = None,
    image: int = 0,
    spacing: Sequence[float] | None = None,
    classes: int = 2,
) -> Picture:
    """The three planes through a point (the middle of the first mask where none is named).

    `volume` is `D H W` bytes; other integers are shown from their lowest to their highest, floats
    as standardised, from -2 to 4 deviations. `masks` maps names (`truth`, `student1`, `student2`,
    `teacher`) to `D H W` class indices, `uncertainty` is `D H W` nats, of `classes` classes or as
    many as the masks show; or `volume` is a trace of volumes, and `step` and `image` say what of
    it. `spacing` in millimetres gives the planes their true proportions.
    """
    voxels, masks, uncertainty, classes = parts(volume, masks, uncertainty, step, image, classes)
    at, spacing = point(voxels, masks, at), sides(spacing)
    drawing, axes = new_figure(2 if uncertainty is not None else 1, 3, width=2.8, height=2.8)
    for column, axis in enumerate(range(3)):
        cut = (slice(None),) * axis + (at[axis],)
        draw_image(axes[0, column], voxels[cut], f"{PLANES[AXES[axis]]}, slice {at[axis]}")
        stretch(axes[0, column], axis, spacing)
        for name, mask in masks.items():
            draw_outline(axes[0, column], mask[cut], name)
        if uncertainty is not None:
            values, most = uncertainty[cut].astype(float), np.log(classes)
            shown = axes[1, column].imshow(
                values, cmap=UNCERTAINTY, vmin=0, vmax=most, interpolation="nearest"
            )
            axes[1, column].set_axis_off()
            stretch(axes[1, column], axis, spacing)
    if uncertainty is not None:
        drawing.colorbar(shown, ax=axes[1, :], shrink=0.8, label="uncertainty (nats)")
    return Picture(drawing, describe(voxels, masks, uncertainty, at, classes))


def widget(
    volume: "np.ndarray | Trace",
    masks: Mapping[str, np.ndarray] | None = None,
    uncertainty: np.ndarray | None = None,
    *,
    at: Sequence[int] | None = None,
    step: int | None = None,
    image: int = 0,
    spacing: Sequence[float] | None = None,
    classes: int = 2,
):
    """Scroll through a volume: a slider a plane, or a click in one plane moves the other two.
    Arguments as in `figure`.
    """
    voxels, masks, uncertainty, classes = parts(volume, masks, uncertainty, step, image, classes)
    stack, most, spacing = Stack("A volume in three planes"), float(np.log(classes)), sides(spacing)
    for axis, place, size in zip(AXES, point(voxels, masks, at), voxels.shape, strict=True):
        stack.control(
            axis, f"axis {AXES.index(axis)}", range(size), start=int(place), play=axis == "d"
        )
    image_ref = stack.put(voxels, "d h w")
    refs = {name: [stack.put(mask.astype(np.uint8), "d h w")] for name, mask in masks.items()}
    if uncertainty is not None:
        refs["uncertainty"] = [stack.put(as_level(uncertainty, most), "d h w")]
        stack.scale(most)
        stack.layer("uncertainty", on=False)
    for name in masks:
        stack.layer(name)
    stack.spec["blended"] = uncertainty is not None
    for number in range(3):
        y, x = (other for other in range(3) if other != number)
        stack.panel(
            PLANES[AXES[number]],
            image_ref,
            (voxels.shape[y], voxels.shape[x]),
            refs,
            y=AXES[y],
            x=AXES[x],
            cross=True,
            stretch=spacing[y] / spacing[x],
        )
    return show(
        stack,
        lambda to: figure(
            voxels, masks, uncertainty, at=[to[a] for a in AXES], spacing=spacing, classes=classes
        ),
    )


def parts(volume, masks, uncertainty, step, image, classes) -> tuple:
    """Arrays from a trace or as given, checked: volume as bytes, masks, uncertainty, number of
    classes.
    """
    if hasattr(volume, "map_step"):
        trace = volume
        if not len(trace.map_step) or trace.truth.ndim != 4:
            raise InputError("This trace holds no maps of volumes: record one on a 3D data set.")
        if not 0 <= image < len(trace.image):
            raise InputError(
                f"image={image}: this trace holds {len(trace.image)} probe images, counted from 0."
            )
        where = nearest_look(trace, step)
        masks = {
            "truth": trace.truth[image],
            **{n: maps[where, image] for n, maps in trace.predictions.items()},
        }
        uncertainty = None if trace.uncertainty is None else trace.uncertainty[where, image]
        volume, classes = trace.image[image][..., 0], round(np.exp(most_uncertain(trace)))
    masks = {name: as_class_indices(mask) for name, mask in (masks or {}).items()}
    uncertainty = None if uncertainty is None else np.asarray(uncertainty)
    volume = np.asarray(volume)
    if volume.ndim == 4 and volume.shape[0] == 1:
        volume = volume[0]
    if volume.ndim != 3:
        raise InputError(
            f"A volume has three axes, this array has shape {volume.shape}: give D H W."
        )
    for name, values in {
        **masks,
        **({} if uncertainty is None else {"uncertainty": uncertainty}),
    }.items():
        if values.shape != volume.shape:
            raise InputError(
                f"'{name}' has shape {values.shape}, the volume {volume.shape}: give arrays of the"
                " same shape."
            )
        if name not in STROKES and name != "uncertainty":
            raise InputError(f"Unknown mask '{name}': name masks {', '.join(STROKES)}.")
    shown = max([classes, *(int(mask.max()) + 1 for mask in masks.values())])
    return grey_levels(volume), masks, uncertainty, shown


def grey_levels(volume: np.ndarray) -> np.ndarray:
    """A volume for looking at: 0..255 stays, other integers are shown from lowest to highest,
    floats as standardised.

    >>> [grey_levels(np.array(values)).tolist() for values in ([0, 200], [-1000, 1000], [-2.0, 4.0])]
    [[0, 200], [0, 255], [0, 255]]
    """
    low, high = -2.0, 4.0  # deviations, as the recorder shows them
    if volume.dtype.kind in "biu":
        low, high = float(volume.min()), float(volume.max())
        if low >= 0 and high <= 255:
            return volume.astype(np.uint8)
        high = max(high, low + 1)  # a volume may be the same everywhere
    return (
        ((volume.astype(np.float64).clip(low, high) - low) / (high - low) * 255)
        .round()
        .astype(np.uint8)
    )


def point(
    volume: np.ndarray, masks: Mapping[str, np.ndarray], at: Sequence[int] | None
) -> tuple[int, ...]:
    """The point that is shown, checked; without one the middle of the first mask, or of the volume."""
    if at is None:
        mask = next(iter(masks.values()), np.zeros(1, bool)) > 0
        middle = (
            np.argwhere(mask).mean(axis=0).round() if mask.any() else np.array(volume.shape) // 2
        )
        return tuple(int(i) for i in middle)
    if len(at) != 3 or not all(0 <= i < size for i, size in zip(at, volume.shape, strict=True)):
        raise InputError(
            f"at={tuple(at)} lies outside a volume of shape {volume.shape}: give three indices"
            " from 0."
        )
    return tuple(int(i) for i in at)


def sides(spacing: Sequence[float] | None) -> tuple[float, ...]:
    """The three sides of a voxel, checked; equal where no spacing is known."""
    lengths = tuple(np.ravel(() if spacing is None else spacing).tolist()) or (1.0, 1.0, 1.0)
    if len(lengths) != 3 or not all(length > 0 for length in lengths):
        raise InputError(
            f"spacing={lengths}: give three lengths in millimetres, in the order of the axes D H W."
        )
    return lengths


def stretch(axes, axis: int, spacing: Sequence[float]) -> None:
    """Give a plane its true proportions."""
    y, x = (spacing[other] for other in range(3) if other != axis)
    axes.set_aspect(y / x)


def describe(
    volume, masks: Mapping[str, np.ndarray], uncertainty, at: Sequence[int], classes: int
) -> str:
    """The volume in words, from its numbers."""
    told = []
    for name, mask in masks.items():
        score = (
            f", Dice {overlap(mask, masks['truth'], classes):.2f}"
            if "truth" in masks and name != "truth"
            else ""
        )
        told.append(f"{NET_TITLES[name]} ({100 * (mask > 0).mean():.1f} % of the voxels{score})")
    text = (
        f"A volume of {' x '.join(map(str, volume.shape))} voxels in its three planes through"
        f" {tuple(at)}"
    )
    text += f", with the outlines of {sentence(told)}." if told else "."
    if uncertainty is not None:
        text += (
            f" Mean uncertainty is {uncertainty.astype(float).mean():.3f} nats,"
            f" {float(uncertainty[tuple(at)]):.3f} at that point."
        )
    return text
