"""What `ucmt-lite data` proposes for a set is a command that this kit takes."""

import shlex

import pytest

from ucmt_lite import cli
from ucmt_lite.data import load
from ucmt_lite.experiments.first_run import LONGEST, first_run


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("phantom_heart", ["--labeled 4", "--iterations 600"]),
        ("phantom_skin", ["--labeled 4", "--iterations 600"]),
        ("phantom_atrium", ["--network vnet_small", "--batch 2", "--labeled 4"]),
    ],
)
def test_a_kind_of_image_gets_what_has_learned_on_it(name, words):
    command = first_run(load(name, size=32, count=(40, 4, 4)))
    assert all(word in command for word in words)


def test_a_long_list_of_labels_gets_a_longer_run_up_to_a_limit():
    heart = load("phantom_heart", size=16, count=(40, 4, 4))
    ids = tuple(heart.splits["train"]["id"])
    assert "--labeled 20 --iterations 1500" in first_run(_labeled(heart, ids[:20]))
    assert "--labeled 40 --iterations 3000" in first_run(_labeled(heart, ids))
    assert f"--iterations {LONGEST}" in first_run(_labeled(heart, ids * 100))


def _labeled(source, ids):
    from dataclasses import replace

    return replace(source, labeled=ids)


def test_the_command_prints_one_that_runs(capsys, tmp_path):
    cli.main(["data", "phantom_heart"])
    last = capsys.readouterr().out.strip().splitlines()[-1]
    words = shlex.split(last.removeprefix("To begin with: ucmt-lite "))
    small = ["--iterations", "2", "--size", "16", "--out", str(tmp_path / "first")]
    cli.main([*words, *small, "--quiet"])
    assert (tmp_path / "first" / "metrics.json").is_file()


def test_a_set_of_the_catalogue_knows_its_classes_and_your_own_does_not():
    heart = load("phantom_heart", size=16, count=(8, 2, 2))
    assert "--classes" not in first_run(_called(heart, "acdc"), data="acdc")
    assert "--classes 4" in first_run(_called(heart, "folder"), data="mine")


def _called(source, name):
    from dataclasses import replace

    return replace(source, name=name)


def test_a_path_with_spaces_stays_one_word():
    command = first_run(load("phantom_heart", size=16, count=(8, 2, 2)), data="my images")
    assert "--data 'my images'" in command
