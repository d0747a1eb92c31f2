"""Patients stay on one side of a split, or it is said; lists beside the data are read."""

import os
import unicodedata

import h5py
import numpy as np
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load
from ucmt_lite.data.groups import find_groups, suspected_patients

SQUARE = np.zeros((40, 40), np.uint8)
SQUARE[5:20, 7:20] = 255


def folder_of(root, names, draw):
    for name in names:
        for kind in ("images", "masks"):
            draw(root / kind / f"{name}.png", SQUARE)
    return root


def sides_of(source):
    """Return the splits that every group is in."""
    sides = {}
    for name, split in source.splits.items():
        for group in split["group"]:
            sides.setdefault(group, set()).add(name)
    return sides


def ids(source):
    return {name: sorted(split["id"]) for name, split in source.splits.items()}


def test_a_folder_for_each_patient(tmp_path, draw):
    for patient in range(6):
        for k in range(5):
            for ending in ("", "_mask"):
                draw(tmp_path / f"TCGA_{patient}/TCGA_{patient}_{k}{ending}.tif", SQUARE)
    for seed in range(4):
        source = load("folder", root=tmp_path, seed=seed)
        assert set(sides_of(source)) == {f"TCGA_{i}" for i in range(6)}
        assert all(len(splits) == 1 for splits in sides_of(source).values())
    assert "6 folders are taken for patients (TCGA_" in " ".join(source.notes)
    alone = load("folder", root=tmp_path, group="none")
    assert len(sides_of(alone)) == 30


def test_folders_tell_equal_names_apart(tmp_path, draw):
    names = [f"p{patient}/{k:03d}" for patient in range(4) for k in range(3)]
    source = load("folder", root=folder_of(tmp_path, names, draw))
    assert sorted(sum(ids(source).values(), [])) == sorted(names)
    assert all(len(splits) == 1 for splits in sides_of(source).values())


def test_folders_of_kinds_are_no_patients(tmp_path, draw):
    names = [f"{kind}/{kind} ({i})" for kind in ("benign", "malignant") for i in range(6)]
    source = load("folder", root=folder_of(tmp_path, names, draw))
    assert len(sides_of(source)) == 12 and "patients" not in source.split_rule
    asked = load("folder", root=tmp_path, group="folder")
    assert set(sides_of(asked)) == {"benign", "malignant"}


@pytest.mark.parametrize("stray", ["s99", "extra/s99"])
def test_a_stray_case_leaves_folders_of_patients_what_they_are(stray, tmp_path, draw):
    names = [f"P{patient:03d}/s{4 * patient + k}" for patient in range(5) for k in range(4)]
    source = load("folder", root=folder_of(tmp_path, [*names, stray], draw))
    assert {len(splits) for splits in sides_of(source).values()} == {1}
    assert len(sides_of(source)) == 6


def test_folders_with_and_without_numbers_are_kinds(tmp_path, draw):
    names = [f"{kind}/{kind}_{i}" for kind in ("grade1", "grade2", "normal") for i in range(6)]
    source = load("folder", root=folder_of(tmp_path, names, draw))
    assert len(sides_of(source)) == 18


@pytest.mark.parametrize("parts", [("left", "right"), ("visit1", "visit_2"), ("T1", "T2/b")])
def test_folders_below_a_patient_are_of_that_patient(parts, tmp_path, draw):
    names = [
        f"p{n}/{part}/{n}{i}{k}" for n in range(5) for i, part in enumerate(parts) for k in "ab"
    ]
    for seed in range(3):
        source = load("folder", root=folder_of(tmp_path, names, draw), seed=seed)
        assert set(sides_of(source)) == {f"p{n}" for n in range(5)}
        assert all(len(splits) == 1 for splits in sides_of(source).values())


def test_people_below_one_folder_with_a_number_are_patients(tmp_path, draw):
    names = [f"set2/{name}/{name}{i}x" for name in ("anna", "bert", "carla") for i in range(4)]
    source = load("folder", root=folder_of(tmp_path, names, draw))
    assert set(sides_of(source)) == {"set2/anna", "set2/bert", "set2/carla"}


def test_many_folders_without_numbers_are_told(tmp_path, draw):
    people = ("anna", "bert", "carla", "dora", "emil")
    names = [f"{name}/x{i}{name}" for i, name in enumerate(4 * people)]
    source = load("folder", root=folder_of(tmp_path, names, draw))
    assert len(sides_of(source)) == 20 and "folders are on both sides (" in source.split_rule
    assert "say group='folder' if each folder is a patient" in source.split_rule
    asked = load("folder", root=tmp_path, group="folder")
    assert set(sides_of(asked)) == set(people) and "both sides" not in asked.split_rule
    assert "both sides" not in load("folder", root=tmp_path, group="none").split_rule


@pytest.mark.parametrize(
    ("spellings", "count"),
    [
        (("pat{n}_a", "pat{n:02d}_b", "pat{n:03d}_c"), 4),
        (("pat{n}_a", "Pat{n}_b", "PAT{n}_c"), 4),
        (("pat{n}_a", "pat_{n}_b", "pat-{n}_c"), 4),
        (("patient{letter}_1", "patient{letter}_2"), 4),
        (("sub-{letter}01_1", "sub-{letter}01_2"), 4),
        (("sub-{letter}_1", "sub-{letter}_2"), 8),  # no number: rather a kind of images
    ],
)
def test_one_patient_in_several_spellings_is_one(spellings, count, tmp_path, draw):
    patients = zip((1, 2, 10, 11), "ABCD", strict=True)
    names = [name.format(n=n, letter=x) for n, x in patients for name in spellings]
    source = load("folder", root=folder_of(tmp_path, names, draw))
    assert len(sides_of(source)) == count
    assert all(len(splits) == 1 for splits in sides_of(source).values())


@pytest.mark.parametrize("reader", ["folder", "hdf5"])
def test_names_of_patients_are_groups(reader, tmp_path, draw):
    names = [f"patient{i // 4:03d}_frame{i % 2:02d}_slice_{i % 4}" for i in range(40)]
    if reader == "folder":
        folder_of(tmp_path, names, draw)
    else:
        for name in names:
            with h5py.File(tmp_path / f"{name}.h5", "w") as file:
                file["image"], file["label"] = np.random.rand(16, 16), SQUARE[:16, :16] // 255
    source = load(reader, root=tmp_path)
    assert len(sides_of(source)) == 10
    assert all(len(splits) == 1 for splits in sides_of(source).values())
    assert "10 ids name patients (patient" in " ".join(source.notes)


def test_what_only_looks_like_patients_is_told(tmp_path, draw):
    names = [f"s{i // 3}_{i % 3}" for i in range(18)]
    source = load("folder", root=folder_of(tmp_path, names, draw))
    assert "18 ids look like 6 patients, of whom" in source.split_rule
    assert "are on both sides (s" in source.split_rule
    asked = load("folder", root=tmp_path, group=r"^(s\d+)_")
    assert len(sides_of(asked)) == 6 and "look like" not in asked.split_rule
    assert "look like" not in load("folder", root=tmp_path, group="none").split_rule


@pytest.mark.parametrize(
    ("keys", "patients"),
    [
        (["a1-slice_3", "a1-slice_4", "a2-slice_3", "a2-slice_4"], {"a1", "a2"}),
        (["7_frame01_slice_1", "7_frame02_slice_1", "8_frame01_slice_1"], {"7", "8"}),
        (["vol3 (1)", "vol3 (2)", "vol4 (1)"], {"vol3", "vol4"}),
        ([f"{name}_{i}" for name in "ABCDE" for i in (1, 2)], set("ABCDE")),
        ([f"{name}_{i}" for name in "ABCD" for i in (1, 2)], None),
        (["ISIC_0000001", "ISIC_0000002"], None),
        (["benign (1)", "benign (2)", "malignant (1)"], None),
        (["cju0qkwl35piu09", "cju1b75x63ddl07"], None),
        (["1", "2", "3"], None),
        ([f"{i:04d}_{side}" for i in (7, 8) for side in ("left", "right")], {"0007", "0008"}),
        ([f"Image_{i}{side}" for i in (7, 8) for side in "LR"], {"Image_7", "Image_8"}),
        ([f"{i}-{side}" for i in (7, 8) for side in ("OD", "OS")], {"7", "8"}),
        ([f"s{i}_x{k}_y{k}" for i in (7, 8) for k in (1, 2)], {"s7", "s8"}),
        (
            [f"s{i}_{part}{k}" for i in (7, 8) for part, k in (("tile", 1), ("visit", 2))],
            {"s7", "s8"},
        ),
        ([f"s{i}{how}" for i in (7, 8) for how in ("", "_hflip", "_rot90")], {"s7", "s8"}),
        (["7l", "8r", "lr", "od"], None),
        (["CHNCXR_0001_0", "CHNCXR_0002_1", "CHNCXR_0003_1"], None),
        ([f"case{i:02d}_{phase}" for i in (1, 2) for phase in ("ED", "ES")], {"case01", "case02"}),
        ([f"P0{i}_{when}" for i in (1, 2) for when in ("pre", "post")], {"P01", "P02"}),
        ([f"000{i}_L_{view}" for i in (1, 2) for view in ("CC", "MLO")], {"0001", "0002"}),
        ([f"00{i}_{plane}" for i in (1, 2) for plane in ("axial", "coronal")], {"001", "002"}),
        ([f"S{i}-{phase}" for i in (1, 2) for phase in ("art", "ven")], {"S1", "S2"}),
        ([f"case0{i}{part}" for i in (1, 2) for part in "ab"], {"case01", "case02"}),
        (["scan_7-b", "scan_7-a", "scan_8", "scan_9"], {"scan_7", "scan_8", "scan_9"}),
        ([f"slice00{k}_P0{i}" for i in (1, 2) for k in (1, 2)], {"P01", "P02"}),
        ([f"{k}_P0{i}" for i in (1, 2) for k in ("001", "slice001", "slice002")], {"P01", "P02"}),
        ([f"slide{i}_r{k}c{k}" for i in (1, 2) for k in (0, 1)], {"slide1", "slide2"}),
        ([f"img{i}_png.rf.{k}f0{i}c" for i in (1, 2) for k in (4, 5)], {"img1", "img2"}),
        ([f"{i}_left" for i in range(90)] + ["12_right"], {str(i) for i in range(90)}),
        ([f"LA18_case_{i}_{k}" for i in (1, 2) for k in "ab"], {"LA18_case_1", "LA18_case_2"}),
        (["train/P00_1", "train/P00_2", "train/P01_1", "test/P00_1"], {"P00", "P01"}),
        ([f"{split}/scan_{i}" for split in ("train", "test") for i in range(9)], None),
        ([f"{split}/{name}" for split in ("train", "test") for name in "abcdef"], None),
        ([f"im{i}" for i in range(1, 10)], None),
        ([f"train_{i:04d}" for i in range(9)], None),
        ([f"ISIC2018_{i}" for i in range(9)] + ["phantom"], None),
        ([f"{i:02d}_grade{i % 3}" for i in range(20)], None),
        ([f"{i}_left" for i in range(200)] + ["12_right"], None),
    ],
)
def test_stems_that_ids_share(keys, patients):
    suspected = suspected_patients(dict.fromkeys(keys, ""))
    assert (set(suspected.values()) if suspected else None) == patients


@pytest.mark.parametrize(
    ("group", "sentence"),
    [
        ("(", "is no regular expression"),
        ("patient", "has 0 pairs of brackets"),
        ("(a)(b)", "has 2 pairs of brackets"),
        (r"(z\d+)", "finds nothing in the id 'c0'"),
        ("folder", "finds all cases in one folder"),
    ],
)
def test_wrong_groups(group, sentence, tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(4)], draw)
    with pytest.raises(InputError, match=sentence):
        load("folder", root=tmp_path, group=group)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("c0.png,p\nimages/c1.png,p\nc2,q\nc3,q\nc4,r\nc5,r\n", ""),
        ("c0,p\nc1,p\nc2,q\nc3,q\n", "no group for 2 of 6 images (first 'c4')"),
        ("c0,p\nc1,\nc1,p\nc2,q\nc3,q\nc4,\n", "no group for 2 of 6 images (first 'c4')"),
    ],
)
def test_rows_of_groups(rows, told, tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(6)], draw)
    (tmp_path / "groups.csv").write_text("id,group\n" + rows)
    source = load("folder", root=tmp_path)
    assert set(sides_of(source)) == {"p", "q"} | ({"c4", "c5"} if told else {"r"})
    assert told in " ".join(source.notes) and ("groups.csv" in " ".join(source.notes)) == bool(told)


@pytest.mark.parametrize(
    ("name", "head", "row"),
    [
        ("groups.csv", "id;group", "{};{}"),
        ("groups.csv", "id\tgroup", "{}\t{}"),
        ("groups.csv", "id, group", "{}, {}"),
        ("groups.csv", '"ID","Group"', '"{}","{}"'),
        ("groups.csv", "age,image,patient", "7,{}.png,{}"),
        ("groups.csv", "id,group", "{},{}\n,"),
        ("Groups.CSV", "id,group", "{},{}"),
        ("splits/groups.tsv", "id\tgroup", "{}\t{}"),
    ],
)
def test_tables_of_groups_as_programs_write_them(name, head, row, tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(6)], draw)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    rows = [row.format(f"c{i}", f"p{i // 2}") for i in range(6)]
    (tmp_path / name).write_bytes("\r\n".join(["\ufeff" + head, *rows]).encode())
    source = load("folder", root=tmp_path)
    assert set(sides_of(source)) == {"p0", "p1", "p2"} and "Passed" not in " ".join(source.notes)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,group,group\nc0,a,b\n", "has two columns called group: keep the true one"),
        ("id;age\nc0;7\n", "groups.csv needs the columns id,group in its first line"),
        ("id,group\n", "groups.csv needs the columns id,group in its first line and one row"),
        ('id,group\n"c0,' + "a" * 200_000, "groups.csv is no table .field larger than"),
    ],
)
def test_tables_of_groups_that_say_nothing(text, sentence, tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(4)], draw)
    (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(InputError, match=sentence):
        load("folder", root=tmp_path)


@pytest.mark.parametrize("reader", ["folder", "hdf5"])
@pytest.mark.parametrize(
    ("name", "is_told"),
    [
        ("train_list.txt", True),
        ("test_ids.txt", True),
        ("splits_final.json", True),
        ("patients.csv", True),
        ("trainset.lst", True),
        ("notes.txt", False),
        ("contest.csv", False),
        ("extra/test_ids.txt", False),
    ],
)
def test_what_may_be_meant_as_a_list_is_told(reader, name, is_told, tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(4)], draw)
    for i in range(4):
        with h5py.File(tmp_path / f"c{i}.h5", "w") as file:
            file["image"], file["label"] = np.random.rand(16, 16), SQUARE[:16, :16] // 255
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("c0\n")
    notes = " ".join(load(reader, root=tmp_path).notes)
    assert (f"perhaps meant as lists: {name}; splits are read from train.txt" in notes) == is_told


TABLE_ENDINGS = (".csv", ".tsv")


def test_a_group_that_a_table_spells_in_two_ways_is_one(tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(8)], draw)
    groups = ["p1", "P01", "p10", "p10", "3", "3.0", "13", "13"]
    rows = [f"c{i},{group}" for i, group in enumerate(groups)]
    (tmp_path / "groups.csv").write_text("\n".join(["id,group", *rows]))
    source = load("folder", root=tmp_path)
    assert set(sides_of(source)) == {"p1", "p10", "3", "13"}
    assert "in two ways ('p1' and 'P01'): they are taken for one." in " ".join(source.notes)


LINES = {"train": "c0 c1 c2", "test": "c3 c4 c5"}


@pytest.mark.parametrize("place", ["", "lists", "splits"])
@pytest.mark.parametrize(
    ("ending", "line"),
    [
        (".list", "{}"),
        (".txt", "{}"),
        (".txt", "images/{0}.png masks/{0}.png"),
        (".txt", "./images\\{}.png"),
        (".csv", "{},7"),
        (".CSV", "{},7"),
        (".csv", "{};7"),
        (".csv", "{}\t7"),
        (".tsv", "{}\t7"),
        (".TXT", "{}"),
    ],
)
def test_lists_of_every_kind_are_read(place, ending, line, tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(7)], draw)
    (tmp_path / place).mkdir(exist_ok=True)
    for split, keys in LINES.items():
        head = (
            line.format("id") + "\n" if ending.lower() in TABLE_ENDINGS and split == "train" else ""
        )
        text = head + "\n".join(line.format(key) for key in keys.split())
        name = split.upper() if ending.isupper() else split
        (tmp_path / place / f"{name}{ending}").write_text(text)
    source = load("folder", root=tmp_path)
    assert ids(source) == {split: keys.split() for split, keys in LINES.items()}
    assert source.split_rule == "lists in the folder"
    assert source.notes[:1] == ("Not used, in no list: 1 case (first 'c6').",)


TABLES = {"train": "7 3 9 1 0 5", "test": "2 8 6 4"}  # the index of a row is an id, too


@pytest.mark.parametrize(("head", "row"), [("image_path,age", "{0}"), (",image_path", "{1},{0}")])
def test_a_table_with_paths_and_an_index(head, row, tmp_path, draw):
    folder_of(tmp_path, map(str, range(10)), draw)
    for split, keys in TABLES.items():
        rows = [row.format(f"images/{key}.png", i) for i, key in enumerate(keys.split())]
        (tmp_path / f"{split}.csv").write_text("\n".join([head, *rows]))
    assert ids(load("folder", root=tmp_path)) == {k: sorted(v.split()) for k, v in TABLES.items()}


@pytest.mark.parametrize("index", ["", "Unnamed: 0"])
def test_an_index_is_not_read_as_ids(index, tmp_path, draw):
    folder_of(tmp_path, map(str, range(10)), draw)
    for split, keys in TABLES.items():
        rows = [f"{i},images/{key}.png" for i, key in enumerate(keys.split())]
        (tmp_path / f"{split}.csv").write_text("\n".join([f"{index},photo", *rows]))
    with pytest.raises(InputError, match="train.csv begins with a column without a name"):
        load("folder", root=tmp_path)


def test_a_table_without_a_head_is_read_by_its_first_column(tmp_path, draw):
    folder_of(tmp_path, map(str, range(10)), draw)
    for split, keys in TABLES.items():
        (tmp_path / f"{split}.csv").write_text("\n".join(f"{key},old" for key in keys.split()))
    assert ids(load("folder", root=tmp_path)) == {k: sorted(v.split()) for k, v in TABLES.items()}


def accented(form, i):
    return unicodedata.normalize(form, "Sch\u00e4del") + str(i)


@pytest.mark.parametrize("images", ["NFC", "NFD"])
@pytest.mark.parametrize("others", ["NFC", "NFD"])
def test_accents_may_be_written_in_two_ways(images, others, tmp_path, draw):
    names = [accented(others, i) for i in range(6)]
    for i, name in enumerate(names):
        draw(tmp_path / "images" / f"{accented(images, i)}.png", SQUARE)
        draw(tmp_path / "masks" / f"{name}.png", SQUARE)
    rows = [f"{name},p{i // 2}" for i, name in enumerate(names)]
    (tmp_path / "groups.csv").write_text("\n".join(["id,group", *rows]), encoding="utf-8")
    assert set(sides_of(load("folder", root=tmp_path))) == {"p0", "p1", "p2"}
    (tmp_path / "train.txt").write_text("\n".join(names[:4]), encoding="utf-8")
    (tmp_path / "test.txt").write_text("\n".join(names[4:]), encoding="utf-8")
    assert ids(load("folder", root=tmp_path))["test"] == [accented("NFC", i) for i in (4, 5)]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_in_names_of_hdf5(form, tmp_path):
    for i in range(4):
        with h5py.File(tmp_path / f"{accented(form, i)}.h5", "w") as file:
            file["image"], file["label"] = np.random.rand(16, 16), SQUARE[:16, :16] // 255
    found = sum(ids(load("hdf5", root=tmp_path)).values(), [])
    assert sorted(found) == [accented("NFC", i) for i in range(4)]


def test_two_lists_of_one_kind_are_refused(tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(6)], draw)
    for name in ("train.txt", "train.list", "test.list"):
        (tmp_path / name).write_text("c0\n")
    with pytest.raises(InputError, match=r"train.list and .*train.txt are lists of the same"):
        load("folder", root=tmp_path)


def test_labeled_and_unlabeled_lists_are_a_training_list(tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(6)], draw)
    (tmp_path / "labeled.txt").write_text("images/c4.png masks/c4.png\nc0\n")
    (tmp_path / "unlabeled.txt").write_text("c1\nc2\n")
    (tmp_path / "val.txt").write_text("c3\nc5\n")
    source = load("folder", root=tmp_path)
    assert source.labeled == ("c4", "c0")
    assert ids(source) == {"train": ["c0", "c1", "c2", "c4"], "test": ["c3", "c5"]}


def test_labeled_images_are_trained_on_whatever_the_seed(tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(12)], draw)
    (tmp_path / "labeled.list").write_text("c3\nc5\nc7\n")
    for seed in range(5):
        source = load("folder", root=tmp_path, seed=seed)
        assert set(source.labeled) <= set(source.splits["train"]["id"])
        assert len(source.splits["test"]) >= 1


def test_a_labeled_image_that_is_tested_on_is_refused(tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(4)], draw)
    for name, keys in (("train", "c0\nc1"), ("test", "c2\nc3"), ("labeled", "c2")):
        (tmp_path / f"{name}.list").write_text(keys)
    with pytest.raises(InputError, match="'c2' is listed as labeled but is no training case"):
        load("folder", root=tmp_path)


def test_linked_folders_are_followed(tmp_path, draw):
    for split, root in (("train", "a/train"), ("test", "store/test")):
        folder_of(tmp_path / root, [f"{split}{i}" for i in range(5)], draw)
    os.symlink(tmp_path / "store/test", tmp_path / "a/test")
    source = load("folder", root=tmp_path / "a")
    assert {split: len(keys) for split, keys in ids(source).items()} == {"train": 5, "test": 5}
    os.symlink(tmp_path / "a", tmp_path / "a/train/loop")  # a link to a folder above
    assert ids(load("folder", root=tmp_path / "a")) == ids(source)
    (tmp_path / "b").mkdir()
    for kind in ("images", "masks"):
        os.symlink(tmp_path / "store/test" / kind, tmp_path / "b" / kind)
    assert sum(map(len, ids(load("folder", root=tmp_path / "b")).values())) == 5


@pytest.mark.parametrize("reader", ["folder", "hdf5"])
def test_a_folder_that_is_reached_twice_is_refused(reader, tmp_path, draw):
    folder_of(tmp_path / "a", [f"c{i}" for i in range(6)], draw)
    with h5py.File(tmp_path / "a/images/c.h5", "w") as file:
        file["image"], file["label"] = SQUARE, SQUARE // 255
    os.symlink(tmp_path / "a", tmp_path / "latest")
    with pytest.raises(InputError, match="a/images and .*latest/images are the same folder, by a"):
        load(reader, root=tmp_path)


@pytest.mark.parametrize("link", ["images/c3.png", "masks/c3.png", "images/more"])
def test_a_link_that_leads_nowhere_is_refused(link, tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(6)], draw)
    (tmp_path / link).unlink(missing_ok=True)
    os.symlink(tmp_path / "gone", tmp_path / link)
    with pytest.raises(InputError, match=f"{link} is a link to .*gone, which is not there: bring"):
        load("folder", root=tmp_path)
    (tmp_path / link).unlink()
    os.symlink(tmp_path / link, tmp_path / link)  # to itself
    with pytest.raises(InputError, match=f"{link} is a link to"):
        load("folder", root=tmp_path)
    (tmp_path / link).unlink()
    os.symlink(tmp_path / "masks/c0.png", tmp_path / link)
    if link != "images/more":
        assert sum(map(len, ids(load("folder", root=tmp_path)).values())) == 6


def test_linked_folders_of_hdf5(tmp_path):
    for folder in ("b/p1", "store/p2"):
        (tmp_path / folder).mkdir(parents=True)
        for i in range(4):
            with h5py.File(tmp_path / folder / f"{folder[-2:]}_{i}.h5", "w") as file:
                file["image"], file["label"] = np.random.rand(16, 16), SQUARE[:16, :16] // 255
    os.symlink(tmp_path / "store/p2", tmp_path / "b/p2")
    source = load("hdf5", root=tmp_path / "b")
    assert sum(len(cases(split)) for split in source.splits.values()) == 8


def test_a_set_of_one_patient_is_told(tmp_path, draw):
    root = folder_of(tmp_path, [f"patient7_slice{i}" for i in range(10)], draw)
    source = load("folder", root=root)
    assert "All 10 ids name one patient (patient7)" in " ".join(source.notes)
    assert "name one patient" not in " ".join(load("folder", root=root, group="none").notes)


def test_an_id_without_a_patient_leaves_the_others_theirs(tmp_path, draw):
    names = [f"patient{i:02d}_{phase}" for i in range(4) for phase in ("ED", "ES")]
    source = load("folder", root=folder_of(tmp_path, [*names, "phantom"], draw))
    assert set(sides_of(source)) == {"phantom", *(f"patient{i:02d}" for i in range(4))}
    assert all(len(splits) == 1 for splits in sides_of(source).values())
    assert "1 of 9 ids (first 'phantom') name none: each is a group of its own" in str(source.notes)


@pytest.mark.parametrize("form", ["case{i}_sub{k}", "case{i}/sub{k}", "train/case{i}_sub{k}"])
def test_a_sub_number_that_comes_again_is_a_part_of_a_case(form):
    keys = [form.format(i=i, k=k) for i in range(6) for k in (1, 2)]
    folders = {key: key.rpartition("/")[0].removeprefix("train") for key in keys}
    groups = find_groups(folders, {}, root=None, asked="", group_of=str)
    together = groups.suspected or groups.of_id
    assert "ids name" not in groups.sentence
    assert set(together.values()) == {f"case{i}" for i in range(6)}


@pytest.mark.parametrize("form", ["ses-{k}_sub-{i}", "site{i}_sub{i}{k}", "site{k}_subject{i}"])
def test_a_sub_number_that_is_a_subject_stays_one(form):
    keys = [form.format(i=i, k=k) + end for i in range(6) for k in (1, 2) for end in ("_x", "_y")]
    groups = find_groups(dict.fromkeys(keys, ""), {}, root=None, asked="", group_of=str)
    assert "ids name patients" in groups.sentence


def test_a_patient_in_the_folders_of_two_splits_is_told(tmp_path, draw):
    for split in ("train", "test"):
        names = [f"P{i:02d}_{k}" for i in range(3) for k in (1, 2)]
        folder_of(tmp_path / split, names, draw)
    rule = load("folder", root=tmp_path).split_rule
    assert "12 ids look like 3 patients, of whom 3 are on both sides (P00)" in rule


@pytest.mark.parametrize("kinds", [("visit1", "visit2"), ("2019", "2021"), ("1mm", "3mm")])
def test_folders_that_hold_all_patients_are_none_themselves(kinds, tmp_path, draw):
    """The names that come again in them are: visit1/07 and visit2/07 stay together."""
    names = [f"{kind}/{number:02d}" for kind in kinds for number in range(6)]
    source = load("folder", root=folder_of(tmp_path, names, draw))
    sides = sides_of(source)
    assert set(sides) == {f"{number:02d}" for number in range(6)}
    assert all(len(splits) == 1 for splits in sides.values())
    assert "names in several folders are taken for patients" in " ".join(source.notes)


@pytest.mark.parametrize("kinds", [("baseline", "followup"), ("MR", "CT")])
def test_equal_names_in_folders_of_kinds_are_suspected(kinds, tmp_path, draw):
    names = [f"{kind}/{number:02d}" for kind in kinds for number in range(8)]
    source = load("folder", root=folder_of(tmp_path, names, draw))
    assert "16 ids look like 8 patients" in source.split_rule
    assert "say group='([^/]+)$'" in source.split_rule
    asked = load("folder", root=tmp_path, group="([^/]+)$")
    assert all(len(splits) == 1 for splits in sides_of(asked).values())


@pytest.mark.parametrize("below", ["{}", "slice_{}", "frame{}", "lesion{}", "S{}"])
def test_a_folder_for_each_slice_of_a_patient(below, tmp_path, draw):
    for patient in range(5):
        for number in range(3):
            place = tmp_path / f"p{patient}" / below.format(number)
            for kind in ("image", "mask"):
                draw(place / f"{kind}.png", SQUARE)
    sides = sides_of(load("folder", root=tmp_path))
    assert set(sides) == {f"p{patient}" for patient in range(5)}
    assert all(len(splits) == 1 for splits in sides.values())


def test_folds_are_no_patients(tmp_path, draw):
    names = [f"fold{fold}/c{fold}{number}" for fold in range(3) for number in range(4)]
    source = load("folder", root=folder_of(tmp_path, names, draw))
    assert len(sides_of(source)) == 12 and "taken for patients" not in " ".join(source.notes)


def test_patients_of_several_sites_are_their_own(tmp_path, draw):
    for site in range(3):
        for patient in range(3):
            for kind in ("image", "mask"):
                draw(tmp_path / f"site{site}/p{patient}/{kind}.png", SQUARE)
    assert len(sides_of(load("folder", root=tmp_path))) == 9


@pytest.mark.parametrize("name", ["P0{}S0{}", "vol{}z{}", "A{}B{}"])
def test_a_patient_and_a_slice_in_one_word_are_suspected(name):
    keys = [name.format(patient, number) for patient in range(4) for number in range(3)]
    assert len(set(suspected_patients(keys).values())) == 4
    assert suspected_patients([f"{i:02x}{7 * i % 256:02x}" for i in range(60)]) is None


def test_subj_is_a_patient_and_so_is_one_after_a_space():
    for name in ("subj_{} 1", "patient {} (2)", "subj{}im3"):
        keys = dict.fromkeys(f"{name.format(i // 2)}{i}" for i in range(8))
        groups = find_groups(dict.fromkeys(keys, ""), {}, root=None, asked="", group_of=str)
        assert len(set(groups.of_id.values())) == 4


@pytest.mark.parametrize(
    "names", [("dev/{}", "eval/{}"), ("trainA/{}", "testA/{}"), ("train_{}", "testA_{}")]
)
def test_words_of_splits_that_are_not_followed_are_told(names, tmp_path, draw):
    every = [name.format(f"{place}{i}") for place, name in enumerate(names) for i in range(5)]
    source = load("folder", root=folder_of(tmp_path, every, draw), group="none")
    assert "by seed" in source.split_rule
    assert "and the split is by seed: if they are splits" in " ".join(source.notes)


def test_folds_with_splits_of_their_own_are_refused(tmp_path, draw):
    for fold in range(2):
        for split in ("train", "test"):
            folder_of(tmp_path / f"fold_{fold}" / split, [f"{split}{i}" for i in range(3)], draw)
    with pytest.raises(InputError, match="holds 2 folds .fold_0, fold_1., each with splits of its"):
        load("folder", root=tmp_path)


def test_lists_are_found_where_the_folder_above_is_given(tmp_path, draw):
    folder_of(tmp_path / "DATA", [f"c{i}" for i in range(8)], draw)
    (tmp_path / "README.txt").write_text("Unpacked")
    (tmp_path / "DATA/train.txt").write_text("\n".join(f"c{i}" for i in range(2, 8)))
    (tmp_path / "DATA/test.txt").write_text("c0\nc1")
    assert ids(load("folder", root=tmp_path))["test"] == ["c0", "c1"]


@pytest.mark.parametrize("head", ["image,patient_id", "image,Split"])
def test_a_table_with_patients_or_splits_is_told_though_it_is_not_read(head, tmp_path, draw):
    folder_of(tmp_path, [f"c{i}" for i in range(8)], draw)
    (tmp_path / "metadata.csv").write_text(f"{head}\nc0,a")
    (tmp_path / "sizes.csv").write_text("image,width\nc0,40")
    notes = " ".join(load("folder", root=tmp_path).notes)
    assert "perhaps meant as lists: metadata.csv; splits" in notes


def test_a_list_that_contradicts_the_names_of_masks_or_itself_is_refused(tmp_path, draw):
    folder_of(tmp_path, [f"{i}" for i in range(8)], draw)
    (tmp_path / "test.csv").write_text("id\n0\n1")
    (tmp_path / "train.csv").write_text("id,image\n2,7\n3,6")
    with pytest.raises(InputError, match="names images in two columns, id and image, which do not"):
        load("folder", root=tmp_path)
    (tmp_path / "train.csv").write_text("image,mask\n2.png,masks/7.png\n3.png,masks/3.png")
    with pytest.raises(InputError, match="gives the image '2' the mask masks/7.png, which is that"):
        load("folder", root=tmp_path)
    (tmp_path / "train.csv").write_text("id,image,mask\nx,2.png,masks/2.png\ny,3.png,masks/3.png")
    assert ids(load("folder", root=tmp_path))["train"] == ["2", "3"]


@pytest.mark.parametrize(
    "form",
    [
        *(f"case{{i:02d}}_{word}{{k}}" for word in ("scan", "lesion", "phase", "Bild", "切片")),
        *("p{i}#{k}", "vol{i}_{k}0mm", "slide{i}_({k},5)", "ID{i}~{k}"),
    ],
)
def test_whatever_counts_the_images_of_a_patient_is_suspected(form):
    keys = [form.format(i=i, k=k) for i in range(6) for k in range(3)]
    assert len(set(suspected_patients(keys).values())) == 6


@pytest.mark.parametrize(
    "words",
    [("baseline", "followup"), ("ct", "mr"), ("FLAIR", "T1"), ("OD", "OS"), ("aug", "orig")],
)
def test_one_number_behind_two_kinds_of_images_is_suspected(words):
    keys = [f"{word}_{i:03d}" for word in words for i in range(8)]
    assert set(suspected_patients(keys).values()) == {f"{i:03d}" for i in range(8)}


def test_one_number_behind_names_of_classes_or_hospitals_is_not():
    assert (
        suspected_patients([f"{w} ({i})" for w in ("benign", "malignant") for i in range(9)])
        is None
    )
    assert suspected_patients([f"site{s}_p{i}" for s in (1, 2) for i in range(9)]) is None


def test_batches_and_sequences_are_no_patients(tmp_path, draw):
    """As LiTS has them, and sets with a folder for each sequence of a scanner."""
    disc = np.zeros((20, 24), np.uint8)
    disc[4:12, 5:15] = 255
    for form, count in (("Training Batch {k}/{i}{k}", 12), ("T{k}w/{i}", 6)):
        root = tmp_path / form[:2]
        for i in range(6):
            for k in (1, 2):
                draw(root / f"{form.format(i=i, k=k)}.png", disc)
                draw(root / f"{form.format(i=i, k=k)}_mask.png", disc)
        source = load("folder", root=root)
        groups = {group for split in source.splits.values() for group in split["group"]}
        assert len(groups) == count


def test_a_patient_whom_nobody_knows_is_none(pictures):
    root = pictures()
    rows = ["a,P1", "b,p-01", "c,unknown", "d,Unknown", "e,NaN", "f,P2"]
    (root / "groups.csv").write_text("\n".join(["id,group", *rows]))
    source = load("folder", root=root)
    groups = [group for split in source.splits.values() for group in split["group"]]
    assert len(set(groups)) == 5 and groups.count("P1") == 2
    assert "groups.csv names no group for 3 of 6 images (first 'c')" in " ".join(source.notes)
