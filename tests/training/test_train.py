"""Training repeats bit for bit, goes on after a kill, stops on NaN, and the recorder sees what
there is to see.
"""

import os
import signal
import subprocess
import sys
from functools import partial, wraps
from pathlib import Path

import numpy as np
import pytest
import torch

from ucmt_lite.common import InputError
from ucmt_lite.core.losses import dice_loss, segmentation_loss
from ucmt_lite.core.mixing import cutmix
from ucmt_lite.data import Batches, cases, load
from ucmt_lite.methods import METHODS, FlawDetector, build_nets, step_of
from ucmt_lite.nets import make
from ucmt_lite.training.devices import choose_device, choose_precision
from ucmt_lite.training.fit import Minimize, fit
from ucmt_lite.training.recorder import Recorder, mean_dice
from ucmt_lite.training.traces import load_trace


def drawn():
    source = load("phantom_heart", size=32, count=(8, 4, 2))
    return cases(source.splits["train"], size=32), cases(source.splits["validation"], size=32)


@pytest.fixture(scope="module")
def hearts():
    return drawn()


def nets_for(method, seed=0, norm="instance"):
    def make_net():
        return make("unet_small", 1, 4, 2, norm)

    return build_nets(method, make_net, seed=seed, flaw_detector=lambda: FlawDetector(1, 4))


def trained(method, hearts, iterations=4, recorder=None, **arguments):
    train, _ = hearts
    nets = nets_for(method)
    fit(
        method,
        nets,
        Batches(train.select(train.ids[:2]), train, batch=(2, 2)),
        iterations,
        recorder=recorder,
        **arguments,
    )
    return nets


def same(a, b):
    return all(
        torch.equal(p, q)
        for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_repeats_bit_for_bit(method, hearts):
    settings = {"grid": 4, "top_k": 2} if method == "ucmt" else {}
    one, other = trained(method, hearts, **settings), trained(method, hearts, **settings)
    assert same(one, other)
    assert not same(one, nets_for(method))
    assert all(torch.isfinite(p).all() for p in one.parameters())


def test_another_seed_gives_another_network(hearts):
    one, other = (trained("ucmt", hearts, seed=seed, grid=4, make_mix=cutmix) for seed in (0, 1))
    assert not same(one, other), (
        "what is drawn in training, here CutMix's cells, depends on the seed"
    )


def test_the_callers_random_state_is_left_alone(hearts):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    trained("ucmt", hearts, iterations=1, grid=4, make_mix=cutmix)
    assert torch.equal(torch.rand(1), expected)


def test_the_loss_falls(hearts):
    recorder = Recorder("supervised", hearts[1], 4, every=10)
    trained("supervised", hearts, iterations=60, recorder=recorder)
    assert recorder.curves["loss/sup"][-1] < 0.6 * recorder.curves["loss/sup"][0]


def twelve_iterations(checkpoint, killed_at=None):
    """The networks, the trace and the iterations that were done; in one of them the process may
    kill itself.
    """
    train, probe = drawn()
    nets, recorder = nets_for("ucmt"), Recorder("ucmt", probe, 4, every=2, maps_every=4)
    batches, done = Batches(train.select(train.ids[:2]), train, batch=(2, 2)), []

    def told(step):
        if step == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(step)
        return batches(step)

    fit(
        "ucmt", nets, told, 12, recorder=recorder, checkpoint=checkpoint, checkpoint_every=3, grid=4
    )
    return nets, recorder.trace(method="ucmt"), done


def test_a_killed_run_goes_on_bit_for_bit(tmp_path):
    code = (
        "import sys; from test_train import twelve_iterations; twelve_iterations(sys.argv[1],"
        " killed_at=5)"
    )
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}  # else the last digits may differ
    killed = [sys.executable, "-c", code, tmp_path / "killed.pt"]
    ended = subprocess.run(
        killed, cwd=Path(__file__).parent, env={**os.environ, **threads}, timeout=300
    )
    assert ended.returncode == -signal.SIGKILL

    (one, whole, _), (other, again, done) = (
        twelve_iterations(tmp_path / f"{n}.pt") for n in ("whole", "killed")
    )
    assert done == list(range(3, 12)), "it went on from its checkpoint, not from the start"
    assert same(one, other)
    assert whole.step.tolist() == again.step.tolist() == [1, *range(2, 13, 2)]
    assert all(np.array_equal(whole.curves[name], again.curves[name]) for name in whole.curves)
    assert np.array_equal(whole.uncertainty, again.uncertainty)
    assert all(
        np.array_equal(whole.predictions[name], again.predictions[name])
        for name in whole.predictions
    )


def test_a_checkpoint_cut_short_leaves_the_one_before(hearts, tmp_path, monkeypatch):
    save = torch.save

    def cut(state, file):
        if state["step"] == 2:
            file.write(b"half")
            raise KeyboardInterrupt
        save(state, file)

    monkeypatch.setattr(torch, "save", cut)
    with pytest.raises(KeyboardInterrupt):
        trained("supervised", hearts, checkpoint=tmp_path / "c.pt", checkpoint_every=1)
    assert torch.load(tmp_path / "c.pt", weights_only=True)["step"] == 1


def test_a_run_stopped_by_its_recorder_ends_after_the_step_and_goes_on_bit_for_bit(
    hearts, tmp_path
):
    train, probe = hearts
    recorder, file = Recorder("cps", probe, 4, every=2), tmp_path / "checkpoint.pt"
    batches, asked = Batches(train.select(train.ids[:2]), train, batch=(2, 2)), []

    def stop_at_the_third(step):
        asked.append(step)
        recorder.stop = step == 2
        return batches(step)

    fit("cps", nets_for("cps"), stop_at_the_third, 6, recorder=recorder, checkpoint=file)
    assert asked == [0, 1, 2] and torch.load(file, weights_only=True)["step"] == 3
    again = Recorder("cps", probe, 4, every=2)
    whole = Recorder("cps", probe, 4, every=2)
    assert same(
        trained("cps", hearts, 6, recorder=again, checkpoint=file),
        trained("cps", hearts, 6, recorder=whole),
    )
    assert again.steps == whole.steps and again.curves == whole.curves


def test_a_checkpoint_of_another_network_is_refused(hearts, tmp_path):
    trained("supervised", hearts, iterations=2, checkpoint=tmp_path / "c.pt")
    with pytest.raises(InputError, match="does not belong to this run.*remove it"):
        trained("cps", hearts, iterations=2, checkpoint=tmp_path / "c.pt")
    with pytest.raises(InputError, match=r"does not belong to this run \(another weight_decay\)"):
        trained("supervised", hearts, iterations=2, checkpoint=tmp_path / "c.pt", weight_decay=0.5)


def test_nan_stops_with_the_step_and_the_term_before_it_reaches_the_weights(hearts):
    train, _ = hearts
    good = Batches(train.select(train.ids[:2]), train, batch=(2, 2))
    nets = nets_for("cps", norm="batch")  # through which one bad image reaches all others
    before = {}

    def poisoned(step):
        batch = good(step)
        if step == 2:
            before.update({n: p.detach().clone() for n, p in nets.named_parameters()})
            batch = batch._replace(u1=batch.u1 * float("nan"))
        return batch

    with pytest.raises(
        FloatingPointError, match="'sup' became nan at iteration 2, gradient step 1"
    ):
        fit("cps", nets, poisoned, 4)
    assert all(torch.equal(before[n], p) for n, p in nets.named_parameters())
    with pytest.raises(
        FloatingPointError, match="student1 has .* statistics that are not finite: build it anew"
    ):
        fit("cps", nets, lambda step: pytest.fail("trained on"), 4)


def test_weights_that_the_last_step_spoiled_are_refused_and_not_kept(hearts, tmp_path):
    train, _ = hearts
    kept = tmp_path / "checkpoint.pt"

    def endless_slope(logits, target):
        return (0 * logits.sum()).sqrt()  # 0, with a gradient of 0 times infinity

    batches = Batches(train.select(train.ids[:2]), train, batch=(2, 2))
    with pytest.raises(FloatingPointError, match="student1 has weights .* that are not finite"):
        fit("supervised", nets_for("supervised"), batches, 1, loss=endless_slope, checkpoint=kept)
    assert not kept.exists()


def test_networks_outside_the_sum_are_left_alone():
    used, other = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    optimizer = torch.optim.AdamW([*used.parameters(), *other.parameters()], weight_decay=0.5)
    before = other.weight.clone()
    Minimize(optimizer, torch.amp.GradScaler("cpu", enabled=False))(
        sup=used(torch.ones(1, 1)).sum()
    )
    assert torch.equal(other.weight, before), "not even weight decay may touch it"


def test_fit_follows_its_schedules_its_precision_and_its_seeds(hearts, monkeypatch):
    seen, step = [], step_of("ucmt")

    @wraps(step)
    def watched(nets, batch, clock, minimize, **settings):
        group = minimize.optimizer.param_groups[0]
        kind = nets.student1(batch.x1).dtype
        seen.append((group["lr"], group["weight_decay"], clock.ramp, torch.rand(1).item(), kind))
        step(nets, batch, clock, minimize, **settings)

    monkeypatch.setitem(METHODS, "ucmt", METHODS["ucmt"]._replace(step=watched))
    nets = trained(
        "ucmt", hearts, 4, lr=0.01, weight_decay=0.5, ramp=0.5, precision="bfloat16", grid=4
    )
    rates, decays, ramps, draws, kinds = zip(*seen, strict=True)
    assert rates == pytest.approx([0.01 * (1 - n / 4) ** 0.9 for n in range(4)]) and set(
        decays
    ) == {0.5}
    assert ramps == pytest.approx([np.exp(-5), np.exp(-5 / 4), 1, 1])
    assert len(set(draws)) == 4, "each iteration has a seed of its own"
    assert set(kinds) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 and torch.isfinite(p).all() for p in nets.parameters())


@pytest.mark.parametrize("capability, kind", [((7, 5), torch.float16), ((8, 0), torch.bfloat16)])
def test_a_gpu_gets_the_half_precision_it_was_made_for(capability, kind, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_precision("auto", torch.device("cuda")) == kind


def test_bfloat16_sees_the_new_weights_in_the_second_step_of_an_iteration():
    net = torch.nn.Linear(1, 1, bias=False)
    minimize = Minimize(
        torch.optim.SGD(net.parameters(), lr=1.0), torch.amp.GradScaler("cpu", enabled=False)
    )
    with torch.autocast("cpu", torch.bfloat16):
        before = net(torch.ones(1, 1))
        minimize(sup=before.sum())
        after = net(torch.ones(1, 1))
    assert after.item() == pytest.approx(before.item() - 1, abs=0.02)


def test_precision_and_device_are_chosen_or_refused():
    cpu = torch.device("cpu")
    assert choose_precision("auto", cpu) == torch.float32
    with pytest.raises(InputError, match="needs a GPU"):
        choose_precision("float16", cpu)
    with pytest.raises(InputError, match="choose one of auto"):
        choose_precision("half", cpu)
    for none in ("cuda:99", "meta", "cpuu"):
        with pytest.raises(InputError, match="try 'auto' or 'cpu'"):
            choose_device(none)


def test_the_recorder_follows_the_right_branches(hearts):
    _, probe = hearts
    recorder = Recorder("ucmt", probe, 4, every=2, maps=2, maps_every=4)
    nets = trained("ucmt", hearts, iterations=4, recorder=recorder, grid=4)
    trace = recorder.trace(method="ucmt", dataset="phantom_heart")
    assert trace.step.tolist() == [1, 2, 4] and trace.map_step.tolist() == [1, 4]
    assert trace.branches == ("student1", "student2")
    assert trace.image.shape == (2, 32, 32, 1) and trace.uncertainty.shape == (2, 2, 32, 32)
    assert {
        "dice",
        "disagreement",
        "uncertainty",
        "error",
        "loss/sup",
        "loss/cps",
        "loss/cmt",
    } <= set(trace.curves)

    from ucmt_lite.core.uncertainty import disagreement, entropy_of_mean
    from ucmt_lite.data import to_input

    x = to_input(torch.from_numpy(np.stack(probe.images)))
    nets.eval()
    with torch.no_grad():
        a, b, t = (net(x) for net in (nets.student1, nets.student2, nets.teacher))
    truth = torch.from_numpy(np.stack(probe.masks)).long()
    assert trace.curves["disagreement"][-1] == pytest.approx(disagreement(a, b).item())
    assert trace.curves["uncertainty"][-1] == pytest.approx(
        entropy_of_mean(a, b).mean().item(), rel=1e-5
    )
    assert trace.curves["dice"][-1] == pytest.approx(mean_dice(t.argmax(1), truth, 4))
    assert trace.curves["error"][-1] == pytest.approx((t.argmax(1) != truth).float().mean().item())
    assert np.array_equal(trace.predictions["student2"][-1], b[:2].argmax(1).numpy())


def test_whoever_listens_is_told_each_look_as_the_trace_has_it(hearts):
    looks, recorder = [], Recorder("ucmt", hearts[1], 4, every=2)
    trained("ucmt", hearts, iterations=4, recorder=recorder, on_look=looks.append, grid=4)
    trace = recorder.trace(method="ucmt")
    assert [look.iteration for look in looks] == trace.step.tolist() == [1, 2, 4]
    assert {(look.iterations, look.predicts) for look in looks} == {(4, "teacher")}
    for place, look in enumerate(looks):
        told = {name: value for name, value in look.values.items() if name != "seconds"}
        curves = trace.curves
        assert told == {name: curves[name][place] for name in curves if "/" in name}
        assert set(look.losses) == {"sup", "cps", "cmt"}
        assert set(look.dice) == {"student1", "student2", "teacher"}
    assert 0 < looks[0].seconds < looks[1].seconds < looks[2].seconds


def test_a_term_that_comes_late_leaves_a_trace_that_can_be_read(hearts, tmp_path):
    looks = iter([{"sup": 1.0}, {"sup": 0.9, "late": 0.5}, {"sup": 0.8}])
    recorder, nets = Recorder("supervised", hearts[1], 3, every=1), nets_for("supervised")
    for step, terms in enumerate(looks, 1):
        recorder.look(step, nets, terms, last=step in (1, 3))
    assert recorder.last_look(3, 0.0).losses == {"sup": 0.8}
    recorder.trace(method="supervised").save(tmp_path / "trace.npz")
    curves = load_trace(tmp_path / "trace.npz").curves
    assert np.array_equal(curves["loss/late"], np.float32([np.nan, 0.5, np.nan]), equal_nan=True)


def test_what_a_listener_raises_ends_the_run_which_goes_on_from_its_checkpoint(hearts, tmp_path):
    def tired(look):
        if look.iteration == 3:
            raise ValueError("enough")

    how = {"checkpoint": tmp_path / "c.pt", "checkpoint_every": 1}
    with pytest.raises(ValueError, match="enough"):
        recorder = Recorder("cps", hearts[1], 4, every=1)
        trained("cps", hearts, recorder=recorder, on_look=tired, **how)
    assert torch.load(tmp_path / "c.pt", weights_only=True)["step"] == 2
    looks, recorder = [], Recorder("cps", hearts[1], 4, every=1)
    again = trained("cps", hearts, recorder=recorder, on_look=looks.append, **how)
    assert [look.iteration for look in looks] == [3, 4] and same(again, trained("cps", hearts))


def test_nobody_is_told_where_nothing_looks(hearts):
    with pytest.raises(InputError, match="give a recorder"):
        trained("cps", hearts, on_look=print)


def test_looking_does_not_change_what_is_trained(hearts):
    watched = trained("ucmt", hearts, recorder=Recorder("ucmt", hearts[1], 4, every=1), grid=4)
    assert same(watched, trained("ucmt", hearts, grid=4))


def test_mean_dice_against_counting():
    prediction, truth = (
        torch.tensor([[0, 1, 1, 2], [0, 0, 0, 0]]),
        torch.tensor([[0, 1, 2, 2], [0, 0, 0, 1]]),
    )
    expected = np.mean([2 * 1 / 3, 2 * 1 / 3, 0, 1])
    assert mean_dice(prediction, truth, 3) == pytest.approx(expected)


def test_no_file_of_another_kind_is_taken_for_a_checkpoint(hearts, tmp_path):
    path = tmp_path / "c.pt"
    for content in (b"", b"half", b"\x80\x04garbage"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="does not belong to this run"):
            trained("supervised", hearts, checkpoint=path)
    torch.save([1], path)
    with pytest.raises(InputError, match="does not belong to this run"):
        trained("supervised", hearts, checkpoint=path)


@pytest.mark.parametrize("iterations", [2, 4])
def test_a_checkpoint_of_a_run_of_another_length_is_refused(hearts, tmp_path, iterations):
    """Its learning rate has fallen otherwise, to 0 at its own end."""
    trained("supervised", hearts, iterations=3, checkpoint=tmp_path / "c.pt")
    with pytest.raises(InputError, match="another iterations"):
        trained("supervised", hearts, iterations=iterations, checkpoint=tmp_path / "c.pt")


def test_a_checkpoint_tells_losses_apart_and_refuses_what_it_could_not(hearts, tmp_path):
    trained("supervised", hearts, iterations=1, checkpoint=tmp_path / "c.pt", loss=dice_loss)
    with pytest.raises(InputError, match="another loss"):
        trained(
            "supervised", hearts, iterations=1, checkpoint=tmp_path / "c.pt", loss=segmentation_loss
        )
    for nameless in (lambda a, b: dice_loss(a, b), partial(dice_loss, smooth=1.0)):
        with pytest.raises(InputError, match="loss is a function without a name"):
            trained(
                "supervised", hearts, iterations=1, checkpoint=tmp_path / "new.pt", loss=nameless
            )
        trained("supervised", hearts, iterations=1, loss=nameless)
    assert not (tmp_path / "new.pt").exists()


def test_a_checkpoint_is_read_to_the_cpu_where_the_recorder_keeps_what_it_saw(
    hearts, tmp_path, monkeypatch
):
    """On a GPU its maps would land there, and numpy could not read them."""
    places, load = [], torch.load
    monkeypatch.setattr(
        torch, "load", lambda *a, **k: places.append(k["map_location"]) or load(*a, **k)
    )
    for _ in range(2):
        trained("supervised", hearts, iterations=1, checkpoint=tmp_path / "c.pt")
    assert places == ["cpu"]


def test_mean_teacher_compares_in_float32_whatever_the_networks_compute_in(hearts, monkeypatch):
    types, distance = [], torch.nn.functional.mse_loss
    monkeypatch.setattr(
        "torch.nn.functional.mse_loss",
        lambda p, q: types.extend((p.dtype, q.dtype)) or distance(p, q),
    )
    trained("mean_teacher", hearts, iterations=1, precision="bfloat16")
    assert types == [torch.float32, torch.float32]


def test_a_log_has_a_plain_line_for_each_tenth_that_a_look_falls_into(hearts, capsys):
    trained(
        "supervised",
        hearts,
        iterations=9 * 3,
        recorder=Recorder("supervised", hearts[1], 4, every=5, maps=0),
    )
    lines = capsys.readouterr().out.strip().splitlines()
    assert [line.split("/")[0] for line in lines] == ["5", "10", "15", "20", "25", "27"]
    assert lines[-1].startswith("27/27: sup ") and "dice" in lines[-1]


def test_a_recorder_without_maps_gives_a_trace_of_curves(hearts, tmp_path):
    recorder = Recorder("supervised", hearts[1], 4, maps=0)
    trained("supervised", hearts, iterations=1, recorder=recorder)
    trace = recorder.trace(method="supervised")
    assert len(trace.map_step) == 0 and len(trace.curves["dice"]) == 1


def test_the_last_state_always_has_its_maps(hearts):
    recorder = Recorder("supervised", hearts[1], 4, every=2, maps_every=100)
    trained("supervised", hearts, iterations=5, recorder=recorder)
    assert recorder.map_steps == [1, 5]
