"""The explorer of mixes: what moves, from where, and what it says of it."""

import re

import numpy as np
import pytest
from torch import nn

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load
from ucmt_lite.explore import mixes
from ucmt_lite.methods import build_nets


@pytest.fixture(scope="module")
def hearts():
    return cases(load("phantom_heart", size=32, count=(8, 3, 2)).splits["validation"])


@pytest.fixture(scope="module")
def nets():
    def tiny():
        return nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 4, 1))

    return build_nets("adamix", tiny)


def test_a_box_shows_the_other_image_and_its_label(nets, hearts):
    mixed = mixes.Mixer(nets, hearts).sample(1)
    for name in ("boxmix", "copy_paste", "self_paced"):
        moved = mixed.moved[name]
        assert np.array_equal(mixed.images[name][~moved], mixed.image[~moved])
        assert np.array_equal(mixed.labels[name][~moved], mixed.label[~moved])
    for name in ("boxmix", "copy_paste"):  # at the same place of the other image
        moved = mixed.moved[name]
        assert np.array_equal(mixed.images[name][moved], mixed.other[moved])
        assert np.array_equal(mixed.labels[name][moved], mixed.other_label[moved])
    assert mixed.moved["copy_paste"].sum() == round(32 * 2 / 3) ** 2


def test_the_last_image_is_mixed_with_the_first(nets, hearts):
    mixer = mixes.Mixer(nets, hearts)
    assert np.array_equal(mixer.sample(2).other, mixer.sample(0).image)


def test_adamix_covers_before_the_reach_and_adds_doubt_beyond_it(nets, hearts):
    mixer = mixes.Mixer(nets, hearts)
    difficulty = mixer.sample(0).difficulty
    hard, easy = mixer.sample(0, reach=difficulty / 2), mixer.sample(0, reach=1.0)
    assert "receives what it is sure of in the other" in mixes.describe(hard)
    assert "receives what the teacher doubts of the other" in mixes.describe(easy)
    at = mixer.sample(0, reach=difficulty)
    assert not at.moved["self_paced"].any() and "so nothing moves" in mixes.describe(at)


def test_controls_draw_again_and_the_picture_says_what_they_show(nets, hearts):
    widget = mixes.widget(nets, hearts)
    first = widget.board.value
    for control, value in (("image", 2), ("reach", 0.9), ("draw", 3)):
        getattr(widget, control).value = value
        assert widget.board.value != first
        first = widget.board.value
    assert first.count("<svg") == 8
    said = widget._repr_mimebundle_()[0]["text/plain"]
    assert said == mixes.describe(widget.mixed)
    shares = [float(share) for share in re.findall(r"([\d.]+) %", said)]
    assert shares[2] == pytest.approx(100 * widget.mixed.moved["copy_paste"].mean(), abs=0.05)


def test_what_cannot_be_mixed_is_told_in_a_sentence(nets, hearts):
    with pytest.raises(InputError, match="there is no teacher"):
        mixes.figure({"student1": nets.student1}, hearts)
    with pytest.raises(InputError, match="at least two cases"):
        mixes.figure(nets, hearts.select(hearts.ids[:1]))
    with pytest.raises(InputError, match="reach=2: give a number from 0 to 1"):
        mixes.figure(nets, hearts, reach=2)
    with pytest.raises(InputError, match="there are 3 images"):
        mixes.widget(nets, hearts, image=7)
