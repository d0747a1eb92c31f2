"""Scores image by image: for tests of one's own, and for intervals in which images are chance, too.

Seeds are one source of luck, the images that happened to be drawn for testing another.
"""

import json
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
        about |= {"seed": config["seed"], "split": metrics["split"]}
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
    if cases.duplicated(["variant", "seed", "id"]).any():
        raise InputError("An image stands twice for one variant and seed: select one case first.")
    tables = [
        cases[cases["variant"] == name].pivot(index="seed", columns="id", values="dice")
        for name in (variant, baseline)
    ]
    seeds = tables[0].index.intersection(tables[1].index)
    same = list(tables[0].columns) == list(tables[1].columns)
    if not len(seeds) or not same or any(table.isna().any(axis=None) for table in tables):
        raise InputError(
            f"'{variant}' and '{baseline}' have no seed and images in common: compare variants of"
            " one sweep."
        )
    differences = (tables[0].loc[seeds] - tables[1].loc[seeds]).to_numpy(float)  # seeds images
    random = np.random.default_rng(0)
    count, images = differences.shape
    means = []
    for _ in range(draws):
        drawn = random.integers(count, size=count)
        pick = random.integers(images, size=images)
        means.append(differences[np.ix_(drawn, pick)].mean())
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(differences.mean()), float(low), float(high)
