"""How far the networks of finished runs can be believed, asked of the images that scored them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucmt_lite.common import InputError
from ucmt_lite.experiments.run import Result, others, read_run, scored_cases
from ucmt_lite.experiments.tables import markdown

if TYPE_CHECKING:
    from pandas import DataFrame

    from ucmt_lite.data import Cases
    from ucmt_lite.predict import Segmenter


_TITLES = {
    "dice": "Dice",
    "ece": "ECE",
    "ece_object": "ECE on called objects",
    "overconfidence": "overconfidence",
    "risk_area": "risk area",
}


# What else runs of one method may differ in, and are then not averaged over.
_MAY_DIFFER = ("settings", "norm", "size", "patch", "network_settings")


def calibration_of(folder: str | Path, *, students: bool = False) -> list[dict[str, Any]]:
    """Return method, labels, seed, network, Dice and calibration of one finished run, as rows.

    The network that predicts is asked of the split that scored it, at the size it learned at; with
    `students` the method's other networks are, too, a row each. Dice is at the size of the run's
    scores.
    """
    from ucmt_lite.data import load, takes_size
    from ucmt_lite.methods import METHODS
    from ucmt_lite.predict.calibration import measure_calibration

    result = read_run(folder)
    config = result.config
    source = load(
        config.dataset,
        root=config.data or None,
        size=config.size if takes_size(config.dataset) else None,
        classes=config.classes,
        group=config.group,
    )
    segmenter = _network(result, "teacher")
    size = config.size if source.dims == 2 else None
    scored = scored_cases(config, source, size, segmenter.card.get("shrink", 1))
    dice = {METHODS[config.method].predicts: result.scores["dice"]}
    asked = {METHODS[config.method].predicts: segmenter}
    for name in others(config.method) if students else ():
        asked[name] = _network(result, name)
        dice[name] = _dice(asked[name], scored)
    return [
        {
            "run": result.folder.name,
            "dataset": config.dataset,
            "method": config.method,
            "network": name,
            "labeled": config.labeled,
            "unlabeled": config.unlabeled,
            "iterations": config.iterations,
            **{name: json.dumps(getattr(config, name)) for name in _MAY_DIFFER},
            "seed": config.seed,
            "dice": dice[name],
            **measure_calibration(one.net, scored, patch=one.card.get("patch")),
        }
        for name, one in asked.items()
    ]


def _network(result: Result, name: str) -> "Segmenter":
    """Read one network of a run; its students are kept since a later version than its teacher."""
    from ucmt_lite.predict import load_segmenter

    file = result.folder / f"{name}.safetensors"
    if not file.is_file():
        raise InputError(
            f"{result.folder} has no {file.name}: it was written before runs kept their students."
            " Run it again into another folder, or leave out --students."
        )
    return load_segmenter(file)


def _dice(segmenter: "Segmenter", scored: "Cases") -> float:
    """Score a network as its run scored the one that predicts."""
    from ucmt_lite.predict import evaluate

    patch = segmenter.card.get("patch")
    return evaluate(segmenter.net, scored, patch=patch, distances=False)["mean"]["dice"]


def _differs(table: "DataFrame", name: str) -> bool:
    """Tell whether runs of one method differ in a setting; earlier tables do not hold it."""
    return name in table and (table.groupby("method")[name].nunique(dropna=False) > 1).any()


def calibration_listing(table: "DataFrame") -> str:
    """Return the mean of each method in one line of Markdown, in the order of the runs.

    Where students were asked, too, each network has a line.

    A network that calls nothing an object has no confidence there: those numbers are means of the
    other runs.
    """
    fields = ["dataset", "method", "labeled", "iterations"]
    if "unlabeled" in table and table["unlabeled"].nunique() > 1:
        fields.insert(3, "unlabeled")
    if "network" in table and (table.groupby("run")["network"].nunique() > 1).any():
        fields.insert(2, "network")
    fields += [name for name in _MAY_DIFFER if _differs(table, name)]
    titles = {name: title for name, title in _TITLES.items() if name in table}
    lines = []
    for values, group in table.groupby(fields, sort=False, dropna=False):
        numbers = [f"{group[name].mean():.4f}" for name in titles]
        lines.append([*map(str, values), f"{len(group)}", *numbers])
    return markdown([*fields, "runs", *titles.values()], lines)


def calibrations(folders: Iterable[str | Path], *, students: bool = False) -> "DataFrame":
    """Return the table of some finished runs, in their order."""
    from pandas import DataFrame

    return DataFrame(
        [row for folder in folders for row in calibration_of(folder, students=students)]
    )
