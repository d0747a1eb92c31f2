"""Tasks drawn by a number: fresh, repeatable, and answered right."""

import math
import re

import numpy as np
import pytest

from ucmt_lite.cli import main
from ucmt_lite.course.checks.mixes import paste_cells
from ucmt_lite.course.teach_tasks import TASKS, draw_task, write_task
from ucmt_lite.experiments.comparison import interval

SEEDS = range(12)


def rows(text):
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return lines[2:]


@pytest.mark.parametrize("kind", TASKS)
def test_a_seed_draws_the_same_bytes_and_another_seed_another_task(kind, tmp_path):
    first, again = (write_task(7, [kind], tmp_path / name) for name in "ab")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]
    assert len({draw_task(kind, seed).text for seed in SEEDS}) == len(SEEDS)
    assert draw_task(kind, 7).text in first[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", TASKS)
def test_a_sheet_for_students_holds_no_answer(kind, tmp_path):
    sheet, key = write_task(3, [kind], tmp_path)
    answer = draw_task(kind, 3).answer
    assert answer in key.read_text(encoding="utf-8")
    assert answer not in sheet.read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_leaks_are_the_two_that_are_named(seed):
    task = draw_task("leak", seed)
    sides = {"train": {}, "test": {}}
    for name, side, *values in rows(task.text):
        sides[side][name] = [int(value) for value in values]
    patients = [{name.partition("_")[0] for name in side} for side in sides.values()]
    (shared,) = patients[0] & patients[1]
    twins = [
        f"{name} is {other}"
        for name, x in sides["test"].items()
        for other, y in sides["train"].items()
        if np.abs(np.polyval(np.polyfit(y, x, 1), y) - x).max() < 1
    ]
    assert task.answer == f"(a) {shared}. (b) {twins[0]}." and len(twins) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mix_is_that_of_two_pastes_in_sequence(seed):
    import torch

    task = draw_task("mix", seed)
    cells = rows(task.text)[:9]
    u1, u2 = (
        torch.tensor([float(row[n]) for row in cells]).view(1, 1, 3, 3).double() for n in (1, 2)
    )
    mixed = paste_cells(u1, u2, 2, 3, torch.arange(9).view(1, 1, 3, 3)).flatten()
    assert re.findall("[A-I]", task.answer) == ["ABCDEFGHI"[cell] for cell in mixed]


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_entropies_coverage_and_risk_are_those_of_the_definitions(seed):
    task = draw_task("threshold", seed)
    labels, kept, wrong = [], [], []
    for number, row in enumerate(rows(task.text), 1):
        a0, a1, b0, b1, truth = (float(value) for value in row[1:])
        p, q = 1 / (1 + math.exp(a0 - a1)), 1 / (1 + math.exp(b0 - b1))
        mean = (p + q) / 2
        labels.append(str(int(a1 > a0)))
        if -mean * math.log(mean) - (1 - mean) * math.log(1 - mean) <= 0.4:
            kept.append(number)
            wrong += [number] if (a1 > a0) != truth else []
    assert task.answer.startswith(f"(a) {', '.join(labels)}. (b) {', '.join(map(str, kept))};")
    assert f"coverage {len(kept) / 8:.3g};" in task.answer
    assert f"risk {len(wrong) / len(kept):.3g}." in task.answer
    assert task.answer.endswith(f"(d) {', '.join(map(str, wrong))}.")


@pytest.mark.parametrize("seed", SEEDS)
def test_intervals_tests_and_verdicts_are_those_of_the_kits_comparisons(seed):
    task = draw_task("verdict", seed)
    differences = [round(float(a) - float(b), 3) for _, a, b in rows(task.text)]
    mean, low, high = interval(differences)
    given = [float(n) for n in re.findall(r"[+-]\d\.\d{3}", task.answer)]
    assert given == pytest.approx([mean, low, high], abs=6e-4)
    wins = sum(d > 0 for d in differences)
    tail = sum(math.comb(5, k) for k in range(max(wins, 5 - wins), 6)) / 32
    assert f"{wins} of 5 won, p = {min(1, 2 * tail):.4g}." in task.answer
    verdict = "level" if low > -0.02 and high < 0.02 else "open"
    verdict = "better" if low > 0 else "worse" if high < 0 else verdict
    assert f"(c) {verdict}." in task.answer


def test_all_four_verdicts_are_drawn():
    words = {re.search(r"\(c\) (\w+)", draw_task("verdict", n).answer)[1] for n in range(40)}
    assert words == {"better", "worse", "level", "open"}


def test_the_command_writes_both_sheets_and_refuses_what_it_cannot_draw(tmp_path, capsys):
    assert main(["teach", "task", "--seed", "7", "--out", str(tmp_path)]) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["task_7.md", "task_7_answers.md"]
    text = (tmp_path / "task_7.md").read_text(encoding="utf-8")
    assert text.count("\n## ") == len(TASKS)
    assert main(["teach", "task", "--seed", "7", "--kind", "mx", "--out", str(tmp_path)]) == 2
    assert "did you mean 'mix'" in capsys.readouterr().err
    assert main(["teach", "task", "--seed", "-1"]) == 2
    assert "give 0 or more" in capsys.readouterr().err
