"""A run leaves a whole folder or none; settings are checked before anything starts; the command
does the same.
"""

import json
import os
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ucmt_lite.data
from ucmt_lite import cli, predict
from ucmt_lite.common import InputError
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.data import cases, split_labeled
from ucmt_lite.experiments import assemble, results
from ucmt_lite.experiments import run as experiment
from ucmt_lite.experiments.config import refuse_unknown
from ucmt_lite.experiments.folder import RunFolder
from ucmt_lite.experiments.run import RunConfig, read_run, run
from ucmt_lite.methods import build_nets
from ucmt_lite.nets import make
from ucmt_lite.training import fit as train
from ucmt_lite.training import traces

pytestmark = pytest.mark.usefixtures("few_cases")
SMALL = {"size": 32, "iterations": 3, "settings": {"grid": 4}, "labeled": 2}


def test_a_run_leaves_config_metrics_trace_and_networks(tmp_path):
    run(RunConfig(**SMALL), tmp_path / "run")
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "config.json",
        "metrics.json",
        "student1.safetensors",
        "student2.safetensors",
        "teacher.safetensors",
        "trace.npz",
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "run"]
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert 0 <= metrics["scores"]["dice"] <= 1 and len(metrics["cases"]) == 3
    assert len(metrics["labeled_ids"]) == 2 and metrics["environment"]["torch"]
    assert traces.load_trace(tmp_path / "run/trace.npz").method == "ucmt"
    mask = predict.load_segmenter(tmp_path / "run/teacher.safetensors").segment(
        np.zeros((50, 40), np.uint8)
    )
    assert mask.shape == (50, 40)


def test_a_finished_run_is_read_and_never_overwritten(tmp_path, monkeypatch):
    run(RunConfig(**SMALL), tmp_path / "run")
    monkeypatch.setattr(experiment, "prepare", lambda *a: pytest.fail("it trained again"))
    assert run(RunConfig(**SMALL), tmp_path / "run").config == RunConfig(**SMALL)
    with pytest.raises(InputError, match="holds a run with another seed: choose another folder"):
        run(RunConfig(**SMALL, seed=1), tmp_path / "run")


ROW = {"id": "a", "predicted": [1, 1, 1], "present": [1, 1, 1]}


def interrupted(run_it, monkeypatch):
    """Let a run be stopped after its training."""
    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr(predict, "evaluate", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        run_it()


def test_an_interrupted_run_goes_on_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    run_it = partial(run, RunConfig(**SMALL), tmp_path / "run")
    interrupted(run_it, monkeypatch)
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="interrupted run with other settings"):
        run(RunConfig(**SMALL, seed=1), tmp_path / "run")
    monkeypatch.setattr(train, "step_of", lambda method: None)  # no further iteration is needed
    assert len(run_it().metrics["cases"]) == 3
    assert list(tmp_path.iterdir()) == [tmp_path / "run"]


def test_the_same_configuration_gives_the_same_numbers(tmp_path):
    one, other = (run(RunConfig(**SMALL, distances=False), tmp_path / name) for name in "ab")
    assert one.metrics["cases"] == other.metrics["cases"]
    assert all(
        np.array_equal(one.trace.curves[name], other.trace.curves[name])
        for name in one.trace.curves
    )
    assert one.config.fingerprint != RunConfig(**SMALL, distances=False, seed=1).fingerprint


def test_a_run_trains_what_its_configuration_says(monkeypatch):
    told, fit = [], train.fit

    def watched(method, nets, batches, iterations, **how):
        told.append(
            (method, iterations, [p.clone() for p in nets.student1.parameters()], batches, how)
        )
        return fit(method, nets, batches, iterations, **how)

    monkeypatch.setattr(train, "fit", watched)
    own = {"lr": 0.01, "weight_decay": 0.2, "ramp": 0.25, "seed": 3, "precision": "bfloat16"}
    knobs = {"grid": 4, "weight": 0.5, "ema_share": (1, 0)}
    done = experiment.train(
        RunConfig(**{**SMALL, **own, "settings": knobs}, network2="unet", batch=3, device="cpu")
    )
    ((method, iterations, start, batches, how),) = told
    assert (method, iterations) == ("ucmt", 3) and how.items() >= {
        **own,
        "grid": 4,
        "weight": 0.5,
    }.items()

    first = build_nets("ucmt", lambda: make("unet_small", 1, 4, 2), seed=3).student1
    assert all(torch.equal(a, b) for a, b in zip(start, first.parameters(), strict=True))
    shapes = [
        [p.shape for p in net.parameters()] for net in (done.nets.student2, make("unet", 1, 4, 2))
    ]
    assert shapes[0] == shapes[1] and done.net is done.nets.teacher

    images = cases(ucmt_lite.data.load("phantom_heart", size=32).splits["train"])
    labeled = split_labeled(images, None, 2, 3)[0]
    assert done.labeled_ids == labeled and (batches.batch, batches.seed) == ((3, 3), 3)
    for stream, expected in (
        (batches.labeled, images.select(labeled)),
        (batches.unlabeled, images),
    ):
        assert [image.tobytes() for image, _ in stream] == [
            image.tobytes() for image in expected.images
        ]
    assert all(name.startswith("validation") for name in how["recorder"].probe.ids)


def test_the_file_of_a_run_segments_as_the_network_that_was_scored(tmp_path, monkeypatch):
    """Volumes in patches, by the first of two architectures."""
    scored, evaluate = [], predict.evaluate

    def watched(net, test, **how):
        scored.append((predict.probabilities(net, test.images[0], patch=16), test, how))
        return evaluate(net, test, **how)

    monkeypatch.setattr(predict, "evaluate", watched)
    volumes = {
        "dataset": "phantom_atrium",
        "patch": (16, 16, 16),
        "labeled": 2,
        "batch": 1,
        "network2": "vnet_small",
        "norm": "batch",  # instance norm leaves nothing of one value at the bottom
    }
    result = run(
        RunConfig(**volumes, method="cps", iterations=2, distances=False, device="cpu"),
        tmp_path / "run",
    )
    assert result.trace.image.shape[1:4] == (16, 16, 16)

    ((expected, test, how),) = scored
    assert test.ids == ("test_0000", "test_0001") and how == {
        "patch": (16, 16, 16),
        "distances": False,
    }
    segmenter = predict.load_segmenter(result.folder / "teacher.safetensors")
    found = segmenter.probabilities(test.images[0][0].astype(np.int16))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_run_says_that_patients_may_be_on_both_sides(tmp_path, capsys):
    rng = np.random.default_rng(0)
    mask = np.zeros((32, 32), np.uint8)
    mask[8:20, 8:20] = 255
    for patient in range(6):
        for k in range(3):
            for kind, values in (("images", rng.integers(0, 255, (32, 32))), ("masks", mask)):
                file = tmp_path / f"set/{kind}/P{patient}_{k}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values.astype(np.uint8)).save(file)
    told = []
    for group in ("", "none", r"(P\d)"):
        of_set = {"dataset": "folder", "data": str(tmp_path / "set"), "group": group}
        config = RunConfig.of({**SMALL, **of_set, "method": "supervised", "settings": {}})
        result = run(config, tmp_path / f"run{len(told)}")
        told.append([r for r in result.remarks if r.startswith("Patients may be on both sides of")])
    assert "18 ids look like 6 patients" in told[0][0] and told[1:] == [[], []]


def test_types_and_names_of_the_configuration():
    with pytest.raises(InputError, match="did you mean 'method'"):
        RunConfig.of({"metod": "cps"})
    with pytest.raises(InputError, match="labeled='4' is not of type int"):
        RunConfig(labeled="4")
    with pytest.raises(InputError, match="seed=True"):
        RunConfig(seed=True)
    assert RunConfig(lr=1).lr == 1 and RunConfig(patch=[8, 8, 8]).patch == (8, 8, 8)


def test_the_command_runs_and_reads_back(tmp_path, capsys):
    arguments = [
        "run",
        "--size",
        "32",
        "--iterations",
        "2",
        "--labeled",
        "2",
        "--set",
        "grid=4",
        "make_mix=cutmix",
        "--out",
        str(tmp_path / "run"),
    ]
    assert cli.main(arguments) == 0
    assert "dice" in capsys.readouterr().out
    assert read_run(tmp_path / "run").config.settings == {"grid": 4, "make_mix": "cutmix"}


def test_the_command_answers_wrong_input_with_one_sentence(tmp_path, capsys):
    assert cli.main(["run", "--method", "umct", "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.strip().splitlines() == [
        "ucmt-lite: Unknown method 'umct': did you mean 'ucmt'? Known: supervised, mean_teacher,"
        " cpc, gct, cps, cmt, ucmt, ua_mt, fixmatch, unimatch, bcp, adamix."
    ]
    assert cli.main(["run", "--set", "grid", "--out", str(tmp_path / "run")]) == 2
    assert "NAME=VALUE" in capsys.readouterr().err


def test_a_run_that_fails_ends_with_status_1(tmp_path, monkeypatch, capsys):
    def diverge(*_, **__):
        raise FloatingPointError("The loss term 'sup' became nan")

    monkeypatch.setattr(experiment, "run", diverge)
    assert cli.main(["run", "--out", str(tmp_path / "run")]) == 1
    assert capsys.readouterr().err == "ucmt-lite: The loss term 'sup' became nan\n"


def test_a_page_that_cannot_be_kept_is_refused_and_the_old_one_stays(tmp_path, capsys):
    page = tmp_path / "page.ipynb"
    page.write_text("the page of another run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").touch()
    for out, where, said in (
        ("run", tmp_path / "run/page.ipynb", "lies in"),
        ("run", tmp_path, "is a folder"),
        ("run", page / "page.ipynb", "cannot be written"),
        ("other", page, "is not a run of this kit"),
    ):
        assert cli.main(["run", "--out", str(tmp_path / out), "--page", str(where)]) in (1, 2)
        assert said in capsys.readouterr().err
    assert page.read_text() == "the page of another run" and not (tmp_path / "run").exists()


def test_a_page_finds_data_that_are_named_from_here(tmp_path, monkeypatch):
    told = []

    def read_back(config, out, **_):
        told.append(config.data)
        raise InputError("That is all.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "ucmt_lite.course.notebooks.execute_whole",
        lambda page, out, values, **k: told.append(values["data"]),
    )
    monkeypatch.setattr(experiment, "run", read_back)
    assert (
        cli.main(
            ["run", "--dataset", "folder", "--data", "mine", "--out", "run", "--page", "page.ipynb"]
        )
        == 2
    )
    assert told == [str(tmp_path / "mine")] * 2


def test_data_lists_and_describes(capsys):
    assert cli.main(["data"]) == 0
    assert "phantom_skin" in capsys.readouterr().out
    assert cli.main(["data", "phantom_heart", "--size", "32"]) == 0
    assert "train: 8 cases" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["phantom_heart", "phantom_atrium"])
def test_data_draws_a_picture_whole_or_not_at_all(tmp_path, capsys, name):
    from PIL import Image

    file = tmp_path / "new" / "look.png"
    assert cli.main(["data", name, "--size", "32", "--picture", str(file)]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith(f"{file}: 4 images (") and "with a strong view of each" in said
    with Image.open(file) as picture:
        assert picture.size == (round(5 * 1.9 * 120), round(4 * 2.1 * 120))
    assert [path.name for path in file.parent.iterdir()] == ["look.png"]


def test_data_draws_images_that_have_masks(tmp_path, capsys):
    from PIL import Image

    mask = np.pad(np.full((6, 6), 255, np.uint8), 5)
    for i in range(12):
        for kind in ("images", "masks")[: 1 + i % 2]:
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(mask).save(tmp_path / kind / f"c{i:02d}.png")
    command = ["data", "folder", "--data", str(tmp_path), "--size", "32"]
    assert cli.main([*command, "--picture", str(tmp_path / "look.png")]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    names = re.search(r"images? \((.*)\), each", said)[1].replace(" and ", ", ").split(", ")
    assert 1 < len(names) <= 4 and all(int(name[1:]) % 2 for name in names)


def test_the_doctor_finds_this_installation_whole(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "ms with 1 thread(s)" in out and "here just now" in out
    assert os.environ["OMP_WAIT_POLICY"], "waiting threads sleep, unless the caller chose otherwise"


def test_the_doctor_says_which_sets_are_here_and_where_nothing_can_be_written(
    capsys, monkeypatch, tmp_path
):
    (tmp_path / "kvasir_seg").mkdir()
    monkeypatch.setenv("UCMT_DATA", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda place, mode: str(place) != str(Path.cwd()))
    monkeypatch.setattr("ucmt_lite.course.doctor._seconds_per_iteration", lambda threads: 0.01)
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"Data: kvasir_seg in {tmp_path}." in out
    assert f"Folders: nothing can be written to {Path.cwd()}. Remedy: change into" in out
    assert "Memory: " in out and "Explorers: alive in JupyterLab." in out


def test_an_interruption_promises_to_go_on_where_it_can(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ucmt_lite.experiments.run.run", interrupt)
    monkeypatch.setattr("ucmt_lite.course.doctor.examine", interrupt)
    assert cli.main(["run", "--out", "run"]) == cli.main(["doctor"]) == 130
    assert [line for line in capsys.readouterr().err.splitlines() if line] == [
        (
            "ucmt-lite: stopped; a run goes on from its last checkpoint when the same command is"
            " given again."
        ),
        "ucmt-lite: stopped.",
    ]


def test_the_experiment_notebook_declares_the_configuration():
    """Every field of RunConfig, in order, with its default and its meaning, and the folder for the
    results.
    """
    import ast
    import dataclasses

    import jupytext

    from ucmt_lite.experiments.config import item_default

    cells = jupytext.read(NOTEBOOKS / "src/90_experiment.py").cells
    cell = next(cell for cell in cells if "parameters" in cell.metadata.get("tags", []))
    declared = {
        node.target.id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body
    }
    comments = [line.partition("#")[2].strip() for line in cell.source.splitlines()]
    fields = dataclasses.fields(RunConfig)
    assert list(declared) == [item.name for item in fields] + ["out"]
    assert [declared[item.name] for item in fields] == [item_default(item) for item in fields]

    def plain(
        text,
    ):  # papermill reads no comment with an equals sign: examples have no values there
        return re.sub(r"=\S+| and(?= \w+$)", "", text)

    assert list(map(plain, comments[:-1])) == [plain(item.metadata["meaning"]) for item in fields]


def test_a_misspelt_parameter_is_refused_though_papermill_would_set_it():
    refuse_unknown({"method": "cps", "out": "runs", "In": [], "_": 3, "run": run})
    with pytest.raises(InputError, match="did you mean 'method'"):
        refuse_unknown({"metod": "cps"})


def test_finished_runs_become_rows_and_a_table(tmp_path, capsys):
    for seed in (0, 1):
        file = run(RunConfig(**SMALL, seed=seed), tmp_path / f"{seed}").folder / "metrics.json"
        metrics = json.loads(file.read_text())
        metrics["scores"] |= {"dice": 0.75 + seed / 8, "jaccard": 0.5, "hd95": 3.25, "asd": 1.5}
        file.write_text(json.dumps(metrics))
    folders = [str(tmp_path / f"{seed}") for seed in (0, 1)]
    assert cli.main(["table", *folders, "--save", str(tmp_path / "runs.parquet")]) == 0
    kept = results.load_runs(tmp_path / "runs.parquet")
    assert list(kept["seed"]) == [0, 1] and list(kept["data"]) == ["", ""]
    assert kept["gradient_steps"][0] == 2 * SMALL["iterations"], "UCMT takes two steps an iteration"
    table = [
        [cell.strip() for cell in line.split("|")]
        for line in capsys.readouterr().out.strip().splitlines()[-4:]
    ]
    first, second = (dict(zip(table[0], row, strict=True)) for row in table[2:])
    assert [first[name] for name in ("data set", "variant", "seed", "unit")] == [
        "phantom_heart",
        "ucmt",
        "0",
        "pixels",
    ]
    assert [first[name] for name in ("Dice", "Jaccard", "HD95", "ASD")] == [
        "0.750",
        "0.500",
        "3.25",
        "1.50",
    ]
    assert (second["Dice"], second["seed"]) == ("0.875", "1")
    assert cli.main(["table", folders[0], "--save", str(tmp_path)]) == 2
    assert "choose another file" in capsys.readouterr().err
    assert cli.main(["table", str(tmp_path / "none")]) == 2
    (tmp_path / "notes.txt").write_text("no table")
    with pytest.raises(InputError, match="notes.txt is not a table of results"):
        results.load_runs(tmp_path / "notes.txt")


def test_the_commit_of_a_run_is_the_one_it_started_at(tmp_path, monkeypatch):
    now = ["start"]
    monkeypatch.setattr(assemble, "environment", lambda device: {"commit": now[0]})
    monkeypatch.setattr(
        "ucmt_lite.training.fit.adamw",
        lambda *a, real=train.adamw, **k: now.append(now.pop() + "+") or real(*a, **k),
    )
    result = run(RunConfig(**SMALL), tmp_path / "run")
    assert (
        now == ["start+"]
        and result.metrics["environment"]["commit"] == result.trace.meta["commit"] == "start"
    )


def test_seconds_and_commits_of_an_interrupted_run_are_those_of_all_its_pieces(
    tmp_path, monkeypatch
):
    run_it = partial(run, RunConfig(**SMALL, distances=False), tmp_path / "run")
    interrupted(run_it, monkeypatch)
    note = tmp_path / ".run.unfinished/pieces.json"
    (piece,) = json.loads(note.read_text())
    note.write_text(json.dumps([{"start": piece["start"] - 1000, "commit": "before"}]))
    found = run_it().metrics
    assert len(found["cases"]) == 3
    assert 1000 < found["seconds"]["training"] < 1200
    assert found["environment"]["commit"].startswith("before, then ")
    assert sorted(path.name for path in tmp_path.rglob("*.json")) == ["config.json", "metrics.json"]


def test_two_processes_never_work_on_one_folder(tmp_path):
    with (
        RunFolder(tmp_path / "run").alone(),
        pytest.raises(InputError, match="Another process is at work on"),
    ):
        with RunFolder(tmp_path / "run").alone(patience=0.1):
            pytest.fail("both were let in")
    assert list(tmp_path.iterdir()) == []


def test_images_are_scored_of_the_split_that_is_asked_for(tmp_path, monkeypatch):
    seen = []
    scores = {"mean": {}, "unit": "", "cases": [ROW], "sides": (32, 32)}
    monkeypatch.setattr(
        predict, "evaluate", lambda net, cases, **k: seen.append(cases.ids) or scores
    )
    run(RunConfig(**SMALL, split="validation"), tmp_path / "run")
    assert seen[0] and all(name.startswith("validation") for name in seen[0])
    with pytest.raises(InputError, match="Unknown split of 'phantom_heart' to score 'train'"):
        run(RunConfig(**SMALL, split="train"), tmp_path / "other")
