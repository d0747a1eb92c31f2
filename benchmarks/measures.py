"""What is measured of training: whole iterations, their parts, their floor, and how they grow."""

import copy
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks import floor
from benchmarks.plain import step as plain
from benchmarks.plain.data import write_files
from benchmarks.scene import LESSON, SKIN, Plan, Scene, signal_workers
from benchmarks.timing import Lap, Row, interleaved, on_threads, row, summary
from ucmt_lite.core.batch import Batch, Clock, jointly, separately
from ucmt_lite.core.ema import ema_update
from ucmt_lite.core.mixing import umix
from ucmt_lite.methods import METHODS
from ucmt_lite.predict import evaluate
from ucmt_lite.training.recorder import Recorder

CLOCK = Clock(50, 1.0)


def iteration(plan: Plan) -> Iterator[Row]:
    """Time whole iterations, data included: every method on two scenes, UCMT on all."""
    for scene in plan.scenes:
        usual = tuple(METHODS) if scene in (LESSON, SKIN[128]) else ("ucmt",)
        for method in plan.methods or usual:
            for threads in on_threads(plan.threads):
                yield whole(scene, method, plan.rounds, threads)


def whole(scene: Scene, method: str, rounds: int, threads: int) -> Row:
    """Time the plain iteration against the kit's, float32 and bfloat16, minibatches included."""
    batches, steps = scene.batches(), iter(range(10**9))
    with scene.plain_batches() as stream:
        baseline = scene.plain(method)
        kits = {
            "kit, channels first": scene.kit(method, last=False),
            "kit": scene.kit(method),
            "kit, bfloat16": scene.kit(method, precision="bfloat16"),
        }

        def plain_iteration() -> None:
            signal_workers(signal.SIGCONT)
            baseline(Batch(*(view.to(batches.device) for view in next(stream))), CLOCK)
            signal_workers(signal.SIGSTOP)

        variants = {"plain": plain_iteration}
        variants |= {
            name: lambda kit=kit: kit(batches(next(steps)), CLOCK) for name, kit in kits.items()
        }
        seconds = interleaved(variants, rounds, least=0)
    result = summary("iteration", f"{method}, {scene.title}", seconds, threads=threads)
    times = result["times"]
    result["values"] = {
        f"{name}: images/s": 2e3 * scene.batch / times[name]["ms"] for name in ("plain", "kit")
    }
    return result


def parts(plan: Plan) -> Iterator[Row]:
    """Each part of an iteration on its own, against the plain one where there is one."""
    for scene in plan.scenes[: 1 if plan.quick else None]:
        for _ in on_threads(plan.threads):
            yield from data_parts(scene, plan.rounds)
            yield from small_parts(scene, plan.rounds)
            yield from network_parts(scene, plan.rounds)
            yield from (watching(scene, method, plan.rounds) for method in ("ucmt", "supervised"))


def data_parts(scene: Scene, rounds: int) -> Iterator[Row]:
    """Time drawing images and making all views, here and in the loader's workers."""
    batches, steps = scene.batches(), iter(range(10**9))
    yield row(
        "draw",
        scene.title,
        {"kit": lambda: batches.draw(batches.unlabeled, 1, next(steps))},
        rounds,
    )
    with TemporaryDirectory() as folder, scene.plain_batches() as stream:
        write_files(scene.cases, Path(folder))
        data, indices = scene.plain_data(Path(folder)), iter(range(10**9))

        def one_by_one() -> None:
            for _ in range(2 * scene.batch):
                data[next(indices) % len(data)]

        def eight_from_workers() -> None:  # more than the workers have waiting
            signal_workers(signal.SIGCONT)
            for _ in range(8):
                next(stream)
            signal_workers(signal.SIGSTOP)

        seconds = interleaved(
            {
                "plain": one_by_one,
                "plain, 2 workers": eight_from_workers,
                "kit": lambda: batches(next(steps)),
            },
            rounds,
        )
    seconds["plain, 2 workers"] = [Lap(lap.wall / 8) for lap in seconds["plain, 2 workers"]]
    yield summary("views", scene.title, seconds, threads=torch.get_num_threads())


def network_parts(scene: Scene, rounds: int) -> Iterator[Row]:
    """Time forward and backward of one student, the optimiser, and evaluation."""
    batch = scene.batches()(0)
    first, last = (scene.nets("supervised", last=last).student1 for last in (False, True))

    def forward(
        net: torch.nn.Module, way=jointly, dtype: torch.dtype = torch.float32
    ) -> list[torch.Tensor]:
        with torch.autocast(batch.x.device.type, dtype, enabled=dtype != torch.float32):
            return way(net, batch.x1, batch.u1)

    ways = {
        "plain": lambda: forward(first, separately),
        "kit, channels first": lambda: forward(first),
        "kit": lambda: forward(last),
        "kit, bfloat16": lambda: forward(last, dtype=torch.bfloat16),
    }
    yield row("forward", scene.title, ways, rounds)
    yield row(
        "+backward",
        scene.title,
        {
            name: lambda way=way: sum(z.float().square().mean() for z in way()).backward()
            for name, way in ways.items()
        },
        rounds,
    )
    students = [torch.optim.AdamW(n.parameters()) for n in (first, copy.deepcopy(first))]
    nets = scene.nets("cps")
    together = {
        "kit": torch.optim.AdamW(nets.parameters()),
        "kit, fused": torch.optim.AdamW(nets.parameters(), fused=True),
    }
    for p in (
        p
        for optimizer in (*students, *together.values())
        for g in optimizer.param_groups
        for p in g["params"]
    ):
        p.grad = torch.randn_like(p)
    variants = {"plain": lambda: [optimizer.step() for optimizer in students]}
    yield row("optimiser", scene.title, variants | {n: o.step for n, o in together.items()}, rounds)
    variants = {
        "plain": lambda: [
            evaluate(first, scene.cases.select([i]), distances=False) for i in scene.cases.ids
        ]
    }
    variants |= {"kit": lambda: evaluate(last, scene.cases, distances=False)}
    yield row("evaluation", f"{len(scene.cases)} cases, {scene.title}", variants, rounds)


def small_parts(scene: Scene, rounds: int) -> Iterator[Row]:
    """Mixing both image and mask, and the teacher's update."""
    x, y, k, grid = *scene.batches()(0)[:2], 2, scene.grid
    u1, u2 = (torch.rand(len(x), 1, *x.shape[2:], device=x.device) for _ in range(2))

    def kit_mix() -> None:
        mix = umix(u1, u2, k, grid)
        mix(x), mix(y)

    yield row(
        "mixing",
        scene.title,
        {"plain": lambda: plain.mix(u1, u2, x, y, k, grid), "kit": kit_mix},
        rounds,
    )
    nets = scene.nets("ucmt")
    students, share = [nets.student1, nets.student2], (0.99, 0.01)
    variants = {
        "plain": lambda: plain.ema(nets.teacher, students, 0.99, 1000, share),
        "kit": lambda: ema_update(nets.teacher, students, 0.99, 1000, share),
    }
    yield row("EMA", scene.title, variants, rounds)


def watching(scene: Scene, method: str, rounds: int) -> Row:
    """One look of the recorder, and its share of training at a look every 20 iterations."""
    kit, batch, images = scene.kit(method), scene.batches()(0), scene.cases.ids
    if scene.dims == 3:
        images = images[:2]
    probe = scene.cases.select((images * 16)[: 16 if scene.dims == 2 else 2])
    recorder = Recorder(method, probe, scene.classes)
    seconds = interleaved(
        {"iteration": lambda: kit(batch, CLOCK), "look": lambda: recorder.look(1, kit.nets, {})},
        rounds,
    )
    result = summary(
        "recorder", f"{method}, {scene.title}", seconds, threads=torch.get_num_threads()
    )
    times = result["times"]
    result["values"] = {
        f"share %, {kind}": 100 * times["look"][kind] / recorder.every / times["iteration"][kind]
        for kind in ("ms", "cpu ms")
    }
    return result


def alone(plan: Plan) -> Iterator[Row]:
    """A minibatch of UCMT against the sum of its forward and backward passes run alone."""
    for scene in plan.scenes:
        for threads in on_threads(plan.threads):
            kit, batch = scene.kit("ucmt"), scene.batches()(0)
            student, teacher = kit.nets.student1, kit.nets.teacher
            images = torch.cat([batch.x1, batch.u1])
            gradient = torch.randn_like(student(images))

            def teach(teacher=teacher, images=images) -> None:
                with torch.no_grad():
                    teacher(images)

            variants = {
                "iteration": lambda kit=kit, batch=batch: kit(batch, CLOCK),
                "student": lambda s=student, i=images, g=gradient: s(i).backward(g),
                "teacher": teach,
            }
            seconds = interleaved(variants, plan.rounds)
            result = summary("alone", f"ucmt, {scene.title}", seconds, threads=threads)
            t = {name: value["ms"] for name, value in result["times"].items()}
            result["values"] = {
                "iteration / (4 students + teacher)": (
                    t["iteration"] / (4 * t["student"] + t["teacher"])
                )
            }
            yield result


def floors(plan: Plan) -> Iterator[Row]:
    """Compare an iteration with the time its operations and bytes would need at best."""
    for threads in on_threads(plan.threads):
        for name in ("float32", "bfloat16"):
            peak = floor.peak_rates(getattr(torch, name), 1 if plan.quick else 5)
            gigas = {f"{key}, G/s": value / 1e9 for key, value in peak.items()}
            yield {"part": "peak", "case": name, "threads": threads, "values": gigas}
            for scene in plan.scenes[: 1 if plan.quick else None]:
                kit, batch = scene.kit("ucmt", precision=name), scene.batches()(0)
                kit(batch, CLOCK)
                counted = floor.count(lambda kit=kit, batch=batch: kit(batch, CLOCK), peak)
                result = row(
                    "floor",
                    f"ucmt, {scene.title}, {name}",
                    {"kit": lambda k=kit, b=batch: k(b, CLOCK)},
                    plan.rounds,
                )
                # The floor is made of the best rates, too
                seconds = result["times"]["kit"]["min"] / 1e3
                result["values"] = {
                    "Gflop": counted.flops / 1e9,
                    "GB": counted.bytes / 1e9,
                    "arithmetic floor ms": 1e3 * counted.flops / peak["flops"],
                    "unfused floor ms": 1e3 * counted.alone,
                    "reached of arithmetic": counted.flops / peak["flops"] / seconds,
                    "reached of unfused": counted.alone / seconds,
                }
                yield result
