"""The checks accept what is right and reject planted mistakes with a sentence that names them."""

import pytest
import torch
import torch.nn.functional as F

from ucmt_lite.core import mixing
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.losses import pseudo_label, soft_consistency
from ucmt_lite.core.uncertainty import entropy_of_mean
from ucmt_lite.course import checks


def dice(p, t):
    return 2 * (p & t).sum() / (p.sum() + t.sum())


def cross(a, b):
    return F.cross_entropy(a, pseudo_label(b)) + F.cross_entropy(b, pseudo_label(a))


def one_student(teacher, student, decay, step):
    ema_update(teacher, [student], decay, step)


RIGHT = [
    (checks.check_dice, dice),
    (checks.check_pseudo_label, pseudo_label),
    (checks.check_consistency, soft_consistency),
    (checks.check_ema_update, one_student),
    (checks.check_cross_pseudo_supervision, cross),
    (checks.check_disagreement, lambda a, b: 1 - dice(a, b)),
    (checks.check_entropy_of_mean, entropy_of_mean),
    (checks.check_umix, mixing.umix),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_the_kits_own_functions_pass(check, answer, capsys):
    check(answer)
    assert "is right" in capsys.readouterr().out


@pytest.mark.parametrize("check", [check for check, _ in RIGHT])
def test_an_answer_not_written_yet_gets_a_friendly_word(check, capsys):
    def my_answer(*args):
        raise NotImplementedError

    check(my_answer)
    assert "my_answer is not written yet" in capsys.readouterr().out


@torch.no_grad()
def moved(teacher, student, alpha):
    for t, s in zip(teacher.parameters(), student.parameters(), strict=True):
        t.copy_(alpha * t + (1 - alpha) * s)


def average_recorded(teacher, student, decay, step):
    alpha = min(1 - 1 / (step + 1), decay)
    teacher.weight = torch.nn.Parameter(
        alpha * teacher.weight.detach() + (1 - alpha) * student.weight.detach()
    )


def planted_umix(**kwargs):
    def my_umix(u1, u2, top_k, grid):
        def mix(image):
            as_image = image if image.dim() == 4 else image.unsqueeze(1)
            return checks.paste_cells(u1, u2, top_k, grid, as_image, **kwargs).view(image.shape)

        return mix

    return my_umix


def mask_stays(u1, u2, top_k, grid):
    mix = mixing.umix(u1, u2, top_k, grid)
    return lambda image: mix(image) if image.is_floating_point() else image


WRONG = [
    (checks.check_dice, lambda p, t: (p & t).sum() / (p.sum() + t.sum()), "counts twice"),
    (checks.check_dice, lambda p, t: (p & t).sum() / (p | t).sum(), "Jaccard"),
    (checks.check_dice, lambda p, t: (p == t).float().mean(), "gives"),
    (checks.check_pseudo_label, lambda z: z.softmax(1), "keeps the class axis"),
    (checks.check_pseudo_label, lambda z: z.argmin(1), "another class"),
    (checks.check_pseudo_label, lambda z: z.amax(1), "class index"),
    (checks.check_pseudo_label, lambda z: z.argmax(2), "another class"),
    (checks.check_consistency, lambda s, t: F.mse_loss(s, t.detach()), "probabilities, not logits"),
    (
        checks.check_consistency,
        lambda s, t: F.mse_loss(s.softmax(1), t.softmax(1)),
        "reaches the teacher",
    ),
    (
        checks.check_consistency,
        lambda s, t: F.mse_loss(s.detach().softmax(1), t.softmax(1)),
        "reaches the teacher",
    ),
    (
        checks.check_consistency,
        lambda s, t: (s.softmax(1) - t.detach().softmax(1)) ** 2,
        "average it",
    ),
    (
        checks.check_ema_update,
        lambda t, s, d, n: moved(t, s, 1 - min(1 - 1 / (n + 1), d)),
        "share the teacher keeps",
    ),
    (checks.check_ema_update, lambda t, s, d, n: moved(t, s, d), "min(1 - 1/(step + 1)"),
    (checks.check_ema_update, lambda t, s, d, n: moved(s, t, d), "student moved"),
    (checks.check_ema_update, lambda t, s, d, n: None, "did not move"),
    (checks.check_ema_update, average_recorded, "is not alpha * teacher"),
    (
        checks.check_cross_pseudo_supervision,
        lambda a, b: F.cross_entropy(a, a.argmax(1)) + F.cross_entropy(b, b.argmax(1)),
        "its own pseudo label",
    ),
    (checks.check_cross_pseudo_supervision, lambda a, b: cross(a, b) / 2, "mean of the two"),
    (
        checks.check_cross_pseudo_supervision,
        lambda a, b: F.cross_entropy(a, b.argmax(1)),
        "one direction is missing",
    ),
    (
        checks.check_cross_pseudo_supervision,
        lambda a, b: (
            F.cross_entropy(a, b.softmax(1).detach()) + F.cross_entropy(b, a.softmax(1).detach())
        ),
        "soft",
    ),
    (checks.check_disagreement, dice, "agreement"),
    (checks.check_disagreement, lambda a, b: (a != b).float().mean(), "differing pixels"),
    (
        checks.check_disagreement,
        lambda a, b: 1 - (a & b).sum() / (a | b).sum(),
        "one minus Dice is",
    ),
    (checks.check_entropy_of_mean, lambda a, b: -entropy_of_mean(a, b), "minus sign"),
    (checks.check_entropy_of_mean, lambda a, b: entropy_of_mean(a, b)[:, 0], "keepdim"),
    (
        checks.check_entropy_of_mean,
        lambda a, b: (entropy_of_mean(a) + entropy_of_mean(b)) / 2,
        "mean of two entropies",
    ),
    (checks.check_entropy_of_mean, lambda a, b: entropy_of_mean(a, b) / 0.6931472, "bits"),
    (checks.check_umix, planted_umix(cross=False), "other map"),
    (checks.check_umix, planted_umix(second_wins=False), "second paste wins"),
    (checks.check_umix, planted_umix(falling=False), "rising order"),
    (checks.check_umix, planted_umix(original=False), "after it had been overwritten"),
    (checks.check_umix, lambda u1, u2, k, g: mixing.umix(-u1, -u2, k, g), "other way round"),
    (checks.check_umix, mask_stays, "mask did not move"),
    (checks.check_umix, lambda u1, u2, k, g: lambda image: image, "differs from two pastes"),
]


@pytest.mark.parametrize(("check", "answer", "sentence"), WRONG)
def test_planted_mistakes_are_named(check, answer, sentence):
    with pytest.raises(checks.CheckFailed, match="^[^\n]+$") as failure:
        check(answer)
    assert sentence in str(failure.value)


def test_an_answer_that_stops_is_told_so_in_one_sentence():
    with pytest.raises(checks.CheckFailed, match="stopped with TypeError"):
        checks.check_dice(lambda: 1)
