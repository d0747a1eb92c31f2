"""Explorers without a browser: what they send, how their state moves, the picture they leave."""

import base64
import re
import subprocess
import sys
import zlib
from dataclasses import replace

import ipywidgets as W
import numpy as np
import pytest
from synthetic import disc, synthetic

from ucmt_lite.common import InputError
from ucmt_lite.explore import annotate, compare, dashboard, ema, training, uncertainty, volume
from ucmt_lite.explore.draw.stack import MAX_BYTES, Stack, as_level
from ucmt_lite.explore.draw.svg import TOP
from ucmt_lite.explore.draw.tiles import outline
from ucmt_lite.explore.draw.twin import VIEW, WithTwin


def sent(widget, ref, **position):
    """What the browser reads at a position, computed as it does."""
    kind = {"u1": np.uint8, "f4": np.float32}[ref["type"]]
    array = np.frombuffer(zlib.decompress(widget.data), kind, ref["length"], ref["offset"])
    start = sum(ref["strides"].get(name, 0) * index for name, index in position.items())
    return array[start:]


def bundle(widget):
    data, metadata = widget._repr_mimebundle_()
    assert (
        VIEW in data
        and metadata["image/png"]["alt"] == data["text/plain"]
        and len(data["text/plain"]) > 40
        and f'alt="{data["text/plain"]}"' in data["text/html"]
    )
    return base64.b64decode(data["image/png"])


def explorers():
    trace = synthetic()
    cube = np.pad(disc(12, 6, 6, 3)[None], ((3, 3), (0, 0), (0, 0)))
    return {
        "training": training.widget(trace),
        "runs": training.widget([synthetic("mean_teacher"), synthetic("cps"), trace]),
        "uncertainty": uncertainty.widget(trace),
        "ema": ema.widget(),
        "volume": volume.widget(cube * 200, {"truth": cube}, cube * 0.1),
        "annotate": annotate.widget(trace.image[0], trace.truth[0]),
    }


@pytest.mark.parametrize("name", explorers())
def test_every_explorer_leaves_a_picture_and_a_sentence(name):
    assert bundle(explorers()[name]).startswith(b"\x89PNG")


def test_the_stack_holds_what_the_trace_holds():
    trace = synthetic(channels=3)
    widget = training.widget(trace)
    panel, place = widget.spec["panels"][0], {"frame": 3, "item": 1, "y": 10, "x": 5}
    for name, maps in trace.predictions.items():
        assert sent(widget, panel["layers"][name][0], **place)[0] == maps[3, 1, 10, 5]
    assert sent(widget, panel["layers"]["uncertainty"][0], **place)[0] == as_level(
        trace.uncertainty[3, 1, 10, 5], np.log(2)
    )
    assert sent(widget, panel["base"], **place)[:3].tolist() == trace.image[1, 10, 5].tolist()
    assert [r["label"] for r in panel["readouts"]][:3] == [
        "student 1 Dice",
        "student 2 Dice",
        "teacher Dice",
    ]
    differ = sent(widget, panel["readouts"][3]["ref"], **place)[0]
    assert differ == pytest.approx(
        (trace.predictions["student1"][3, 1] != trace.predictions["student2"][3, 1]).mean()
    )
    assert widget.spec["charts"][0]["positions"] == trace.map_step.tolist()


def test_moving_the_state_moves_the_picture():
    widget = training.widget(synthetic())
    last = bundle(widget)
    widget.position = {"frame": 0}
    assert widget.position == {"frame": 0, "item": 0} and bundle(widget) != last
    assert widget.picture().alt == training.figure(synthetic(), step=100).alt
    with pytest.raises(InputError, match="position\\['frame'\\]=6: choose 0 to 5"):
        widget.position = {"frame": 6}
    with pytest.raises(InputError, match="did you mean 'teacher'"):
        widget.shown = ["techer"]


@pytest.mark.parametrize("explorer", [training, uncertainty])
def test_a_recorded_run_starts_at_its_first_step_and_its_picture_shows_the_last(explorer):
    widget = explorer.widget(synthetic())
    assert widget.position["frame"] == 0
    assert "after 600 iterations" in widget.picture().alt
    widget.position = {"item": 1}
    assert "after 100 iterations" in widget.picture().alt, "once moved, what is shown counts"


def test_the_risk_chart_has_the_scale_that_the_later_steps_of_each_image_need():
    trace = synthetic(images=3)
    wrong = {name: maps.copy() for name, maps in trace.predictions.items()}
    wrong["teacher"][:, 2] = 1 - trace.truth[2]  # one image on which all is wrong
    trace = replace(trace, predictions=wrong)
    chart = uncertainty.widget(trace).spec["charts"][0]
    levels = np.linspace(0, np.log(2), uncertainty.LEVELS)
    assert chart["by"] == "item" and len(chart["frames"]) == 3
    for image, frame in enumerate(chart["frames"]):
        entropy, wrong = trace.uncertainty[3:, image], uncertainty.wrong_labels(trace)[3:, image]
        pairs = zip(entropy, wrong, strict=True)
        curves = np.array([uncertainty.risk_coverage(*pair, levels) for pair in pairs])
        coverage, risk = curves[:, 0], curves[:, 1]
        x, y = frame["box"]["x"], frame["box"]["y"]
        assert x[1] == 1 and 0 <= x[0] <= coverage.min() < x[0] + 0.05
        assert y[0] == 0 and np.nanmax(risk) < y[1] < 1.2 * max(0.02, np.nanmax(risk))
    tops = [frame["box"]["y"][1] for frame in chart["frames"]]
    assert tops[2] > 1 > 2 * max(tops[:2]), "one image does not flatten the curves of others"


def test_no_loss_lies_above_the_frame_of_the_ema_picture():
    paths = ema.simulate(0.99, (0.5, 0.5))
    highest = max(values[1:].max() for values in paths.loss.values())
    assert highest > 2, "an even teacher stands where the loss is high"
    assert ema.figure(0.99, (0.5, 0.5)).figure.axes[1].get_ylim()[1] > highest
    board = ema.widget(0.99, (0.5, 0.5)).board.value
    svg = board.partition('aria-label="loss"')[2].partition("</svg>")[0]
    heights = [float(y) for y in re.findall(r"[ML][\d.-]+ ([\d.-]+)", svg)]
    assert min(heights) > TOP


def test_no_chart_is_offered_to_a_server():
    data, _ = compare.widget([synthetic("cps")])._repr_mimebundle_()
    config = data["application/vnd.plotly.v1+json"]["config"]
    assert "sendChartToCloud" in config["modeBarButtonsToRemove"] and not config["displaylogo"]


def test_the_threshold_reads_what_counting_gives():
    trace = synthetic()
    widget = uncertainty.widget(trace, threshold=0.3)
    levels = np.linspace(0, np.log(2), uncertainty.LEVELS)
    widget.position = {"level": 20, "frame": 0}
    kept = uncertainty.kept_share(trace, levels[20], step=100)
    read = [
        sent(widget, item["ref"], **widget.position)[0]
        for item in widget.spec["panels"][0]["readouts"]
    ]
    assert read == pytest.approx(list(kept), abs=1e-6)
    assert f"at most {levels[20]:.2f} nats" in widget.picture().alt


def test_stacks_stay_small_however_much_was_recorded():
    large = synthetic(frames=30, images=3, size=128)
    # Numbers at random do not pack.
    random = np.random.default_rng(0).random(large.uncertainty.shape).astype(np.float16)
    large = type(large)(**{**large.__dict__, "uncertainty": random * np.float16(0.69)})
    widget = training.widget([large, large, large])
    assert len(widget.data) <= MAX_BYTES
    steps = widget.spec["controls"][0]["values"]
    assert len(steps) == 15 and steps[-1] == large.map_step[-1], "every second step, and the last"
    stack = Stack("too much")
    stack.put(np.random.default_rng(0).integers(0, 256, MAX_BYTES + 9).astype(np.uint8), "x")
    with pytest.raises(InputError, match="4 MB are the most"):
        stack.data()


@pytest.mark.parametrize(
    "make",
    [
        lambda: training.widget(synthetic()),
        lambda: uncertainty.widget(synthetic()),
        lambda: annotate.widget(synthetic().image[0], synthetic().truth[0]),
    ],
)
def test_without_anywidget_sliders_take_over(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    widget = make()
    assert isinstance(widget, W.VBox) and bundle(widget).startswith(b"\x89PNG")
    before, slider = widget.image.value, next(iter(widget.sliders.values()))
    slider.value = slider.max if isinstance(slider, W.IntSlider) else slider.options[0][1]
    if widget.image.value == before:  # an ellipse without height is nothing yet
        widget.sliders["height"].value = 10
    assert widget.image.value != before


def test_an_older_ipywidgets_gets_a_picture_too():
    class Old:  # its display method shows the widget alone, and it makes no bundle
        model_id = "abc"

        def _ipython_display_(self):
            raise AssertionError

    class New(WithTwin, Old):
        def picture(self):
            return ema.figure()

    assert New._ipython_display_ is None and bundle(New())


def test_ema_controls_move_the_teacher():
    widget = ema.widget()
    before, picture = widget.board.value, bundle(widget)
    widget.share1.value = 0.5
    assert widget.paths.share == (0.5, 0.5) and "worse than every student" in widget.board.value
    assert widget.board.value != before and bundle(widget) != picture
    whole = widget.board.value
    widget.until.value = 20
    assert widget.paths.share == (0.5, 0.5) and len(widget.board.value) < len(whole)


def test_the_annotation_is_compared_only_when_asked():
    trace = synthetic()
    widget = annotate.widget(trace.image[0], trace.truth[0])
    widget.drawn, widget.seconds = trace.truth[0].tobytes(), 60.0
    assert (
        widget.message == ""
        and widget.expert == b""
        and np.array_equal(widget.mask, trace.truth[0])
    )
    widget.asked = True
    assert "Dice 1.00" in widget.message and widget.expert == trace.truth[0].tobytes()


def test_plotly_is_told_values_bands_and_nothing_of_the_network():
    runs = [synthetic(method, seed=seed) for method in ("cps", "ucmt") for seed in range(2)]
    data, _ = compare.widget(runs)._repr_mimebundle_()
    plot = data["application/vnd.plotly.v1+json"]
    means = [line for line in plot["data"] if line.get("name") == "CPS"]
    assert means[0]["y"][-1] == pytest.approx(
        np.mean([run.curves["disagreement"][-1] for run in runs[:2]]), abs=1e-4
    )
    assert (
        sum(line.get("fill") == "toself" for line in plot["data"]) == 6
        and "%{y:.3f}" in means[0]["hovertemplate"]
    )
    assert (
        base64.b64decode(data["image/jpeg"]).startswith(b"\xff\xd8") and "CPS" in data["text/plain"]
    )
    assert f'alt="{data["text/plain"]}"' in data["text/html"]


def test_outlines_pass_through_the_middles_of_pixel_edges():
    assert outline(disc(5, 2, 2, 1)).count("M") == 1
    ring = disc(9, 4, 4, 3) - disc(9, 4, 4, 1)
    assert outline(ring.astype(bool)).count("M") == 2, "one loop outside, one inside"
    touching = np.array([[1, 0], [0, 1]], bool)
    assert outline(touching).count("M") == 2, "pixels that meet at a corner are two"


def test_the_dashboard_listens_here_only_and_shows_one_run_a_method(tmp_path, monkeypatch):
    runs = [
        synthetic("ucmt"),
        synthetic("cps"),
        synthetic("cps", seed=1),
        synthetic("cmt", size=16),
    ]
    assert [run.method for run in dashboard.side_by_side(runs)] == ["cps", "ucmt"]
    curves = replace(synthetic("ucmt", seed=2), map_step=np.zeros(0, int))
    assert dashboard.side_by_side([*runs, curves])[-1] is runs[0], "runs with maps come first"
    assert dashboard.side_by_side([curves]) == [curves]
    command = dashboard.command(tmp_path, 1234, False)
    assert "--ServerApp.ip=127.0.0.1" in command and not [
        part for part in command if "token" in part
    ]
    monkeypatch.setattr("ucmt_lite.training.traces.RECORDED", tmp_path)
    with pytest.raises(InputError, match="No recorded runs"):
        dashboard.serve()


def test_the_dashboard_says_of_what_it_cannot_show_why():
    curves = replace(synthetic(), map_step=np.zeros(0, int))
    for name in ("training", "uncertainty", "volume"):
        assert "holds no maps" in dashboard.explorer(name, curves).value
    assert (
        "different steps"
        in dashboard.explorer("compare", [curves, replace(curves, step=curves.step + 1)]).value
    )
    assert isinstance(dashboard.explorer("uncertainty", synthetic()), WithTwin)


def test_explorers_of_recorded_runs_do_without_torch():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from synthetic import synthetic; from"
        " ucmt_lite import explore; t = synthetic();[w._repr_mimebundle_() for w in"
        " (explore.training.widget(t), explore.uncertainty.widget(t), explore.compare.widget([t]),"
        " explore.ema.widget())];explore.umix_lab, explore.monitor, explore.volume,"
        " explore.annotate; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(__file__).rpartition("/")[0]], check=True)
