"""Grids of runs: from a few lines of YAML to the configuration of every run, with the line of
whatever is wrong.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError, one_of
from ucmt_lite.experiments.config import RunConfig

KEYS = ("base", "variants", "vary")
CASE = (
    "dataset",
    "data",
    "classes",
    "size",
    "patch",
    "labeled",
    "split",
)  # runs are compared within one of these
Where = Callable[..., str]  # the keys that lead to an entry -> the words that say where it stands


@dataclass(frozen=True)
class Planned:
    """One run of a grid. Runs of one case that differ in their seed alone share the variant: they
    repeat each other.
    """

    name: str
    variant: str
    config: RunConfig


def read_grid(path: str | Path) -> list[Planned]:
    """The runs that a grid file asks for. See `plan`."""
    import yaml

    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = dict(_lines_of(node, path.name)) if node else {}
        return plan(
            yaml.safe_load(text), lambda *keys: f"{path.name}, line {_line_in_grid(lines, keys)}: "
        )
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{path} cannot be read as a grid ({cause}): check the path.") from None
    except yaml.YAMLError as cause:
        mark = getattr(cause, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(
            f"{path.name}{line}: this is not YAML ({getattr(cause, 'problem', cause)})."
        ) from None


def _lines_of(
    node: Any, file: str, above: tuple = (), around: tuple = ()
) -> Iterator[tuple[tuple, int]]:
    """The line of every entry by the keys that lead to it; a key that stands twice is refused,
    where YAML drops one.
    """
    seen = set()
    for key, value in node.value if isinstance(node.value, list) and node.id == "mapping" else ():
        line = key.start_mark.line + 1
        if key.id != "scalar":
            raise InputError(
                f"{file}, line {line}: a name is missing here (a template that was not filled in?)."
            )
        if key.value in seen:
            raise InputError(
                f"{file}, line {line}: '{key.value}' stands here a second time: remove one of them."
            )
        if any(value is other for other in (*around, node)):
            raise InputError(
                f"{file}, line {line}: '{key.value}' contains itself: write out what * stands for."
            )
        seen.add(key.value)
        yield (*above, key.value), line
        yield from _lines_of(value, file, (*above, key.value), (*around, node))


def _line_in_grid(lines: Mapping[tuple, int], keys: tuple) -> int:
    """The line of an entry, or of the nearest one above it that has a line."""
    return next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), 1)


def plan(
    grid: Any, where: Where = lambda *keys: f"{'.'.join(map(str, keys)) or 'the grid'}: "
) -> list[Planned]:
    """Every run of a grid: the product of its variants and of the values it varies; a value listed
    twice counts once.

    `base` holds settings of a run (`RunConfig`) that all runs share, `variants` names sets of
    settings, `vary` lists values, which hold for every variant and over what it sets itself;
    `settings.top_k` stands for the method's own `top_k`. `where` says in messages where an entry
    stands.

    >>> grid = {"base": {"labeled": 4}, "vary": {"method": ["cps", "ucmt"], "seed": [0, 1]}}
    >>> [run.name for run in plan(grid)]
    ['cps_0', 'cps_1', 'ucmt_0', 'ucmt_1']
    >>> plan({"vary": {"sede": [0]}})
    Traceback (most recent call last):
    ucmt_lite.common.InputError: vary.sede: Unknown setting of a run 'sede': did you mean 'seed'?
    Known: dataset, ...
    """
    for key in _mapping(grid, where):
        _placed(where(key), one_of, "key of a grid", key, KEYS)
    base, variants, vary = (_mapping(grid.get(key), where, key) for key in KEYS)
    _check_settings(base, where, "base")
    for name, own in variants.items():
        if not isinstance(name, str):
            raise InputError(
                f"{where('variants', name)}YAML reads the name {name} as no text: put it in quotes."
            )
        if own is None:
            raise InputError(
                f"{where('variants', name)}'{name}' sets nothing: say what it is, as in {{method:"
                " cps}, or {}."
            )
        _check_settings(_mapping(own, where, "variants", name), where, "variants", name)
    for key, values in vary.items():
        if not isinstance(values, list) or not values:
            raise InputError(
                f"{where('vary', key)}'{key}' leaves nothing to run: list its values, as in [1, 2]."
            )
        for value in values:
            _placed(where("vary", key), RunConfig.of, _one_setting(key, value))

    found: dict[str, Planned] = {}
    for name, values in itertools.product(variants or [""], itertools.product(*vary.values())):
        varied = dict(zip(vary, values, strict=True))
        parts = [base, variants.get(name) or {}, *(_one_setting(*item) for item in varied.items())]
        run = named(name, varied, RunConfig.of(_merged(parts)))
        first = found.setdefault(run.config.fingerprint, run)
        if first.variant != run.variant:
            raise InputError(
                f"{where('variants', name)}'{run.name}' is the same run as '{first.name}', setting"
                " by setting: remove one."
            )
    if twice := [
        name
        for name, count in Counter(run.name.casefold() for run in found.values()).items()
        if count > 1
    ]:
        raise InputError(
            f"{where('variants')}two different runs would be called '{twice[0]}': rename a variant."
        )
    return list(found.values())


def _mapping(value: Any, where: Where, *keys: object) -> dict:
    """A part of a grid as a dictionary; one that is left empty is an empty one."""
    if value is None and keys:
        return {}
    if not isinstance(value, dict):
        raise InputError(
            f"{where(*keys)}expected names and values, as in `labeled: 4`, not {value!r}."
        )
    return value


def _check_settings(settings: dict, where: Where, *keys: object) -> None:
    """Refuse an unknown setting and a value of the wrong type, one by one, each with its place."""
    for name, value in settings.items():
        _placed(where(*keys, name), RunConfig.of, {name: value})


def _placed(place: str, check: Callable, *arguments: Any) -> None:
    """Call a check, and say where the entry stands when it complains."""
    try:
        check(*arguments)
    except InputError as mistake:
        raise InputError(f"{place}{mistake}") from None


def _one_setting(key: str, value: Any) -> dict:
    """What a varied key sets.

    >>> _one_setting("seed", 3), _one_setting("settings.top_k", 4)
    ({'seed': 3}, {'settings': {'top_k': 4}})
    """
    head, _, own = str(key).partition(".")
    return {head: {own: value}} if own else {head: value}


def _merged(parts: list[dict]) -> dict:
    """Settings of a run, later parts over earlier ones; the method's own are merged one by one."""
    whole: dict[str, Any] = {}
    for part in parts:
        whole |= part | {"settings": whole.get("settings", {}) | part.get("settings", {})}
    return whole


def named(variant: str, varied: Mapping[str, Any], config: RunConfig) -> Planned:
    """A run with its names: `cps_labeled-8_3` is variant `cps` with 8 labels and seed 3."""
    if not variant:  # then it is the method, which need not be told twice
        variant, varied = (
            config.method,
            {key: value for key, value in varied.items() if key != "method"},
        )
    told = {
        key: f"{key.rpartition('.')[2]}-{short(value)}"
        for key, value in varied.items()
        if key != "seed"
    }
    own = [text for key, text in told.items() if key not in CASE]
    parts = [variant, *told.values(), *([str(config.seed)] if "seed" in varied else [])]
    return Planned(re.sub(r"[^\w.+-]+", "-", "_".join(parts)), " ".join([variant, *own]), config)


def short(value: Any) -> str:
    """A value in a name.

    >>> short([0.99, 0.01]), short({"weight": 1}), short("umix")
    ('0.99,0.01', 'weight=1', 'umix')
    """
    if isinstance(value, Mapping):
        return ",".join(f"{key}={short(item)}" for key, item in value.items())
    return ",".join(map(short, value)) if isinstance(value, (list, tuple)) else str(value)


def as_json(runs: list[Planned]) -> dict[str, Any]:
    """A plan in plain types, as it is kept beside its results."""
    return json.loads(
        json.dumps(
            {run.name: {"variant": run.variant, "config": run.config.as_dict()} for run in runs}
        )
    )
