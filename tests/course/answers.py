"""Answers to the exercises: a right one for each check, wrong ones with what is said of them."""

import torch
import torch.nn.functional as F

from ucmt_lite.core import mixing
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.losses import pseudo_label, soft_consistency
from ucmt_lite.core.uncertainty import entropy_of_mean
from ucmt_lite.course import checks
from ucmt_lite.course.checks.mixes import paste_cells


def dice(p, t):
    return 2 * (p & t).sum() / (p.sum() + t.sum())


def iou(p, t):
    return (p & t).sum() / (p | t).sum()


def cross(a, b):
    return F.cross_entropy(a, pseudo_label(b)) + F.cross_entropy(b, pseudo_label(a))


def one_student(teacher, student, decay, step):
    ema_update(teacher, [student], decay, step)


@torch.no_grad()
def moved(teacher, student, alpha):
    for t, s in zip(teacher.parameters(), student.parameters(), strict=True):
        t.copy_(alpha * t + (1 - alpha) * s)


def average_recorded(teacher, student, decay, step):
    alpha = min(1 - 1 / (step + 1), decay)
    teacher.weight = torch.nn.Parameter(
        alpha * teacher.weight.detach() + (1 - alpha) * student.weight.detach()
    )


def entropy_without_epsilon(a, b):
    mean = (a.detach().softmax(1) + b.detach().softmax(1)) / 2
    return -(mean * mean.log()).sum(1, keepdim=True)


def planted_umix(**kwargs):
    def my_umix(u1, u2, top_k, grid):
        def mix(image):
            as_image = image if image.dim() == 4 else image.unsqueeze(1)
            return paste_cells(u1, u2, top_k, grid, as_image, **kwargs).view(image.shape)

        return mix

    return my_umix


def mask_stays(u1, u2, top_k, grid):
    mix = mixing.umix(u1, u2, top_k, grid)
    return lambda image: mix(image) if image.is_floating_point() else image


def mix_gives_nothing(u1, u2, top_k, grid):
    return lambda image: None


RIGHT = {
    checks.check_dice: dice,
    checks.check_pseudo_label: pseudo_label,
    checks.check_consistency: soft_consistency,
    checks.check_ema_update: one_student,
    checks.check_cross_pseudo_supervision: cross,
    checks.check_disagreement: lambda a, b: 1 - dice(a, b),
    checks.check_entropy_of_mean: entropy_of_mean,
    checks.check_umix: mixing.umix,
}

WRONG = {
    checks.check_dice: [
        (lambda p, t: (p & t).sum() / (p.sum() + t.sum()), "counts twice"),
        (iou, "Jaccard"),
        (lambda p, t: (p == t).float().mean(), "background included"),
        (lambda p, t: 1 - dice(p, t), "one minus Dice"),
        (lambda p, t: None, "return"),
        (lambda p, t: 2 * (p & t) / (p.sum() + t.sum()), "42 numbers"),
        (lambda p, t: 2 * (p & t).sum() / p.numel(), "make a Dice of"),
    ],
    checks.check_pseudo_label: [
        (lambda z: z.softmax(1), "keeps the class axis"),
        (lambda z: F.one_hot(z.argmax(1), z.shape[1]).movedim(-1, 1), "one-hot"),
        (lambda z: z.argmax(1, keepdim=True), "keepdim"),
        (lambda z: z.argmin(1), "another class"),
        (lambda z: z.amax(1), "class index"),
        (lambda z: z.argmax(2), "the classes are axis 1"),
        (lambda z: z.argmax(), "the classes are axis 1"),
        (lambda z: None, "return"),
        (lambda z: z.argmax(1).tolist(), "plain list"),
    ],
    checks.check_consistency: [
        (lambda s, t: F.mse_loss(s, t.detach()), "probabilities, not logits"),
        (lambda s, t: F.mse_loss(s.softmax(1), t.softmax(1)), "reaches the teacher"),
        (lambda s, t: F.mse_loss(s.detach().softmax(1), t.softmax(1)), "reaches the teacher"),
        (lambda s, t: F.mse_loss(s.detach().softmax(1), t.detach().softmax(1)), "no gradient"),
        (lambda s, t: (s.softmax(1) - t.detach().softmax(1)) ** 2, "average it"),
        (lambda s, t: ((s.softmax(1) - t.detach().softmax(1)) ** 2).sum(), "that is the sum"),
        (lambda s, t: F.mse_loss(s.softmax(-1), t.detach().softmax(-1)), "the last axis"),
        (lambda s, t: F.mse_loss(s.softmax(0), t.detach().softmax(0)), "over the images"),
        (lambda s, t: soft_consistency(s, t).sqrt(), "root"),
        (lambda s, t: soft_consistency(s, t).item(), ".item()"),
        (lambda s, t: None, "return"),
    ],
    checks.check_ema_update: [
        (
            lambda t, s, d, n: moved(t, s, 1 - min(1 - 1 / (n + 1), d)),
            "share the teacher keeps",
        ),
        (lambda t, s, d, n: moved(t, s, d), "min(1 - 1/(step + 1)"),
        (lambda t, s, d, n: moved(t, s, 1 - 1 / (n + 1)), "without a ceiling"),
        (lambda t, s, d, n: moved(s, t, d), "student moved"),
        (lambda t, s, d, n: None, "did not move"),
        (average_recorded, "is not alpha * teacher"),
    ],
    checks.check_cross_pseudo_supervision: [
        (
            lambda a, b: F.cross_entropy(a, a.argmax(1)) + F.cross_entropy(b, b.argmax(1)),
            "its own pseudo label",
        ),
        (lambda a, b: cross(a, b) / 2, "mean of the two"),
        (lambda a, b: F.cross_entropy(a, b.argmax(1)), "one direction is missing"),
        (
            lambda a, b: (
                F.cross_entropy(a, b.softmax(1).detach())
                + F.cross_entropy(b, a.softmax(1).detach())
            ),
            "soft",
        ),
        (lambda a, b: cross(a.softmax(1), b.softmax(1)), "comes twice"),
        (lambda a, b: cross(a.detach(), b.detach()), "no gradient"),
        (lambda a, b: cross(a, b.detach()), "one of the networks gets no gradient"),
        (lambda a, b: cross(a, b).item(), ".item()"),
        (lambda a, b: F.cross_entropy(a, b.argmax(2)), "stopped with"),
    ],
    checks.check_disagreement: [
        (dice, "agreement"),
        (lambda a, b: (a != b).float().mean(), "differing pixels"),
        (lambda a, b: 1 - iou(a, b), "one minus the Jaccard index"),
        (lambda a, b: 1 - (a & b).sum() / (a.sum() + b.sum()), "counts twice"),
        (lambda a, b: None, "return"),
        (lambda a, b: 1 - dice(a, b) ** 2, "one minus Dice is"),
    ],
    checks.check_entropy_of_mean: [
        (lambda a, b: -entropy_of_mean(a, b), "minus sign"),
        (lambda a, b: entropy_of_mean(a, b)[:, 0], "keepdim"),
        (lambda a, b: (entropy_of_mean(a) + entropy_of_mean(b)) / 2, "mean of two entropies"),
        (lambda a, b: entropy_of_mean(a, b) / 0.6931472, "bits"),
        (lambda a, b: entropy_of_mean((a + b) / 2), "logits were averaged"),
        (lambda a, b: entropy_of_mean(a), "second network"),
        (lambda a, b: entropy_of_mean(a, b) / a.shape[1], "not their mean"),
        (lambda a, b: entropy_of_mean(a, b) + 0 * a[:, :1], "carries a gradient"),
        (entropy_without_epsilon, "0 * log(0)"),
        (lambda a, b: entropy_of_mean(a.transpose(1, 2), b.transpose(1, 2)), "axis 1"),
    ],
    checks.check_umix: [
        (planted_umix(cross=False), "other map"),
        (planted_umix(second_wins=False), "second paste wins"),
        (planted_umix(falling=False), "rising order"),
        (planted_umix(original=False), "after it had been overwritten"),
        (planted_umix(in_order=False), "stable=True"),
        (lambda u1, u2, k, g: mixing.umix(-u1, -u2, k, g), "other way round"),
        (mask_stays, "mask did not move"),
        (mix_gives_nothing, "gives nothing back"),
        (lambda u1, u2, k, g: None, "return"),
        (lambda u1, u2, k, g: lambda image: image, "differs from two pastes"),
    ],
}
