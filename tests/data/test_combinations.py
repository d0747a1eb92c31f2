"""Every format, type, orientation and layout: read, learned from, saved, given back in place."""

import itertools

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from ucmt_lite import predict
from ucmt_lite.core.losses import segmentation_loss
from ucmt_lite.data import Batches, cases, load, split_labeled
from ucmt_lite.nets import make

SUFFIXES = (".png", ".jpg", ".bmp", ".tif", ".gif", ".webp")
LAYOUTS = (
    ("images/{}", "masks/{}"),
    ("imagesTr/{}", "labelsTr/{}"),
    ("{}", "{}_mask"),
    ("p{0}/{0}", "p{0}/{0}_seg"),
)
PICTURE_KINDS = ("L", "RGB", "RGBA", "P", "I;16")
VOLUME_TYPES = ("uint8", "int16", "uint16", "float32", "float64")
ORIENTATIONS = ("RAS", "LPS", "PIR", "SLA")
COUNT = 4


def truth(i, dims):
    mask = np.zeros((18, 20, 16)[:dims], np.uint8)
    mask[(slice(3 + i, 12 + i), slice(4, 13), slice(3, 10))[:dims]] = 1
    return mask


def greys(i, dims, kind):
    """Return an image whose object is bright, in a type."""
    noise = np.random.default_rng(i).integers(0, 30, truth(i, dims).shape)
    values = 40 + 120 * truth(i, dims).astype(int) + noise
    scale = 1 if np.dtype(kind) == np.uint8 else 7
    return (values * scale).astype(kind)


def pictured(values, kind):
    if kind == "I;16":
        return Image.fromarray(values.astype(np.uint16) * 100)
    return Image.fromarray(values.astype(np.uint8)).convert(kind)


def saves(suffix, kind):
    """Return whether a format holds pictures of a kind."""
    return {
        "L": True,
        "RGB": True,
        "RGBA": suffix in (".png", ".tif", ".webp"),
        "P": suffix in (".png", ".bmp", ".tif", ".gif"),
        "I;16": suffix in (".png", ".tif"),
    }[kind]


PICTURES = [
    (suffix, of_mask, kind, layout)
    for number, (suffix, of_mask, kind) in enumerate(
        itertools.product(SUFFIXES, SUFFIXES, PICTURE_KINDS)
    )
    if saves(suffix, kind)
    for layout in (LAYOUTS[number % len(LAYOUTS)],)
]
VOLUMES = [
    *itertools.product([".h5"], VOLUME_TYPES, ("uint8", "int64", "float32"), [("", "")], [""]),
    *(
        (suffix, kind, of_mask, layout, codes)
        for number, (suffix, kind, of_mask, codes) in enumerate(
            itertools.product((".nii", ".nii.gz"), VOLUME_TYPES, ("uint8", "float32"), ORIENTATIONS)
        )
        for layout in (LAYOUTS[number % len(LAYOUTS)],)
    ),
]


def save_pictures(root, suffix, of_mask, kind, layout):
    for i in range(COUNT):
        for (pattern, ending), picture in zip(
            zip(layout, (suffix, of_mask), strict=True),
            (pictured(greys(i, 2, "uint8"), kind), Image.fromarray(truth(i, 2) * 255)),
            strict=True,
        ):
            file = root / (pattern.format(f"c{i}") + ending)
            file.parent.mkdir(parents=True, exist_ok=True)
            # As is for images; of a mask with loss only the border may change.
            picture.save(file, quality=100)


def save_volumes(root, suffix, kind, of_mask, layout, codes):
    root.mkdir(parents=True, exist_ok=True)
    for i in range(COUNT):
        image, mask = greys(i, 3, kind), truth(i, 3).astype(of_mask)
        if suffix == ".h5":
            with h5py.File(root / f"c{i}.h5", "w") as file:
                file["image"], file["label"] = image, mask
            continue
        import nibabel

        turn = nibabel.orientations.axcodes2ornt(tuple(codes))
        for pattern, values in zip(layout, (image, mask), strict=True):
            volume = nibabel.Nifti1Image(values, np.diag([1.0, 1.5, 2.0, 1.0]), dtype=values.dtype)
            file = root / (pattern.format(f"c{i}") + suffix)
            file.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(volume.as_reoriented(turn), file)


def two_steps(source):
    """Train a small network for two steps, and return it with its training images."""
    train = cases(source.splits["train"], size=16 if source.dims == 2 else None)
    labeled = train.select(split_labeled(train, None, 1, 0)[0])
    patch = None if source.dims == 2 else (16, 16, 16)
    batches = Batches(labeled, train, batch=(1, 1), patch=patch)
    torch.manual_seed(0)
    net = make(NETWORKS[source.dims], source.channels, 2, source.dims)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for step in range(2):
        batch = batches(step)
        loss = segmentation_loss(net(batch.x), batch.y)
        assert torch.isfinite(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval(), train


NETWORKS = {2: "unet_small", 3: "unet_small"}


def check(source, file, shape, tmp_path):
    """Train, save, load, and segment a file on its own grid, twice the same."""
    net, train = two_steps(source)
    card = {
        "network": NETWORKS[source.dims],
        "in_channels": source.channels,
        "classes": list(source.classes),
        "dims": source.dims,
        "norm": "instance",
        "size": 16 if source.dims == 2 else None,
        "patch": None if source.dims == 2 else [16, 16, 16],
        "preparation": source.preparation.as_dict(),
    }
    predict.save_segmenter(net, tmp_path / "net.safetensors", card)
    segmenter = predict.load_segmenter(tmp_path / "net.safetensors")
    assert segmenter.preparation == source.preparation
    mask = segmenter.segment(file)
    assert mask.shape == shape and mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, segmenter.segment(file))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pictures(suffix, tmp_path, record_property):
    combinations = [row for row in PICTURES if row[0] == suffix]
    for number, row in enumerate(combinations):
        root = tmp_path / str(number)
        save_pictures(root, *row)
        source = load("folder", root=root, group="none")
        for split in source.splits.values():
            part = cases(split)
            for key, mask in zip(part.ids, part.masks, strict=True):
                expected = truth(int(key[-1]), 2)
                wrong = (mask != expected).mean()
                assert wrong <= (0.02 if row[1] in (".jpg", ".webp") else 0), row
        if number % 6 == 0:
            files = sorted(root.rglob(f"*c0{suffix}"))
            check(source, files[0], truth(0, 2).shape, tmp_path)
    print(f"{len(combinations)} combinations of pictures with {suffix}")
    record_property("combinations", len(combinations))


@pytest.mark.parametrize("suffix", [".h5", ".nii", ".nii.gz"])
def test_volumes(suffix, tmp_path, record_property):
    if suffix != ".h5":
        pytest.importorskip("nibabel", reason="NIfTI needs the package nibabel")
    combinations = [row for row in VOLUMES if row[0] == suffix]
    images = []
    for number, row in enumerate(combinations):
        root = tmp_path / str(number)
        save_volumes(root, *row)
        source = load("hdf5" if suffix == ".h5" else "nifti", root=root, group="none")
        for split in source.splits.values():
            part = cases(split)
            for key, image, mask in zip(part.ids, part.images, part.masks, strict=True):
                assert (mask == truth(int(key[-1]), 3)).all(), row
                if key.endswith("c1"):
                    images.append(image.astype(np.float32))
        if number % 7 == 0:
            files = sorted(root.rglob(f"*c0{suffix}"))
            check(source, files[0], shape_of(files[0]), tmp_path)
    # The same body, whatever it is stored as: once standardised, the same numbers.
    normal = [(image - image.mean()) / image.std() for image in images]
    assert max(np.abs(image - normal[0]).max() for image in normal) < 0.02
    print(f"{len(combinations)} combinations of volumes with {suffix}")
    record_property("combinations", len(combinations))


def shape_of(file):
    """Return the shape of a volume as its file stores it."""
    if file.suffix == ".h5":
        with h5py.File(file) as h5:
            return h5["image"].shape
    import nibabel

    return nibabel.load(file).shape
