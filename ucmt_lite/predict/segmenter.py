"""A trained network in a file that anyone can load: weights, and a card that says what they are."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ucmt_lite.common import InputError, atomic, plain
from ucmt_lite.data.preparation import Preparation
from ucmt_lite.data.shrink import shrink_image
from ucmt_lite.nets import NETS, make
from ucmt_lite.predict.network import probabilities, resized
from ucmt_lite.predict.reading import read_picture, read_volume

# What it takes to build the network again and to prepare an image for it: a check, and what to give
# instead.
CARD = {
    "network": (lambda x: isinstance(x, str), "a name in ucmt_lite.nets.NETS"),
    "in_channels": (
        lambda x: x in (1, 3),
        "1 for grey images or 3 for colour",
    ),
    "classes": (lambda x: isinstance(x, list) and len(x) > 1, "a list of names, background first"),
    "dims": (lambda x: x in (2, 3), "2 for images or 3 for volumes"),
    "size": (
        lambda x: x is None or (isinstance(x, int) and x > 0),
        "the side of 2D images in training, or null",
    ),
}


@dataclass(frozen=True)
class Segmenter:
    """A trained network with its card, which says how an image has to be prepared for it."""

    net: nn.Module = field(repr=False)
    card: dict[str, Any]

    @property
    def preparation(self) -> Preparation:
        """How the images were prepared from which the network learned."""
        return Preparation.of_card(self.card)

    def probabilities(self, image: Any, *, overlap: float = 0.5) -> NDArray[np.float32]:
        """Return the softmax `K *S` at the image's own size `*S`.

        `image` is a path or an array, as in `segment`.
        """
        patch = self.card.get("patch")
        if self.card["dims"] == 3:
            volume, as_stored = read_volume(image, self.preparation)
            small = shrink_image(volume[None], self.card.get("shrink", 1))
            probs = probabilities(self.net, small, patch=patch, overlap=overlap)
            return as_stored(resized(torch.from_numpy(probs), volume.shape).numpy())
        mode = "RGB" if self.card["in_channels"] == 3 else "L"
        pixels, own = read_picture(image, mode, self.card.get("size"), self.preparation)
        probs = probabilities(self.net, pixels, patch=patch, overlap=overlap)
        return resized(torch.from_numpy(probs), own).numpy()

    def segment(self, image: Any, *, overlap: float = 0.5) -> NDArray[np.uint8]:
        """Return class indices `*S` at the image's own size.

        2D: a picture file, an HDF5 file or an array `H W` or `H W C` (uint8, or greys that
        `eight_bits` scales); grey and colour are converted to what the network takes. It is resized
        to the size of training, segmented, and the probabilities are resized back. A photo that
        EXIF turns gets its mask in the turned position. 3D: an HDF5, NIfTI or NumPy file or an
        array `*S`, prepared as in training and segmented by a sliding window of the card's `patch`.
        A NIfTI file gets its mask in its own axes.
        """
        return self.probabilities(image, overlap=overlap).argmax(0).astype(np.uint8)


def save_segmenter(net: nn.Module, path: str | os.PathLike, card: dict[str, Any]) -> None:
    """Write the weights as safetensors, with the card as JSON in the file's header.

    card: `network` (a name in `nets.NETS`), `in_channels`, `classes` (names, background first) and
    `dims` say how to build the network; `size` (side of 2D images in training), `patch` (3D) and
    `preparation` (of the `Source`, as a dictionary) how to prepare an image. Whatever else is worth
    knowing goes along: method, dataset, config, scores. NaN is written as null.
    """
    from safetensors.torch import save_file

    card = plain(card)
    fresh = _build(card, "the card")
    # A copy each: safetensors refuses tensors that share memory, and views that are not contiguous.
    tensors = {
        name: tensor.detach().cpu().clone().contiguous()
        for name, tensor in net.state_dict().items()
    }
    _check_fit(fresh, tensors, "the network", card)
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={"card": json.dumps(card, allow_nan=False)})


def load_segmenter(path: str | os.PathLike, *, device: str | torch.device = "cpu") -> Segmenter:
    """Read what `save_segmenter` wrote; nothing in the file is executed.

    Raises InputError if it is not such a file.

    >>> from tempfile import TemporaryDirectory
    >>> card = {"network": "unet_small", "in_channels": 1, "dims": 2, "size": 32}
    >>> card |= {"classes": ["background", "lesion"], "norm": "instance"}
    >>> with TemporaryDirectory() as folder:
    ...     net = make("unet_small", in_channels=1, classes=2)
    ...     save_segmenter(net, f"{folder}/net.safetensors", card)
    ...     segmenter = load_segmenter(f"{folder}/net.safetensors")
    >>> segmenter.segment(np.zeros((50, 70), np.uint8)).shape
    (50, 70)
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    if not Path(path).is_file():
        raise InputError(
            f"There is no file '{path}': give the path of a network written by"
            " ucmt_lite.predict.save_segmenter."
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"'{path}' is not a whole safetensors file ({error}): fetch or save it again."
        ) from error
    try:
        card = dict(json.loads(header["card"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"'{path}' has no card in its header: write it with ucmt_lite.predict.save_segmenter."
        ) from error
    net = _build(card, f"the card of '{path}'")
    _check_fit(net, tensors, f"'{path}'", card)
    net.load_state_dict(tensors)
    return Segmenter(net.to(device).eval(), card)


def _build(card: dict[str, Any], origin: str) -> nn.Module:
    """Make the network that a card describes, with random weights.

    The global generator is left as it was.
    """
    for key, (fits, expected) in CARD.items():
        if not fits(card.get(key)):
            raise InputError(f"'{key}' in {origin} is {card.get(key)!r}: give {expected}.")
    # All weights are in the file: what an encoder was read from is not needed again.
    own = NETS.get(card["network"])
    settings = dict.fromkeys(own.needs) if own else card.get("network_settings")
    with torch.random.fork_rng(devices=[]):
        return make(
            card["network"],
            card["in_channels"],
            len(card["classes"]),
            card["dims"],
            card.get("norm", "batch"),  # what there was before cards named it
            settings,
        )


def _check_fit(
    net: nn.Module, tensors: dict[str, Tensor], origin: str, card: dict[str, Any]
) -> None:
    """Compare names and shapes of `tensors` with what the network of the card has."""
    expected = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    actual = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    odd = [name for name in sorted(expected | actual) if expected.get(name) != actual.get(name)]
    if odd:
        here, there = (shapes.get(odd[0], "absent") for shapes in (actual, expected))
        raise InputError(
            f"{len(odd)} tensors of {origin} do not fit the card's network '{card['network']}'"
            f" ('{odd[0]}' is {here}, there {there}): correct the card."
        )
