import hashlib
import json
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file

from ucmt_lite.common import InputError
from ucmt_lite.nets import DeepLabV3Plus, make, resnet


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A state dict as it is usually published: with a classifier, without batch counts, every value
    recognisable.
    """
    state = OrderedDict(
        (name, torch.full_like(values, 0.5))
        for name, values in resnet.ResNet50(3).state_dict().items()
        if not name.endswith("num_batches_tracked")
    )
    state |= {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def backbone():
    return resnet.ResNet50(3)


@pytest.mark.parametrize("in_channels", [3, 1])
def test_size_equals_the_reference(oracle, in_channels):
    known = json.loads(oracle("params.json").read_text())
    known = next(
        k for k in known if k["network"] == "DeepLabv3p" and k["in_channels"] == in_channels
    )
    net = DeepLabV3Plus(in_channels, known["out_channels"])
    assert count(net) == known["parameters"] == {3: 39_756_962, 1: 39_750_433}[in_channels]
    assert len(list(net.parameters())) == known["parameter_tensors"]
    assert {"encoder": count(net.encoder), "decoder": count(net.decoder)} == known["parts"]
    assert sum(buffer.numel() for buffer in net.buffers()) == known["buffer_values"]
    assert net.eval()(torch.zeros(known["input_shape"])).shape == tuple(known["output_shape"])


def test_backbone_has_the_usual_names_and_shapes(backbone):
    state = backbone.state_dict()
    assert len(state) == 318  # the usual 320 without the classifier's weight and bias
    shapes = {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_mean": (64,),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer1.0.downsample.1.running_var": (256,),
        "layer2.3.conv2.weight": (128, 128, 3, 3),
        "layer3.5.bn3.weight": (1024,),
        "layer4.2.conv3.weight": (2048, 512, 1, 1),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


def test_backbone_has_output_stride_8_with_dilated_last_stages():
    backbone = resnet.ResNet50(1).eval()
    fine, deep = backbone(torch.zeros(1, 1, 64, 32))
    assert (fine.shape[1:], deep.shape[1:]) == ((256, 16, 8), (2048, 8, 4))
    dilations = [
        [block.conv2.dilation[0] for block in stage] for stage in (backbone.layer3, backbone.layer4)
    ]
    assert dilations == [[1, 2, 2, 2, 2, 2], [2, 4, 4]]
    assert [backbone.layer2[0].conv1.stride, backbone.layer2[0].conv2.stride] == [(1, 1), (2, 2)]


def test_backbone_starts_by_the_fan_out():
    start = resnet.ResNet50(3).conv1.weight.std().item()
    assert start == pytest.approx((2 / (64 * 7 * 7)) ** 0.5, rel=0.05)


def test_pyramid_looks_at_the_rates_of_output_stride_8():
    convolutions = [branch[0] for branch in DeepLabV3Plus(1, 2).decoder.aspp.local]
    assert [(c.kernel_size[0], c.dilation[0]) for c in convolutions] == [
        (1, 1),
        (3, 12),
        (3, 24),
        (3, 36),
    ]


def test_weights_are_loaded_from_a_file(usual):
    net = DeepLabV3Plus(3, 2, weights=usual)
    different = [
        n
        for n, v in net.encoder.state_dict().items()
        if not n.endswith("tracked") and (v != 0.5).any()
    ]
    assert different == []
    assert not (net.decoder.head[0][0].weight == 0.5).any()


def test_weights_are_loaded_from_safetensors(backbone, tmp_path):
    state = {name: values.contiguous() for name, values in backbone.state_dict().items()}
    save_file(state, tmp_path / "backbone.safetensors")
    net = DeepLabV3Plus(3, 2, weights=str(tmp_path / "backbone.safetensors"))
    assert torch.equal(net.encoder.layer4[2].conv3.weight, state["layer4.2.conv3.weight"])


def test_imagenet_is_fetched_only_when_asked_and_its_hash_is_checked(usual, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(resnet, "IMAGENET", "file:///nowhere/resnet50-00000000.pth")
    make("deeplabv3plus", 3, 2)
    with pytest.raises(InputError, match=r"could not be fetched.*give its path as weights"):
        DeepLabV3Plus(3, 2, weights="imagenet")

    forged = tmp_path / "resnet50-00000000.pth"
    forged.symlink_to(usual)
    monkeypatch.setattr(resnet, "IMAGENET", forged.as_uri())
    with pytest.raises(InputError, match="invalid hash"):
        DeepLabV3Plus(3, 2, weights="imagenet")

    true = tmp_path / f"resnet50-{hashlib.sha256(usual.read_bytes()).hexdigest()[:8]}.pth"
    true.symlink_to(usual)
    monkeypatch.setattr(resnet, "IMAGENET", true.as_uri())
    assert (DeepLabV3Plus(3, 2, weights="imagenet").encoder.conv1.weight == 0.5).all()


def test_weights_that_do_not_fit_are_refused_and_change_nothing(backbone, usual, tmp_path):
    state = torch.load(usual, weights_only=True)
    spoiled = tmp_path / "spoiled.pth"
    before = backbone.conv1.weight.clone()
    wrong = {
        r"'layer1.0.conv1.weight' is missing \(1 names differ\)": {
            k: state[k] for k in state if k != "layer1.0.conv1.weight"
        },
        "'module.conv1.weight' is unknown": state | {"module.conv1.weight": torch.zeros(1)},
        r"'bn1.bias' is \(3,\) there and \(64,\) here": state | {"bn1.bias": torch.zeros(3)},
        "holds no plain state dict": {"model": state},
    }
    for message, content in wrong.items():
        torch.save(content, spoiled)
        with pytest.raises(InputError, match=message):
            resnet.load_weights(backbone, spoiled)
    assert torch.equal(backbone.conv1.weight, before)


def test_gray_images_cannot_take_colour_weights(usual):
    with pytest.raises(InputError, match=r"'conv1.weight'.*in_channels=3 and repeat gray images"):
        DeepLabV3Plus(1, 2, weights=usual)


def test_weights_of_batch_norm_are_refused_for_another_norm(usual):
    with pytest.raises(InputError, match="learned with batch norm, not with norm='instance'"):
        DeepLabV3Plus(3, 2, weights=usual, norm="instance")


def test_a_file_that_is_no_state_dict_is_refused(backbone, tmp_path):
    for name in ("text.pth", "text.safetensors"):
        (tmp_path / name).write_text("no weights")
        with pytest.raises(InputError, match=f"{name} cannot be read as weights"):
            resnet.load_weights(backbone, tmp_path / name)
    with pytest.raises(InputError, match="There are no weights at"):
        resnet.load_weights(backbone, tmp_path / "absent.pth")


class Evil:
    def __reduce__(self):
        return print, ("code in the file was run",)


def test_code_in_a_weights_file_is_not_run(backbone, tmp_path, capsys):
    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match="cannot be read as weights"):
        resnet.load_weights(backbone, tmp_path / "evil.pth")
    assert "code in the file" not in capsys.readouterr().out


def test_one_image_a_batch_is_refused_in_training_whatever_its_size():
    net = DeepLabV3Plus(1, 2)
    with pytest.raises(InputError, match="cannot train on a batch of 1 image"):
        net(torch.zeros(1, 1, 32, 32))
