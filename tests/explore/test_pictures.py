"""Pictures and their words agree with the data, also at the edges, and with other modules."""

import re
import warnings
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from synthetic import synthetic
from torch import nn

from ucmt_lite.common import InputError
from ucmt_lite.core.mixing import MIXES
from ucmt_lite.data import cases, load, to_input
from ucmt_lite.experiments import scores
from ucmt_lite.explore import compare, training, umix_lab, uncertainty
from ucmt_lite.explore.draw import maps
from ucmt_lite.explore.draw.palette import ERROR, NET_COLOURS
from ucmt_lite.explore.draw.picture import draw_image, draw_outline, images, new_figure, overlap
from ucmt_lite.explore.draw.svg import Line, chart
from ucmt_lite.methods import build_nets
from ucmt_lite.predict.metrics import scores as metric_scores
from ucmt_lite.training.recorder import mean_dice


def drawn(figure):
    """The pixels of a figure, H W 3."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def cut(figure, axes, margin=0):
    """The pixels of one axes, with some around it."""
    pixels = drawn(figure)
    (left, low), (right, high) = axes.get_window_extent().get_points().round().astype(int)
    top, bottom = len(pixels) - high, len(pixels) - low
    return pixels[top - margin : bottom + margin, left - margin : right + margin]


def near(pixels, colour, by=40):
    """Where pixels have a colour."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return (np.abs(pixels - wanted) <= by).all(-1)


# Uncertainty


def unsure(trace):
    return replace(trace, uncertainty=np.full_like(trace.uncertainty, 0.65))


def test_where_no_pixel_is_kept_the_words_say_so():
    trace = unsure(synthetic())
    right = 100 * (trace.predictions["teacher"][-1, 0] == trace.truth[0]).mean()
    text = uncertainty.figure(trace, threshold=0.2).alt
    assert (
        f"no pixel has at most 0.20 nats of uncertainty, so none is kept; {right:.1f} % of all"
        " pseudo labels are right." in text
    )
    assert "against" not in text


def test_wrong_labels_are_striped_and_dropped_pixels_are_seen_on_a_bright_image():
    trace = synthetic(size=64)
    trace = replace(trace, image=np.full_like(trace.image, 255))
    half = np.zeros((64, 64), bool)
    half[:, 32:] = True
    wrong = np.zeros_like(half)
    wrong[20:40, 4:24] = True
    figure, axes = new_figure(1, 1)
    uncertainty.draw_dropped(axes[0, 0], trace.image[0], half, wrong)
    shown = cut(figure, axes[0, 0])
    grey = shown.mean(-1)
    middle = shown.shape[1] // 2
    assert grey[5:20, middle + 5 : -5].min() - grey[5:20, 5 : middle - 5].max() > 80, (
        "dropped pixels stand out"
    )
    share = near(shown, ERROR, 8)[: int(0.6 * len(shown)), :middle].sum() / (
        20 * 20 / 64**2 * near(shown, ERROR, 255).size
    )
    assert 0.3 < share < 0.7, "stripes, not a surface"
    heading = uncertainty.figure(synthetic()).figure.axes[1].get_title()
    assert heading == "dropped above 0.20 nats (white),\nwrong labels (pink stripes)"


def sent(widget, ref, *shape):
    kind = {"u1": np.uint8, "f4": np.float32}[ref["type"]]
    return np.frombuffer(zlib.decompress(widget.data), kind, ref["length"], ref["offset"]).reshape(
        shape
    )


def test_the_explorer_hatches_the_pixels_that_its_numbers_leave_out():
    """Also at the ends: nearly certain pixels at 0, and half precision rounded above ln 2."""
    trace = synthetic()
    few = trace.uncertainty.copy()
    few[..., :4, :], few[..., 4:6, :], few[..., 6:8, :] = 0.0008, np.float16(np.log(2)), -2.4e-7
    trace = replace(trace, uncertainty=few)
    widget = uncertainty.widget(trace)
    panel, steps = widget.spec["panels"][0], len(trace.map_step)
    hatching = next(layer for layer in widget.spec["layers"] if layer["key"] == "dropped")
    hidden = sent(widget, panel["layers"]["dropped"][0], steps, 2, 32, 32)
    share = sent(widget, panel["readouts"][0]["ref"], steps, 2, uncertainty.LEVELS)
    for level, last in enumerate(hatching["levels"]):
        shown = (hidden <= last).mean(axis=(2, 3))
        assert shown == pytest.approx(share[:, :, level], abs=1e-6)
    assert (share[:, :, -1] == 1).all() and 0 < share[-1, 0, 0] < 0.1
    widget.position = {"level": 0}
    assert (
        f"{100 * share[-1, 0, 0]:.1f} % of the pixels have at most 0.00 nats"
        in widget.picture().alt
    )
    assert uncertainty.kept_share(trace, float(np.log(2))).share == 1


def test_the_risk_chart_is_scaled_by_the_later_half_of_the_steps():
    trace = synthetic()
    first = {name: maps.copy() for name, maps in trace.predictions.items()}
    first["teacher"][0] = 1 - trace.truth
    trace = replace(trace, predictions=first)
    wrong, steps = uncertainty.wrong_labels(trace), len(trace.map_step)
    levels = np.linspace(0, np.log(2), uncertainty.LEVELS)
    risks = [
        uncertainty.risk_coverage(np.asarray(entropy, float), labels, levels)[1]
        for step in range(steps)
        for entropy, labels in zip(trace.uncertainty[step], wrong[step], strict=True)
    ]
    later = np.reshape(risks, (steps, len(trace.image), -1))[steps // 2 :]
    frames = uncertainty.widget(trace).spec["charts"][0]["frames"]
    for image, frame in enumerate(frames):
        highest = max(0.02, 1.05 * np.nanmax(later[:, image]))
        assert frame["box"]["y"] == pytest.approx([0, highest])
    at_first = wrong[0].mean(axis=(1, 2)).max()
    assert at_first > 0.2
    lone = replace(
        trace,
        map_step=trace.map_step[:1],
        uncertainty=trace.uncertainty[:1],
        predictions={n: m[:1] for n, m in first.items()},
    )
    assert (
        max(frame["box"]["y"][1] for frame in uncertainty.widget(lone).spec["charts"][0]["frames"])
        >= at_first
    )


@pytest.mark.parametrize("show", [uncertainty.figure, uncertainty.widget])
@pytest.mark.parametrize("threshold", [9, -0.1, float("nan")])
def test_figure_and_explorer_refuse_the_same_thresholds(show, threshold):
    with pytest.raises(InputError, match=f"threshold={threshold}: choose 0 to 0.693"):
        show(synthetic(), threshold=threshold)


# Outlines


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_outlines_close_along_the_edge_of_the_image(side):
    mask = np.ones((24, 32), int)  # all of it, as an untrained network says
    figure, axes = new_figure(1, 1)
    draw_image(axes[0, 0], np.full((24, 32), 120, np.uint8))
    limits = axes[0, 0].get_xlim(), axes[0, 0].get_ylim()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_outline(axes[0, 0], mask, "truth")
    assert (axes[0, 0].get_xlim(), axes[0, 0].get_ylim()) == limits, "the image stays where it was"
    seen = cut(figure, axes[0, 0], margin=2).mean(-1) < 60
    strips = {"left": seen[:, :5], "right": seen[:, -5:], "top": seen[:5].T, "bottom": seen[-5:].T}
    assert strips[side].any(axis=1).mean() > 0.9


def test_outlines_of_two_classes_at_the_edge_keep_their_places():
    mask = np.zeros((16, 16), np.uint8)
    mask[:4], mask[8:12, 4:8] = 1, 2
    figure, axes = new_figure(1, 1)
    draw_image(axes[0, 0], np.zeros((16, 16), np.uint8))
    draw_outline(axes[0, 0], mask, "student1")
    corners = [line.get_paths()[0].get_extents().get_points() for line in axes[0, 0].collections]
    assert np.array_equal(corners[1], [[-0.5, -0.5], [15.5, 3.5]]) and np.array_equal(
        corners[3], [[3.5, 7.5], [7.5, 11.5]]
    )


# UMIX lab


@pytest.fixture(scope="module")
def hearts():
    return cases(load("phantom_heart", size=64, count=(2, 2, 1)).splits["validation"])


@pytest.fixture
def nets():
    return build_nets("ucmt", lambda: nn.Conv2d(1, 4, 5, padding=2))


def test_the_slider_reaches_what_the_board_shows(nets, hearts):
    lab = umix_lab.widget(nets, hearts, top_k=40, grid=16)
    assert lab.sample.top_k == lab.top_k.value == 40
    lab.mix.value = "cutmix"
    assert lab.sample.top_k == 40
    lab.grid.value = 8
    assert lab.top_k.max == lab.sample.top_k == 32
    lab.grid.value = 16
    assert lab.top_k.max == 40 and umix_lab.widget(nets, hearts, grid=16).top_k.max == 32


def test_the_key_below_the_board_tells_of_the_mix_above_it(nets, hearts):
    lab = umix_lab.Lab(nets, hearts)
    page = {mix: umix_lab.sample_html(lab.sample(0, 3, 8, mix)) for mix in MIXES}
    assert (
        "solid: the least certain cells, replaced" in page["umix"]
        and "numbers: rank" in page["umix"]
    )
    assert (
        "solid: cells drawn at random, replaced" in page["cutmix"]
        and "dashed: cells drawn" in page["cutmix"]
    )
    assert (
        "noise on every pixel: no cell moves" in page["noise"]
        and "no cell moves" in page["identity"]
    )
    assert "no cell moves" in umix_lab.sample_html(lab.sample(0, 0, 8))
    for mix in ("cutmix", "noise", "identity"):
        assert "certain cells" not in page[mix] and "rank" not in page[mix]


def test_the_lab_asks_networks_that_went_on_training_again(nets, hearts):
    lab = umix_lab.Lab(nets, hearts)
    lab.sample(0, 2, 8, "identity")
    with torch.no_grad():
        for parameter in nets.student1.parameters():
            parameter.normal_()
        # In a way that autograd does not count.
        nets.student2.weight.data = torch.randn_like(nets.student2.weight)
    again = lab.sample(0, 2, 8, "identity")
    for name in ("student1", "student2"):
        assert np.array_equal(again.before[name], again.after[name]), (
            "the mix that changes nothing changes nothing"
        )


def test_ranks_are_readable_on_the_bright_end_of_the_map(nets, hearts):
    texts = [text for axes in umix_lab.figure(nets, hearts).figure.axes for text in axes.texts]
    assert texts and all(text.get_path_effects() for text in texts)


# Scores and curves


def scored(method, seed, dice=0.5):
    trace = synthetic(method, seed=seed, frames=2)
    test = {"dice": dice, "dice_per_class": [dice], "jaccard": dice / 2, "undefined": 3}
    return replace(trace, meta={**trace.meta, "test": test, "test_cases": 200})


def test_scores_stand_below_their_own_seed():
    runs = {
        "ucmt": [scored("ucmt", seed, 0.7 + seed / 100) for seed in (12, 10, 11)],
        "cps": [scored("cps", 12, 0.6)],
    }
    assert scores.table(runs).markdown.splitlines() == [
        "| Dice on 200 test images | seed 10 | seed 11 | seed 12 | mean |",
        "| --- | --- | --- | --- | --- |",
        "| UCMT | 0.800 | 0.810 | 0.820 | **0.810** |",
        "| CPS | - | - | 0.600 | **0.600** |",
    ]


def test_one_trace_alone_is_a_run():
    trace = scored("ucmt", 10)
    assert scores.table({"ucmt": trace}) == scores.table([trace]) == scores.table(trace)
    assert (
        compare.figure({"UCMT": trace}).alt
        == compare.figure([trace]).alt
        == compare.figure(trace).alt
    )


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: compare.figure("heart_ucmt_10"), "A trace is needed, this is a str"),
        (lambda: compare.figure({"ucmt": "heart_ucmt_10"}), "A trace is needed, this is a str"),
        (lambda: scores.table({"ucmt": [None]}), "A trace is needed, this is a NoneType"),
        (lambda: scores.table({}), "nothing to compare"),
        (lambda: scores.table({"ucmt": []}), "nothing to compare"),
        (
            lambda: scores.table([scored("ucmt", 1)], "jacard"),
            "Unknown score 'jacard': did you mean 'jaccard'",
        ),
        (lambda: scores.table([scored("ucmt", 1)], "undefined"), "Unknown score 'undefined'"),
        (lambda: scores.table([scored("ucmt", 1)] * 2), "Two runs of 'UCMT' have the seed 1"),
        (lambda: scores.table([synthetic()]), "'UCMT' with seed 0 has no test scores"),
    ],
)
def test_what_is_no_run_is_told_in_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        call()
    assert "\n" not in str(error.value)


# Images as they are


def shown(picture):
    return picture.figure.axes[0].images[0].get_array()


def test_images_show_the_bytes_that_networks_were_given():
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    taken = to_input(torch.from_numpy(every))
    for image in (every, taken, taken.numpy(), taken.half(), taken.double().requires_grad_()):
        assert np.array_equal(shown(images({"x": image})), every[0])
    assert shown(images({"x": np.full((1, 2, 2), 7.0)})).max() == 255


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_images_on_a_gpu_are_shown():
    assert (shown(images({"x": torch.zeros(1, 4, 4, device="cuda")})) == 128).all()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 8), np.uint8),
        np.zeros((8, 9, 3), np.uint8),
        np.zeros((5, 8, 8)),
        np.zeros((1, 8, 8), int),
    ],
)
def test_what_is_no_image_is_refused_with_its_shape(image):
    with pytest.raises(
        InputError, match=f"this is {image.dtype} of shape {re.escape(str(image.shape))}: put"
    ):
        images({"x": image})


# One Dice


def test_the_dice_of_pictures_is_that_of_curves_and_metrics():
    random = np.random.default_rng(0)
    for _ in range(20):
        mask, truth = (
            random.choice([0, 0, 1, 3], (4, 4)) * (random.random() < 0.8) for _ in range(2)
        )
        curve = mean_dice(torch.tensor(mask)[None], torch.tensor(truth)[None], 5)
        metric = np.mean(metric_scores(mask, truth, 5, distances=False)["dice"])
        assert overlap(mask, truth, 5) == pytest.approx(curve) == pytest.approx(metric)
    assert overlap(np.zeros(4, int), np.zeros(4, int)) == 1


def test_explorers_count_the_classes_of_their_trace():
    trace = synthetic()
    trace = replace(
        trace, meta={**trace.meta, "classes": ["background", "lesion", "hair", "ruler"]}
    )
    mask = trace.predictions["student1"][0, 0]
    expected = (overlap(mask, trace.truth[0]) + 2) / 3
    assert maps.dice_over_time(trace, "student1", np.array([0]))[0, 0] == pytest.approx(expected)
    picture = training.figure(trace, step=100)
    assert f"student 1 reaches Dice {expected:.2f}" in picture.alt
    assert picture.figure.axes[1].get_title() == f"student 1, Dice {expected:.2f}"


def test_the_lab_counts_the_classes_of_its_networks(nets, hearts):
    sample = umix_lab.Lab(nets, hearts).sample()
    empty = {name: np.zeros_like(mask) for name, mask in sample.after.items()}
    # Of the classes 1, 2, 3 one is missed.
    sample = replace(sample, after=empty, mixed_label=np.eye(64, dtype=int) * 2)
    assert "student 1 agrees with the moved pseudo label to Dice 0.67" in umix_lab.describe(sample)
    assert "Dice 0.67 with the moved pseudo label" in umix_lab.sample_tiles(sample)[5].caption


# Small things


def test_ticks_of_long_runs_are_numbers_that_are_read():
    text, _ = chart([Line("dice", np.array([0, 20_000]), np.array([0, 1]))], "Dice", "iterations")
    assert ">10000<" in text and ">20000<" in text and "e+" not in text


def test_one_network_is_not_compared_with_itself():
    alone = synthetic("mean_teacher")
    alone = replace(
        alone,
        meta={**alone.meta, "method": "supervised", "branches": ["student1", "student1"]},
        predictions={"student1": alone.predictions["student1"]},
    )
    picture = training.figure(alone)
    headings = [axes.get_title() for axes in picture.figure.axes]
    assert [heading.split(",")[0] for heading in headings[:3]] == [
        "supervised",
        "student 1",
        "uncertainty (nats)",
    ]
    assert "disagreement" not in picture.figure.get_suptitle()
    beside = training.figure([alone, synthetic("cps")])
    headings = [axes.get_title() for axes in beside.figure.axes[:10]]
    assert (
        headings[3] == ""
        and headings[8].startswith("they differ on")
        and headings[4] == "uncertainty (nats)"
    )


def test_the_outline_of_an_untrained_network_is_seen():
    trace = synthetic(channels=3)
    whole = {**trace.predictions, "student1": np.ones_like(trace.predictions["student1"])}
    picture = training.figure(replace(trace, predictions=whole))
    assert near(drawn(picture.figure), NET_COLOURS["student1"]).sum() > 100
