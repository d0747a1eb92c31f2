import json

import pytest
import torch

from ucmt_lite.common import InputError
from ucmt_lite.nets import UNet, make


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("in_channels, classes", [(3, 2), (1, 1)])
def test_size_equals_the_reference(oracle, in_channels, classes):
    known = json.loads(oracle("params.json").read_text())
    known = next(k for k in known if k["network"] == "UNet" and k["in_channels"] == in_channels)
    net = UNet(in_channels, classes)
    assert count(net) == known["parameters"] == {3: 1_813_762, 1: 1_813_329}[in_channels]
    assert len(list(net.parameters())) == known["parameter_tensors"]
    assert {"encoder": count(net.encoder), "decoder": count(net.decoder)} == known["parts"]
    assert sum(buffer.numel() for buffer in net.buffers()) == known["buffer_values"]
    assert net.eval()(torch.zeros(known["input_shape"])).shape == tuple(known["output_shape"])


@pytest.mark.parametrize("dims, size", [(2, 113_458), (3, 332_770)])
def test_small_is_small_and_takes_sides_of_8(dims, size):
    net = make("unet_small", 1, 2, dims)
    assert count(net) == size and net.stride == 8


def test_dropouts_are_those_of_the_reference():
    rates = [
        module.p for module in UNet(1, 2).encoder.modules() if isinstance(module, torch.nn.Dropout)
    ]
    assert rates == [0.05, 0.1, 0.2, 0.3, 0.5]
    rest = [
        module.p for module in UNet(1, 2).decoder.modules() if isinstance(module, torch.nn.Dropout)
    ]
    assert rest == [0, 0, 0, 0]


def test_moving_the_image_by_a_stride_moves_the_logits(settled):
    # Instance norm sees the whole image, border and all.
    net = make("unet_small", 1, 2, 2, norm="batch")
    image = torch.randn(1, 1, 160, 160)
    settled(net, image)
    here, moved = net(image), net(image.roll((8, 8), dims=(2, 3)))
    inner = slice(64, 96)  # far from the border, which sees the padding
    torch.testing.assert_close(
        moved[..., inner, inner], here[..., 56:88, 56:88], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "arguments, message",
    [({"dims": 1}, "2 or 3 dims, not 1"), ({"channels": (8, 16)}, "2 levels and dropout 5")],
)
def test_what_cannot_be_built_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        UNet(1, 2, **arguments)
