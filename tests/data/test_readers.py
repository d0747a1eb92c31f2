"""The table of readers: a new one is a row, and everything that lists or loads sets knows it."""

import inspect
import subprocess
import sys

import numpy as np
import pytest

from ucmt_lite import cli
from ucmt_lite.common import InputError
from ucmt_lite.data import CATALOGUE, PHANTOMS, READERS, cases, from_dataset, load, takes_size
from ucmt_lite.data.readers import Reader, reading_function
from ucmt_lite.data.reading import Entry, Form, Request, decide, read_set


def read_text(root, request, *, threshold=5):
    """Read pictures of digits from text files; the mask is whatever is above the threshold."""

    def open_case(entry):
        values = np.loadtxt(entry.image, dtype=np.uint8, ndmin=2)
        return values, (values > threshold).astype(np.uint8)

    return read_set(
        [Entry(file.stem, file, file) for file in sorted(root.glob("*.txt"))],
        request,
        look=lambda entry: Form(2),
        open_case=open_case,
        root=root,
    )


@pytest.fixture
def texts(monkeypatch, tmp_path):
    """A folder of four text files, and a row for their reader."""
    row = Reader("pictures of digits in text files", True, {"threshold": 7}, read_text)
    monkeypatch.setitem(READERS, "text", row)
    for i in range(4):
        np.savetxt(tmp_path / f"{i}.txt", np.arange(9).reshape(3, 3), fmt="%d")
    return tmp_path


def test_a_new_reader_is_one_row(texts, capsys):
    source = load("text", root=texts, classes=["paper", "ink"], count=(1, 1, 1))
    assert (source.name, source.classes, source.dims) == ("text", ("paper", "ink"), 2)
    part = cases(source.splits["train"])
    assert part.images[0][0].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert part.masks[0].sum() == 1  # above the row's threshold
    assert takes_size("text")
    assert cases(load("text", root=texts, size=6).splits["test"]).masks[0].shape == (6, 6)
    cli.main(["data"])
    assert "text: pictures of digits in text files" in capsys.readouterr().out


def test_groups_lists_and_sentences_come_with_it(texts):
    (texts / "groups.csv").write_text("id,group\n0,a\n1,a\n2,b\n3,c\n")
    groups = [set(split["group"]) for split in load("text", root=texts).splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 3
    with pytest.raises(InputError, match="'text' needs a folder"):
        load("text")
    (texts / "2.txt").write_text("9 1\n")
    assert load("text", root=texts).split_rule.startswith("by seed 0")


@pytest.mark.parametrize("name", READERS)
def test_a_row_finds_its_function(name):
    parameters = list(inspect.signature(reading_function(name)).parameters)
    assert parameters[:2] == ["root", "request"]
    assert set(READERS[name].options) <= set(parameters)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_real_set_is_read_with_options_that_its_reader_has(name):
    row = CATALOGUE[name]
    assert set(row.options) <= set(inspect.signature(reading_function(row.reader)).parameters)


def test_every_set_says_whether_it_takes_a_size():
    without = {name for name in (*PHANTOMS, *CATALOGUE, *READERS) if not takes_size(name)}
    assert without == {"la2018", "pancreas_ct", "nifti"}
    with pytest.raises(InputError, match="Unknown data set 'folders': did you mean 'folder'"):
        takes_size("folders")


def test_the_table_opens_without_numpy():
    code = "import sys, ucmt_lite.data.readers; print({'numpy', 'torch', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_set_is_decided_from_all_of_its_cases():
    grey, colour, volume = (Entry(name, None, None) for name in ("grey", "colour", "volume"))
    request = Request("set", size=8)
    decisions = decide({grey: Form(2), colour: Form(2, channels=3)}, request, "")
    assert (decisions.dims, decisions.channels, decisions.size) == (2, 3, 8)
    with pytest.raises(InputError, match="volume is not as grey"):
        decide({grey: Form(2), volume: Form(3)}, request, "{odd} is not as {first}.")


def test_a_dataset_of_pictures_and_volumes_is_refused():
    import datasets

    def table(shape):
        rows = {"image": [np.zeros(shape)] * 3, "mask": [np.ones(shape, int)] * 3}
        return datasets.Dataset.from_dict(rows)

    with pytest.raises(InputError, match="mixes pictures and volumes: make two datasets of it"):
        from_dataset({"train": table((5, 4)), "test": table((6, 5, 4))})
