"""The page's mixes are the kit's: the same cells move, on a thousand maps, ties included."""

import base64
import json

import numpy as np
import pytest
import torch
from browser import chromium_page, needs_chromium

from ucmt_lite.common import InputError
from ucmt_lite.core.mixing import check_top_k, gather_cells, rank_cells, umix_source
from ucmt_lite.core.uncertainty import entropy_of_mean
from ucmt_lite.explore.draw.picture import overlap
from ucmt_lite.explore.draw.viewer import FOLDER

pytestmark = needs_chromium
MODULES = ("mixing", "uncertainty")
SIDES = (24, 32)  # one is no power of two: its cells' means are rounded


@pytest.fixture(scope="module")
def page():
    with chromium_page() as page:
        for name in MODULES:
            source = base64.b64encode((FOLDER / "js" / f"{name}.js").read_bytes()).decode()
            page.evaluate(
                "async ([name, address]) => { window[name] = await import(address); }",
                [name, f"data:text/javascript;base64,{source}"],
            )
        yield page
        assert page.faults == []


def random_maps(count, seed):
    """Maps of every kind: continuous ones, ones of few levels with many ties, flat ones."""
    generator = torch.Generator().manual_seed(seed)
    for i in range(count):
        u = torch.rand(1, 1, *SIDES, generator=generator)
        levels = (0, 4096, 2, 1)[i % 4]
        yield (u * levels).floor() / levels if levels else u


def test_a_thousand_maps_move_the_same_cells(page):
    both = zip(random_maps(1000, 0), random_maps(1000, 1), strict=True)
    settings = [(8, 4), (4, 2), (2, 1), (8, 0), (8, 32)]
    questions, expected = [], []
    for i, (u1, u2) in enumerate(both):
        grid, top_k = settings[i % len(settings)]
        questions.append([u1.ravel().tolist(), u2.ravel().tolist(), grid, top_k])
        expected.append(umix_source(u1, u2, top_k, grid)[0].tolist())
    answers = page.evaluate(
        """([questions, [height, width]]) => JSON.parse(questions).map(([u1, u2, grid, topK]) => {
          const rank = u => mixing.rankCells(Float32Array.from(u), { height, width }, grid);
          return [...mixing.umixSource(rank(u1), rank(u2), topK)];
        })""",
        [json.dumps(questions), SIDES],  # one text: a million numbers take minutes
    )
    assert answers == expected
    assert sum(source != list(range(len(source))) for source in expected) > 700, "cells moved"


def test_images_and_masks_move_alike(page):
    u = torch.rand(1, 1, *SIDES, generator=torch.Generator().manual_seed(2))
    source = rank_cells(u, 8)  # every cell from another
    image = torch.arange(3 * 24 * 32).view(1, 3, *SIDES) % 251
    answers = page.evaluate(
        """([image, source, [height, width]]) => [3, 1].map(channels => {
          const pixels = Uint8Array.from(image).subarray(0, channels * height * width);
          return [...mixing.gatherCells(pixels, Int32Array.from(source), { height, width }, 8)];
        })""",
        [image.ravel().tolist(), source[0].tolist(), SIDES],
    )
    assert answers[0] == gather_cells(image, source, 8).ravel().tolist()
    assert answers[1] == gather_cells(image[:, 0], source, 8).ravel().tolist()


def test_what_does_not_fit_is_told_in_the_same_words(page):
    tell = "([height, width, grid, topK]) => mixing.misfit({ height, width }, grid, topK)"
    for grid, top_k in ((7, 2), (8, 33), (2, -1)):
        with pytest.raises(InputError) as mistake:
            check_top_k(top_k, grid**2)
            rank_cells(torch.zeros(1, 1, *SIDES), grid)
        assert page.evaluate(tell, [*SIDES, grid, top_k]) == str(mistake.value)
    assert page.evaluate(tell, [*SIDES, 8, 32]) == ""


def test_cutmix_and_noise_draw_alike_at_every_call(page):
    cells, again, other = page.evaluate(
        "() => [0, 0, 1].map(seed => [...mixing.cutmixSource(64, 4, mixing.seeded(seed))])"
    )
    moved = np.flatnonzero(np.array(cells) != np.arange(64))
    assert cells == again and cells != other and 4 <= len(moved) <= 8
    noise = page.evaluate("() => [...mixing.addNoise(new Float32Array(20000), mixing.seeded(0))]")
    assert np.abs(noise).max() == pytest.approx(0.2) and abs(np.mean(noise)) < 0.005
    clipped = np.clip(np.random.default_rng(0).normal(0, 0.1, 20000), -0.2, 0.2)
    assert np.std(noise) == pytest.approx(clipped.std(), abs=0.003)


def test_maps_masks_and_scores_are_the_kits(page):
    generator = torch.Generator().manual_seed(3)
    # Some sure enough that float32 rounds their probabilities to 0 and 1.
    logits = torch.randn(2, 1, 4, *SIDES, generator=generator) * 20
    probs = logits.softmax(2)
    entropy, mask, scores = page.evaluate(
        """([one, other, pixels]) => {
          const [p, q] = [one, other].map(values => Float32Array.from(values));
          const masks = [p, q].map(values => uncertainty.decided(values, pixels));
          const scores = [2, 4, 6].map(classes => uncertainty.overlap(...masks, classes));
          return [[...uncertainty.entropyOfMean(p, q, pixels)], [...masks[0]], scores];
        }""",
        [probs[0].ravel().tolist(), probs[1].ravel().tolist(), SIDES[0] * SIDES[1]],
    )
    expected = entropy_of_mean(*logits).ravel().numpy()
    assert np.abs(entropy - expected).max() < 1e-6
    masks = probs[:, 0].argmax(1).numpy()
    assert mask == masks[0].ravel().tolist()
    assert scores == pytest.approx([overlap(*masks, classes) for classes in (2, 4, 6)])
