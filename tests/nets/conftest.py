import pytest
import torch


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def settled():
    """`settled(net, x)` is net in eval mode, its batch norms set to the statistics of x, lest
    signals fade.
    """

    def settle(net, x):
        norms = [
            m for m in net.modules() if isinstance(m, (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d))
        ]
        for norm in norms:
            norm.momentum = 1.0
        net.train()(x)
        return net.eval()

    return settle
