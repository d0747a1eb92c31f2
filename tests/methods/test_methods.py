"""What every method must keep: who learns, who does not, which terms, in which order."""

from collections import Counter
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ucmt_lite.common import InputError
from ucmt_lite.core.across import paste
from ucmt_lite.core.batch import Batch, Clock
from ucmt_lite.core.losses import dice_loss, masked_loss
from ucmt_lite.methods import (
    METHODS,
    FlawDetector,
    build_nets,
    check_knobs,
    dry_run,
    knobs,
    step_of,
)
from ucmt_lite.methods.bcp import largest_components
from ucmt_lite.methods.cpc import cpc
from ucmt_lite.methods.gct import flaw_target, gct
from ucmt_lite.methods.unimatch import thin_features

TERMS = {
    "supervised": [("sup",)],
    "mean_teacher": [("sup", "consistency")],
    "cpc": [("sup", "cpc")],
    "gct": [("sup", "consistency", "correction"), ("flaw",)],
    "cps": [("sup", "cps")],
    "cmt": [("sup", "cps", "cmt")],
    "ucmt": [("sup", "cps", "cmt"), ("sup", "cps", "cmt")],
    "ua_mt": [("sup", "consistency")],
    "fixmatch": [("sup", "pseudo")],
    "unimatch": [("sup", "strong1", "strong2", "features")],
    "bcp": [("sup", "pseudo")],
    "adamix": [("sup", "pseudo")],
}

# Thresholds at which the tiny networks of these tests are sure of every pixel
SURE = {name: {"threshold": 0.0} for name in ("fixmatch", "unimatch", "adamix")}


class Spy(nn.Module):
    """A tiny network that counts its calls and remembers the images it saw."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
        self.seen = []

    def encoder(self, x):
        return [self.layers[:2](x)]

    def decoder(self, features):
        return self.layers[2](features[0])

    def forward(self, x):
        self.seen.append(x.detach())
        return self.layers(x)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    x, x1, x2, u, u1, u2 = (torch.randn(2, 1, 16, 16, generator=generator) for _ in range(6))
    return Batch(x, torch.randint(0, 2, (2, 16, 16), generator=generator), x1, x2, u, u1, u2)


class Minimize:
    """Keeps the gradients that each step asked for, and takes the step."""

    def __init__(self, nets):
        self.nets, self.terms, self.gradients = nets, [], []

    def __call__(self, **terms):
        self.nets.zero_grad(set_to_none=True)
        sum(terms.values()).backward()
        self.terms.append({name: term.item() for name, term in terms.items()})
        gradients = {
            name: [p.grad for p in net.parameters()] for name, net in self.nets.named_children()
        }
        self.gradients.append(
            {
                name: any(g is not None and g.abs().sum() > 0 for g in grads)
                for name, grads in gradients.items()
            }
        )
        with torch.no_grad():
            for p in self.nets.parameters():
                if p.grad is not None:
                    p -= 0.1 * p.grad


def one_iteration(method, batch, step=5, ramp=1.0, **settings):
    nets = build_nets(method, Spy, flaw_detector=lambda: FlawDetector(1, 2))
    minimize = Minimize(nets)
    torch.manual_seed(0)
    settings = SURE.get(method, {}) | settings
    step_of(method)(nets, batch, Clock(step, ramp), minimize, **settings)
    return nets, minimize


@pytest.mark.parametrize("method", METHODS)
def test_a_dry_run_shows_the_terms_in_order(method):
    assert dry_run(method) == TERMS[method]


@pytest.mark.parametrize("method", METHODS)
def test_gradients_reach_the_students_and_never_the_teacher(method, batch):
    _, minimize = one_iteration(method, batch)
    for number, reached in enumerate(minimize.gradients):
        learns = {"flaw_detector"} if (method, number) == ("gct", 1) else {"student1", "student2"}
        assert {name for name, yes in reached.items() if yes} == learns & set(METHODS[method].nets)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_student_rounded_for_a_label_is_not_what_it_learns_with(method, batch, monkeypatch):
    """Torch before 2.11 keeps weights that autocast rounded where no gradient passes."""
    passes, real = [], torch.clear_autocast_cache
    monkeypatch.setattr(torch, "clear_autocast_cache", lambda: (passes.clear(), real()))

    def look(net, _):
        learns = any(p.requires_grad for p in net.parameters())
        if learns and torch.is_grad_enabled():
            assert (id(net), False) not in passes, "rounded without a gradient before"
        passes.append((id(net), torch.is_grad_enabled()))

    hook = nn.modules.module.register_module_forward_pre_hook(look)
    try:
        one_iteration(method, batch)
    finally:
        hook.remove()
    assert passes, "the networks were seen"


@pytest.mark.parametrize("method", [m for m in METHODS if "teacher" in METHODS[m].nets])
def test_the_teacher_moves_towards_its_students_once_a_gradient_step(method, batch, monkeypatch):
    module = __import__(f"ucmt_lite.methods.{method}", fromlist=["ema_update"])
    calls, real = [], module.ema_update
    monkeypatch.setattr(module, "ema_update", lambda *a: (calls.append(a[3]), real(*a)))
    nets, minimize = one_iteration(method, batch, step=0)
    assert calls == [0] * len(minimize.terms)
    two = "student2" in METHODS[method].nets
    students = [nets.student1, nets.student2] if two else [nets.student1]
    share = [0.99, 0.01] if two else [1.0]
    for t, *s in zip(
        nets.teacher.parameters(), *(student.parameters() for student in students), strict=True
    ):
        torch.testing.assert_close(t, sum(w * p for w, p in zip(share, s, strict=True)))


@pytest.mark.parametrize("method", [m for m in METHODS if "weight" in knobs(m)])
def test_the_supervised_loss_does_not_depend_on_the_unsupervised_weight(method, batch):
    _, small = one_iteration(method, batch, weight=0.1)
    _, large = one_iteration(method, batch, weight=7.0)
    assert small.terms[0]["sup"] == large.terms[0]["sup"]
    name = next(n for n in small.terms[0] if n != "sup")
    assert large.terms[0][name] == pytest.approx(70 * small.terms[0][name], rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_before_the_ramp_only_labels_count(method, batch):
    _, minimize = one_iteration(method, batch, ramp=0.0)
    assert all(value == 0 for name, value in minimize.terms[0].items() if name != "sup")


def test_mean_teacher_compares_two_different_views(batch):
    nets, _ = one_iteration("mean_teacher", batch)
    student_saw, teacher_saw = nets.student1.seen[0], nets.teacher.seen[0]
    assert torch.equal(student_saw[2:], batch.u1)
    assert torch.equal(teacher_saw, torch.cat([batch.x, batch.u])), (
        "clean, and as many images as the student"
    )


@pytest.mark.parametrize("method", ["cpc", "gct", "cps", "cmt", "ucmt"])
def test_each_student_sees_its_own_views_and_the_teacher_the_weak_one(method, batch):
    nets, _ = one_iteration(method, batch)
    assert torch.equal(nets.student1.seen[0], torch.cat([batch.x1, batch.u1]))
    assert torch.equal(nets.student2.seen[0], torch.cat([batch.x2, batch.u2]))
    if hasattr(nets, "teacher"):
        assert torch.equal(nets.teacher.seen[0][-2:], batch.u)


def test_forward_passes_of_an_ucmt_iteration(batch):
    nets, _ = one_iteration("ucmt", batch)
    assert Counter({n: len(net.seen) for n, net in nets.named_children()}) == {
        "student1": 2,
        "student2": 2,
        "teacher": 1,
    }
    assert torch.equal(nets.student1.seen[1], nets.student2.seen[1]), (
        "both students see the same mixed images"
    )


def test_the_mix_moves_image_mask_and_pseudo_label_alike(batch):
    """With a mix that turns images upside down, the second step must see turned masks and turned
    pseudo labels.
    """
    seen = []

    def upside_down(u1, u2, top_k, grid):
        return lambda image: (seen.append(image), image.flip(-2))[1]

    nets, _ = one_iteration("ucmt", batch, make_mix=upside_down)
    assert [tuple(s.shape) for s in seen] == [
        (2, 1, 16, 16),
        (2, 16, 16),
        (2, 1, 16, 16),
        (2, 16, 16),
    ]
    assert torch.equal(nets.student1.seen[1], torch.cat([batch.x1, batch.u1]).flip(-2))
    assert torch.equal(seen[1], batch.y)
    teacher_start = build_nets("ucmt", Spy).teacher
    assert torch.equal(seen[3], teacher_start(batch.u).argmax(1)), (
        "the teacher's label of step 1 is pasted"
    )


def test_ucmt_without_moved_cells_is_cmt_twice(batch):
    plain, none = (
        one_iteration("ucmt", batch, make_mix=lambda *a: lambda image: image)[1],
        one_iteration("ucmt", batch, top_k=0)[1],
    )
    assert plain.terms == none.terms
    assert plain.terms[0] == one_iteration("cmt", batch)[1].terms[0]


def saying(z1, z2, **others):
    """Students that say these logits, whatever images they see."""
    return SimpleNamespace(
        student1=lambda image: z1[: len(image)], student2=lambda image: z2[: len(image)], **others
    )


def test_cpc_is_its_equation(batch):
    z1, z2 = (torch.randn(4, 3, 16, 16, requires_grad=True) for _ in range(2))
    found = {}
    cpc(saying(z1, z2), batch, Clock(0, 0.5), found.update, weight=2.0)
    p, q = z1.detach().softmax(1), z2.detach().softmax(1)
    assert found["cpc"].item() == pytest.approx(
        2 * ((p - q) ** 2).sum().item() / (4 * 16 * 16), rel=1e-5
    )
    found["cpc"].backward()
    for own, other in ((z1, q), (z2, p)):
        alone = own.detach().requires_grad_()
        (alone.softmax(1) - other).square().sum(1).mean().backward()
        torch.testing.assert_close(own.grad, alone.grad)


def test_gct_corrects_where_both_are_flawed_and_learns_the_flaws_of_each(batch):
    """Left both students are flawed, which is a tie; right student 1 is the better one."""
    z1, z2 = torch.randn(2, 4, 2, 16, 16)
    flaws, found = [torch.full((4, 1, 16, 16), value) for value in (0.3, 0.7)], {}
    flaws[0][..., :8] = 0.9

    class Judge(nn.Module):
        calls = -1

        def forward(self, image, p):
            self.calls += 1
            return flaws[self.calls % 2][: len(image)]

    nets = saying(z1, z2, flaw_detector=Judge())
    gct(nets, batch, Clock(0, 1.0), found.update, weight=1.0, correction_weight=0.5)
    p, q = z1.softmax(1), z2.softmax(1)
    assert found["correction"].item() == pytest.approx(0.5 * (0.9**2 + 0.7**2) / 2)
    assert found["consistency"].item() == pytest.approx(
        ((p - q) ** 2)[..., 8:].sum().item() / p.numel(), rel=1e-5
    )
    wanted = sum(
        F.mse_loss(f[:2], flaw_target(s[:2], batch.y)) for f, s in zip(flaws, (p, q), strict=True)
    )
    assert found["flaw"].item() == pytest.approx(wanted.item())


def test_gct_learns_flaws_where_the_prediction_is_wrong():
    y = torch.zeros(1, 32, 32, dtype=torch.long)
    p = torch.zeros(1, 2, 32, 32)
    p[:, 0] = 1
    p[:, :, 20:28, 20:28] = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
    target = flaw_target(p, y)[0, 0]
    assert target[24, 24] == target.max() == 1 and target[4, 4] == 0
    assert flaw_target(p, (p[:, 1] > 0.5).long()).max() == 0


def test_gct_takes_the_prediction_with_the_lower_flaw(batch):
    """Where the detector finds student 1 flawless, student 1 gets no consistency gradient and
    student 2 does.
    """

    class Judge(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))
            self.calls = 0

        def forward(self, image, p):
            self.calls += 1
            return self.scale * torch.full_like(image, 0.0 if self.calls % 2 else 0.5)

    nets = build_nets("gct", Spy, flaw_detector=Judge)
    gradients = []

    def minimize(**terms):
        if "consistency" in terms:
            nets.zero_grad()
            terms["consistency"].backward()
            gradients.extend(
                sum(p.grad.abs().sum().item() for p in net.parameters())
                for net in (nets.student1, nets.student2)
            )

    gct(nets, batch, Clock(0, 1.0), minimize)
    assert gradients[0] == 0 and gradients[1] > 0


def test_students_start_apart_and_student_1_alike_for_all_methods():
    first = {
        m: build_nets(m, Spy, seed=3, flaw_detector=lambda: FlawDetector(1, 2)) for m in METHODS
    }
    weights = [nets.student1.layers[0].weight for nets in first.values()]
    assert all(torch.equal(weights[0], w) for w in weights)
    assert not torch.equal(first["cps"].student2.layers[0].weight, weights[0])
    assert not torch.equal(build_nets("cps", Spy, seed=4).student1.layers[0].weight, weights[0])


def test_students_may_differ_in_architecture(batch):
    nets = build_nets("cps", Spy, make_net2=lambda: nn.Conv2d(1, 2, 1))
    step_of("cps")(nets, batch, Clock(1, 1.0), Minimize(nets))
    assert isinstance(nets.student2, nn.Conv2d)


@pytest.mark.parametrize("method", ["fixmatch", "unimatch", "adamix"])
def test_pixels_below_the_threshold_teach_nothing(method, batch):
    _, sure = one_iteration(method, batch, threshold=0.0)
    _, unsure = one_iteration(method, batch, threshold=1.0)
    names = [name for name in sure.terms[0] if name != "sup"]
    assert all(sure.terms[0][name] > 0 for name in names)
    assert all(unsure.terms[0][name] == 0 for name in names)


def test_fixmatch_is_its_equation(batch):
    nets = build_nets("fixmatch", Spy)
    with torch.no_grad():
        weak, strong = nets.student1(batch.u), nets.student1(batch.u1)
    p, y = weak.softmax(1).max(1)
    threshold = p.median().item()
    m = p >= threshold
    q = strong.softmax(1)
    cross_entropy = -q.gather(1, y[:, None])[:, 0].log()[m].mean()
    dice = [
        (2 * (q[b, k] * (y[b] == k))[m[b]].sum() + 1e-5)
        / (q[b, k][m[b]].sum() + (y[b] == k)[m[b]].sum() + 1e-5)
        for b in range(2)
        for k in range(2)
    ]
    wanted = 3 * 0.5 * (cross_entropy + 1 - torch.stack(dice).mean()) / 2
    _, minimize = one_iteration("fixmatch", batch, ramp=0.5, weight=3.0, threshold=threshold)
    assert minimize.terms[0]["pseudo"] == pytest.approx(wanted.item(), rel=1e-5)


def test_fixmatch_labels_the_weak_view_and_learns_the_strong_one(batch):
    nets, _ = one_iteration("fixmatch", batch)
    assert torch.equal(nets.student1.seen[0], batch.u)
    assert torch.equal(nets.student1.seen[1], torch.cat([batch.x1, batch.u1]))


def test_unimatch_pastes_boxes_into_images_labels_and_certainty_alike(batch, monkeypatch):
    """With whole images in place of boxes, each strong view is another image, with its label."""
    monkeypatch.setattr(
        "ucmt_lite.methods.unimatch.boxmix", lambda mask: paste(torch.ones_like(mask).bool())
    )
    nets, mixed = one_iteration("unimatch", batch)
    seen = nets.student1.seen[1]
    assert torch.equal(seen[2:], torch.cat([batch.u1.roll(1, 0), batch.u2.roll(1, 0)]))
    monkeypatch.undo()
    monkeypatch.setattr(
        "ucmt_lite.methods.unimatch.boxmix", lambda mask: paste(torch.zeros_like(mask).bool())
    )
    _, plain = one_iteration("unimatch", batch)
    for name in ("strong1", "strong2"):
        assert mixed.terms[0][name] == pytest.approx(plain.terms[0][name], rel=1e-5)


def median_confidence(net, image):
    with torch.no_grad():
        return net(image).softmax(1).amax(1).median().item()


def test_unimatch_is_its_equation(batch, monkeypatch):
    """With one box and no thinning every term can be written down, weights and certainty too."""
    inside = torch.zeros(2, 16, 16, dtype=torch.bool)
    inside[:, 4:12, 2:9] = True
    monkeypatch.setattr("ucmt_lite.methods.unimatch.boxmix", lambda mask: paste(inside))
    net, mix = build_nets("unimatch", Spy).student1, paste(inside)
    threshold = median_confidence(net, batch.u)
    with torch.no_grad():
        weak = net(batch.u)
        y, sure = weak.argmax(1), weak.softmax(1).amax(1) >= threshold
        wanted = {
            "strong1": 2 * 0.5 / 4 * masked_loss(net(mix(batch.u1)), mix(y), mix(sure)),
            "strong2": 2 * 0.5 / 4 * masked_loss(net(mix(batch.u2)), mix(y), mix(sure)),
            "features": 2 * 0.5 / 2 * masked_loss(weak, y, sure),
        }
    _, minimize = one_iteration(
        "unimatch", batch, ramp=0.5, weight=2.0, threshold=threshold, feature_dropout=0.0
    )
    for name, value in wanted.items():
        assert minimize.terms[0][name] == pytest.approx(value.item(), rel=1e-5)


def test_bcp_is_its_equation(batch, monkeypatch):
    inside = torch.zeros(4, 16, 16, dtype=torch.bool)
    inside[:, 3:13, 3:13] = True
    monkeypatch.setattr(
        "ucmt_lite.methods.bcp.copy_paste", lambda mask, shift: paste(inside, shift)
    )
    nets, mix = build_nets("bcp", Spy), paste(inside, 2)
    with torch.no_grad():
        label = largest_components(nets.teacher(batch.u).argmax(1))
        y = mix(torch.cat([batch.y, label]))
        z = nets.student1(mix(torch.cat([batch.x1, batch.u1])))
        labeled = inside.clone()
        labeled[:2] = ~inside[:2]
        wanted = {
            "sup": 2 * masked_loss(z, y, labeled),
            "pseudo": 2 * 0.5 * 0.25 * masked_loss(z, y, ~labeled),
        }
    nets_after, minimize = one_iteration("bcp", batch, ramp=0.25)
    for name, value in wanted.items():
        assert minimize.terms[0][name] == pytest.approx(value.item(), rel=1e-5)
    assert torch.equal(nets_after.teacher.seen[0], torch.cat([batch.x, batch.u])), "weak views"


def test_adamix_asks_the_teacher_for_doubt_and_the_student_for_difficulty(batch, monkeypatch):
    asked = []

    def noted(doubt, difficulty, reach, *others):
        asked.append((doubt, difficulty, reach))
        return lambda image: image

    monkeypatch.setattr("ucmt_lite.methods.adamix.self_paced", noted)
    nets = build_nets("adamix", Spy)
    with torch.no_grad():
        t_x, t_u, s_u = nets.teacher(batch.x), nets.teacher(batch.u), nets.student1(batch.u1)
    one_iteration("adamix", batch, ramp=0.3)
    (doubt_x, hard_x, reach), (doubt_u, hard_u, _) = asked
    assert reach == 0.3
    torch.testing.assert_close(doubt_x[:, 0], 1 - t_x.softmax(1).amax(1))
    torch.testing.assert_close(doubt_u[:, 0], 1 - t_u.softmax(1).amax(1))
    for b in range(2):
        torch.testing.assert_close(hard_x[b], dice_loss(t_x[b : b + 1], batch.y[b : b + 1]))
        own = dice_loss(s_u[b : b + 1], t_u.argmax(1)[b : b + 1])
        torch.testing.assert_close(hard_u[b], own)


def test_unimatch_needs_an_encoder_and_a_decoder(batch):
    nets = build_nets("unimatch", lambda: nn.Conv2d(1, 2, 1))
    with pytest.raises(InputError, match="thins out the features of an encoder"):
        step_of("unimatch")(nets, batch, Clock(1, 1.0), Minimize(nets))


def test_features_are_thinned_by_whole_channels():
    net = SimpleNamespace(encoder=lambda x: [x], decoder=lambda features: features[0])
    torch.manual_seed(0)
    thinned = thin_features(net, torch.ones(4, 64, 8, 8), 0.5)
    assert set(thinned.flatten(2).amin(2).unique().tolist()) == {0.0, 2.0}
    assert torch.equal(thinned.flatten(2).amin(2), thinned.flatten(2).amax(2))


def test_bcp_trains_on_labels_alone_first(batch):
    nets, minimize = one_iteration("bcp", batch, ramp=0.05)
    assert nets.student1.seen[0].shape[0] == 2, "labeled images alone"
    pixels = torch.cat([batch.x1[0].flatten(), batch.x1[1].flatten()])
    assert torch.isin(nets.student1.seen[0], pixels).all()
    assert minimize.terms[0]["pseudo"] == 0


def test_bcp_swaps_one_box_between_labeled_and_unlabeled_images(batch):
    nets, _ = one_iteration("bcp", batch)
    inward, outward = nets.student1.seen[0].split(2)
    swapped = inward != batch.x1
    assert torch.equal(inward[swapped], batch.u1[swapped])
    assert torch.equal(outward[swapped], batch.x1[swapped])
    assert torch.equal(outward[~swapped], batch.u1[~swapped])
    side = round(16 * 2 / 3)
    assert swapped[:, 0].flatten(1).sum(1).tolist() == [side**2, side**2]


def test_bcp_counts_each_labeled_pixel_once_over_both_mixes(batch):
    """The labeled region of both mixes is the whole labeled image, box and surroundings."""
    nets = build_nets("bcp", Spy)
    found, real = [], masked_loss
    torch.manual_seed(0)
    patched = pytest.MonkeyPatch()
    patched.setattr(
        "ucmt_lite.methods.bcp.masked_loss",
        lambda z, y, m: (found.append((y, m)), real(z, y, m))[1],
    )
    step_of("bcp")(nets, batch, Clock(5, 1.0), Minimize(nets))
    patched.undo()
    (y, labeled), (_, unlabeled) = found
    assert torch.equal(labeled, ~unlabeled) and labeled.float().mean() == 0.5
    both = torch.where(labeled[:2], y[:2], y[2:])
    assert torch.equal(both, batch.y)


def test_ua_mt_counts_pixels_that_the_teacher_is_sure_of(batch):
    nets = build_nets("ua_mt", Spy)
    with torch.no_grad():
        for p in nets.teacher.parameters():
            p.zero_()  # undecided everywhere: ln 2 nats, above any threshold before the ramp's end
    minimize = Minimize(nets)
    step_of("ua_mt")(nets, batch, Clock(5, 0.5), minimize)
    assert minimize.terms[0]["consistency"] == 0
    sure_nets, sure = one_iteration("ua_mt", batch)
    assert sure.terms[0]["consistency"] > 0
    assert torch.equal(sure_nets.student1.seen[0], torch.cat([batch.x1, batch.u1]))
    noisy = sure_nets.teacher.seen[1:]
    assert len(noisy) == 8 and not torch.equal(noisy[0], noisy[1])
    assert all((0 < (n - batch.u).abs().max() <= 0.2001) for n in noisy)


def test_adamix_mixes_image_label_and_certainty_alike(batch, monkeypatch):
    seen = []

    def turned(doubt, difficulty, reach, top_k, grid, probability):
        assert doubt.shape == (2, 1, 16, 16) and difficulty.shape == (2,)
        return lambda image: (seen.append(image), image.flip(-2))[1]

    monkeypatch.setattr("ucmt_lite.methods.adamix.self_paced", turned)
    nets, _ = one_iteration("adamix", batch)
    assert torch.equal(nets.student1.seen[1], torch.cat([batch.x1, batch.u1]).flip(-2))
    teacher_start = build_nets("adamix", Spy).teacher
    assert torch.equal(seen[2], batch.y)
    assert torch.equal(seen[3], teacher_start(batch.u).argmax(1))
    assert seen[4].dtype == torch.bool


def test_an_unknown_setting_suggests_the_nearest():
    with pytest.raises(InputError, match="did you mean 'top_k'"):
        check_knobs("ucmt", {"topk": 4})
    with pytest.raises(InputError, match="did you mean 'mean_teacher'"):
        build_nets("mean-teacher", Spy)
