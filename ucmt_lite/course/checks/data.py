"""Checks of what is done with data before training: counts, splits, twins."""

import numpy as np

from ucmt_lite.course.checks.judging import (
    Answer,
    Judged,
    judging,
    require,
    require_value,
)


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
            sorted(judged(_patients(20, salt=call), 0.5, seed)[1])
            for call, seed in enumerate((0, 0, 1, 2, 3))
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


class _Salted(str):
    """A name whose place in a set is another with another salt, as in another run of Python."""

    salt = 0

    def __hash__(self) -> int:
        return hash((self.salt, str(self)))

    __eq__ = str.__eq__


def _patients(count: int, salt: int = 0) -> dict[str, str]:
    """Return images of so many patients, one to four of each."""
    names = [_Salted(f"p{p:02d}") for p in range(count)]
    for name in names:
        name.salt = salt
    return {f"image{p:02d}_{i}": name for p, name in enumerate(names) for i in range(1 + p % 4)}


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


def check_grey_to_classes(answer: Answer) -> None:
    """Check `answer(masks)`: class numbers for grey values, with one meaning for the whole set."""
    with judging(answer) as judged:
        masks = [
            np.array([[0, 255], [255, 0]], np.uint8),
            np.array([[0, 128], [128, 128]], np.uint8),
            np.array([[255, 255], [255, 128]], np.uint8),
        ]
        right = [[[0, 2], [2, 0]], [[0, 1], [1, 1]], [[2, 2], [2, 1]]]
        before = [mask.copy() for mask in masks]
        result = [np.asarray(mask).tolist() for mask in judged(masks)]
        require(
            all(map(np.array_equal, masks, before)),
            "the masks that were given have changed: return new ones.",
        )
        require(len(result) == 3, f"{len(result)} masks come back of 3.")
        alone = [np.unique(mask, return_inverse=True)[1].reshape(2, 2).tolist() for mask in masks]
        require(
            result != alone,
            "each mask is numbered alone, so that 128 is class 1 in one and 0 in another: collect"
            " the values of all masks first.",
        )
        require(
            result != [(mask > 0).astype(int).tolist() for mask in masks],
            "all grey values have become one class: 128 and 255 are two.",
        )
        require(
            result != [(mask // 255).astype(int).tolist() for mask in masks],
            "128 has become background: it is a class of its own.",
        )
        require(
            result != [mask.tolist() for mask in masks],
            "these are still grey values: number them 0, 1, 2, ... in rising order.",
        )
        require(
            result == right,
            f"0, 128 and 255 are the classes 0, 1 and 2, and it gives {result}.",
        )


def check_pairs(answer: Answer) -> None:
    """Check `answer(images, masks)`: the mask of each image by name, or None."""
    with judging(answer) as judged:
        right = {
            "b.jpg": "b_gt.png",
            "a.jpg": "a_mask.png",
            "a_2.jpg": "a_2_seg.png",
            "the_mask_of_x.png": "the_mask_of_x_mask.png",
            "lonely.jpg": None,
            "c.png": "c.gif",
            "p1.png": None,
            "p10.png": "p10_mask.png",
        }
        images, masks = list(right), sorted(filter(None, right.values()))
        pairs = judged(images, masks)
        require(
            isinstance(pairs, dict), f"it returns a {type(pairs).__name__}: return a dictionary."
        )
        require(set(pairs) == set(images), "every image is a key, also one without a mask.")
        require(
            pairs["lonely.jpg"] is None,
            f"lonely.jpg has no mask and gets {pairs['lonely.jpg']}: pair by name, not by order.",
        )
        require(
            pairs["a.jpg"] != "a_2_seg.png" and pairs["a_2.jpg"] != "a_mask.png",
            "a.jpg and a_2.jpg are mixed up: compare whole names, not beginnings.",
        )
        require(
            pairs["p1.png"] is None,
            f"p1.png has no mask and gets {pairs['p1.png']}: compare whole names, not beginnings.",
        )
        require(
            pairs["the_mask_of_x.png"] == right["the_mask_of_x.png"],
            "the_mask_of_x.png is not paired: cut _mask off at the end of a name only.",
        )
        require(pairs["c.png"] == "c.gif", "c.png belongs to c.gif: endings may differ.")
        for image, mask in right.items():
            require(pairs[image] == mask, f"{image} belongs to {mask}, and it gets {pairs[image]}.")


def check_patient(answer: Answer) -> None:
    """Check `answer(name)`: the part of a name that says whose image it is."""
    with judging(answer) as judged:
        for name, right, why in (
            ("patient012_photo1", "patient012", "the patient's number ends before the underline"),
            ("patient01_photo2", "patient01", "take all digits, and no more"),
            ("patient_7", "patient_7", "an underline may stand before the number"),
            ("patient_7_photo1", "patient_7", "an underline may stand before the number"),
            ("scan_7-b", "scan_7", "scans have numbers, too"),
            ("scan12", "scan12", "the underline may be missing"),
            ("scan12_b", "scan12", "the underline may be missing, and the number ends at a letter"),
            ("IMG0042", "IMG0042", "it names no patient, so the image stands for itself"),
            ("left_patient3", "left_patient3", "the patient stands at the beginning of a name"),
        ):
            found = judged(name)
            require(found == right, f"of {name!r} it takes {found!r}: {right!r}, since {why}.")


def check_stretched(answer: Answer) -> None:
    """Check `answer(image, low, high)`: grey values between two percentiles, from 0 to 1."""
    with judging(answer) as judged:
        random = np.random.default_rng(1)
        scan = random.integers(800, 1200, (16, 16)).astype(np.uint16)
        scan[0, 0] = 60000  # one bright pixel, as a metal clip makes it
        for image, low, high in ((scan, 1, 99), (scan.astype(np.float32), 5, 90)):
            _check_one_stretch(judged, image, low, high)
        flat = np.asarray(judged(np.full((4, 4), 7.0), 1, 99))
        require(
            np.isfinite(flat).all() and not flat.any(),
            "an image of one value has no contrast to stretch: give 0 everywhere, and no 0 / 0.",
        )


def _check_one_stretch(judged: Judged, image: np.ndarray, low: int, high: int) -> None:
    result = np.asarray(judged(image, low, high))
    require(
        result.shape == image.shape,
        f"it has shape {result.shape} for an image of {image.shape}.",
    )
    require(
        result.dtype.kind == "f",
        f"its values are {result.dtype}: whole numbers have nothing between 0 and 1.",
    )
    values = image.astype(float)
    least, most = values.min(), values.max()
    start, end = (float(np.percentile(values, q)) for q in (low, high))
    grey = (values - start) / (end - start)
    right = np.clip(grey, 0, 1)
    require_value(
        result,
        right,
        [
            (
                (values - least) / (most - least),
                "one bright pixel has squeezed all others into almost nothing: take percentiles for"
                " the smallest and the largest value.",
            ),
            (grey, "what lies outside of the two percentiles leaves 0 to 1: clip it."),
            (np.clip(values / end, 0, 1), "the lower percentile becomes 0: subtract it first."),
            (1 - right, "bright and dark are swapped."),
            (255 * right, "1 is the largest value, not 255."),
            (
                np.clip((values - start) / end, 0, 1),
                "the higher percentile becomes 1: divide by the distance of the two.",
            ),
        ],
        f"the percentiles {low} and {high} are {start:.1f} and {end:.1f}: they become 0 and 1,"
        " what lies between them keeps its place.",
        tolerance=1e-4,
    )
