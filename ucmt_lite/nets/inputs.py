"""What every network asks of an image before the first convolution sees it."""

from math import prod

from torch import Tensor

from ucmt_lite.common import InputError

_AXES = {2: "B C H W", 3: "B C D H W"}


def check_image(
    x: Tensor, in_channels: int, dims: int, stride: int, training: bool, norm: str = "batch"
) -> None:
    """Raise an InputError unless `x`, float `B C *S`, has the channels and sides that fit.

    >>> import torch
    >>> image = torch.zeros(4, 3, 64, 64)
    >>> check_image(image, in_channels=1, dims=2, stride=8, training=True)
    Traceback (most recent call last):
    ucmt_lite.common.InputError: The network takes 1 channel, the image has 3: ...
    """
    shape = " x ".join(map(str, x.shape))
    if x.ndim != dims + 2:
        raise InputError(
            f"The network takes {dims}D images as {_AXES[dims]}, this tensor is {shape}: reshape"
            " it."
        )
    if not x.is_floating_point():
        raise InputError(
            f"The network takes floats, the image is {x.dtype}: normalise it with `data.to_input`"
            " first."
        )
    if x.shape[1] != in_channels:
        takes = f"{in_channels} channel" + "s" * (in_channels != 1)
        remedy = f"convert the image ({shape}), or build the network with in_channels={x.shape[1]}"
        raise InputError(f"The network takes {takes}, the image has {x.shape[1]}: {remedy}.")
    wrong = [side for side in x.shape[2:] if side < stride or side % stride]
    if wrong:
        near = max(stride, round(wrong[0] / stride) * stride)
        remedy = f"resize, crop or pad the image ({shape}), for example to {near}"
        raise InputError(f"Every side must be a multiple of {stride}, one is {wrong[0]}: {remedy}.")
    values = prod(side // stride for side in x.shape[2:])
    if norm == "instance" and values == 1:
        raise InputError(
            f"An image of {shape} is one value at the bottom of the network, of which instance norm"
            f" leaves nothing: take sides of {2 * stride}, or norm='group'."
        )
    if norm == "batch" and training and x.shape[0] * values == 1:
        # Batch norm at the bottom of the network would divide by the standard deviation of a single
        # number.
        raise InputError(
            f"One image of {shape} is too little to train on: take 2 a batch, or call net.eval()"
            " first."
        )
