"""Small files in the layouts that real sets have."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def draw(file: Path, values: np.ndarray) -> Path:
    """Save a picture, making its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(file)
    return file


@pytest.fixture(name="draw")
def draw_fixture():
    """`draw(file, values)` saves a picture."""
    return draw


@pytest.fixture
def pictures(tmp_path):
    """`pictures()` makes a folder of six RGB images and 0/255 masks.

    The white square of image i starts at pixel i.
    """

    def make(
        root: Path = tmp_path / "set",
        *,
        names=tuple("abcdef"),
        suffix="",
        image=".png",
        mask=".png",
    ) -> Path:
        for i, name in enumerate(names):
            square = np.zeros((12, 16), np.uint8)
            square[i % 8 : i % 8 + 4, 4:10] = 255
            colour = np.stack([square // 2 + 10 * i, square, 255 - square], axis=2)
            draw(root / "images" / f"{name}{image}", colour)
            draw(root / "masks" / f"{name}{suffix}{mask}", square)
        return root

    return make


@pytest.fixture
def volumes(tmp_path):
    """`volumes(shape)` makes a folder of HDF5 files with `image` and `label`."""
    import h5py

    def make(
        shape=(8, 7, 6),
        *,
        names=tuple("abcdef"),
        keys=("image", "label"),
        scale=40.0,
        root=tmp_path / "h5",
    ) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        for name in names:
            label = np.zeros(shape, np.uint8)
            label[2:4, 2:4] = 1
            with h5py.File(root / f"{name}.h5", "w") as file:
                file[keys[0]] = (scale * rng.normal(size=shape) + scale).astype(np.float32)
                file[keys[1]] = label
        return root

    return make
