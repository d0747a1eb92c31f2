"""What all networks have in common, on the smallest images that show it."""

import pytest
import torch

from ucmt_lite.common import InputError
from ucmt_lite.nets import NETS, NORMS, make

EVERY = [
    ("unet", 2),
    ("unet", 3),
    ("unet_small", 2),
    ("unet_small", 3),
    ("vnet", 3),
    ("vnet_small", 3),
    ("deeplabv3plus", 2),
]
SMALL = [("unet_small", 2), ("unet_small", 3), ("vnet_small", 3), ("deeplabv3plus", 2)]


def image(net, channels=1, count=2):
    return torch.randn(count, channels, *[net.stride * factor for factor in (2, 3, 1)[: net.dims]])


@pytest.mark.parametrize("name, dims", EVERY)
def test_logits_have_the_size_of_the_image_also_when_sides_differ_and_are_odd_multiples(name, dims):
    net = make(name, 1, 3, dims)
    x = image(net)
    assert (net.in_channels, net.classes, net.dims) == (1, 3, dims)
    assert net(x).shape == (2, 3, *x.shape[2:])


def test_every_name_is_tried():
    """A frozen encoder, which needs weights, is tried in `test_frozen`."""
    assert {name for name, _ in EVERY} == {name for name, row in NETS.items() if not row.needs}


@pytest.mark.parametrize("name, dims", SMALL)
def test_gradient_reaches_every_parameter(name, dims, settled):
    net = make(name, 1, 2, dims)
    x = image(net)
    # In eval mode: in training a batch norm takes the mean away, and with it the gradient of every
    # bias before it.
    settled(net, x)(x).square().sum().backward()
    untouched = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert untouched == []


def ignored(net, x):
    """Which of the encoder's feature maps the logits do not depend on."""
    leaves = []

    def cut_from_each_other(
        module, arguments, features
    ):  # else a shallow map would still act through the deeper ones
        leaves.extend(feature.detach().requires_grad_() for feature in features)
        return list(leaves)

    handle = net.encoder.register_forward_hook(cut_from_each_other)
    gradients = torch.autograd.grad(net(x).square().sum(), leaves, allow_unused=True)
    handle.remove()
    return [
        level for level, gradient in enumerate(gradients) if gradient is None or not gradient.any()
    ]


@pytest.mark.parametrize("name, dims", SMALL)
def test_every_skip_connection_carries_and_a_cut_one_is_seen(name, dims, settled, monkeypatch):
    net = make(name, 1, 2, dims)
    x = image(net)
    settled(net, x)
    assert ignored(net, x) == []
    decode = net.decoder.forward
    monkeypatch.setattr(
        net.decoder, "forward", lambda maps: decode([torch.zeros_like(maps[0]), *maps[1:]])
    )
    assert ignored(net, x) == [0]


@pytest.mark.parametrize("name, dims", SMALL)
def test_a_seed_gives_the_weights(name, dims):
    def weights(seed):
        torch.manual_seed(seed)
        return [p.detach() for p in make(name, 1, 2, dims).parameters() if p.ndim > 1]

    first, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name, dims", SMALL)
def test_memory_format_does_not_matter(name, dims):
    # Instance norm would divide by the spread of a few values at the bottom of so small an image,
    # which magnifies rounding.
    net = make(name, 3, 2, dims, norm="group").eval()
    x = image(net, channels=3)
    last = x.to(memory_format=torch.channels_last if dims == 2 else torch.channels_last_3d)
    torch.testing.assert_close(net(last), net(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name, dims", SMALL)
def test_images_do_not_see_each_other_in_eval(name, dims):
    net = make(name, 1, 2, dims, norm="group").eval()
    x = image(net)
    torch.testing.assert_close(net(x)[1:], net(x[1:]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name, dims", [("unet", 2), ("unet", 3), ("deeplabv3plus", 2)])
def test_dropout_acts_in_training_only(name, dims):
    net = make(name, 1, 2, dims)
    x = image(net)
    for (
        module
    ) in net.modules():  # batch norm as in eval, so that dropout alone can tell two passes apart
        if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)):
            module.eval()
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize("name, dims", [("unet_small", 2), ("vnet_small", 3)])
def test_small_networks_have_no_dropout(name, dims):
    net = make(name, 1, 2, dims)
    x = image(net)
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize("name, dims", SMALL)
def test_an_image_that_does_not_fit_is_refused_with_both_numbers(name, dims):
    net = make(name, 1, 2, dims)
    good = image(net)
    with pytest.raises(InputError, match=r"takes 1 channel, the image has 3: .*in_channels=3"):
        net(image(net, channels=3))
    with pytest.raises(
        InputError,
        match=f"multiple of {net.stride}, one is {2 * net.stride - 1}: .*to {2 * net.stride}",
    ):
        net(good[:, :, 1:])
    with pytest.raises(InputError, match=f"multiple of {net.stride}, one is 0"):
        net(good[:, :, :0])
    with pytest.raises(InputError, match=f"takes {dims}D images"):
        net(good[0])
    with pytest.raises(InputError, match=r"torch\.uint8.*to_input"):
        net(good.to(torch.uint8))


@pytest.mark.parametrize("name, dims", SMALL)
def test_batch_norm_is_not_asked_for_the_variance_of_one_number(name, dims):
    net = make(name, 1, 2, dims, norm="batch")
    x = torch.randn(1, 1, *[net.stride] * dims)
    with pytest.raises(InputError, match=r"train on.*2.*net\.eval\(\)"):
        net(x)
    assert net.eval()(x).isfinite().all()


def test_two_channels_are_named_in_the_plural():
    with pytest.raises(InputError, match="takes 2 channels, the image has 1:"):
        make("unet_small", 2, 2)(torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize(
    "name, dims, message",
    [
        ("unett", 2, "Unknown network 'unett': did you mean 'unet'?"),
        ("vnet", 2, "V-Net takes 3D images, these have 2 dims: choose 'unet'"),
        ("vnet_small", 2, "choose 'unet_small'"),
        ("deeplabv3plus", 3, "takes 2D images, these have 3 dims: choose 'unet'"),
        ("unet", 4, "2 or 3 dims, not 4"),
    ],
)
def test_names_and_dims_that_do_not_exist_are_refused(name, dims, message):
    with pytest.raises(InputError) as refusal:
        make(name, 1, 2, dims)
    assert message in str(refusal.value)


@pytest.mark.parametrize("name, dims", [("unet_small", 2), ("unet_small", 3), ("vnet_small", 3)])
def test_instance_norm_is_not_asked_to_normalise_one_value(name, dims):
    net = make(name, 1, 2, dims, norm="instance").eval()
    with pytest.raises(InputError, match=f"take sides of {2 * net.stride}, or norm='group'"):
        net(torch.randn(2, 1, *[net.stride] * dims))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name, dims", SMALL)
def test_every_network_takes_every_norm(name, dims, norm):
    net = make(name, 1, 2, dims, norm=norm)
    kinds = {type(module).__name__.rstrip("123d") for module in net.modules()}
    assert ("BatchNorm" in kinds) == (norm == "batch") == ("GroupNorm" not in kinds)
    net(image(net)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
