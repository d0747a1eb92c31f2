"""The named sets: phantoms, and real ones in the layouts in which people have them."""

import h5py
import numpy as np
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.data import CATALOGUE, PHANTOMS, Source, cases, load
from ucmt_lite.data.phantoms import generate


def lengths(source: Source) -> dict[str, int]:
    return {split: len(table) for split, table in source.splits.items()}


@pytest.mark.parametrize("name", PHANTOMS)
def test_phantoms(name):
    source = load(name, size=16, count=(3, 1, 2), seed=4)
    assert lengths(source) == {"train": 3, "validation": 1, "test": 2}
    assert (source.name, source.dims, source.channels) == (
        name,
        PHANTOMS[name].dims,
        PHANTOMS[name].channels,
    )
    part = cases(source.splits["train"])
    drawn = generate(name, 3, 16, 3 * 4)
    for i in range(3):
        image = drawn["image"][i]
        assert (
            part.images[i] == (np.moveaxis(image, -1, 0) if source.channels == 3 else image[None])
        ).all()
        assert (part.masks[i] == drawn["mask"][i]).all()
        assert part.ambiguity[i].dtype == np.float16
        # Kept in 8 bits in 2D.
        np.testing.assert_allclose(part.ambiguity[i], drawn["ambiguity"][i], atol=0.0025)
    everything = [
        image.tobytes() for split in source.splits.values() for image in cases(split).images
    ]
    assert len(set(everything)) == 6  # no sample twice, not in another split either


def test_phantom_defaults(monkeypatch):
    asked = []

    def blank(name, count, size, seed):
        asked.append((count, size, seed))
        shape = (count, *(4,) * PHANTOMS[name].dims)
        colour = (3,) if PHANTOMS[name].channels == 3 else ()
        return {
            "image": np.zeros(shape + colour, np.uint8),
            "mask": np.zeros(shape, np.uint8),
            "ambiguity": np.zeros(shape),
        }

    monkeypatch.setattr("ucmt_lite.data.drawn.generate", blank)
    for name in PHANTOMS:
        source = load(name)
        expected = (300, 50, 200) if source.dims == 2 else (24, 4, 12)
        assert tuple(lengths(source).values()) == expected
        assert asked[-3:] == [(expected[k], None, k) for k in range(3)]
    assert lengths(load("phantom_heart", count=7)) == {
        "train": 7,
        "validation": 50,
        "test": 200,
    }
    load("phantom_heart", seed=1)
    assert [seed for *_, seed in asked[-3:]] == [3, 4, 5]  # disjoint from those of seed 0


def test_isic_official_layout(tmp_path, draw):
    for i in ("0012290", "0013594", *range(6)):
        name = f"ISIC_{i}" if isinstance(i, str) else f"ISIC_000000{i}"
        draw(
            tmp_path / f"ISIC2018_Task1-2_Training_Input/{name}.jpg",
            np.full((8, 12, 3), 90, np.uint8),
        )
        mask = np.zeros((8, 12), np.uint8)
        mask[2:5, 2:5] = 255
        draw(tmp_path / f"ISIC2018_Task1_Training_GroundTruth/{name}_segmentation.png", mask)
    (tmp_path / "ISIC2018_Task1-2_Training_Input/LICENSE.txt").write_text("...")
    source = load("isic2018", root=tmp_path)
    assert (source.classes, source.channels, source.dims) == (("background", "lesion"), 3, 2)
    assert source.split_rule == "by seed 0, 70/10/20 % of the groups"
    for seed in range(5):  # two pictures of one lesion are never on both sides
        source = load("isic2018", root=tmp_path, seed=seed)
        side = {name: split for split, table in source.splits.items() for name in table["id"]}
        assert side["ISIC_0012290"] == side["ISIC_0013594"] and len(side) == 8


def test_kvasir_layout(tmp_path, draw):
    for i in range(5):
        square = np.zeros((16, 20), np.uint8)
        square[4:12, 4:12] = 255
        draw(tmp_path / f"Kvasir-SEG/images/cju{i}.jpg", np.full((16, 20, 3), 90, np.uint8))
        # Its masks are RGB JPEGs.
        draw(tmp_path / f"Kvasir-SEG/masks/cju{i}.jpg", np.stack([square] * 3, axis=2))
    (tmp_path / "Kvasir-SEG/kavsir_bboxes.json").write_text("{}")
    source = load("kvasir_seg", root=tmp_path)
    assert source.classes == ("background", "polyp") and sum(lengths(source).values()) == 5
    assert cases(source.splits["train"]).masks[0].sum() == 64


@pytest.fixture
def acdc(tmp_path):
    folder = tmp_path / "acdc" / "data" / "slices"
    folder.mkdir(parents=True)
    for patient in range(1, 11):
        for frame, number in ((1, 1), (1, 2), (9, 1)):
            with h5py.File(
                folder / f"patient{patient:03d}_frame{frame:02d}_slice_{number}.h5", "w"
            ) as file:
                file["image"] = np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8)
                file["label"] = np.arange(48, dtype=np.uint8).reshape(6, 8) % 4
                file["scribble"] = np.full((6, 8), 4, np.uint8)
    with h5py.File(
        folder.parent / "patient001_frame01.h5", "w"
    ) as file:  # the whole volume, which is not a slice
        file["image"] = np.zeros((2, 6, 8))
        file["label"] = np.zeros((2, 6, 8), np.uint8)
    return tmp_path / "acdc"


def test_acdc_layout(acdc):
    source = load("acdc", root=acdc)
    assert (
        source.classes == ("background", "right ventricle", "myocardium", "left ventricle")
        and source.dims == 2
    )
    assert lengths(source) == {"train": 21, "validation": 3, "test": 6}  # 7, 1 and 2 of 10 patients
    patients = [set(split["group"]) for split in source.splits.values()]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 10
    assert set(np.unique(cases(source.splits["test"], size=4).masks[0])) <= {0, 1, 2, 3}


def test_acdc_lists_may_name_patients_and_frames(acdc):
    (acdc / "train_slices.list").write_text(
        "patient002_frame01_slice_1\npatient002_frame01_slice_2\n"
    )
    (acdc / "val.list").write_text("patient003_frame09\n")
    (acdc / "test.list").write_text("patient004\n")
    assert lengths(load("acdc", root=acdc)) == {"train": 2, "validation": 1, "test": 3}


def test_la_twins_stay_together(volumes):
    root = volumes(
        names=("ULHWPWKKLTE9", "4498CA6DZWEL", "06SR5RBREL16", "1D7CUD1955YZ", "UPT6DX9IQY9J")
    )
    for seed in range(5):
        source = load("la2018", root=root, seed=seed)
        side = {name: split for split, table in source.splits.items() for name in table["id"]}
        assert side["ULHWPWKKLTE9"] == side["4498CA6DZWEL"]
        assert set(lengths(source)) == {"train", "test"}


@pytest.mark.parametrize("name", CATALOGUE)
def test_three_ways_to_get_a_set(name, tmp_path, monkeypatch):
    monkeypatch.delenv("UCMT_DATA", raising=False)
    with pytest.raises(InputError) as caught:
        load(name)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.count(". ") == 0
    way = "download=True" if CATALOGUE[name].archives else CATALOGUE[name].homepage
    for part in (name, "$UCMT_DATA", "three ways", "root=", way, "hub="):
        assert part in sentence
    monkeypatch.setenv("UCMT_DATA", str(tmp_path))
    with pytest.raises(InputError, match=f"'{name}' is not in {tmp_path / name}"):
        load(name)


def test_data_variable(pictures, tmp_path, monkeypatch):
    pictures(tmp_path / "kvasir_seg")
    monkeypatch.setenv("UCMT_DATA", str(tmp_path))
    assert load("kvasir_seg").name == "kvasir_seg"


def test_download(tmp_path, monkeypatch, pictures):
    monkeypatch.delenv("UCMT_DATA", raising=False)
    with pytest.raises(InputError, match="no place to download 'kvasir_seg' to"):
        load("kvasir_seg", download=True)
    fetched = []

    def fetch_set(archives, folder):
        fetched.append(archives)
        pictures(folder)

    monkeypatch.setattr("ucmt_lite.data.loading.fetch_set", fetch_set)
    assert lengths(load("kvasir_seg", root=tmp_path / "new", download=True))["train"] == 4
    load("kvasir_seg", root=tmp_path / "new", download=True)  # it is there: not fetched again
    assert fetched == [CATALOGUE["kvasir_seg"].archives]
    with pytest.raises(InputError, match="register or agree to terms"):
        load("acdc", root=tmp_path / "nothing", download=True)


def test_unknown_name():
    with pytest.raises(InputError, match="Unknown data set 'isic_2018': did you mean 'isic2018'"):
        load("isic_2018")


def test_cases_of_something_else():
    import datasets

    with pytest.raises(InputError, match="needs the column 'id' but has x: make it with"):
        cases(datasets.Dataset.from_dict({"x": [1]}))
    with pytest.raises(InputError, match="size=0 is no side length"):
        cases(load("phantom_heart", size=16, count=(1, 1, 1)).splits["train"], size=0)


def test_real_isic(real_data):
    source = load("isic2018", root=real_data("isic2018_256"), count=(30, 20, 10))
    assert lengths(source) == {"train": 30, "validation": 20, "test": 10}
    assert source.split_rule == "lists in the folder, 8 groups on both sides (ISIC_0000162)"
    part = cases(source.splits["validation"], size=128)
    assert {image.shape for image in part.images} == {(3, 128, 128)}
    assert {value for mask in part.masks for value in np.unique(mask)} == {0, 1}


def test_real_la(real_data):
    source = load("la2018", root=real_data("la2018"), count=(2, 0, 1))
    assert (source.dims, source.channels, source.classes) == (3, 1, ("background", "left atrium"))
    part = cases(source.splits["test"])
    assert (
        part.images[0].dtype == np.float16
        and part.images[0].shape[3] == 88
        and set(np.unique(part.masks[0])) == {0, 1}
    )
