"""Looks and scores of a run, told to TensorBoard, Weights & Biases or MLflow as well.

What a run leaves does not depend on them: one that fails is told, and the run goes on without it.
"""

import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from ucmt_lite.common import InputError, one_of
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.folder import RunFolder

if TYPE_CHECKING:
    from ucmt_lite.training.progress import Look

PROJECT = "ucmt-lite"  # what the tools file the runs under
Write = Callable[[dict[str, float], int], None]  # numbers by name, and their iteration


class Tool(NamedTuple):
    """What is imported of a tool, and what opens it for a run."""

    module: str
    opened: Callable[[RunFolder, RunConfig], Any]  # a context manager that yields a `Write`


@contextmanager
def _tensorboard(folder: RunFolder, config: RunConfig) -> Iterator[Write]:
    """Write event files into `tensorboard` of the run's folder."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder.unfinished / "tensorboard") as writer:

        def write(values: dict[str, float], iteration: int) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, iteration)
            writer.flush()

        yield write


@contextmanager
def _wandb(folder: RunFolder, config: RunConfig) -> Iterator[Write]:
    """Tell Weights & Biases; with WANDB_MODE=offline, the folder `wandb` of the run alone."""
    import wandb

    with wandb.init(
        project=PROJECT,
        name=folder.out.name,
        id=_identity(folder, config),
        resume="allow",
        dir=folder.unfinished,
        config=config.as_dict(),
    ) as run:
        yield lambda values, iteration: run.log(values, step=iteration)


@contextmanager
def _mlflow(folder: RunFolder, config: RunConfig) -> Iterator[Write]:
    """Tell the server of MLFLOW_TRACKING_URI; without one, `mlflow.db` in the run's folder."""
    # Else the file stays open while the folder is put in its place, which Windows refuses.
    os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    import mlflow

    if not os.environ.get("MLFLOW_TRACKING_URI"):
        database = (folder.unfinished / "mlflow.db").resolve()
        mlflow.set_tracking_uri(f"sqlite:///{database.as_posix()}")
    mlflow.set_experiment(PROJECT)
    tags = {"ucmt_lite": _identity(folder, config)}
    known = mlflow.search_runs(
        filter_string=f"tags.ucmt_lite = '{tags['ucmt_lite']}'", output_format="list"
    )
    # An interrupted run goes on in its own entry.
    how = {"run_id": known[0].info.run_id} if known else {"run_name": folder.out.name, "tags": tags}
    with mlflow.start_run(**how):
        mlflow.log_params(config.as_dict())
        yield lambda values, iteration: mlflow.log_metrics(values, step=iteration)


def _identity(folder: RunFolder, config: RunConfig) -> str:
    """Return what a tool knows a run by, when it goes on after an interruption."""
    name = re.sub(r"[^\w.-]", "-", folder.out.name)
    return f"{name}-{config.fingerprint}"


LOGGERS = {
    "tensorboard": Tool("torch.utils.tensorboard", _tensorboard),
    "wandb": Tool("wandb", _wandb),
    "mlflow": Tool("mlflow", _mlflow),
}


def check_logger(name: str) -> None:
    """Refuse a tool that is unknown or not installed; no name is none."""
    if not name:
        return
    tool = LOGGERS[one_of("logger", name, LOGGERS)]
    try:
        import_module(tool.module)
    except ImportError as cause:
        raise InputError(
            f'log={name} lacks a package ({cause}): run pip install "ucmt-lite[{name}]".'
        ) from None


class Log:
    """A tool that is told a run's numbers, as long as it takes them; without a name, nobody is.

    Used with `with`, after `check_logger`: the tool is opened at its start, closed at its end. What
    the tool raises is told once, in one sentence.
    """

    def __init__(self, name: str, folder: RunFolder, config: RunConfig) -> None:
        self.name, self.folder, self.config = name, folder, config
        self.write: Write | None = None
        self.failed = False
        self.open = ExitStack()

    def __enter__(self) -> "Log":
        if self.name:
            with self._told_if_it_fails():
                opened = LOGGERS[self.name].opened(self.folder, self.config)
                self.write = self.open.enter_context(opened)
        return self

    def before(self, on_look: "Callable[[Look], None] | None") -> "Callable[[Look], None]":
        """Return what passes a look on to the tool, then to `on_look`, if there is one."""

        def both(look: "Look") -> None:
            self(look.values, look.iteration)
            if on_look:
                on_look(look)

        return both

    def __call__(self, values: Mapping[str, float], iteration: int) -> None:
        """Pass on numbers by name, those that are finite, unless the tool has failed."""
        if self.write and not self.failed:
            finite = {name: value for name, value in values.items() if math.isfinite(value)}
            with self._told_if_it_fails():
                self.write(finite, iteration)

    def __exit__(self, *error: Any) -> None:
        with self._told_if_it_fails():
            self.open.__exit__(*error)

    @contextmanager
    def _told_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except Exception as cause:
            reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
            if not self.failed:
                said = f"{self.name} failed ({reason}): the run goes on without it."
                print(said, file=sys.stderr)
            self.failed = True
