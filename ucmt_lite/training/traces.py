"""Traces: what one training run looked like, in curves and in maps of a few fixed images.

A trace is numpy and JSON in one `.npz`, opens without torch, and is all that the explorers and the
lessons' figures read.
"""

import json
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from tokenize import TokenError

import numpy as np

from ucmt_lite.common import KEPT, InputError, atomic, one_of

VERSION = 1
RECORDED = KEPT / "notebooks" / "traces"


# What is said of a run, where it is said.
_META = {
    "method": str,
    "branches": list,
    "predicts": str,
    "dataset": str,
    "classes": list,
    "seed": int,
    "config": dict,
    "test": dict,
    "test_cases": int,
}
# What numpy, zipfile and json run into where the bytes of a file are damaged.
_DAMAGED = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    RuntimeError,
    SyntaxError,
    MemoryError,
    TokenError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class Trace:
    """One run on a fixed probe set.

    T recorded steps, M steps with maps, P probe images, sizes `*S`, channels last.

    >>> curves = {"dice": np.array([0.1, 0.5, 0.8])}
    >>> trace = Trace(meta={"method": "cps"}, step=np.arange(3), curves=curves)
    >>> trace.method, float(trace.curves["dice"][-1])
    ('cps', 0.8)
    """

    # method, dataset, classes, config, seed, commit
    meta: dict
    # T: optimization iterations done when the curves were read
    step: np.ndarray
    # T each: "dice", "dice/<network>", "disagreement", "uncertainty", "error", "loss/<term>"
    curves: dict[str, np.ndarray]
    # M: iterations done when the maps were read
    map_step: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    # P *S C, uint8
    image: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0, 1), np.uint8))
    # P *S, class indices
    truth: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.uint8))
    # M P *S each, class indices: "student1", ...
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    # M P *S, float16, nats: entropy of the mean softmax of the two traced branches
    uncertainty: np.ndarray | None = None
    # P *S, float16 in [0, 1], phantoms only: how undecided the border truly is
    ambiguity: np.ndarray | None = None

    @property
    def method(self) -> str:
        """The name of the method."""
        return self.meta["method"]

    @property
    def branches(self) -> tuple[str, str]:
        """The two networks whose disagreement is followed, as in Figure 1 (d) of the UCMT paper."""
        return tuple(self.meta["branches"])

    def save(self, path: str | Path) -> None:
        """Write the trace as a compressed `.npz`."""
        arrays = {
            "meta": np.array(json.dumps({"version": VERSION, **self.meta})),
            "step": self.step,
        }
        arrays |= {
            f"curve/{name}": values.astype(np.float32) for name, values in self.curves.items()
        }
        arrays |= {"map_step": self.map_step, "image": self.image, "truth": self.truth}
        arrays |= {f"prediction/{name}": maps for name, maps in self.predictions.items()}
        optional = {"uncertainty": self.uncertainty, "ambiguity": self.ambiguity}
        arrays |= {name: values for name, values in optional.items() if values is not None}
        with atomic(path) as temporary, temporary.open("wb") as file:
            # Without `allow_pickle=`: before numpy 2.2 that would become an array of its own.
            # Its stub thinks of that one.
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def load_trace(path: str | Path) -> Trace:
    """Read a trace; a file that is none, or of another version, is refused with one sentence."""
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"There is no trace at {path}: record one with `ucmt-lite run`, or check the path."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        meta = json.loads(str(arrays.pop("meta")))
        version = meta.pop("version")
        if version == VERSION:
            curves = _taken(arrays, "curve/")
            predictions = _taken(arrays, "prediction/")
            trace = Trace(meta=meta, curves=curves, predictions=predictions, **arrays)
            _check(trace)
            return trace
    except _DAMAGED as cause:
        reason = " ".join(str(cause).split()) or type(cause).__name__
        raise InputError(
            f"{path} is not a trace of this kit ({reason}): record it again with `ucmt-lite run`."
        ) from None
    raise InputError(
        f"{path} is a trace of version {version}, this kit reads version {VERSION}: record it"
        " again."
    )


def _check(trace: Trace) -> None:
    """Raise ValueError where the parts of a trace are none, or do not belong together."""
    for name, kind in _META.items():
        if not isinstance(trace.meta.get(name, kind()), kind):
            raise ValueError(f"{name} is {trace.meta[name]!r}")
    names = [trace.method, *trace.branches, *trace.meta.get("classes", ())]
    if len(trace.branches) != 2 or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{names} are no names of a method, two networks and classes")
    looks, maps, probe = trace.step.shape, trace.map_step.shape, trace.truth.shape
    parts = [("step", trace.step, (len(trace.step),), "iu")]
    parts += [(f"curve/{name}", curve, looks, "f") for name, curve in trace.curves.items()]
    parts += [("map_step", trace.map_step, (len(trace.map_step),), "iu")]
    parts += [("truth", trace.truth, probe, "iu")]
    parts += [("image", trace.image, (*probe, trace.image.shape[-1]), "u")]
    parts += [(f"prediction/{n}", m, (*maps, *probe), "iu") for n, m in trace.predictions.items()]
    if trace.uncertainty is not None:
        parts += [("uncertainty", trace.uncertainty, (*maps, *probe), "f")]
    if trace.ambiguity is not None:
        parts += [("ambiguity", trace.ambiguity, probe, "f")]
    for name, array, shape, kinds in parts:
        if array.shape != shape or array.dtype.kind not in kinds:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, where {shape} belongs")


def _taken(arrays: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """Take the arrays of a kind out of all of them, by their own names."""
    names = [name for name in arrays if name.startswith(kind)]
    return {name.removeprefix(kind): arrays.pop(name) for name in names}


def recorded(name: str) -> Trace:
    """Open one of the runs that come with the kit, by its name: `recorded("heart_ucmt_50")`."""
    names = sorted(file.stem for file in RECORDED.glob("*.npz"))
    return load_trace(RECORDED / f"{one_of('recorded trace', name, names)}.npz")
