"""What a MONAI tutorial trains: its U-Net, its loss, its transforms and its loader."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from monai.data import DataLoader, Dataset
from monai.losses import DiceCELoss
from monai.networks.nets import UNet
from monai.transforms import Compose, RandFlipd, RandSpatialCropd, Transform
from torch import Tensor, nn

from ucmt_lite.data import to_input

CHANNELS = (16, 32, 64, 128, 256)
KEYS = ("image", "label")


def build_net(channels: int, classes: int, dims: int) -> nn.Module:
    """Return the tutorials' U-Net: five levels, two residual units each, instance norm."""
    return UNet(dims, channels, classes, CHANNELS, strides=(2,) * 4, num_res_units=2)


def train_steps(
    net: nn.Module,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    batch: int,
    patch: Sequence[int] | None = None,
    lr: float = 1e-3,
    seed: int = 0,
) -> Iterator[int]:
    """Train on images `C *S` and masks `*S` without end; yield the number of steps taken."""
    torch.manual_seed(seed)
    loader = _loader(pairs, batch, patch, seed)
    criterion = DiceCELoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.Adam(net.parameters(), lr)
    step = 0
    while True:
        for item in loader:
            net.train()
            optimizer.zero_grad()
            criterion(net(_plain(item["image"])), _plain(item["label"])).backward()
            optimizer.step()
            step += 1
            yield step


def _loader(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    batch: int,
    patch: Sequence[int] | None,
    seed: int,
) -> DataLoader:
    """Return minibatches of flipped images; of volumes, of random crops."""
    items = [
        {"image": to_input(torch.tensor(image)), "label": torch.tensor(mask)[None]}
        for image, mask in pairs
    ]
    steps: list[Transform] = [RandFlipd(KEYS, prob=0.5, spatial_axis=axis) for axis in (0, 1)]
    if patch:
        steps.insert(0, RandSpatialCropd(KEYS, roi_size=patch, random_size=False))
    transform = Compose(steps).set_random_state(seed)
    return DataLoader(Dataset(items, transform), batch_size=min(batch, len(items)), shuffle=True)


def _plain(tensor: Tensor) -> Tensor:
    """Return MONAI's tensor with metadata as torch's own."""
    return tensor.as_tensor() if hasattr(tensor, "as_tensor") else tensor
