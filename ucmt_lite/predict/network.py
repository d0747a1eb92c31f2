"""Running a network: one image or a whole set of cases, whole or by a sliding window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ucmt_lite.common import InputError
from ucmt_lite.data.views import to_input
from ucmt_lite.predict import metrics

if TYPE_CHECKING:
    from ucmt_lite.data import Cases

# Windows in one forward pass: V-Net patches of 112 x 112 x 80 then fit into a few GB.
WINDOWS = 4

SMALL_VOLUME = 64 * 64 * 32  # voxels


def probabilities(
    net: nn.Module,
    image: NDArray | Tensor,
    *,
    patch: int | Sequence[int] | None = None,
    overlap: float = 0.5,
) -> NDArray[np.float32]:
    """Return the softmax of a network's logits for one image: `C *S` -> float32 `K *S`.

    The image is uint8, or floats as in training. Without `patch` the whole image goes through the
    network, mirrored at its far ends until `net.stride` divides every side; the margin is cut off
    again. With `patch` (voxels per axis) a window of that size slides over it, neighbours sharing
    `overlap` of a side; probabilities are averaged with Gaussian weights, since a window knows
    least about its rim (MONAI's `sliding_window_inference`). The network runs in eval mode, where
    it lies, and gets its own mode back.

    Raises InputError for NaN, and for channels, sides or a patch that do not fit the network.

    >>> net = nn.Conv2d(1, 3, 1)
    >>> whole = probabilities(net, np.zeros((1, 10, 12), np.uint8))
    >>> whole.shape, bool(np.allclose(whole.sum(0), 1))
    ((3, 10, 12), True)
    """
    return _softmax(net, _network_input(image)[None], patch, overlap)[0].cpu().numpy()


def segment(
    net: nn.Module,
    image: NDArray | Tensor,
    *,
    patch: int | Sequence[int] | None = None,
    overlap: float = 0.5,
) -> NDArray[np.uint8]:
    """Return the most probable class of every pixel of one image: `C *S` -> uint8 `*S`.

    Arguments as in `probabilities`.

    >>> segment(nn.Conv2d(1, 3, 1), np.zeros((1, 10, 12), np.uint8)).shape
    (10, 12)
    """
    return probabilities(net, image, patch=patch, overlap=overlap).argmax(0).astype(np.uint8)


def evaluate(
    net: nn.Module,
    cases: Cases,
    *,
    patch: int | Sequence[int] | None = None,
    overlap: float = 0.5,
    batch: int = 16,
    distances: bool = True,
) -> dict[str, Any]:
    """Segment all cases and score them: a dictionary of `cases`, `mean`, `unit` and `sides`.

    Images of the same size go through the network `batch` at a time; windows (`patch`) one case at
    a time. Where cases know masks of their own size, probabilities are resized to it before a class
    is chosen, and scored there. `cases` has {"id", "dice": [...], ...} of each, `mean` is
    `metrics.summary`, `sides` are the smallest and the largest side that was scored. Distances are
    in mm if every case knows its spacing, else in pixels or voxels: never averaged over both.
    `distances=False` leaves out HD95 and ASD, and the wait for MONAI.
    """
    if not len(cases):
        raise InputError("There are no cases to evaluate: the split is empty.")
    masks = cases.own_masks or cases.masks
    spacing = cases.own_spacing or cases.spacing
    in_mm = all(mm is not None for mm in spacing)
    rows: dict[int, dict[str, Any]] = {}
    sides: set[int] = set()
    for indices in _same_size(cases.images, batch if patch is None else 1):
        images = [_network_input(cases.images[i], f"Image '{cases.ids[i]}'") for i in indices]
        probs = _softmax(net, torch.stack(images), patch, overlap)  # B K *S
        for i, p in zip(indices, probs, strict=True):
            truth = masks[i]
            sides |= {*truth.shape}
            # On a CPU max finds classes ten times faster than argmax.
            pred = resized(p, truth.shape).max(0).indices.cpu().numpy()
            mm = spacing[i] if in_mm else None
            try:
                scores = metrics.scores(pred, truth, len(p), mm, distances=distances)
            except InputError as error:
                raise InputError(f"Case '{cases.ids[i]}': {error}") from None
            rows[i] = {"id": cases.ids[i], **scores}
    ordered = [rows[i] for i in range(len(cases))]
    voxels = "pixels" if cases.masks[0].ndim == 2 else "voxels"
    return {
        "cases": ordered,
        "mean": metrics.summary(ordered),
        "unit": "mm" if in_mm else voxels,
        "sides": (min(sides), max(sides)),
    }


def resized(probs: Tensor, sides: Sequence[int]) -> Tensor:
    """Probabilities `K *S` at another size, interpolated linearly.

    >>> resized(torch.zeros(2, 4, 4), (6, 8)).shape
    torch.Size([2, 6, 8])
    """
    if tuple(probs.shape[1:]) == tuple(sides):
        return probs
    mode = "bilinear" if len(sides) == 2 else "trilinear"
    how = {"antialias": True} if len(sides) == 2 else {}
    return F.interpolate(probs[None], tuple(sides), mode=mode, align_corners=False, **how)[0]


def _network_input(image: NDArray | Tensor, name: str = "The image") -> Tensor:
    """Return an image `C *S` as float32 in the range of training, checked."""
    x = image if isinstance(image, Tensor) else torch.from_numpy(np.array(image))
    if x.ndim not in (3, 4) or 0 in x.shape:
        raise InputError(
            f"{name} is {tuple(x.shape)}: give C H W or C D H W, channels first and not empty."
        )
    if x.dtype != torch.uint8 and not x.is_floating_point():
        raise InputError(
            f"{name} holds {x.dtype} numbers: give uint8 (0..255), or floats as in training."
        )
    if not torch.isfinite(x).all():
        raise InputError(f"{name} holds NaN or infinite values: repair it or take it out.")
    return to_input(x)


def _softmax(
    net: nn.Module, x: Tensor, patch: int | Sequence[int] | None, overlap: float
) -> Tensor:
    """Probabilities `B K *S` of a batch `B C *S`, on the network's device."""
    sides = x.shape[2:]
    stride = getattr(net, "stride", 1)
    if not isinstance(stride, int):  # a bare convolution has a `stride` of another meaning
        stride = 1
    parameter = next(net.parameters(), None)
    x = x if parameter is None else x.to(parameter.device)
    probs: Any  # a tensor; MONAI's types allow several
    with _inference(net):
        if patch is None:
            whole = _mirrored(x, [-(-side // stride) * stride for side in sides])
            probs = _logits(net, whole).softmax(1)
        else:
            window = _window(patch, len(sides), stride, overlap)
            # Late: importing MONAI takes 4 s.
            from monai.inferers import sliding_window_inference

            x = _mirrored(x, [max(pair) for pair in zip(sides, window, strict=True)])
            probs = sliding_window_inference(
                x,
                window,
                WINDOWS,
                lambda windows: _logits(net, windows).softmax(1),
                overlap=overlap,
                mode="gaussian",
            )
    inside = (..., *(slice(side) for side in sides))
    return probs[inside]


def _logits(net: nn.Module, x: Tensor) -> Tensor:
    """Logits of `B C *S`; a small volume on a CPU goes through the network twice.

    Of a single one torch convolves by unfolding (im2col) wherever a layer is small. With 48 x 48 x
    48 voxels that takes twice as long as two volumes by oneDNN, and 90 MB.
    """
    small = x.ndim == 5 and x[0, 0].numel() <= SMALL_VOLUME
    by_onednn = x.device.type == "cpu" and torch.backends.mkldnn.is_available()
    if len(x) == 1 and small and by_onednn:
        return net(x.repeat(2, 1, 1, 1, 1))[:1]
    return net(x)


@contextmanager
def _inference(net: nn.Module) -> Iterator[None]:
    """Run in eval mode without gradients; give every part of the network its own mode back."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, training in modes:
            module.training = training


def _mirrored(x: Tensor, sides: Sequence[int]) -> Tensor:
    """Continue `x` (`B C *S`) by reflection at the far end of each axis up to `sides`.

    It goes back and forth if need be.
    """
    for axis, side in enumerate(sides, start=2):
        if side > x.shape[axis]:
            missing = side - x.shape[axis]
            index = np.pad(np.arange(x.shape[axis]), (0, missing), mode="reflect")
            x = x.index_select(axis, torch.from_numpy(index).to(x.device))
    return x


def _window(patch: int | Sequence[int], dims: int, stride: int, overlap: float) -> tuple[int, ...]:
    """Return the sides of a sliding window, checked."""
    window = (patch,) * dims if isinstance(patch, int) else tuple(patch)
    if len(window) != dims or any(side < 1 or side % stride for side in window):
        raise InputError(
            f"patch={patch} does not fit: give {dims} sides (or one for all), multiples of"
            f" {stride}."
        )
    if not 0 <= overlap < 1:
        raise InputError(
            f"overlap={overlap} is no share of a window: give a number from 0 to below 1, such as"
            " 0.5."
        )
    return window


def _same_size(images: Sequence[NDArray], batch: int) -> Iterator[list[int]]:
    """Yield the indices of images of the same shape and type, at most `batch` at a time."""
    groups: dict[tuple, list[int]] = {}
    for i, image in enumerate(images):
        groups.setdefault((image.shape, image.dtype), []).append(i)
    for indices in groups.values():
        for start in range(0, len(indices), batch):
            yield indices[start : start + batch]
