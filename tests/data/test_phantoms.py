"""The phantoms: a seed draws one sample, masks are valid, ambiguity means what it says."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy.ndimage import distance_transform_edt, grey_dilation, zoom

from ucmt_lite.common import InputError
from ucmt_lite.data.phantoms import PHANTOMS, generate
from ucmt_lite.data.phantoms.card import measure, picture
from ucmt_lite.data.phantoms.shapes import (
    DOUBT,
    ambiguity,
    edge_width,
    ellipsoid,
    field,
    grid,
    paint,
    union,
)

CARDS = Path(__file__).parents[2] / "data_cards"
SMALL = {2: 48, 3: (32, 32, 24)}
every = pytest.mark.parametrize("name", PHANTOMS)


def small(name: str, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    return generate(name, count, SMALL[PHANTOMS[name].dims], seed)


def border(mask: np.ndarray) -> np.ndarray:
    """Return the pixels with another class beside them."""
    beside = np.zeros(mask.shape, bool)
    for axis in range(mask.ndim):
        step = np.diff(mask.astype(int), axis=axis) != 0
        before, after = [[(0, 0)] * mask.ndim for _ in range(2)]
        before[axis] = (0, 1)
        after[axis] = (1, 0)
        beside |= np.pad(step, before) | np.pad(step, after)
    return beside


@every
def test_the_same_seed_draws_the_same_and_more_keeps_the_first(name):
    few, more, other = small(name, 2, 5), small(name, 3, 5), small(name, 2, 6)
    for key in ("image", "mask", "ambiguity"):
        assert (few[key] == more[key][:2]).all()
        assert (few[key] != other[key]).any()
    assert (more["image"][0] != more["image"][1]).mean() > 0.5


@every
def test_arrays_have_the_promised_shapes_types_and_values(name):
    phantom = PHANTOMS[name]
    drawn = small(name, 3)
    shape = drawn["mask"].shape
    assert drawn["image"].shape == shape + ((3,) if phantom.channels == 3 else ())
    assert [drawn[key].dtype.name for key in ("image", "mask", "ambiguity")] == [
        "uint8",
        "uint8",
        "float16",
    ]
    assert drawn["ambiguity"].min() >= 0 and drawn["ambiguity"].max() <= 1
    assert drawn["image"].std() > 10  # neither black nor saturated
    default = generate(name, 1)
    assert default["mask"].shape[1:] == phantom.size


@every
def test_every_sample_shows_every_class(name):
    phantom = PHANTOMS[name]
    for mask in small(name, 40 if phantom.dims == 2 else 6)["mask"]:
        assert np.unique(mask).tolist() == list(range(len(phantom.classes)))


@pytest.mark.parametrize(
    ("name", "size", "shape"),
    [
        ("phantom_heart", 33, (33, 33)),
        ("phantom_skin", (40, 64), (40, 64)),
        ("phantom_skin", np.int64(16), (16, 16)),
        ("phantom_atrium", 24, (24, 24, 24)),
        ("phantom_atrium", (32, 24, 16), (32, 24, 16)),
    ],
)
def test_any_size(name, size, shape):
    assert generate(name, 1, size)["mask"].shape == (1, *shape)
    assert generate(name, 0, size)["image"].shape[:1] == (0,)


@every
def test_sizes_show_the_same_anatomy(name):
    dims = PHANTOMS[name].dims
    side = 48 if dims == 2 else 24
    small_mask, large_mask = (generate(name, 3, n, 1)["mask"] > 0 for n in (side, 2 * side))
    for low, high in zip(small_mask, large_mask, strict=True):
        low = zoom(low.astype(np.uint8), 2, order=0) > 0
        assert 2 * (low & high).sum() / (low.sum() + high.sum()) > 0.85


@every
def test_ambiguity_is_high_on_borders_and_zero_far_away(name):
    drawn = small(name, 12 if PHANTOMS[name].dims == 2 else 3)
    on = []
    far = []
    for mask, doubt in zip(drawn["mask"], drawn["ambiguity"].astype(float), strict=True):
        edge = border(mask)
        on.append(doubt[edge].mean())
        far.append(doubt[distance_transform_edt(~edge) > 0.3 * mask.shape[0]].mean())
    assert np.mean(on) > 0.5
    assert np.mean(far) < 0.02
    assert np.mean(on) > 6 * drawn["ambiguity"].astype(float).mean()


@every
def test_a_veins_cut_or_border_is_where_the_reader_is_undecided(name):
    """The mask is what the likeliest reader draws: ambiguity peaks across every border."""
    drawn = small(name, 4 if PHANTOMS[name].dims == 2 else 2)
    for mask, doubt in zip(drawn["mask"], drawn["ambiguity"].astype(float), strict=True):
        inside = distance_transform_edt(~border(mask))
        assert doubt[inside == 0].mean() > 2 * doubt[(inside >= 2) & (inside < 4)].mean()


def edge(soft: float, noise: float, contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """Image and ambiguity of a disc of radius 0.25 with an edge of width `soft`."""
    y, x = grid((64, 64))
    d = ellipsoid((y - 0.5, x - 0.5), (0.25, 0.25))
    image, p = paint(np.full((64, 64), 0.3), 0.3 + contrast, d, soft, noise)
    return image, ambiguity(p, 1 - p)


def test_a_softer_border_a_fainter_one_and_a_noisier_one_are_more_ambiguous():
    plain = edge(0.01, 0.05, 0.4)[1].mean()
    assert edge(0.03, 0.05, 0.4)[1].mean() > 2 * plain
    assert edge(0.01, 0.05, 0.1)[1].mean() > 1.2 * plain
    assert edge(0.01, 0.20, 0.4)[1].mean() > 1.2 * plain
    assert edge(0.01, 9.0, 0.4)[1].mean() == pytest.approx(
        edge(0.01 * (1 + DOUBT), 1e-9, 0.4)[1].mean(), rel=1e-5
    )


def test_ambiguity_follows_its_equation_and_the_image_its_blur():
    image, doubt = edge(0.02, 0.1, 0.4)
    y, x = grid((64, 64))
    d = 0.25 - np.hypot(y - 0.5, x - 0.5)
    near = np.abs(d) < 0.1
    s = 0.02 * (1 + 0.1 / 0.4)
    # The ambiguity is 1 - |2 sigmoid(z) - 1|.
    assert np.abs(doubt - (1 - np.tanh(np.abs(d) / (2 * s))))[near].max() < 1e-3
    assert np.abs(image - (0.3 + 0.4 / (1 + np.exp(-d / 0.02))))[near].max() < 1e-3


def test_locally_softer_stretches_of_one_border_are_more_ambiguous():
    shape = (96, 96)
    w = edge_width(np.random.default_rng(0), shape, 0.01, 0.8)
    y, x = grid(shape)
    _, p = paint(np.zeros(shape), 1.0, ellipsoid((y - 0.5, x - 0.5), (0.3, 0.3)), w, 0.05)
    ring = np.abs(np.hypot(y - 0.5, x - 0.5) - 0.33) < 0.01
    soft, sharp = ring & (w > np.median(w[ring])), ring & (w <= np.median(w[ring]))
    assert ambiguity(p, 1 - p)[soft].mean() > 3 * ambiguity(p, 1 - p)[sharp].mean()


def test_ambiguity_of_several_classes_is_the_lead_of_the_first_over_the_second():
    chances = [np.array([0.5, 1.0, 0.25]), np.array([0.4, 0.0, 0.25]), np.array([0.1, 0.0, 0.5])]
    assert ambiguity(*chances) == pytest.approx([0.9, 0.0, 0.75])


def test_the_field_is_normal_smooth_and_the_same_at_every_size():
    fields = np.stack([field(np.random.default_rng(i), (32, 48), 5) for i in range(200)])
    assert abs(fields.mean()) < 0.05 and abs(fields.std() - 1) < 0.05
    assert np.abs(np.diff(fields, axis=1)).max() < 1
    coarse, fine = (field(np.random.default_rng(3), (n, n), 5) for n in (32, 96))
    assert np.abs(fine[1::3, 1::3] - coarse).max() < 1e-5


def test_distances_are_signed_and_true_near_the_border():
    y, x = grid((200, 200))
    d = ellipsoid((y - 0.5, x - 0.5), (0.2, 0.3))
    true = (distance_transform_edt(d > 0) - distance_transform_edt(d <= 0)) / 200
    assert np.abs(d - true)[np.abs(true) < 0.03].max() < 0.01
    a, b = np.array([0.3, 0.1, -1.0]), np.array([-0.5, 0.1, 0.2])
    assert union(a, b, 0.04) == pytest.approx([0.3, 0.11, 0.2])


def test_the_heart_is_built_like_a_heart():
    """Myocardium rings the left ventricle, the right one is on the right; both are brighter."""
    for image, mask in zip(
        *(generate("phantom_heart", 12, 96)[key] for key in ("image", "mask")), strict=True
    ):
        shell = grey_dilation(mask == 3, 3) & (mask != 3)
        assert (mask[shell] == 2).mean() > 0.98
        assert np.nonzero(mask == 1)[1].mean() < np.nonzero(mask == 3)[1].mean()
        assert image[mask == 3].mean() > image[mask == 2].mean() < image[mask == 1].mean()


def test_veins_are_seen_further_than_they_are_labeled():
    """Veins run to the sides of the volume; the label ends before, and the reader doubts where."""
    drawn = generate("phantom_atrium", 6)
    assert (drawn["mask"][:, [0, -1]] > 0).mean() < 0.001
    for mask, doubt in zip(drawn["mask"], drawn["ambiguity"].astype(float), strict=True):
        near = distance_transform_edt(~border(mask)) < 2
        # Doubt peaks on the label's own border only.
        assert (doubt > 0.9)[~near].sum() < 0.01 * (doubt > 0.9).sum()


def test_thresholds_do_not_solve_the_heart():
    """The best single range of grey values stays far below a network's Dice.

    Even though the truth itself chooses it.
    """
    drawn = generate("phantom_heart", 30, 64)
    best = []
    for image, mask in zip(drawn["image"], drawn["mask"] == 3, strict=True):
        cuts = [image > level for level in range(20, 250, 10)]
        best.append(max(2 * (cut & mask).sum() / (cut.sum() + mask.sum()) for cut in cuts))
    assert np.mean(best) < 0.55


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("phantom_hart", 1), "did you mean 'phantom_heart'"),
        (("phantom_heart", 1, 8), "at least 16 pixels"),
        (("phantom_heart", 1, (64, 64, 64)), "2 sides"),
        (("phantom_atrium", 1, (64, 64)), "3 sides"),
        (("phantom_skin", 1, 64.5), "size 64.5"),
        (("phantom_skin", -1), "count -1"),
        (("phantom_skin", 1, 64, -3), "seed -3"),
    ],
)
def test_bad_input_is_named(arguments, part):
    with pytest.raises(InputError, match=part):
        generate(*arguments)


@every
def test_the_card_agrees_with_the_phantom(name):
    text = (CARDS / f"{name}.md").read_text()
    head = yaml.safe_load(text.split("---\n")[1])
    phantom = PHANTOMS[name]
    assert (head["name"], head["kind"], head["dims"], head["channels"]) == (
        name,
        "phantom",
        phantom.dims,
        phantom.channels,
    )
    assert head["classes"] == list(phantom.classes)
    assert measure(name, head["count"], head["size"], head["seed"]) == pytest.approx(
        head["foreground_percent"], abs=0.02
    )
    for key in ("median", "mean"):  # the prose says the same as the head
        assert f"{head['foreground_percent'][key]:.2f} %" in text


@every
def test_the_cards_picture_is_there_small_and_the_one_the_package_draws(name, tmp_path):
    committed = CARDS / "pictures" / f"{name}.png"
    assert f"](pictures/{name}.png)" in (CARDS / f"{name}.md").read_text()
    assert committed.stat().st_size < 60_000
    picture(name, tmp_path / "again.png")
    again, there = (
        np.asarray(Image.open(file).convert("RGB"), int)
        for file in (tmp_path / "again.png", committed)
    )
    # Other versions of the libraries may choose other colours.
    assert np.abs(again - there).mean() < 2
