"""What is told to TensorBoard, Weights & Biases and MLflow, and that none of them can end a run."""

import json
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from ucmt_lite import cli
from ucmt_lite.common import InputError
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.run import run, train

SMALL = {"size": 32, "iterations": 2, "labeled": 2, "method": "cps", "distances": False}
CONFIG = RunConfig(**SMALL, device="cpu")
TOLD = {"loss/sup", "loss/cps", "dice/student1", "dice/student2", "seconds"}

pytestmark = pytest.mark.usefixtures("few_cases")


class StandIn:
    """A tool that keeps what it is told, and fails once where it is asked to."""

    def __init__(self, fails=""):
        self.fails, self.opened, self.told, self.ended = fails, [], [], []

    def _at(self, place):
        if self.fails == place:
            self.fails = ""
            raise OSError(f"no network at {place}")

    @contextmanager
    def run(self, how):
        self._at("open")
        self.opened.append(how)
        try:
            yield SimpleNamespace(log=lambda values, step: self.tell(values, step))
        except BaseException as cause:
            self.ended.append(type(cause))
            raise
        self.ended.append(None)
        self._at("close")

    def tell(self, values, step):
        self._at("log")
        self.told.append((step, values))

    def wandb(self):
        return SimpleNamespace(init=lambda **how: self.run(how))

    def mlflow(self):
        def search_runs(filter_string, output_format):
            names = [how["tags"]["ucmt_lite"] for how in self.opened if "tags" in how]
            found = [name for name in names if filter_string == f"tags.ucmt_lite = '{name}'"]
            return [SimpleNamespace(info=SimpleNamespace(run_id=name)) for name in found]

        return SimpleNamespace(
            set_tracking_uri=lambda address: self.told.append(address),
            set_experiment=lambda name: None,
            search_runs=search_runs,
            start_run=lambda **how: self.run(how),
            log_params=lambda values: self.told.append(values),
            log_metrics=lambda values, step: self.tell(values, step),
        )


@pytest.fixture
def stand_in(monkeypatch):
    """`stand_in("wandb", fails="log")` takes the place of a package."""

    def put(name, fails=""):
        tool = StandIn(fails)
        monkeypatch.setitem(sys.modules, name, getattr(tool, name)())
        return tool

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")  # which a run would leave
    return put


def test_wandb_is_told_looks_and_scores_by_iteration(stand_in, tmp_path):
    tool, looks = stand_in("wandb"), []
    result = run(CONFIG, tmp_path / "first run", log="wandb", on_look=looks.append)
    first, second, scores = tool.told
    assert [first, second] == [(look.iteration, look.values) for look in looks]
    assert (first[0], set(first[1])) == (1, TOLD)
    means = result.metrics["scores"]
    assert scores == (2, {"test/dice": means["dice"], "test/jaccard": means["jaccard"]})
    (how,) = tool.opened
    assert how["config"] == CONFIG.as_dict() and how["name"] == "first run"
    assert how["id"] == f"first-run-{CONFIG.fingerprint}"
    assert how["dir"] == tmp_path / ".first run.unfinished" and tool.ended == [None]


def test_mlflow_is_told_into_the_folder_of_the_run(stand_in, tmp_path):
    tool = stand_in("mlflow")
    run(CONFIG, tmp_path / "run", log="mlflow")
    place, parameters, (first, values), _, (last, scores) = tool.told
    assert place == f"sqlite:///{tmp_path.as_posix()}/.run.unfinished/mlflow.db"
    assert parameters == CONFIG.as_dict()
    assert (first, set(values)) == (1, TOLD) and (last, "test/dice" in scores) == (2, True)


def test_mlflow_is_told_to_a_server_that_is_named(stand_in, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    tool = stand_in("mlflow")
    run(CONFIG, tmp_path / "run", log="mlflow")
    assert not [told for told in tool.told if isinstance(told, str)]


def test_an_interrupted_run_goes_on_in_its_own_entry(stand_in, tmp_path):
    def interrupt(look):
        raise KeyboardInterrupt

    tool = stand_in("mlflow")
    with pytest.raises(KeyboardInterrupt):
        run(CONFIG, tmp_path / "run", log="mlflow", on_look=interrupt)
    assert tool.ended == [KeyboardInterrupt], "the tool learns how it ended"
    run(CONFIG, tmp_path / "run", log="mlflow")
    first, second = tool.opened
    assert second == {"run_id": first["tags"]["ucmt_lite"]} and tool.ended[1] is None


def test_event_files_for_tensorboard_lie_in_the_folder_of_the_run(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is optional: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    looks = []
    result = run(CONFIG, tmp_path / "run", log="tensorboard", on_look=looks.append)
    events = EventAccumulator(str(result.folder / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == TOLD | {"test/dice", "test/jaccard"}
    kept = [(event.step, event.value) for event in events.Scalars("dice/student1")]
    assert kept == [(look.iteration, pytest.approx(look.dice["student1"])) for look in looks]


@pytest.mark.parametrize("place", ["open", "log", "close"])
def test_a_tool_that_fails_is_told_once_and_the_run_goes_on(place, stand_in, tmp_path, capsys):
    tool = stand_in("wandb", fails=place)
    result = run(CONFIG, tmp_path / "run", log="wandb")
    assert result.scores and result.folder.is_dir()
    lines = [line for line in capsys.readouterr().err.splitlines() if "wandb" in line]
    assert lines == [f"wandb failed (no network at {place}): the run goes on without it."]
    assert len(tool.told) == {"open": 0, "log": 0, "close": 3}[place]


def test_a_run_that_is_told_is_the_run_that_is_not(stand_in, tmp_path):
    stand_in("wandb")
    one, other = run(CONFIG, tmp_path / "a", log="wandb"), run(CONFIG, tmp_path / "b")
    assert one.metrics["cases"] == other.metrics["cases"]


def test_a_tool_that_is_missing_or_unknown_is_said_before_anything_runs(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setattr(
        "ucmt_lite.experiments.run.prepare", lambda *_: pytest.fail("it was prepared")
    )
    command = ["run", "--out", str(tmp_path / "run"), "--log"]
    assert cli.main([*command, "wandb"]) == cli.main([*command, "wand"]) == 2
    missing, unknown = capsys.readouterr().err.splitlines()
    assert 'run pip install "ucmt-lite[wandb]"' in missing
    assert "Unknown logger 'wand': did you mean 'wandb'?" in unknown
    assert list(tmp_path.iterdir()) == []


def test_the_command_passes_its_tool_on(stand_in, tmp_path, capsys):
    tool = stand_in("wandb")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG.as_dict()))
    command = ["run", "--config", str(path), "--out", str(tmp_path / "run"), "--log", "wandb"]
    assert cli.main(command) == 0 and len(tool.told) == 3
    assert cli.main([*command, "--page", str(tmp_path / "page.ipynb")]) == 2
    assert "--log is for runs without a page" in capsys.readouterr().err


def test_training_in_memory_tells_its_looks():
    looks = []
    done = train(CONFIG, on_look=looks.append)
    assert [look.iteration for look in looks] == done.trace.step.tolist() == [1, 2]


def test_a_wrong_configuration_opens_no_tool(stand_in, tmp_path):
    tool = stand_in("wandb")
    with pytest.raises(InputError, match="labeled=99"):
        run(RunConfig(**{**SMALL, "labeled": 99}), tmp_path / "run", log="wandb")
    assert tool.opened == [] and list(tmp_path.iterdir()) == []
