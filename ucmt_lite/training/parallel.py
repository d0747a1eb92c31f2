"""One run on several processes or GPUs, with the result of a run on one.

Each computes its share of every minibatch. Every process holds all networks and the whole
minibatch, which is small; random numbers are the same everywhere, since they come from the
iteration's seed. What costs time, a network's pass forward and back, is divided: `Share` gives each
process its part of the images and gathers the logits, so that losses, pseudo labels, uncertainty
and mixes see whole minibatches and the methods' text stays as it is. Batch statistics are those of
the whole minibatch (`SharedBatchNorm`).

    torchrun --nproc-per-node 2 -m ucmt_lite.cli run --method ucmt --out DIR

or, in a notebook, `accelerate.notebook_launcher(run, (config, "DIR"), num_processes=2)`.
"""

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ucmt_lite.common import InputError


def join() -> None:
    """Meet the other processes that `torchrun` or Accelerate's `notebook_launcher` started."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def processes() -> int:
    """Return how many processes share this run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return which of them this is; number 0 watches, evaluates and writes files."""
    return dist.get_rank() if dist.is_initialized() else 0


def wait() -> None:
    """Go on when all have come this far."""
    if dist.is_initialized():
        dist.barrier()


def share_nets(nets: nn.Module) -> nn.Module:
    """Return a method's networks, each computing this process's share; alone, the networks.

    The parameters stay the same objects. Batch norms are replaced in place by ones that share their
    statistics.
    """
    if processes() == 1:
        return nets
    share_statistics(nets)
    shared = nn.Module()
    for name, net in nets.named_children():
        shared.add_module(name, Share(net))
    return shared


class Share(nn.Module):
    """A network that computes its part of the images, and returns the logits of all.

    It is given whole minibatches `B ...` and computes B / processes images.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *inputs: Tensor) -> Tensor:
        if len(inputs[0]) % processes():
            raise InputError(
                f"{len(inputs[0])} images cannot be shared by {processes()} processes: choose"
                " another batch or number of processes."
            )
        return Gather.apply(self.net(*map(Part.apply, inputs)))


class Part(torch.autograd.Function):
    """This process's part of a minibatch.

    Back go the gradients of all parts: what made the images may be divided otherwise.
    """

    @staticmethod
    def forward(ctx, whole: Tensor) -> Tensor:
        return whole.chunk(processes())[rank()]

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _gathered(gradient)


class Gather(torch.autograd.Function):
    """All processes' parts as one tensor, everywhere.

    Back goes this process's part of the gradient: each has the whole loss.
    """

    @staticmethod
    def forward(ctx, part: Tensor) -> Tensor:
        return _gathered(part)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient.chunk(processes())[rank()]


def _gathered(part: Tensor) -> Tensor:
    """Return all processes' parts as one tensor, without a gradient."""
    parts = [
        torch.empty_like(part, memory_format=torch.contiguous_format) for _ in range(processes())
    ]
    dist.all_gather(parts, part.contiguous())
    return torch.cat(parts)


class Total(torch.autograd.Function):
    """The sum over all processes.

    Back goes the sum of their gradients: each one's images depend on every part.
    """

    @staticmethod
    def forward(ctx, part: Tensor) -> Tensor:
        return _total(part)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _total(gradient)


def _total(part: Tensor) -> Tensor:
    """Return the sum over all processes, without a gradient."""
    whole = part.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(whole)
    return whole


class SharedBatchNorm(_BatchNorm):
    """Batch norm over the minibatch of all processes; torch's own `SyncBatchNorm` needs GPUs."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float | None

    def _check_input_dim(self, x: Tensor) -> None:
        """Any number of axes, as the layer that this one replaces has checked."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
        z = x.to(torch.promote_types(x.dtype, torch.float32))
        count = z.numel() // z.shape[1] * processes()
        mean = Total.apply(z.sum(axes)) / count
        centred = z - mean.view(shape)
        variance = Total.apply(centred.square().sum(axes)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            # Without a momentum the statistics are the plain average over all minibatches
            share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance * count / (count - 1), share)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(shape) + self.bias.view(shape)).to(x.dtype)


def share_statistics(net: nn.Module) -> None:
    """Replace every batch norm by a `SharedBatchNorm` with its parameters and statistics."""
    for name, child in net.named_children():
        if not isinstance(child, _BatchNorm):
            share_statistics(child)
        elif not isinstance(child, SharedBatchNorm):
            shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
            shared.weight, shared.bias = child.weight, child.bias
            for kept in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(shared, kept, getattr(child, kept))
            setattr(net, name, shared.train(child.training))


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add up what the processes' images contribute to every gradient, in one message."""
    if processes() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    whole = _total(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, part in zip(
        gradients, whole.split([gradient.numel() for gradient in gradients]), strict=True
    ):
        gradient.copy_(part.view_as(gradient))
