"""Batch norm's statistics, estimated anew once training has ended."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def estimate_statistics(net: nn.Module, images: Iterable[Tensor]) -> int:
    """Replace the running statistics of a network's batch norms by those of the given images.

    While a network trains, a running average mixes the statistics of weights that have changed
    since, and of labeled and unlabeled, weak and strong views. The average over minibatches of the
    weights as they are now is what stochastic weight averaging takes (Izmailov et al., UAI 2018,
    arXiv 1803.05407). It needs images, no labels: take those of training, never those of the test.

    Shapes: minibatches `B C *S` on any device. Weights, and networks without batch norm, stay as
    they are. Return the number of batch norms.

    >>> net = nn.BatchNorm2d(1)
    >>> estimate_statistics(net, [torch.full((2, 1, 4, 4), 3.0), torch.full((2, 1, 4, 4), 5.0)])
    1
    >>> net.running_mean, net.training
    (tensor([4.]), True)
    """
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return 0
    momenta = [norm.momentum for norm in norms]
    modes = [(module, module.training) for module in net.modules()]
    net.eval()  # dropout stays silent
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's word for a plain average over all minibatches
        norm.train()
    device = next(net.parameters()).device
    for minibatch in images:
        net(minibatch.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    for module, training in modes:
        module.training = training
    return len(norms)
