"""Own pictures: every common layout, and one clear sentence for all that is wrong with one."""

import numpy as np
import pytest
from PIL import Image

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load


def ids(source):
    return {split: sorted(table["id"]) for split, table in source.splits.items()}


def test_flat_folder(pictures):
    source = load("folder", root=pictures(), classes=["background", "spot"])
    assert (source.channels, source.dims, source.classes) == (3, 2, ("background", "spot"))
    assert {split: len(table) for split, table in source.splits.items()} == {
        "train": 4,
        "validation": 1,
        "test": 1,
    }
    assert sorted(sum(ids(source).values(), [])) == list("abcdef")
    assert source.split_rule == "by seed 0, 60/20/20 % of the groups"
    assert (
        ids(source)
        == ids(load("folder", root=pictures()))
        != ids(load("folder", root=pictures(), seed=1))
    )


def test_columns(pictures):
    row = load("folder", root=pictures()).splits["train"][0]
    assert sorted(row) == ["group", "id", "image", "mask", "spacing"]
    assert (row["image"].mode, row["mask"].mode, row["spacing"]) == ("RGB", "L", [])
    assert set(np.unique(row["mask"])) == {0, 1}


def test_arrays_are_the_files(pictures):
    root = pictures()
    every = [cases(split) for split in load("folder", root=root).splits.values()]
    for part in every:
        for name, image, mask in zip(part.ids, part.images, part.masks, strict=True):
            with Image.open(root / "images" / f"{name}.png") as picture:
                assert (image == np.asarray(picture).transpose(2, 0, 1)).all()
            with Image.open(root / "masks" / f"{name}.png") as picture:
                assert (mask == np.asarray(picture) / 255).all()
            assert image.dtype == mask.dtype == np.uint8
    assert every[0].spacing == (None,) * 4 and every[0].ambiguity is None


@pytest.mark.parametrize("suffix", ["_segmentation", "_mask", "_label", "_gt", "_seg"])
def test_mask_suffixes(pictures, suffix):
    assert len(ids(load("folder", root=pictures(suffix=suffix)))["train"]) == 4


def test_one_folder_for_both(tmp_path, draw):
    for name in "abc":
        draw(tmp_path / f"{name}.png", np.zeros((4, 4), np.uint8))
        draw(tmp_path / f"{name}_mask.png", np.eye(4, dtype=np.uint8))
    assert load("folder", root=tmp_path).channels == 1


@pytest.mark.parametrize("layout", ["{split}/{kind}", "{kind}/{split}"])
@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_split_folders(tmp_path, layout, validation, draw):
    for i, split in enumerate(("train", "train", validation, "test")):
        for kind in ("images", "masks"):
            folder = tmp_path / layout.format(split=split, kind=kind)
            draw(folder / f"{i}.png", np.eye(4, dtype=np.uint8))
    source = load("folder", root=tmp_path)
    assert ids(source) == {"train": ["0", "1"], "validation": ["2"], "test": ["3"]}
    assert source.split_rule == "as the data come"


def test_same_name_in_two_split_folders(pictures, tmp_path):
    for split in ("train", "test"):
        pictures(tmp_path / "both" / split, names="ab")
    assert ids(load("folder", root=tmp_path / "both")) == {
        "train": ["train/a", "train/b"],
        "test": ["test/a", "test/b"],
    }


def test_validation_alone_is_the_test_set(pictures, tmp_path):
    pictures(tmp_path / "two" / "train", names="ab")
    pictures(tmp_path / "two" / "val", names="cd")
    assert ids(load("folder", root=tmp_path / "two")) == {
        "train": ["a", "b"],
        "test": ["c", "d"],
    }


def test_lists_give_the_splits(pictures):
    root = pictures()
    # Carriage returns and no last line end, as some lists have.
    (root / "train.list").write_bytes(b"c\r\na\r\nb")
    (root / "val.list").write_bytes(b"d\r\n\r\n")
    (root / "test.list").write_text("e\n")
    source = load("folder", root=root)
    # In the list's order: "the first n are labeled".
    assert source.splits["train"]["id"][:] == [
        "c",
        "a",
        "b",
    ]
    assert ids(source) == {"train": ["a", "b", "c"], "validation": ["d"], "test": ["e"]}


def test_groups_stay_together(pictures):
    root = pictures()
    (root / "groups.csv").write_text(
        "id,group\n" + "\n".join(f"{n},{'xxyyzz'[i]}" for i, n in enumerate("abcdef"))
    )
    for seed in range(5):
        source = load("folder", root=root, seed=seed)
        groups = [set(split["group"]) for split in source.splits.values()]
        assert sum(map(len, groups)) == len(set.union(*groups)) == 3


def test_jpeg_masks(pictures):
    """A JPEG mask is grey at its borders: above 127 is foreground, as the Kvasir-SEG card says."""
    part = cases(load("folder", root=pictures(image=".jpg", mask=".jpg")).splits["train"])
    assert [int(mask.sum()) for mask in part.masks] == [24] * 4


@pytest.mark.parametrize("classes", [2, 3])
def test_jpeg_masks_of_indices_are_refused(tmp_path, draw, classes):
    """JPEG changes small numbers: a pixel of class 1 comes back as 0 or 2."""
    for i in range(3):
        draw(tmp_path / "images" / f"{i}.png", np.zeros((16, 16), np.uint8))
        draw(tmp_path / "masks" / f"{i}.jpg", np.tri(16, k=-4, dtype=np.uint8) * (classes - 1))
    with pytest.raises(
        InputError,
        match="is a JPEG, or WebP saved with loss, which keeps black and white but no greys",
    ):
        load("folder", root=tmp_path, classes=classes)


@pytest.mark.parametrize("kind", [".bmp", ".tif", ".tiff", ".jpeg", ".PNG"])
def test_picture_formats(pictures, kind):
    assert len(cases(load("folder", root=pictures(image=kind)).splits["train"])) == 4


def test_classes_are_indices(tmp_path, draw):
    for i in range(3):
        draw(tmp_path / "images" / f"{i}.png", np.zeros((4, 4), np.uint8))
        draw(tmp_path / "masks" / f"{i}.png", np.arange(16, dtype=np.uint8).reshape(4, 4) % 4)
    source = load("folder", root=tmp_path, classes=4)
    assert source.classes == ("background", "class 1", "class 2", "class 3")
    assert set(np.unique(cases(source.splits["test"], size=2).masks[0])) <= {0, 1, 2, 3}
    with pytest.raises(
        InputError, match=r"holds the values 0, 1, 2, 3 where 3 classes need 0 to 2"
    ):
        load("folder", root=tmp_path, classes=3)


def test_resizing(pictures):
    root = pictures()
    late = cases(load("folder", root=root).splits["train"], size=8)
    early = cases(load("folder", root=root, size=8).splits["train"])
    for a, b, mask_a, mask_b in zip(
        late.images, early.images, late.masks, early.masks, strict=True
    ):
        assert a.shape == (3, 8, 8) and (a == b).all() and (mask_a == mask_b).all()
        assert set(np.unique(mask_a)) == {0, 1}


def test_resizing_makes_no_new_class(tmp_path, draw):
    mask = np.zeros((12, 12), np.uint8)
    mask[:7, :5] = (
        2  # a border that does not fall onto the coarser grid: mixing 0 and 2 would make 1
    )
    for i in range(3):
        draw(tmp_path / "images" / f"{i}.png", mask)
        draw(tmp_path / "masks" / f"{i}.png", mask)
    for source, size in (
        (load("folder", root=tmp_path, classes=3), 8),
        (load("folder", root=tmp_path, classes=3, size=8), None),
    ):
        assert set(np.unique(cases(source.splits["test"], size=size).masks[0])) == {0, 2}


def test_sixteen_bits(tmp_path, draw):
    for i in range(3):
        draw(
            tmp_path / "images" / f"{i}.png",
            np.linspace(1000, 3000, 16).reshape(4, 4).astype(np.uint16),
        )
        draw(tmp_path / "masks" / f"{i}.png", np.eye(4, dtype=np.uint8))
    image = cases(load("folder", root=tmp_path).splits["test"]).images[0]
    assert (
        image.dtype == np.uint8
        and image.min() == 0
        and image.max() == 255
        and len(np.unique(image)) == 16
    )


def test_turned_by_exif(tmp_path, draw):
    """A phone writes pictures lying down, with a note; their masks are drawn upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    for i in range(3):
        Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(
            tmp_path / f"images/{i}.png", exif=exif
        )
        draw(tmp_path / "masks" / f"{i}.png", np.ones((4, 3), np.uint8))
    assert cases(load("folder", root=tmp_path).splits["test"]).images[0].shape == (1, 4, 3)


def test_count(pictures):
    source = load("folder", root=pictures(), count=(2, 1, 1))
    assert [len(split) for split in source.splits.values()] == [2, 1, 1]
    with pytest.raises(InputError, match="count asks for 9 train cases but there are 4"):
        load("folder", root=pictures(), count=9)
    with pytest.raises(InputError, match="count=0"):
        load("folder", root=pictures(), count=0)


# --- what goes wrong ----------------------------------------------------------------------------


def broken(pictures, change):
    root = pictures()
    change(root)
    with pytest.raises(InputError) as caught:
        load("folder", root=root)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


def test_images_of_which_none_has_a_mask(pictures):
    sentence = broken(
        pictures, lambda root: [(root / f"masks/{name}.png").unlink() for name in "abcdef"]
    )
    assert "None of the 6 pictures in" in sentence and "is a mask (first images/a.png)" in sentence


def test_mask_without_image(pictures):
    sentence = broken(pictures, lambda root: (root / "images/b.png").unlink())
    assert "Mask 'masks/b.png' has no image" in sentence


def test_mask_of_another_size(pictures, draw):
    sentence = broken(pictures, lambda root: draw(root / "masks/b.png", np.zeros((5, 6), np.uint8)))
    assert "masks/b.png' is 6 x 5 pixels but its image is 16 x 12" in sentence


@pytest.mark.parametrize("kind", ["images", "masks"])
@pytest.mark.parametrize("keep", [0, 60])
def test_unreadable_file(pictures, kind, keep):
    def cut(root):
        file = root / kind / "b.png"
        file.write_bytes(file.read_bytes()[:keep])

    # Its first bytes are fine: found when it is decoded, still before training.
    if kind == "images" and keep:
        root = pictures()
        cut(root)
        source = load("folder", root=root)
        with pytest.raises(InputError, match="Image 'b' cannot be read"):
            [cases(split) for split in source.splits.values()]
    else:
        assert f"{kind}/b.png' cannot be read" in broken(pictures, cut)


def test_unexpected_mask_values(pictures, draw):
    sentence = broken(
        pictures, lambda root: draw(root / "masks/b.png", np.full((12, 16), 7, np.uint8))
    )
    assert "masks/b.png' holds the values 7 where 2 classes need 0/1 or 0/255" in sentence


def test_colour_mask(pictures, draw):
    red = np.zeros((12, 16, 3), np.uint8)
    red[..., 0] = 255
    assert "is a colour picture" in broken(pictures, lambda root: draw(root / "masks/b.png", red))


def test_masks_without_foreground(pictures, draw):
    black = np.zeros((12, 16), np.uint8)
    assert "No mask in" in broken(
        pictures, lambda root: [draw(root / f"masks/{n}.png", black) for n in "abcdef"]
    )


def test_empty_and_missing_folder(tmp_path):
    with pytest.raises(InputError, match="holds no pictures"):
        load("folder", root=tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        load("folder", root=tmp_path / "nowhere")
    with pytest.raises(InputError, match="needs a folder: say load"):
        load("folder")


def test_two_files_of_one_id(pictures, draw):
    assert "have the id 'b'" in broken(
        pictures, lambda root: draw(root / "images/b.bmp", np.zeros((12, 16), np.uint8))
    )


def test_wrong_lists(pictures):
    assert "names 'ghost' but there is no such case" in broken(
        pictures, lambda root: (root / "train.list").write_text("a\nghost\n")
    )
    assert "name no test case" in broken(
        pictures, lambda root: (root / "train.list").write_text("a\n")
    )

    def twice(root):
        (root / "train.list").write_text("a\nb\n")
        (root / "test.list").write_text("b\n")

    assert "'b' is listed twice" in broken(pictures, twice)

    def both(root):
        (root / "labeled.list").write_text("a\nb\n")
        (root / "unlabeled.list").write_text("b\nc\n")
        (root / "test.list").write_text("d\ne\nf\n")

    assert "'b' is listed as labeled and as unlabeled: keep it in one" in broken(pictures, both)


def test_a_line_that_stands_twice_in_one_list_says_nothing_new(pictures):
    root = pictures()
    (root / "train.list").write_text("a\nb\na\n")
    (root / "test.list").write_text("c\nd\n")
    assert list(load("folder", root=root).splits["train"]["id"]) == ["a", "b"]


def test_wrong_groups(pictures):
    assert "needs the columns id,group" in broken(
        pictures, lambda root: (root / "groups.csv").write_text("a,b\n1,2\n")
    )
    assert "'ghost'" in broken(
        pictures, lambda root: (root / "groups.csv").write_text("id,group\nghost,1\n")
    )


@pytest.mark.parametrize("classes", [1, 0, ["one"], ["a", "a"], "ab"])
def test_wrong_classes(pictures, classes):
    with pytest.raises(InputError, match="classes="):
        load("folder", root=pictures(), classes=classes)


@pytest.mark.parametrize("first", [(255, 255, 255), (0, 0, 0)])
def test_a_palette_of_black_and_white_is_read_by_its_colours(pictures, first):
    root = pictures()
    for file in (root / "masks").iterdir():
        grey = np.asarray(Image.open(file)) > 0
        picture = Image.fromarray((grey != (first[0] == 255)).astype(np.uint8), mode="P")
        picture.putpalette([*first, *(255 - value for value in first)])
        picture.save(file)
    for part in load("folder", root=root).splits.values():
        assert all(0 < np.mean(row["mask"]) < 0.2 for row in part)


def test_a_shape_in_transparency_and_pages_of_a_tiff_are_told(pictures, draw):
    root = pictures()
    shape = np.full((12, 16, 4), 255, np.uint8)
    shape[:6, ..., 3] = 0
    draw(root / "masks/c.png", shape)
    with pytest.raises(
        InputError,
        match="c.png' has its shape in its transparency only: save it as one grey channel",
    ):
        load("folder", root=root)
    pages = [Image.fromarray(np.zeros((12, 16), np.uint8)) for _ in range(3)]
    (root / "masks/c.png").unlink()
    pages[0].save(root / "masks/c.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match="c.tif' holds 3 pages: save one picture a file"):
        load("folder", root=root)


def test_a_stray_pair_does_not_undo_the_folders_of_the_splits(pictures, tmp_path):
    for part, names in (("train", "abc"), ("test", "de")):
        pictures(tmp_path / "set" / part, names=tuple(names))
    pictures(tmp_path / "set/extra", names=("f",))
    with pytest.raises(
        InputError, match="'f' lies in no folder of a split, such as train/, while others do"
    ):
        load("folder", root=tmp_path / "set")


def test_a_patient_on_both_sides_is_told_with_every_result(pictures, tmp_path):
    for part, names in (("train", "abc"), ("test", "de")):
        pictures(tmp_path / "set" / part, names=tuple(names))
    (tmp_path / "set/groups.csv").write_text("id,group\na,p1\nd,p1\ne,\n")
    source = load("folder", root=tmp_path / "set")
    assert source.split_rule == "as the data come, 1 group on both sides (p1)"
    assert source.splits["test"]["group"][:] == ["p1", "e"], "a blank group is the image's own"


def test_text_files_of_another_encoding_and_contradictions_are_told(pictures):
    root = pictures()
    (root / "groups.csv").write_text("id,group\na,p1\na,p2\n")
    with pytest.raises(InputError, match=r"puts 'a' into two groups \(p1, p2\): keep one row"):
        load("folder", root=root)
    (root / "groups.csv").write_bytes("id,group\na,Müller\n".encode("latin-1"))
    with pytest.raises(InputError, match="groups.csv is not in UTF-8: save it again"):
        load("folder", root=root)
    (root / "groups.csv").unlink()
    (root / "train.list").write_text("a\n", encoding="utf-16")
    with pytest.raises(InputError, match="train.list is not in UTF-8"):
        load("folder", root=root)


def test_names_that_end_like_a_mask_or_begin_with_underscores(pictures):
    source = load("folder", root=pictures(names=("a_seg", "b_seg", "__c", "d")))
    assert sorted(sum(ids(source).values(), [])) == ["__c", "a_seg", "b_seg", "d"]


def test_small_objects_may_vanish_at_a_small_size(tmp_path, draw):
    for name in "abc":
        mask = np.zeros((64, 64), np.uint8)
        mask[33, 33] = 255
        draw(tmp_path / f"images/{name}.png", mask)
        draw(tmp_path / f"masks/{name}.png", mask)
    source = load("folder", root=tmp_path, size=8)
    assert not np.asarray(source.splits["train"][0]["mask"]).any()
    assert source.lost_masks == 3
    assert (
        source.notes[0].startswith(
            "3 of 3 masks (first 'b') lose all pixels of foreground at size=8"
        )
        or "lose all pixels of foreground at size=8: choose a larger size." in source.notes[0]
    )
    assert load("folder", root=tmp_path, size=64).lost_masks == 0


def test_a_picture_that_pillow_will_not_decode_and_a_size_of_none_are_told(pictures, monkeypatch):
    root = pictures()
    with pytest.raises(InputError, match="size=0 is no side length"):
        load("folder", root=root, size=0)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(InputError, match="is too large .*: cut it into tiles first"):
        load("folder", root=root)
