"""What explorers got wrong once: ended runs, own volumes, early steps, masks shown too soon."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import disc, synthetic
from torch import nn

from ucmt_lite.common import InputError
from ucmt_lite.data import Cases
from ucmt_lite.explore import annotate, ema, monitor, volume
from ucmt_lite.explore.draw.picture import overlap
from ucmt_lite.methods import build_nets
from ucmt_lite.training.recorder import Recorder


def watch(*size, terms, **how):
    """A monitor that has looked once at two probe images, or volumes, of this size."""
    torch.manual_seed(0)
    mask = np.zeros(size, np.uint8)
    mask[tuple(slice(side // 4, side // 2) for side in size)] = 1
    probe = Cases(
        ("a", "b"), ("a", "b"), [2 * np.float16(mask)[None]] * 2, [mask, mask], (None, None)
    )
    layer = nn.Conv3d if len(size) == 3 else nn.Conv2d
    live = monitor.widget(Recorder("mean_teacher", probe, 2, **how))
    live.look(1, build_nets("mean_teacher", lambda: layer(1, 2, 3, padding=1)), terms)
    return live


def png_and_words(widget):
    data, _ = widget._repr_mimebundle_()
    assert (
        widget.picture().png().startswith(b"\x89PNG")
        and "Dice on the probe images student 1" in data["text/plain"]
    )
    return data["text/plain"]


# Monitor


def test_the_monitor_shows_volumes_by_the_slice_with_most_truth():
    live = watch(8, 16, 12, terms={"sup": 1.0})
    png_and_words(live)
    masks = live.trace(method="mean_teacher", classes=["a", "b"]).predictions["student1"][-1, 0, 2]
    dice = overlap(masks, live.recorder.probe.masks[0][2])
    assert f"image 0, after 1: Dice student 1 {dice:.2f}" in live.board.value
    assert (
        live.board.value.count("<svg viewBox") == 3 + 4
        and 'viewBox="0 0 12 16"' in live.board.value
    )


def test_the_monitor_shows_curves_where_no_maps_were_asked_for():
    live = watch(16, 16, terms={"sup": 1.0}, maps=0)
    assert (
        live.board.value.count("<svg viewBox") == 3
        and "Dice on the probe images student 1" in live.board.value
    )
    assert "teacher" in png_and_words(live) and len(live.picture().figure.axes) == 3


@pytest.mark.filterwarnings("error")
def test_the_monitor_needs_no_loss_terms_and_no_finite_ones():
    live = watch(16, 16, terms={})
    assert live.board.value.count("<svg viewBox") == 3 + 4
    png_and_words(live)
    assert monitor.monitor_html(monitor_trace(loss=np.nan)).count("<svg viewBox") == 3 + 4


def monitor_trace(loss):
    trace = synthetic()
    return replace(trace, curves={**trace.curves, "loss/sup": np.full(len(trace.step), loss)})


def test_the_monitor_says_that_a_run_failed_and_can_be_used_again():
    live = watch(16, 16, terms={"sup": 1.0})
    with pytest.raises(RuntimeError), live:
        raise RuntimeError
    assert live.button.description == "failed" and live.button.disabled
    with live:
        assert live.button.description == "stop after this step" and not live.button.disabled
        live.button.click()
    assert live.button.description == "stopped" and live.button.disabled


def test_before_the_first_look_there_is_no_empty_chart():
    picture = monitor.widget(Recorder("cps", Cases((), (), [], [], ()), 2)).picture()
    assert not picture.figure.axes[0].axison and "not been looked at" in picture.alt


# Volume


def cube(dtype=np.uint8):
    return np.pad(np.ones((2, 3, 4), dtype), ((2, 2), (3, 3), (4, 4)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64])
def test_integers_of_a_byte_are_shown_as_they_are(dtype):
    shown = volume.figure(200 * cube(dtype)).figure.axes[0].images[0].get_array()
    assert sorted(set(shown.ravel().tolist())) == [0, 200]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.int16([-1000, 0, 1000]), [0, 128, 255]),
        (np.int16([-32768, 32767, 0]), [0, 255, 128]),
        (np.uint16([0, 400, 4000]), [0, 26, 255]),
        (np.int16([-5, -5]), [0, 0]),
        (np.float32([-3, -2, 1, 4, 5]), [0, 0, 128, 255, 255]),
        (np.array([False, True]), [0, 1]),
    ],
)
def test_other_integers_are_shown_from_lowest_to_highest_and_floats_as_standardised(
    values, expected
):
    assert volume.grey_levels(values).tolist() == expected


def test_the_scale_of_uncertainty_ends_where_the_masks_say():
    picture = volume.figure(cube() * 200, {"truth": 3 * cube()}, cube() * 0.1)
    assert picture.figure.axes[3].images[0].get_clim() == (0, pytest.approx(np.log(4)))
    widget = volume.widget(cube() * 200, {"truth": 3 * cube()}, cube() * 0.1)
    assert widget.spec["unit"]["max"] == pytest.approx(np.log(4))
    black_and_white = volume.checked_parts(cube(), {"truth": 255 * cube()}, None, None, 0, 2)
    assert black_and_white.classes == 2
    assert volume.checked_parts(cube(), {}, None, None, 0, 5).classes == 5


def test_lists_and_arrays_are_taken_alike():
    plain = volume.figure(200 * cube(), {"truth": cube()}, 0.1 * cube(), spacing=(2, 1, 1))
    from_lists = volume.figure(
        (200 * cube()).tolist(),
        {"truth": cube().tolist()},
        (0.1 * cube()).tolist(),
        spacing=np.array([2.0, 1, 1]),
    )
    assert from_lists.alt == plain.alt and from_lists.png() == plain.png()
    widget = volume.widget(200 * cube(), spacing=np.array([2.0, 1, 1]))
    assert [panel["stretch"] for panel in widget.spec["panels"]] == [1, 2, 2]
    assert [
        panel["stretch"] for panel in volume.widget(200 * cube(), spacing=()).spec["panels"]
    ] == [1, 1, 1]


@pytest.mark.parametrize("show", [volume.figure, volume.widget])
@pytest.mark.parametrize("spacing", [(2.0, 1.0), 2.0, (1, 0, 1), (1, 1, float("nan"))])
def test_a_spacing_is_three_lengths(show, spacing):
    with pytest.raises(InputError, match="spacing=.*: give three lengths in millimetres"):
        show(cube(), spacing=spacing)


# EMA


def test_the_teachers_arbitrary_start_is_not_counted():
    paths = ema.simulate(share=(1.0,))
    losses = ema.last_losses(paths, 20)
    assert losses == {
        name: pytest.approx(values[1:21].mean()) for name, values in paths.loss.items()
    }
    assert ema.last_losses(paths) == {
        name: pytest.approx(v[-50:].mean()) for name, v in paths.loss.items()
    }
    text = ema.figure(until=20).alt
    assert "last 20 steps" in text and "better than its students" in text
    assert "last step:" in ema.figure(until=1).alt and "last 50 steps" in ema.figure(until=51).alt


@pytest.mark.parametrize("how", [{"share": (1.0,)}, {"share": (0.5, 0.5), "same_valley": True}])
def test_nobody_stands_between_valleys_where_there_is_one(how):
    paths = [
        ema.simulate(decay, **how, steps=60, seed=seed)
        for seed in range(5)
        for decay in (0.0, 0.9, 0.99, 1.0)
    ]
    assert not any(
        "between" in ema.describe(path, until) for path in paths for until in range(1, 61)
    )


def test_the_picture_of_the_lab_ends_where_the_slider_stands():
    widget = ema.widget(share=(0.5, 0.5), until=30)
    assert widget.until.value == 30 and "last 30 steps" in widget.board.value
    widget.until.value = 20
    picture = widget.picture()
    assert (
        picture.alt == ema.figure(share=(0.5, 0.5), until=20).alt
        and picture.alt in widget.board.value
    )
    for line in picture.figure.axes[1].lines:
        step, loss = line.get_xdata(), widget.paths.loss[line.get_label().replace(" ", "")]
        assert step[-1] == 20 and np.array_equal(line.get_ydata(), loss[step])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"until": 0}, "from 1 to 300"),
        ({"until": 9, "steps": 8}, "from 1 to 8"),
        ({"decay": 2}, "all steps alike"),
    ],
)
def test_the_ema_lab_names_what_can_be_chosen(wrong, sentence):
    for show in (ema.figure, ema.widget):
        with pytest.raises(InputError, match=sentence):
            show(**wrong)


# Annotate


@pytest.mark.parametrize("truth", [None, disc(32, 16, 16, 8)])
@pytest.mark.parametrize("mask", [None, np.zeros((32, 32), np.uint8)])
def test_nothing_drawn_leaves_no_empty_axes(truth, mask):
    axes = annotate.figure(np.zeros((32, 32), np.uint8), truth, mask).figure.axes
    assert len(axes) == 2 and not any(ax.axison for ax in axes)


def test_the_expert_is_not_sent_before_something_is_drawn():
    image, truth = np.zeros((32, 32), np.uint8), disc(32, 16, 16, 8)
    widget = annotate.widget(image, truth)
    widget.asked = True
    assert (
        widget.message == "Draw first, then compare." and widget.expert == b"" and not widget.asked
    )
    widget.drawn = truth.tobytes()
    assert widget.expert == b"", "the first stroke is not a question"
    widget.asked = True
    assert widget.expert == truth.tobytes() and "Dice 1.00" in widget.message
    widget.drawn = bytes(32 * 32)
    assert widget.expert == b"" and not widget.asked, "all was undone"
