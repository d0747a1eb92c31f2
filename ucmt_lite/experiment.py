"""One experiment, from a configuration to a folder of results: what the experiment notebook and the command run."""

import json
import os
import time
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ucmt_lite.config import RunConfig
from ucmt_lite.errors import InputError, one_of
from ucmt_lite.files import write_json
from ucmt_lite.provenance import commit, environment

if typing.TYPE_CHECKING:
    import torch

    from ucmt_lite.data import Cases, Source
    from ucmt_lite.methods import Nets
    from ucmt_lite.traces import Trace

__all__ = ["Result", "RunConfig", "Trained", "read_run", "run", "show_scores", "train"]

LOSSES = ("segmentation_loss", "dice_loss", "cross_entropy")


@dataclass(frozen=True)
class Result:
    """What a run left: its scores, its trace, and the folder with everything in it."""

    config: RunConfig
    metrics: dict
    trace: "Trace"
    folder: Path


def run(config: RunConfig, out: str | Path) -> Result:
    """Train and evaluate one configuration; leave `out` with config.json, metrics.json, trace.npz and teacher.safetensors.

    Everything that can be wrong is checked before training starts. While the run goes on it lives in a hidden folder
    beside `out`, with a checkpoint from which the same call continues after an interruption; `out` appears when it is
    whole. A finished run of the same configuration is read, not repeated; one of another configuration is never
    overwritten. The network that is evaluated is the last one, on the test split.
    """
    out = Path(out)
    if (out / "metrics.json").is_file():
        return read_run(out, config)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not a run of this kit: choose another folder with --out.")
    return train_and_evaluate(config, out)


@dataclass(frozen=True)
class Trained:
    """Networks after training, in memory, with what they were trained on and what was seen on the way."""

    config: RunConfig
    source: "Source"
    nets: "Nets"
    trace: "Trace"
    labeled_ids: tuple[str, ...]

    @property
    def net(self) -> "torch.nn.Module":
        """The network that predicts: the teacher where the method has one, else student 1."""
        from ucmt_lite.methods import METHODS

        return getattr(self.nets, METHODS[self.config.method].predicts)


def train(config: RunConfig, work: Callable[[], Path] | None = None) -> Trained:
    """Train one configuration; everything that can be wrong is checked before training starts.

    `work` gives the folder for a checkpoint, once everything is checked; without it nothing is written.
    """
    from ucmt_lite.data import Batches, cases, split_labeled
    from ucmt_lite.recorder import Recorder
    from ucmt_lite.train import choose_device, choose_precision, fit

    device = choose_device(config.device)
    choose_precision(config.precision, device)
    source = load_source(config)
    settings = method_settings(config, source)
    nets = make_nets(config, source, device)
    images = cases(source.splits["train"], size=picture_size(config, source))
    labeled, unlabeled = split_labeled(images.ids, images.groups, config.labeled, config.seed)
    batches = Batches(
        images.select(labeled),
        images.select(unlabeled),
        batch=(config.batch, config.batch),
        patch=config.patch or None,
        seed=config.seed,
        device=device,
    )
    recorder = Recorder(config.method, probe_cases(config, source), len(source.classes))
    fit(
        config.method,
        nets,
        batches,
        config.iterations,
        lr=config.lr,
        weight_decay=config.weight_decay,
        ramp=config.ramp,
        seed=config.seed,
        precision=config.precision,
        recorder=recorder,
        checkpoint=work() / "checkpoint.pt" if work else None,
        **settings,
    )
    return Trained(config, source, nets, recorder.trace(**about(config, source)), tuple(labeled))


def about(config: RunConfig, source: "Source") -> dict:
    """What a trace and a saved network say of where they come from."""
    return {
        "method": config.method,
        "dataset": config.dataset,
        "classes": list(source.classes),
        "seed": config.seed,
        "config": config.as_dict(),
        "commit": commit(),
    }


def train_and_evaluate(config: RunConfig, out: Path) -> Result:
    """Train, score the last network on the test split, and put the folder in place. See `run`."""
    from ucmt_lite import predict
    from ucmt_lite.data import cases

    started = time.perf_counter()
    done = train(config, lambda: working_folder(config, out))
    trained, work, source = time.perf_counter(), working_folder(config, out), done.source
    size, patch = picture_size(config, source), config.patch or None
    scores = predict.evaluate(
        done.net, cases(source.splits["test"], size=size), patch=patch, distances=config.distances
    )
    metrics = {
        "test": scores["mean"],
        "unit": scores["unit"],
        "cases": scores["cases"],
        "seconds": {"training": round(trained - started, 1), "evaluation": round(time.perf_counter() - trained, 1)},
        "labeled_ids": done.labeled_ids,
        "split_rule": source.split_rule,
        "counts": {name: len(split) for name, split in source.splits.items()},
        "environment": environment(str(next(done.net.parameters()).device)),
    }
    done.trace.save(work / "trace.npz")
    card = {
        **about(config, source),
        "network": config.network,
        "in_channels": source.channels,
        "dims": source.dims,
        "size": size,
        "patch": patch,
        "scores": scores["mean"],
    }
    predict.save(done.net, work / "teacher.safetensors", card)
    write_json(work / "metrics.json", metrics)
    (work / "checkpoint.pt").unlink(missing_ok=True)
    if out.is_dir():
        out.rmdir()  # `run` made sure that it is empty
    os.replace(work, out)
    return Result(config, json.loads((out / "metrics.json").read_text()), done.trace, out)


def load_source(config: RunConfig) -> "Source":
    """The data set of a configuration, with its settings checked against it."""
    from ucmt_lite.data import load
    from ucmt_lite.methods import METHODS
    from ucmt_lite.nets import NETS

    one_of("method", config.method, METHODS)
    for name in filter(None, (config.network, config.network2)):
        one_of("network", name, NETS)
    for name in ("iterations", "batch", "labeled", "size"):
        if getattr(config, name) < 1:
            raise InputError(f"{name}={getattr(config, name)}: give a positive number.")
    source = load(config.dataset, root=config.data or None, size=config.size, classes=config.classes)
    if source.dims == 3 and len(config.patch) not in (0, 3):
        raise InputError(
            f"patch={config.patch} has {len(config.patch)} numbers, the volumes of '{config.dataset}' 3 axes: give one an axis."
        )
    if source.dims == 2 and config.patch:
        raise InputError(
            f"patch={config.patch} is for volumes, '{config.dataset}' has 2D images: set size={config.size} instead."
        )
    return source


def picture_size(config: RunConfig, source: "Source") -> int | None:
    """The side 2D images are resized to; volumes keep theirs."""
    return config.size if source.dims == 2 else None


def method_settings(config: RunConfig, source: "Source") -> dict:
    """The method's settings with names turned into functions, checked against the size of what the network will see."""
    import torch.nn.functional as F

    from ucmt_lite import losses
    from ucmt_lite.methods import check_knobs, knobs
    from ucmt_lite.mixing import MIXES, cells_per_axis

    check_knobs(config.method, config.settings)
    settings = dict(config.settings)
    if "make_mix" in settings:
        settings["make_mix"] = MIXES[one_of("mix", settings["make_mix"], MIXES)]
    for name in ("loss", "pseudo_loss"):
        if name in settings:
            loss = one_of("loss", settings[name], LOSSES)
            settings[name] = F.cross_entropy if loss == "cross_entropy" else getattr(losses, loss)
    if "grid" in knobs(config.method):
        grid = settings.setdefault("grid", 16 if source.dims == 2 else 8)
        sides = config.patch or ((config.size,) * 2 if source.dims == 2 else ())
        cells = 1
        for count in cells_per_axis(sides, grid).values() if sides else ():
            cells *= count
        top_k = settings.get("top_k", knobs(config.method)["top_k"])
        if sides and not 0 <= top_k <= cells // 2:
            raise InputError(
                f"top_k={top_k} does not fit {cells} cells: choose 0 to {cells // 2}, half the cells at most."
            )
    return settings


def make_nets(config: RunConfig, source: "Source", device: "torch.device") -> "Nets":
    """The networks of a configuration on the device, tried once on an image of the size they will see."""
    import torch

    from ucmt_lite.methods import FlawDetector, build_nets
    from ucmt_lite.nets import make

    channels, classes, dims = source.channels, len(source.classes), source.dims
    nets = build_nets(
        config.method,
        lambda: make(config.network, channels, classes, dims),
        make_net2=(lambda: make(config.network2, channels, classes, dims)) if config.network2 else None,
        flaw_detector=lambda: FlawDetector(channels, classes, dims),
        seed=config.seed,
    ).to(device)
    # Channels last: the same mathematics, 1.4 to 1.8 times faster on a CPU.
    layout = torch.channels_last if dims == 2 else torch.channels_last_3d
    nets.to(memory_format=layout)  # type: ignore[call-overload]  # missing from torch's stubs
    if sides := config.patch or ((config.size,) * 2 if dims == 2 else ()):
        nets.eval()
        with torch.no_grad():
            for name, net in nets.named_children():
                if name != "flaw_detector":
                    net(torch.zeros(1, channels, *sides, device=device))
    return nets


def probe_cases(config: RunConfig, source: "Source", count: int = 16) -> "Cases":
    """The first images of the validation split (of the training split where there is none), for the recorder.

    Volumes are cropped about their centre to the patch, so that a look costs little.
    """
    from ucmt_lite.data import cases
    from ucmt_lite.data.batches import center_crop

    name = "validation" if "validation" in source.splits else "train"
    split = source.splits[name]
    count = min(count if source.dims == 2 else 2, len(split))
    probe = cases(split.select(range(count)), size=picture_size(config, source))
    return probe if source.dims == 2 or not config.patch else center_crop(probe, config.patch)


def working_folder(config: RunConfig, out: Path) -> Path:
    """Where a run lives until it is whole; what an interrupted run of the same configuration left there is kept."""
    work = out.parent / f".{out.name}.unfinished"
    note = work / "config.json"
    if note.is_file() and json.loads(note.read_text()) != config.as_dict():
        raise InputError(f"{work} holds an interrupted run with other settings: remove it, or choose another --out.")
    write_json(note, config.as_dict())
    return work


def show_scores(result: Result) -> None:
    """Show a run's scores in a notebook: a line for a reader, and the numbers for a program that reads the page later.

    The numbers are an output of type `application/vnd.ucmt.metrics+json`, which survives where no kernel runs.
    """
    from IPython.display import display

    names = ("dice", "jaccard", "hd95", "asd")
    test = {name: value for name in names if (value := result.metrics["test"].get(name)) is not None}
    told = ", ".join(f"{name} {value:.3f}" for name, value in test.items())
    text = f"{result.config.method} on {result.config.dataset}, {result.config.labeled} labeled, seed {result.config.seed}: {told}"
    content = {"scores": test, "unit": result.metrics["unit"], "config": result.config.as_dict()}
    display({"application/vnd.ucmt.metrics+json": content, "text/plain": text}, raw=True)


def read_run(folder: str | Path, config: RunConfig | None = None) -> Result:
    """Read a finished run; where a configuration is given, it must be that one's."""
    from ucmt_lite import traces

    folder = Path(folder)
    try:
        found = RunConfig.of(json.loads((folder / "config.json").read_text()))
        metrics = json.loads((folder / "metrics.json").read_text())
    except (OSError, json.JSONDecodeError) as cause:
        raise InputError(f"{folder} is not a finished run ({cause}): run it again into another folder.") from None
    if config is not None and found != config:
        other = [name for name, value in config.as_dict().items() if found.as_dict()[name] != value]
        raise InputError(f"{folder} holds a run with another {', '.join(other)}: choose another folder with --out.")
    return Result(found, metrics, traces.load(folder / "trace.npz"), folder)
