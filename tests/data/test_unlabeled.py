"""Images without masks are for training only, and nobody draws them as labeled."""

import h5py
import numpy as np
import pytest

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, keep_on_disk, load, split_labeled

DISC = np.zeros((20, 24), np.uint8)
DISC[4:12, 5:15] = 1


def some_masks(root, draw, count=10, masked=5):
    for i in range(count):
        draw(root / f"images/c{i}.png", DISC * 100 + i)
        if i < masked:
            draw(root / f"masks/c{i}.png", DISC * 255)
    return root


def check(source, masked, total):
    train = cases(source.splits["train"])
    assert sum(map(len, source.splits.values())) == total
    for name in set(source.splits) - {"train"}:
        assert "has_mask" not in source.splits[name].column_names
        assert cases(source.splits[name]).has_mask == ()
    bare = {key for key, has in zip(train.ids, train.has_mask, strict=True) if not has}
    assert len(bare) == total - masked
    for key, mask in zip(train.ids, train.masks, strict=True):
        assert mask.any() == (key not in bare)
    for seed in range(5):
        labeled, everyone = split_labeled(train, None, len(train) - len(bare), seed)
        assert not bare & set(labeled) and everyone == train.ids
        assert (
            split_labeled(train.ids, train.groups, 1, seed, has_mask=train.has_mask)[0]
            == labeled[:1]
        )
    with pytest.raises(InputError, match="more than the .* training cases with a mask"):
        split_labeled(train, None, len(train), 0)
    part = train.select(train.ids[::-1])
    assert part.has_mask == train.has_mask[::-1]
    assert f"{len(bare)} images without a mask (first '" in " ".join(source.notes)
    return train


@pytest.mark.parametrize("size", [None, 8])
def test_pictures(size, tmp_path, draw):
    source = load("folder", root=some_masks(tmp_path / "s", draw), size=size)
    train = check(source, 5, 10)
    shape = (20, 24) if size is None else (size, size)
    assert {mask.shape for mask in train.masks} == {shape}
    mapped = keep_on_disk(source.splits["train"], tmp_path / "cases.arrow")
    assert mapped.has_mask == train.has_mask


def test_a_folder_of_unlabeled_images_beside_splits(tmp_path, draw):
    for split, names in (("train", "ab"), ("test", "cd")):
        for name in names:
            draw(tmp_path / split / f"images/{name}.png", DISC)
            draw(tmp_path / split / f"masks/{name}.png", DISC)
    for name in "efg":
        draw(tmp_path / f"unlabeled/{name}.png", DISC)
    source = load("folder", root=tmp_path)
    assert sorted(source.splits["train"]["id"]) == list("abefg")
    check(source, 4, 7)


@pytest.mark.parametrize("shape", [(16, 16), (6, 7, 8)])
def test_hdf5(shape, tmp_path):
    for i in range(10):
        with h5py.File(tmp_path / f"c{i}.h5", "w") as file:
            file["image"] = np.random.default_rng(i).normal(size=shape).astype(np.float32)
            if i < 5:
                file["label"] = np.ones(shape, np.uint8)
    check(load("hdf5", root=tmp_path), 5, 10)


def test_nifti(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="NIfTI needs the package nibabel")
    for kind, count in (("images", 10), ("masks", 5)):
        (tmp_path / kind).mkdir()
        for i in range(count):
            values = np.random.default_rng(i).normal(size=(5, 6, 7)) if kind == "images" else DISC
            values = values if kind == "images" else np.ones((5, 6, 7))
            volume = nibabel.Nifti1Image(values.astype(np.float32), np.diag([1.0, 2, 3, 1]))
            nibabel.save(volume, tmp_path / kind / f"c{i}.nii.gz")
    check(load("nifti", root=tmp_path), 5, 10)


def test_a_patient_who_is_tested_on_is_not_trained_on_without_labels(tmp_path, draw):
    names = [f"patient{i // 2}_slice{i % 2}" for i in range(12)]
    for i, name in enumerate(names):
        draw(tmp_path / f"images/{name}.png", DISC)
        if i % 2:
            draw(tmp_path / f"masks/{name}.png", DISC)
    source = load("folder", root=tmp_path)
    groups = [set(split["group"]) for split in source.splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 6
    assert "Left out: " in " ".join(source.notes)


def test_an_image_to_test_on_needs_a_mask(tmp_path, draw):
    some_masks(tmp_path, draw)
    (tmp_path / "train.list").write_text("c0\nc1\n")
    (tmp_path / "test.list").write_text("c2\nc7\n")
    with pytest.raises(InputError, match="Image 'c7' of the test split has no mask: add one"):
        load("folder", root=tmp_path)
    (tmp_path / "test.list").write_text("c2\n")
    (tmp_path / "labeled.list").write_text("c0\nc8\n")
    (tmp_path / "train.list").write_text("c0\nc1\nc8\n")
    with pytest.raises(InputError, match="'c8' is listed as labeled but has no mask"):
        load("folder", root=tmp_path)


def test_only_listed_cases_are_drawn():
    ids = ("a", "b", "c", "d")
    assert set(split_labeled(ids, None, 2, 0, listed=("d", "b"))[0]) == {"b", "d"}
    with pytest.raises(InputError, match="more than the 2 listed ones"):
        split_labeled(ids, None, 3, 0, listed=("d", "b"))


def test_empty_placeholders_are_told(tmp_path, draw):
    for i in range(10):
        draw(tmp_path / f"images/c{i}.png", DISC * 100)
        draw(tmp_path / f"masks/c{i}.png", DISC * 255 * (i < 2))
    notes = " ".join(load("folder", root=tmp_path).notes)
    assert "8 of 10 masks show no foreground: if nobody has labeled these images" in notes
