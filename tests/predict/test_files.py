"""Predicting files and folders: each mask in its image's format, at its size, in its place."""

import csv
import json
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from ucmt_lite import cli, predict
from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load
from ucmt_lite.data.masks import Meaning
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.run import run
from ucmt_lite.nets import make
from ucmt_lite.predict import folders, predict_files, written
from ucmt_lite.predict.dicom import series_to_nifti
from ucmt_lite.predict.jobs import find_jobs
from ucmt_lite.predict.truths import find_truths

RNG = np.random.default_rng(0)
NAMES = ["background", "lesion", "other"]


def card(**changes):
    basis = {"network": "unet_small", "in_channels": 1, "classes": NAMES, "dims": 2, "size": 32}
    return basis | {"norm": "instance"} | changes


def network_file(folder, **changes):
    about = card(**changes)
    torch.manual_seed(1)
    sizes = (about["in_channels"], len(about["classes"]), about["dims"])
    net = make(about["network"], *sizes, norm=about["norm"])
    path = folder / "net.safetensors"
    predict.save_segmenter(net.eval(), path, about)
    return path


@pytest.fixture
def flat(tmp_path):
    """A 2D network in a file."""
    return network_file(tmp_path)


@pytest.fixture
def deep(tmp_path):
    """A 3D network in a file."""
    return network_file(
        tmp_path, network="vnet_small", dims=3, size=None, patch=[16, 16, 16], norm="group"
    )


def picture_file(path, height=40, width=50, channels=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width, channels) if channels > 1 else (height, width)
    Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8)).save(path)
    return path


def nifti_file(path, shape=(20, 18, 16), zooms=(0.5, 0.5, 2.0), dtype=np.int16):
    nibabel = pytest.importorskip("nibabel", reason="nibabel is optional")
    affine = np.diag([-zooms[0], zooms[1], zooms[2], 1.0])
    affine[:3, 3] = 10, -20, 30
    image = nibabel.Nifti1Image(RNG.integers(-500, 500, shape).astype(dtype), affine)
    image.header["descrip"] = b"from the scanner"
    image.set_sform(affine, code=1)
    nibabel.save(image, path)
    return path


def h5_file(path, shape=(20, 18, 16), **more):
    with h5py.File(path, "w") as h5:
        h5["image"] = RNG.normal(size=shape).astype(np.float32)
        h5.attrs["spacing"] = [1.0] * len(shape)
        for name, array in more.items():
            h5[name] = array
    return path


def files_below(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != written.LIST
    )


# Pictures


def test_a_picture_gets_a_mask_of_its_size_with_colours_one_can_see(flat, tmp_path):
    photo = picture_file(tmp_path / "photo.jpg")
    segmenter = predict.load_segmenter(flat)
    done = predict_files(segmenter, photo, tmp_path / "out")
    assert [row.mask for row in done.files] == [tmp_path / "out/photo.png"] and not done.failed
    with Image.open(tmp_path / "out/photo.png") as mask:
        assert mask.mode == "P" and mask.size == (50, 40)
        indices = np.asarray(mask)
        colours = np.asarray(mask.convert("RGB"))
    np.testing.assert_array_equal(indices, segmenter.segment(photo))
    assert len(np.unique(indices)) > 1
    shown = {tuple(colour) for colour in colours.reshape(-1, 3).tolist()}
    assert len(shown) == len(np.unique(indices)) and max(max(colour) for colour in shown) > 150


def test_a_folder_is_walked_and_what_is_no_image_is_counted(flat, tmp_path):
    images = tmp_path / "set"
    picture_file(images / "b.png", channels=1)
    picture_file(images / "deeper/c.bmp")
    h5_file(images / "slice.h5", (24, 30))
    np.save(images / "array.npy", RNG.integers(0, 256, (30, 20), dtype=np.uint8))
    (images / "notes.txt").write_text("no image")
    picture_file(images / ".hidden.png")
    picture_file(images / "b_mask.png", channels=1)  # a mask of b.png
    out = images / "masks"
    for _ in range(2):  # the second time there are masks below the folder
        done = predict_files(predict.load_segmenter(flat), images, out)
        assert files_below(out) == ["array.npy", "b.png", "deeper/c.png", "slice.h5"]
        assert done.passed_over == {".txt": 1, ".png": 1}
    with h5py.File(out / "slice.h5") as h5:
        assert h5["label"].shape == (24, 30) and h5["label"].dtype == np.uint8
        assert list(h5.attrs["spacing"]) == [1, 1]
    assert np.load(out / "array.npy").shape == (30, 20)


def test_a_folder_with_images_in_it_stands_for_those(flat, tmp_path):
    picture_file(tmp_path / "set/images/a.png")
    picture_file(tmp_path / "set/masks/a.png", channels=1)
    predict_files(predict.load_segmenter(flat), tmp_path / "set", tmp_path / "out")
    assert files_below(tmp_path / "out") == ["a.png"]


@pytest.mark.parametrize("folder", ["train/masks", "labels", "predictions", "p1/thumbs"])
def test_masks_and_what_a_program_left_are_not_segmented(flat, tmp_path, folder):
    picture_file(tmp_path / "set/train/images/a.png")
    picture_file(tmp_path / f"set/{folder}/a.png", channels=1)
    segmenter = predict.load_segmenter(flat)
    done = predict_files(segmenter, tmp_path / "set", tmp_path / "out")
    assert files_below(tmp_path / "out") == ["train/images/a.png"]
    assert done.passed_over == {".png": 1}
    predict_files(segmenter, tmp_path / "set" / folder, tmp_path / "asked for")
    assert files_below(tmp_path / "asked for") == ["a.png"]


@pytest.mark.parametrize(
    ("orientation", "error", "remark"),
    [
        (1, "", ""),
        (3, "", "EXIF turns either the image or its mask"),
        (6, "the image is turned by its EXIF orientation, the mask is not", ""),
    ],
)
def test_a_truth_that_exif_does_not_turn_is_named(orientation, error, remark, flat, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "truth").mkdir()
    pixels = np.zeros((40, 50), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    Image.fromarray(pixels).save(tmp_path / "truth/a.png")
    done = predict_files(
        predict.load_segmenter(flat), tmp_path / "a.png", tmp_path / "out", masks=tmp_path / "truth"
    )
    assert error in done.files[0].error and bool(error) == bool(done.files[0].error)
    assert remark in "".join(done.remarks) and bool(remark) == bool(done.remarks)


def test_extras_lie_in_folders_of_their_own(flat, tmp_path):
    photo = picture_file(tmp_path / "set/photo.png")
    segmenter = predict.load_segmenter(flat)
    out = tmp_path / "out"
    predict_files(segmenter, photo.parent, out, uncertainty=True, probabilities=True, pictures=True)
    assert files_below(out) == [
        "photo.png",
        "pictures/photo.png",
        "probabilities/photo.npz",
        "uncertainty/photo.png",
    ]
    probs = segmenter.probabilities(photo)
    kept = np.load(out / "probabilities/photo.npz")
    assert kept["probabilities"].dtype == np.float16 and list(kept["classes"]) == NAMES
    np.testing.assert_allclose(kept["probabilities"], probs, atol=1e-3)
    entropy = -(probs * np.log(probs + 1e-12)).sum(0)
    seen = np.asarray(Image.open(out / "uncertainty/photo.png")) / 255 * np.log(3)
    np.testing.assert_allclose(seen, entropy, atol=0.01)
    drawn = np.asarray(Image.open(out / "pictures/photo.png"))
    factor = drawn.shape[0] // 40
    assert drawn.shape == (40 * factor, 2 * 50 * factor, 3)
    left, right = drawn[:, : 50 * factor], drawn[:, 50 * factor :]
    np.testing.assert_array_equal(left[::factor, ::factor], np.asarray(Image.open(photo)))
    assert (left != right).any()


def test_dice_where_masks_are_given(flat, tmp_path):
    images, truths = tmp_path / "set", tmp_path / "truth"
    segmenter = predict.load_segmenter(flat)
    for name in ("a", "b", "c"):
        picture_file(images / f"{name}.png")
    truths.mkdir()
    Image.fromarray(segmenter.segment(images / "a.png")).save(truths / "a.png")
    Image.fromarray(segmenter.segment(images / "b.png")).save(truths / "b_segmentation.png")
    done = predict_files(segmenter, images, tmp_path / "out", masks=truths)
    assert [row.dice for row in done.files] == [(1, 1), (1, 1), ()]
    assert done.summary["dice"] == 1
    rows = list(csv.reader((tmp_path / "out/scores.csv").open()))
    assert rows == [
        ["mask", "dice lesion", "dice other"],
        ["a.png", "1.0000", "1.0000"],
        ["b.png", "1.0000", "1.0000"],
    ]


@pytest.mark.parametrize(
    ("name", "place"), [("{}_mask", "set"), ("mask_{}", "set"), ("mask_{}", "t"), ("{}", "s/masks")]
)
def test_truths_are_found_beside_images_and_in_the_folder_of_a_set(flat, tmp_path, name, place):
    images = tmp_path / ("s/images" if place == "s/masks" else "set")
    segmenter = predict.load_segmenter(flat)
    for key in "ab":
        photo = picture_file(images / f"{key}.png")
        (tmp_path / place).mkdir(exist_ok=True)
        truth = Image.fromarray(segmenter.segment(photo))
        truth.save(tmp_path / place / f"{name.format(key)}.png")
    given = images.parent if place == "s/masks" else images
    truths = given if place == "s/masks" else tmp_path / place
    done = predict_files(segmenter, given, tmp_path / "out", masks=truths)
    assert [row.dice for row in done.files] == [(1, 1), (1, 1)]


@pytest.mark.parametrize("names", [("a.png", "a.tif"), ("a_mask_1.png", "a_mask_2.png")])
def test_several_truths_of_an_image_are_refused(flat, tmp_path, names):
    photo = picture_file(tmp_path / "set/a.png")
    (tmp_path / "truth").mkdir()
    for name in names:
        Image.fromarray(np.zeros((40, 50), np.uint8)).save(tmp_path / "truth" / name)
    with pytest.raises(InputError, match=rf"'a' has several masks in .* \({', '.join(names)}\)"):
        predict_files(
            predict.load_segmenter(flat), photo, tmp_path / "out", masks=tmp_path / "truth"
        )


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (np.zeros((4, 4), np.uint8), "is 4 x 4 pixels but its image is 50 x 40"),
        (None, "cannot be read"),
    ],
    ids=["another size", "broken"],
)
def test_a_truth_that_does_not_fit_is_told_and_the_mask_is_kept(flat, tmp_path, truth, message):
    photo = picture_file(tmp_path / "set/a.png")
    (tmp_path / "truth").mkdir()
    if truth is None:
        (tmp_path / "truth/a.png").write_bytes(b"no picture")
    else:
        Image.fromarray(truth).save(tmp_path / "truth/a.png")
    out, truths = tmp_path / "out", tmp_path / "truth"
    done = predict_files(predict.load_segmenter(flat), photo, out, masks=truths)
    with pytest.raises(InputError, match=message):
        raise InputError(done.failed[0].error)
    assert (out / "a.png").is_file()


def test_masks_of_a_value_that_no_class_has_are_refused_before_the_first_image(flat, tmp_path):
    photo = picture_file(tmp_path / "set/a.png")
    (tmp_path / "truth").mkdir()
    Image.fromarray(np.arange(2000, dtype=np.uint8).reshape(40, 50)).save(tmp_path / "truth/a.png")
    with pytest.raises(InputError, match="truth/a.png"):
        predict_files(
            predict.load_segmenter(flat), photo, tmp_path / "out", masks=tmp_path / "truth"
        )
    assert not (tmp_path / "out").exists()


def test_what_is_predicted_is_a_set_that_the_kit_reads(flat, tmp_path):
    """Palettes and all: the masks can be the truth of the next training."""
    for index in range(6):
        picture_file(tmp_path / f"set/images/{index}.png")
    segmenter = predict.load_segmenter(flat)
    predict_files(segmenter, tmp_path / "set", tmp_path / "set/masks")
    source = load("folder", root=tmp_path / "set", classes=3)
    kept = cases(source.splits["train"])
    for key, mask in zip(kept.ids, kept.masks, strict=True):
        expected = segmenter.segment(tmp_path / f"set/images/{key}.png")
        np.testing.assert_array_equal(mask, expected)


# Volumes


@pytest.mark.parametrize("ending", [".nii.gz", ".nii"])
def test_a_nifti_mask_lies_where_its_image_lies(deep, tmp_path, ending):
    nibabel = pytest.importorskip("nibabel", reason="nibabel is optional")
    path = nifti_file(tmp_path / f"scan{ending}")
    segmenter = predict.load_segmenter(deep)
    done = predict_files(segmenter, path, tmp_path / "out", uncertainty=True, pictures=True)
    assert not done.failed
    image, mask = nibabel.load(path), nibabel.load(tmp_path / f"out/scan{ending}")
    np.testing.assert_array_equal(mask.affine, image.affine)
    assert mask.header.get_zooms() == image.header.get_zooms()
    assert mask.header["sform_code"] == 1 and b"scanner" in bytes(mask.header["descrip"])
    assert mask.get_data_dtype() == np.uint8 and mask.dataobj.slope == 1
    np.testing.assert_array_equal(np.asarray(mask.dataobj), segmenter.segment(path))
    entropy = nibabel.load(tmp_path / f"out/uncertainty/scan{ending}")
    assert entropy.get_data_dtype() == np.float32
    assert 0 <= entropy.get_fdata().min() and entropy.get_fdata().max() <= np.log(3) + 1e-6
    assert (tmp_path / "out/pictures/scan.png").is_file()


def test_a_true_volume_in_another_orientation_is_turned(deep, tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="nibabel is optional")
    path = nifti_file(tmp_path / "scan.nii.gz")
    segmenter = predict.load_segmenter(deep)
    image = nibabel.load(path)
    truth = nibabel.Nifti1Image(segmenter.segment(path), image.affine)
    (tmp_path / "truth").mkdir()
    nibabel.save(nibabel.as_closest_canonical(truth), tmp_path / "truth/scan.nii.gz")
    done = predict_files(segmenter, path, tmp_path / "out", masks=tmp_path / "truth")
    assert done.files[0].dice == (1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda affine: np.eye(4), ""),  # no position at all: it lies on its image
        (lambda affine: affine, ""),
        (lambda affine: affine @ np.diag([-1.0, 1, 1, 1]), "its axes towards RAS but its image"),
        (lambda affine: affine @ np.diag([2.0, 2, 1, 1]), "has voxels of 1 x 1 x 2 mm but its"),
        (lambda affine: affine + np.array([[0, 0, 0, 9]] + [[0] * 4] * 3), "lies elsewhere than"),
    ],
)
def test_a_true_volume_must_lie_on_its_image(deep, tmp_path, change, message):
    nibabel = pytest.importorskip("nibabel", reason="nibabel is optional")
    path = nifti_file(tmp_path / "scan.nii.gz")
    segmenter = predict.load_segmenter(deep)
    affine = change(nibabel.load(path).affine)
    (tmp_path / "truth").mkdir()
    truth = nibabel.Nifti1Image(segmenter.segment(path), affine)
    nibabel.save(truth, tmp_path / "truth/scan.nii.gz")
    done = predict_files(segmenter, path, tmp_path / "out", masks=tmp_path / "truth")
    if not message:
        assert done.files[0].dice == (1, 1)
        return
    assert not done.files[0].dice and message in done.failed[0].error


def test_a_folder_a_case_holds_image_and_mask(flat, tmp_path):
    segmenter = predict.load_segmenter(flat)
    for case in "ab":
        photo = picture_file(tmp_path / f"set/{case}/image.png")
        Image.fromarray(segmenter.segment(photo)).save(photo.parent / "segmentation.png")
    done = predict_files(segmenter, tmp_path / "set", tmp_path / "out", masks=tmp_path / "set")
    assert files_below(tmp_path / "out") == ["a/image.png", "b/image.png", "scores.csv"]
    assert [row.dice for row in done.files] == [(1, 1), (1, 1)]
    picture_file(tmp_path / "alone/mask.png")
    assert len(predict_files(segmenter, tmp_path / "alone", tmp_path / "out2").files) == 1


@pytest.mark.parametrize("image", ["c1_0000", "c1_image", "img_c1", "c1"])
def test_the_truth_of_an_image_that_is_called_so(deep, tmp_path, image):
    path = nifti_file(tmp_path / f"{image}.nii.gz")
    segmenter = predict.load_segmenter(deep)
    predict_files(segmenter, path, tmp_path / "truth")
    (tmp_path / f"truth/{image}.nii.gz").rename(tmp_path / "truth/c1.nii.gz")
    done = predict_files(segmenter, path, tmp_path / "out", masks=tmp_path / "truth")
    assert done.files[0].dice == (1, 1)


def test_a_packed_volume_is_read_whatever_its_ending(deep, tmp_path):
    packed = nifti_file(tmp_path / "a.nii.gz").rename(tmp_path / "a.nii")
    assert not predict_files(predict.load_segmenter(deep), packed, tmp_path / "out").failed


@pytest.mark.parametrize("net", ["flat", "deep"])
def test_hdf5_files_are_read_by_the_names_that_data_are_read_by(net, tmp_path, request):
    segmenter = predict.load_segmenter(request.getfixturevalue(net))
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        h5["img"] = RNG.normal(size=(20, 18, 16)[: segmenter.card["dims"]])
        h5["gt"] = np.zeros(h5["img"].shape, np.uint8)
    done = predict_files(segmenter, tmp_path / "a.h5", tmp_path / "out", masks=tmp_path)
    assert not done.failed and len(done.files[0].dice) == 2


def save_hdf5(file, values):
    with h5py.File(file, "w") as h5:
        h5["image"] = values


@pytest.mark.parametrize("net", ["flat", "deep"])
@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("a.npy", np.full((20, 18, 16), "x"), "a.npy' holds <U1 and no plain numbers: save one"),
        ("a.npy", np.ones((20, 18, 16), complex), "a.npy' holds complex128 and no plain numbers"),
        ("a.npy", np.ones((20, 18, 16), [("r", "u1")]), "and no plain numbers: save one number"),
        ("a.npy", np.full((20, 18, 16), np.nan), "a.npy' holds NaN or infinite values: repair it"),
        ("a.h5", "text", "image holds text and no array of plain numbers: save one"),
        ("a.h5", np.ones((20, 18, 16), complex), "image holds complex128 and no array of plain"),
    ],
)
def test_what_holds_no_numbers_is_told_by_its_file(net, name, values, message, tmp_path, request):
    (save_hdf5 if name == "a.h5" else np.save)(tmp_path / name, values)
    segmenter = predict.load_segmenter(request.getfixturevalue(net))
    done = predict_files(segmenter, tmp_path / name, tmp_path / "out")
    assert message in done.failed[0].error and name in done.failed[0].error


@pytest.mark.parametrize("channels", [3, 4])
def test_channels_first_are_no_slices(flat, tmp_path, channels):
    segmenter = predict.load_segmenter(flat)
    np.save(tmp_path / "a.npy", RNG.normal(size=(channels, 20, 18)))
    done = predict_files(segmenter, tmp_path / "a.npy", tmp_path / "out")
    assert "which may be one picture with its channels first: save it" in done.failed[0].error
    assert not predict_files(segmenter, tmp_path / "a.npy", tmp_path / "out", axis=0).failed


def test_hdf5_volumes_and_their_own_labels(deep, tmp_path):
    path = h5_file(tmp_path / "set.h5")
    segmenter = predict.load_segmenter(deep)
    with h5py.File(path, "a") as h5:
        h5["label"] = segmenter.segment(path)
    done = predict_files(segmenter, path, tmp_path / "out", masks=tmp_path)
    assert done.files[0].dice == (1, 1)


@pytest.mark.parametrize("axis", [0, 1, 2, None])
def test_a_2d_network_takes_a_volume_slice_by_slice(flat, tmp_path, axis):
    volume = RNG.integers(0, 256, (20, 24, 6), dtype=np.uint8)
    np.save(tmp_path / "volume.npy", volume)
    segmenter = predict.load_segmenter(flat)
    predict_files(
        segmenter, tmp_path / "volume.npy", tmp_path / "out", axis=axis, probabilities=True
    )
    mask = np.load(tmp_path / "out/volume.npy")
    along = 2 if axis is None else axis
    expected = np.stack([segmenter.segment(part) for part in np.moveaxis(volume, along, 0)])
    np.testing.assert_array_equal(mask, np.moveaxis(expected, 0, along))
    probs = np.load(tmp_path / "out/probabilities/volume.npz")["probabilities"]
    assert probs.shape == (3, *volume.shape)


def test_slices_lie_along_the_coarsest_axis_of_a_nifti_file(flat, tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="nibabel is optional")
    path = nifti_file(tmp_path / "scan.nii.gz", (12, 18, 16), zooms=(0.5, 2.0, 0.5))
    segmenter = predict.load_segmenter(flat)
    predict_files(segmenter, path, tmp_path / "out")
    volume = np.asarray(nibabel.load(path).dataobj)
    expected = np.stack([segmenter.segment(part) for part in np.moveaxis(volume, 1, 0)], axis=1)
    mask = nibabel.load(tmp_path / "out/scan.nii.gz")
    np.testing.assert_array_equal(np.asarray(mask.dataobj), expected)


# DICOM


def dicom_series(
    folder, values, *, spacing=(0.5, 0.8, 3.0), skip=(), uid="1.2.3", names="{}.dcm", change=None
):
    """Write a volume slices x rows x columns as one DICOM series, its files in no order.

    `change(dataset, index)` changes a slice before it is written.
    """
    pydicom = pytest.importorskip("pydicom", reason="pydicom is optional")
    pytest.importorskip("nibabel", reason="nibabel is optional")
    folder.mkdir(parents=True, exist_ok=True)
    for index, plane in enumerate(values):
        if index in skip:
            continue
        dataset = pydicom.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        dataset.SOPInstanceUID = f"{uid}.{index}"
        dataset.SeriesInstanceUID = uid
        dataset.InstanceNumber = len(values) - index
        dataset.ImagePositionPatient = [10.0, 20.0, 30.0 + spacing[2] * index]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing = [spacing[1], spacing[0]]  # between rows, between columns
        dataset.SliceThickness = 1.0
        dataset.Rows, dataset.Columns = plane.shape
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit = 15
        dataset.PixelRepresentation = 0
        dataset.RescaleSlope, dataset.RescaleIntercept = 2, -1000
        dataset.PixelData = plane.astype(np.uint16).tobytes()
        if change:
            change(dataset, index)
        dataset.save_as(folder / names.format(9 - index), enforce_file_format=True)


def test_a_dicom_series_becomes_one_volume_in_its_place(deep, tmp_path):
    values = RNG.integers(0, 1000, (9, 20, 16))
    dicom_series(tmp_path / "scans/patient1", values, names="IM{}")
    (tmp_path / "scans/patient1/DICOMDIR").write_bytes(b"no slice")
    done = predict_files(predict.load_segmenter(deep), tmp_path / "scans", tmp_path / "out")
    assert not done.failed and files_below(tmp_path / "out") == ["patient1.nii.gz"]
    import nibabel

    mask = nibabel.load(tmp_path / "out/patient1.nii.gz")
    assert mask.shape == (16, 20, 9)  # columns, rows, slices
    np.testing.assert_allclose(mask.header.get_zooms(), (0.5, 0.8, 3.0))
    np.testing.assert_allclose(mask.affine @ [0, 0, 0, 1], [-10, -20, 30, 1])
    np.testing.assert_allclose(mask.affine @ [1, 1, 1, 1], [-10.5, -20.8, 33, 1])
    volume = values.transpose(2, 1, 0) * 2.0 - 1000
    expected = predict.load_segmenter(deep).segment(volume.astype(np.float32))
    np.testing.assert_array_equal(np.asarray(mask.dataobj), expected)


def test_a_2d_network_sees_the_slices_of_a_series_as_their_pictures_are(flat, tmp_path):
    values = RNG.integers(0, 1000, (3, 20, 16))
    dicom_series(tmp_path / "scan", values)
    segmenter = predict.load_segmenter(flat)
    done = predict_files(segmenter, tmp_path / "scan", tmp_path / "out")
    assert not done.failed
    import nibabel

    mask = np.asarray(nibabel.load(tmp_path / "out/scan.nii.gz").dataobj)
    np.testing.assert_array_equal(mask[:, :, 1].T, segmenter.segment(values[1] * 2 - 1000))


def inverse(dataset, index):
    dataset.PhotometricInterpretation = "MONOCHROME1"


def signed_inverse(dataset, index):
    inverse(dataset, index)
    dataset.PixelRepresentation = 1


@pytest.mark.parametrize("change", [inverse, signed_inverse])
def test_slices_whose_highest_value_is_black_are_turned_alike(tmp_path, change):
    values = RNG.integers(0, 1000, (4, 9, 8)) * np.arange(1, 5)[:, None, None]
    dicom_series(tmp_path / "scan", values, change=change)
    series_to_nifti(sorted((tmp_path / "scan").iterdir()), tmp_path / "scan.nii")
    import nibabel

    volume = np.asarray(nibabel.load(tmp_path / "scan.nii").dataobj)
    assert len(np.unique(volume + 2.0 * values.transpose(2, 1, 0))) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no numbers", "cannot be read (could not convert string to float"),
        ("gap", "are 3.00 to 6.00 mm apart: one is missing"),
        ("two series", "holds slices of 2 DICOM series"),
        ("broken", "cannot be read"),
    ],
)
def test_a_series_that_is_no_volume_is_told(deep, tmp_path, fault, message):
    folder = tmp_path / "scan"
    dicom_series(folder, RNG.integers(0, 9, (6, 8, 8)), skip=(3,) if fault == "gap" else ())
    if fault == "two series":
        dicom_series(folder, RNG.integers(0, 9, (2, 8, 8)), uid="1.2.4", names="other{}.dcm")
    if fault == "no numbers":
        text = (folder / "9.dcm").read_bytes()
        (folder / "9.dcm").write_bytes(text.replace(b"0.8\\0.5", b"0.8\\x.5"))
    if fault == "broken":
        (folder / "9.dcm").write_bytes(b"nothing")
    done = predict_files(predict.load_segmenter(deep), folder, tmp_path / "out")
    assert message in done.failed[0].error and "\n" not in done.failed[0].error
    assert str(folder) in done.failed[0].error and not (tmp_path / "out").exists()


def unplaced(dataset, index):
    del dataset.ImagePositionPatient


def unplaced_and_recounted(dataset, index):
    del dataset.ImagePositionPatient
    dataset.InstanceNumber = index + 4


def unplaced_and_counted_twice(dataset, index):
    del dataset.ImagePositionPatient
    dataset.InstanceNumber = index // 2


def unplaced_once(dataset, index):
    if index == 2:
        del dataset.ImagePositionPatient


def tilted(dataset, index):
    dataset.ImagePositionPatient[1] += 0.7 * index


def hardly_shifted(dataset, index):
    dataset.ImagePositionPatient[0] += 0.2 * (index > 2)


def shifted(dataset, index):
    dataset.ImagePositionPatient[0] += 30 * (index > 2)


def localizer(dataset, index):
    if index == 3:
        dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


def magnified(dataset, index):
    if index == 3:
        dataset.PixelSpacing = [2.0, 2.0]


@pytest.mark.parametrize(
    ("change", "skip", "message"),
    [
        (unplaced, (3,), "1 to 6 do not number 5 slices one by one: export"),
        (unplaced_and_counted_twice, (), "0 to 2 do not number 6 slices one by one: export"),
        (unplaced_once, (), "1 of 6 slices (first '7.dcm') tell no place in space"),
        (shifted, (), "are shifted sideways, unevenly by 30.00 mm"),
        (localizer, (), "lie in different directions or have pixels of different size"),
        (magnified, (), "lie in different directions or have pixels of different size"),
    ],
)
def test_slices_that_do_not_stack_are_told(deep, tmp_path, change, skip, message):
    values = RNG.integers(0, 9, (6, 8, 8))
    dicom_series(tmp_path / "scan", values, skip=skip, change=change)
    done = predict_files(predict.load_segmenter(deep), tmp_path / "scan", tmp_path / "out")
    assert message in done.failed[0].error and not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", [unplaced, unplaced_and_recounted, tilted, hardly_shifted])
def test_slices_that_stack_are_read(deep, tmp_path, change):
    dicom_series(tmp_path / "scan", RNG.integers(0, 9, (6, 8, 8)), change=change)
    done = predict_files(predict.load_segmenter(deep), tmp_path / "scan", tmp_path / "out")
    assert not done.failed


def test_a_link_that_leads_nowhere_is_told_and_the_others_go_on(flat, tmp_path):
    picture_file(tmp_path / "scans/a.png", channels=1)
    (tmp_path / "scans/b.png").symlink_to(tmp_path / "gone.png")
    done = predict_files(predict.load_segmenter(flat), tmp_path / "scans", tmp_path / "out")
    assert len(done.failed) == 1 and "There is no image '" in done.failed[0].error
    assert files_below(tmp_path / "out") == ["a.png"]


def test_without_pydicom_a_sentence_says_what_to_install(deep, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    (tmp_path / "scan.dcm").write_bytes(b"0" * 128 + b"DICM")
    done = predict_files(predict.load_segmenter(deep), tmp_path / "scan.dcm", tmp_path / "out")
    assert 'pip install "ucmt-lite[dicom]"' in done.failed[0].error


# What is wrong


def test_one_broken_file_is_told_and_the_others_go_on(flat, tmp_path, capsys):
    images = tmp_path / "set"
    for name in ("a", "b", "c"):
        picture_file(images / f"{name}.png")
    (images / "b.png").write_bytes((images / "b.png").read_bytes()[:300])
    command = ["predict", str(flat), str(images), "--out", str(tmp_path / "out")]
    assert cli.main(command) == 1
    printed = capsys.readouterr()
    (line,) = [line for line in printed.err.splitlines() if line.startswith("ucmt-lite:")]
    assert "b.png' cannot be read" in line
    assert "2 of 3 images" in printed.out
    assert files_below(tmp_path / "out") == ["a.png", "c.png"]


def test_a_damaged_array_is_told_and_the_others_go_on(flat, tmp_path):
    (tmp_path / "set").mkdir()
    np.save(tmp_path / "set/a.npy", np.zeros((32, 32), np.uint8))
    whole = (tmp_path / "set/a.npy").read_bytes()
    endless = whole[:128].replace(b"(32, 32), }", b"(32000000000000, 32), }")[:127] + b"\n"
    (tmp_path / "set/b.npy").write_bytes(endless + whole[128:])
    done = predict_files(predict.load_segmenter(flat), tmp_path / "set", tmp_path / "out")
    assert [bool(row.error) for row in done.files] == [False, True]
    assert "b.npy' cannot be read" in done.failed[0].error


@pytest.mark.parametrize("slices", [4, 5])
def test_an_axis_that_is_said_is_that_of_slices_however_few(flat, tmp_path, slices):
    volume = RNG.integers(0, 256, (32, 40, slices), dtype=np.uint8)
    np.save(tmp_path / "volume.npy", volume)
    segmenter = predict.load_segmenter(flat)
    done = predict_files(segmenter, tmp_path / "volume.npy", tmp_path / "out", axis=2)
    mask = np.load(done.files[0].mask)
    assert mask.shape == volume.shape
    assert np.array_equal(mask[..., 1], segmenter.segment(volume[..., 1]))
    from_colour = predict.load_segmenter(network_file(tmp_path, in_channels=3))
    done = predict_files(from_colour, tmp_path / "volume.npy", tmp_path / "out", axis=2)
    assert "1 of 1 image is grey" in done.remarks[0]


def test_grey_images_are_told_where_the_network_learned_from_colour(tmp_path, capsys):
    network = network_file(tmp_path, in_channels=3)
    picture_file(tmp_path / "set/colour.png")
    picture_file(tmp_path / "set/grey.png", channels=1)
    nifti_file(tmp_path / "set/volume.nii.gz", shape=(16, 16, 3))
    command = ["predict", str(network), str(tmp_path / "set"), "--out", str(tmp_path / "out")]
    assert cli.main(command) == 0
    assert "2 of 3 images are grey (first " in capsys.readouterr().out
    assert cli.main([*command, "--json"]) == 0
    assert "grey.png" in json.loads(capsys.readouterr().out)["remarks"][0]
    (tmp_path / "truth").mkdir()
    height, width = np.asarray(Image.open(tmp_path / "set/grey.png")).shape
    Image.fromarray(np.zeros((height, width), np.uint8)).save(tmp_path / "truth/grey.png")
    assert cli.main([*command, "--masks", str(tmp_path / "truth")]) == 0
    assert "2 of 3 images are grey (first " in capsys.readouterr().out
    (tmp_path / "set/grey.png").unlink(), (tmp_path / "set/volume.nii.gz").unlink()
    assert cli.main(command) == 0 and "from colour" not in capsys.readouterr().out


def test_a_network_of_channels_that_no_image_has_gets_no_card(tmp_path):
    with pytest.raises(InputError, match="1 for grey images or 3 for colour"):
        network_file(tmp_path, in_channels=4)


def test_an_interrupted_mask_is_not_there(flat, tmp_path, monkeypatch):
    photo = picture_file(tmp_path / "photo.png")

    def interrupted(array, path, palette):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("ucmt_lite.predict.formats._write_png", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_files(predict.load_segmenter(flat), photo, tmp_path / "out")
    assert files_below(tmp_path / "out") == []


def test_a_full_disk_ends_with_a_sentence(flat, tmp_path, monkeypatch):
    photo = picture_file(tmp_path / "photo.png")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ucmt_lite.predict.formats._write_png", full)
    with pytest.raises(InputError, match="cannot be written .No space left on device.: choose"):
        predict_files(predict.load_segmenter(flat), photo, tmp_path / "out")
    assert files_below(tmp_path / "out") == []


def test_colours_of_truths_mean_what_they_meant_in_training(tmp_path):
    """Of one truth alone its colour does not tell which class it is."""
    red, green = (255, 0, 0), (0, 255, 0)
    for number in range(8):
        mask = np.zeros((32, 32, 3), np.uint8)
        mask[4:12, 4:12], mask[16:24, 16:24] = red, green
        picture_file(tmp_path / f"set/images/{number}.png", 32, 32)
        (tmp_path / "set/masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(tmp_path / f"set/masks/{number}.png")
    config = RunConfig(
        dataset="folder", data=str(tmp_path / "set"), classes=3, size=32, iterations=1, labeled=2
    )
    folder = run(replace(config, distances=False), tmp_path / "run").folder
    segmenter = predict.load_segmenter(folder / "teacher.safetensors")
    values = Meaning.of_dict(segmenter.card["mask_values"]).table

    only_red = np.zeros((32, 32, 3), np.uint8)
    only_red[4:12, 4:12] = red
    (tmp_path / "truth").mkdir()
    Image.fromarray(only_red).save(tmp_path / "truth/0.png")
    jobs, _ = find_jobs([tmp_path / "set/images/0.png"], tmp_path / "out", None)
    truths = find_truths(tmp_path / "truth", jobs, ("a", "b", "c"), segmenter.card["mask_values"])
    assert truths.read(jobs[0].key, jobs[0].image).max() == values[red]

    only_red[4:12, 4:12] = (0, 0, 255)
    Image.fromarray(only_red).save(tmp_path / "truth/0.png")
    anew = find_truths(tmp_path / "truth", jobs, ("a", "b"), segmenter.card["mask_values"])
    assert anew.read(jobs[0].key, jobs[0].image).max() == 1


def test_truths_numbered_otherwise_are_told(flat, tmp_path):
    for number in range(3):
        picture_file(tmp_path / f"set/{number}.png")
        picture = Image.fromarray(np.full((40, 40), number % 2, np.uint8))
        (tmp_path / "truth").mkdir(exist_ok=True)
        picture.save(tmp_path / f"truth/{number + 1}.png")
    segmenter = predict.load_segmenter(flat)
    done = predict_files(segmenter, tmp_path / "set", tmp_path / "out", masks=tmp_path / "truth")
    told = "1 of 3 images have no mask in"
    assert told in done.truths_are and "and 1 masks there no image (first 3.png)" in done.truths_are


@pytest.mark.parametrize("masks", ["1st_manual", "GT_masks", "leftMask", "manual1"])
def test_no_folder_of_masks_is_predicted(flat, tmp_path, masks):
    picture_file(tmp_path / "set/pictures/a.png")
    picture_file(tmp_path / f"set/{masks}/b.png")
    done = predict_files(predict.load_segmenter(flat), tmp_path / "set", tmp_path / "out")
    assert [row.image.name for row in done.files] == ["a.png"]


def test_an_image_too_large_for_the_memory_is_told_and_the_others_go_on(
    flat, tmp_path, monkeypatch
):
    for name in ("a", "b"):
        picture_file(tmp_path / f"set/{name}.png")
    segmenter = predict.load_segmenter(flat)
    answers = iter([RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 GB"), None])
    softmax_of = folders._softmax_of

    def short_once(*arguments, **settings):
        if error := next(answers):
            raise error
        return softmax_of(*arguments, **settings)

    monkeypatch.setattr(folders, "_softmax_of", short_once)
    done = predict_files(segmenter, tmp_path / "set", tmp_path / "out")
    first, second = done.files
    assert "too little memory" in first.error and "9 GB" in first.error and not second.error
    assert files_below(tmp_path / "out") == ["b.png"]


def test_what_was_predicted_is_replaced_and_what_was_corrected_is_not(flat, tmp_path):
    images, out = tmp_path / "set", tmp_path / "out"
    for name in "ab":
        picture_file(images / f"{name}.png")
        Image.fromarray(np.ones((40, 50), np.uint8)).save(images / f"{name}_mask.png")
    segmenter = predict.load_segmenter(flat)
    wanted = {"uncertainty": True, "pictures": True, "probabilities": True, "masks": images}
    for _ in range(2):
        predict_files(segmenter, images, out, **wanted)
    assert "uncertainty/a.png" in files_below(out) and "scores.csv" in files_below(out)
    for name in (
        "a.png",
        "uncertainty/b.png",
        "pictures/a.png",
        "probabilities/b.npz",
        "scores.csv",
    ):
        by_hand = (out / name).read_bytes() + b" "
        (out / name).write_bytes(by_hand)
        with pytest.raises(InputError, match=f"{name} is there already, and is not as this"):
            predict_files(segmenter, images, out, **wanted)
        assert (out / name).read_bytes() == by_hand
        (out / name).unlink()
        predict_files(segmenter, images, out, **wanted)


MASKS_BESIDE = {
    "own/images": "own/masks",
    "isic/Original": "isic/Ground Truth",
    "parts/images/train": "parts/masks/train",
    "drawn/train": "drawn/train_labels",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda args, folder: args | {"images": folder / "none"}, "There is no file or folder"),
        (lambda args, folder: args | {"images": folder / "empty"}, "holds no images"),
        (lambda args, folder: args | {"images": folder / "notes.txt"}, "is no kind of image"),
        (lambda args, folder: args | {"out": folder / "set"}, "is an image itself"),
        (lambda args, folder: args | {"masks": folder / "none"}, "There is no folder"),
        (lambda args, folder: args | {"masks": folder / "empty"}, "No image has a mask in"),
        (lambda args, folder: args | {"images": folder / "twins"}, "would both be written to"),
        (
            lambda args, folder: args | {"masks": folder / "truth", "out": folder / "truth"},
            "is a true mask, which would be overwritten",
        ),
        *(
            (
                lambda args, folder, images=images, masks=masks: {
                    "images": folder / images,
                    "out": folder / masks,
                },
                "is there already, and is not as this command has written it: choose another",
            )
            for images, masks in MASKS_BESIDE.items()
        ),
    ],
    ids=[
        *("absent", "empty", "no image", "in place", "no masks", "no mask", "twins"),
        *("over the truths", *(f"over {masks}" for masks in MASKS_BESIDE.values())),
    ],
)
def test_what_cannot_be_done_is_said_before_the_first_image(flat, tmp_path, change, message):
    for images, masks in {"set": "truth", **MASKS_BESIDE}.items():
        for folder in (images, masks):
            picture_file(tmp_path / folder / "a.png")
    picture_file(tmp_path / "twins/a.png")
    picture_file(tmp_path / "twins/a.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    before = files_below(tmp_path)
    args = change({"images": tmp_path / "set", "out": tmp_path / "out"}, tmp_path)
    with pytest.raises(InputError, match=message):
        predict_files(predict.load_segmenter(flat), **args)
    assert files_below(tmp_path) == before


# The command


def test_the_command_prints_dice(flat, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    segmenter = predict.load_segmenter(flat)
    for name in ("a", "b"):
        picture_file(tmp_path / f"set/{name}.png")
    (tmp_path / "truth").mkdir()
    Image.fromarray(segmenter.segment("set/a.png")).save("truth/a.png")
    # The star as Windows hands it over
    command = ["predict", str(flat), "set/*.png", "--out", "out", "--masks", "truth"]
    assert cli.main(command) == 0
    printed = capsys.readouterr().out
    assert "2 of 2 images: masks in out" in printed and "lesion 1.000" in printed
    assert cli.main([*command, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    content = json.loads(line)
    assert content["scores"]["dice"] == 1 and len(content["files"]) == 2
    assert cli.main([*command, "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_the_command_takes_the_folder_of_a_run(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    network_file(tmp_path).rename(tmp_path / "run/teacher.safetensors")
    photo = picture_file(tmp_path / "a.png")
    out = str(tmp_path / "out")
    assert cli.main(["predict", str(tmp_path / "run"), str(photo), "--out", out]) == 0
    assert cli.main(["predict", str(tmp_path), str(photo), "--out", out]) == 2
    assert "There is no file" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_how_the_colours_of_truths_were_read_is_said(mode, flat, tmp_path):
    photo = picture_file(tmp_path / "a.png")
    truth = np.zeros((40, 50), np.uint8)
    truth[5:20, 7:20], truth[25:35, 30:45] = 1, 2
    picture = Image.fromarray(truth)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    (tmp_path / "truth").mkdir()
    picture.convert(mode).save(tmp_path / "truth/a.png")
    done = predict_files(
        predict.load_segmenter(flat), photo, tmp_path / "out", masks=tmp_path / "truth"
    )
    assert any("Masks are read by their" in remark for remark in done.remarks)
