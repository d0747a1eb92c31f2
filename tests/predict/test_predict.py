"""Prediction: any size, any window, the mode given back; networks in files; wrong input."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from ucmt_lite import predict
from ucmt_lite.common import InputError
from ucmt_lite.data import Cases
from ucmt_lite.data.preparation import Preparation
from ucmt_lite.nets import make
from ucmt_lite.predict import metrics
from ucmt_lite.predict.reading import read_volume

RNG = np.random.default_rng(0)
NAMES = ["background", "lesion", "other"]


class Pointwise(nn.Module):
    """A network that looks at one pixel at a time: neither windows nor margins may change it."""

    stride = 8

    def __init__(self, in_channels=1, classes=3, dims=2):
        super().__init__()
        torch.manual_seed(0)
        self.conv = (nn.Conv2d if dims == 2 else nn.Conv3d)(in_channels, classes, 1)
        nn.init.normal_(self.conv.weight)
        self.sides = []

    def forward(self, x):
        self.sides.append(tuple(x.shape[2:]))
        assert all(side % self.stride == 0 for side in x.shape[2:]), (
            "a side that the stride does not divide"
        )
        return self.conv(x)


def picture(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def by_hand(net, image):
    """What a pointwise network says, without any of the code under test."""
    with torch.no_grad():
        return net.conv(torch.from_numpy(image)[None].float() / 127.5 - 1).softmax(1)[0].numpy()


class Counting(Pointwise):
    """Notes how many images come at once."""

    def forward(self, x):
        self.sides.append(len(x))
        return self.conv(x)


@pytest.mark.parametrize(
    ("sides", "patch", "together"),
    [((16, 16, 16), None, 2), ((72, 16, 16), (16, 16, 16), 2), ((72, 72, 72), None, 1)],
)
def test_a_small_volume_never_goes_alone_which_would_be_slow(sides, patch, together):
    net = Counting(dims=3)
    volume = picture(1, *sides)
    probs = predict.probabilities(net, volume, patch=patch, overlap=0)
    np.testing.assert_allclose(probs, by_hand(net, volume), atol=1e-5)
    assert min(net.sides) == together


def card(**changes):
    return {
        "network": "unet_small",
        "in_channels": 1,
        "classes": NAMES,
        "dims": 2,
        "norm": "instance",
        "size": 32,
    } | changes


def net_and_file(folder, name="net.safetensors", **changes):
    about = card(**changes)
    torch.manual_seed(1)
    net = make(about["network"], about["in_channels"], len(about["classes"]), about["dims"])
    # Batch norm has seen something.
    net(torch.randn(2, about["in_channels"], *[32] * about["dims"]))
    predict.save_segmenter(net.eval(), folder / name, about)
    return net, folder / name


@pytest.mark.parametrize("sides", [(16, 24), (17, 23), (3, 1), (8, 41)], ids=str)
def test_padding_changes_nothing_for_a_pointwise_net(sides):
    net = Pointwise()
    image = picture(1, *sides)
    probs = predict.probabilities(net, image)
    assert probs.dtype == np.float32 and probs.shape == (3, *sides)
    np.testing.assert_allclose(probs, by_hand(net, image), atol=1e-6)


@pytest.mark.parametrize(
    ("sides", "patch"),
    [
        ((40, 37), 16),
        ((40, 37), (24, 8)),
        ((9, 50), 16),
        ((20, 9, 17), 8),
        ((20, 9, 17), (16, 8, 24)),
    ],
    ids=str,
)
def test_windows_give_what_the_whole_image_gives_for_a_pointwise_net(sides, patch):
    net = Pointwise(dims=len(sides))
    image = picture(1, *sides)
    probs = predict.probabilities(net, image, patch=patch, overlap=0.5)
    window = (patch,) * len(sides) if isinstance(patch, int) else patch
    assert set(net.sides) == {window} and len(net.sides) >= 1
    np.testing.assert_allclose(probs, by_hand(net, image), atol=1e-6)


def test_the_margin_mirrors_the_image():
    seen = []
    net = Pointwise()
    net.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    image = np.arange(5, dtype=np.float32)[None, None]
    predict.probabilities(net, image)
    assert seen[0][0, 0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]


def test_segment_is_the_most_probable_class():
    net = Pointwise()
    image = picture(1, 20, 20)
    mask = predict.segment(net, image)
    assert mask.dtype == np.uint8 and len(np.unique(mask)) > 1
    np.testing.assert_array_equal(mask, by_hand(net, image).argmax(0))


def test_every_part_gets_its_mode_back_and_nothing_is_learned():
    net = make("unet_small", in_channels=1, classes=2, norm="batch").train()
    frozen = next(part for part in net.modules() if isinstance(part, nn.BatchNorm2d)).eval()
    modes = [part.training for part in net.modules()]
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    image = torch.randn(1, 16, 16)
    first, second = predict.probabilities(net, image), predict.probabilities(net, image)
    np.testing.assert_array_equal(first, second)
    assert [part.training for part in net.modules()] == modes and not frozen.training
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    np.testing.assert_array_equal(predict.probabilities(net.eval(), image), first)


def test_the_mode_comes_back_after_an_error_too():
    net = make("unet_small", in_channels=1, classes=2).train()
    with pytest.raises(InputError, match="takes 1 channel, the image has 3"):
        predict.probabilities(net, picture(3, 16, 16))
    assert net.training and torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


@pytest.fixture
def cases():
    """Five cases of three sizes, mixed; their truths are near what the pointwise network says."""
    net = Pointwise()
    sides = [(16, 16), (24, 8), (16, 16), (13, 9), (16, 16)]
    images = [picture(1, *shape) for shape in sides]
    masks = [np.roll(by_hand(net, image).argmax(0).astype(np.uint8), 1, axis=0) for image in images]
    masks[3][:] = 0
    return Cases(tuple("abcde"), tuple("abcde"), images, masks, ((2.0, 1.0),) * 5)


@pytest.mark.parametrize("batch", [1, 2, 16])
def test_evaluate_equals_scoring_each_case_by_hand(cases, batch):
    net = Pointwise()
    result = predict.evaluate(net, cases, batch=batch)
    assert [row["id"] for row in result["cases"]] == list("abcde") and result["unit"] == "mm"
    expected = [
        metrics.scores(by_hand(net, image).argmax(0), mask, 3, (2.0, 1.0))
        for image, mask in zip(cases.images, cases.masks, strict=True)
    ]
    for row, scores in zip(result["cases"], expected, strict=True):
        for name, values in scores.items():
            assert row[name] == pytest.approx(values, nan_ok=True), name
    dice = np.array([scores["dice"] for scores in expected])
    assert result["mean"]["dice_per_class"] == pytest.approx(dice.mean(0))
    assert result["mean"]["dice"] == pytest.approx(dice.mean())
    assert result["mean"]["hd95"] == pytest.approx(
        np.nanmean([s["hd95"] for s in expected], axis=0).mean()
    )
    assert (
        result["mean"]["undefined"]
        == sum(np.isnan(scores["hd95"]).any() for scores in expected)
        >= 1
    )


def test_evaluate_batches_images_of_the_same_size(cases):
    sizes = []
    net = Pointwise()
    net.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    predict.evaluate(net, cases, distances=False)
    assert sorted(sizes) == [1, 1, 3]


def test_evaluate_with_windows_equals_whole_images(cases):
    whole = predict.evaluate(Pointwise(), cases, distances=False)
    assert predict.evaluate(Pointwise(), cases, patch=8, distances=False) == whole
    names = {"dice", "jaccard", "dice_present"}
    assert whole["mean"].keys() == names | {f"{name}_per_class" for name in names}


def test_evaluate_never_mixes_millimetres_and_voxels(cases):
    mixed = Cases(
        cases.ids, cases.groups, cases.images, cases.masks, ((2.0, 1.0), None, None, None, None)
    )
    plain = Cases(cases.ids, cases.groups, cases.images, cases.masks, (None,) * 5)
    result = predict.evaluate(Pointwise(), mixed)
    assert result["unit"] == "pixels"
    assert result["mean"]["asd"] == predict.evaluate(Pointwise(), plain)["mean"]["asd"]


def test_evaluate_names_the_case_with_a_wrong_mask(cases):
    cases.masks[2][0, 0] = 255
    with pytest.raises(InputError, match="Case 'c': The truth holds the values 0 to 255"):
        predict.evaluate(Pointwise(), cases, distances=False)


@pytest.mark.parametrize(("dims", "network"), [(2, "unet_small"), (3, "vnet_small")])
def test_a_network_predicts_the_same_bits_after_a_file(tmp_path, dims, network):
    net, path = net_and_file(tmp_path, network=network, dims=dims, size=None)
    image = picture(1, *[32] * dims)
    generator = torch.get_rng_state()
    segmenter = predict.load_segmenter(path)
    assert torch.equal(torch.get_rng_state(), generator), "loading drew from the global generator"
    assert not segmenter.net.training
    np.testing.assert_array_equal(
        predict.probabilities(segmenter.net, image), predict.probabilities(net, image)
    )
    np.testing.assert_array_equal(segmenter.segment(image[0]), predict.segment(net, image))


def test_the_card_comes_back(tmp_path):
    about = {
        "dataset": "phantom_heart",
        "config": {"lr": np.float32(0.5), "betas": (0.9, 0.99), "root": tmp_path},
    }
    _, path = net_and_file(
        tmp_path, **about, scores={"dice": 0.8, "hd95": float("nan"), "n": np.arange(2)}
    )
    back = predict.load_segmenter(path).card
    assert back["config"] == {"lr": 0.5, "betas": [0.9, 0.99], "root": str(tmp_path)}
    assert back["scores"] == {"dice": 0.8, "hd95": None, "n": [0, 1]} and back["classes"] == NAMES
    json.dumps(back, allow_nan=False)


def test_a_picture_is_segmented_at_its_own_size(tmp_path):
    """A pixel-exact file and its array give the same mask.

    Its blocks survive the way to 32 x 32 and back.
    """
    net = Pointwise(in_channels=3)
    segmenter = predict.Segmenter(net, card(in_channels=3))
    blocks = picture(4, 6, 3)
    image = blocks.repeat(16, axis=0).repeat(16, axis=1)
    Image.fromarray(image).save(tmp_path / "image.png")
    mask = segmenter.segment(tmp_path / "image.png")
    assert mask.shape == (64, 96) and mask.dtype == np.uint8 and net.sides == [(32, 32)]
    np.testing.assert_array_equal(
        segmenter.segment(str(tmp_path / "image.png")), segmenter.segment(image)
    )
    centres = by_hand(net, blocks.transpose(2, 0, 1)).argmax(0)
    np.testing.assert_array_equal(mask[8::16, 8::16], centres)


def test_grey_and_colour_are_converted_to_what_the_network_takes():
    grey = picture(20, 30)
    one, three = (
        predict.Segmenter(Pointwise(in_channels=c), card(in_channels=c, size=None)) for c in (1, 3)
    )
    rgb = np.repeat(grey[..., None], 3, axis=2)
    alpha = np.dstack([rgb, np.full_like(grey, 255)])
    for segmenter in (one, three):
        expected = segmenter.segment(grey)
        for image in (rgb, grey[..., None], alpha):
            np.testing.assert_array_equal(segmenter.segment(image), expected)
    np.testing.assert_array_equal(one.segment(grey / 255), one.segment(grey))  # floats in 0..1


def test_volumes_are_standardised_and_windowed(tmp_path):
    seen = []
    net = Pointwise(dims=3)
    net.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    segmenter = predict.Segmenter(net, card(dims=3, size=None, patch=[16, 16, 16], window=[0, 100]))
    volume = RNG.normal(60, 10, (16, 16, 16))
    volume[0, 0, 0] = 5000  # clipped by the window, or it would squeeze everything else
    assert segmenter.segment(volume).shape == (16, 16, 16)
    assert abs(seen[0].mean()) < 1e-2 and abs(seen[0].std() - 1) < 1e-2 and seen[0].max() < 5


@pytest.mark.parametrize("kind", ["npy", "h5", "nii.gz"])
def test_volume_files_give_what_their_array_gives(tmp_path, kind):
    path = tmp_path / f"volume.{kind}"
    volume = RNG.normal(100, 20, (20, 9, 17)).astype(np.float32)
    if kind == "npy":
        np.save(path, volume)
    elif kind == "h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file["image"] = volume
    else:
        nibabel = pytest.importorskip("nibabel", reason="nibabel is optional")
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), path)
    segmenter = predict.Segmenter(Pointwise(dims=3), card(dims=3, size=None, patch=[8, 8, 8]))
    mask = segmenter.segment(path)
    assert mask.shape == volume.shape and len(np.unique(mask)) > 1
    np.testing.assert_array_equal(mask, segmenter.segment(volume))


def broken(folder, fault):
    net, path = net_and_file(folder)
    tensors = net.state_dict()
    header = {"card": json.dumps(card())}
    if fault == "absent":
        path.unlink()
    elif fault == "text":
        path.write_text("not a network")
    elif fault == "cut off":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        header = {
            "no card": {},
            "card is no JSON": {"card": "{"},
            "card is a list": {"card": "[3]"},
            "no dims": {"card": json.dumps({k: v for k, v in card().items() if k != "dims"})},
            "unknown network": {"card": json.dumps(card(network="unet_smal"))},
            "other classes": {"card": json.dumps(card(classes=NAMES[:2]))},
            "classes are a number": {"card": json.dumps(card(classes=3))},
            "other network": {"card": json.dumps(card(network="unet"))},
        }[fault]
        save_file(tensors, path, metadata=header)
    return path


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("absent", "There is no file"),
        ("text", "not a whole safetensors file"),
        ("cut off", "not a whole safetensors file"),
        ("no card", "no card in its header"),
        ("card is no JSON", "no card in its header"),
        ("card is a list", "no card in its header"),
        ("no dims", "'dims' in the card of .* is None: give 2"),
        ("unknown network", "did you mean 'unet_small'"),
        ("other classes", "do not fit the card's network 'unet_small'"),
        ("classes are a number", "'classes' in the card of .* is 3: give a list"),
        ("other network", "do not fit the card's network 'unet'"),
    ],
)
def test_a_file_that_is_no_network_is_refused(tmp_path, fault, message):
    with pytest.raises(InputError, match=message) as error:
        predict.load_segmenter(broken(tmp_path, fault))
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_save_refuses_a_card_that_could_not_be_loaded_and_leaves_the_old_file(tmp_path):
    net, path = net_and_file(tmp_path)
    before = path.read_bytes()
    for wrong in (
        card(classes=NAMES[:2]),
        card(network="nothing"),
        {"network": "unet_small"},
        card(config=object()),
    ):
        with pytest.raises(InputError):
            predict.save_segmenter(net, path, wrong)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    net, path = net_and_file(tmp_path)
    before = path.read_bytes()

    def interrupted(tensors, file, metadata):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("safetensors.torch.save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict.save_segmenter(net, path, card())
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def damaged(folder):
    Image.fromarray(picture(64, 64, 3)).save(folder / "cut.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:2000])
    return folder / "cut.png"


def flat(**changes):
    return predict.Segmenter(Pointwise(dims=changes.get("dims", 2)), card(**changes))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda _: predict.segment(Pointwise(), np.full((1, 8, 8), np.nan)), "NaN or infinite"),
        (lambda _: predict.segment(Pointwise(), picture(8, 8)), r"\(8, 8\): give C H W"),
        (lambda _: predict.segment(Pointwise(), np.zeros((1, 8, 8), int)), "int64 numbers"),
        (
            lambda _: predict.segment(make("unet_small", 1, 2, 2), picture(1, 8, 8, 8)),
            "takes 2D images",
        ),
        (
            lambda _: predict.segment(Pointwise(), picture(1, 8, 8), patch=12),
            "patch=12 does not fit",
        ),
        (lambda _: predict.segment(Pointwise(), picture(1, 8, 8), patch=(8, 8, 8)), "give 2 sides"),
        (
            lambda _: predict.segment(Pointwise(), picture(1, 8, 8), patch=8, overlap=1.0),
            "overlap=1.0",
        ),
        (lambda _: predict.evaluate(Pointwise(), Cases((), (), [], [], ())), "no cases"),
        (lambda _: flat().segment(picture(8, 8, 7)), r"\(8, 8, 7\): the network takes 2D images"),
        (lambda _: flat().segment(np.full((8, 8), np.nan)), "NaN or infinite"),
        (lambda _: flat(dims=3).segment(picture(8, 8)), "takes 3D volumes"),
        (lambda _: flat(dims=3).segment(np.full((8, 8, 8), np.inf)), "NaN or infinite"),
        (lambda folder: flat().segment(folder / "absent.png"), "There is no image"),
        (lambda folder: flat().segment(folder), "no kind of image|There is no image"),
        (lambda folder: flat().segment(damaged(folder)), "cut.png' cannot be read"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(tmp_path, call, message):
    with pytest.raises(InputError, match=message) as error:
        call(tmp_path)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_real_pictures_keep_their_size(real_data, tmp_path):
    _, path = net_and_file(tmp_path, in_channels=3)
    segmenter = predict.load_segmenter(path)
    for file in sorted((real_data("isic2018_256") / "images").iterdir())[:3]:
        with Image.open(file) as image:
            assert segmenter.segment(file).shape == image.size[::-1]


def test_an_array_of_whole_numbers_is_read_as_the_data_readers_read_it():
    """`eight_bits` leaves integers within 0..255 alone; as floats they would be stretched."""
    from ucmt_lite.predict.reading import read_picture

    grey = np.arange(50, 114, dtype=np.int16).reshape(8, 8)
    np.testing.assert_array_equal(read_picture(grey, "L", None)[0][0], grey)


def test_whole_numbers_are_prepared_as_the_volumes_of_training_were():
    volume = np.arange(200, dtype=np.int16).reshape(5, 5, 8)
    net = Pointwise(dims=3)
    for values in ("bytes", "standardised", "each"):
        preparation = Preparation(values)
        segmenter = predict.Segmenter(net, card(dims=3, preparation=preparation.as_dict()))
        prepared = read_volume(volume, preparation).values[None]
        assert np.array_equal(segmenter.probabilities(volume), predict.probabilities(net, prepared))
    assert read_volume(volume).values.dtype == np.uint8
    standardised = read_volume(volume, Preparation("standardised")).values
    assert standardised.dtype == np.float16 and abs(float(standardised.mean())) < 1e-2
    windowed = read_volume(volume, Preparation("each", window=(0, 200))).values
    assert windowed.dtype == np.float16, "as the reader of NIfTI does"
    with pytest.raises(InputError, match="values from -10 to 189, but the network learned from"):
        read_volume(volume - 10, Preparation("bytes"))


def test_cards_of_earlier_versions_are_read():
    volume = np.arange(200, dtype=np.int16).reshape(5, 5, 8)
    net = Pointwise(dims=3)
    for about, values in (({}, "each"), ({"bytes": True}, "each"), ({"bytes": False}, "kept")):
        segmenter = predict.Segmenter(net, card(dims=3, **about))
        assert segmenter.preparation == Preparation(values)
        assert segmenter.segment(volume).shape == volume.shape
    segmenter = predict.Segmenter(net, card(dims=3, window=[0, 100], bytes=True))
    assert segmenter.preparation == Preparation("kept", window=(0.0, 100.0))
