"""One experiment: from a configuration to a folder of results, as notebook and command run it."""

import json
import time
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ucmt_lite.common import InputError, shortage_told, write_json
from ucmt_lite.data.files import quantity
from ucmt_lite.experiments.assemble import Prepared, prepare
from ucmt_lite.experiments.config import SCORES, RunConfig, labeled_in_words
from ucmt_lite.experiments.folder import RunFolder
from ucmt_lite.experiments.loggers import Log, check_logger

if typing.TYPE_CHECKING:
    import torch

    from ucmt_lite.data import Cases, Source
    from ucmt_lite.methods import Nets
    from ucmt_lite.training.progress import Look
    from ucmt_lite.training.traces import Trace

__all__ = ["Result", "RunConfig", "Trained", "read_run", "run", "show_scores", "train"]


PASSES = 25  # minibatches of training images that statistics are estimated from
# Iterations between two frames of a trace, by dims: one of a volume takes a hundred times the
# bytes of one of an image.
MAPS_EVERY = {2: 20, 3: 100}


@dataclass(frozen=True)
class Result:
    """What a run left: its scores, its trace, and the folder with everything in it."""

    config: RunConfig
    metrics: dict
    trace: "Trace"
    folder: Path

    @property
    def scores(self) -> dict[str, float]:
        """The mean of each score, without those that no image has."""
        means = self.metrics["scores"]
        return {name: means[name] for name in SCORES if means.get(name) is not None}

    @property
    def remarks(self) -> list[str]:
        """What scores do not tell: of the network, then of the data set, a sentence each."""
        rule = self.metrics.get("split_rule", "")
        leak = f"Patients may be on both sides of the split: {rule}."
        told = [leak] if "both sides" in rule else []
        return [*self.metrics.get("findings", []), *told, *self.metrics.get("notes", [])]

    @property
    def labeled(self) -> str:
        """How much was labeled, in words; of patients also how many images they have."""
        words = labeled_in_words(self.config.labeled, self.config.labeled_by)
        if self.config.labeled_by == "images":
            return words
        return f"{words} ({quantity(len(self.metrics['labeled_ids']), 'image')})"


@dataclass(frozen=True)
class Trained:
    """A run after training, in memory: what it trained with, and what was seen on the way."""

    prepared: Prepared
    trace: "Trace"

    @property
    def source(self) -> "Source":
        """The data set."""
        return self.prepared.source

    @property
    def nets(self) -> "Nets":
        """All networks of the method."""
        return self.prepared.nets

    @property
    def net(self) -> "torch.nn.Module":
        """The network that predicts: the teacher where the method has one, else student 1."""
        from ucmt_lite.methods import METHODS

        return getattr(self.nets, METHODS[self.prepared.config.method].predicts)

    @property
    def labeled_ids(self) -> tuple[str, ...]:
        """The training images whose masks were used."""
        return self.prepared.labeled_ids


def run(
    config: RunConfig,
    out: str | Path,
    *,
    on_look: "Callable[[Look], None] | None" = None,
    log: str = "",
) -> Result:
    """Train and evaluate one configuration, and leave a folder with everything about it.

    In `out` stand config.json, metrics.json, trace.npz, the network that predicts as
    teacher.safetensors, and the method's other networks as student1.safetensors and
    student2.safetensors. Everything that can be wrong is checked before training starts. While the
    run goes on it lives in a hidden folder beside `out`, with a checkpoint from which the same call
    continues after an interruption; `out` appears when it is whole. A finished run of the same
    configuration is read, not repeated; one of another configuration is never overwritten. The
    network that is evaluated is the last one, on the images of `config.split`.

    `on_look` is called with a `Look`, the numbers of the run so far, about every 20 iterations.
    `log` names a tool that is told them, and the scores, too (see `loggers.LOGGERS`).
    """
    from ucmt_lite.training import parallel

    check_logger(log)
    parallel.join()
    folder = RunFolder(out)
    if parallel.rank():
        return _help(config, folder)
    if folder.is_finished:  # it may lie where nothing can be written
        return read_run(folder.out, config)
    with folder.alone():
        if folder.is_finished:  # by another process, meanwhile
            return read_run(folder.out, config)
        folder.check_free()
        with folder.removed_if_refused(), shortage_told(folder.unfinished):
            prepared = prepare(config)
            pieces = folder.begin(config.as_dict())
            started = time.perf_counter()
            with Log(log, folder, config) as told:
                done = _train(prepared, folder.checkpoint, told.before(on_look))
                trained = time.perf_counter()
                commit = prepared.environment["commit"]
                pieces.append({"seconds": trained - started, "commit": commit})
                scores = _evaluate(done)
                told(_by_split(config.split, scores["mean"]), config.iterations)
                costs = _costs(pieces, evaluation=time.perf_counter() - trained)
                _write(folder.unfinished, done, scores, costs)
            folder.put_in_place()
        parallel.wait()
    return Result(config, _read_json(folder.out / "metrics.json"), done.trace, folder.out)


def train(config: RunConfig, *, on_look: "Callable[[Look], None] | None" = None) -> Trained:
    """Train one configuration in memory, with everything checked before training starts.

    `on_look` is called with a `Look`, the numbers of the run so far, about every 20 iterations.
    """
    return _train(prepare(config), None, on_look)


def _help(config: RunConfig, folder: RunFolder) -> Result:
    """Do what the other processes of a shared run do: train with the first, read what it wrote."""
    from ucmt_lite.training import parallel

    if not folder.is_finished:
        _train(prepare(config), folder.checkpoint, None)
        parallel.wait()
    return read_run(folder.out, config)


def _train(
    prepared: Prepared, checkpoint: Path | None, on_look: "Callable[[Look], None] | None"
) -> Trained:
    """Train what is prepared, watched by a recorder."""
    from ucmt_lite.training.fit import fit
    from ucmt_lite.training.recorder import Recorder
    from ucmt_lite.training.statistics import estimate_statistics

    config = prepared.config
    every = MAPS_EVERY[prepared.source.dims]
    classes = len(prepared.source.classes)
    recorder = Recorder(config.method, prepared.probe, classes, maps_every=every)
    fit(
        config.method,
        prepared.nets,
        prepared.batches,
        config.iterations,
        lr=config.lr,
        weight_decay=config.weight_decay,
        ramp=config.ramp,
        seed=config.seed,
        precision=config.precision,
        recorder=recorder,
        on_look=on_look,
        checkpoint=checkpoint,
        **prepared.settings,
    )
    if config.statistics == "estimated":
        for net in prepared.nets.children():
            estimate_statistics(net, (prepared.batches(step).u for step in range(PASSES)))
    return Trained(prepared, recorder.trace(**prepared.about))


def _evaluate(done: Trained) -> dict:
    """Score the network that predicts on the split that is asked for."""
    from ucmt_lite import predict

    prepared, config = done.prepared, done.prepared.config
    scored = scored_cases(config, done.source, prepared.size, prepared.shrink)
    return predict.evaluate(done.net, scored, patch=prepared.patch, distances=config.distances)


def scored_cases(config: RunConfig, source: "Source", size: int | None, factor: float) -> "Cases":
    """Return the images that a configuration is scored on, as large as its networks see them."""
    from ucmt_lite.data import cases
    from ucmt_lite.data.shrink import shrink

    at_own = config.score_size == "own"
    return shrink(cases(source.splits[config.split], size=size, own_masks=at_own), factor)


def _scored_at(prepared: Prepared, sides: Sequence[int]) -> str:
    """Say in words at which size was scored, from the smallest and the largest side."""
    dims = prepared.source.dims
    noun, unit = {2: ("pictures", "pixels"), 3: ("volumes", "voxels")}[dims]
    at_own = dims == 3 or prepared.config.score_size == "own"
    whose = f"the {noun}' own size" if at_own else "the size that the network learned at"
    return f"{whose}, {' to '.join(str(side) for side in sorted(set(sides)))} {unit}"


def _by_split(split: str, means: dict) -> dict[str, float]:
    """Return the means of the scores that there are, named as in `test/dice`."""
    return {f"{split}/{name}": means[name] for name in SCORES if name in means}


def _costs(pieces: list[dict], evaluation: float) -> dict:
    """Return the seconds of all pieces of a run, and the commits that trained it."""
    training = sum(piece["seconds"] for piece in pieces)
    commits = dict.fromkeys(piece["commit"] for piece in pieces if piece["seconds"])
    return {
        "seconds": {"training": round(training, 1), "evaluation": round(evaluation, 1)},
        "commit": ", then ".join(commits),
    }


def others(method: str) -> list[str]:
    """Name a method's networks that segment beside the one that predicts.

    >>> others("ucmt"), others("gct"), others("supervised")
    (['student1', 'student2'], ['student2'], [])
    """
    from ucmt_lite.methods import METHODS

    row = METHODS[method]
    return [name for name in row.nets if name not in (row.predicts, "flaw_detector")]


def _save_networks(folder: Path, done: Trained, means: dict) -> None:
    """Write every network that segments with its card; scores are of the one that predicts."""
    from ucmt_lite import predict

    prepared, source, config = done.prepared, done.source, done.prepared.config
    card = {
        **prepared.about,
        "network": config.network,
        "network_settings": config.network_settings,
        "norm": config.norm,
        "in_channels": source.channels,
        "dims": source.dims,
        "size": prepared.size,
        "patch": prepared.patch,
        "shrink": prepared.shrink,
        "preparation": source.preparation.as_dict(),
        "mask_values": source.mask_values,
    }
    for name in others(config.method):
        net, own = getattr(done.nets, name), {}
        if name == "student2" and config.network2 not in ("", config.network):
            own = {"network": config.network2, "network_settings": {}}
        predict.save_segmenter(net, folder / f"{name}.safetensors", card | own)
    card["scores"] = means
    predict.save_segmenter(done.net, folder / "teacher.safetensors", card)


def _write(folder: Path, done: Trained, scores: dict, costs: dict) -> None:
    """Write trace, networks and metrics of a run; the metrics last: they make it a finished one."""
    from ucmt_lite.predict.findings import findings
    from ucmt_lite.training.advice import advice

    prepared, source = done.prepared, done.source
    done.trace.save(folder / "trace.npz")
    _save_networks(folder, done, scores["mean"])
    metrics = {
        "split": prepared.config.split,
        "scores": scores["mean"],
        "unit": scores["unit"],
        "scored_at": _scored_at(prepared, scores["sides"]),
        "findings": [
            *findings(scores["cases"], source.classes, prepared.labeled_masks),
            *advice(done.trace),
        ],
        "cases": scores["cases"],
        "seconds": costs["seconds"],
        "notes": source.notes,
        "labeled_ids": prepared.labeled_ids,
        "split_rule": source.split_rule,
        "counts": {name: len(split) for name, split in source.splits.items()},
        "environment": {**prepared.environment, "commit": costs["commit"]},
    }
    write_json(folder / "metrics.json", metrics)


def show_scores(result: Result) -> None:
    """Show a run's scores in a notebook: a line to read, and numbers that programs find later.

    The numbers are an output of type `application/vnd.ucmt.metrics+json`, which survives where no
    kernel runs.
    """
    from IPython.display import display

    config, scores = result.config, result.scores
    line = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
    text = f"{config.method} on {config.dataset}, {result.labeled}, seed {config.seed}: {line}"
    text = "\n".join([text, *result.remarks])
    content = {"scores": scores, "unit": result.metrics["unit"], "config": config.as_dict()}
    display({"application/vnd.ucmt.metrics+json": content, "text/plain": text}, raw=True)


def read_run(folder: str | Path, config: RunConfig | None = None) -> Result:
    """Read a finished run; where a configuration is given, it must be that one's."""
    from ucmt_lite.training import traces

    folder = Path(folder)
    try:
        saved = RunConfig.of_saved(_read_json(folder / "config.json"))
        metrics = _read_json(folder / "metrics.json")
    except (OSError, json.JSONDecodeError) as cause:
        raise InputError(
            f"{folder} is not a finished run ({cause}): run it again into another folder."
        ) from None
    if config is not None and saved != config:
        wanted, there = config.as_dict(), saved.as_dict()
        differing = [name for name, value in wanted.items() if there[name] != value]
        raise InputError(
            f"{folder} holds a run with another {', '.join(differing)}: choose another folder with"
            " --out."
        )
    return Result(saved, metrics, traces.load_trace(folder / "trace.npz"), folder)


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text())
