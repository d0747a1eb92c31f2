"""Finished runs as rows of a file, and those rows as a table: numbers that are kept carry all they depend on."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ucmt_lite.experiment import read_run

SCORES = ("dice", "jaccard", "hd95", "asd")


def rows(folders: Iterable[str | Path]) -> list[dict[str, Any]]:
    """One row a finished run: its configuration, mean scores on the test images, seconds and environment.

    The folder that the data lay in is left out: it says nothing about the result.
    """
    found = []
    for folder in folders:
        run = read_run(folder)
        found.append(
            {
                "config": {name: value for name, value in run.config.as_dict().items() if name != "data"},
                "test": {name: run.metrics["scores"].get(name) for name in (*SCORES, "undefined")},
                "unit": run.metrics["unit"],
                "cases": len(run.metrics["cases"]),
                "gradient_steps": run.config.iterations * gradient_steps(run.config.method),
                "labeled_ids": run.metrics["labeled_ids"],
                "split_rule": run.metrics["split_rule"],
                "seconds": run.metrics["seconds"],
                "environment": run.metrics["environment"],
            }
        )
    return found


def gradient_steps(method: str) -> int:
    """How many steps an iteration takes for the networks that segment: UCMT takes two, GCT's second is the detector's."""
    from ucmt_lite.methods import dry_run

    return sum("sup" in terms for terms in dry_run(method))


def table(kept: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table, in their order."""
    head = ["method", "labeled", "iterations", "gradient steps", "seed", "Dice", "Jaccard", "HD95", "ASD", "no distance", "training"]  # fmt: skip
    lines = [head, ["---"] * len(head)]
    for row in kept:
        config, test = row["config"], row["test"]
        counts = [config["labeled"], config["iterations"], row["gradient_steps"], config["seed"]]
        scores = [f"{test[n]:.3f}" for n in SCORES[:2]] + [
            "-" if test[n] is None else f"{test[n]:.2f}" for n in SCORES[2:]
        ]
        lines.append([config["method"], *map(str, counts), *scores, f"{test['undefined'] or 0} of {row['cases']}", f"{row['seconds']['training']:.0f} s"])  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
