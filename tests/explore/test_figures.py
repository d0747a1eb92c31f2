"""Still pictures: what they say is what the data hold, and wrong input is told in one sentence."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import disc, synthetic

from ucmt_lite.common import InputError
from ucmt_lite.explore import annotate, compare, ema, monitor, training, uncertainty, volume
from ucmt_lite.explore.draw.picture import overlap
from ucmt_lite.methods import look_of
from ucmt_lite.predict.metrics import area_under_risk
from ucmt_lite.training import traces


def png_of(picture):
    data, metadata = picture._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] and picture.png().startswith(
        b"\x89PNG"
    )
    return picture.png()


# Training


def test_training_tells_the_dice_of_every_network_at_that_step():
    trace = synthetic()
    picture = training.figure(trace, step=100, image=1)
    masks = {name: maps[0, 1] for name, maps in trace.predictions.items()}
    for title, name in [
        ("student 1", "student1"),
        ("student 2", "student2"),
        ("teacher", "teacher"),
    ]:
        assert f"{title} reaches Dice {overlap(masks[name], trace.truth[1]):.2f}" in picture.alt
    assert f"differ on {100 * (masks['student1'] != masks['student2']).mean():.1f} %" in picture.alt
    assert (
        png_of(picture)
        != png_of(training.figure(trace, step=600, image=1))
        != png_of(training.figure(trace, image=0))
    )


def test_runs_stand_side_by_side_and_one_network_less_leaves_a_gap():
    runs = [synthetic("mean_teacher"), synthetic("cps"), synthetic("ucmt")]
    picture = training.figure(runs)
    assert [
        name for name in ("Mean Teacher", "CPS", "UCMT") if f"{name} after 600" in picture.alt
    ] == [
        "Mean Teacher",
        "CPS",
        "UCMT",
    ]
    assert len(picture.figure.axes) == 3 * 6 + 3  # a colour scale a row


@pytest.mark.parametrize("method", ["mean_teacher", "ucmt"])
def test_one_run_is_never_wider_than_a_phone_can_show(method):
    width, height = training.figure(synthetic(method)).figure.get_size_inches()
    assert (width, height) == (pytest.approx(3 * 2.4), pytest.approx(2 * 2.6))


def test_a_volume_is_shown_by_the_slice_with_most_truth():
    flat = synthetic()
    depth = np.zeros((2, 3, 32, 32), np.uint8)
    depth[:, 2] = flat.truth
    deep = replace(
        flat,
        truth=depth,
        image=np.repeat(flat.image[:, None], 3, 1),
        uncertainty=np.repeat(flat.uncertainty[:, :, None], 3, 2),
        predictions={n: np.repeat(m[:, :, None], 3, 2) for n, m in flat.predictions.items()},
        ambiguity=None,
    )
    assert training.figure(deep).alt == training.figure(flat).alt


# Uncertainty


def test_kept_pixels_are_counted():
    trace = synthetic()
    entropy, wrong = (
        trace.uncertainty[0, 0].astype(float),
        trace.predictions["teacher"][0, 0] != trace.truth[0],
    )
    share, accuracy, everywhere = uncertainty.kept_share(trace, 0.3, step=100)
    assert share == (entropy <= 0.3).mean() and everywhere == 1 - wrong.mean()
    assert accuracy == pytest.approx(1 - wrong[entropy <= 0.3].mean())
    text = uncertainty.figure(trace, step=100, threshold=0.3).alt
    assert (
        f"{100 * share:.1f} % of the pixels have at most 0.30 nats" in text
        and f"{100 * accuracy:.1f} % of their" in text
    )


def test_risk_and_coverage_against_counting():
    random = np.random.default_rng(0)
    entropy, wrong, levels = (
        random.random((9, 9)),
        random.random((9, 9)) < 0.3,
        np.linspace(0, 1, 7),
    )
    coverage, risk = uncertainty.risk_coverage(entropy, wrong, levels)
    for level, share, error in zip(levels, coverage, risk, strict=True):
        kept = entropy <= level
        assert share == kept.mean() and (
            not kept.any() or error == pytest.approx(wrong[kept].mean())
        )
    assert np.isnan(risk[0]) and risk[-1] == pytest.approx(wrong.mean())


def test_the_area_under_the_risk_is_the_mean_risk_of_all_coverages():
    random = np.random.default_rng(0)
    doubt, wrong = random.normal(size=(30, 40)), random.random((30, 40)) < 0.2
    levels = np.sort(doubt, axis=None)
    _, risk = uncertainty.risk_coverage(doubt, wrong, levels)
    assert area_under_risk(doubt, wrong) == pytest.approx(risk.mean())
    assert area_under_risk(np.zeros((30, 40)), wrong) == pytest.approx(wrong.mean())
    best = area_under_risk(wrong, wrong)
    assert best < area_under_risk(wrong + 0.5 * doubt, wrong) < wrong.mean()


def test_pixels_of_equal_doubt_come_in_no_order():
    random = np.random.default_rng(0)
    doubt, wrong = random.integers(0, 3, 300), random.random(300) < 0.3
    shuffled = [area_under_risk(doubt + random.uniform(0, 0.5, 300), wrong) for _ in range(400)]
    assert area_under_risk(doubt, wrong) == pytest.approx(np.mean(shuffled), abs=0.005)


def test_calibration_of_someone_who_knows_the_ambiguity_is_the_ideal_line():
    ambiguity = np.linspace(0, 1, 5001)
    means = uncertainty.calibration(uncertainty.entropy_of(ambiguity), ambiguity)
    assert np.allclose(means, uncertainty.entropy_of((np.arange(10) + 0.5) / 10), atol=0.02)
    assert uncertainty.entropy_of(np.array([0.5]))[0] == pytest.approx(
        -0.25 * np.log(0.25) - 0.75 * np.log(0.75)
    )


# EMA


def test_the_explorer_follows_the_rule_of_ema_update():
    import torch
    from torch import nn

    from ucmt_lite.core.ema import ema_update

    paths = ema.simulate(0.9, (0.7, 0.3), steps=40)
    teacher, students = nn.Linear(2, 1, bias=False), [nn.Linear(2, 1, bias=False) for _ in range(2)]
    for step in range(40):
        for name, net in zip(("student1", "student2"), students, strict=True):
            net.weight.data = torch.tensor(paths.weights[name][step + 1][None], dtype=torch.float64)
        teacher.double()
        ema_update(teacher, students, 0.9, step, (0.7, 0.3))
        assert np.allclose(teacher.weight.detach().numpy()[0], paths.weights["teacher"][step + 1])


def test_equal_shares_collapse_only_between_valleys():
    apart, together = (
        ema.simulate(share=(0.5, 0.5)),
        ema.simulate(share=(0.5, 0.5), same_valley=True),
    )
    alone = ema.simulate(share=(0.99, 0.01))
    losses = [ema.last_losses(paths) for paths in (apart, together, alone)]
    assert (
        losses[0]["teacher"] > 0.5 > 10 * losses[2]["teacher"]
        and losses[1]["teacher"] < losses[1]["student2"]
    )
    assert "worse than every student" in ema.figure(share=(0.5, 0.5)).alt
    assert "better than its students" in ema.figure(share=(1.0,)).alt


# Compare


def test_compare_tells_where_every_curve_ends():
    runs = [synthetic(method, seed=seed) for method in ("cps", "ucmt") for seed in range(3)]
    picture = compare.figure(runs)
    mean = np.mean([run.curves["dice"][-1] for run in runs if run.method == "ucmt"])
    assert (
        "dice ends at CPS" in picture.alt
        and f"UCMT {mean:.3f}" in picture.alt
        and "3 runs a line" in picture.alt
    )
    assert compare.figure({"CPS": runs[:3], "UCMT": runs[3:]}).alt == picture.alt


def test_two_settings_of_one_method_do_not_look_alike():
    runs = {
        "UMIX": [synthetic("ucmt")],
        "CutMix": [synthetic("ucmt", seed=1)],
        "noise": [synthetic("ucmt", seed=2)],
    }
    looks = compare.looks(runs)
    assert len(set(looks)) == 3 and look_of("ucmt") not in looks


def test_a_method_keeps_its_look_beside_a_control_of_its_own():
    """In the order of a lesson: the control comes first and is a run of the method, weight 0."""
    runs = {"strangers": [synthetic("cpc")], "CPC": [synthetic("cpc")], "CPS": [synthetic("cps")]}
    strangers, cpc, cps = compare.looks(runs)
    assert (cpc, cps) == (look_of("cpc"), look_of("cps"))
    assert strangers not in (cpc, cps)
    assert compare.looks({"eager": [synthetic("cps")]}) == [look_of("cps")]


# Volume, annotate, monitor


def ball(shift=0):
    z, y, x = np.mgrid[:12, :16, :20]
    return ((z - 6) ** 2 + (y - 8) ** 2 + (x - 9 - shift) ** 2 <= 16).astype(np.uint8)


def test_a_volume_is_cut_through_the_middle_of_its_first_mask():
    masks = {"truth": ball(), "teacher": ball(2)}
    picture = volume.figure(ball() * 200, masks, ball(1) * 0.5)
    assert "12 x 16 x 20 voxels" in picture.alt and "through (6, 8, 9)" in picture.alt
    assert (
        f"Dice {overlap(masks['teacher'], masks['truth']):.2f}" in picture.alt
        and "0.500 at that point" in picture.alt
    )
    assert png_of(picture) != png_of(
        volume.figure(ball() * 200, masks, ball(1) * 0.5, point=(2, 8, 9))
    )


def test_a_drawing_is_compared_with_the_expert():
    image, truth, drawn = np.zeros((1, 32, 32), np.uint8), disc(32, 16, 16, 8), disc(32, 16, 18, 8)
    text = annotate.figure(image, truth, drawn, 90).alt
    assert (
        "drawn in 1.5 minutes" in text
        and f"Dice {overlap(drawn, truth):.2f}" in text
        and "2.5 hours" in text
    )


def test_the_monitor_tells_the_last_values():
    trace = synthetic()
    trace.curves["loss/sup"] = trace.curves["dice"]
    dice = trace.curves["dice/student1"][-1]
    assert (
        f"UCMT after 600 iterations: Dice on the probe images student 1 {dice:.3f}"
        in monitor.figure(trace).alt
    )
    # Charts, and two tiles per image.
    assert monitor.monitor_html(trace).count("<svg viewBox") == 3 + 4


@pytest.mark.parametrize(
    "kept", [("dice",), ("disagreement",), ("dice/teacher", "uncertainty"), ()]
)
def test_the_monitor_shows_a_trace_that_lacks_curves_by_those_it_has(kept):
    whole = synthetic()
    trace = replace(whole, curves={name: whole.curves[name] for name in kept})
    text = monitor.figure(trace).alt
    assert text.startswith("UCMT after 600 iterations: ")
    assert ("disagreement" in text) == ("disagreement" in kept)
    assert ("teacher" in text) == ("dice/teacher" in kept) and ("nats" in text) == (len(kept) == 2)
    assert ("none of the curves" in text) == (kept in ((), ("dice",)))
    assert monitor.monitor_html(trace).count("<svg viewBox") == 3 + 4


# Bad input


def no_maps(trace):
    return replace(trace, map_step=np.zeros(0, int))


WRONG = [
    (lambda: training.figure("heart_ucmt"), "this is a str: open one with"),
    (lambda: training.figure([]), "nothing to show"),
    (lambda: training.figure(replace(synthetic(), step=np.zeros(0))), "trace is empty"),
    (lambda: training.figure(no_maps(synthetic())), "no maps, only curves"),
    (lambda: training.figure(replace(synthetic(), uncertainty=None)), "no uncertainty maps"),
    (
        lambda: training.figure(replace(synthetic(), truth=synthetic().truth[:, :16])),
        r"'truth' have shape \(2, 16, 32\), the images \(2, 32, 32\)",
    ),
    (
        lambda: training.figure(
            replace(synthetic(), predictions={"teacher": synthetic().predictions["teacher"]})
        ),
        "no maps of 'student1'",
    ),
    (lambda: training.figure(synthetic(), image=7), "image=7: this trace holds 2 probe images"),
    (
        lambda: training.widget([synthetic("cps"), synthetic(size=16)]),
        "CPS and UCMT watched different images",
    ),
    (lambda: uncertainty.figure(synthetic(), threshold=2), "threshold=2: choose 0 to 0.693"),
    (lambda: ema.figure(1.5), "decay=1.5"),
    (lambda: ema.figure(share=(0.5, 0.6)), "share=.* sum to 1"),
    (lambda: compare.figure([]), "nothing to compare"),
    (lambda: compare.figure([synthetic()], ["dise"]), "has no curve 'dise'"),
    (lambda: compare.figure([synthetic(), synthetic(frames=3)]), "recorded at different steps"),
    (lambda: volume.figure(np.zeros((4, 4))), r"three axes, this array has shape \(4, 4\)"),
    (
        lambda: volume.figure(np.zeros((4, 4, 4)), {"truth": np.zeros((4, 4, 5))}),
        r"'truth' has shape \(4, 4, 5\)",
    ),
    (lambda: volume.figure(np.zeros((4, 4, 4)), point=(0, 0, 4)), "lies outside"),
    (lambda: annotate.figure(np.zeros((5, 32, 32))), "this is float64 of shape"),
    (
        lambda: annotate.widget(np.zeros((32, 32), np.uint8), np.zeros((16, 16))),
        r"mask has shape \(16, 16\), the image \(32, 32\)",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_wrong_input_is_told_in_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        call()
    assert "\n" not in str(error.value)


def test_a_recorded_file_makes_the_same_picture(tmp_path):
    synthetic().save(tmp_path / "run.npz")
    assert (
        training.figure(traces.load_trace(tmp_path / "run.npz")).png()
        == training.figure(synthetic()).png()
    )


def test_a_black_and_white_expert_is_scored_like_one_in_classes():
    image, truth = np.zeros((8, 9), np.uint8), np.zeros((8, 9), np.uint8)
    truth[2:5, 2:5] = 255
    assert "Dice 1.00" in annotate.figure(image, truth, truth // 255).alt
    with pytest.raises(InputError, match=r"The mask has shape \(9, 8\), the image \(8, 9\)"):
        annotate.figure(image, truth, truth.T)
