"""Statistics of batch norm, estimated anew: the plain average, of the weights as they are."""

import torch
from torch import nn

from ucmt_lite.nets import make
from ucmt_lite.training.parallel import SharedBatchNorm, share_statistics
from ucmt_lite.training.statistics import estimate_statistics


def test_statistics_are_those_of_the_images_whatever_they_were():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5))
    for _ in range(5):
        net(torch.randn(4, 1, 8, 8) + 9)
    images = [torch.randn(4, 1, 8, 8) for _ in range(6)]
    assert estimate_statistics(net, images) == 1
    seen = torch.stack([net[0](image).mean((0, 2, 3)) for image in images]).mean(0)
    torch.testing.assert_close(net[1].running_mean, seen)
    assert net[1].momentum == 0.1 and net.training


def test_modes_and_weights_stay():
    net = make("unet_small", 1, 2).eval()
    net.decoder.train()
    before = {name: value.clone() for name, value in net.named_parameters()}
    estimate_statistics(net, [torch.randn(2, 1, 16, 16)])
    assert not net.training and not net.encoder.training and net.decoder.training
    assert all(torch.equal(value, before[name]) for name, value in net.named_parameters())


def test_a_network_without_batch_norm_has_nothing_to_estimate():
    assert estimate_statistics(make("unet_small", 1, 2, norm="instance"), []) == 0


def test_the_norm_that_processes_share_takes_the_plain_average_too():
    torch.manual_seed(0)
    images = [torch.randn(4, 3, 8, 8) + k for k in range(3)]
    alone, shared = (nn.Sequential(nn.BatchNorm2d(3)) for _ in range(2))
    share_statistics(shared)
    assert isinstance(shared[0], SharedBatchNorm)
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert [estimate_statistics(net, images) for net in (alone, shared)] == [1, 1]
    finally:
        torch.distributed.destroy_process_group()
    torch.testing.assert_close(shared[0].running_mean, alone[0].running_mean)
    torch.testing.assert_close(shared[0].running_var, alone[0].running_var)
