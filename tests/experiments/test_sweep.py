"""A sweep runs every run of its grid once, keeps what is whole, and goes on when a run or a worker
fails.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import distributed
import nbformat
import numpy as np
import pytest
from browser import free_port
from PIL import Image

from ucmt_lite import cli
from ucmt_lite.common import InputError
from ucmt_lite.experiments import results
from ucmt_lite.experiments.plan import plan_runs, read_plan
from ucmt_lite.experiments.sweep import check_plan, claim, sweep, task, with_whole_path

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A short run on a dozen small pictures of one's own."""
    root = tmp_path_factory.mktemp("data") / "squares"
    for i in range(12):
        square = np.zeros((32, 32), np.uint8)
        square[i : i + 12, i : i + 16] = 255
        for kind, picture in (("images", square // 2 + 50), ("masks", square)):
            (root / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(root / kind / f"{i}.png")
    run = {"size": 32, "iterations": 4, "labeled": 2, "distances": False, "device": "cpu"}
    return {"dataset": "folder", "data": str(root), **run}


@pytest.fixture(scope="module")
def asked(base):
    variants = {"supervised": {"method": "supervised"}, "CPS": {"method": "cps"}}
    return {"base": base, "variants": variants, "vary": {"seed": [0, 1]}}


@pytest.fixture(scope="module")
def swept(asked, tmp_path_factory):
    """A sweep of two methods and two seeds, one of whose folders was in the way."""
    out = tmp_path_factory.mktemp("sweep") / "out"
    claim(out, plan_runs(asked))
    (out / "runs" / "CPS_1").mkdir(parents=True)
    (out / "runs" / "CPS_1" / "diary.txt").write_text("mine")
    return out, sweep(plan_runs(asked), out, workers=1)


def test_a_run_that_fails_is_told_and_the_others_go_on(swept):
    out, failed = swept
    assert (
        list(failed) == ["CPS_1"]
        and "is not a run of this kit: choose another folder" in failed["CPS_1"]
    )
    assert sorted(page.name for page in (out / "pages").iterdir() if page.name[0] != ".") == [
        "CPS_0.ipynb",
        "supervised_0.ipynb",
        "supervised_1.ipynb",
    ]
    assert (out / "runs/CPS_1/diary.txt").read_text() == "mine"


def test_runs_go_seed_by_seed(swept):
    pages = sorted(
        (swept[0] / "pages").glob("[!.]*.ipynb"), key=lambda page: page.stat().st_mtime_ns
    )
    assert [page.stem for page in pages] == ["supervised_0", "CPS_0", "supervised_1"]


def test_each_run_is_an_executed_page_with_its_parameters(swept):
    page = nbformat.read(swept[0] / "pages/supervised_1.ipynb", as_version=4)
    injected = next(
        c.source for c in page.cells if "injected-parameters" in c.metadata.get("tags", [])
    )
    assert "seed = 1" in injected and 'method = "supervised"' in injected
    assert all(cell.execution_count for cell in page.cells if cell.cell_type == "code")


def test_the_same_call_does_what_is_left_and_nothing_else(swept, asked):
    out, _ = swept
    (out / "runs/CPS_1/diary.txt").unlink()
    before = {page: page.stat().st_mtime_ns for page in (out / "pages").glob("[!.]*.ipynb")}
    assert sweep(plan_runs(asked), out, workers=1) == {}
    assert (out / "runs/CPS_1/metrics.json").is_file()
    assert {page: page.stat().st_mtime_ns for page in before} == before


def test_results_are_one_table_and_curves_another(swept):
    runs, curves = results.of_sweep(swept[0])
    assert {("supervised", 0), ("supervised", 1), ("CPS", 0)} <= set(
        zip(runs["variant"], runs["seed"], strict=True)
    )
    assert (
        set(runs["data"]) == {"squares"}
        and runs["env_commit"].notna().all()
        and (runs["cases"] == 2).all()
    )
    first = json.loads((swept[0] / "runs/supervised_0/metrics.json").read_text())
    assert runs.set_index("run").loc["supervised_0", "dice"] == first["scores"]["dice"]
    assert curves.groupby("run")["step"].max().unique().tolist() == [4]
    traces = results.traces_of(runs, curves)
    assert list(traces) == ["supervised", "CPS"] and traces["CPS"][0].method == "cps"


def test_a_grid_may_grow_in_its_folder_and_not_become_another(swept, asked):
    out, _ = swept
    claim(out, plan_runs({**asked, "vary": {"seed": [0, 1, 2]}}))
    with pytest.raises(
        InputError, match="holds another grid, in which supervised_0 is another run"
    ):
        claim(out, plan_runs({**asked, "base": {**asked["base"], "lr": 0.1}}))
    with pytest.raises(InputError, match="holds the finished run supervised_0, which this grid la"):
        claim(out, plan_runs({**asked, "vary": {"seed": [1, 2]}}))
    claim(out, plan_runs({**asked, "vary": {"seed": [0, 1, 2]}}))


def test_a_plan_of_before_some_setting_goes_on(asked, tmp_path):
    runs = plan_runs(asked)
    claim(tmp_path / "out", runs)
    note = tmp_path / "out/grid.json"
    plan = json.loads(note.read_text())
    for run in plan.values():
        assert run["config"].pop("unlabeled") == 0, "as all runs did before there was the setting"
    note.write_text(json.dumps(plan))
    claim(tmp_path / "out", runs)
    assert "unlabeled" in note.read_text()


def test_after_a_damaged_plan_its_advice_can_be_followed(asked, tmp_path):
    out = tmp_path / "out"
    runs = plan_runs(asked)
    claim(out, runs)
    (out / "grid.json").write_text("{")
    with pytest.raises(InputError, match=r"grid.json is damaged .*: remove it, and give the sweep"):
        claim(out, runs)
    (out / "grid.json").unlink()
    kept = out / "runs" / runs[0].name / "config.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps(runs[0].config.as_dict()))
    with pytest.raises(InputError, match=f"in which {runs[0].name} is another run"):
        claim(out, plan_runs({**asked, "base": {**asked["base"], "lr": 0.1}}))
    claim(out, runs)
    assert json.loads((out / "grid.json").read_text())


def test_a_variant_that_never_came_to_an_end_may_leave_the_grid(asked, tmp_path):
    claim(tmp_path / "out", plan_runs({**asked, "vary": {"seed": [0, 1]}}))
    claim(tmp_path / "out", plan_runs({**asked, "vary": {"seed": [1]}}))
    assert all(name.endswith("_1") for name in json.loads((tmp_path / "out/grid.json").read_text()))


def test_each_data_set_is_read_once_also_where_its_groups_vary(monkeypatch, tmp_path):
    read = []
    module = sys.modules[sweep.__module__]
    monkeypatch.setattr(module, "load_images", lambda *asked: read.append(asked))
    monkeypatch.setattr(module, "prepare", lambda config, load: load(*_asked(config)))
    grid = {"base": {"dataset": "folder", "data": str(tmp_path)}}
    check_plan(plan_runs({**grid, "vary": {"seed": [0, 1, 2], "group": ["none", "(p)"]}}))
    assert [asked[-1] for asked in read] == ["(p)", "none"]


def _asked(config):
    return config.dataset, config.data, config.classes, config.size, config.group


def test_a_folder_with_something_else_is_left_alone(asked, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(InputError, match="holds no grid of this kit"):
        claim(tmp_path, plan_runs(asked))
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_where_every_run_failed_no_report_is_offered(tmp_path, monkeypatch, capsys):
    (tmp_path / "grid.yaml").write_text("base: {dataset: phantom_heart}")
    everything = "ucmt_lite.experiments.sweep.sweep"
    monkeypatch.setattr(everything, lambda runs, *_, **__: {run.name: "no" for run in runs})
    assert cli.main(["sweep", str(tmp_path / "grid.yaml"), "--out", str(tmp_path / "out")]) == 1
    assert "0 of 1 runs are finished.\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    "change, said",
    [
        ({"labeled": 5000}, "Run supervised_0 of the grid: "),
        ({"network": "unett"}, "did you mean 'unet'"),
        ({"settings": {"top_k": 1}}, "Unknown setting of method supervised 'top_k'"),
        ({"patch": [16, 16, 16]}, "is for volumes"),
        ({"dataset": "phantom_hart"}, "did you mean 'phantom_heart'"),
        ({"split": "valid"}, "did you mean 'validation'"),
        ({"device": "cuda:9"}, "cannot be used"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_run(change, said, asked, tmp_path):
    with pytest.raises(InputError) as refusal:
        sweep(plan_runs({**asked, "base": {**asked["base"], **change}}), tmp_path / "out")
    assert said in str(refusal.value) and not (tmp_path / "out").exists()


def test_a_number_of_workers_below_none_is_refused(asked, tmp_path):
    with pytest.raises(InputError, match="workers=-1: give the number of runs at a time"):
        sweep(plan_runs(asked), tmp_path / "out", workers=-1)


def test_workers_are_told_the_whole_path_of_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (run,) = plan_runs({"base": {"dataset": "folder", "data": "mine"}})
    assert with_whole_path(run).config.data == str(tmp_path / "mine")


def test_workers_are_told_the_whole_path_of_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frozen = {"network": "frozen_resnet50", "network_settings": {"weights": "r.safetensors"}}
    (run,) = plan_runs({"base": frozen})
    whole = {"weights": str(tmp_path / "r.safetensors")}
    assert with_whole_path(run).config.network_settings == whole


def test_two_sets_of_one_name_are_refused_since_tables_would_join_them(tmp_path):
    variants = {site: {"data": str(tmp_path / site / "set")} for site in ("a", "b")}
    with pytest.raises(InputError, match="two sets of one name"):
        check_plan(plan_runs({"base": {"dataset": "folder"}, "variants": variants}))


def test_one_run_in_two_folders_is_two_tasks_of_a_scheduler(tmp_path):
    (run,) = plan_runs({"base": {"seed": 3}})
    assert task(tmp_path / "a", run) == task(tmp_path / "a", run) != task(tmp_path / "b", run)


def test_all_runs_are_of_one_kind_so_that_an_idle_worker_takes_over(tmp_path):
    utils = pytest.importorskip("dask.utils")
    runs = plan_runs({"vary": {"method": ["cps", "ucmt"], "seed": list(range(20))}})
    assert {utils.key_split(task(tmp_path, run)) for run in runs} == {"run"}


def test_what_a_data_set_lacks_is_said_before_the_first_run(few_cases):
    volumes = {
        "norm": "batch",
        "dataset": "phantom_atrium",
        "patch": [16, 16, 16],
        "labeled": 2,
        "iterations": 2,
    }
    check_plan(plan_runs({"base": volumes, "vary": {"network": ["unet_small", "vnet_small"]}}))
    with pytest.raises(InputError, match="Run ucmt_network-deeplabv3plus of the grid: .*2D"):
        check_plan(
            plan_runs({"base": volumes, "vary": {"network": ["unet_small", "deeplabv3plus"]}})
        )


def test_the_command_tells_a_wrong_grid_and_a_scheduler_that_is_not_there(
    base, tmp_path, monkeypatch, capsys
):
    (tmp_path / "grid.yaml").write_text("vary:\n  sed: [1]\n")
    assert cli.main(["sweep", str(tmp_path / "grid.yaml"), "--out", str(tmp_path / "out")]) == 2
    assert (
        "grid.yaml, line 2: Unknown setting of a run 'sed': did you mean 'seed'"
        in capsys.readouterr().err
    )
    client = distributed.Client
    monkeypatch.setattr(
        distributed, "Client", lambda address, timeout: client(address, timeout=timeout / 50)
    )
    with pytest.raises(InputError, match="No Dask scheduler answers at tcp://127.0.0.1:9"):
        sweep(plan_runs({"base": base}), tmp_path / "out", scheduler="tcp://127.0.0.1:9")


def test_a_sweep_with_a_failed_run_ends_with_status_1(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "ucmt_lite.experiments.sweep.sweep", lambda *_, **__: {"ucmt_0": "no memory"}
    )
    (tmp_path / "grid.yaml").write_text("vary: {seed: [0, 1]}")
    assert cli.main(["sweep", str(tmp_path / "grid.yaml"), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr()
    assert "1 of 2 runs are finished" in told.out and "run ucmt_0 failed: no memory" in told.err


def test_a_worker_that_is_killed_costs_no_run(base, tmp_path):
    """A scheduler and two worker processes on loopback, one of them killed while its run is going
    on.
    """
    port = str(free_port())
    address, out = f"tcp://127.0.0.1:{port}", tmp_path / "out"
    scheduler = [
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        port,
        "--dashboard-address",
        "127.0.0.1:0",
        "--no-show",
    ]
    worker = [
        "worker",
        address,
        "--nthreads",
        "1",
        "--no-nanny",
        "--no-dashboard",
        "--local-directory",
        str(tmp_path),
    ]
    processes = [
        subprocess.Popen([sys.executable, "-m", "dask", *command])
        for command in (scheduler, worker, worker)
    ]
    text = json.dumps(
        {"base": {**base, "method": "cps", "iterations": 200}, "vary": {"seed": [0, 1]}}
    )
    (tmp_path / "grid.yaml").write_text(text)
    command = [
        sys.executable,
        "-m",
        "ucmt_lite.cli",
        "sweep",
        tmp_path / "grid.yaml",
        "--out",
        out,
        "--scheduler",
        address,
    ]
    try:
        going = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        runs = [out / "runs" / f".cps_{seed}.unfinished" for seed in (0, 1)]
        assert waited(lambda: all((run / "checkpoint.pt").is_file() for run in runs)), (
            "both workers are at work"
        )
        assert not list((out / "runs").glob("cps_*")), "and none of them is done"
        os.kill(processes[1].pid, signal.SIGKILL)
        told, _ = going.communicate(timeout=400)
    finally:
        for process in processes:
            process.kill()
    assert going.returncode == 0, told
    assert "2 of 2 runs are finished" in told
    assert sorted(path.name for path in (out / "runs").iterdir()) == ["cps_0", "cps_1"]
    assert len(results.of_sweep(out)[0]) == 2


def waited(happened, seconds=120):
    """Whether something happens soon."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not happened():
        time.sleep(0.1)
    return happened()


@pytest.mark.parametrize(
    "file", sorted(RESULTS.glob("*/runs.parquet")), ids=lambda file: file.parent.name
)
def test_the_results_in_the_repository_are_runs_of_their_grids(file):
    planned = {
        run.config.fingerprint: run.variant for run in read_plan(file.with_name("grid.yaml"))
    }
    kept = results.load_runs(file)
    assert dict(zip(kept["fingerprint"], kept["variant"], strict=True)).items() <= planned.items()
