"""One and three minibatches of UCMT, Mean Teacher and CPS, number by number against the public
reference code.

The reference's recipe is rebuilt with the methods' own arguments: its views, its forward passes,
its loss.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ucmt_lite.core.batch import Batch, Clock, jointly, separately
from ucmt_lite.core.losses import dice_loss, one_hot
from ucmt_lite.methods.cps import cps
from ucmt_lite.methods.mean_teacher import mean_teacher
from ucmt_lite.methods.ucmt import ucmt


def tiny_net(norm: bool = True) -> nn.Module:
    layers = {
        "conv1": nn.Conv2d(3, 4, 3, padding=1),
        "bn1": nn.BatchNorm2d(4),
        "relu": nn.ReLU(),
        "conv2": nn.Conv2d(4, 2, 1),
    }
    if not norm:
        del layers["bn1"]
    net = nn.Sequential()
    for name, layer in layers.items():
        net.add_module(name, layer)
    return net.double()


def read(numbers, prefix: str) -> dict[str, torch.Tensor]:
    return {
        k.removeprefix(prefix): torch.from_numpy(numbers[k])
        for k in numbers.files
        if k.startswith(prefix)
    }


def load_nets(numbers, prefix: str, names: list[str], norm: bool = True) -> SimpleNamespace:
    nets = SimpleNamespace()
    for name in names:
        net = tiny_net(norm)
        net.load_state_dict(read(numbers, f"{prefix}{name}/"))
        setattr(nets, name.replace("student", "student1") if name == "student" else name, net)
    return nets


def assert_close(got, expected, what: str, atol: float) -> None:
    got = got.detach().numpy() if isinstance(got, torch.Tensor) else got
    np.testing.assert_allclose(got, expected, rtol=0, atol=atol, err_msg=what)


class Minimize:
    """One gradient step on the sum of the terms with the reference's optimiser; keeps what the
    method asked for.
    """

    def __init__(self, nets: list[nn.Module], make_optimizer):
        self.nets, self.optimizers, self.steps = (
            nets,
            [make_optimizer(net.parameters()) for net in nets],
            [],
        )
        self.after = []  # states are read after the teacher's update, so by the caller

    def __call__(self, **terms):
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        sum(terms.values()).backward()
        gradients = [{n: p.grad.clone() for n, p in net.named_parameters()} for net in self.nets]
        self.steps.append(({name: value.item() for name, value in terms.items()}, gradients))
        for optimizer in self.optimizers:
            optimizer.step()


@pytest.mark.parametrize("run", ["start", "ramp", "late"])
def test_ucmt_three_minibatches(oracle, run):
    numbers = oracle("ucmt_step.npz")
    hyper = {
        k: numbers[f"hyper/{k}"]
        for k in (
            "lr",
            "betas",
            "eps",
            "weight_decay",
            "top_k",
            "grid",
            "ema_decay",
            "ema_coefficient",
        )
    }
    nets = load_nets(numbers, "init/", ["student1", "student2", "teacher"])
    students = [nets.student1, nets.student2]
    minimize = Minimize(
        students,
        lambda p: torch.optim.AdamW(
            p,
            lr=float(hyper["lr"]),
            betas=hyper["betas"].tolist(),
            eps=float(hyper["eps"]),
            weight_decay=float(hyper["weight_decay"]),
        ),
    )
    share = float(hyper["ema_coefficient"])
    for i in range(3):
        at = f"{run}/mb{i}"
        x, x1, u, u1, u2 = (
            torch.from_numpy(numbers[f"batch{i}/{v}"]).double()
            for v in ("x", "x1", "u", "u1", "u2")
        )
        y = torch.from_numpy(numbers[f"batch{i}/y"])
        clock = Clock(int(numbers[f"{at}/global_step"]), float(numbers[f"{at}/lambda"]))
        ucmt(
            nets,
            Batch(x, y, x1, x1, u, u1, u2),
            clock,
            minimize,
            loss=dice_loss,
            weight=0.05,
            top_k=int(hyper["top_k"]),
            grid=hyper["grid"].tolist(),
            ema_decay=float(hyper["ema_decay"]),
            ema_share=(share, 1 - share),
            labeled_views=("x", "x"),
            forward=separately,
        )
        for step, (terms, gradients) in enumerate(minimize.steps[-2:], start=1):
            expected = read(numbers, f"{at}/step{step}/")
            assert_close(terms["sup"], expected["loss_sup"], f"{at} step {step} sup", 1e-11)
            for name in ("cps", "cmt"):  # 0.05 of the sum here is 0.1 of the mean there
                assert_close(
                    terms[name],
                    0.1 * clock.ramp * expected[f"loss_{name}"],
                    f"{at} step {step} {name}",
                    1e-11,
                )
            assert_close(
                sum(terms.values()), expected["loss_total"], f"{at} step {step} total", 1e-11
            )
            for student, gradient in zip(("student1", "student2"), gradients, strict=True):
                for name, value in gradient.items():
                    assert_close(
                        value,
                        expected[f"grad/{student}/{name}"],
                        f"{at} step {step} {student} {name}",
                        1e-11,
                    )
        for name in ("student1", "student2", "teacher"):
            expected = read(numbers, f"{at}/after_step2/{name}/")
            for tensor, value in getattr(nets, name).state_dict().items():
                assert_close(value, expected[tensor], f"{at} after {name} {tensor}", 1e-10)


def ssl4mis_loss(logits, target):
    """Half cross-entropy, half the Dice of SSL4MIS: over the whole batch a class, squared
    probabilities below.
    """
    p, y = logits.softmax(1), one_hot(target, logits.shape[1]).to(logits.dtype)
    axes = (0, 2, 3)
    dice = 1 - ((2 * (p * y).sum(axes) + 1e-5) / ((p * p).sum(axes) + y.sum(axes) + 1e-5)).mean()
    return (F.cross_entropy(logits, target) + dice) / 2


def ssl4mis_optimizer(numbers, rate):
    h = {k: float(numbers[f"hyper/{k}"]) for k in ("momentum", "weight_decay")}
    return lambda p: torch.optim.SGD(
        p, lr=rate, momentum=h["momentum"], weight_decay=h["weight_decay"]
    )


def ssl4mis_runs(numbers):
    return [(net, run) for net in ("bn", "nobn") for run in numbers["runs"]]


def iterate(numbers, net, run, nets, minimize, method, names):
    """Three iterations of a method on the file's minibatches, compared after each."""
    labeled = int(numbers["hyper/labeled_batch"])
    for i in range(3):
        at = f"{net}/{run}/it{i}"
        for optimizer in minimize.optimizers:
            optimizer.param_groups[0]["lr"] = float(numbers[f"{at}/lr"])
        images = torch.from_numpy(numbers[f"batch{i}/images"]).double()
        labels = torch.from_numpy(numbers[f"batch{i}/labels"])
        x, u, y = images[:labeled], images[labeled:], labels[:labeled]
        iteration, weight = int(numbers[f"{at}/iteration"]), float(numbers[f"{at}/weight"])
        method(nets, Batch(x, y, x, x, u, u, u), i, iteration, weight)
        terms, gradients = minimize.steps[-1]
        expected = read(numbers, f"{at}/")
        assert_close(sum(terms.values()), expected["loss_total"], f"{at} total", 1e-11)
        for name, gradient in zip(names, gradients, strict=True):
            for tensor, value in gradient.items():
                assert_close(
                    value,
                    expected[f"grad/{name}/{tensor}"],
                    f"{at} gradient {name} {tensor}",
                    1e-11,
                )
        for name in [
            n
            for n in ("student", "student1", "student2", "teacher")
            if f"after/{n}/conv1.weight" in expected
        ]:
            module = nets.student1 if name == "student" else getattr(nets, name)
            for tensor, value in module.state_dict().items():
                assert_close(
                    value, expected[f"after/{name}/{tensor}"], f"{at} after {name} {tensor}", 1e-11
                )


def test_mean_teacher_three_iterations(oracle):
    numbers = oracle("mean_teacher_step.npz")
    for net, run in ssl4mis_runs(numbers):
        nets = load_nets(numbers, f"{net}/init/", ["student", "teacher"], norm=net == "bn")
        minimize = Minimize([nets.student1], ssl4mis_optimizer(numbers, 0.01))

        def method(nets, batch, i, iteration, weight, minimize=minimize):
            noise = torch.from_numpy(numbers[f"batch{i}/noise"])
            gate = 1.0 if iteration >= int(numbers["hyper/consistency_from_iteration"]) else 0.0
            # The teacher's views: there it sees no labeled images, and noise in the others. The
            # student sees x1 and u1.
            views = batch._replace(x=batch.x[:0], u=batch.u + noise)
            mean_teacher(
                nets,
                views,
                Clock(iteration, gate),
                minimize,
                loss=ssl4mis_loss,
                weight=weight,
                ema_decay=float(numbers["hyper/ema_decay"]),
                forward=jointly,
            )

        iterate(numbers, net, run, nets, minimize, method, ["student"])


def test_cps_three_iterations(oracle):
    numbers = oracle("cps_step.npz")
    for net, run in ssl4mis_runs(numbers):
        nets = load_nets(numbers, f"{net}/init/", ["student1", "student2"], norm=net == "bn")
        minimize = Minimize([nets.student1, nets.student2], ssl4mis_optimizer(numbers, 0.01))

        def method(nets, batch, i, iteration, weight, minimize=minimize):
            cps(
                nets,
                batch,
                Clock(iteration, 1.0),
                minimize,
                loss=ssl4mis_loss,
                pseudo_loss=F.cross_entropy,
                weight=weight,
                forward=jointly,
            )

        iterate(numbers, net, run, nets, minimize, method, ["student1", "student2"])
