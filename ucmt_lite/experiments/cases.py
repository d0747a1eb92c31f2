"""Scores image by image: for tests of one's own, and for intervals in which images are chance, too.

Seeds are one source of luck, the images that happened to be drawn for testing another.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ucmt_lite.common import InputError
from ucmt_lite.experiments.results import sweep_plan, unfinished_runs

if TYPE_CHECKING:
    from pandas import DataFrame


def cases_of_sweep(folder: str | Path) -> "DataFrame":
    """Return the mean Dice over classes of each image in each finished run of a sweep."""
    from pandas import DataFrame, concat

    folder = Path(folder)
    unfinished = unfinished_runs(folder)
    tables = []
    plan = sweep_plan(folder)
    if len(unfinished) == len(plan):
        raise InputError(f"No run of the sweep in {folder} is finished yet: run it to its end.")
    for name, planned in plan.items():
        if name in unfinished:
            continue
        metrics = json.loads((folder / "runs" / name / "metrics.json").read_text())
        config = json.loads((folder / "runs" / name / "config.json").read_text())
        ids = [case["id"] for case in metrics["cases"]]
        scores = [float(np.mean(case["dice"])) for case in metrics["cases"]]
        about = {"variant": planned["variant"], "labeled": config["labeled"]}
        about |= {"draw": config.get("draw", -1), "seed": config["seed"]}
        about |= {"split": metrics["split"]}
        tables.append(DataFrame({**about, "id": ids, "dice": np.array(scores, np.float32)}))
    return concat(tables, ignore_index=True)


def crossed_interval(
    cases: "DataFrame", variant: str, baseline: str, level: float = 0.95, draws: int = 2000
) -> tuple[float, float, float]:
    """Return the mean difference of two variants with an interval over seeds and images.

    A bootstrap: seeds and images are each drawn with replacement, the same images for all seeds,
    for a hard image is hard in all of them; both variants keep their pairs. With few seeds it is
    narrower than it should be, as every bootstrap: read it beside the t interval over seeds, not
    instead. Errors: several numbers of labels, no seed that both have, or other images.
    """
    differences = _differences(cases, variant, baseline).to_numpy()  # seeds images
    random = np.random.default_rng(0)
    count, images = differences.shape
    means = []
    for _ in range(draws):
        drawn = random.integers(count, size=count)
        pick = random.integers(images, size=images)
        means.append(differences[np.ix_(drawn, pick)].mean())
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(differences.mean()), float(low), float(high)


def right_choices(
    cases: "DataFrame", one: str, other: str, counts: Sequence[int], draws: int = 2000
) -> "DataFrame":
    """Return how often a few validation images choose the run that all of them call the better.

    A row per seed: the difference of the two runs' mean Dice over all images, then a column per
    number of images, the share of draws of so many (without replacement, the same for both runs)
    in which the same run has the higher mean. The images are those of the table: taken for
    validation images, they say what a validation set of each size would have been worth. Errors:
    as `crossed_interval`, and a count above the number of images.
    """
    from pandas import DataFrame

    differences = _differences(cases, one, other)
    images = differences.shape[1]
    if max(counts) > images:
        raise InputError(f"{max(counts)} of {images} images cannot be drawn: name fewer.")
    random = np.random.default_rng(0)
    order = random.permuted(np.tile(np.arange(images), (draws, 1)), axis=1)
    columns = {"difference": differences.mean(axis="columns")}
    for count in counts:
        means = differences.to_numpy()[:, order[:, :count]].mean(axis=2)  # seeds draws
        right = np.sign(means) == np.sign(columns["difference"].to_numpy())[:, None]
        columns[f"{count} images"] = right.mean(axis=1)
    return DataFrame(columns)


def _differences(cases: "DataFrame", one: str, other: str) -> "DataFrame":
    """Return the difference of two variants in Dice: a row per seed, a column per image."""
    if cases.duplicated(["variant", "seed", "id"]).any():
        raise InputError("An image stands twice for one variant and seed: select one case first.")
    tables = [
        cases[cases["variant"] == name].pivot(index="seed", columns="id", values="dice")
        for name in (one, other)
    ]
    seeds = tables[0].index.intersection(tables[1].index)
    same = list(tables[0].columns) == list(tables[1].columns)
    if not len(seeds) or not same or any(table.isna().any(axis=None) for table in tables):
        raise InputError(
            f"'{one}' and '{other}' have no seed and images in common: compare variants of one"
            " sweep."
        )
    return (tables[0].loc[seeds] - tables[1].loc[seeds]).astype(float)
