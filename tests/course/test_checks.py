"""The checks accept what is right and reject planted mistakes with a sentence that names them."""

import pytest
import torch
from answers import RIGHT, WRONG

from ucmt_lite.course import checks

EVERY = [getattr(checks, name) for name in checks.__all__]
MISTAKES = [(check, *mistake) for check, mistakes in WRONG.items() for mistake in mistakes]


def test_every_check_meets_a_right_answer_and_at_least_five_wrong_ones():
    assert set(RIGHT) == set(EVERY)
    assert {
        check.__name__: len(WRONG.get(check, [])) for check in EVERY if len(WRONG[check]) < 5
    } == {}


@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.__name__)
def test_the_kits_own_functions_pass(check, capsys):
    check(RIGHT[check])
    assert capsys.readouterr().out.startswith("\N{CHECK MARK}")


@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.__name__)
def test_an_answer_not_written_yet_gets_a_friendly_word(check, capsys):
    def my_answer(*args):
        raise NotImplementedError

    check(my_answer)
    assert "my_answer is not written yet" in capsys.readouterr().out


@pytest.mark.parametrize(("check", "answer", "sentence"), MISTAKES)
def test_planted_mistakes_are_named_and_nothing_stops(check, answer, sentence, capsys):
    check(answer)
    said = capsys.readouterr().out
    assert said.startswith("\N{BALLOT X}") and said.count("\n") == 1
    assert sentence in said


@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.__name__)
def test_what_torch_cannot_do_is_no_empty_answer(check, capsys):
    def my_answer(*args):
        torch.empty(2, device="meta").tolist()

    check(my_answer)
    assert "my_answer stopped with NotImplementedError: Cannot copy" in capsys.readouterr().out
