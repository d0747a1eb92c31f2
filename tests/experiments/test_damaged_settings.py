"""Damaged grids and configurations end in one sentence, or are read; and they leave nothing."""

import json
import re

import numpy as np
import pytest
from damage import damaged, is_sentence, reads

from ucmt_lite import RunConfig, cli
from ucmt_lite.common import InputError
from ucmt_lite.experiments import run as experiment
from ucmt_lite.experiments.assemble import check_names
from ucmt_lite.experiments.plan import read_plan

COUNT = 60  # damaged files of each kind; 3,000 grids and 4,000 configurations were tried once
GRID = """\
# a comment
base: {dataset: phantom_heart, size: 32, iterations: 20, settings: {weight: 0.5}}
variants:
  CPS: {method: cps}
  CMT, low weight:
    method: cmt
    settings: {weight: 0.1}
vary:
  labeled: [2, 4]
  seed: [0, 1]
"""
PIECES = [
    *("~", "[]", "{}", "-1", "1e400", ".nan", "99999999999999999999", "2001-13-41", "true", "- x"),
    *("!!python/object:os.system", "!!binary 'x'", "!!int x", "!!timestamp x", "&a [*a]", "*a"),
    *("<<: {a: 1}", "? [a]\n: b", "a: b: c", "%YAML 9", "---", "\x00", "\t", "'", "[" * 40),
]
VALUES = [None, [], {}, "", True, -1, 0, 2.5, 1e308, 10**12, "x", "a\nb", "a\x00", [1], [[]]]
VALUES += [{"weight": None}, {"degrees": "x"}, {"top_k": -1}, {"a": 1}, "(", "cps", "phantom_skin"]


def garbled(text, rng):
    """Put odd pieces into a text in the place of words."""
    for _ in range(rng.integers(1, 3)):
        words = list(re.finditer(r"[\w.]+", text))
        word = words[rng.integers(len(words))]
        text = text[: word.start()] + PIECES[rng.integers(len(PIECES))] + text[word.end() :]
    return text


def test_damaged_grids_end_in_a_sentence_and_nothing_is_written(tmp_path, capsys):
    rng = np.random.default_rng(0)
    file = tmp_path / "grid.yaml"
    read = []
    for number in range(COUNT):
        content = damaged(GRID.encode(), rng) if number % 3 == 0 else garbled(GRID, rng).encode()
        file.write_bytes(content)
        read.append(reads(lambda: [check_names(run.config) for run in read_plan(file)]))
        if not reads(lambda: read_plan(file)):
            assert cli.main(["sweep", str(file), "--out", str(tmp_path / "sweep")]) == 2
        assert list(tmp_path.iterdir()) == [file]
    assert not all(read)
    assert all(map(is_sentence, capsys.readouterr().err.splitlines()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "base: {labeled: 4}\nvary: {seed: [\x00]}",
            "grid.yaml, line 2: this is not YAML (special",
        ),
        ("base: {labeled: !!int x}", "this is not YAML (invalid literal for int"),
        ("base: {data: !!timestamp x}", "grid.yaml: this is not YAML ("),
        ("base: " + "[" * 5000, "this is not YAML (maximum recursion depth"),
    ],
)
def test_what_yaml_itself_stumbles_over_is_told(tmp_path, text, message):
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        read_plan(tmp_path / "grid.yaml")


class Reached(BaseException):
    """A configuration is whole: training would start."""


def odd(values, rng):
    """Change some settings to values that are odd."""
    for _ in range(rng.integers(1, 3)):
        name = list(values)[rng.integers(len(values))]
        kind = rng.integers(6)
        if kind == 0:
            values.pop(name)
        elif kind == 1:
            values[f"{name}s"] = values[name]
        else:
            values[name] = VALUES[rng.integers(len(VALUES))]
    return values


def test_damaged_configurations_end_in_a_sentence_and_leave_nothing(
    few_cases, tmp_path, monkeypatch, capsys
):
    def reach(*_):
        raise Reached

    monkeypatch.setattr(experiment, "_train", reach)
    rng = np.random.default_rng(0)
    config = RunConfig(size=32, method="cps", labeled=2, settings={"weight": 0.5}, device="cpu")
    file, reached = tmp_path / "config.json", 0
    for number in range(COUNT):
        text = json.dumps(config.as_dict())
        odd_one = json.dumps(odd(config.as_dict(), rng))
        file.write_bytes(damaged(text.encode(), rng) if number % 3 == 0 else odd_one.encode())
        out = tmp_path / f"{number}" / "run"
        try:
            assert cli.main(["run", "--config", str(file), "--out", str(out)]) == 2
            assert is_sentence(capsys.readouterr().err.rstrip("\n"))
            assert not out.parent.exists() or not list(out.parent.iterdir())
        except Reached:
            reached += 1
    assert 0 < reached < COUNT / 2
