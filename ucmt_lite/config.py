"""The configuration of a run: every setting with its type and default, and what is wrong with a wrong one."""

import dataclasses
import hashlib
import json
import typing
from dataclasses import dataclass, field

from ucmt_lite.errors import InputError, one_of


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run. Two runs with equal configurations are the same run.

    >>> RunConfig(method="cps", labeled=8).method
    'cps'
    >>> RunConfig.of({"metod": "cps"})
    Traceback (most recent call last):
    ucmt_lite.errors.InputError: Unknown setting of a run 'metod': did you mean 'method'? Known: dataset, data, ...
    """

    dataset: str = "phantom_heart"  # a phantom, a real set, or "folder", "hdf5", "nifti" for your own
    data: str = ""  # the folder that holds a real set or your own data
    classes: int = 2  # of your own data; phantoms and real sets know theirs
    size: int = 64  # side in pixels that 2D images are drawn at or resized to
    patch: tuple[int, ...] = ()  # what volumes are cropped to, voxels an axis; empty: the whole image
    method: str = "ucmt"
    labeled: int = 4  # training images whose masks are used
    seed: int = 0  # draws the labeled images, the first weights and all that is random in training
    network: str = "unet_small"
    network2: str = ""  # student 2, where it is to be another architecture; empty: the same
    iterations: int = 1000
    batch: int = 4  # labeled images an iteration, and as many unlabeled ones
    lr: float = 3e-3
    weight_decay: float = 1e-2
    ramp: float = 0.2  # share of the iterations over which the unsupervised terms rise
    settings: dict = field(default_factory=dict)  # the method's own, e.g. {"top_k": 4, "grid": 8, "make_mix": "cutmix"}
    precision: str = "auto"
    device: str = "auto"
    distances: bool = True  # also HD95 and ASD, which take longer than Dice and Jaccard

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(RunConfig)
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, list):
                object.__setattr__(self, item.name, value := tuple(value))
            if not is_a(value, hints[item.name]):
                wanted = str(hints[item.name]).removeprefix("<class '").removesuffix("'>")
                raise InputError(
                    f"{item.name}={value!r} is not of type {wanted}: its default is {item_default(item)!r}."
                )

    @classmethod
    def of(cls, values: dict) -> "RunConfig":
        """A configuration from a plain dictionary; unknown names are refused."""
        known = [item.name for item in dataclasses.fields(cls)]
        for name in values:
            one_of("setting of a run", name, known)
        return cls(**values)

    def as_dict(self) -> dict:
        """Plain types, as they are written to `config.json`."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @property
    def fingerprint(self) -> str:
        """Twelve digits that are the same for equal configurations and for no others."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:12]


def is_a(value: object, kind: object) -> bool:
    """Whether a value is of an annotated type; a whole number is a float, True and False are no numbers.

    >>> is_a(3, float), is_a(True, int), is_a((1, 2), tuple[int, ...]), is_a("3", int)
    (True, False, True, False)
    """
    origin = typing.get_origin(kind)
    if origin is tuple:
        return isinstance(value, tuple) and all(is_a(v, typing.get_args(kind)[0]) for v in value)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def item_default(item: dataclasses.Field) -> object:
    """What a field of the configuration is when nothing is said."""
    return item.default if item.default is not dataclasses.MISSING else {}
