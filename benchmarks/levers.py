"""Levers: single changes that might make training faster, each against doing without it."""

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measures import CLOCK
from benchmarks.scene import LESSON, SKIN, Plan, Scene
from benchmarks.timing import Row, interleaved, on_threads, row, summary, timed
from ucmt_lite.core.batch import separately
from ucmt_lite.core.ema import ema_update
from ucmt_lite.training.devices import choose_device


def levers(plan: Plan) -> Iterator[Row]:
    """Time all levers on the lessons' network, and at 128 pixels where that is asked for."""
    for scene in [s for s in plan.scenes if plan.quick or s in (LESSON, SKIN[128])][
        : 1 if plan.quick else None
    ]:
        for _ in on_threads(plan.threads):
            yield iterations(scene, plan.rounds)
            yield overlap(scene, plan.rounds)
            yield flat_ema(scene, plan.rounds)
            yield grouped_students(scene, plan.rounds)
            yield compiled(scene, 0 if plan.quick else plan.rounds)
    yield capture(plan.scenes[0], plan.rounds)


def iterations(scene: Scene, rounds: int) -> Row:
    """The whole step of UCMT with one thing changed at a time."""
    batch = scene.batches()(0)
    kits = {
        "kit": scene.kit("ucmt"),
        "separate forwards": scene.kit("ucmt", forward=separately),
        "channels first": scene.kit("ucmt", last=False),
        "AdamW not fused": scene.kit("ucmt", fused=False),
        "memory given back": scene.kit("ucmt", keep=False),
        "bfloat16": scene.kit("ucmt", precision="bfloat16"),
        "bfloat16, channels first": scene.kit("ucmt", precision="bfloat16", last=False),
    }
    calls = {name: lambda kit=kit: kit(batch, CLOCK) for name, kit in kits.items()}
    return row("lever", f"one change, ucmt, {scene.title}", calls, rounds)


def overlap(scene: Scene, rounds: int) -> Row:
    """The next minibatch made by another Python thread while the networks learn from this one."""
    batches, kit, steps = scene.batches(), scene.kit("ucmt"), iter(range(10**9))
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(batches, next(steps))]

        def ahead() -> None:
            batch = waiting.pop().result()
            waiting.append(pool.submit(batches, next(steps)))
            kit(batch, CLOCK)

        calls: dict[str, Callable[[], Any]] = {
            "kit": lambda: kit(batches(next(steps)), CLOCK),
            "overlapped": ahead,
        }
        return row("lever", f"overlap of data and compute, {scene.title}", calls, rounds)


def flat_ema(scene: Scene, rounds: int) -> Row:
    """Time the teacher's update on one vector that all weights are views of."""
    nets = scene.nets("ucmt")
    count = sum(p.numel() for p in nets.teacher.parameters())
    teacher, one, other = (torch.rand(count, device=choose_device()) for _ in range(3))
    calls: dict[str, Callable[[], Any]] = {
        "kit": lambda: ema_update(
            nets.teacher, [nets.student1, nets.student2], 0.99, 1000, (0.99, 0.01)
        ),
        "flat": lambda: teacher.mul_(0.99).add_(one, alpha=0.0099).add_(other, alpha=0.0001),
    }
    return row("lever", f"flat weights for EMA, {scene.title}", calls, rounds)


def grouped_students(scene: Scene, rounds: int) -> Row:
    """Time both students' convolutions as two calls, and as one call with two groups."""
    widths = [
        m.out_channels
        for m in scene.nets("supervised").student1.modules()
        if isinstance(m, nn.Conv2d)
    ]
    levels = sorted(set(widths[:-1]))
    layers, device = [], choose_device()
    for level, channels in enumerate(levels):
        side = scene.size // 2**level
        x = torch.randn(2 * scene.batch, channels, side, side, device=device).to(
            memory_format=torch.channels_last
        )
        w = torch.randn(channels, channels, 3, 3, device=device, requires_grad=True)
        x2 = torch.cat([x, x], 1).contiguous(memory_format=torch.channels_last).requires_grad_()
        layers.append((x.requires_grad_(), w, x2, torch.cat([w, w]).detach().requires_grad_()))

    def apart() -> None:
        for x, w, _, _ in layers:
            for _ in range(2):
                F.conv2d(x, w, padding=1).sum().backward()

    def grouped() -> None:
        for _, _, x2, w2 in layers:
            F.conv2d(x2, w2, padding=1, groups=2).sum().backward()

    return row(
        "lever",
        f"two students grouped, convolutions of {scene.title}",
        {"two calls": apart, "grouped": grouped},
        rounds,
    )


def compiled(scene: Scene, rounds: int) -> Row:
    """Time `torch.compile` of students and teacher, and compiling itself; not tried if quick."""
    case = f"torch.compile, ucmt, {scene.title}"
    if not rounds:
        return {"part": "lever", "case": case, "values": {"tried": "no"}}
    kit, fast, batch = scene.kit("ucmt"), scene.kit("ucmt"), scene.batches()(0)
    for net in fast.nets.children():
        net.compile()
    try:
        first = timed(lambda: fast(batch, CLOCK), 1)
        seconds = interleaved(
            {"kit": lambda: kit(batch, CLOCK), "compiled": lambda: fast(batch, CLOCK)}, rounds
        )
    except Exception as cause:  # whatever a compiler says
        return {"part": "lever", "case": case, "values": {"failed": type(cause).__name__}}
    result = summary("lever", case, seconds, threads=torch.get_num_threads())
    result["values"] = {"first s": first.wall}
    return result


def capture(scene: Scene, rounds: int) -> Row:
    """A student's forward and backward replayed as a CUDA graph."""
    case = f"CUDA graph, one student, {scene.title}"
    if not torch.cuda.is_available():
        return {"part": "lever", "case": case, "values": {"not measured": "no GPU"}}
    batch = scene.batches()(0)
    net = scene.nets("supervised").student1
    images = torch.cat([batch.x1, batch.u1])
    graphed = torch.cuda.make_graphed_callables(copy.deepcopy(net), (images.clone(),))

    def learn(run: Callable[[Tensor], Tensor]) -> None:
        run(images).float().square().mean().backward()

    return row("lever", case, {"kit": lambda: learn(net), "graph": lambda: learn(graphed)}, rounds)
