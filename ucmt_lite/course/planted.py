"""Faults planted for lessons: the learner finds them, or mends them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TWINS = (4, 17, 31)  # places in the test set where training images stand


def leaked_test_set(
    train: Sequence[np.ndarray], test: Sequence[np.ndarray], seed: int = 0
) -> tuple[NDArray[np.float64], int]:
    """Return test images `N H W` among which some training images hide, and how many.

    Images are `1 H W` bytes. Those that hide have another brightness and contrast, and a little
    noise; `seed` draws which they are.

    >>> images = [np.full((1, 2, 2), level, np.uint8) for level in range(40)]
    >>> leaked_test_set(images, images)[0].shape
    (40, 2, 2)
    """
    random = np.random.default_rng(seed)
    images = np.stack(test)[:, 0].astype(float)
    for place in TWINS:
        twin = train[int(random.integers(len(train)))][0].astype(float)
        changed = random.uniform(0.6, 0.9) * twin + random.uniform(5, 25)
        images[place] = changed + random.normal(0, 1, twin.shape)
    return images, len(TWINS)


def small_lesions(count: int = 40, side: int = 512, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Return masks `side x side` with lesions of three pixels across, some masks with none.

    >>> masks = small_lesions(count=10)
    >>> masks[0].shape, sum(bool(mask.any()) for mask in masks)
    ((512, 512), 8)
    """
    random = np.random.default_rng(seed)
    masks = [np.zeros((side, side), np.uint8) for _ in range(count)]
    for mask in masks[: count * 4 // 5]:
        for row, column in random.integers(0, side - 3, (3, 2)):
            mask[row : row + 3, column : column + 3] = 1
    return masks


def scattered_errors(
    truth: NDArray[np.integer], labels: NDArray[np.integer], random: np.random.Generator
) -> NDArray[np.integer]:
    """Return a mask with as many mistakes as `labels`, of the same kinds, at random places.

    Within the pixels of each true class the given labels change places: bias becomes noise.

    >>> truth, labels = np.array([0, 0, 0, 1]), np.array([1, 0, 0, 1])
    >>> scattered = scattered_errors(truth, labels, np.random.default_rng(0))
    >>> sorted(scattered[:3].tolist()), int(scattered[3])
    ([0, 0, 1], 1)
    """
    scattered = labels.copy()
    for k in np.unique(truth):
        inside = truth == k
        scattered[inside] = random.permutation(labels[inside])
    return scattered
