"""Small runs whose every number is known, for the explorers."""

import numpy as np

from ucmt_lite.training.traces import Trace


def disc(size, row, column, radius):
    y, x = np.mgrid[:size, :size]
    return ((y - row) ** 2 + (x - column) ** 2 <= radius**2).astype(np.uint8)


def synthetic(method="ucmt", *, frames=6, images=2, size=32, seed=0, channels=1, ambiguity=True):
    """Return a run in which masks grow onto the truth, and uncertainty shrinks to a ring.

    The students come from both sides.
    """
    random = np.random.default_rng(0)
    truth = np.stack(
        [disc(size, size * 0.5, size * (0.42 + 0.1 * i), size * 0.25) for i in range(images)]
    )
    image = (
        (60 + 120 * truth[..., None] + random.normal(0, 8, (*truth.shape, channels)))
        .clip(0, 255)
        .astype(np.uint8)
    )
    far = np.linspace(1, 0, frames) ** 1.5
    y, x = np.mgrid[:size, :size]
    nets = {"mean_teacher": ("student1", "teacher"), "cps": ("student1", "student2")}.get(
        method, ("student1", "student2", "teacher")
    )
    shift = {"student1": -1.0, "student2": 1.0, "teacher": 0.3}
    predictions = {
        name: np.stack(
            [
                [
                    disc(
                        size,
                        size * 0.5,
                        size * (0.42 + 0.1 * i) + shift[name] * size * 0.16 * f,
                        size * 0.25 - size * 0.06 * f,
                    )
                    for i in range(images)
                ]
                for f in far
            ]
        )
        for name in nets
    }
    distance = np.stack(
        [
            np.abs(np.hypot(y - size * 0.5, x - size * (0.42 + 0.1 * i)) - size * 0.25)
            for i in range(images)
        ]
    )
    uncertainty = np.stack(
        [np.log(2) * np.exp(-distance / (1 + size * 0.12 * f)) for f in far]
    ).astype(np.float16)
    step = np.arange(1, frames * 5 + 1) * 20
    late = 1 - np.exp(
        -step / step[-1] * ({"mean_teacher": 2, "cps": 2.5}.get(method, 3) + 0.2 * seed)
    )
    curves = {
        "dice": 0.2 + 0.7 * late,
        "disagreement": 0.4 * (1 - late),
        "uncertainty": 0.3 * (1 - late) + 0.02,
    }
    curves["error"] = 0.2 * (1 - late) + 0.03
    curves |= {f"dice/{name}": 0.18 + 0.7 * late - 0.02 * i for i, name in enumerate(nets)}
    branches = ["student1", nets[1]]
    meta = {
        "method": method,
        "branches": branches,
        "predicts": nets[-1],
        "classes": ["background", "lesion"],
        "seed": seed,
    }
    return Trace(
        meta=meta,
        step=step,
        curves=curves,
        map_step=step[4::5],
        image=image,
        truth=truth,
        predictions=predictions,
        uncertainty=uncertainty,
        ambiguity=np.exp(-distance / 2).astype(np.float16) if ambiguity else None,
    )
