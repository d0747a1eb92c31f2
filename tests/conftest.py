"""Fixtures shared by all tests: small phantom sets, and where real images and reference numbers
lie, if anywhere.
"""

import os
from pathlib import Path

import numpy as np
import pytest

# Real images under data/, reference numbers under oracle/; neither is part of the repository.
SHARED = Path(os.environ.get("UCMT_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture
def few_cases(monkeypatch):
    """Phantom sets of a handful of images, for tests of what a run does, not of its Dice."""
    import ucmt_lite.data

    real = ucmt_lite.data.load
    few = {"phantom_heart": (8, 3, 3), "phantom_skin": (8, 3, 3), "phantom_atrium": (4, 2, 2)}
    monkeypatch.setattr(
        ucmt_lite.data,
        "load",
        lambda name, **given: real(name, **{"count": few.get(name), **given}),
    )


@pytest.fixture(scope="session")
def real_data():
    """`real_data("isic2018_256")` is the folder of that real data set; the test is skipped where it
    is absent.
    """

    def find(name: str) -> Path:
        folder = SHARED / "data" / name
        if not folder.is_dir():
            pytest.skip(f"real data '{name}' are not here: put them in {folder} or set UCMT_SHARED")
        return folder

    return find


@pytest.fixture(scope="session")
def oracle():
    """`oracle("ema.npz")` holds arrays computed with the public reference code; skipped where they
    are absent.
    """

    def find(name: str):
        file = SHARED / "oracle" / name
        if not file.is_file():
            pytest.skip(
                f"reference numbers '{name}' are not here: put them in {file} or set UCMT_SHARED"
            )
        return np.load(file, allow_pickle=False) if file.suffix == ".npz" else file

    return find
