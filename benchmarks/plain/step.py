"""One iteration as the public reference does it: image by image, parameter by parameter."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ucmt_lite.core.batch import Batch, Clock
from ucmt_lite.training.memory import keep_freed_memory


def mix(
    u1: Tensor, u2: Tensor, image: Tensor, mask: Tensor, top_k: int, grid: int
) -> tuple[Tensor, Tensor]:
    """Mix as UMIX does, by a loop over images and cells that are put together again."""
    sides = [side // grid for side in image.shape[2:]]
    order1, order2 = (cut(u, sides).mean(1).sort(descending=True).indices for u in (u1, u2))
    cells, labels = cut(image, sides), cut(mask.unsqueeze(1).float(), sides)
    for b in range(len(image)):
        for order_to, order_from in ((order1, order2), (order2, order1)):
            sources = [order_from[b, i - top_k] for i in range(top_k)]
            taken = [
                (cells[b, :, source].clone(), labels[b, :, source].clone()) for source in sources
            ]
            for i, (cell, label) in enumerate(taken):
                cells[b, :, order_to[b, i]] = cell
                labels[b, :, order_to[b, i]] = label
    return join(cells, image.shape, sides), join(labels, mask.unsqueeze(1).shape, sides).squeeze(
        1
    ).to(mask.dtype)


def cut(x: Tensor, sides: list[int]) -> Tensor:
    """Cells of an image, `B C *S` -> `B (C pixels) L`."""
    if x.dim() == 4:
        return F.unfold(x, sides, stride=sides)
    for axis, side in enumerate(sides, start=2):
        x = x.unfold(axis, side, side)
    b, c, d, h, w, *_ = x.shape
    return x.permute(0, 1, 5, 6, 7, 2, 3, 4).reshape(b, -1, d * h * w)


def join(cells: Tensor, shape: torch.Size, sides: list[int]) -> Tensor:
    """The image that cells were cut from."""
    if len(shape) == 4:
        return F.fold(cells, shape[2:], sides, stride=sides)
    counts = [size // side for size, side in zip(shape[2:], sides, strict=True)]
    x = cells.reshape(*shape[:2], *sides, *counts)
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(shape)


@torch.no_grad()
def ema(
    teacher: nn.Module, students: list[nn.Module], decay: float, step: int, share: tuple[float, ...]
) -> None:
    """The teacher's update, one parameter after the other."""
    alpha = min(1 - 1 / (step + 1), decay)
    for own, *theirs in zip(teacher.parameters(), *(s.parameters() for s in students), strict=True):
        mixture = sum(w * p.data for w, p in zip(share, theirs, strict=True))
        own.data.mul_(alpha).add_((1 - alpha) * mixture)


def loss(logits: Tensor, target: Tensor) -> Tensor:
    """Half cross-entropy, half soft Dice, class by class."""
    p = logits.softmax(1)
    dice = 0.0
    for k in range(logits.shape[1]):
        pk, yk = p[:, k].flatten(1), (target == k).to(p.dtype).flatten(1)
        dice = dice + 1 - ((2 * (pk * yk).sum(1) + 1e-5) / (pk.sum(1) + yk.sum(1) + 1e-5)).mean()
    return (F.cross_entropy(logits, target) + dice / logits.shape[1]) / 2


def entropy(p: Tensor, q: Tensor) -> Tensor:
    """Entropy of the mean of two probability maps, `B 1 *S`."""
    mean = (p + q) / 2
    return -(mean * torch.log(mean + 1e-6)).sum(1, keepdim=True)


class Plain:
    """The plain iteration of a method, with its optimisers: `plain(batch, clock)`."""

    def __init__(
        self, method: str, nets: nn.Module, *, weight: float, grid: int = 16, top_k: int = 2
    ) -> None:
        self.method, self.nets, self.weight, self.grid, self.top_k = (
            method,
            nets,
            weight,
            grid,
            top_k,
        )
        self.students = [net for name, net in nets.named_children() if name.startswith("student")]
        self.optimizers = [
            torch.optim.AdamW(s.parameters(), lr=1e-3, weight_decay=1e-2) for s in self.students
        ]

    def __call__(self, batch: Batch, clock: Clock) -> None:
        keep_freed_memory(False)  # the kit has switched it on in this process
        getattr(self, self.method)(batch, clock, self.weight * clock.ramp)

    def minimize(self, total: Tensor) -> None:
        """A gradient step of every student."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        total.item()  # the reference logs every loss
        total.backward()
        for optimizer in self.optimizers:
            optimizer.step()

    def supervised(self, batch: Batch, clock: Clock, w: float) -> None:
        self.minimize(loss(self.students[0](batch.x1), batch.y))

    def mean_teacher(self, batch: Batch, clock: Clock, w: float) -> None:
        student, teacher = self.students[0], self.nets.teacher
        s_x, s_u = student(batch.x1), student(batch.u1)
        with torch.no_grad():
            t_u = teacher(batch.u).softmax(1)
        self.minimize(loss(s_x, batch.y) + w * ((s_u.softmax(1) - t_u) ** 2).mean())
        ema(teacher, self.students, 0.99, clock.step, (1.0,))

    def cps(self, batch: Batch, clock: Clock, w: float) -> None:
        s1, s2 = self.students
        s1_x, s2_x = s1(batch.x1), s2(batch.x2)
        s1_u, s2_u = s1(batch.u1), s2(batch.u2)
        cross = loss(s1_u, s2_u.detach().argmax(1)) + loss(s2_u, s1_u.detach().argmax(1))
        self.minimize(loss(s1_x, batch.y) + loss(s2_x, batch.y) + w * cross)

    def cmt(self, batch: Batch, clock: Clock, w: float) -> None:
        s1, s2 = self.students
        s1_x, s2_x = s1(batch.x1), s2(batch.x2)
        s1_u, s2_u = s1(batch.u1), s2(batch.u2)
        with torch.no_grad():
            y_t = self.nets.teacher(batch.u).argmax(1)
        self.collaborate(s1_x, s2_x, batch.y, s1_u, s2_u, y_t, w)
        ema(self.nets.teacher, self.students, 0.99, clock.step, (0.99, 0.01))

    def ucmt(self, batch: Batch, clock: Clock, w: float) -> None:
        s1, s2 = self.students
        s1_x, s2_x = s1(batch.x), s2(batch.x)
        with torch.no_grad():
            t_x = self.nets.teacher(batch.x)
        s1_u, s2_u = s1(batch.u1), s2(batch.u2)
        with torch.no_grad():
            t_u = self.nets.teacher(batch.u)
        y_t = t_u.argmax(1)
        p1_x, p2_x, pt_x, p1_u, p2_u, pt_u = (
            z.detach().softmax(1) for z in (s1_x, s2_x, t_x, s1_u, s2_u, t_u)
        )
        self.collaborate(s1_x, s2_x, batch.y, s1_u, s2_u, y_t, w)
        ema(self.nets.teacher, self.students, 0.99, clock.step, (0.99, 0.01))

        x, y = mix(
            entropy(p1_x, pt_x), entropy(p2_x, pt_x), batch.x1, batch.y, self.top_k, self.grid
        )
        u, y_t = mix(entropy(p1_u, pt_u), entropy(p2_u, pt_u), batch.u1, y_t, self.top_k, self.grid)
        self.collaborate(s1(x), s2(x), y, s1(u), s2(u), y_t, w)
        ema(self.nets.teacher, self.students, 0.99, clock.step, (0.99, 0.01))

    def collaborate(
        self,
        s1_x: Tensor,
        s2_x: Tensor,
        y: Tensor,
        s1_u: Tensor,
        s2_u: Tensor,
        y_t: Tensor,
        w: float,
    ) -> None:
        """A step on the three terms of CMT."""
        supervised = loss(s1_x, y) + loss(s2_x, y)
        cps = loss(s1_u, s2_u.detach().argmax(1)) + loss(s2_u, s1_u.detach().argmax(1))
        cmt = loss(s1_u, y_t) + loss(s2_u, y_t)
        self.minimize(supervised + w * (cps + cmt))
