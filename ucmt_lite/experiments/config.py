"""The configuration of a run: every setting with its type, its default and its meaning."""

import dataclasses
import hashlib
import json
import math
import os
import typing
from dataclasses import dataclass, field

from ucmt_lite.common import InputError, one_of, plain
from ucmt_lite.data.readers import READERS
from ucmt_lite.methods import METHODS
from ucmt_lite.nets import NETS, NORMS

# What a run is scored by: the name in its metrics, and the name in print.
SCORES = {"dice": "Dice", "jaccard": "Jaccard", "hd95": "HD95", "asd": "ASD"}
SMALLER_IS_BETTER = ("hd95", "asd")


# Settings that name a row of a table: the command's help lists the rows.
TABLES: dict[str, typing.Iterable[str]] = {"method": METHODS, "network": NETS, "norm": NORMS}

NOT_YET = object()


def setting(default: typing.Any, meaning: str, before: typing.Any = NOT_YET) -> typing.Any:
    """Return a field of the configuration, with what help and experiment notebook say of it.

    `before`: what runs did that were saved before there was the field.
    """
    metadata = {"meaning": meaning, "before": before}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run. Two runs with equal configurations are the same run.

    >>> RunConfig(method="cps", labeled=8).method
    'cps'
    >>> RunConfig.of({"metod": "cps"})
    Traceback (most recent call last):
    ucmt_lite.common.InputError: Unknown setting of a run 'metod': did you mean 'method'? Known:
    dataset, data, ...
    """

    dataset: str = setting(
        "phantom_heart", f"a phantom, a real set, or {', '.join(READERS)} for your own data"
    )
    data: str = setting("", "folder that holds a real set or your own data")
    classes: int = setting(
        2, "classes of your own data, background included; phantoms and real sets know theirs"
    )
    group: str = setting(
        "",
        "patients of your own data: a regular expression with one bracket, folder or none",
        "",
    )
    size: int = setting(64, "side in pixels that 2D images are drawn at or resized to")
    shrink: float = setting(
        0.0, "factor that volumes are made smaller by; 0: until their longest side is near 64", 1.0
    )
    patch: tuple[int, ...] = setting(
        (), "voxels per axis that volumes are cropped to; none: about the whole volume"
    )
    method: str = setting("ucmt", "method to train with")
    labeled: int = setting(4, "training images whose masks are used")
    labeled_by: str = setting(
        "images", "what labeled counts: images, or patients with all images of each", "images"
    )
    unlabeled: int = setting(
        0, "training images besides the labeled ones that are seen without masks; 0: all", 0
    )
    seed: int = setting(
        0, "draws the labeled images, the first weights and all that is random in training"
    )
    draw: int = setting(
        -1, "number that draws the labeled images apart from the seed; -1: the seed draws them", -1
    )
    network: str = setting(
        "unet_small",
        "network that every student and teacher is; also monai:CLASS or smp:CLASS/ENCODER",
    )
    network_settings: dict = setting(
        {}, "of a network of another package, for instance channels=[16,32] strides=[2]", {}
    )
    norm: str = setting("instance", "normalisation in the networks", "batch")
    statistics: str = setting(
        "running", "of batch norm: running, or estimated anew after training", "running"
    )
    network2: str = setting("", "student 2, where it is to be another network")
    iterations: int = setting(600, "minibatches to train on")
    batch: int = setting(
        4, "labeled images in a minibatch, and as many of all training images without their masks"
    )
    lr: float = setting(3e-3, "learning rate at the start; it falls to 0")
    weight_decay: float = setting(1e-2, "weight decay of AdamW")
    ramp: float = setting(0.5, "share of the iterations over which the unsupervised terms rise")
    labeled_views: str = setting(
        "strong", "what labeled images get: weak (moves) or strong (colours, too) views", "strong"
    )
    views: dict = setting(
        {},
        "how far views go, for instance degrees=0 contrast=0.2",
        {"degrees": 0, "zoom": 1, "shift": 0},
    )
    settings: dict = setting(
        {}, "the method's own settings, for instance top_k, grid, weight, make_mix"
    )
    precision: str = setting("auto", "float32, bfloat16, float16 or auto")
    device: str = setting("auto", "cpu, cuda, mps or auto")
    split: str = setting(
        "test", "images that are scored: validation while you search, test once at the end"
    )
    score_size: str = setting(
        "own",
        "what size pictures are scored at: own, or network, the one they are resized to",
        "network",
    )
    distances: bool = setting(True, "also HD95 and ASD, which take longer than Dice and Jaccard")

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(RunConfig)
        for item in dataclasses.fields(self):
            value = _as_kept(getattr(self, item.name), hints[item.name])
            object.__setattr__(self, item.name, value)
            _check_type(item, value, hints[item.name])

    @classmethod
    def of(cls, values: dict) -> "RunConfig":
        """Return a configuration made of a plain dictionary; unknown names are refused."""
        known = [item.name for item in dataclasses.fields(cls)]
        for name in values:
            one_of("setting of a run", name, known)
        return cls(**values)

    @classmethod
    def of_saved(cls, values: dict) -> "RunConfig":
        """Return the configuration of a finished run, also of one older than some fields."""
        fields = {item.name: item.metadata["before"] for item in dataclasses.fields(cls)}
        old = {name: value for name, value in fields.items() if value is not NOT_YET}
        return cls.of({**old, **values})

    def as_dict(self) -> dict:
        """Return plain types, as they are written to `config.json`."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @property
    def fingerprint(self) -> str:
        """Twelve digits that are the same for equal configurations and for no others.

        Fields that say what runs did before there was the field count as absent: so a run keeps
        its digits when the configuration grows.
        """
        values = self.as_dict()
        for item in dataclasses.fields(self):
            before = item.metadata["before"]
            if before is not NOT_YET and plain(before) == values[item.name]:
                del values[item.name]
        text = json.dumps(_shortest(values), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


# The recipe of saved runs that are older than the fields it sets. With minibatches of four its
# batch norm costs what results/README.md says.
RECIPE_OF_BEFORE = {
    item.name: item.metadata["before"]
    for item in dataclasses.fields(RunConfig)
    if item.metadata["before"] not in (NOT_YET, item.default) and item.name != "network_settings"
}


def _as_kept(value: typing.Any, kind: typing.Any) -> typing.Any:
    """Return a setting in the type it is kept in: lists as tuples, whole numbers as floats.

    In a dictionary it is the other way round, lists for tuples, as they come back from config.json.
    """
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return plain(value)
    return float(value) if kind is float and is_a(value, float) else value


def _check_type(item: dataclasses.Field, value: object, kind: typing.Any) -> None:
    """Refuse a setting of another type than its field's."""
    if is_a(value, kind):
        return
    wanted = str(kind).removeprefix("<class '").removesuffix("'>")
    yaml = wanted == "float" and _is_number(value)
    hint = " (YAML takes 1e-3 for text: write 1.0e-3)" if yaml else ""
    raise InputError(
        f"{item.name}={value!r} is not of type {wanted}{hint}: its default is"
        f" {item_default(item)!r}."
    )


def check_numbers(config: RunConfig) -> None:
    """Refuse numbers that no run can have."""
    for name in ("iterations", "batch", "labeled", "size"):
        if getattr(config, name) < 1:
            raise InputError(f"{name}={getattr(config, name)}: give a positive number.")
    for name in ("unlabeled", "seed", "lr", "weight_decay", "ramp"):
        if not 0 <= getattr(config, name) < float("inf"):
            raise InputError(f"{name}={getattr(config, name)}: give a number from 0 up.")
    if config.draw < -1:
        raise InputError(f"draw={config.draw}: give a number from 0 up, or -1 for the seed's draw.")
    for name in ("seed", "draw"):
        if getattr(config, name) >= 2**32:
            raise InputError(f"{name}={getattr(config, name)}: give a number below {2**32}.")
    if not (config.shrink == 0 or 1 <= config.shrink < float("inf")):
        raise InputError(
            f"shrink={config.shrink}: give 1 for volumes as they are, a larger factor, or 0 for one"
            " that fits."
        )
    if min(config.patch, default=1) < 1:
        raise InputError(f"patch={config.patch}: give positive numbers of voxels.")


def _shortest(value: typing.Any) -> typing.Any:
    """Return plain values with whole numbers as int: 1 and 1.0 are the same weight.

    >>> _shortest({"weight": 1.0, "ema_share": [0.5, 1.0]})
    {'weight': 1, 'ema_share': [0.5, 1]}
    """
    if isinstance(value, dict):
        return {name: _shortest(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortest(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_a(value: object, kind: typing.Any) -> bool:
    """Tell whether a value is of a type; whole numbers are floats, True and False no numbers.

    >>> is_a(3, float), is_a(True, int), is_a((1, 2), tuple[int, ...]), is_a("3", int)
    (True, False, True, False)
    """
    origin = typing.get_origin(kind)
    if origin is tuple:
        return isinstance(value, tuple) and all(is_a(v, typing.get_args(kind)[0]) for v in value)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _is_number(value: object) -> bool:
    """Tell whether a text reads as a number.

    >>> _is_number("1e-3"), _is_number("much"), _is_number([])
    (True, False, False)
    """
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def with_whole_weights(network_settings: typing.Mapping[str, typing.Any]) -> dict:
    """Return the settings of a network with the whole path of its file of weights.

    >>> with_whole_weights({"weights": "imagenet"}), with_whole_weights({"weights": "/w.pth"})
    ({'weights': 'imagenet'}, {'weights': '/w.pth'})
    """
    weights = network_settings.get("weights")
    if not isinstance(weights, str) or weights in ("", "imagenet"):
        return dict(network_settings)
    return {**network_settings, "weights": os.path.abspath(weights)}


def item_default(item: dataclasses.Field) -> object:
    """Return what a field of the configuration is when nothing is said."""
    return item.default if item.default is not dataclasses.MISSING else {}


def labeled_in_words(labeled: int, by: str = "images") -> str:
    """Say how much is labeled.

    >>> labeled_in_words(4), labeled_in_words(4, "patients")
    ('4 labeled', '4 patients labeled')
    """
    return f"{labeled} labeled" if by == "images" else f"{labeled} {by} labeled"


def refuse_unknown(names: typing.Mapping[str, object], others: tuple[str, ...] = ("out",)) -> None:
    """Refuse variables of a notebook that are no setting of a run, nor one of `others`.

    Plain values alone are looked at. papermill sets whatever name it is given, and a misspelt
    parameter would change nothing in silence.

    >>> refuse_unknown({"method": "cps", "out": "runs/a", "_hidden": 1})
    >>> refuse_unknown({"metod": "cps"})
    Traceback (most recent call last):
    ucmt_lite.common.InputError: Unknown parameter 'metod': did you mean 'method'? Known: dataset,
    data, ...
    """
    known = [item.name for item in dataclasses.fields(RunConfig)]
    for name, value in names.items():
        is_plain = value is None or isinstance(value, (bool, int, float, str, list, tuple, dict))
        if is_plain and not name.startswith("_") and name not in ("In", "Out"):  # IPython's own
            one_of("parameter", name, [*known, *others])
