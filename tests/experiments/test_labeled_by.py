"""Labels counted by patients: what is drawn, what is said, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from ucmt_lite import RunConfig, cli
from ucmt_lite.experiments import results
from ucmt_lite.experiments.plan import plan_runs
from ucmt_lite.experiments.tables import listing


@pytest.fixture
def patients(tmp_path):
    """Six patients with three pictures each, by their names."""
    mask = np.pad(np.full((6, 6), 255, np.uint8), 5)
    for i in range(18):
        for kind, pixels in (("images", mask // 2 + i), ("masks", mask)):
            file = tmp_path / "data" / kind / f"patient{i // 3}_{i % 3}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    return str(tmp_path / "data")


def command(data, out, *more):
    basis = ["run", "--dataset", "folder", "--data", data, "--size", "32", "--iterations", "1"]
    basis += ["--method", "supervised", "--no-distances", "--device", "cpu"]
    return [*basis, "--labeled-by", "patients", *more, "--out", str(out)]


def test_two_patients_are_labeled_and_the_summary_says_how_many_images(patients, tmp_path, capsys):
    out = tmp_path / "run"
    assert cli.main(command(patients, out, "--labeled", "2")) == 0
    assert "supervised, 2 patients labeled (6 images), seed 0" in capsys.readouterr().out
    labeled = json.loads((out / "metrics.json").read_text())["labeled_ids"]
    assert len(labeled) == 6 and len({name.partition("_")[0] for name in labeled}) == 2
    assert "| 2 patients |" in listing(results.of_runs([out]))


def test_more_patients_than_there_are_and_patients_nobody_knows_are_refused(
    patients, tmp_path, capsys
):
    assert cli.main(command(patients, tmp_path / "run", "--labeled", "5")) == 2
    assert "labeled=5 is more than the 4 patients of the training" in capsys.readouterr().err
    assert cli.main(command(patients, tmp_path / "run", "--group", "none")) == 2
    said = capsys.readouterr().err
    assert "no patients are known" in said and not (tmp_path / "run").exists()


def test_a_configuration_of_before_counts_images():
    assert RunConfig.of_saved({"labeled": 8}).labeled_by == "images"
    by_patients = RunConfig(labeled=8, labeled_by="patients")
    assert by_patients.fingerprint != RunConfig(labeled=8).fingerprint


def test_patients_and_images_are_two_cases_of_a_comparison():
    runs = plan_runs({"vary": {"labeled_by": ["images", "patients"], "method": ["cps"]}})
    assert len({run.variant for run in runs}) == 1 and len({run.name for run in runs}) == 2
