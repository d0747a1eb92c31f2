"""A run keeps all its networks, and calibration asks each of them."""

import shutil

import pandas as pd
import pytest

from ucmt_lite import cli, predict
from ucmt_lite.common import InputError
from ucmt_lite.experiments.calibration import calibration_listing, calibration_of, calibrations
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.run import run, train

pytestmark = pytest.mark.usefixtures("few_cases")
SMALL = {"size": 32, "iterations": 3, "labeled": 2, "distances": False}
UCMT = RunConfig.of({**SMALL, "method": "ucmt", "settings": {"grid": 4}})


@pytest.mark.parametrize(
    ("method", "students"),
    [("cps", {"student2"}), ("gct", {"student2"}), ("ucmt", {"student1", "student2"})],
)
def test_a_run_keeps_every_network_that_segments(tmp_path, method, students):
    result = run(RunConfig.of({**SMALL, "method": method}), tmp_path / method)
    files = {file.stem for file in result.folder.glob("*.safetensors")}
    assert files == {"teacher", *students}


def test_the_files_hold_the_networks_of_their_names(tmp_path):
    folder = run(UCMT, tmp_path / "run").folder
    nets = train(UCMT).nets
    for name in ("student1", "student2", "teacher"):
        saved = predict.load_segmenter(folder / f"{name}.safetensors")
        for here, there in zip(
            saved.net.parameters(), getattr(nets, name).parameters(), strict=True
        ):
            assert here.equal(there), name
    # The scores are those of the network that predicts
    assert "scores" in predict.load_segmenter(folder / "teacher.safetensors").card
    assert "scores" not in predict.load_segmenter(folder / "student1.safetensors").card


def test_a_second_student_of_another_network_is_read_as_one(tmp_path):
    config = RunConfig.of({**SMALL, "method": "cps", "network2": "unet"})
    result = run(config, tmp_path / "run")
    names = [
        predict.load_segmenter(result.folder / f"{name}.safetensors").card["network"]
        for name in ("teacher", "student2")
    ]
    assert names == ["unet_small", "unet"]


def test_calibration_of_students_is_a_row_of_each_with_a_dice_of_its_own(tmp_path, capsys):
    result = run(UCMT, tmp_path / "run")
    rows = {row["network"]: row for row in calibration_of(result.folder, students=True)}
    assert list(rows) == ["teacher", "student1", "student2"]
    assert rows["teacher"]["dice"] == result.scores["dice"]
    assert [row["network"] for row in calibration_of(result.folder)] == ["teacher"]
    # The teacher's weights under a student's name have the Dice that the run has
    shutil.copy(result.folder / "teacher.safetensors", result.folder / "student1.safetensors")
    assert calibration_of(result.folder, students=True)[1]["dice"] == result.scores["dice"]
    saved = tmp_path / "calibration.parquet"
    command = ["calibration", str(result.folder), "--students", "--save", str(saved)]
    assert cli.main(command) == 0 and "| ucmt | student2 | 2 | 3 | 1 |" in capsys.readouterr().out
    assert list(pd.read_parquet(saved)["network"]) == ["teacher", "student1", "student2"]


def test_a_run_of_before_says_that_it_has_no_students(tmp_path):
    result = run(UCMT, tmp_path / "run")
    (result.folder / "student1.safetensors").unlink()
    assert len(calibration_of(result.folder)) == 1
    with pytest.raises(InputError, match="no student1.safetensors: .* leave out --students"):
        calibration_of(result.folder, students=True)


def test_a_run_with_one_network_has_one_row_with_students_too(tmp_path):
    result = run(RunConfig.of({**SMALL, "method": "supervised"}), tmp_path / "run")
    table = calibrations([result.folder], students=True)
    assert len(table) == 1 and "| network |" not in calibration_listing(table)
