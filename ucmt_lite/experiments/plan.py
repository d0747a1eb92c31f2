"""Plans: from a grid of runs, a few lines of YAML, to the configuration of every run.

What is wrong with a grid is told with the line it stands in.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ucmt_lite.common import InputError, check_packages, one_of
from ucmt_lite.experiments.config import RunConfig

KEYS = ("base", "variants", "vary")
# Runs are compared within a case: equal in all of these.
CASE_FIELDS = (
    *("dataset", "data", "classes", "size", "patch"),
    *("labeled", "labeled_by", "draw", "split", "group", "score_size"),
)
# What PyYAML lets through where a tag or a date does not hold what it promises, and where brackets
# are nested a thousand deep.
_NO_VALUE = (ValueError, AttributeError, LookupError, TypeError, RecursionError)
Place = Callable[..., str]  # the keys that lead to an entry -> the words that say where it stands


def _place_in_words(*keys: object) -> str:
    """Say where an entry of a grid stands that was not read from a file.

    >>> _place_in_words("vary", "seed"), _place_in_words()
    ('vary.seed: ', 'the grid: ')
    """
    return f"{'.'.join(map(str, keys)) or 'the grid'}: "


@dataclass(frozen=True)
class Planned:
    """One run of a plan, with its name.

    Runs of one case that differ in their seed alone share the variant: they repeat each other.
    """

    name: str
    variant: str
    config: RunConfig


def read_plan(path: str | Path) -> list[Planned]:
    """Return the runs that a grid file asks for. See `plan_runs`."""
    check_packages("A grid", "lab", ["yaml"])
    import yaml

    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = dict(_lines_of(node, path.name)) if node else {}
        grid = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{path} cannot be read as a grid ({cause}): check the path.") from None
    except InputError:
        raise
    except (yaml.YAMLError, *_NO_VALUE) as cause:
        raise _no_yaml(path.name, text, cause) from None
    return plan_runs(grid, lambda *keys: f"{path.name}, line {_line_in_grid(lines, keys)}: ")


def _no_yaml(file: str, text: str, cause: Exception) -> InputError:
    """Return the sentence for a text that is no YAML, with its line where that is known."""
    mark, position = (getattr(cause, name, None) for name in ("problem_mark", "position"))
    line = ""
    if mark is not None:
        line = f", line {mark.line + 1}"
    elif position is not None:  # of a character that YAML does not allow
        line = f", line {text.count(chr(10), 0, position) + 1}"
    reason = getattr(cause, "problem", None) or getattr(cause, "reason", None) or cause
    return InputError(f"{file}{line}: this is not YAML ({' '.join(str(reason).split())}).")


def _lines_of(
    node: Any, file: str, above: tuple = (), around: tuple = ()
) -> Iterator[tuple[tuple, int]]:
    """Yield the line of every entry, by the keys that lead to it.

    A key that stands twice is refused, where YAML drops one.
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
    """Return the line of an entry, or of the nearest one above it that has a line."""
    return next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), 1)


def plan_runs(grid: Any, place: Place = _place_in_words) -> list[Planned]:
    """Return every run of a grid: the product of its variants and of the values it varies.

    `base` holds settings of a run (`RunConfig`) that all runs share, `variants` names sets of
    settings, `vary` lists values, which hold for every variant and over what it sets itself; a
    value listed twice counts once. `settings.top_k` stands for the method's own `top_k`. `place`
    says in messages where an entry stands.

    >>> grid = {"base": {"labeled": 4}, "vary": {"method": ["cps", "ucmt"], "seed": [0, 1]}}
    >>> [run.name for run in plan_runs(grid)]
    ['cps_0', 'cps_1', 'ucmt_0', 'ucmt_1']
    >>> plan_runs({"vary": {"sede": [0]}})
    Traceback (most recent call last):
    ucmt_lite.common.InputError: vary.sede: Unknown setting of a run 'sede': did you mean 'seed'?
    Known: dataset, ...
    """
    for key in _mapping(grid, place):
        _placed(place(key), one_of, "key of a grid", key, KEYS)
    base, variants, vary = (_mapping(grid.get(key), place, key) for key in KEYS)
    _check_settings(base, place, "base")
    _check_variants(variants, place)
    _check_varied(vary, place)

    runs: dict[str, Planned] = {}  # by fingerprint
    for name, values in itertools.product(variants or [""], itertools.product(*vary.values())):
        varied = dict(zip(vary, values, strict=True))
        parts = [base, variants.get(name) or {}, *(_one_setting(*item) for item in varied.items())]
        run = _named(name, varied, RunConfig.of(_merged(parts)))
        first = runs.setdefault(run.config.fingerprint, run)
        if first.variant != run.variant:
            raise InputError(
                f"{place('variants', name)}'{run.name}' is the same run as '{first.name}', setting"
                " by setting: remove one."
            )
    _check_run_names(runs.values(), place)
    return list(runs.values())


def _check_variants(variants: Mapping[Any, Any], place: Place) -> None:
    """Refuse variants without a name or without settings, and settings that no run has."""
    for name, settings in variants.items():
        if not isinstance(name, str):
            raise InputError(
                f"{place('variants', name)}YAML reads the name {name} as no text: put it in quotes."
            )
        if settings is None:
            raise InputError(
                f"{place('variants', name)}'{name}' sets nothing: say what it is, as in {{method:"
                " cps}, or {}."
            )
        _check_settings(_mapping(settings, place, "variants", name), place, "variants", name)


def _check_varied(vary: Mapping[Any, Any], place: Place) -> None:
    """Refuse what is varied over nothing, and values that no run can have."""
    for key, values in vary.items():
        if not isinstance(values, list) or not values:
            raise InputError(
                f"{place('vary', key)}'{key}' leaves nothing to run: list its values, as in [1, 2]."
            )
        for value in values:
            _placed(place("vary", key), RunConfig.of, _one_setting(key, value))


def _check_run_names(runs: Iterable[Planned], place: Place) -> None:
    """Refuse runs whose names a file system could take for one."""
    counts = Counter(run.name.casefold() for run in runs)
    for name, count in counts.items():
        if count > 1:
            raise InputError(
                f"{place('variants')}two different runs would be called '{name}': rename a variant."
            )


def _mapping(value: Any, place: Place, *keys: object) -> dict:
    """Return a part of a grid as a dictionary; one that is left empty is an empty one."""
    if value is None and keys:
        return {}
    if not isinstance(value, dict):
        raise InputError(
            f"{place(*keys)}expected names and values, as in `labeled: 4`, not {value!r}."
        )
    return value


def _check_settings(settings: dict, place: Place, *keys: object) -> None:
    """Refuse an unknown setting and a value of the wrong type, one by one, each with its place."""
    for name, value in settings.items():
        _placed(place(*keys, name), RunConfig.of, {name: value})


def _placed(words: str, check: Callable, *arguments: Any) -> None:
    """Call a check, and say where the entry stands when it complains."""
    try:
        check(*arguments)
    except InputError as mistake:
        raise InputError(f"{words}{mistake}") from None


def _one_setting(key: str, value: Any) -> dict:
    """Return what a varied key sets.

    >>> _one_setting("seed", 3), _one_setting("settings.top_k", 4)
    ({'seed': 3}, {'settings': {'top_k': 4}})
    """
    head, _, own = str(key).partition(".")
    return {head: {own: value}} if own else {head: value}


def _merged(parts: list[dict]) -> dict:
    """Return settings, later parts over earlier ones; dictionaries are merged name by name.

    >>> _merged([{"seed": 0, "views": {"degrees": 0}}, {"seed": 1, "views": {"contrast": 0.2}}])
    {'seed': 1, 'views': {'degrees': 0, 'contrast': 0.2}}
    """
    whole: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            earlier = whole.get(name)
            both = isinstance(earlier, dict) and isinstance(value, dict)
            whole[name] = earlier | value if both else value
    return whole


def _named(variant: str, varied: Mapping[str, Any], config: RunConfig) -> Planned:
    """Return a run with its names: `cps_labeled-8_3` is variant `cps`, 8 labels, seed 3."""
    if not variant:  # then it is the method, which need not be told twice
        variant = config.method
        varied = {key: value for key, value in varied.items() if key != "method"}
    words = {
        key: f"{key.rpartition('.')[2]}-{_short(value)}"
        for key, value in varied.items()
        if key != "seed"
    }
    seed = [str(config.seed)] if "seed" in varied else []
    name = "_".join([variant, *words.values(), *seed])
    repeated = [variant, *(text for key, text in words.items() if key not in CASE_FIELDS)]
    return Planned(re.sub(r"[^\w.+-]+", "-", name), " ".join(repeated), config)


def _short(value: Any) -> str:
    """Return a value as it stands in a name.

    >>> _short([0.99, 0.01]), _short({"weight": 1}), _short("umix")
    ('0.99,0.01', 'weight=1', 'umix')
    """
    if isinstance(value, Mapping):
        return ",".join(f"{key}={_short(item)}" for key, item in value.items())
    return ",".join(map(_short, value)) if isinstance(value, (list, tuple)) else str(value)


def plan_as_json(runs: Iterable[Planned]) -> dict[str, Any]:
    """Return a plan in plain types, as it is kept beside its results."""
    plan = {run.name: {"variant": run.variant, "config": run.config.as_dict()} for run in runs}
    return json.loads(json.dumps(plan))
