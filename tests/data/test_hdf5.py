"""HDF5 and NIfTI: volumes and slices, what is done to their greys, what is refused."""

import h5py
import numpy as np
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load


def test_volumes_become_standardised_float16(volumes):
    root = volumes()
    source = load("hdf5", root=root, classes=["background", "atrium"])
    assert (source.dims, source.channels, source.classes) == (3, 1, ("background", "atrium"))
    part = cases(source.splits["train"])
    for name, image, mask in zip(part.ids, part.images, part.masks, strict=True):
        with h5py.File(root / f"{name}.h5") as file:
            raw = file["image"][()]
            label = file["label"][()]
        # Axes as they are in the file.
        assert image.shape == (1, 8, 7, 6) and image.dtype == np.float16
        np.testing.assert_allclose(image[0], (raw - raw.mean()) / raw.std(), atol=4e-3)
        assert (mask == label).all() and mask.dtype == np.uint8


def test_standardised_volumes_stay(volumes):
    """A scan that was standardised whole and then cropped must not be standardised again.

    It has neither mean 0 nor deviation 1.
    """
    root = volumes(scale=0.5)  # mean and deviation 0.5
    part = cases(load("hdf5", root=root).splits["train"])
    for name, image in zip(part.ids, part.images, strict=True):
        with h5py.File(root / f"{name}.h5") as file:
            assert (image[0] == file["image"][()].astype(np.float16)).all()


def test_eight_bit_volumes_stay(tmp_path):
    for i in range(3):
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file["image"] = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
            file["mask"] = np.ones((2, 3, 4), np.uint8)
            file.attrs["spacing"] = (2.0, 1.0, 0.5)
    part = cases(load("hdf5", root=tmp_path).splits["test"])
    assert part.images[0].dtype == np.uint8 and part.images[0].max() == 23
    assert part.spacing == ((2.0, 1.0, 0.5),)


@pytest.mark.parametrize("where", ["file", "image", "array"])
def test_the_spacing_is_read_wherever_files_keep_it(where, volumes):
    root = volumes()
    for path in root.glob("*.h5"):
        with h5py.File(path, "a") as file:
            if where == "array":
                file["spacing"] = (2.0, 1.0, 0.5)
            else:
                (file if where == "file" else file["image"]).attrs["spacing"] = (2.0, 1.0, 0.5)
    assert set(cases(load("hdf5", root=root).splits["train"]).spacing) == {(2.0, 1.0, 0.5)}
    with h5py.File(path, "a") as file:
        file["image"].attrs["spacing"] = "1 mm"
    if where != "file":  # which is asked first
        with pytest.raises(InputError, match="spacing is 1 mm, which is no list of numbers: give"):
            load("hdf5", root=root)


def test_a_patient_in_an_attribute_and_channels_beside_a_mask(volumes):
    root = volumes((20, 24))
    for name, patient in zip("abcdef", ["P1", "p01", "P2", "P2", b"P3", "P3"], strict=True):
        with h5py.File(root / f"{name}.h5", "a") as file:
            file.attrs["Patient ID"] = patient
    source = load("hdf5", root=root, size=16)
    groups = [set(split["group"]) for split in source.splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 3
    with h5py.File(root / "b.h5", "a") as file:
        del file["image"]
        file["image"] = np.zeros((20, 24, 3), np.float32)
    with pytest.raises(InputError, match="one axis of the image may be channels: save slices"):
        load("hdf5", root=root, size=16)


def test_a_spacing_that_is_empty_or_of_the_whole_volume_is_none(volumes):
    root = volumes((8, 7))
    for path in root.glob("*.h5"):
        with h5py.File(path, "a") as file:
            file.attrs["spacing"] = ()
            file["spacing"] = (10.0, 1.5, 1.5)
    assert set(cases(load("hdf5", root=root).splits["train"]).spacing) == {None}
    for path in root.glob("*.h5"):
        with h5py.File(path, "a") as file:
            file["image"].attrs["spacing"] = (1.5, 1.5)
    assert set(cases(load("hdf5", root=root).splits["train"]).spacing) == {(1.5, 1.5)}


def test_a_row_of_a_volume_split_is_arrays(volumes):
    split = load("hdf5", root=volumes()).splits["train"]
    assert split[0]["image"].shape == (8, 7, 6) and split[:2]["mask"][1].dtype == np.uint8
    assert len(cases(split.select([1, 2]))) == 2


def test_slices_become_pictures(volumes):
    source = load("hdf5", root=volumes((12, 9)))
    assert source.dims == 2 and source.splits["train"][0]["image"].mode == "L"
    part = cases(source.splits["train"], size=6)
    assert part.images[0].shape == (1, 6, 6) and part.images[0].dtype == np.uint8
    whole = cases(source.splits["train"]).images[0]
    assert whole.min() == 0 and whole.max() == 255


def test_slices_within_one_keep_their_brightness(tmp_path):
    # Normalised over the volume: a dark slice must stay dark.
    for i, top in enumerate((0.2, 0.6, 1.0)):
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file["image"] = np.linspace(0, top, 16).reshape(4, 4)
            file["label"] = np.eye(4, dtype=np.uint8)
    parts = [cases(split) for split in load("hdf5", root=tmp_path).splits.values()]
    assert {
        name: int(image.max())
        for part in parts
        for name, image in zip(part.ids, part.images, strict=True)
    } == {
        "0": 51,
        "1": 153,
        "2": 255,
    }


def test_lists_and_folders_of_cases(volumes, tmp_path):
    root = volumes()
    for name in "ab":  # one folder a case, the file always of one name
        (root / name).mkdir()
        (root / f"{name}.h5").rename(root / name / "mri_norm2.h5")
    (root / "train.list").write_bytes(b"b\r\na")
    (root / "test.list").write_bytes(b"c\r\nd")
    source = load("hdf5", root=root)
    assert {split: table["id"][:] for split, table in source.splits.items()} == {
        "train": ["b", "a"],
        "test": ["c", "d"],
    }


@pytest.mark.parametrize("kind", ["hdf5", "nifti"])
def test_groups_stay_together(kind, volumes, tmp_path):
    if kind == "hdf5":
        root = volumes()
    else:
        nibabel = pytest.importorskip("nibabel", reason="NIfTI needs the package nibabel")
        root = tmp_path
        values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
        for folder, array in (("images", values), ("masks", (values > 9).astype(np.float32))):
            (root / folder).mkdir()
            for name in "abcdef":
                nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), root / folder / f"{name}.nii")
    (root / "groups.csv").write_text(
        "id,group\n" + "".join(f"{n},{g}\n" for n, g in zip("abcdef", "xxyyzz", strict=True))
    )
    for seed in range(5):
        groups = [set(split["group"]) for split in load(kind, root=root, seed=seed).splits.values()]
        assert sum(map(len, groups)) == len(set.union(*groups)) == 3


def test_a_slice_of_fewer_pixels_has_larger_ones(volumes):
    root = volumes((8, 4))
    for file in root.iterdir():
        with h5py.File(file, "a") as h5:
            h5.attrs["spacing"] = (1.0, 2.0)
    assert set(cases(load("hdf5", root=root, size=4).splits["train"]).spacing) == {(2.0, 2.0)}


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("image", np.full((8, 7, 6), np.nan, np.float32), r"a.h5' holds NaN or infinite values"),
        ("image", np.full((8, 7, 6), np.inf, np.float32), r"a.h5' holds NaN or infinite values"),
        ("image", np.full((8, 7, 6), 500, np.int16), r"a.h5' has the same value everywhere"),
        (
            "image",
            np.zeros((8, 7, 5), np.float32),
            r"image is \(8, 7, 5\) but label is \(8, 7, 6\)",
        ),
        (
            "label",
            np.full((8, 7, 6), 3, np.uint8),
            r"a.h5' holds the values 3 where 2 classes need",
        ),
        ("label", np.full((8, 7, 6), np.nan), r"a.h5' holds the values nan where 2 classes need"),
    ],
)
def test_wrong_arrays(volumes, key, value, sentence):
    root = volumes()
    with h5py.File(root / "a.h5", "a") as file:
        del file[key]
        file[key] = value
    with pytest.raises(InputError, match=sentence):
        load("hdf5", root=root)


def test_wrong_files(volumes, tmp_path):
    with pytest.raises(InputError, match=r"has the keys a, b: name its arrays image and label"):
        load("hdf5", root=volumes(keys=("a", "b")))
    root = volumes(root=tmp_path / "cut")
    (root / "b.h5").write_bytes((root / "b.h5").read_bytes()[:500])
    with pytest.raises(InputError, match=r"File '.*b.h5' cannot be read"):
        load("hdf5", root=root)
    volumes((8, 7), names="q", root=root)
    (root / "b.h5").unlink()
    with pytest.raises(InputError, match="another number of axes"):
        load("hdf5", root=root)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty holds no \*.h5 files"):
        load("hdf5", root=tmp_path / "empty")


def test_nifti(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="NIfTI needs the package nibabel")
    values = np.linspace(-1000, 1000, 120).reshape(4, 5, 6).astype(np.float32)
    for kind, volume in (("images", values), ("masks", (values > 0).astype(np.uint8))):
        (tmp_path / kind).mkdir()
        for i in range(4):
            volume = nibabel.Nifti1Image(np.asarray(volume), np.diag([0.7, 0.8, 2.5, 1.0]))
            nibabel.save(volume, tmp_path / kind / f"{i}.nii.gz")
            volume = np.asarray(volume.dataobj)
    source = load("pancreas_ct", root=tmp_path)
    part = cases(source.splits["train"])
    clipped = np.clip(values, -125, 275)
    np.testing.assert_allclose(
        part.images[0][0], (clipped - clipped.mean()) / clipped.std(), atol=4e-3
    )
    np.testing.assert_allclose(part.spacing[0], (0.7, 0.8, 2.5), rtol=1e-5)
    assert [len(split) for split in source.splits.values()] == [3, 1]
    with pytest.raises(InputError, match="volumes keep their size"):
        load("nifti", root=tmp_path, size=32)
    (tmp_path / "images/2.nii.gz").unlink()
    with pytest.raises(InputError, match=r"Mask 'masks/2.nii.gz' has no image"):
        load("nifti", root=tmp_path)


def test_two_files_of_one_id_and_empty_arrays_are_told(tmp_path):
    for folder, shape in (("a", (4, 4, 4)), ("b", (4, 4, 4)), ("empty", (0, 4, 4))):
        (tmp_path / folder).mkdir()
        for name in ("1", "2"):
            with h5py.File(tmp_path / folder / f"{name}.h5", "w") as file:
                for key in ("image", "label"):
                    file[key] = np.zeros(shape, np.uint8)
    (tmp_path / "a/1.hdf5").write_bytes((tmp_path / "a/1.h5").read_bytes())
    with pytest.raises(InputError, match="Two files .* have the id 'a/1'"):
        load("hdf5", root=tmp_path)
    with pytest.raises(InputError, match="nothing at all"):
        load("hdf5", root=tmp_path / "empty")


def test_a_nifti_mask_with_other_axes_than_its_image_is_refused(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="NIfTI needs the package nibabel")
    volume = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    for i in range(3):
        for kind, array, step in (
            ("images", volume, 1.0),
            ("masks", volume > 30, -1.0 if i == 1 else 1.0),
        ):
            (tmp_path / kind).mkdir(exist_ok=True)
            nibabel.save(
                nibabel.Nifti1Image(np.asarray(array, np.float32), np.diag([step, 1.0, 2.0, 1.0])),
                tmp_path / kind / f"{i}.NII.GZ",
            )
    with pytest.raises(
        InputError, match="1.NII.GZ' has its axes towards LAS but its image towards RAS"
    ):
        load("nifti", root=tmp_path)
    (tmp_path / "images/1.nii").touch()
    with pytest.raises(InputError, match="Two images in .*images have the id '1'"):
        load("nifti", root=tmp_path)


def test_a_spacing_that_does_not_fit_and_a_group_for_an_array_are_refused(volumes):
    root = volumes((8, 7))
    with h5py.File(root / "b.h5", "a") as file:
        file.attrs["spacing"] = (10.0, 1.5, 1.5)
    with pytest.raises(
        InputError, match=r"b.h5': spacing is \(10.0, 1.5, 1.5\), the image has 2 axes"
    ):
        load("hdf5", root=root, size=16)
    with h5py.File(root / "b.h5", "a") as file:
        del file.attrs["spacing"], file["image"]
        file.create_group("image")
    with pytest.raises(InputError, match="b.h5': image is a group, not an array"):
        load("hdf5", root=root)


@pytest.mark.parametrize("folder", ["{}", "{}ing_set", "{}Dataset", "{}_images"])
def test_folders_of_splits_are_those_of_pictures(volumes, tmp_path, folder):
    for part, names in (("train", "abc"), ("test", "de")):
        volumes(root=tmp_path / "s" / folder.format(part.title()), names=names)
    source = load("hdf5", root=tmp_path / "s")
    found = {split: sorted(table["id"]) for split, table in source.splits.items()}
    assert found == {"train": ["a", "b", "c"], "test": ["d", "e"]}


def test_every_spelling_of_the_suffix_is_read(volumes):
    root = volumes()
    (root / "a.h5").rename(root / "a.hdf5")
    (root / "b.h5").rename(root / "b.H5")
    assert sum(map(len, load("hdf5", root=root).splits.values())) == 6


@pytest.mark.parametrize("stem", ["train", "isic_train", "data-Testing"])
def test_a_stack_of_slices_called_as_a_split_is_no_volume(stem, volumes):
    root = volumes((40, 32, 32), names=(stem, "other_val"))
    with pytest.raises(InputError, match="is called as a split and holds .40, 32, 32.: save one"):
        load("hdf5", root=root)


def test_a_volume_may_have_a_number_after_the_word_of_a_split(volumes):
    root = volumes(names=("train_01", "train_02", "train_03"))
    assert len(load("hdf5", root=root).splits["train"]) == 1


def test_folders_that_differ_in_the_word_of_their_split_are_splits(volumes, tmp_path):
    volumes(names=("a", "b", "c"), root=tmp_path / "h5/training_h5")
    volumes(names=("d",), root=tmp_path / "h5/testing_h5")
    splits = load("hdf5", root=tmp_path / "h5").splits
    assert {name: len(split) for name, split in splits.items()} == {"train": 3, "test": 1}
