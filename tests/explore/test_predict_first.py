"""A question before an explorer: scores, answers that count, and the page without a kernel."""

import re

import ipywidgets as W
import numpy as np
import pytest
from synthetic import disc, synthetic

from ucmt_lite.common import InputError
from ucmt_lite.explore.predict_first import (
    Cells,
    Region,
    cells_score,
    predict_first,
    region_score,
    where_they_differ,
)

IMAGE = (disc(32, 16, 16, 8) * 200)[..., None]


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


def test_the_explorer_comes_after_an_answer_and_with_its_score(region):
    explorer = W.IntSlider()
    asked = predict_first(explorer, region)
    asked.button.click()
    assert explorer not in asked.children and "Draw a region first." in asked.words.value
    draw(region, disc(32, 16, 16, 8))
    asked.button.click()
    assert asked.children[-1] is explorer and asked.button.disabled
    said, share = asked.words.value, 100 * disc(32, 16, 16, 8).mean()
    assert "holds 100 % of the pixels where they disagree" in said
    assert f"at a random place would hold {share:.0f} %" in said


def test_as_many_cells_are_chosen_as_move(cells):
    asked = predict_first(W.IntSlider(), cells)
    cells.buttons[5].value = True
    asked.button.click()
    assert "Choose 2 cells; 1 are chosen." in asked.words.value and len(asked.children) == 4
    cells.buttons[6].value = True
    asked.button.click()
    assert "1 of your 2 cells move; cells drawn at random would hit 0.2" in asked.words.value


def test_without_a_kernel_the_answer_is_folded_below_the_question(cells):
    data, metadata = predict_first(W.IntSlider(), cells, "Which <two>?")._repr_mimebundle_()
    question, folded = data["text/html"].split("<details>")
    assert "Which &lt;two&gt;?" in question and question.count("<img") == 1
    assert "The cells that move, row/column from the top left: 2/2, 3/2." in folded
    assert "2/2" not in question and folded.count("<img") == 1
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


def test_what_cannot_surprise_is_refused():
    with pytest.raises(InputError, match="nothing to predict"):
        Region(IMAGE, np.zeros((32, 32)))
    with pytest.raises(InputError, match="No cell moves"):
        Cells(IMAGE, 4, set())
