"""Volumes lie in one orientation while they are read; masks come back on the file's own grid."""

import itertools
import shutil

import numpy as np
import pytest
import torch
from torch import nn

from ucmt_lite import predict
from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load
from ucmt_lite.data.nifti import load_volume

nibabel = pytest.importorskip("nibabel", reason="NIfTI needs the package nibabel")

AFFINE = np.diag([0.5, 0.75, 2.0, 1.0])
AFFINE[:3, 3] = (-10, 4, 7)


def body(i=0):
    """Return a volume without any symmetry, and its mask, in RAS."""
    rng = np.random.default_rng(i)
    mask = np.zeros((10, 12, 8), np.uint8)
    mask[1:4, 2:8, 1:3] = 1
    mask[1:3, 2:4, 3:5] = 1
    return (100 * mask + rng.normal(0, 9, mask.shape)).astype(np.float32), mask


def stored(values, codes, affine=AFFINE):
    """Return a volume whose axes are stored in other directions."""
    image = nibabel.Nifti1Image(values, affine)
    turn = nibabel.orientations.axcodes2ornt(tuple(codes))
    return image.as_reoriented(turn)


def save_set(root, count=4, *, images="RAS", masks="RAS", change=None):
    for i in range(count):
        for kind, values, codes in zip(("images", "masks"), body(i), (images, masks), strict=True):
            (root / kind).mkdir(parents=True, exist_ok=True)
            volume = stored(values, codes)
            if kind == "masks" and change is not None:
                volume = change(volume)
            nibabel.save(volume, root / kind / f"{i}.nii.gz")
    return root


CODES = [
    "".join(code)
    for order in itertools.permutations(("RL", "AP", "SI"), 3)
    for code in itertools.product(*order)
]


@pytest.mark.parametrize("codes", CODES)
def test_a_volume_is_turned_and_turned_back(codes, tmp_path):
    values, _ = body()
    nibabel.save(stored(values, codes), tmp_path / "a.nii.gz")
    volume = load_volume("Image", tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.values, values)
    assert volume.spacing == pytest.approx((0.5, 0.75, 2.0))
    file = nibabel.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.as_stored(volume.values), file.get_fdata())
    two = np.stack([volume.values, -volume.values])
    np.testing.assert_array_equal(volume.as_stored(two)[1], -file.get_fdata())


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SAL", "PIR"])
def test_every_orientation_is_read_and_segmented_alike(codes, tmp_path):
    source = load("nifti", root=save_set(tmp_path / codes, images=codes, masks=codes))
    plain = load("nifti", root=save_set(tmp_path / "plain"))
    assert source.preparation.orientation == "RAS"
    for ours, theirs in zip(source.splits.values(), plain.splits.values(), strict=True):
        for a, b in zip(cases(ours).images, cases(theirs).images, strict=True):
            np.testing.assert_array_equal(a, b)
        assert cases(ours).spacing == cases(theirs).spacing
    torch.manual_seed(0)
    net = nn.Conv3d(1, 2, (3, 5, 1), padding=(1, 2, 0)).eval()  # sees which axis is which
    card = {"dims": 3, "in_channels": 1, "preparation": source.preparation.as_dict()}
    segmenter = predict.Segmenter(net, card)
    file = tmp_path / codes / "images/1.nii.gz"
    mask = segmenter.segment(file)
    assert mask.shape == nibabel.load(file).shape
    turned = nibabel.as_closest_canonical(nibabel.Nifti1Image(mask, nibabel.load(file).affine))
    expected = segmenter.segment(tmp_path / "plain/images/1.nii.gz")
    np.testing.assert_array_equal(turned.get_fdata(), expected)
    assert segmenter.probabilities(file).shape == (2, *mask.shape)


def test_a_mask_stored_in_another_order_on_the_same_grid_is_read(tmp_path):
    source = load("nifti", root=save_set(tmp_path, images="LPS", masks="SAR"))
    assert (cases(source.splits["test"]).masks[0] == body()[1]).all()


def with_affine(affine):
    return lambda volume: nibabel.Nifti1Image(np.asarray(volume.dataobj), affine)


def moved(by):
    affine = AFFINE.copy()
    affine[:3, 3] += by
    return affine


def tilted():
    turn = np.eye(4)
    turn[:2, :2] = [[0.966, -0.259], [0.259, 0.966]]
    return turn @ AFFINE


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (with_affine(moved((3, 0, 4))), r"lies elsewhere than its image \(by 3 x 0 x 4 mm"),
        (with_affine(np.diag([1.0, 1, 1.5, 1])), "voxels of 1 x 1 x 1.5 mm but its image of 0.5"),
        (with_affine(tilted()), "lies elsewhere than its image"),
        (lambda v: v.slicer[:-1], r"is \(9, 12, 8\) but its image is \(10, 12, 8\)"),
    ],
    ids=["origin", "spacing", "turned", "shape"],
)
def test_a_mask_on_another_grid_is_refused(change, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        load("nifti", root=save_set(tmp_path, change=change))


@pytest.mark.parametrize("images", ["RAS", "LPI"])
def test_a_mask_without_a_position_lies_on_its_image(images, tmp_path):
    root = save_set(tmp_path, images=images, masks=images, change=with_affine(np.eye(4)))
    source = load("nifti", root=root)
    assert "tells no position in space in 4 cases (first '" in " ".join(source.notes)
    assert (cases(source.splits["test"]).masks[0] == body()[1]).all()


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("micron", 1e-3), ("unknown", 1)])
def test_spacing_has_the_unit_of_the_header(unit, factor, tmp_path):
    volume = stored(body()[0], "RAS")
    volume.header.set_xyzt_units(unit)
    nibabel.save(volume, tmp_path / "a.nii")
    expected = [mm * factor for mm in (0.5, 0.75, 2.0)]
    assert load_volume("Image", tmp_path / "a.nii").spacing == pytest.approx(expected)


def odd_unit(header):
    header["xyzt_units"] = 7


def sheared_rotation(header):
    header["quatern_b"], header["quatern_c"] = 3, 3


def not_a_number(header):
    header["srow_x"] = np.nan


def without_slope(header):
    header["scl_slope"], header["scl_inter"] = 0, np.nan


@pytest.mark.parametrize("damage", [odd_unit, sheared_rotation, not_a_number, without_slope])
def test_a_sound_volume_with_an_odd_header_is_read(damage, tmp_path):
    values, _ = body()
    volume = nibabel.Nifti1Image(values, AFFINE)
    volume.set_qform(AFFINE, 1)
    nibabel.save(volume, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    header = nibabel.Nifti1Header(bytes(content[:348]), check=False)
    damage(header)
    content[:348] = header.binaryblock
    (tmp_path / "a.nii").write_bytes(bytes(content))
    read = load_volume("Image", tmp_path / "a.nii")
    assert read.spacing == pytest.approx((0.5, 0.75, 2.0))
    assert sorted(read.values.ravel()) == sorted(values.ravel())


def test_compression_is_told_by_the_content_and_a_fourth_axis_of_one_is_dropped(tmp_path):
    values, _ = body()
    nibabel.save(nibabel.Nifti1Image(values[..., None], AFFINE), tmp_path / "a.nii")
    shutil.copy(tmp_path / "a.nii", tmp_path / "b.nii.gz")
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), tmp_path / "c.nii.gz")
    (tmp_path / "c.nii.gz").rename(tmp_path / "d.nii")
    for name in ("a.nii", "b.nii.gz", "d.nii"):
        np.testing.assert_array_equal(load_volume("Image", tmp_path / name).values, values)
    nibabel.save(nibabel.Nifti1Image(np.stack([values] * 2, -1), AFFINE), tmp_path / "e.nii")
    with pytest.raises(InputError, match="e.nii' has 4 axes: save one 3D volume in a file"):
        load_volume("Image", tmp_path / "e.nii")
    nibabel.save(nibabel.Nifti1Image(values.astype(np.complex64), AFFINE), tmp_path / "f.nii")
    with pytest.raises(InputError, match="f.nii' holds complex64 and no plain numbers"):
        load_volume("Image", tmp_path / "f.nii")


def test_at_45_degrees_the_last_digit_does_not_turn_a_mask(tmp_path):
    half = np.sqrt(0.5)
    for i in range(6):
        for kind, values, step in zip(("images", "masks"), body(i), (1e-6, -1e-6), strict=True):
            turned = np.diag([1.0, 1.0, 1.0, 1.0])
            turned[:2, :2] = [[half + step, -half], [half, half + step]]
            (tmp_path / kind).mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values, turned), tmp_path / kind / f"{i}.nii.gz")
    source = load("nifti", root=tmp_path)
    for split in source.splits.values():
        for image, mask in zip(cases(split).images, cases(split).masks, strict=True):
            assert (image[0][mask > 0] > 0).all() and mask.any()
