"""Checks of what is done with data before training: counts, splits, twins."""

import numpy as np

from ucmt_lite.course.checks.judging import Answer, Judged, judging, require


def check_class_shares(answer: Answer) -> None:
    """Check `answer(masks, classes)`: the share of all pixels that each class has."""
    with judging(answer) as judged:
        random = np.random.default_rng(0)
        masks = [
            random.integers(0, 3, (4, 5)),
            random.integers(0, 2, (10, 8)),
            np.zeros((3, 3), int),
        ]
        counts = [sum(int((mask == k).sum()) for mask in masks) for k in range(5)]
        pixels = sum(mask.size for mask in masks)
        shares = np.asarray(judged(masks, 5), float)
        require(
            shares.shape == (5,),
            f"it has shape {shares.shape} for 5 classes, of which the masks show 3: keep a place"
            " for each class, with minlength.",
        )
        require(
            not np.allclose(shares, counts),
            "these are counts: divide by the number of all pixels.",
        )
        each = np.mean([[(mask == k).mean() for k in range(5)] for mask in masks], axis=0)
        require(
            not np.allclose(shares, each),
            "that is the mean of each mask's shares: small masks would count as much as large ones,"
            " so count all pixels together.",
        )
        require(
            not np.isclose(shares[0], 0) or not np.isclose(shares[1:].sum(), 1),
            "the background is left out: it is a class, too.",
        )
        require(
            np.allclose(shares, np.array(counts) / pixels),
            f"for the counts {counts} of {pixels} pixels it gives {shares.round(3).tolist()}.",
        )


def check_split_by_patient(answer: Answer) -> None:
    """Check `answer(patients, share, seed)`: training and test images, no patient in both."""
    with judging(answer) as judged:
        for count, share in ((20, 0.25), (7, 0.3), (4, 0.05)):
            _check_one_split(judged, _patients(count), share, count)
        first, again, *others = (
            sorted(judged(_patients(20), 0.5, seed)[1]) for seed in (0, 0, 1, 2, 3)
        )
        require(
            again == first,
            "the same seed gives another split: shuffle with random.Random(seed), and sort the"
            " patients first.",
        )
        require(
            any(other != first for other in others),
            "every seed gives the same split: draw the patients by the seed.",
        )


def _patients(count: int) -> dict[str, str]:
    """Return images of so many patients, one to four of each."""
    return {f"image{p:02d}_{i}": f"p{p:02d}" for p in range(count) for i in range(1 + p % 4)}


def _check_one_split(judged: Judged, patients: dict[str, str], share: float, count: int) -> None:
    train, test = judged(patients, share, 0)
    train, test = list(train), list(test)
    both = {patients.get(image) for image in train} & {patients.get(image) for image in test}
    require(set(train) | set(test) <= set(patients), "return images, the keys of the dictionary.")
    require(
        not both,
        f"{len(both)} patients have images in both lists: draw patients, not images.",
    )
    require(
        sorted([*train, *test]) == sorted(patients),
        f"{len(train)} and {len(test)} images do not add up to all {len(patients)}: each stands in"
        " one list.",
    )
    tested, wanted = len({patients[image] for image in test}), max(1, round(share * count))
    require(
        tested == wanted,
        f"{tested} of {count} patients are tested on for a share of {share}: take {wanted}.",
    )


def check_twins(answer: Answer) -> None:
    """Check `answer(train, test)`: the indices of test images that are training images again."""
    with judging(answer) as judged:
        random = np.random.default_rng(3)
        base = random.normal(0, 1, (1, 12, 12))
        train, test = (0.9 * base + 0.3 * random.normal(0, 1, (n, 12, 12)) for n in (9, 8))
        noise = 0.01 * random.normal(0, 1, (3, 12, 12))
        exact, brighter, flatter = 1, 4, 6
        test[exact] = train[7] + noise[0]
        test[brighter] = train[2] + 40 + noise[1]
        test[flatter] = 0.5 * train[5] - 3 + noise[2]
        found = sorted(int(index) for index in judged(100 + 20 * train, 100 + 20 * test))
        require(
            found != [2, 5, 7],
            "these are indices of training images: return those of the test images.",
        )
        require(
            found != [exact],
            "twins of another brightness or contrast are missed: standardise each image first.",
        )
        require(
            found != [exact, brighter],
            "a twin of another contrast is missed: divide by the standard deviation, too.",
        )
        require(
            len(found) < len(test),
            "every image has a twin by that measure: images of one kind resemble each other, ask"
            " for more likeness.",
        )
        require(
            found == [exact, brighter, flatter],
            f"it finds {found}; {[exact, brighter, flatter]} are twins of training images.",
        )
