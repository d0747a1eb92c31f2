"""Answers to the exercises: a right one for each check, wrong ones with what is said of them."""

import math
import random
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from einops import reduce

from ucmt_lite.core import mixing
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.losses import dice_loss, pseudo_label, soft_consistency
from ucmt_lite.core.uncertainty import entropy_of_mean
from ucmt_lite.course import checks
from ucmt_lite.course.checks.mixes import paste_cells
from ucmt_lite.experiments.comparison import holm


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


@torch.no_grad()
def moved_to_two(teacher, student1, student2, alpha, shares):
    networks = (net.parameters() for net in (teacher, student1, student2))
    for t, a, b in zip(*networks, strict=True):
        t.copy_(alpha * t + (1 - alpha) * (shares[0] * a + shares[1] * b))


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


def split_unsorted(patients, share, seed):
    order = list(set(patients.values()))  # another order in every run of Python
    random.Random(seed).shuffle(order)
    tested = set(order[: max(1, round(share * len(order)))])
    test = [image for image, patient in patients.items() if patient in tested]
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


def cpc(a, b, detach=True):
    p, q = a.softmax(1), b.softmax(1)
    p_, q_ = (p.detach(), q.detach()) if detach else (p, q)
    return ((p - q_) ** 2).sum(1).mean() + ((q - p_) ** 2).sum(1).mean()


def flaw(p, y):
    return 1 - p.detach().gather(1, y.unsqueeze(1))


def leader(p1, p2, flaw1, flaw2):
    one = torch.where(flaw2 < flaw1, p2, p1).detach()
    return one, torch.where(flaw1 < flaw2, p1, p2).detach()


def collaboration(a, b, t, own=False, soft=False):
    label_t = t.detach().softmax(1) if soft else pseudo_label(t)
    crossed = cross(a, b)
    if own:
        crossed = F.cross_entropy(a, pseudo_label(a)) + F.cross_entropy(b, pseudo_label(b))
    return crossed + F.cross_entropy(a, label_t) + F.cross_entropy(b, label_t)


@torch.no_grad()
def contradiction(a, b, each=0.5):
    return entropy_of_mean(a, b) - each * (entropy_of_mean(a) + entropy_of_mean(b))


def contradiction_without_epsilon(a, b):
    one, other = (entropy_without_epsilon(z, z) for z in (a, b))
    return entropy_without_epsilon(a, b) - (one + other) / 2


def contradiction_of_logits(a, b):
    of_mean = entropy_of_mean((a + b) / 2)
    return of_mean - (entropy_of_mean(a) + entropy_of_mean(b)) / 2


def risk_coverage(entropy, wrong, threshold):
    kept = entropy <= threshold
    return kept.mean(), wrong[kept].mean() if kept.any() else 0.0


def confident_errors(entropy, wrong, threshold):
    return (entropy[wrong] <= threshold).mean() if wrong.any() else 0.0


def calibration_error(confidence, right, bins=10, weigh=True, signed=False):
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = []
    for b in range(bins):
        inside = place == b
        if inside.any():
            gap = confidence[inside].mean() - right[inside].mean()
            gaps.append((inside.mean() if weigh else 1.0) * (gap if signed else abs(gap)))
    return abs(sum(gaps)) / (1 if weigh else len(gaps))


def teacher_of_two(teacher, student1, student2, decay, shares, step):
    ema_update(teacher, [student1, student2], decay, step, shares)


def half_life(decay):
    return math.log(0.5) / math.log(decay)


def reordered(w1, w2, order):
    return w1[order], w2[:, order]


def cell_means(u, grid, pattern="b 1 (h p) (w q) -> b (h w)", kind="mean"):
    return reduce(u, pattern, kind, h=grid, w=grid)


def top_and_bottom(means, top_k):
    rank = means.argsort(descending=True, stable=True).tolist()
    return rank[:top_k], rank[len(rank) - top_k :]


def without_stable(means, top_k):
    rank = (len(means) - 1 - means.flip(0).argsort(descending=True, stable=True)).tolist()
    return rank[:top_k], rank[len(rank) - top_k :]


def random_cells(cells, grid, generator):
    mask = torch.zeros(grid * grid, dtype=torch.bool)
    mask[torch.randperm(grid * grid, generator=generator)[:cells]] = True
    return mask.view(grid, grid)


def cells_drawn_twice(cells, grid, generator):
    mask = torch.zeros(grid * grid, dtype=torch.bool)
    mask[torch.randint(0, grid * grid, (cells,), generator=generator)] = True
    return mask.view(grid, grid)


def first_cells(cells, grid, generator):
    return (torch.arange(grid * grid) < cells).view(grid, grid)


def interval(values, t, ddof=1, root=True, power=1):
    mean, n = float(np.mean(values)), len(values)
    half = t * float(np.std(values, ddof=ddof)) ** power / (math.sqrt(n) if root else n)
    return mean - half, mean + half


def sign_test(values, sides=2, keep_zeros=False, most=1.0):
    signs = [d > 0 for d in values if d != 0 or keep_zeros]
    n, extreme = len(signs), max(sum(signs), len(signs) - sum(signs))
    return min(most, sides * sum(math.comb(n, k) for k in range(extreme, n + 1)) / 2**n)


def sign_test_of_wins(values):
    wins, n = sum(d > 0 for d in values), sum(d != 0 for d in values)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(wins, n + 1)) / 2**n)


def sign_test_with_zeros(values):
    wins, losses, n = sum(d > 0 for d in values), sum(d < 0 for d in values), len(values)
    return 2 * sum(math.comb(n, k) for k in range(max(wins, losses), n + 1)) / 2**n


def sign_test_exactly(values):
    wins, n = sum(d > 0 for d in values), sum(d != 0 for d in values)
    return 2 * math.comb(n, wins) / 2**n


def verdict_that_forgets_worse(low, high, margin):
    if low <= 0 and -margin <= low and high <= margin:
        return "level"
    return verdict(low, high, margin)


def verdict(low, high, margin):
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "level" if low > -margin and high < margin else "open"


def millilitres(mask, spacing):
    return (mask == 1).sum() * np.prod(spacing) / 1000


def shrunk(volume, factor, kind="mean", pattern="(d a) (h b) (w c) -> d h w"):
    return reduce(volume, pattern, kind, a=factor, b=factor, c=factor)


def starts(side, window, step):
    return [*range(0, side - window, step), side - window]


def grey_to_classes(masks):
    values = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    return [np.searchsorted(values, mask) for mask in masks]


def changed_masks(masks):
    result = grey_to_classes(masks)
    masks[0][:] = 7
    return result


def pairs(images, masks, end="$", take=lambda stem: stem):
    by_stem = {take(re.sub(rf"_(mask|seg|gt){end}", "", Path(mask).stem)): mask for mask in masks}
    return {image: by_stem.get(take(Path(image).stem)) for image in images}


def patient(name, pattern=r"(patient|scan)_?\d+", look=re.match):
    found = look(pattern, name)
    return found[0] if found else name


def choice(validation, test):
    best = int(np.argmax(validation))
    return best, test[best]


def lost(masks, factor):
    return sum(bool(m.any()) and not m[::factor, ::factor].any() for m in masks)


def hours(seconds, iterations, seeds):
    return sum(seconds.values()) * iterations * seeds / 3600


def ramp(step, length, slope=5.0, power=2):
    return math.exp(-slope * (1 - min(step / length, 1)) ** power)


def never_corrected(label1, label2, truth):
    return ((label1 == label2) & (label1 != truth)).float().mean()


def stretched(image, low, high):
    start, end = np.percentile(image, [low, high])
    if start == end:
        return np.zeros(image.shape)
    return np.clip((image.astype(float) - start) / (end - start), 0, 1)


def stretched_unclipped(image, low, high):
    start, end = np.percentile(image, [low, high])
    with np.errstate(invalid="ignore"):
        return (image.astype(float) - start) / (end - start)


def stretched_from_zero(image, low, high):
    return np.clip(image / np.percentile(image, high), 0, 1)


def seeds_needed(deviation, margin, quantile=1.96):
    return math.ceil((quantile * deviation / margin) ** 2)


@torch.no_grad()
def sure_pixels(logits, threshold):
    confidence, label = logits.softmax(1).max(1)
    return label, confidence >= threshold


def swap(x, u, inside):
    return torch.where(inside, u, x), torch.where(inside, x, u)


def swap_in_place(x, u, inside):
    x[:, inside], u[:, inside] = u[:, inside].clone(), x[:, inside].clone()
    return x, u


def swap_one_after_the_other(x, u, inside):
    first = torch.where(inside, u, x)
    return first, torch.where(inside, first, u)


def pace(difficulty, reach, most):
    return max(-most, min(most, int(most * (1 - difficulty / reach))))


def right_choices(better, worse, n, draws, random, replace=False, center=np.mean):
    drawn = [random.choice(len(better), n, replace=replace) for _ in range(draws)]
    return sum(center(better[d]) > center(worse[d]) for d in drawn) / draws


def right_choices_unpaired(better, worse, n, draws, random):
    def few(scores):
        return random.choice(scores, n, replace=False).mean()

    return sum(few(better) > few(worse) for _ in range(draws)) / draws


def scattered(truth, labels, random, source=None):
    result = labels.copy()
    for k in np.unique(truth):
        inside = truth == k
        result[inside] = random.permutation((labels if source is None else source)[inside])
    return result


def scattered_in_place(truth, labels, random):
    for k in np.unique(truth):
        labels[truth == k] = random.permutation(labels[truth == k])
    return labels


def scattered_as_any_class(truth, labels, random):
    wrong, places = (labels != truth).sum(), random.permutation(truth.size)
    result = truth.copy()
    result.flat[places[:wrong]] = (truth.flat[places[:wrong]] + 1) % 3
    return result


def area_under_roc(doubt, wrong, half=0.5):
    above = doubt[wrong][:, None] > doubt[~wrong][None]
    equal = doubt[wrong][:, None] == doubt[~wrong][None]
    return (above + half * equal).mean()


RIGHT = {
    checks.check_sure: sure_pixels,
    checks.check_swap: swap,
    checks.check_pace: pace,
    checks.check_right_pixels: lambda p, t: (p == t).float().mean(),
    checks.check_ramp: ramp,
    checks.check_never_corrected: never_corrected,
    checks.check_stretched: stretched,
    checks.check_seeds_needed: seeds_needed,
    checks.check_pair_lives: lambda: {"weight": 1.0, "ramp": 0.5},
    checks.check_decay: lambda steps: 0.5 ** (10 / steps),
    checks.check_choice: choice,
    checks.check_lost: lost,
    checks.check_area_under_roc: area_under_roc,
    checks.check_scattered: scattered,
    checks.check_hours: hours,
    checks.check_interval: interval,
    checks.check_sign_test: sign_test,
    checks.check_holm: holm,
    checks.check_verdict: verdict,
    checks.check_right_choices: right_choices,
    checks.check_millilitres: millilitres,
    checks.check_shrunk: shrunk,
    checks.check_starts: starts,
    checks.check_grey_to_classes: grey_to_classes,
    checks.check_pairs: pairs,
    checks.check_patient: patient,
    checks.check_cpc: cpc,
    checks.check_flaw: flaw,
    checks.check_leader: leader,
    checks.check_control: lambda maps: maps.roll(1, 0),
    checks.check_collaboration: collaboration,
    checks.check_contradiction: contradiction,
    checks.check_risk_coverage: risk_coverage,
    checks.check_confident_errors: confident_errors,
    checks.check_calibration_error: calibration_error,
    checks.check_teacher_of_two: teacher_of_two,
    checks.check_half_life: half_life,
    checks.check_reordered: reordered,
    checks.check_cell_means: cell_means,
    checks.check_top_and_bottom: top_and_bottom,
    checks.check_largest_share: lambda top_k, grid, dims: 2 * top_k / grid**dims,
    checks.check_random_cells: random_cells,
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
    checks.check_sure: [
        (lambda z, t: (z.argmax(1), z.detach().softmax(1).amax(1) > t), ">="),
        (lambda z, t: (z.argmax(1), z.detach().softmax(1).amax(1) < t), "other way round"),
        (lambda z, t: (z.argmax(1), z.detach().amax(1) >= t), "softmax first"),
        (lambda z, t: (z.argmax(1), z.detach().softmax(1)[:, 1] >= t), "of class 1"),
        (lambda z, t: (z.argmax(1), z.detach().softmax(2).amax(1) >= t), "axis 1"),
        (lambda z, t: (z.softmax(1).amax(1).detach(), z.argmax(1) >= t), "not its probability"),
        (lambda z, t: z.argmax(1), "two maps"),
        (lambda z, t: (z.argmax(1, keepdim=True), sure_pixels(z, t)[1]), "one value a pixel"),
        (lambda z, t: (z.argmax(1) * sure_pixels(z, t)[1], sure_pixels(z, t)[1]), "do not count"),
        (lambda z, t: (z.argmin(1), sure_pixels(z, t)[1]), "most probable class"),
        (lambda z, t: (z.argmax(1), (z.softmax(1).amax(1) - t).clamp(min=0)), "no gradient"),
        (lambda z, t: None, "return"),
    ],
    checks.check_swap: [
        (lambda x, u, m: swap(x, u, ~m), "inside and outside are swapped"),
        (lambda x, u, m: torch.where(m, u, x), "two images"),
        (swap_in_place, "itself was changed"),
        (swap_one_after_the_other, "before the first paste"),
        (lambda x, u, m: (torch.where(m, u, x),) * 2, "both images are the same"),
        (lambda x, u, m: (torch.where(m, u, x), torch.where(m, 0 * x, u)), "second image is u"),
        (lambda x, u, m: (torch.where(m, (x + u) / 2, x), swap(x, u, m)[1]), "first image is x"),
        (lambda x, u, m: None, "return"),
    ],
    checks.check_pace: [
        (lambda d, r, k: max(0, pace(d, r, k)), "the other way: below 0"),
        (lambda d, r, k: abs(pace(d, r, k)), "sign is lost"),
        (lambda d, r, k: -pace(d, r, k), "sign is turned"),
        (lambda d, r, k: k * (1 - d / r), "whole"),
        (lambda d, r, k: int(k * (1 - d / r)), "at most"),
        (lambda d, r, k: max(-k, math.floor(k * (1 - d / r))), "towards 0"),
        (lambda d, r, k: max(-k, round(k * (1 - d / r))), "do not round"),
        (lambda d, r, k: min(k, int(k * d / r)), "1 minus the ratio"),
        (lambda d, r, k: int(k * (r - d)), "relative"),
        (lambda d, r, k: k, "it is"),
        (lambda d, r, k: None, "return"),
    ],
    checks.check_right_pixels: [
        (lambda p, t: (p == t).sum(), "divide by"),
        (lambda p, t: (p & t).float().mean(), "background that both"),
        (lambda p, t: (p != t).float().mean(), "wrong pixels"),
        (dice, "leaves background out"),
        (lambda p, t: (p & t).sum() / t.sum(), "that was found"),
        (lambda p, t: p == t, "one is asked for"),
        (lambda p, t: None, "return"),
    ],
    checks.check_ramp: [
        (lambda step, length: math.exp(-5 * (1 - step / length) ** 2), "stays at 1"),
        (lambda step, length: min(step / length, 1), "straight line"),
        (lambda step, length: ramp(step, length, power=1), "is squared"),
        (lambda step, length: math.exp(-5 * min(step / length, 1) ** 2), "it falls"),
        (lambda step, length: ramp(step, length, slope=25.0), "the 5 is not"),
        (lambda step, length: 1 / (1 + math.exp(-min(step / length, 1))), "logistic"),
        (lambda step, length: None, "return"),
    ],
    checks.check_never_corrected: [
        (lambda a, b, t: ((a != t) & (b != t)).float().mean(), "the same way"),
        (lambda a, b, t: ((a != t) | (b != t)).float().mean(), "can correct it"),
        (lambda a, b, t: (a == b).float().mean(), "no mistake"),
        (lambda a, b, t: (a != b).float().mean(), "where they differ"),
        (lambda a, b, t: ((a == b) & (a != t)).sum(), "divide by"),
        (lambda a, b, t: 1 - never_corrected(a, b, t), "all other pixels"),
        (lambda a, b, t: None, "return"),
    ],
    checks.check_stretched: [
        (lambda image, low, high: stretched(image, 0, 100), "one bright pixel"),
        (stretched_unclipped, "clip it"),
        (stretched_from_zero, "subtract it first"),
        (lambda image, low, high: 1 - stretched(image, low, high), "swapped"),
        (lambda image, low, high: 255 * stretched(image, low, high), "not 255"),
        (lambda image, low, high: stretched(image, low, high).round().astype(int), "whole"),
        (lambda image, low, high: stretched(image, low, high).ravel(), "shape"),
        (
            lambda image, low, high: np.clip(stretched_unclipped(image, low, high), 0, 1),
            "no contrast",
        ),
        (lambda image, low, high: None, "return"),
    ],
    checks.check_seeds_needed: [
        (lambda d, m: (1.96 * d / m) ** 2, "round up to a whole"),
        (lambda d, m: math.floor((1.96 * d / m) ** 2), "still wider"),
        (lambda d, m: math.ceil(1.96 * d / m), "square the ratio"),
        (lambda d, m: seeds_needed(d, m, quantile=1.0), "one standard error"),
        (lambda d, m: seeds_needed(d, m / 2), "to each side"),
        (lambda d, m: seeds_needed(m, d, quantile=1 / 1.96), "upside down"),
        (lambda d, m: math.ceil(1.96**2 * d / m**2), "squared, too"),
        (lambda d, m: None, "return"),
    ],
    checks.check_pair_lives: [
        (lambda: {"weight": 4.0, "ramp": 0.0}, "they are blind"),
        (lambda: {"weight": 10.0, "ramp": 0.5}, "drown"),
        (lambda: {"weight": 0.0, "ramp": 0.5}, "do not teach"),
        (lambda: {"weight": 1e-6, "ramp": 0.5}, "0.1 or more"),
        (lambda: {"weight": 1.0, "ramp": 100}, "a share of the run"),
        (lambda: {"weight": 1.0}, "the keys"),
        (lambda: None, "return"),
    ],
    checks.check_decay: [
        (lambda steps: 1 - 10 / steps, "a third"),
        (lambda steps: 0.5 ** (1 / steps), "the whole run"),
        (lambda steps: 0.5 ** (steps / 10), "upside down"),
        (lambda steps: 0.99, "follows from the steps"),
        (lambda steps: 1 - 0.5 ** (10 / steps), "what it keeps"),
        (lambda steps: steps / 10, "the half-life is"),
        (lambda steps: None, "return"),
    ],
    checks.check_choice: [
        (lambda v, t: (int(np.argmax(t)), max(t)), "on the test images"),
        (lambda v, t: (int(np.argmax(v)), max(t)), "another setting"),
        (lambda v, t: (int(np.argmax(v)), max(v)), "flattered"),
        (lambda v, t: (int(np.argmin(v)), 0.0), "the worst"),
        (lambda v, t: choice(v, t)[1], "two things"),
        (lambda v, t: (choice(v, t)[0], t), "not a list"),
        (lambda v, t: (choice(v, t)[0], 0.5), "the test score of setting"),
        (lambda v, t: None, "return"),
    ],
    checks.check_lost: [
        (lambda m, f: sum(not x[::f, ::f].any() for x in m), "empty from the start"),
        (lambda m, f: sum(x[::f, ::f].any() for x in m), "still show"),
        (lambda m, f: sum(x.any() for x in m), "something before"),
        (lambda m, f: lost(m, f) / len(m), "a share"),
        (lambda m, f: sum((x > 0).sum() - (x[::f, ::f] > 0).sum() for x in m), "count masks"),
        (lambda m, f: lost(m, f) + 10, "lose everything"),
        (lambda m, f: None, "return"),
    ],
    checks.check_hours: [
        (lambda s, n, k: 3600 * hours(s, n, k), "those are seconds"),
        (lambda s, n, k: 60 * hours(s, n, k), "those are minutes"),
        (lambda s, n, k: hours(s, n, 1), "multiply by the seeds"),
        (lambda s, n, k: max(s.values()) * n * k / 3600, "the slowest"),
        (lambda s, n, k: hours(s, n, k) / (len(s) if k == 1 else 1), "the mean of the methods"),
        (lambda s, n, k: hours(s, 1, k), "one iteration"),
        (lambda s, n, k: None, "return"),
    ],
    checks.check_interval: [
        (lambda d, t: interval(d, t, ddof=0), "n - 1"),
        (lambda d, t: interval(d, t, root=False), "not by n"),
        (lambda d, t: interval(d, t, power=2), "take its root"),
        (lambda d, t: interval(d, 1), "Student's quantile"),
        (lambda d, t: interval(d, t)[::-1], "swapped"),
        (lambda d, t: interval(d, t / 2), "*each* side"),
        (lambda d, t: tuple(end - np.mean(d) for end in interval(d, t)), "about 0"),
        (lambda d, t: interval(d, t * math.sqrt(len(d))), "root of n"),
        (lambda d, t: interval(d, t)[0], "two ends"),
    ],
    checks.check_sign_test: [
        (lambda d: sign_test(d, sides=1), "one side"),
        (lambda d: sign_test(d, most=9.0), "above 1"),
        (sign_test_exactly, "more lopsided"),
        (lambda d: sign_test(d, keep_zeros=True), "leave them out"),
        (sign_test_of_wins, "the larger of"),
        (sign_test_with_zeros, "count in n"),
        (lambda d: 1 - sign_test(d), "one minus p"),
        (lambda d: None, "return"),
    ],
    checks.check_holm: [
        (lambda p: [min(1.0, len(p) * value) for value in p], "Bonferroni"),
        (lambda p: sorted(holm(p)), "in the order"),
        (lambda p: p, "nothing is corrected"),
        (lambda p: [(len(p) - sorted(p).index(v)) * v for v in p], "1 at most"),
        (
            lambda p: [min(1.0, (len(p) - sorted(p).index(v)) * v) for v in p],
            "the largest so far",
        ),
        (lambda p: [min(1.0, (len(p) - i) * v) for i, v in enumerate(p)], "with the rank"),
        (lambda p: None, "return"),
    ],
    checks.check_verdict: [
        (lambda low, high, m: "better" if low > 0 else "worse", "is level"),
        (lambda low, high, m: "significant", "it says 'significant'"),
        (lambda low, high, m: "level" if high < m else "open", "wholly above 0"),
        (lambda low, high, m: verdict(low, high, 0.02), "the margin is narrower"),
        (lambda low, high, m: verdict(low, high, 1.0), "does not fit"),
        (lambda low, high, m: verdict(-high, -low, m), "wholly above 0"),
        (verdict_that_forgets_worse, "wholly below 0"),
        (lambda low, high, m: None, "return"),
    ],
    checks.check_right_choices: [
        (right_choices_unpaired, "same drawn images"),
        (lambda b, w, n, draws, r: draws * right_choices(b, w, n, draws, r), "divide it"),
        (lambda b, w, n, draws, r: 1 - right_choices(b, w, n, draws, r), "`worse` is ahead"),
        (lambda b, w, n, draws, r: right_choices(b, w, n, 1, r), "anew"),
        (lambda *given: right_choices(*given, replace=True), "replace=False"),
        (lambda *given: right_choices(*given, center=np.median), "*means*"),
        (lambda b, w, n, draws, r: right_choices(b, w, len(b), draws, r), "anew"),
        (lambda b, w, n, draws, r: right_choices(b, w, 1, draws, r), "not one"),
        (lambda *given: None, "return"),
    ],
    checks.check_scattered: [
        (lambda t, p, r: p.copy(), "have not moved"),
        (lambda t, p, r: scattered(t, p, r, t), "shuffle the labels"),
        (lambda t, p, r: r.permutation(p.ravel()).reshape(p.shape), "one true class"),
        (lambda t, p, r: np.random.default_rng(0).permutation(p), "one true class"),
        (scattered_in_place, "on a copy"),
        (scattered_as_any_class, "in other ways"),
        (lambda t, p, r: scattered(t, p, r).ravel(), "of shape"),
        (lambda t, p, r: scattered(t, p, np.random.default_rng(0)), "draw from `random`"),
        (lambda t, p, r: None, "return"),
    ],
    checks.check_area_under_roc: [
        (lambda d, w: area_under_roc(d, w, half=0), "count half."),
        (lambda d, w: area_under_roc(d, w, half=1), "not whole"),
        (lambda d, w: area_under_roc(-d, w), "*right* pixel"),
        (lambda d, w: area_under_roc(d, w) * w.sum() * (~w).sum(), "number of pairs"),
        (lambda d, w: (d[w] > d[~w].mean()).mean(), "not with their mean"),
        (lambda d, w: d[w].mean() - d[~w].mean(), "over all pairs"),
        (lambda d, w: None, "return"),
    ],
    checks.check_millilitres: [
        (lambda m, s: 1000 * millilitres(m, s), "cubic millimetres"),
        (lambda m, s: (m == 1).sum(), "those are voxels"),
        (lambda m, s: (m > 0).sum() * np.prod(s) / 1000, "class 2"),
        (lambda m, s: m.sum() * np.prod(s) / 1000, "summed"),
        (lambda m, s: (m == 1).sum() * sum(s) / 1000, "added"),
        (lambda m, s: (m == 1).sum() * s[0] ** 3 / 1000, "a cube"),
        (lambda m, s: m.size * np.prod(s) / 1000, "the whole volume"),
        (lambda m, s: None, "return"),
    ],
    checks.check_shrunk: [
        (lambda v, f: v[::f, ::f, ::f], "throws away"),
        (lambda v, f: shrunk(v, f, "sum"), "that is the sum"),
        (lambda v, f: shrunk(v, f, "max"), "largest"),
        (lambda v, f: shrunk(v, f, "mean", "(a d) (b h) (c w) -> d h w"), "from far apart"),
        (lambda v, f: v[::f, :, :], "is asked for"),
        (lambda v, f: shrunk(v, f) + 1, "not the mean"),
        (lambda v, f: None, "return"),
    ],
    checks.check_starts: [
        (lambda side, w, step: list(range(0, side - w, step)), "never seen"),
        (lambda side, w, step: [*range(0, side - w + 1, step), side - w], "comes twice"),
        (lambda side, w, step: list(range(0, side, step)), "outside"),
        (lambda side, w, step: starts(side, w, step)[::-1], "do not rise"),
        (lambda side, w, step: starts(side, w, step)[1:], "start at 0"),
        (lambda side, w, step: [], "no window"),
        (lambda side, w, step: starts(side, w, 1), "the starts are"),
        (lambda side, w, step: None, "return"),
    ],
    checks.check_grey_to_classes: [
        (lambda m: [np.unique(x, return_inverse=True)[1].reshape(2, 2) for x in m], "alone"),
        (lambda m: [(x > 0).astype(int) for x in m], "one class"),
        (lambda m: [x // 255 for x in m], "become background"),
        (lambda m: m, "still grey"),
        (changed_masks, "have changed"),
        (lambda m: grey_to_classes(m)[:1], "come back"),
        (lambda m: [x + 1 for x in grey_to_classes(m)], "it gives"),
        (lambda m: None, "return"),
    ],
    checks.check_pairs: [
        (lambda i, m: dict(zip(sorted(i), sorted(m), strict=False)), "every image is a key"),
        (lambda i, m: dict(zip(i, [*m, m[0], m[0]], strict=True)), "not by order"),
        (
            lambda i, m: {x: next((y for y in m if y.startswith(Path(x).stem)), None) for x in i},
            "not beginnings",
        ),
        (lambda i, m: pairs(i, m, end=""), "at the end"),
        (lambda i, m: pairs(i, m, take=lambda stem: stem[:1]), "mixed up"),
        (lambda i, m: {x: y for x, y in pairs(i, m).items() if y}, "without a mask"),
        (lambda i, m: list(pairs(i, m).items()), "a dictionary"),
        (lambda i, m: {**pairs(i, m), "c.png": None}, "endings may differ"),
        (lambda i, m: {**pairs(i, m), "b.jpg": None}, "belongs to"),
    ],
    checks.check_patient: [
        (lambda n: patient(n, r"patient\d\d"), "'patient012', since"),
        (lambda n: patient(n, r"(patient|scan)\d+"), "underline may stand"),
        (lambda n: patient(n, r"patient_?\d+"), "scans"),
        (lambda n: patient(n, r"(patient|scan)_\d+"), "before the underline"),
        (lambda n: patient(n, r"(patient\d+|scan_\d+)"), "before the number"),
        (lambda n: patient(n, r"(patient_?\d+|scan_\d+)"), "may be missing"),
        (lambda n: patient(n, look=re.search), "at the beginning"),
        (lambda n: n, "before the underline"),
        (lambda n: None, "return"),
    ],
    checks.check_cpc: [
        (lambda a, b: cpc(a, b) / 2, "one direction is missing"),
        (lambda a, b: cpc(a, b) / 3, "sum over them"),
        (lambda a, b: cpc(a, b, detach=False), "twice"),
        (lambda a, b: cpc(a.detach(), b.detach()), "no gradient"),
        (lambda a, b: cross(a, b), "decisions, as in CPS"),
        (lambda a, b: 2 * ((a - b) ** 2).sum(1).mean(), "not logits"),
        (
            lambda a, b: 2 * ((a.softmax(-1) - b.softmax(-1)) ** 2).sum(1).mean(),
            "the last axis",
        ),
        (lambda a, b: cpc(a, b.detach()), "one of the networks gets no gradient"),
        (lambda a, b: cpc(a, b).item(), ".item()"),
    ],
    checks.check_flaw: [
        (lambda p, y: 1 - flaw(p, y), "how right"),
        (lambda p, y: 2 * flaw(p, y), "half of the sum"),
        (lambda p, y: flaw(p, y)[:, 0], "the class axis is gone"),
        (lambda p, y: 1 - p, "one number a pixel"),
        (lambda p, y: 1 - p.gather(1, y.unsqueeze(1)), "carries a gradient"),
        (lambda p, y: 1 - p.detach().amax(1, keepdim=True), "how unsure"),
        (lambda p, y: (p.argmax(1) != y).unsqueeze(1).float(), "yes or no"),
        (lambda p, y: None, "return"),
    ],
    checks.check_leader: [
        (lambda p, q, f, g: leader(p, q, g, f), "other way round"),
        (lambda p, q, f, g: leader(p, q, f, g)[::-1], "in a tie"),
        (lambda p, q, f, g: (torch.where(g <= f, q, p).detach(),) * 2, "in a tie"),
        (lambda p, q, f, g: (q.detach(), p.detach()), "always learns"),
        (lambda p, q, f, g: (torch.where(g < f, q, p), p), "detach"),
        (lambda p, q, f, g: leader(p, q, f, g)[0], "two targets"),
        (lambda p, q, f, g: (leader(p, q, f, g)[0],) * 2, "network 2 takes"),
        (lambda p, q, f, g: None, "return"),
    ],
    checks.check_control: [
        (lambda maps: maps, "no control"),
        (lambda maps: maps.roll(1), "give it dims=0"),
        (lambda maps: maps.roll(1, dims=1), "within their images"),
        (lambda maps: maps.flip(2), "within their images"),
        (lambda maps: maps.flip(0), "keeps its own"),
        (lambda maps: maps[:1].expand_as(maps), "keeps its own"),
        (lambda maps: maps.mean(0, keepdim=True).expand_as(maps), "the mean holds"),
        (lambda maps: 1 - maps.roll(1, 0), "that no image had"),
        (lambda maps: maps.roll(1, 0)[0], "one map an image"),
        (lambda maps: maps[[*range(1, len(maps)), len(maps) - 2]], "twice"),
        (lambda maps: None, "return"),
    ],
    checks.check_collaboration: [
        (lambda a, b, t: cross(a, b), "the teacher's label is missing"),
        (lambda a, b, t: cross(a, b) + F.cross_entropy(a, t.argmax(1)), "student 2 does not learn"),
        (lambda a, b, t: cross(a, b) + F.cross_entropy(b, t.argmax(1)), "student 1 does not learn"),
        (lambda a, b, t: collaboration(a, b, t) - cross(a, b), "do not teach each other"),
        (lambda a, b, t: collaboration(a, b, t, own=True), "its own decision"),
        (lambda a, b, t: collaboration(a, b, t, soft=True), "soft"),
        (
            lambda a, b, t: (
                cross(a, b) + F.cross_entropy(t, a.argmax(1)) + F.cross_entropy(t, b.argmax(1))
            ),
            "the teacher learns from the students",
        ),
        (lambda a, b, t: collaboration(a, b, t) / 2, "not halved"),
        (lambda a, b, t: collaboration(a, b, t) / 4, "not averaged"),
        (lambda a, b, t: collaboration(a, b, t) + 0 * t.sum(), "reaches the teacher"),
        (lambda a, b, t: collaboration(a, b.detach(), t), "one of the students"),
    ],
    checks.check_contradiction: [
        (lambda a, b: -contradiction(a, b), "it is negative"),
        (entropy_of_mean, "the whole uncertainty"),
        (lambda a, b: (entropy_of_mean(a) + entropy_of_mean(b)) / 2, "doubts by itself"),
        (lambda a, b: contradiction(a, b, each=1.0), "not their sum"),
        (lambda a, b: contradiction(a, b) / 0.6931472, "bits"),
        (contradiction_of_logits, "not of the logits"),
        (lambda a, b: contradiction(a, b)[:, 0], "keepdim"),
        (lambda a, b: contradiction(a, b) + 0 * a[:, :1], "carries a gradient"),
        (contradiction_without_epsilon, "0 * log(0)"),
    ],
    checks.check_risk_coverage: [
        (lambda e, w, t: risk_coverage(e, w, t)[::-1], "swapped"),
        (lambda e, w, t: ((e < t).mean(), w[e < t].mean() if (e < t).any() else 0), "is kept"),
        (lambda e, w, t: (1 - (e <= t).mean(), 0), "dropped"),
        (lambda e, w, t: ((e <= t).sum(), 0), "a count"),
        (lambda e, w, t: ((e <= t).mean(), (w & (e <= t)).mean()), "of kept pixels"),
        (lambda e, w, t: ((e <= t).mean(), w.mean()), "only the kept"),
        (lambda e, w, t: ((e <= t).mean(), 1 - w[e <= t].mean()), "that is right"),
        (lambda e, w, t: ((e <= t).mean(), (w & (e <= t)).sum() / w.sum()), "of the errors"),
        (lambda e, w, t: (e <= t).mean(), "two numbers"),
        (lambda e, w, t: (risk_coverage(e, w, t)[0], risk_coverage(e, w, t)[1] or 1), "return 0"),
    ],
    checks.check_confident_errors: [
        (lambda e, w, t: w[e <= t].mean(), "that is the risk"),
        (lambda e, w, t: (w & (e <= t)).mean(), "not by all"),
        (lambda e, w, t: 1 - confident_errors(e, w, t), "*not* certain"),
        (lambda e, w, t: (w & (e <= t)).sum(), "a count"),
        (lambda e, w, t: (e[w] < t).mean(), "at the threshold"),
        (lambda e, w, t: confident_errors(e, w, t) or 1.0, "return 0"),
        (lambda e, w, t: None, "return"),
    ],
    checks.check_calibration_error: [
        (lambda c, r, b: calibration_error(c, r, b, signed=True), "cancel"),
        (lambda c, r, b: calibration_error(c, r, b, weigh=False), "counts alike"),
        (lambda c, r, b: abs(c - r).mean(), "each pixel"),
        (lambda c, r, b: len(c) * calibration_error(c, r, b), "divide by"),
        (lambda c, r, b: float("nan"), "empty bin"),
        (lambda c, r, b: 60 / 62 * calibration_error(c[:-2], r[:-2], b), "exactly 1"),
        (lambda c, r, b: calibration_error(c, r, b + 3), "weighted by"),
        (lambda c, r, b: None, "return"),
    ],
    checks.check_teacher_of_two: [
        (lambda t, a, b, d, s, n: teacher_of_two(t, a, b, d, s[::-1], n), "swapped"),
        (lambda t, a, b, d, s, n: ema_update(t, [a], d, n), "student 2 does not count"),
        (
            lambda t, a, b, d, s, n: [ema_update(t, [a, b], d, n, s) for _ in range(2)],
            "moves twice",
        ),
        (lambda t, a, b, d, s, n: ema_update(t, [a, b], d, n, (0.5, 0.5)), "counts half"),
        (
            lambda t, a, b, d, s, n: moved_to_two(t, a, b, 1 - min(1 - 1 / (n + 1), d), s),
            "the share the teacher keeps",
        ),
        (lambda t, a, b, d, s, n: moved_to_two(t, a, b, d, s), "at the start"),
        (lambda t, a, b, d, s, n: moved_to_two(a, t, b, d, s), "a student moved"),
        (lambda t, a, b, d, s, n: None, "did not move"),
        (
            lambda t, a, b, d, s, n: moved_to_two(t, a, b, min(1 - 1 / (n + 1), d), (1, 1)),
            "added whole",
        ),
    ],
    checks.check_half_life: [
        (lambda d: -half_life(d), "negative"),
        (lambda d: 1 / (1 - d), "a third"),
        (lambda d: 0.5 / (1 - d), "by a factor"),
        (lambda d: 1 / half_life(d), "upside down"),
        (lambda d: math.log10(0.5) / math.log(d), "same logarithm"),
        (lambda d: round(half_life(d)), "do not round"),
        (lambda d: None, "return"),
    ],
    checks.check_reordered: [
        (lambda a, b, o: (a[o], b), "w2 is still"),
        (lambda a, b, o: (a, b[:, o]), "w1 is still"),
        (lambda a, b, o: (a, b), "nothing has changed"),
        (lambda a, b, o: (a[o], b[o]), "rows of w2 are reordered"),
        (lambda a, b, o: (a[o], b[:, o[::-1]]), "the same order"),
        (lambda a, b, o: (a[o[::-1]], b[:, o[::-1]]), "not in the order"),
        (lambda a, b, o: (a[o].T, b[:, o]), "keep theirs"),
        (lambda a, b, o: a[o], "two matrices"),
        (lambda a, b, o: (a[:, o], b[o]), "stopped with"),
    ],
    checks.check_cell_means: [
        (lambda u, g: cell_means(u, g, kind="sum"), "that is the sum"),
        (lambda u, g: cell_means(u, g, kind="max"), "largest value"),
        (lambda u, g: cell_means(u, g, "b 1 (h p) (w q) -> b h w"), "make one axis"),
        (lambda u, g: cell_means(u, g, "b 1 (h p) (w q) -> b (w h)"), "reading order"),
        (lambda u, g: cell_means(u, g, "b 1 (p h) (q w) -> b (h w)"), "swapped"),
        (lambda u, g: cell_means(u, 2), "is asked for"),
        (lambda u, g: cell_means(u, g).tolist(), "plain list"),
        (lambda u, g: None, "return"),
    ],
    checks.check_top_and_bottom: [
        (lambda m, k: top_and_bottom(m, k)[::-1], "swapped"),
        (lambda m, k: (top_and_bottom(m, k)[0], top_and_bottom(m, k)[1][::-1]), "rising"),
        (
            lambda m, k: (
                m.argsort(descending=True, stable=True)[:k],
                m.argsort(descending=True, stable=True)[-k:],
            ),
            "[-0:]",
        ),
        (without_stable, "stable=True"),
        (lambda m, k: top_and_bottom(m, k)[0], "two lists"),
        (lambda m, k: top_and_bottom(m, k + 1), "top_k=3"),
        (lambda m, k: None, "return"),
    ],
    checks.check_largest_share: [
        (lambda k, g, d: k / g**d, "both maps"),
        (lambda k, g, d: 2 * k / g, "multiplied"),
        (lambda k, g, d: 2 * k / g**2, "grid ** 3"),
        (lambda k, g, d: 200 * k / g**d, "per cent"),
        (lambda k, g, d: 4 * k / g**d, "keep their content"),
        (lambda k, g, d: 2 * k, "divide by all"),
        (lambda k, g, d: None, "return"),
    ],
    checks.check_random_cells: [
        (cells_drawn_twice, "once only"),
        (first_cells, "every draw gives the same"),
        (lambda c, g, r: random_cells(c, g, None), "hand it on"),
        (lambda c, g, r: random_cells(c, g, r).float(), "booleans"),
        (lambda c, g, r: random_cells(c, g, r).view(-1), "it has shape"),
        (lambda c, g, r: random_cells(c, g, r).tolist(), "plain list"),
        (lambda c, g, r: ~random_cells(c, g, r), "are true where"),
    ],
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
        (split_unsorted, "sort the patients first"),
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
        (
            lambda z, y: 1 - (2 * per_class(z, y)[0] / per_class(z, y)[1]).mean(),
            "zero is divided by zero",
        ),
        (lambda z, y: 1 - (2 * per_class(z, y)[0] / per_class(z, y)[1]).sum(1).mean(), "summed"),
    ],
    checks.check_mean_scores: [
        (lambda p, t: mean_scores(p, t)[0], "two numbers"),
        (lambda p, t: mean_scores(p, t, both_empty=0.0), "they score 1, not 0"),
        (lambda p, t: mean_scores(p, t, both_empty=float("nan")), "0 / 0"),
        (lambda p, t: mean_scores(p, t, falsely=1.0), "only two empty masks score 1"),
        (lambda p, t: mean_scores(p, t)[:1] * 2, "leaves out"),
        (lambda p, t: mean_scores(p, t)[::-1], "swapped"),
        (lambda p, t: (mean_scores(p, t)[0], (2 / 3 + 1) / 2), "missed object"),
        (lambda p, t: (mean_scores(p, t)[0], (2 / 3 + 1) / 4), "by its truth alone"),
        (lambda p, t: (mean_scores(p, t)[0] + 0.1, mean_scores(p, t)[1]), "on average"),
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
        (lambda u1, u2, k, g: mixing.umix(u1, u1, k, g), "u2 was never asked"),
        (lambda u1, u2, k, g: mixing.umix(u2, u2, k, g), "u1 was never asked"),
        (mask_stays, "mask did not move"),
        (mix_gives_nothing, "gives nothing back"),
        (lambda u1, u2, k, g: None, "return"),
        (lambda u1, u2, k, g: lambda image: image, "differs from two pastes"),
    ],
}
