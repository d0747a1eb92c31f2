"""The explorers that work on networks: the UMIX lab and the monitor."""

import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

from ucmt_lite.common import InputError
from ucmt_lite.core.mixing import MIXES, umix
from ucmt_lite.core.uncertainty import entropy_of_mean
from ucmt_lite.data import Batches, Cases, cases, load
from ucmt_lite.explore import monitor, umix_lab
from ucmt_lite.methods import build_nets
from ucmt_lite.training.fit import fit
from ucmt_lite.training.recorder import Recorder


@pytest.fixture(scope="module")
def hearts():
    source = load("phantom_heart", size=32, count=(8, 3, 2))
    return cases(source.splits["train"]), cases(source.splits["validation"])


@pytest.fixture(scope="module")
def nets():
    def tiny():
        return nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(8, 4, 5, padding=2)
        )

    return build_nets("ucmt", tiny)


def test_the_lab_mixes_as_the_method_does(nets, hearts):
    nets.train()
    sample = umix_lab.Lab(nets, hearts[1]).sample(1, top_k=3, grid=8)
    assert all(net.training for net in nets.children()), "networks are left as they were"
    nets.eval()
    x = torch.tensor(hearts[1].images[1])[None] / 127.5 - 1
    with torch.no_grad():
        s1, s2, t = nets.student1(x), nets.student2(x), nets.teacher(x)
        mix = umix(entropy_of_mean(s1, t), entropy_of_mean(s2, t), 3, 8)
        after = nets.student1(mix(x)).argmax(1)[0].numpy()
    truth = torch.tensor(hearts[1].masks[1])[None]
    assert np.array_equal(sample.mixed_truth, mix(truth)[0].numpy())
    assert np.array_equal(sample.mixed_label, mix(t.argmax(1))[0].numpy()) and np.array_equal(
        sample.after["student1"], after
    )
    moved = umix_lab.pairs(sample)
    assert 3 <= len(moved) <= 6 and len(umix_lab.moved_cells(sample)) == len(moved)
    for place, source, _ in moved:
        target, origin = (
            np.s_[n // 8 * 4 : n // 8 * 4 + 4, n % 8 * 4 : n % 8 * 4 + 4] for n in (place, source)
        )
        assert np.array_equal(sample.mixed[target], sample.image[origin])
    assert {place for place, *_ in moved} == set(sample.ranks["student1"][:3]) | set(
        sample.ranks["student2"][:3]
    )


def test_the_lab_tells_its_numbers_and_leaves_a_picture(nets, hearts):
    picture = umix_lab.figure(nets, hearts[1], top_k=2, grid=4)
    assert (
        "umix with top_k 2 on a grid of 4 x 4 cells" in picture.alt
        and len(picture.figure.axes) == 8
    )
    assert "0 cells are replaced." in umix_lab.figure(nets, hearts[1], mix="identity").alt


def test_turning_knobs_mixes_again(nets, hearts):
    lab = umix_lab.widget(nets, hearts[1], top_k=1, grid=4)
    one, page = len(umix_lab.pairs(lab.sample)), lab.board.value
    lab.top_k.value = 4
    assert len(umix_lab.pairs(lab.sample)) > one and lab.board.value != page
    assert lab._repr_mimebundle_()[0]["text/plain"] == umix_lab.describe(lab.sample)
    lab.grid.value = 2
    assert (
        lab.top_k.max == lab.top_k.value == 2
        and lab.sample.grid == 2
        and lab.board.value.count("<svg") == 8
    )
    lab.mix.value = "noise"
    assert not umix_lab.pairs(lab.sample) and (lab.sample.mixed != lab.sample.image).any()


def test_the_lab_offers_every_mix_with_a_word_on_it(nets, hearts):
    lab = umix_lab.widget(nets, hearts[1])
    assert list(lab.mix.options) == list(MIXES) == list(umix_lab.TOOLTIPS)


def test_knobs_that_do_not_fit_are_told_before_anything_is_drawn(nets, hearts):
    for wrong, sentence in [
        ({"top_k": 99, "grid": 4}, "does not fit 16 cells"),
        ({"grid": 5}, "does not split into 5"),
        ({"mix": "umx"}, "did you mean 'umix'"),
        ({"image": 9}, "there are 3 images"),
    ]:
        with pytest.raises(InputError, match=sentence):
            umix_lab.widget(nets, hearts[1], **wrong)
    with pytest.raises(InputError, match="there is no teacher"):
        umix_lab.figure({"student1": nets.student1, "student2": nets.student2}, hearts[1])
    with pytest.raises(InputError, match="no images"):
        umix_lab.figure(nets, hearts[1].select([]))
    deep = Cases(
        ("a",), ("a",), [np.zeros((1, 4, 4, 4), np.uint8)], [np.zeros((4, 4, 4), np.uint8)], (None,)
    )
    with pytest.raises(InputError, match="shows 2D images"):
        umix_lab.figure(nets, deep)


def train(nets, hearts, live, iterations, checkpoint):
    batches = Batches(hearts[0].select(hearts[0].ids[:2]), hearts[0], batch=(1, 1))
    fit("ucmt", nets, batches, iterations, grid=4, recorder=live, checkpoint=checkpoint)


@pytest.mark.parametrize("way", ["button", "interrupt"])
def test_the_monitor_stops_after_the_step_and_the_checkpoint_goes_on(nets, hearts, tmp_path, way):
    recorder, before = Recorder("ucmt", hearts[1], 4, every=2), signal.getsignal(signal.SIGINT)
    with monitor.widget(recorder) as live:
        look = recorder.look

        def look_and_stop(step, *rest, **more):
            look(step, *rest, **more)
            if step == 4:
                live.button.click() if way == "button" else os.kill(os.getpid(), signal.SIGINT)

        recorder.look = look_and_stop
        train(nets, hearts, live, 6, tmp_path / "c.pt")
    assert (
        recorder.steps[-1] == 4
        and live.button.description == "stopped"
        and signal.getsignal(signal.SIGINT) == before
    )
    assert torch.load(tmp_path / "c.pt", weights_only=True)["step"] == 4
    assert (
        live.board.value.count("<svg viewBox") == 3 + 6
        and "UCMT after 4 iterations" in live.board.value
    )
    assert "UCMT after 4 iterations" in live._repr_mimebundle_()[0]["text/plain"]
    with monitor.widget(Recorder("ucmt", hearts[1], 4, every=2)) as live:
        train(nets, hearts, live, 6, tmp_path / "c.pt")
    assert live.recorder.steps == [1, 2, 4, 6] and live.button.description == "finished"
