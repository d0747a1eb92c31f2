"""What the README shows as code runs."""

import re
from pathlib import Path

from ucmt_lite.methods import METHODS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_a_method_of_your_own_trains_and_is_scored(tmp_path, monkeypatch, capsys):
    (code,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        if "METHODS[" in block
    )
    monkeypatch.chdir(tmp_path)
    try:
        exec(code.replace('method="entropy",', 'method="entropy", iterations=2, size=32,'), {})
    finally:
        METHODS.pop("entropy", None)
    assert "'dice': 0." in capsys.readouterr().out
    assert (tmp_path / "runs/entropy/teacher.safetensors").is_file()
