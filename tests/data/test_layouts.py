"""Layouts that people have are recognised and told; what cannot be is one sentence."""

import h5py
import numpy as np
import pytest
from PIL import Image

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, load

SQUARE = np.zeros((20, 24), np.uint8)
SQUARE[4:12, 5:15] = 255
PAIRS = [
    ("images/{}.png", "masks/{}.png"),
    ("img/{}.png", "gt/{}.png"),
    ("Original/{}.tif", "Ground Truth/{}.tif"),
    ("image/{}.jpg", "label/{}.png"),
    ("imgs/{}.png", "masks/{}_mask.gif"),
    ("JPEGImages/{}.jpg", "SegmentationClass/{}.png"),
    ("image_{}.png", "mask_{}.png"),
    ("images/image_{}.png", "masks/mask_{}.png"),
    ("{}.png", "{}_seg.png"),
    ("volume-{}.png", "segmentation-{}.png"),
    ("{}.webp", "{}-mask.webp"),
    ("a/{}.png", "a/{}_gt.png"),
    ("images/{}_training.tif", "1st_manual/{}_manual1.gif"),
    ("CXR_png/{}.png", "ManualMask/leftMask/{}.png"),
    ("PH2/{0}/{0}_Dermoscopic_Image/{0}.bmp", "PH2/{0}/{0}_lesion/{0}_lesion.bmp"),
    ("stage1_train/{}/images/scan.png", "stage1_train/{}/masks/object1.png"),
    ("imagesTr/{}.png", "labelsTr/{}.png"),
    ("{}/imaging.png", "{}/segmentation.png"),
    ("set/{0}/{0}.png", "set/{0}/mask.png"),
]


def pair_set(root, image, mask, draw, count=5):
    for i in range(count):
        key = f"c{i:02d}x"
        draw(root / image.format(key), np.stack([SQUARE // 2 + i] * 3, axis=2))
        draw(root / mask.format(key), SQUARE)
    return root


def masks_of(source):
    return {
        key: mask
        for split in source.splits.values()
        for key, mask in zip(cases(split).ids, cases(split).masks, strict=True)
    }


@pytest.mark.parametrize(("image", "mask"), PAIRS, ids=[image for image, _ in PAIRS])
def test_a_layout_of_pictures(image, mask, tmp_path, draw):
    masks = masks_of(load("folder", root=pair_set(tmp_path / "s", image, mask, draw)))
    assert len(masks) == 5 and all("c0" in key for key in masks)
    assert all((m == SQUARE // 255).all() for m in masks.values())


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{}_images", "{}_masks"),
        ("{}Dataset/image", "{}Dataset/mask"),
        ("{}_set/images", "{}-set/masks"),
        ("{}ing data/img", "{}ing data/gt"),
        ("images_{}", "masks_{}"),
        ("images/{}2017", "masks/{}2017"),
        ("{}", "{}_masks"),
    ],
)
def test_a_folder_may_name_a_split_and_more(image, mask, tmp_path, draw):
    for i in range(5):
        part = "test" if i > 2 else "Train" if image.startswith("{}D") else "train"
        draw(tmp_path / image.format(part) / f"c{i}.png", SQUARE // 2 + i)
        draw(tmp_path / mask.format(part) / f"c{i}.png", SQUARE)
    source = load("folder", root=tmp_path)
    found = {split: sorted(table["id"]) for split, table in source.splits.items()}
    assert found == {"train": ["c0", "c1", "c2"], "test": ["c3", "c4"]}
    assert source.split_rule == "as the data come"


@pytest.mark.parametrize("name", ["train_p1", "testimony", "contest_images", "latest"])
def test_a_folder_that_names_no_split(name, tmp_path, draw):
    pair_set(tmp_path, f"{name}/images/{{}}.png", f"{name}/masks/{{}}.png", draw)
    pair_set(tmp_path, "train2/images/x{}.png", "train2/masks/x{}.png", draw)
    assert "by seed" in load("folder", root=tmp_path, group="none").split_rule


def test_images_to_be_tested_elsewhere_stay_unlabeled(tmp_path, draw):
    pair_set(tmp_path, "train_images/{}.png", "train_masks/{}.png", draw)
    draw(tmp_path / "test_images/t.png", SQUARE)
    source = load("folder", root=tmp_path)
    assert "by seed" in source.split_rule
    assert "1 image without a mask (first 't')" in " ".join(source.notes)


@pytest.mark.parametrize("folder", ["predictions", "overlays", "images/thumbs", "masks_old"])
def test_what_a_program_left_is_passed_over(folder, tmp_path, draw):
    pair_set(tmp_path, "images/{}.png", "masks/{}.png", draw)
    pair_set(tmp_path, f"{folder}/{{}}.png", f"{folder}/{{}}.png", draw)
    source = load("folder", root=tmp_path)
    assert sorted(masks_of(source)) == [f"c{i:02d}x" for i in range(5)]
    assert f"Passed over: 5 .png files (first {folder}/" in " ".join(source.notes)


@pytest.mark.parametrize("folder", ["images_orig", "vis", "old"])
def test_other_folders_of_images_are_read(folder, tmp_path, draw):
    pair_set(tmp_path, f"{folder}/{{}}.png", "masks/{}.png", draw)
    assert len(masks_of(load("folder", root=tmp_path))) == 5


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("P{0}/P{0}_{1}.png", "P{0}/P{0}_{1}_mask.png"),
        ("images/P{0}/s{0}{1}.png", "masks/P{0}/s{0}{1}.png"),
    ],
)
def test_a_mask_whose_slice_is_lost_is_not_joined_to_another(image, mask, tmp_path, draw):
    for patient in range(4):
        for k in range(2):
            draw(tmp_path / image.format(patient, k), SQUARE)
            draw(tmp_path / mask.format(patient, k), SQUARE)
    (tmp_path / image.format(2, 1)).unlink()
    with pytest.raises(InputError, match="Mask '.*' (.a mask by its name. )?has no image called"):
        load("folder", root=tmp_path)


def test_a_second_mask_of_another_name_belongs_to_the_one_image_of_its_folder(tmp_path, draw):
    for name in "abcd":
        for file in ("scan.png", "scan_mask.png", "edge_mask.png"):
            draw(tmp_path / f"{name}x/{file}", SQUARE)
    assert "4 images with several masks" in " ".join(load("folder", root=tmp_path).notes)


def test_masks_that_differ_by_their_endings_are_refused(tmp_path, draw):
    pair_set(tmp_path, "images/{}.png", "masks/{}.png", draw)
    draw(tmp_path / "masks/c03x.tif", SQUARE)
    with pytest.raises(InputError, match=r"two masks of one name \(c03x.png, c03x.tif\): keep"):
        load("folder", root=tmp_path)


def test_a_mask_without_an_image_tells_what_would_be_its_name(tmp_path, draw):
    pair_set(tmp_path / "a", "skin_lesion_{}1.png", "skin_lesion_{}1_mask.png", draw)
    pair_set(tmp_path / "b", "images/c_{}.png", "masks/c_mask_3.png", draw)
    for i in range(3):
        draw(tmp_path / f"c/skin_lesion_{i}.png", SQUARE)
        draw(tmp_path / f"c/skin_lesion_{i}_mask.png", SQUARE)
    assert len(masks_of(load("folder", root=tmp_path / "a"))) == 5
    with pytest.raises(InputError, match="c_mask_3.png' has no image called 'c_mask_3' or 'c': "):
        load("folder", root=tmp_path / "b")
    with pytest.raises(
        InputError, match="skin_lesion_0.png' .a mask by its name. .*put images into images/ and"
    ):
        load("folder", root=tmp_path / "c")


def test_the_mask_of_the_next_slice_is_not_taken(tmp_path, draw):
    for i in range(5):
        draw(tmp_path / f"P{i}/CT_{i + 3:03d}.png", SQUARE)
        draw(tmp_path / f"P{i}/CT_{i + 4:03d}_mask.png", SQUARE)
    with pytest.raises(InputError, match="CT_004_mask.png' fits 'P1/CT_004.png', which is of"):
        load("folder", root=tmp_path)
    for i in range(5):
        (tmp_path / f"P{i}/CT_{i + 4:03d}_mask.png").rename(tmp_path / f"P{i}/CT_9{i}_mask.png")
    told = " ".join(load("folder", root=tmp_path).notes)
    assert "5 masks of another number than the one image of the folder (first P0/CT_90_mask" in told


@pytest.mark.parametrize("name", ["{}_{}", "BraTS-{}-000-{}"])
def test_the_channels_of_a_case_are_told_from_a_lost_image(name, tmp_path, draw):
    """As BraTS has them: four images of a case, and a mask that is called as none of them."""
    for case in ("b1", "b2", "b3"):
        for word in ("flair", "t1", "t1ce", "t2", "seg"):
            draw(tmp_path / case / f"{name.format(case, word)}.png", SQUARE)
    with pytest.raises(
        InputError, match="flair and .*t1, as of one case in .*, here '.*b1"
    ) as told:
        load("folder", root=tmp_path)
    for case in ("b1", "b2", "b3"):
        for word in ("t1", "t1ce", "t2"):
            (tmp_path / case / f"{name.format(case, word)}.png").unlink()
        flair = tmp_path / case / f"{name.format(case, 'flair')}.png"
        flair.rename(flair.with_stem(str(told.value).split("'")[-2].replace("b1", case)))
    assert sum(map(len, load("folder", root=tmp_path).splits.values())) == 3


@pytest.mark.parametrize("words", [("slice1", "slice2"), ("left", "right"), ("0", "1")])
def test_slices_and_sides_are_no_channels(words, tmp_path, draw):
    for case in ("p1", "p2"):
        for word in words:
            draw(tmp_path / f"images/{case}_{word}.png", SQUARE)
        draw(tmp_path / f"masks/{case}_mask.png", SQUARE)
    with pytest.raises(InputError, match="has no image called 'p1_mask' or 'p1'"):
        load("folder", root=tmp_path)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("imagesTr/{}.nii.gz", "labelsTr/{}.nii.gz"),
        ("imagesTr/{}_0000.nii.gz", "labelsTr/{}.nii.gz"),
        ("images/{}.nii", "labels/{}.nii.gz"),
        ("{0}/{0}_image.nii.gz", "{0}/{0}_seg.nii.gz"),
    ],
)
def test_a_layout_of_volumes(image, mask, tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="NIfTI needs the package nibabel")
    rng = np.random.default_rng(0)
    for i in range(4):
        labels = (rng.random((5, 6, 7)) > 0.5).astype(np.float32)
        for path, values in ((image, rng.normal(size=labels.shape)), (mask, labels)):
            file = tmp_path / path.format(f"c_{i}")
            file.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), np.eye(4)), file)
    (tmp_path / "dataset.json").write_text("{}")
    source = load("nifti", root=tmp_path)
    assert sorted(key.removesuffix("_image") for key in masks_of(source)) == [
        f"c_{i}" for i in range(4)
    ]
    assert not any("Passed over" in note for note in source.notes)


def test_test_images_of_nnunet_without_labels_are_passed_over(tmp_path, draw):
    pair_set(tmp_path, "imagesTr/{}.png", "labelsTr/{}.png", draw)
    draw(tmp_path / "imagesTs/t.png", SQUARE)
    source = load("folder", root=tmp_path)
    assert len(masks_of(source)) == 5
    assert "imagesTs holds 1 images without masks: passed over." in source.notes
    draw(tmp_path / "labelsTs/t.png", SQUARE)
    assert load("folder", root=tmp_path).splits["test"]["id"][:] == ["t"]


def test_the_layout_and_what_is_passed_over_are_told(tmp_path, draw):
    pair_set(tmp_path, "Original/{}.png", "Ground Truth/{}.png", draw)
    for name in ("readme.docx", "ages.xlsx", "more.xlsx", "Thumbs.db", ".hidden"):
        (tmp_path / name).write_bytes(b"")
    notes = load("folder", root=tmp_path).notes
    assert "Layout: images in Original/, masks in Ground Truth/." in notes
    assert "Passed over: 2 .xlsx files, 1 .docx file (first ages.xlsx)." in notes


def test_several_masks_are_one(tmp_path, draw):
    first, second = SQUARE.copy(), SQUARE.T.copy()[:20, :24]
    second = np.zeros_like(first)
    second[14:18, 2:9] = 255
    for i in range(4):
        draw(tmp_path / f"benign ({i}).png", SQUARE)
        draw(tmp_path / f"benign ({i})_mask.png", first)
    draw(tmp_path / "benign (3)_mask_1.png", second)
    source = load("folder", root=tmp_path)
    masks = masks_of(source)
    assert (masks["benign (3)"] == np.maximum(first, second) // 255).all()
    assert (masks["benign (0)"] == first // 255).all()
    told = "1 image with several masks (first 'benign (3)': benign (3)_mask.png and benign (3)_mask"
    assert any(note.startswith(told) for note in source.notes)


@pytest.mark.parametrize("mask", ["masks/{}/{{}}.png", "masks/{{}}_mask_{}.png"])
@pytest.mark.parametrize("value", [1, 2, 255])
def test_masks_of_one_class_a_file_are_not_joined_to_one(mask, value, tmp_path, draw):
    for number in (1, 2):
        pair_set(tmp_path, "images/{}.png", mask.format(number), draw)
        for i in range(5):
            labels = np.roll(SQUARE, 9 * number) // 255 * (1 if value + number == 3 else value)
            draw(tmp_path / mask.format(number).format(f"c{i:02d}x"), labels)
    if value == 2:
        assert np.unique(masks_of(load("folder", root=tmp_path, classes=3))["c00x"]).size == 3
        return
    with pytest.raises(InputError, match="several masks .* with one value where 3 classes are"):
        load("folder", root=tmp_path, classes=3)
    assert "several masks" in " ".join(load("folder", root=tmp_path).notes)


@pytest.mark.parametrize("mask", ["{}_mask{}", "masks/{}_mask{}", "{}-label{}"])
@pytest.mark.parametrize("link", ["_", "-"])
def test_a_number_may_be_of_the_mask_or_of_the_image(mask, link, tmp_path, draw):
    for name in ("a", "b", "c10"):
        for number in ("", f"{link}1"):
            folder = "images/" if "/" in mask else ""
            draw(tmp_path / f"{folder}{name}{number}.png", SQUARE)
            draw(tmp_path / f"{mask.format(name, number)}.png", SQUARE)
    with pytest.raises(InputError, match=f"may be of the image 'a' or of 'a{link}1': call it a"):
        load("folder", root=tmp_path)


@pytest.mark.parametrize("name", ["{}_mask (1)", "{}_mask - Copy", "{}_mask_liver", "label {}"])
def test_what_is_called_a_mask_is_not_learned_from(name, tmp_path, draw):
    pair_set(tmp_path, "{}.png", "{}_mask.png", draw)
    draw(tmp_path / f"{name.format('c01x')}.png", SQUARE)
    with pytest.raises(InputError, match="is called as a mask, but as that of no image: let its"):
        load("folder", root=tmp_path)


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        ("masks/c{:03d}.png", "no image called 'c000' .did you mean 'c0'..: give its image that"),
        ("masks/mask_{}.png", "has no image called 'mask_0' or '0'"),
        ("masks/c{}_liver.png", r"'c0_liver' \(if it shows one class of 'c0', save all classes"),
        ("c{}_liver_mask.png", r"'c0_liver' \(if it shows one class of 'c0', save all classes"),
        ("masks/p{0}/c{0}.png", "c0.png' fits 'images/q/c0.png', which is of another folder or"),
    ],
)
def test_the_sentence_on_a_lost_mask_names_what_may_be_its_image(mask, sentence, tmp_path, draw):
    folder = "images/q/" if "/c{0}" in mask else "images/"
    for i in range(3):
        draw(tmp_path / f"{folder if mask.startswith('masks') else ''}c{i}.png", SQUARE)
        draw(tmp_path / mask.format(i), SQUARE)
    with pytest.raises(InputError, match=sentence):
        load("folder", root=tmp_path)


@pytest.mark.parametrize("ending", [".dcm", ".jp2"])
def test_an_image_of_a_kind_that_is_not_read_is_named(ending, tmp_path, draw):
    pair_set(tmp_path, "images/{}.png", "masks/{}.png", draw)
    (tmp_path / "images/c01x.png").rename(tmp_path / f"images/c01x{ending}")
    with pytest.raises(InputError, match=f"belongs to 'images/c01x{ending}', which is of a kind"):
        load("folder", root=tmp_path)


def test_masks_of_a_kind_that_is_not_read_are_named(tmp_path, draw):
    draw(tmp_path / "images/a.png", SQUARE)
    (tmp_path / "masks").mkdir()
    np.save(tmp_path / "masks/a.npy", SQUARE)
    with pytest.raises(InputError, match=r"\(first images/a.png; masks/a.npy is not read\): put"):
        load("folder", root=tmp_path)


def test_an_image_and_its_mask_of_one_name_say_what_to_do(tmp_path, draw):
    for ending in (".jpg", ".png"):
        draw(tmp_path / f"a{ending}", SQUARE)
    with pytest.raises(InputError, match="a mask beside its image needs an ending, such as _mask"):
        load("folder", root=tmp_path)


def test_the_folders_and_lists_of_voc(tmp_path, draw):
    pair_set(tmp_path, "JPEGImages/{}.jpg", "SegmentationClass/{}.png", draw)
    pair_set(tmp_path, "JPEGImages/{}.jpg", "SegmentationObject/{}.png", draw)
    lists = tmp_path / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("c00x\nc01x\nc02x\n")
    (lists / "val.txt").write_text("c03x\nc04x\n")
    source = load("folder", root=tmp_path)
    found = {split: sorted(table["id"]) for split, table in source.splits.items()}
    assert found == {"train": ["c00x", "c01x", "c02x"], "test": ["c03x", "c04x"]}


@pytest.mark.parametrize("reader", ["hdf5", "folder"])
def test_classes_that_cannot_be_learned_are_told(reader, tmp_path, draw):
    for i in range(4):
        part = "test" if i > 2 else "train"
        labels = SQUARE // 255 * (2 if i > 2 else 1) * (reader == "folder")
        if reader == "folder":
            draw(tmp_path / part / f"images/{i}.png", SQUARE)
            draw(tmp_path / part / f"masks/{i}.png", labels)
            continue
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file["image"], file["label"] = SQUARE + i, labels
    notes = " ".join(load(reader, root=tmp_path, classes=3).notes)
    told = {
        "hdf5": "No mask shows class 1 or class 2.",
        "folder": "No mask of a training image shows class 2, which others do: no network can",
    }
    assert told[reader] in notes


def test_left_and_right_are_one_and_two_kinds_of_masks_are_refused(tmp_path, draw):
    pair_set(tmp_path / "a", "CXR_png/{}.png", "ManualMask/leftMask/{}.png", draw)
    pair_set(tmp_path / "a", "CXR_png/{}.png", "ManualMask/rightMask/{}.png", draw)
    assert "5 images with several masks" in " ".join(load("folder", root=tmp_path / "a").notes)
    pair_set(tmp_path / "b", "images/{}_training.png", "mask/{}_training_mask.gif", draw)
    pair_set(tmp_path / "b", "images/{}_training.png", "1st_manual/{}_manual1.gif", draw)
    with pytest.raises(InputError, match="has masks in 1st_manual/ and in mask/: keep the folder"):
        load("folder", root=tmp_path / "b")


def test_a_field_of_view_is_no_truth(tmp_path, draw):
    view = np.zeros((20, 24), np.uint8)
    view[1:-1, 1:-1] = 255
    for i in range(5):
        draw(tmp_path / f"images/{i}.png", SQUARE + i)
        draw(tmp_path / f"masks/{i}.png", view)
    notes = " ".join(load("folder", root=tmp_path).notes)
    assert "at least 82 % is foreground" in notes and "All 5 masks are the same" in notes


@pytest.mark.parametrize(("inverted", "is_told"), [(0, False), (1, False), (3, True)])
def test_some_masks_that_are_inverted_are_told(inverted, is_told, tmp_path, draw):
    for i in range(10):
        draw(tmp_path / f"images/{i}.png", SQUARE + i)
        draw(tmp_path / f"masks/{i}.png", np.roll(SQUARE, i) ^ (255 * (i < inverted)))
    notes = " ".join(load("folder", root=tmp_path).notes)
    assert (f"{inverted} of 10 masks (first '" in notes) == is_told
    assert ("unlike the others: check that black is background" in notes) == is_told


def test_pictures_without_any_mask_name_the_paths_and_a_command(tmp_path, draw):
    draw(tmp_path / "a/1.png", SQUARE)
    draw(tmp_path / "b/2.png", SQUARE)
    with pytest.raises(InputError, match=r"first a/1.png\): put images into .*/images and masks"):
        load("folder", root=tmp_path)


@pytest.mark.parametrize("reader", ["folder", "nifti"])
@pytest.mark.parametrize("masks", ["masks", "Ground Truth", "labels_train"])
def test_the_folder_of_images_alone_names_the_one_above(reader, masks, tmp_path, draw):
    pair_set(tmp_path / "s", "images/{}.png", f"{masks}/{{}}.png", draw)
    (tmp_path / "s/images/a.nii").touch()
    with pytest.raises(InputError, match=f"{masks}/ lies beside it: give the folder of both, .*s"):
        load(reader, root=tmp_path / "s/images")


def test_the_folder_of_masks_alone_names_the_one_above(tmp_path, draw):
    pair_set(tmp_path / "s", "images/{}.png", "masks/{}.png", draw)
    with pytest.raises(InputError, match="holds masks alone, and images/ lies beside it: give the"):
        load("folder", root=tmp_path / "s/masks")


@pytest.mark.parametrize("folder", ["edges", "images/backup", "images_small"])
def test_copies_and_maps_of_images_are_told(folder, tmp_path, draw):
    pair_set(tmp_path, "images/{}.png", "masks/{}.png", draw)
    draw(tmp_path / folder / "c02x.png", SQUARE)
    told = f"1 image without a mask called as other images (first {folder}/c02x.png, as images/c02"
    assert told in " ".join(load("folder", root=tmp_path).notes)


@pytest.mark.parametrize("folder", ["masks_colour", "masks_new", "gt_eval"])
def test_a_folder_called_as_masks_that_holds_none_is_refused(folder, tmp_path, draw):
    """They would be trained on as unlabeled images."""
    pair_set(tmp_path, "images/{}.png", "masks/{}.png", draw)
    draw(tmp_path / folder / "c02x.png", SQUARE)
    with pytest.raises(InputError, match=f"lies in {folder}/, which is called as a folder of mask"):
        load("folder", root=tmp_path)


def test_masks_of_an_unknown_ending_are_told(tmp_path, draw):
    pair_set(tmp_path, "{}.png", "{}_mask.png", draw)
    for kind in ("", "_outline"):
        draw(tmp_path / f"late{kind}.png", SQUARE)
    notes = " ".join(load("folder", root=tmp_path).notes)
    assert "1 image without a mask called as other images (first late_outline.png, as lat" in notes


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("masks/{}.png", "output/masks/{}.png"),
        ("reader1/masks/{}.png", "reader2/masks/{}.png"),
        ("{}_mask.png", "masks/{}.png"),
    ],
)
def test_masks_of_two_trees_are_not_joined(first, second, tmp_path, draw):
    for masks in (first, second):
        pair_set(tmp_path, "{}.png", masks, draw)
    with pytest.raises(InputError, match="keep the folder with the truth and move the other one"):
        load("folder", root=tmp_path)


def test_a_field_of_view_beside_manual1_is_not_the_truth(tmp_path, draw):
    pair_set(tmp_path, "images/{}.JPG", "manual1/{}.png", draw)
    assert len(masks_of(load("folder", root=tmp_path))) == 5
    pair_set(tmp_path, "images/{}.JPG", "mask/{}_mask.png", draw)
    with pytest.raises(InputError, match="has masks in manual1/ and in mask/: keep the folder"):
        load("folder", root=tmp_path)


def test_original_below_masks_holds_masks(tmp_path, draw):
    pair_set(tmp_path, "images/original/{}.png", "masks/original/{}_mask.png", draw)
    assert len(masks_of(load("folder", root=tmp_path))) == 5


def test_numbered_folders_of_splits_are_splits(tmp_path, draw):
    for number, split in enumerate(("train", "val", "test")):
        name = f"{number}{{}}"
        place = f"0{number + 1}_{split}"
        pair_set(tmp_path, f"{place}/images/{name}.png", f"{place}/masks/{name}.png", draw)
    source = load("folder", root=tmp_path)
    assert source.split_rule == "as the data come"
    assert all(key.startswith("2") for key in source.splits["test"]["id"])


def test_validation_folders_of_nnunet_are_kept_apart(tmp_path, draw):
    pair_set(tmp_path, "imagesTr/{}.png", "labelsTr/{}.png", draw)
    pair_set(tmp_path, "imagesVa/v{}.png", "labelsVa/v{}.png", draw)
    draw(tmp_path / "imagesTs/t.png", SQUARE)
    source = load("folder", root=tmp_path)
    assert "imagesTs holds 1 images without masks: passed over" in " ".join(source.notes)
    assert all(key.startswith("v") for key in source.splits["test"]["id"])


def test_a_folder_without_pictures_says_what_is_there(tmp_path):
    (tmp_path / "a.ppm").touch()
    with pytest.raises(InputError, match="holds no pictures .* Passed over: 1 .ppm file"):
        load("folder", root=tmp_path)


def test_unlabeled_patients_are_no_copies(tmp_path, draw):
    for patient in range(5):
        for kind in ("images", "masks")[: 1 + (patient < 4)]:
            draw(tmp_path / f"{kind}/p{patient}/001.png", SQUARE)
    assert "called as other images" not in " ".join(load("folder", root=tmp_path).notes)


def test_several_channels_of_a_case_are_refused(tmp_path, draw):
    pair_set(tmp_path, "imagesTr/{}_0000.png", "labelsTr/{}.png", draw)
    pair_set(tmp_path, "imagesTr/{}_0001.png", "labelsTr/{}.png", draw)
    with pytest.raises(
        InputError, match=r"has several channels \(c00x_0000.png, c00x_0001.png\), and one"
    ):
        load("folder", root=tmp_path)


def test_a_mask_of_another_folder_is_not_taken(tmp_path, draw):
    for name in ("p1/001", "p2/001", "p3/001"):
        draw(tmp_path / f"masks/{name}.png", SQUARE)
    for name in ("p1/001", "p3/001"):
        draw(tmp_path / f"images/{name}.png", SQUARE)
    with pytest.raises(InputError, match="p2/001.png' (has no image|fits several images)"):
        load("folder", root=tmp_path)


# --- EXIF ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", [2, 3, 4])
@pytest.mark.parametrize("turned", ["images", "masks", "both"])
def test_exif_of_one_of_the_two_is_told(orientation, turned, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        options = {"exif": exif} if turned in (kind, "both") else {}
        for i in range(4):
            Image.fromarray(SQUARE // 255 * (200 if kind == "images" else 255)).save(
                tmp_path / kind / f"{i}.png", **options
            )
    notes = " ".join(load("folder", root=tmp_path).notes)
    assert ("EXIF turns either the image or its mask" in notes) == (turned != "both")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_exif_that_swaps_the_sides_is_named(suffix, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for i in range(4):
        Image.fromarray(SQUARE).save(tmp_path / f"images/{i}{suffix}", exif=exif)
        Image.fromarray(SQUARE).save(tmp_path / f"masks/{i}.png")
    with pytest.raises(InputError, match="the image is turned by its EXIF orientation, the mask"):
        load("folder", root=tmp_path)


def test_a_sound_picture_with_a_damaged_exif_is_read(tmp_path, draw):
    pair_set(tmp_path, "images/{}.jpg", "masks/{}.png", draw)
    for file in (tmp_path / "images").iterdir():
        data = file.read_bytes()
        note = b"Exif\0\0II*\0\xff\xff\xff\x7f\x01\0"
        file.write_bytes(
            data[:2] + b"\xff\xe1" + (len(note) + 2).to_bytes(2, "big") + note + data[2:]
        )
    assert len(masks_of(load("folder", root=tmp_path))) == 5


# --- HDF5 ---------------------------------------------------------------------------------------

VOLUME = np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32)
LABEL = (VOLUME > 0).astype(np.uint8)


def hdf5_set(root, arrays, attributes=None):
    root.mkdir(parents=True, exist_ok=True)
    for i in range(3):
        with h5py.File(root / f"c{i}.h5", "w") as file:
            for key, values in arrays.items():
                if isinstance(values, tuple):
                    file.create_dataset(key, values[0], dtype=values[1])
                else:
                    file[key] = values
            for key, value in (attributes or {}).items():
                file.attrs[key] = value
    return root


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        ({"label": np.zeros(LABEL.shape, [("r", "u1"), ("g", "u1")])}, "label holds .*no array"),
        ({"label": (LABEL.shape, h5py.vlen_dtype(np.uint8))}, "label holds text|label holds"),
        ({"label": "see other file"}, "label holds text and no array of plain numbers"),
        ({"image": VOLUME + 1j * VOLUME}, "image holds complex64 and no array of plain numbers"),
        ({"image": h5py.Empty("f4")}, "image holds .* no array of plain numbers"),
    ],
)
def test_odd_content_of_hdf5(odd, sentence, tmp_path):
    root = hdf5_set(tmp_path / "s", {"image": VOLUME, "label": LABEL} | odd)
    with pytest.raises(InputError, match=f"c0.h5': {sentence}"):
        load("hdf5", root=root)


@pytest.mark.parametrize("spacing", ["0.5 0.5 1", [np.nan, 1, 1], [np.inf, 1, 1], [1, 1, 0]])
def test_odd_spacing_of_hdf5(spacing, tmp_path):
    root = hdf5_set(tmp_path / "s", {"image": VOLUME, "label": LABEL}, {"spacing": spacing})
    with pytest.raises(InputError, match="c0.h5': spacing is .*: give millimetres for each axis"):
        load("hdf5", root=root)


@pytest.mark.parametrize("keys", [("img", "gt"), ("data", "seg"), ("raw", "mask"), ("X", "Y")])
def test_other_keys_of_hdf5(keys, tmp_path):
    root = hdf5_set(tmp_path / "s", {keys[0]: VOLUME, keys[1]: LABEL})
    source = load("hdf5", root=root)
    assert (cases(source.splits["test"]).masks[0] == LABEL).all()
    assert f"Images are read from '{keys[0]}', masks from '{keys[1]}'." in source.notes


@pytest.mark.parametrize("keys", [("label", "mask"), ("mask", "gt")])
def test_a_second_array_that_may_be_the_mask_is_told(keys, tmp_path):
    arrays = {"image": VOLUME, keys[0]: LABEL, keys[1]: 1 - LABEL}
    source = load("hdf5", root=hdf5_set(tmp_path / "s", arrays))
    assert (cases(source.splits["test"]).masks[0] == LABEL).all()
    assert "More than one array may be the mask in 3 cases (first '" in " ".join(source.notes)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"a": VOLUME, "b": LABEL}, "has the keys a, b: name its arrays image and label"),
        ({"image": VOLUME, "b": LABEL}, "has the keys b, image: name its arrays"),
        ({"img": VOLUME, "data": VOLUME, "gt": LABEL}, "of which any may be the image"),
        ({"image": VOLUME, "gt": LABEL, "seg": LABEL}, "of which any may be the label"),
    ],
)
def test_keys_of_hdf5_that_cannot_be_told(arrays, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        load("hdf5", root=hdf5_set(tmp_path / "s", arrays))


@pytest.mark.parametrize("shape", [(40, 48, 3), (3, 40, 48), (1, 40, 48), (40, 48, 1)])
def test_channels_are_no_slices_of_a_volume(shape, tmp_path):
    arrays = {"image": np.random.default_rng(0).normal(size=shape), "label": np.ones(shape, "u1")}
    with pytest.raises(InputError, match=r"may be one slice with channels: .* attribute spacing"):
        load("hdf5", root=hdf5_set(tmp_path / "s", arrays))
    source = load("hdf5", root=hdf5_set(tmp_path / "t", arrays, {"spacing": [1.0, 1.0, 8.0]}))
    assert source.dims == 3


@pytest.mark.parametrize("shape", [(5, 40, 48), (4, 5, 6), (40, 3, 48)])
def test_a_volume_of_few_slices_is_read(shape, tmp_path):
    arrays = {"image": np.random.default_rng(0).normal(size=shape), "label": np.ones(shape, "u1")}
    assert load("hdf5", root=hdf5_set(tmp_path / "s", arrays)).dims == 3


def test_a_file_for_each_split_is_refused_and_a_folder_for_each_is_read(tmp_path):
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["images"], file["labels"] = VOLUME, LABEL
    with pytest.raises(
        InputError, match=r"t\w+.h5' is called as a split and holds .6, 7, 8.: save"
    ):
        load("hdf5", root=tmp_path)
    for name in ("train", "test"):
        (tmp_path / f"{name}.h5").rename(tmp_path / name / f"{name}.h5")
    assert load("hdf5", root=tmp_path).split_rule == "as the data come"


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("ISIC_train", "ISIC_test"),
        ("stage1_train", "stage1_test"),
        ("a. Training Set", "b. Testing Set"),
        ("train_256", "test_256"),
        ("images/x_train", "images/x_test"),
    ],
)
def test_folders_that_differ_in_the_word_of_their_split_are_splits(train, test, tmp_path, draw):
    root = tmp_path / "s"
    for folder, names in ((train, "abcdefgh"), (test, "xyz")):
        image = folder if folder.startswith("images") else f"{folder}/images"
        for name in names:
            draw(root / image / f"{name}.png", np.stack([SQUARE // 2] * 3, axis=2))
            draw(root / image.replace("images", "masks") / f"{name}.png", SQUARE)
    source = load("folder", root=root)
    ids = {split: {key[-1] for key in ids["id"]} for split, ids in source.splits.items()}
    assert ids == {"train": set("abcdefgh"), "test": set("xyz")}
    assert source.split_rule == "as the data come"


def test_one_folder_with_a_split_in_its_name_is_no_split(tmp_path, draw):
    root = pair_set(tmp_path / "s", "stage1_train/images/{}.png", "stage1_train/masks/{}.png", draw)
    assert load("folder", root=root).split_rule.startswith("by seed")


def test_masks_of_a_folder_of_unlabeled_images_are_not_used(tmp_path, draw):
    root = pair_set(tmp_path / "s", "labeled/images/{}.png", "labeled/masks/{}.png", draw)
    for name in "xyz":
        draw(root / f"unlabeled/images/{name}.png", np.stack([SQUARE // 2] * 3, axis=2))
        draw(root / f"unlabeled/masks/{name}.png", SQUARE)
    source = load("folder", root=root)
    train = cases(source.splits["train"])
    bare = {key for key, has in zip(train.ids, train.has_mask, strict=True) if not has}
    assert bare == set("xyz")
    assert any("3 images in a folder of unlabeled images with a mask" in n for n in source.notes)


@pytest.mark.parametrize("listed", [range(6), range(2)])
def test_who_is_listed_as_unlabeled_is_not_drawn_as_labeled(listed, tmp_path, draw):
    root = pair_set(tmp_path / "s", "images/{}.png", "masks/{}.png", draw, count=12)
    for name, rows in (("train", range(9)), ("test", range(9, 12)), ("unlabeled", listed)):
        (root / f"{name}.txt").write_text("\n".join(f"c{i:02d}x" for i in rows))
    able = load("folder", root=root).labeled
    assert set(able) == {f"c{i:02d}x" for i in range(len(listed), 9)}


def test_a_list_of_unlabeled_images_that_leaves_nobody_to_learn_from_is_refused(tmp_path, draw):
    root = pair_set(tmp_path / "s", "images/{}.png", "masks/{}.png", draw, count=6)
    for name, rows in (("train", range(4)), ("test", range(4, 6)), ("unlabeled", range(4))):
        (root / f"{name}.txt").write_text("\n".join(f"c{i:02d}x" for i in rows))
    with pytest.raises(InputError, match="unlabeled images names every training case"):
        load("folder", root=root)


@pytest.mark.parametrize("word", ["pred", "overlay", "superpixels"])
def test_pictures_made_of_images_that_have_masks_are_told(word, tmp_path, draw):
    root = pair_set(tmp_path / "s", "images/{}.png", "masks/{}.png", draw)
    for i in range(5):
        draw(root / f"results/c{i:02d}x_{word}.png", SQUARE)
    notes = load("folder", root=root).notes
    assert any(f"c00x_{word}.png, as images/c00x.png" in note for note in notes)


def test_a_mask_of_another_number_alone_in_its_folder_is_refused(tmp_path, draw):
    root = tmp_path / "s"
    for p in range(6):
        draw(root / f"P{p}/images/IM{p:03d}.png", np.stack([SQUARE // 2] * 3, axis=2))
        draw(root / f"P{p}/masks/IM{p + 2 * (p == 3):03d}_mask.png", SQUARE)
    with pytest.raises(InputError, match=r"IM005_mask.png' .* image"):
        load("folder", root=root)


def test_masks_with_numbers_of_their_own_are_paired_by_their_folders(tmp_path, draw):
    root = tmp_path / "s"
    for p in range(6):
        draw(root / f"P{p}/images/IM{p:03d}.png", np.stack([SQUARE // 2] * 3, axis=2))
        draw(root / f"P{p}/masks/IM{p + 20:03d}_mask.png", SQUARE)
    assert len(masks_of(load("folder", root=root))) == 6


def test_what_lies_beside_a_whole_set_is_another_set(tmp_path, draw):
    root = tmp_path / "pictures"
    draw(tmp_path / "masks/other.png", SQUARE)
    draw(root / "a.png", SQUARE)
    with pytest.raises(InputError, match="None of the 1 pictures in"):
        load("folder", root=root)
