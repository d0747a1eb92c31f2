import json

import pytest
import torch

from ucmt_lite.nets import VNet, make


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("classes", [2, 1])
def test_size_equals_the_reference(oracle, classes):
    known = json.loads(oracle("params.json").read_text())
    known = next(k for k in known if k["network"] == "VNet" and k["out_channels"] == classes)
    net = VNet(1, classes)
    assert count(net) == known["parameters"] == {2: 9_448_866, 1: 9_448_849}[classes]
    assert len(list(net.parameters())) == known["parameter_tensors"]
    assert {"encoder": count(net.encoder), "decoder": count(net.decoder)} == known["parts"]
    assert sum(buffer.numel() for buffer in net.buffers()) == known["buffer_values"]
    assert net.eval()(torch.zeros(known["input_shape"])).shape == tuple(known["output_shape"])


def test_small_is_small():
    assert count(make("vnet_small", 1, 2, 3)) == 2_364_434
