"""The exit quiz: thirty questions that the lessons answer, and the marks of a class."""

import re

import numpy as np
import pytest
import torch
from answers import RIGHT

from ucmt_lite.cli import main
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.mixing import umix
from ucmt_lite.course import checks, quiz, teach_quiz
from ucmt_lite.course.lessons import read_course

PAGE = (teach_quiz.TEACHING / "exit_quiz.md").read_text(encoding="utf-8")
ASKED = re.findall(r"^\*\*(\d+)\.\*\* (.+)\n\n((?:- [a-d]\) .+\n)+)", PAGE, re.MULTILINE)
OPTIONS = [re.findall(r"^- ([a-d])\) (.+)$", options, re.MULTILINE) for _, _, options in ASKED]
ANSWERS = teach_quiz.exit_answers()


def right_option(number):
    return dict(OPTIONS[number - 1])[ANSWERS[number - 1].letter]


def numbers(number):
    return [float(n) for n in re.findall(r"\d+(?:\.\d+)?", right_option(number))]


def test_thirty_questions_with_four_different_options_each():
    assert [int(number) for number, *_ in ASKED] == list(range(1, 31)) and len(ANSWERS) == 30
    assert all([letter for letter, _ in options] == list("abcd") for options in OPTIONS)
    assert all(len({text for _, text in options}) == 4 for options in OPTIONS)


def test_questions_are_not_those_of_the_lessons():
    own = {question.text for lesson in quiz.lessons() for question in quiz.questions(lesson)}
    assert not own & {text for _, text, _ in ASKED}
    assert len({text for _, text, _ in ASKED}) == 30


def test_each_answer_names_a_lesson_and_no_lesson_of_the_course_is_left_out():
    lessons = [answer.lesson for answer in ANSWERS]
    assert lessons == sorted(lessons)
    assert set(lessons) == {name for name in read_course().lessons if name < "90"}
    assert all(answer.why.endswith(".") and len(answer.why) > 20 for answer in ANSWERS)


def test_neither_a_letter_nor_the_length_of_an_option_gives_the_answer_away():
    letters = "".join(answer.letter for answer in ANSWERS)
    assert max(map(letters.count, "abcd")) <= 8 and min(map(letters.count, "abcd")) >= 6
    assert not re.search(r"(.)\1\1", letters)
    longest = [
        max(options, key=lambda option: len(option[1]))[0] == answer.letter
        for options, answer in zip(OPTIONS, ANSWERS, strict=True)
    ]
    assert sum(longest) <= 10


def test_the_sheet_for_students_holds_no_answer():
    assert not any(answer.why in PAGE for answer in ANSWERS)
    assert "right is" not in PAGE.lower() and "answers.md" not in PAGE


def test_numbers_are_what_the_kit_computes():
    a, b = torch.zeros(2, 1000, dtype=torch.bool)
    a[:60], b[30:70] = True, True
    assert numbers(1) == [pytest.approx(float(RIGHT[checks.check_dice](a, b)))]

    teacher, student = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    teacher.weight.data.fill_(1.0), student.weight.data.fill_(2.0)
    ema_update(teacher, [student], 0.9, 1)
    assert numbers(7) == [pytest.approx(teacher.weight.item())]

    p = torch.tensor([[[0.5], [0.3], [0.2]]])
    assert numbers(10) == [
        pytest.approx(RIGHT[checks.check_flaw](p, torch.tensor([[2]])).item(), abs=1e-6)
    ]

    mask1, mask2 = torch.zeros(2, 100, dtype=torch.bool)
    mask1[:30], mask2[10:60] = True, True
    assert numbers(13) == [pytest.approx(float(RIGHT[checks.check_disagreement](mask1, mask2)))]

    entropy, wrong = np.arange(1000), np.zeros(1000, bool)
    wrong[:40], wrong[-60:] = True, True
    assert numbers(16) == pytest.approx(RIGHT[checks.check_risk_coverage](entropy, wrong, 799))

    confidence = np.repeat([0.6, 0.9], 10)
    right = np.array([1] * 7 + [0] * 3 + [1] * 8 + [0] * 2, bool)
    error = RIGHT[checks.check_calibration_error](confidence, right, 2 * 5)
    assert numbers(17) == [pytest.approx(error)]

    assert numbers(18) == [round(RIGHT[checks.check_half_life](0.99) / 2)]
    u1 = torch.tensor([0.1, 0.8, 0.4, 0.3]).view(1, 1, 2, 2)
    u2 = torch.tensor([0.3, 0.6, 0.7, 0.05]).view(1, 1, 2, 2)
    mixed = umix(u1, u2, top_k=1, grid=2)(torch.arange(4).view(1, 2, 2)).flatten()
    assert right_option(21) == " ".join("ABCD"[cell] for cell in mixed)

    assert right_option(23).startswith(RIGHT[checks.check_verdict](0.004, 0.012, 0.02))
    voxels = np.ones(40_000)
    assert numbers(25) == [RIGHT[checks.check_millilitres](voxels, (0.5, 0.5, 2.0))]
    seconds = {"one": 0.1, "two": 0.2, "three": 0.3}
    assert f"replaces {RIGHT[checks.check_pace](0.3, 0.4, 16)} of its surest" in right_option(30)
    assert numbers(28) == [pytest.approx(RIGHT[checks.check_hours](seconds, 6000, 3))]


def test_a_class_is_marked_and_told_what_to_come_back_to(tmp_path, capsys):
    right = "".join(answer.letter for answer in ANSWERS)
    wrong = ("a" if right[0] != "a" else "b") + right[1:]
    cells = ",".join(right[:20])
    file = tmp_path / "class.csv"
    file.write_text(f"name,letters\nAda,{right}\nBen,{wrong}\nCy,{cells},\nDi,{wrong.upper()}\n")
    assert main(["teach", "quiz", str(file)]) == 0
    ada, ben, cy, di = capsys.readouterr().out.splitlines()
    assert ada == "Ada  30 of 30; lessons to come back to: none"
    assert ben == "Ben  29 of 30; lessons to come back to: 00_start_here"
    assert cy.startswith("Cy   20 of 30") and "00" not in cy and "16_after_ucmt" in cy
    assert di == ben.replace("Ben", "Di ")


def test_what_most_missed_is_told_with_the_why():
    marked = [teach_quiz.mark(name, letters, ANSWERS) for name, letters in ("Xc", "Yd", "Zd")]
    said = teach_quiz.class_in_words(marked, ANSWERS)
    assert "1 (00_start_here): 1 of 3 right, most frequent d. Right is c: Twice" in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Ada,abcx\n", "Ada answers question 4 with 'x'"),
        ("Ada," + "a" * 31 + "\n", "Ada has 31 letters for 30 questions"),
        ("name,letters\n", "holds no answers"),
    ],
)
def test_what_cannot_be_marked_is_told_in_a_sentence(tmp_path, capsys, text, sentence):
    file = tmp_path / "class.csv"
    file.write_text(text)
    assert main(["teach", "quiz", str(file)]) == 2
    assert sentence in capsys.readouterr().err
    assert main(["teach", "quiz", str(tmp_path / "none.csv")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_semicolons_and_cells_left_empty_are_read(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("Ada;c;;d\n", encoding="utf-8-sig")
    (ada,) = teach_quiz.read_class(file, ANSWERS)
    assert ada.letters.startswith("c-d-") and sum(ada.right) == 2
