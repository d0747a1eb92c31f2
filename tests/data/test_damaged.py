"""Damaged files of every kind end in one sentence, or are read; never in another error."""

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
from damage import damaged, reads
from PIL import Image

from ucmt_lite.data import cases, load
from ucmt_lite.data.mapped import open_cases, save_cases
from ucmt_lite.predict.reading import read_volume

PICTURES = (".png", ".jpg", ".bmp", ".tif", ".gif", ".webp")
COUNT = 22  # damaged files of each kind; 160 of each were tried once


def picture_set(root: Path, suffix: str) -> list[Path]:
    """Write three pairs of pictures and return the files to damage."""
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
        for i in range(3):
            pixels = np.zeros((12, 16), np.uint8)
            pixels[2:8, 3 + i : 9 + i] = 255
            if kind == "images":
                pixels = np.stack([pixels // 2 + 40 + i, pixels, pixels // 3], axis=2)
            options = {"lossless": True} if suffix == ".webp" else {}
            Image.fromarray(pixels).save(root / kind / f"{i}{suffix}", **options)
    return [root / "images" / f"0{suffix}", root / "masks" / f"1{suffix}"]


def volume_set(root: Path, suffix: str) -> list[Path]:
    """Write three volumes and return the files to damage."""
    rng = np.random.default_rng(0)
    mask = np.zeros((5, 6, 7), np.uint8)
    mask[1:4, 2:5, 2:6] = 1
    if suffix == ".h5":
        root.mkdir(parents=True)
        for i in range(3):
            with h5py.File(root / f"{i}.h5", "w") as file:
                file["image"] = rng.normal(size=mask.shape).astype(np.float32)
                file.create_dataset("label", data=mask, compression="gzip")
                file.attrs["spacing"] = (1.0, 1.0, 2.0)
        return [root / "0.h5"]
    nibabel = pytest.importorskip("nibabel", reason="NIfTI needs the package nibabel")
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
        for i in range(3):
            values = mask if kind == "masks" else rng.normal(size=mask.shape).astype(np.float32)
            volume = nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 2.0, 1.0]))
            nibabel.save(volume, root / kind / f"{i}{suffix}")
    return [root / "images" / f"0{suffix}", root / "masks" / f"1{suffix}"]


def texts_set(root: Path, name: str) -> list[Path]:
    """Write three pairs and a text file beside them, which is damaged."""
    picture_set(root, ".png")
    texts = {
        "train.list": "0\n1\n",
        "labeled.txt": "images/0.png masks/0.png\n",
        "train.csv": "id,age\n0,7\n1,8\n",
        "groups.csv": "id,group\n0,a\n1,b\n2,c\n",
    }
    (root / name).write_text(texts[name])
    if name.startswith("train"):
        (root / "test.list").write_text("2\n")
    return [root / name]


def load_all(name: str, root: Path) -> None:
    for split in load(name, root=root).splits.values():
        cases(split)


def try_out(make, kind: str, reader: str, root: Path, count: int, seed: int = 0) -> list[bool]:
    """Damage the files of a set again and again, and read it each time."""
    files = make(root, kind)
    originals = {file: file.read_bytes() for file in files}
    rng = np.random.default_rng((seed, len(kind)))
    read = []
    for number in range(count):
        file = files[number % len(files)]
        file.write_bytes(damaged(originals[file], rng))
        before = set(root.rglob("*"))
        read.append(reads(lambda: load_all(reader, root)))
        assert set(root.rglob("*")) == before, "a reader wrote something"
        file.write_bytes(originals[file])
    load_all(reader, root)
    return read


KINDS = [
    *((picture_set, suffix, "folder") for suffix in PICTURES),
    *((volume_set, suffix, "nifti") for suffix in (".nii", ".nii.gz")),
    (volume_set, ".h5", "hdf5"),
    *((texts_set, name, "folder") for name in ("train.list", "labeled.txt", "train.csv")),
    (texts_set, "groups.csv", "folder"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("make", "kind", "reader"), KINDS, ids=[kind for _, kind, _ in KINDS])
def test_a_damaged_file_ends_in_a_sentence(make, kind, reader, tmp_path):
    read = try_out(make, kind, reader, tmp_path / "set", COUNT)
    assert not all(read), "no file was damaged enough to be refused"


def test_damaged_arrays_end_in_a_sentence(tmp_path):
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    np.save(buffer, rng.normal(size=(5, 6, 7)))
    part = cases(load("phantom_heart", size=32, count=(2, 1, 1)).splits["train"])
    save_cases([part], tmp_path / "cases.arrow")
    mapped = (tmp_path / "cases.arrow").read_bytes()
    for _ in range(COUNT):
        (tmp_path / "a.npy").write_bytes(damaged(buffer.getvalue(), rng))
        reads(lambda: read_volume(tmp_path / "a.npy"))
        (tmp_path / "b.arrow").write_bytes(mapped[: rng.integers(len(mapped))])
        assert not reads(lambda: open_cases(tmp_path / "b.arrow"))
