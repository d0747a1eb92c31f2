"""How far the networks of finished runs can be believed, asked of the images that scored them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucmt_lite.experiments.run import read_run
from ucmt_lite.experiments.tables import markdown

if TYPE_CHECKING:
    from pandas import DataFrame


_TITLES = {
    "dice": "Dice",
    "ece": "ECE",
    "ece_object": "ECE on called objects",
    "overconfidence": "overconfidence",
    "risk_area": "risk area",
}


def calibration_of(folder: str | Path) -> dict[str, Any]:
    """Return method, labels, seed, Dice and calibration of one finished run.

    The network that predicts is asked of the split that scored it, at the size it learned at.
    """
    from ucmt_lite.data import cases, load, takes_size
    from ucmt_lite.data.shrink import shrink
    from ucmt_lite.predict import load_segmenter
    from ucmt_lite.predict.calibration import measure_calibration

    result = read_run(folder)
    config = result.config
    segmenter = load_segmenter(result.folder / "teacher.safetensors")
    source = load(
        config.dataset,
        root=config.data or None,
        size=config.size if takes_size(config.dataset) else None,
        classes=config.classes,
        group=config.group,
    )
    size = config.size if source.dims == 2 else None
    scored = shrink(cases(source.splits[config.split], size=size), segmenter.card.get("shrink", 1))
    return {
        "run": result.folder.name,
        "dataset": config.dataset,
        "method": config.method,
        "labeled": config.labeled,
        "unlabeled": config.unlabeled,
        "iterations": config.iterations,
        "seed": config.seed,
        "dice": result.scores["dice"],
        **measure_calibration(segmenter.net, scored, patch=segmenter.card.get("patch")),
    }


def calibration_listing(table: "DataFrame") -> str:
    """Return the mean of each method in one line of Markdown, in the order of the runs.

    A network that calls nothing an object has no confidence there: those numbers are means of the
    other runs.
    """
    fields = ["dataset", "method", "labeled", "iterations"]
    if "unlabeled" in table and table["unlabeled"].nunique() > 1:
        fields.insert(3, "unlabeled")
    titles = {name: title for name, title in _TITLES.items() if name in table}
    lines = []
    for values, group in table.groupby(fields, sort=False):
        numbers = [f"{group[name].mean():.4f}" for name in titles]
        lines.append([*map(str, values), f"{len(group)}", *numbers])
    return markdown([*fields, "runs", *titles.values()], lines)


def calibrations(folders: Iterable[str | Path]) -> "DataFrame":
    """Return the table of some finished runs, in their order."""
    from pandas import DataFrame

    return DataFrame([calibration_of(folder) for folder in folders])
