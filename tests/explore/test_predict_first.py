"""A question before an explorer: scores, answers that count, and the page without a kernel."""

import re
from dataclasses import replace

import numpy as np
import pytest
from synthetic import disc, synthetic

from ucmt_lite.common import InputError
from ucmt_lite.explore import compare, ema
from ucmt_lite.explore.answers import Cells, Region, cells_score, region_score
from ucmt_lite.explore.guesses import number_score
from ucmt_lite.explore.predict_first import a_choice, a_number, predict_first, where_they_differ

IMAGE = (disc(32, 16, 16, 8) * 200)[..., None]


@pytest.fixture
def explorer():
    return ema.widget()


@pytest.fixture
def region():
    return Region(IMAGE, disc(32, 16, 16, 8) - disc(32, 16, 16, 6))


@pytest.fixture
def cells():
    return Cells(IMAGE, 4, {5, 9})


def draw(region, mask):
    region.board.drawn = np.asarray(mask, np.uint8).tobytes()


def test_a_region_at_random_places_holds_its_share_of_the_surprise():
    """What the score calls chance is what chance gives."""
    random, surprise = np.random.default_rng(0), disc(64, 32, 40, 9)
    region = np.zeros((64, 64), bool)
    region[:12, :20] = True
    places = [np.roll(region, random.integers(0, 64, 2), (0, 1)) for _ in range(4000)]
    held = np.mean([region_score(place, surprise)[0] for place in places])
    assert region_score(region, surprise)[1] == pytest.approx(held, abs=0.01)


def test_cells_at_random_hit_as_many_as_is_told():
    random, moved = np.random.default_rng(0), {0, 3, 7}
    drawn = [set(random.choice(16, 3, replace=False).tolist()) for _ in range(4000)]
    hits = np.mean([cells_score(chosen, moved, 16)[0] for chosen in drawn])
    assert cells_score({0, 1, 2}, moved, 16) == (1, 9 / 16)
    assert hits == pytest.approx(9 / 16, abs=0.03)


def test_the_explorer_comes_after_an_answer_and_with_its_score(region, explorer):
    asked = predict_first(explorer, region)
    asked.button.click()
    assert explorer not in asked.children and "Draw a region first." in asked.words.value
    draw(region, disc(32, 16, 16, 8))
    asked.button.click()
    assert asked.children[-1] is explorer and asked.button.disabled
    said, share = asked.words.value, 100 * disc(32, 16, 16, 8).mean()
    assert "holds 100 % of the pixels where they disagree" in said
    assert f"at a random place would hold {share:.0f} %" in said


def test_as_many_cells_are_chosen_as_move(cells, explorer):
    asked = predict_first(explorer, cells)
    cells.buttons[5].value = True
    asked.button.click()
    assert "Choose 2 cells; 1 are chosen." in asked.words.value and len(asked.children) == 4
    cells.buttons[6].value = True
    asked.button.click()
    assert "1 of your 2 cells move; cells drawn at random would hit 0.2" in asked.words.value


def test_without_a_kernel_answer_and_explorer_are_folded_below_the_question(cells, explorer):
    data, metadata = predict_first(explorer, cells, "Which <two>?")._repr_mimebundle_()
    question, folded = data["text/html"].split("<details>")
    assert "Which &lt;two&gt;?" in question and question.count("<img") == 1
    assert "The cells that move, row/column from the top left: 2/2, 3/2." in folded
    assert "2/2" not in question and folded.count("<img") == 2
    assert f'alt="{explorer.picture().alt}"' in folded
    assert data["text/plain"] == "Which <two>?" and data["image/png"] in question
    pictures = re.findall('base64,([^"]+)', data["text/html"])
    assert pictures[0] != pictures[1], "the picture of the question must not give the answer"


def test_every_cell_says_where_it_is(cells):
    assert [button.tooltip for button in cells.buttons][5] == "row 2, column 2"


def test_the_region_of_a_run_is_where_its_networks_differ():
    trace = synthetic("ucmt")
    region = where_they_differ(trace, image=1, step=trace.map_step[0])
    a, b = (trace.predictions[name][0, 1] for name in trace.branches)
    assert np.array_equal(region.surprise, a != b)


def test_a_ring_is_told_by_where_it_lies_and_not_by_its_empty_middle():
    ring = disc(128, 64, 64, 32) - disc(128, 64, 64, 28)
    told = Region((disc(128, 64, 64, 32) * 200)[..., None], ring).revealed().alt
    (low, high), (left, right) = re.findall(r"(\d+) to (\d+) %", told)
    rows = 100 * (np.nonzero(ring)[0] + 0.5) / 128
    assert np.mean((int(low) < rows) & (rows < int(high))) == pytest.approx(0.9, abs=0.05)
    assert (low, high) == (left, right)


def test_numbers_at_random_are_as_far_off_as_is_told():
    drawn = np.random.default_rng(0).uniform(100, 700, 4000)
    off = np.mean([number_score(guess, 250, (100, 700))[0] for guess in drawn])
    assert number_score(400, 250, (100, 700))[0] == 150
    assert number_score(400, 250, (100, 700))[1] == pytest.approx(off, abs=3)


def test_a_number_is_scored_against_the_mean_of_the_runs(explorer):
    answer = a_number("Since when?", [200, 300, 250], (0, 600), "iterations")
    asked = predict_first(explorer, answer)
    asked.button.click()
    assert explorer not in asked.children and "Move the slider first." in asked.words.value
    answer.board.value = 150
    asked.button.click()
    assert asked.children[-1] is explorer
    _, chance = number_score(150, 250, (0, 600))
    assert "You said 150 iterations, which is 100 off;" in asked.words.value
    assert f"from the scale are {chance:.0f} off on average." in asked.words.value
    assert "It is 250 iterations, the mean of 3 runs (200 to 300)," in asked.words.value


def test_a_number_is_written_as_exactly_as_its_scale_allows():
    alts = [a_number("?", 0.0018, (0, high)).revealed().alt for high in (0.1, 1, 100)]
    assert [alt.split(",")[0] for alt in alts] == ["It is 0.0018", "It is 0.002", "It is 0.0"]


def test_a_choice_is_right_or_wrong_and_shows_all_numbers(explorer):
    scores = {"cps": [0.2, 0.4], "ucmt": [0.1, 0.3], "student1": [0.6, 0.5]}
    for pick, right, wrong in ((min, "UCMT", "CPS"), (max, "student 1", "UCMT")):
        answer = a_choice("Whose?", scores, pick, "disagreement at the end")
        asked = predict_first(explorer, answer)
        assert list(answer.board.options) == ["CPS", "UCMT", "student 1"]
        asked.button.click()
        assert explorer not in asked.children and "Choose one first." in asked.words.value
        answer.board.value = right
        assert answer.told() == f"Right, the answer is {right}. By chance one guess in 3 is right."
        answer.board.value = wrong
        asked.button.click()
        assert f"You chose {wrong}, the answer is {right}." in asked.words.value
        assert asked.children[-1] is explorer
    order = "student 1 0.55, CPS 0.3 and UCMT 0.2"
    assert answer.revealed().alt == f"The answer is student 1. Disagreement at the end: {order}."


@pytest.mark.parametrize(
    "answer",
    [
        a_number("How many?", 37, (0, 60), "iterations"),
        a_choice("Who?", {"a": 0.37, "b": 0.2}, max, "Dice"),
    ],
)
def test_a_question_without_an_image_does_not_give_its_answer(answer, explorer):
    data, _ = predict_first(explorer, answer)._repr_mimebundle_()
    question, folded = data["text/html"].split("<details>")
    assert "37" in folded and "37" not in re.sub('base64,[^"]+', "", question)
    pictures = re.findall('base64,([^"]+)', data["text/html"])
    assert pictures[0] != pictures[1] and len(pictures) == 3
    assert f'alt="{answer.question}"' in question


def test_a_plot_is_shown_as_the_output_of_a_widget():
    plot = compare.widget([synthetic("cps"), synthetic("ucmt")])
    answer = a_choice(
        "Who?", compare.values_at([synthetic("cps"), synthetic("ucmt")], "dice"), max, ""
    )
    asked = predict_first(plot, answer)
    answer.board.value = "CPS"
    asked.button.click()
    shown = asked.children[-1].outputs[0]["data"]
    assert "application/vnd.plotly.v1+json" in shown and shown["text/plain"] == plot.picture().alt


def test_what_is_asked_of_curves_is_read_from_them():
    runs = [synthetic("ucmt", seed=seed) for seed in range(2)]
    curves = [run.curves["disagreement"] for run in runs]
    assert compare.values_at(runs, "disagreement")["UCMT"].tolist() == [c[-1] for c in curves]
    at_100 = runs[0].step.tolist().index(100)
    assert compare.values_at(runs, "disagreement", 101)["UCMT"].tolist() == [
        c[at_100] for c in curves
    ]
    first = [int(run.step[c <= 0.1][0]) for run, c in zip(runs, curves, strict=True)]
    assert compare.settled(runs, "disagreement", 0.1)["UCMT"].tolist() == first
    assert compare.settled(runs, "disagreement", 1)["UCMT"].tolist() == [20, 20]


def test_a_curve_that_rises_once_more_had_not_settled():
    run = synthetic("ucmt")
    curve = np.where(run.step == 400, 0.5, np.where(run.step < 100, 0.4, 0.05))
    run = replace(run, curves={"disagreement": curve})
    assert compare.settled([run], "disagreement", 0.1)["UCMT"].tolist() == [420]
    with pytest.raises(InputError, match="A run of 'UCMT' ends above 0.01, its disagreement at"):
        compare.settled([run], "disagreement", 0.01)


def test_what_cannot_surprise_is_refused():
    with pytest.raises(InputError, match="nothing to predict"):
        Region(IMAGE, np.zeros((32, 32)))
    with pytest.raises(InputError, match="No cell moves"):
        Cells(IMAGE, 4, set())
    for truth in (7, [], [0.5, np.nan]):
        with pytest.raises(InputError, match="The scale from 0 to 1 does not hold"):
            a_number("?", truth, (0, 1))
    for scores in ({"a": 1.0, "b": 1.0}, {"a": np.nan, "b": np.nan}):
        with pytest.raises(InputError, match="nothing to choose between"):
            a_choice("?", scores, max, "Dice")
