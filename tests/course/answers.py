"""Answers to the exercises: a right one for each check, wrong ones with what is said of them."""

import random

import numpy as np
import torch
import torch.nn.functional as F

from ucmt_lite.core import mixing
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.losses import dice_loss, pseudo_label, soft_consistency
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


def class_shares(masks, classes):
    pixels = np.concatenate([mask.ravel() for mask in masks])
    return np.bincount(pixels, minlength=classes) / len(pixels)


def split_by_patient(patients, share, seed, unit=lambda image, patient: patient):
    order = sorted({unit(image, patient) for image, patient in patients.items()})
    random.Random(seed).shuffle(order)
    tested = set(order[: max(1, round(share * len(order)))])
    test = [image for image, patient in patients.items() if unit(image, patient) in tested]
    return [image for image in patients if image not in set(test)], test


def split_the_first(patients, share, seed):
    return split_by_patient(patients, share, 0)


def split_images(patients, share, seed):
    return split_by_patient(patients, share, seed, unit=lambda image, patient: image)


def likeness(train, test, standardise):
    train, test = (standardise(x.reshape(len(x), -1)) for x in (train, test))
    distances = ((test[:, None] - train[None]) ** 2).mean(2)
    return distances, [i for i, row in enumerate(distances) if row.min() < 0.02]


def zscore(flat):
    flat = flat - flat.mean(1, keepdims=True)
    return flat / flat.std(1, keepdims=True)


def twins(train, test):
    return likeness(train, test, zscore)[1]


def mean_scores(predictions, truths, both_empty=1.0, falsely=0.0):
    scores, present = [], []
    for p, t in zip(predictions, truths, strict=True):
        size = int(p.sum() + t.sum())
        score = 2 * int((p & t).sum()) / size if size else both_empty
        score = falsely if p.any() and not t.any() else score
        scores.append(score)
        if t.any():
            present.append(score)
    return sum(scores) / len(scores), sum(present) / len(present)


def instance_norm(x, axes=(2, 3), unbiased=False, epsilon=1e-5, power=0.5):
    variance = x.var(axes, unbiased=unbiased, keepdim=True)
    return (x - x.mean(axes, keepdim=True)) / (variance + epsilon) ** power


def per_class(logits, target):
    p = logits.softmax(1).flatten(2)
    y = F.one_hot(target, logits.shape[1]).movedim(-1, 1).flatten(2)
    return (p * y).sum(2), p.sum(2) + y.sum(2)


RIGHT = {
    checks.check_class_shares: class_shares,
    checks.check_split_by_patient: split_by_patient,
    checks.check_twins: twins,
    checks.check_cross_entropy: F.cross_entropy,
    checks.check_dice_loss: dice_loss,
    checks.check_mean_scores: mean_scores,
    checks.check_instance_norm: instance_norm,
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
    checks.check_class_shares: [
        (lambda m, k: class_shares(m, k) * sum(mask.size for mask in m), "counts"),
        (
            lambda m, k: np.mean([class_shares([mask], k) for mask in m], axis=0),
            "each mask's shares",
        ),
        (lambda m, k: class_shares(m, 0), "minlength"),
        (lambda m, k: class_shares(m, k)[1:], "keep a place for each class"),
        (
            lambda m, k: class_shares([mask[mask > 0] for mask in m], k),
            "the background is left out",
        ),
        (lambda m, k: class_shares(m[:1], k), "it gives"),
        (lambda m, k: None, "return"),
    ],
    checks.check_split_by_patient: [
        (split_images, "draw patients, not images"),
        (lambda p, share, seed: split_by_patient(p, share, seed)[::-1], "are tested on"),
        (split_the_first, "every seed gives the same split"),
        (lambda p, share, seed: split_by_patient(p, share, random.random()), "the same seed"),
        (
            lambda p, share, seed: (split_by_patient(p, share, seed)[0][1:], [*p][:0]),
            "do not add up",
        ),
        (lambda p, share, seed: (sorted(set(p.values())), []), "return images"),
        (lambda p, share, seed: split_by_patient(p, 0.9, seed), "are tested on"),
        (lambda p, share, seed: None, "return"),
    ],
    checks.check_twins: [
        (lambda a, b: likeness(a, b, lambda x: x)[1], "[]"),
        (lambda a, b: likeness(a, b, lambda x: (x - 100) / 20)[1], "another brightness"),
        (
            lambda a, b: likeness(a, b, lambda x: (x - x.mean(1, keepdims=True)) / 20)[1],
            "another contrast",
        ),
        (
            lambda a, b: [
                int(row.argmin()) for row in likeness(a, b, zscore)[0] if row.min() < 0.02
            ],
            "training images",
        ),
        (lambda a, b: list(range(len(b))), "every image has a twin"),
        (lambda a, b: [1, 4, 5], "it finds [1, 4, 5]"),
        (lambda a, b: None, "return"),
    ],
    checks.check_cross_entropy: [
        (lambda z, y: -F.cross_entropy(z, y), "minus sign"),
        (lambda z, y: F.cross_entropy(z.softmax(1), y), "softmax comes twice"),
        (lambda z, y: -z.log_softmax(-1).gather(1, y.unsqueeze(1)).mean(), "the last axis"),
        (lambda z, y: F.cross_entropy(z, y, reduction="sum"), "that is the sum"),
        (lambda z, y: 1 - z.softmax(1).gather(1, y.unsqueeze(1)).mean(), "logarithm"),
        (lambda z, y: -z.log_softmax(1).mean(), "gather picks it"),
        (lambda z, y: -z.gather(1, y.unsqueeze(1)).mean(), "softmax first"),
        (lambda z, y: -z.softmax(1).log().gather(1, y.unsqueeze(1)).mean(), "not finite"),
        (lambda z, y: F.cross_entropy(z.detach(), y), "no gradient"),
        (lambda z, y: F.cross_entropy(z, y).item(), ".item()"),
        (lambda z, y: F.cross_entropy(z, y, reduction="none"), "average it"),
    ],
    checks.check_dice_loss: [
        (lambda z, y: 1 - dice_loss(z, y), "one minus it"),
        (lambda z, y: 1 - (per_class(z, y)[0] / per_class(z, y)[1]).mean(), "twice above"),
        (
            lambda z, y: 1 - (2 * per_class(z, y)[0].sum(0) / per_class(z, y)[1].sum(0)).mean(),
            "a Dice of its own",
        ),
        (
            lambda z, y: 1 - 2 * per_class(z, y)[0].sum() / per_class(z, y)[1].sum(),
            "drown small ones",
        ),
        (
            lambda z, y: 1 - (2 * per_class(z, y)[0] / per_class(z, y)[1])[:, 1:].mean(),
            "the background is left out",
        ),
        (
            lambda z, y: (
                1 - (per_class(z, y)[0] / (per_class(z, y)[1] - per_class(z, y)[0])).mean()
            ),
            "Jaccard",
        ),
        (lambda z, y: dice_loss(z.detach(), y), "no gradient"),
        (lambda z, y: 1 - (2 * per_class(z, y)[0] / per_class(z, y)[1]).sum(1).mean(), "summed"),
    ],
    checks.check_mean_scores: [
        (lambda p, t: mean_scores(p, t)[0], "two numbers"),
        (lambda p, t: mean_scores(p, t, both_empty=0.0), "they score 1, not 0"),
        (lambda p, t: mean_scores(p, t, both_empty=float("nan")), "0 / 0"),
        (lambda p, t: mean_scores(p, t, falsely=1.0), "only two empty masks score 1"),
        (lambda p, t: mean_scores(p, t)[:1] * 2, "leaves out"),
        (lambda p, t: (mean_scores(p, t)[0], (2 / 3 + 1) / 2), "missed object"),
        (lambda p, t: (mean_scores(p, t)[0], (2 / 3 + 1) / 4), "by its truth alone"),
        (lambda p, t: mean_scores(p, t)[::-1], "on average"),
        (lambda p, t: None, "return"),
    ],
    checks.check_instance_norm: [
        (lambda x: instance_norm(x, (0, 2, 3)), "batch norm"),
        (lambda x: instance_norm(x, (1, 2, 3)), "layer norm"),
        (lambda x: instance_norm(x, unbiased=True), "unbiased=False"),
        (lambda x: instance_norm(x, epsilon=0), "add 1e-5"),
        (lambda x: instance_norm(x, power=1), "by its root"),
        (lambda x: instance_norm(x, power=0), "still what it was"),
        (lambda x: x.mean((2, 3)), "keep the shape"),
        (lambda x: None, "return"),
    ],
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
