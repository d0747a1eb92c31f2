"""Networks of other packages: MONAI's own, and a stand-in for segmentation_models_pytorch."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from ucmt_lite.common import InputError
from ucmt_lite.nets import check_passes, make
from ucmt_lite.nets.foreign import find_foreign

SMALL = {"monai:BasicUNet": {"features": [4, 4, 4, 8, 8, 4]}}


class Unet(nn.Module):
    """Takes what the class of that name takes; halves the sides three times, and doubles them."""

    built: list = []

    def __init__(
        self,
        encoder_name="resnet34",
        encoder_depth=3,
        encoder_weights="imagenet",
        in_channels=3,
        classes=1,
        activation=None,
        aux_params=None,
    ):
        super().__init__()
        self.built.append((encoder_name, encoder_weights, activation))
        halves = [nn.Conv2d(8, 8, 3, 2, 1) for _ in range(encoder_depth)]
        self.way = nn.Sequential(
            nn.Conv2d(in_channels, 8, 3, padding=1),
            *halves,
            nn.BatchNorm2d(8),
            nn.Dropout(0.1),
            nn.Upsample(scale_factor=2**encoder_depth),
            nn.Conv2d(8, classes, 1),
        )
        self.aux_params = aux_params

    def forward(self, x):
        return self.way(x)


class Classifier(nn.Module):
    """Gives one value a class, not one a pixel."""

    def __init__(self, in_channels=3, classes=1):
        super().__init__()
        self.layer = nn.Conv2d(in_channels, classes, 1)

    def forward(self, x):
        return self.layer(x).mean(dim=(2, 3))


@pytest.fixture
def smp(monkeypatch):
    """A stand-in with the names and arguments of segmentation_models_pytorch."""
    package = ModuleType("segmentation_models_pytorch")
    package.Unet, package.Classifier, package.Loss = Unet, Classifier, nn.MSELoss
    package.encoders = SimpleNamespace(get_encoder_names=lambda: ["resnet18", "resnet34"])
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setattr(Unet, "built", [])
    return package


@pytest.mark.parametrize("name, dims, stride", [("UNet", 2, 8), ("DynUNet", 3, 8), ("VNet", 3, 16)])
def test_monais_networks_give_logits_at_the_size_of_the_image(name, dims, stride):
    net = make(f"monai:{name}", 2, 3, dims)
    assert (net.in_channels, net.classes, net.dims, net.stride) == (2, 3, dims, stride)
    x = torch.randn(1, 2, *[2 * stride] * dims)
    assert net.eval()(x).shape == (1, 3, *x.shape[2:])
    side = 2 * stride - 1
    with pytest.raises(InputError, match=f"multiple of {stride}, one is {side}"):
        net(x[:, :, 1:])
    with pytest.raises(InputError, match="takes 2 channels, the image has 1"):
        net(x[:, :1])


def test_settings_reach_the_class_and_a_seed_gives_the_weights():
    def weights(seed):
        torch.manual_seed(seed)
        net = make("monai:BasicUNet", 1, 2, settings=SMALL["monai:BasicUNet"])
        return net.state_dict()

    first, again, other = weights(0), weights(0), weights(1)
    name = next(name for name, value in first.items() if value.ndim == 4)
    assert first[name].shape[0] == 4
    assert torch.equal(first[name], again[name]) and not torch.equal(first[name], other[name])


def test_smps_networks_get_their_encoder_and_no_weights(smp):
    net = make("smp:Unet/resnet18", 1, 4, settings={"encoder_depth": 2})
    assert smp.Unet.built == [("resnet18", None, None)] and net.stride == 4
    assert net(torch.randn(2, 1, 8, 12)).shape == (2, 4, 8, 12)
    assert make("smp:Unet", 1, 4).stride == 8 and smp.Unet.built[1][0] == "resnet34"
    assert find_foreign("smp:Unet/tu-resnet10t")[2] == "tu-resnet10t", "timm knows its own names"


@pytest.mark.parametrize(
    ("name", "dims", "settings", "sentence"),
    [
        ("smp:Uent", 2, {}, "Unknown network of smp 'Uent': did you mean 'Unet'?"),
        ("smp:Loss", 2, {}, "choose one of: Classifier, Unet."),
        ("smp:Unet/resnet19", 2, {}, "Unknown encoder 'resnet19': did you mean 'resnet18'?"),
        ("smp:Unet/tu-hf-hub:a/b", 2, {}, "Unknown encoder"),
        ("smp:Classifier/resnet18", 2, {}, "takes no encoder by its name: leave out /resnet18"),
        ("smp:Unet", 3, {}, "takes 2D images, these have 3 dims: choose one of monai's"),
        ("smp:Unet", 2, {"encoder_weights": "imagenet"}, "encoder_weights of smp:Unet is None"),
        ("smp:Unet", 2, {"in_channels": 3}, "in_channels of smp:Unet is 1 here: leave it out"),
        ("smp:Unet", 2, {"encoder_dept": 2}, "did you mean 'encoder_depth'?"),
        ("smp:Unet", 2, {"encoder_depth": "two"}, "smp:Unet cannot be built ("),
        ("timm:Unet", 2, {}, "Unknown package of networks 'timm': choose one of: monai, smp"),
        ("monai:Dynunet", 2, {}, "did you mean 'DynUNet'?"),
        ("monai:FlexibleUNet", 2, {}, "missing 1 required positional argument: 'backbone'"),
        ("unet", 2, {"channels": [8]}, "is for networks of other packages, 'unet' is one of this"),
    ],
)
def test_what_a_package_does_not_have_is_one_sentence(smp, name, dims, settings, sentence):
    with pytest.raises(InputError) as refusal:
        make(name, 1, 2, dims, settings=settings)
    assert sentence in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_package_that_is_missing_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    with pytest.raises(InputError, match=r'run pip install "ucmt-lite\[smp\]"'):
        make("smp:Unet", 1, 2)


def test_what_gives_no_logits_for_every_pixel_is_refused(smp):
    with pytest.raises(InputError, match=r"smp:Classifier gives \(2, 3\) for an image of"):
        make("smp:Classifier", 1, 3)(torch.zeros(2, 1, 8, 8))
    net = make("monai:BasicUNetPlusPlus", 1, 3, settings=SMALL["monai:BasicUNet"])
    with pytest.raises(InputError, match="gives list for an image of"):
        net(torch.zeros(2, 1, 32, 32))


def test_minibatches_that_cannot_be_trained_on_are_refused_and_the_network_stays_as_it_was(smp):
    net = make("smp:Unet", 1, 2).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    x = torch.randn(2, 1, 16, 16)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    check_passes(net, x)
    assert torch.equal(torch.rand(1), expected) and not net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    # One value a channel at the bottom, on which batch norm cannot train
    with pytest.raises(InputError, match="cannot be trained on minibatches of 1 x 1 x 8 x 8"):
        check_passes(net, torch.randn(1, 1, 8, 8))
