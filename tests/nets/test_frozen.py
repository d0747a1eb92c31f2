"""The probe of a frozen encoder: what learns, what it needs, and that its file is whole."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ucmt_lite.common import InputError
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.run import run
from ucmt_lite.nets import make
from ucmt_lite.nets.frozen import FrozenProbe
from ucmt_lite.nets.resnet import ResNet50
from ucmt_lite.predict import load_segmenter


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A ResNet-50 of random weights, with the classifier that such files have."""
    torch.manual_seed(0)
    state = ResNet50(3).state_dict() | {"fc.weight": torch.zeros(1000, 2048)}
    path = tmp_path_factory.mktemp("weights") / "resnet50.safetensors"
    save_file(state, path)
    return path


def test_the_encoder_is_the_files_and_only_the_head_learns(weights):
    net = FrozenProbe(1, 3, weights=weights, norm="instance").train()
    stays = {name: value.clone() for name, value in net.encoder.state_dict().items()}
    learns = [name for name, p in net.named_parameters() if p.requires_grad]
    assert learns == ["head.weight", "head.bias"]
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.1)
    net(torch.randn(2, 1, 32, 32)).square().sum().backward()
    optimizer.step()
    for name, value in net.encoder.state_dict().items():
        assert torch.equal(value, stays[name]), name
    assert not net.encoder.bn1.training and net.head.training


def test_grey_images_are_the_same_as_grey_colours(weights):
    net = FrozenProbe(1, 2, weights=weights, norm="instance").eval()
    colour = FrozenProbe(3, 2, weights=weights, norm="instance").eval()
    colour.head.load_state_dict(net.head.state_dict())
    x = torch.rand(1, 1, 32, 32) * 2 - 1
    torch.testing.assert_close(net(x), colour(x.expand(-1, 3, -1, -1)))


def test_a_run_needs_weights_and_says_so(tmp_path):
    with pytest.raises(InputError, match="network_settings weights=FILE"):
        make("frozen_resnet50", 1, 2)
    config = RunConfig(method="supervised", network="frozen_resnet50", iterations=1)
    with pytest.raises(InputError, match="a frozen encoder knows what its weights know"):
        run(config, tmp_path / "run")
    none = RunConfig(**{**config.as_dict(), "network_settings": {"weights": "none.pth"}})
    with pytest.raises(InputError, match="no weights at none.pth"):
        run(none, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_unimatch_thins_out_nothing_that_is_frozen(tmp_path, weights):
    settings = {"weights": str(weights)}
    config = RunConfig(method="unimatch", network="frozen_resnet50", network_settings=settings)
    with pytest.raises(InputError, match="an encoder that learns"):
        run(config, tmp_path / "run")


def test_a_finished_probe_is_read_where_the_weights_are_not(tmp_path, weights):
    own = tmp_path / "own.safetensors"
    own.write_bytes(weights.read_bytes())
    config = RunConfig(
        method="mean_teacher",
        network="frozen_resnet50",
        network_settings={"weights": str(own)},
        iterations=2,
        size=32,
        distances=False,
    )
    result = run(config, tmp_path / "run")
    own.unlink()
    mask = load_segmenter(result.folder / "teacher.safetensors").segment(
        np.zeros((40, 50), np.uint8)
    )
    assert mask.shape == (40, 50)


def test_the_statistics_of_its_weights_are_not_estimated_anew(weights, tmp_path):
    config = RunConfig(
        dataset="phantom_heart",
        size=32,
        labeled=2,
        batch=2,
        method="supervised",
        iterations=1,
        network="frozen_resnet50",
        network_settings={"weights": str(weights)},
        statistics="estimated",
    )
    with pytest.raises(InputError, match="keeps the statistics of its weights, leave it out"):
        run(config, tmp_path / "run")
