"""Any `datasets` object, and the Hub: a small one on this computer that knows one revision."""

import io
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import datasets
import numpy as np
import pytest
from PIL import Image

from ucmt_lite.common import InputError
from ucmt_lite.data import cases, from_dataset, load


def pictured(count=6, *, names=("image", "mask"), value=255, **columns):
    """A dataset with two Image columns; the mask of row i has i + 1 foreground pixels."""
    images = []
    masks = []
    for i in range(count):
        images.append(Image.fromarray(np.full((6, 8, 3), 40 * i, np.uint8)))
        mask = np.zeros((6, 8), np.uint8)
        mask.flat[: i + 1] = value
        masks.append(Image.fromarray(mask))
    kinds = datasets.Features({names[0]: datasets.Image(), names[1]: datasets.Image()})
    table = datasets.Dataset.from_dict({names[0]: images, names[1]: masks}, features=kinds)
    for name, column in columns.items():
        table = table.add_column(name, column)
    return table


def foreground(source):
    return sorted(
        int(mask.sum()) for split in source.splits.values() for mask in cases(split).masks
    )


def test_pictures():
    source = from_dataset(pictured(), classes=["background", "cell"])
    assert (source.dims, source.channels, source.classes) == (2, 3, ("background", "cell"))
    assert foreground(source) == [1, 2, 3, 4, 5, 6]
    assert {split: len(table) for split, table in source.splits.items()} == {
        "train": 4,
        "validation": 1,
        "test": 1,
    }


def test_named_columns_groups_and_ids():
    table = pictured(names=("photo", "label"), id=[f"x{i}" for i in range(6)], group=list("aabbcc"))
    source = from_dataset(table, image="photo", mask="label", seed=1)
    groups = [set(split["group"]) for split in source.splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 3
    assert {name for split in source.splits.values() for name in split["id"]} == {
        f"x{i}" for i in range(6)
    }


def test_own_splits_are_kept():
    both = datasets.DatasetDict(train=pictured(3), validation=pictured(2), test=pictured(1))
    source = from_dataset(both)
    assert source.splits["validation"]["id"][:] == ["validation_0", "validation_1"]
    assert source.split_rule == "as the data come"
    assert set(from_dataset({"train": both["train"], "val": both["validation"]}).splits) == {
        "train",
        "test",
    }
    with pytest.raises(InputError, match="Unknown split 'trian': did you mean 'train'"):
        from_dataset({"trian": both["train"], "test": both["test"]})


def test_rows_without_a_patient_are_patients_of_their_own():
    table = pictured(6, group=["a", "a", *[None] * 4])
    groups = [group for split in from_dataset(table).splits.values() for group in split["group"]]
    assert len(groups) == 6 and len(set(groups)) == 5 and "None" not in groups


@pytest.mark.parametrize(
    "name", ["patient_id", "patient", "Subject", "subject_id", "Participant ID", "case_id"]
)
def test_a_column_of_patients_is_taken_for_the_group_and_told(name):
    table = pictured(**{name: [i // 2 for i in range(6)]})
    source = from_dataset(table)
    groups = [set(split["group"]) for split in source.splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 3
    assert f"The column '{name}' is taken for the patient of each row" in " ".join(source.notes)
    alone = from_dataset(table, group="none")
    assert sum(len(set(split["group"])) for split in alone.splits.values()) == 6
    assert "is taken for the patient" not in " ".join(alone.notes)


def test_a_column_called_group_comes_before_that_of_patients():
    source = from_dataset(pictured(group=list("aabbcc"), patient=list("xxxyyy")))
    groups = {group for split in source.splits.values() for group in split["group"]}
    assert groups == {"a", "b", "c"} and "patient" not in " ".join(source.notes)


def test_a_column_with_one_value_names_no_patients():
    source = from_dataset(pictured(subject=["heart"] * 6))
    assert sum(len(set(split["group"])) for split in source.splits.values()) == 6
    assert "'subject' holds 'heart' in every row and is not taken" in " ".join(source.notes)


def alone(source):
    """Return whether every row is a patient of its own."""
    return sum(len(set(split["group"])) for split in source.splits.values()) == len(
        ids_and_groups(source)
    )


def ids_and_groups(source):
    return {
        key: group
        for split in source.splits.values()
        for key, group in zip(split["id"], split["group"], strict=True)
    }


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("case_id", list("abcdef")),
        ("case_id", ["a", "b", None, None, "c", "d"]),
        ("case_id", ["a", "b", "", "", "c", "d"]),
        ("volume", [0.0, 0.0, 12.5, 3.1, 8.8, 0.0]),
        ("case", ["benign", "malign", "normal"] * 2),
    ],
)
def test_a_column_that_names_no_patient_is_not_taken_for_one(name, values):
    source = from_dataset(pictured(**{name: values}))
    assert alone(source) and "is taken for the patient" not in " ".join(source.notes)


def test_spellings_of_one_patient_are_one():
    source = from_dataset(pictured(patient_id=["P01", "p1", "p-1 ", "P2", "P02", "P3"]))
    assert len(set(ids_and_groups(source).values())) == 3


def test_patients_of_classes_are_their_names_and_nobody_is_none():
    tables = {}
    for split, names in (("train", ["a", "b"]), ("test", ["b", "c"])):
        kind = datasets.ClassLabel(names=names)
        tables[split] = pictured(4, patient=[0, 0, 1, 1]).cast_column("patient", kind)
    assert from_dataset(tables).split_rule == "as the data come, 1 group on both sides (b)"
    source = from_dataset(pictured(patient=["a", "a", "unknown", "unknown", "NaN", "b"]))
    assert len(set(ids_and_groups(source).values())) == 5


def test_a_column_of_splits_and_a_table_without_patients_are_told():
    told = " ".join(from_dataset(pictured(split=["train"] * 4 + ["test"] * 2)).notes)
    assert "The column 'split' is passed over and the split is by seed: to follow it, give" in told
    both = {"train": pictured(4, patient=list("aabb")), "test": pictured(2)}
    told = " ".join(from_dataset(both).notes)
    assert "The table 'test' has no column 'patient': each of its rows is a patient of its" in told


def test_folders_in_names_are_folders_of_patients():
    files = [f"images/p{i // 2}/img{i}.png" for i in range(6)]
    for group in ("", "folder"):
        source = from_dataset(pictured(id=[file[7:-4] for file in files]), group=group)
        assert set(ids_and_groups(source).values()) == {"p0", "p1", "p2"}


@pytest.mark.parametrize("shape", [(4, 24, 32), (24, 32, 4), (2, 24, 32)])
def test_channels_and_masks_for_each_class_are_no_volume(shape):
    values = np.random.default_rng(0).normal(size=shape)
    rows = {"image": [values] * 3, "mask": [(values > 1).astype(np.uint8)] * 3}
    with pytest.raises(InputError, match="which may be channels, or a mask for each class: give"):
        from_dataset(datasets.Dataset.from_dict(rows))


def test_a_table_that_shows_one_column_and_a_mask_that_is_none():
    rows = {"image": [np.eye(8).tolist()] * 3, "mask": [np.eye(8, dtype=int).tolist()] * 3}
    table = datasets.Dataset.from_dict(rows).with_format("numpy", columns=["image"])
    assert sum(map(len, from_dataset(table).splits.values())) == 3
    boxes = pictured().remove_columns("mask").add_column("mask", [{"bbox": [1, 2, 3, 4]}] * 6)
    with pytest.raises(InputError, match="has no picture in the column 'mask' but bbox: make it"):
        from_dataset(boxes)
    with pytest.raises(InputError, match=r"shares=\(0.8, 0.2\): give the parts of training"):
        from_dataset(pictured(), shares=(0.8, 0.2))


def test_the_column_of_images_is_not_taken_for_the_patient():
    table = pictured(names=("volume_id", "mask"))
    assert alone(from_dataset(table, image="volume_id"))


def test_patients_in_names_come_before_cases():
    """A case is one visit here: by cases, a patient would be on both sides."""
    files = [f"patient{i // 3}_{i}.png" for i in range(6)]
    source = from_dataset(pictured(file_name=files, case_id=[0, 0, 1, 2, 3, 3]))
    assert set(ids_and_groups(source).values()) == {"patient0", "patient1"}


@pytest.mark.parametrize("name", ["file_name", "image_path", "name"])
@pytest.mark.parametrize("kind", ["string", "large_string"])
def test_names_of_files_are_ids_and_tell_patients(name, kind):
    files = [f"d/scans\\patient{i // 2}\\{i % 2}.png" for i in range(6)]
    table = pictured(**{name: files}).cast_column(name, datasets.Value(kind))
    expected = {f"patient{i // 2}/{i % 2}": f"patient{i // 2}" for i in range(6)}
    for form in (table, table.with_format("numpy"), table.with_transform(lambda rows: rows)):
        assert ids_and_groups(from_dataset(form)) == expected


@pytest.mark.parametrize(
    "values", [["a.png"] * 6, list(range(6)), [*"abcde", None], [*"abcde", ""]]
)
def test_names_that_are_no_ids_are_left(values):
    numbers = {f"train_{i}" for i in range(6)}
    assert set(ids_and_groups(from_dataset(pictured(file_name=values)))) == numbers


def test_dots_in_names_are_no_endings_and_slashes_no_names():
    uids = [f"1.2.840.113.{i}" for i in range(6)]
    assert set(ids_and_groups(from_dataset(pictured(image_id=uids)))) == set(uids)
    odd = from_dataset(pictured(file_name=["/", ".", "..", "a.png", "b.png", "c.png"]))
    assert set(ids_and_groups(odd)) == {f"train_{i}" for i in range(6)}


def test_tables_that_share_a_name_begin_with_the_split():
    test = pictured(2, file_name=["a.png", "d.png"])
    for train in (pictured(3, id=list("abc")), pictured(3, file_name=["a.png", "b.png", "c.png"])):
        source = from_dataset({"train": train, "test": test})
        assert list(source.splits["test"]["id"]) == ["test/a", "test/d"]


def test_pictures_keep_the_names_of_their_files(tmp_path):
    """As `load_dataset("imagefolder")` and copies on the Hub have them."""
    columns = {"image": [], "mask": []}
    for i, row in enumerate(pictured()):
        for kind, files in columns.items():
            file = tmp_path / f"{kind}s/patient{i // 2}/{i % 2}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            row[kind].save(file)
            files.append(str(file))
    kinds = datasets.Features({kind: datasets.Image() for kind in columns})
    table = datasets.Dataset.from_dict(columns, features=kinds)
    names = {f"patient{i // 2}/{i % 2}": f"patient{i // 2}" for i in range(6)}
    assert ids_and_groups(from_dataset(table)) == names
    both = from_dataset({"train": table.select(range(4)), "test": table.select(range(2, 6))})
    assert set(both.splits["test"]["id"]) >= {"test/patient1/0", "test/patient2/1"}
    assert both.split_rule == "as the data come, 1 group on both sides (patient1)"


def test_a_row_without_image_is_named_and_one_without_mask_is_unlabeled():
    row = np.eye(5, 4, dtype=np.uint8).tolist()
    table = datasets.Dataset.from_dict({"image": [row, row, None], "mask": [row, row, row]})
    with pytest.raises(InputError, match="'train_2' has no image: take that row out"):
        from_dataset(table)
    source = from_dataset(
        datasets.Dataset.from_dict({"image": [row] * 4, "mask": [row] * 3 + [None]})
    )
    train = cases(source.splits["train"])
    assert dict(zip(train.ids, train.has_mask, strict=True))["train_3"] is False
    assert "1 image without a mask (first 'train_3')" in " ".join(source.notes)


def test_text_and_streams_are_refused():
    rows = {"image": [np.eye(4).tolist()] * 3, "mask": ["yes"] * 3}
    with pytest.raises(InputError, match="holds no array in the column 'mask'"):
        from_dataset(datasets.Dataset.from_dict(rows))
    with pytest.raises(
        InputError, match="IterableDataset and no table .*: load it without streaming"
    ):
        from_dataset(pictured().to_iterable_dataset())


@pytest.mark.parametrize("shape", [(5, 4, 3), (3, 5, 4)])
def test_a_mask_in_colour_is_no_volume(shape):
    table = datasets.Dataset.from_dict(
        {"image": [np.zeros(shape, np.uint8)] * 4, "mask": [np.zeros(shape, int)] * 4}
    )
    with pytest.raises(InputError, match="as a colour picture: give class indices"):
        from_dataset(table)


@pytest.mark.parametrize("sides", [(1, 5, 6, 7), (5, 6, 7, 1), (5, 6, 7)])
def test_a_volume_may_have_one_channel(sides):
    table = datasets.Dataset.from_dict(
        {"image": [np.random.rand(*sides)] * 4, "mask": [np.ones(sides, int)] * 4}
    )
    source = from_dataset(table)
    assert source.dims == 3 and cases(source.splits["test"]).images[0].shape[-3:] == (5, 6, 7)


@pytest.mark.parametrize("of_mask", [(5, 4), (1, 5, 4), (5, 4, 1)])
@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3), (3, 5, 4), (5, 4, 1), (1, 5, 4)])
def test_arrays_of_pictures(shape, of_mask):
    images = [np.full(shape, 10 * i, np.uint8) for i in range(4)]
    masks = [np.eye(5, 4, dtype=np.uint8).reshape(of_mask)] * 4
    source = from_dataset(datasets.Dataset.from_dict({"image": images, "mask": masks}))
    assert (source.dims, source.channels) == (2, 3 if 3 in shape else 1)
    values = {int(image.max()) for split in source.splits.values() for image in cases(split).images}
    assert values == {0, 10, 20, 30}  # bytes stay as they are


def test_arrays_of_volumes():
    rng = np.random.default_rng(0)
    volumes = [(9 + 5 * rng.normal(size=(4, 5, 6))).astype(np.float32) for _ in range(4)]
    rows = datasets.Dataset.from_dict(
        {"image": volumes, "mask": [np.ones((4, 5, 6), np.uint8)] * 4}
    )
    part = cases(from_dataset(rows).splits["train"])
    assert part.images[0].dtype == np.float16 and part.images[0].shape == (1, 4, 5, 6)
    assert abs(float(part.images[0].mean(dtype=np.float32))) < 1e-2


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: pictured(names=("image", "target")),
            "no column 'mask' but image, target: name it with",
        ),
        (lambda: pictured(value=9), r"holds the values 0, 9 where 2 classes need"),
        (lambda: pictured(id=list("aabcde")), "Two rows have the id 'a'"),
        (lambda: pictured(0), "has no rows"),
        (
            lambda: datasets.Dataset.from_dict({"image": [[[0.0]]] * 3, "mask": [[[0, 1]]] * 3}),
            r"image is \(1, 1\) but",
        ),
        (
            lambda: datasets.Dataset.from_dict({"image": [[[np.nan]]] * 3, "mask": [[[1]]] * 3}),
            "NaN or infinite",
        ),
        (
            lambda: datasets.Dataset.from_dict({"image": [[[0.5]]] * 3, "mask": [[[0.5]]] * 3}),
            "holds the values 0.5 where 2 classes need",
        ),
    ],
)
def test_wrong_datasets(make, sentence):
    with pytest.raises(InputError, match=sentence):
        from_dataset(make())


# --- the Hub ------------------------------------------------------------------------------------

PINNED = "1" * 40
OTHER = "2" * 40


class Hub(BaseHTTPRequestHandler):
    """Answers what the Hub's client asks to fetch one revision of owner/polyps, and no other."""

    files: dict[str, bytes] = {}
    asked: list[str] = []

    def do_HEAD(self):
        self.do_GET(body=False)

    def do_GET(self, body=True):
        path = self.path.split("?")[0]
        self.asked.append(path)
        files = "/datasets/owner/polyps/resolve/" + PINNED + "/"
        data = None
        if path == f"/api/datasets/owner/polyps/revision/{PINNED}":
            names = [{"rfilename": name} for name in self.files]
            data = json.dumps({"id": "owner/polyps", "sha": PINNED, "siblings": names}).encode()
        elif path == f"/api/datasets/owner/polyps/tree/{PINNED}":
            entries = [
                {"type": "file", "path": n, "size": len(v), "oid": "0" * 40}
                for n, v in self.files.items()
            ]
            data = json.dumps(entries).encode()
        elif path.startswith(files):
            data = self.files.get(path.removeprefix(files))
        self.send_response(404 if data is None else 200)
        if data is None:
            self.send_header("X-Error-Code", "RevisionNotFound")
        self.send_header("Content-Length", str(len(data or b"")))
        self.send_header("ETag", f'"{abs(hash(path))}"')
        self.send_header("X-Repo-Commit", PINNED)
        self.end_headers()
        if body:
            self.wfile.write(data or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def hub():
    parquet = io.BytesIO()
    pictured(names=("image", "annotation")).to_parquet(parquet)
    Hub.files = {"data/train-00000-of-00001.parquet": parquet.getvalue()}
    Hub.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_pinned_revision(hub, tmp_path):
    """In a process of its own, since the Hub's client reads its address when it is imported."""
    # A folder of the same name must not win over the Hub.
    (tmp_path / "owner/polyps").mkdir(parents=True)
    (tmp_path / "owner/polyps/train.csv").write_text("image,mask\n1,2\n")
    code = f"""
from ucmt_lite.data import cases, load
from ucmt_lite.common import InputError
source = load("kvasir_seg", hub="owner/polyps@{PINNED}")
print(source.classes, sorted(int(m.sum()) for s in source.splits.values() for m in cases(s).masks))
try:
    load("kvasir_seg", hub="owner/polyps@{OTHER}")
except InputError as error:
    print(error)
"""
    address = {
        "HF_ENDPOINT": hub,
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | address,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    read, refused = run.stdout.strip().split("\n")
    assert read == "('background', 'polyp') [1, 2, 3, 4, 5, 6]"
    assert refused.startswith(f"hub='owner/polyps@{OTHER}' cannot be read (") and refused.endswith(
        "the network."
    )
    assert f"/datasets/owner/polyps/resolve/{PINNED}/data/train-00000-of-00001.parquet" in Hub.asked
    assert not any("/main" in path for path in Hub.asked)


def test_a_copy_on_the_hub_keeps_patients_together(monkeypatch):
    ids = [f"patient{i // 2:03d}_frame{i % 2:02d}_slice_1" for i in range(6)]
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: "")
    monkeypatch.setattr("datasets.load_dataset", lambda _: {"train": pictured(value=3, id=ids)})
    for seed in range(5):
        source = load("acdc", hub=f"owner/hearts@{PINNED}", seed=seed)
        groups = [set(split["group"]) for split in source.splits.values()]
        assert sum(map(len, groups)) == len(set.union(*groups)) == 3


@pytest.mark.parametrize(
    "address",
    ["owner/polyps", "owner/polyps@main", "owner/polyps@v1.0", "owner/polyps@1234567", "@"],
)
def test_unpinned_revision_is_refused(address):
    with pytest.raises(InputError, match=f"hub='{address}' is not pinned"):
        load("kvasir_seg", hub=address)
