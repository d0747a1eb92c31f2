"""One experiment, from a configuration to a folder of results: what the experiment notebook and the
command run.
"""

import json
import os
import time
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ucmt_lite.common import InputError, write_json
from ucmt_lite.experiments.assemble import (
    load_source,
    make_nets,
    method_settings,
    picture_size,
    probe_cases,
    window_of,
)
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.provenance import commit, environment

if typing.TYPE_CHECKING:
    import torch

    from ucmt_lite.data import Batches, Cases, Source
    from ucmt_lite.methods import Nets
    from ucmt_lite.training.traces import Trace

__all__ = ["Result", "RunConfig", "Trained", "read_run", "run", "show_scores", "train"]


PIECES = "pieces.json"  # when each process that worked on an unfinished run began


@dataclass(frozen=True)
class Result:
    """What a run left: its scores, its trace, and the folder with everything in it."""

    config: RunConfig
    metrics: dict
    trace: "Trace"
    folder: Path


def run(config: RunConfig, out: str | Path) -> Result:
    """Train and evaluate one configuration; leave `out` with config.json, metrics.json, trace.npz
    and teacher.safetensors.

    Everything that can be wrong is checked before training starts. While the run goes on it lives
    in a hidden folder beside `out`, with a checkpoint from which the same call continues after an
    interruption; `out` appears when it is whole. A finished run of the same configuration is read,
    not repeated; one of another configuration is never overwritten. The network that is evaluated
    is the last one, on the images of `config.split`.
    """
    from ucmt_lite.training import parallel

    out = Path(out)
    parallel.join()
    if parallel.rank():
        return help_with(config, out)
    with alone(out):
        if (out / "metrics.json").is_file():
            return read_run(out, config)
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(
                f"{out} exists and is not a run of this kit: choose another folder with --out."
            )
        return train_and_evaluate(config, out)


def help_with(config: RunConfig, out: Path) -> Result:
    """What the other processes of a shared run do: train with the first one, and read what it has
    written.
    """
    from ucmt_lite.training import parallel

    if not (out / "metrics.json").is_file():
        train(config, lambda: unfinished_folder(out))
        parallel.wait()
    return read_run(out, config)


@contextmanager
def alone(out: Path, patience: float = 10) -> Iterator[None]:
    """Keep every other process away from a run's folder; the lock of a process that was killed
    opens by itself.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(os.fspath(out.parent / f".{out.name}.lock"), timeout=patience)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise InputError(
            f"Another process is at work on {out}: wait for it, or choose another folder with"
            " --out."
        ) from None
    except OSError as cause:
        raise InputError(
            f"{out} cannot be written ({cause.strerror}): choose another folder with --out."
        ) from None
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


@dataclass(frozen=True)
class Trained:
    """Networks after training, in memory, with what they were trained on and what was seen on the
    way.
    """

    config: RunConfig
    source: "Source"
    nets: "Nets"
    trace: "Trace"
    labeled_ids: tuple[str, ...]
    environment: dict

    @property
    def net(self) -> "torch.nn.Module":
        """The network that predicts: the teacher where the method has one, else student 1."""
        from ucmt_lite.methods import METHODS

        return getattr(self.nets, METHODS[self.config.method].predicts)


@dataclass(frozen=True)
class Prepared:
    """What a run trains with, everything checked."""

    batches: "Batches"
    nets: "Nets"
    settings: dict
    labeled_ids: tuple[str, ...]


def prepare(
    config: RunConfig, source: "Source", images: "Cases", device: "torch.device"
) -> Prepared:
    """Minibatches and networks of a configuration on the training images of its data set."""
    from ucmt_lite.data import Batches, split_labeled

    labeled, unlabeled = split_labeled(images.ids, images.groups, config.labeled, config.seed)
    batches = Batches(
        images.select(labeled),
        images.select(unlabeled),
        batch=(config.batch, config.batch),
        patch=config.patch or None,
        seed=config.seed,
        device=device,
    )
    settings = method_settings(config, source, batches.patch)
    return Prepared(
        batches, make_nets(config, source, device, batches.patch), settings, tuple(labeled)
    )


def train(config: RunConfig, work: Callable[[], Path] | None = None) -> Trained:
    """Train one configuration; everything that can be wrong is checked before training starts.

    `work` gives the folder for a checkpoint, once everything is checked; without it nothing is
    written.
    """
    from ucmt_lite.data import cases
    from ucmt_lite.training.devices import choose_device, choose_precision
    from ucmt_lite.training.fit import fit
    from ucmt_lite.training.recorder import Recorder

    device = choose_device(config.device)
    choose_precision(config.precision, device)
    where = environment(str(device))  # now: the clone may be at another commit when training ends
    source = load_source(config)
    ready = prepare(
        config, source, cases(source.splits["train"], size=picture_size(config, source)), device
    )
    recorder = Recorder(
        config.method, probe_cases(config, source, ready.batches.patch), len(source.classes)
    )
    fit(
        config.method,
        ready.nets,
        ready.batches,
        config.iterations,
        lr=config.lr,
        weight_decay=config.weight_decay,
        ramp=config.ramp,
        seed=config.seed,
        precision=config.precision,
        recorder=recorder,
        checkpoint=work() / "checkpoint.pt" if work else None,
        **ready.settings,
    )
    trace = recorder.trace(**about(config, source, where))
    return Trained(config, source, ready.nets, trace, ready.labeled_ids, where)


def about(config: RunConfig, source: "Source", where: dict) -> dict:
    """What a trace and a saved network say of where they come from."""
    return {
        "method": config.method,
        "dataset": config.dataset,
        "classes": list(source.classes),
        "seed": config.seed,
        "config": config.as_dict(),
        "commit": where["commit"],
    }


def train_and_evaluate(config: RunConfig, out: Path) -> Result:
    """Train, score the last network on the split that is asked for, and put the folder in place.
    See `run`.
    """
    from ucmt_lite import predict
    from ucmt_lite.data import cases
    from ucmt_lite.training import parallel

    started = time.perf_counter()
    earlier: list[dict] = []

    def work() -> Path:
        folder = working_folder(config, out)
        earlier.extend(begin_piece(folder))
        return folder

    try:
        done = train(config, work)
    except InputError:
        remove_if_empty(out)
        raise
    trained, folder, source = time.perf_counter(), unfinished_folder(out), done.source
    training = trained - started + sum(piece["seconds"] for piece in earlier)
    commits = dict.fromkeys(
        [*(piece["commit"] for piece in earlier if piece["seconds"]), done.environment["commit"]]
    )
    size, patch = picture_size(config, source), config.patch or None
    scored = cases(source.splits[config.split], size=size)
    scores = predict.evaluate(done.net, scored, patch=patch, distances=config.distances)
    metrics = {
        "split": config.split,
        "scores": scores["mean"],
        "unit": scores["unit"],
        "cases": scores["cases"],
        "seconds": {
            "training": round(training, 1),
            "evaluation": round(time.perf_counter() - trained, 1),
        },
        "labeled_ids": done.labeled_ids,
        "split_rule": source.split_rule,
        "counts": {name: len(split) for name, split in source.splits.items()},
        "environment": {**done.environment, "commit": ", then ".join(commits)},
    }
    done.trace.save(folder / "trace.npz")
    card = {
        **about(config, source, done.environment),
        "network": config.network,
        "in_channels": source.channels,
        "dims": source.dims,
        "size": size,
        "patch": patch,
        "window": window_of(config),
        "bytes": scored.images[0].dtype == "uint8",
        "scores": scores["mean"],
    }
    predict.save_segmenter(done.net, folder / "teacher.safetensors", card)
    write_json(folder / "metrics.json", metrics)
    put_in_place(folder, out)
    parallel.wait()
    return Result(config, json.loads((out / "metrics.json").read_text()), done.trace, out)


def put_in_place(folder: Path, out: Path) -> None:
    """Make a whole run's folder visible, without what only an interrupted one needs."""
    for note in ("checkpoint.pt", PIECES):
        (folder / note).unlink(missing_ok=True)
    for half in folder.glob(
        ".*"
    ):  # what a process that was killed while it wrote a file left of it
        half.unlink()
    if out.is_dir():
        out.rmdir()  # `run` made sure that it is empty
    os.replace(folder, out)


def working_folder(config: RunConfig, out: Path) -> Path:
    """Where a run lives until it is whole; what an interrupted run of the same configuration left
    there is kept.
    """
    work = unfinished_folder(out)
    note = work / "config.json"
    found = json.loads(note.read_text()) if note.is_file() else None
    if (work / "checkpoint.pt").is_file() and found != config.as_dict():
        raise InputError(
            f"{work} holds an interrupted run with other settings: remove it, or choose another"
            " --out."
        )
    try:
        write_json(note, config.as_dict())
    except OSError as cause:
        raise InputError(
            f"{work} cannot be written ({cause.strerror}): choose another folder with --out."
        ) from None
    return work


def begin_piece(work: Path) -> list[dict]:
    """Note that a process begins or goes on with a run; return what earlier ones, interrupted, had
    trained.

    Of each its `commit`, and `seconds` up to the last checkpoint that it wrote; what came after is
    trained again.
    """
    note, checkpoint = work / PIECES, work / "checkpoint.pt"
    pieces = json.loads(note.read_text()) if note.is_file() else []
    if pieces and "seconds" not in pieces[-1]:
        saved = checkpoint.stat().st_mtime if checkpoint.is_file() else 0
        pieces[-1]["seconds"] = max(0, saved - pieces[-1]["start"])
    write_json(note, [*pieces, {"start": time.time(), "commit": commit()}])
    return pieces


def unfinished_folder(out: Path) -> Path:
    return out.parent / f".{out.name}.unfinished"


def remove_if_empty(out: Path) -> None:
    """Remove the folder of a run that was refused before its first checkpoint."""
    work = unfinished_folder(out)
    if work.is_dir() and not (work / "checkpoint.pt").exists():
        for note in ("config.json", PIECES):
            (work / note).unlink(missing_ok=True)
        if not any(work.iterdir()):
            work.rmdir()


def show_scores(result: Result) -> None:
    """Show a run's scores in a notebook: a line for a reader, and the numbers for a program that
    reads the page later.

    The numbers are an output of type `application/vnd.ucmt.metrics+json`, which survives where no
    kernel runs.
    """
    from IPython.display import display

    names = ("dice", "jaccard", "hd95", "asd")
    scores = {
        name: value for name in names if (value := result.metrics["scores"].get(name)) is not None
    }
    told = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
    text = (
        f"{result.config.method} on {result.config.dataset}, {result.config.labeled} labeled, seed"
        f" {result.config.seed}: {told}"
    )
    content = {"scores": scores, "unit": result.metrics["unit"], "config": result.config.as_dict()}
    display({"application/vnd.ucmt.metrics+json": content, "text/plain": text}, raw=True)


def read_run(folder: str | Path, config: RunConfig | None = None) -> Result:
    """Read a finished run; where a configuration is given, it must be that one's."""
    from ucmt_lite.training import traces

    folder = Path(folder)
    try:
        found = RunConfig.of(json.loads((folder / "config.json").read_text()))
        metrics = json.loads((folder / "metrics.json").read_text())
    except (OSError, json.JSONDecodeError) as cause:
        raise InputError(
            f"{folder} is not a finished run ({cause}): run it again into another folder."
        ) from None
    if config is not None and found != config:
        other = [name for name, value in config.as_dict().items() if found.as_dict()[name] != value]
        raise InputError(
            f"{folder} holds a run with another {', '.join(other)}: choose another folder with"
            " --out."
        )
    return Result(found, metrics, traces.load_trace(folder / "trace.npz"), folder)
