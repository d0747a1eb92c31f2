"""How values are read is decided for the set, and kept so that a single file is prepared alike."""

import json
import struct
import zlib

import h5py
import numpy as np
import pytest
from PIL import Image
from torch import nn

from ucmt_lite import predict
from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load
from ucmt_lite.data.preparation import Preparation, eight_bits, prepare_volume

MASK = np.zeros((16, 16, 8), np.uint8)
MASK[3:9, 3:12, 2:6] = 1


def volumes(root, scales, kind=np.int16):
    """Write one HDF5 volume for each scale; a scale of 1 stays within 0..255."""
    rng = np.random.default_rng(0)
    root.mkdir()
    for i, scale in enumerate(scales):
        values = (60 + 60 * MASK.astype(int) + rng.normal(0, 6, MASK.shape)) * scale
        with h5py.File(root / f"case{i}.h5", "w") as file:
            file["image"], file["label"] = values.clip(0).astype(kind), MASK
    return root


def parts_of(source):
    return [cases(split) for split in source.splits.values()]


def segmenter_of(source, dims=3, size=None):
    """Return a segmenter with a network that looks at every voxel, and the source's card."""
    card = {
        "network": "vnet_small",
        "in_channels": source.channels,
        "classes": list(source.classes),
        "dims": dims,
        "size": size,
        "preparation": json.loads(json.dumps(source.preparation.as_dict())),
    }
    convolution = nn.Conv2d if dims == 2 else nn.Conv3d
    net = convolution(source.channels, 2, 3, padding=1)
    return predict.Segmenter(net.eval(), card)


@pytest.mark.parametrize(
    ("scales", "values", "note"),
    [
        ((1,) * 6, "bytes", ""),
        ((4,) * 6, "standardised", ""),
        ((4, 1, 4, 1, 4, 1), "standardised", "3 of 6 images (first 'case"),
    ],
)
def test_volumes_are_all_bytes_or_all_standardised(scales, values, note, tmp_path):
    source = load("hdf5", root=volumes(tmp_path / "d", scales))
    assert source.preparation == Preparation(values)
    assert (note in " ".join(source.notes)) if note else not source.notes[1:]
    dtypes = {image.dtype for part in parts_of(source) for image in part.images}
    assert dtypes == {np.dtype(np.uint8 if values == "bytes" else np.float16)}
    segmenter = segmenter_of(source)
    for part in parts_of(source):
        for key, image in zip(part.ids, part.images, strict=True):
            ours = segmenter.probabilities(tmp_path / f"d/{key}.h5")
            np.testing.assert_array_equal(ours, predict.probabilities(segmenter.net, image))


def test_floats_that_only_sometimes_look_standardised_are_all_standardised(tmp_path):
    root = tmp_path / "d"
    root.mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        values = rng.normal(0.3, 1 if i % 2 else 0.1, MASK.shape).astype(np.float32)
        with h5py.File(root / f"{i}.h5", "w") as file:
            file["image"], file["label"] = values, MASK
    source = load("hdf5", root=root)
    assert source.preparation.values == "standardised"
    for part in parts_of(source):
        assert all(abs(float(image.std(dtype=np.float64)) - 1) < 1e-2 for image in part.images)


@pytest.mark.parametrize("kind", ["hdf5", "folder"])
def test_pictures_of_more_bits_are_all_stretched(kind, tmp_path):
    """A dark picture among deep ones is no picture of 8 bits."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for i in range(6):
        values = (np.arange(256).reshape(16, 16) * (20 if i % 2 else 0.9)).astype(np.uint16)
        if kind == "hdf5":
            with h5py.File(tmp_path / f"{i}.h5", "w") as file:
                file["image"], file["label"] = values.astype(np.int16), MASK[..., 3]
        else:
            Image.fromarray(values).save(tmp_path / f"images/{i}.png")
            Image.fromarray(MASK[..., 3] * 255).save(tmp_path / f"masks/{i}.png")
    source = load(kind, root=tmp_path)
    assert source.preparation.values == "stretched"
    assert "3 of 6 images (first '" in " ".join(source.notes)
    segmenter = segmenter_of(source, dims=2)
    for part in parts_of(source):
        for key, image in zip(part.ids, part.images, strict=True):
            assert image.min() == 0 and image.max() == 255
            file = tmp_path / (f"{key}.h5" if kind == "hdf5" else f"images/{key}.png")
            expected = predict.probabilities(segmenter.net, image)
            np.testing.assert_allclose(segmenter.probabilities(file), expected, atol=1e-6)


def deep_png(file, values):
    """Write a colour PNG of 16 bits a channel by hand: Pillow writes none."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6, 2: 4}[channels], 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_16_bits_keep_their_low_byte(channels, tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    ramp = np.linspace(400, 1900, 256).reshape(16, 16).astype(np.uint16)
    values = np.stack([ramp, ramp[::-1], ramp.T, np.full_like(ramp, 65535)], axis=2)
    for i in range(4):
        deep_png(tmp_path / f"images/{i}.png", values[..., :channels])
        Image.fromarray(MASK[..., 3] * 255).save(tmp_path / f"masks/{i}.png")
    source = load("folder", root=tmp_path)
    image = cases(source.splits["train"]).images[0]
    expected = np.round((values[..., :3].transpose(2, 0, 1) - 400.0) / 1500 * 255)
    assert np.abs(image - expected).max() <= 1 and source.preparation.values == "stretched"
    assert segmenter_of(source, dims=2).segment(tmp_path / "images/0.png").shape == (16, 16)


def test_grey_of_16_bits_with_transparency_is_refused(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for i in range(4):
        deep_png(tmp_path / f"images/{i}.png", np.full((16, 16, 2), 500 + i))
        Image.fromarray(MASK[..., 3] * 255).save(tmp_path / f"masks/{i}.png")
    with pytest.raises(InputError, match="cannot be read .16 bits a channel in the layout LA;16B"):
        load("folder", root=tmp_path)


def test_a_mask_of_16_bit_colours_keeps_its_classes(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for i in range(4):
        Image.fromarray(MASK[..., 3] * 90).save(tmp_path / f"images/{i}.png")
        deep_png(tmp_path / f"masks/{i}.png", np.stack([MASK[..., 3]] * 3, axis=2))
    source = load("folder", root=tmp_path)
    assert (cases(source.splits["train"]).masks[0] == MASK[..., 3]).all()


@pytest.mark.parametrize("preparation", [Preparation(), Preparation("kept", (-5.0, 7.0), "RAS")])
def test_a_preparation_survives_json(preparation):
    assert Preparation.of(json.loads(json.dumps(preparation.as_dict()))) == preparation
    with pytest.raises(InputError, match="Unknown preparation of values 'byte'"):
        Preparation.of({"values": "byte"})


NO_DATA = [-1e30, -3.4028235e38, 1e30]


@pytest.mark.parametrize("background", [0.0, 0.6])
@pytest.mark.parametrize("value", NO_DATA)
def test_a_volume_that_one_value_makes_constant_is_refused(value, background, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(4):
        values = rng.normal(300, 50, MASK.shape).astype(np.float32)
        values[rng.random(MASK.shape) < background] = 0
        if i == 2:
            values[3, 4, 5] = value
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file["image"], file["label"] = values, MASK
    sentence = rf"'.*2.h5'? has the extreme value {value:g}, beside .* become one: replace it"
    with pytest.raises(InputError, match=sentence.replace("+", r"\+")):
        load("hdf5", root=tmp_path)


@pytest.mark.parametrize("value", NO_DATA)
def test_many_voxels_without_data_are_no_better_than_one(value):
    values = np.random.default_rng(0).normal(300, 50, MASK.shape)
    values[:5] = value
    values[5:7] = value / 2  # as interpolation makes them
    with pytest.raises(InputError, match="has the extreme value"):
        prepare_volume(values, "standardised", "v")


@pytest.mark.parametrize("value", [*NO_DATA, 1e6])
def test_a_picture_that_one_value_makes_constant_is_refused(value):
    values = np.random.default_rng(0).normal(300, 50, (32, 32)).astype(np.float32)
    values[3, 4] = value
    with pytest.raises(InputError, match="Image 'p' has the extreme value"):
        eight_bits(values, "p")


@pytest.mark.parametrize("scale", [1, 1e20])
@pytest.mark.parametrize("kind", ["bright", "beads", "saturated", "flat"])
def test_an_image_with_bright_pixels_is_read(kind, scale):
    values = np.random.default_rng(0).normal(300, 50, (40, 40, 10)).astype(np.float32)
    if kind == "bright":
        values[3, 4:7, 1] = 4095
    elif kind == "beads":  # of different brightness
        values[3, 4:7, 1] = 1e9, 2e9, 4e9
    elif kind == "saturated":
        values[:3] = 1e9
    else:
        values[:] = 7
        values[3, 4, 1] = 1e9
    values *= scale
    assert len(np.unique(prepare_volume(values, "standardised", "v"))) > 1
    assert eight_bits(values[..., 1], "p").max() == 255
