"""Several processes that train one network together: each takes a part of every batch.

Two single-threaded processes use two CPU cores better than one process with two threads, because
they wait for each other once a step instead of once an operation. Alone (one process, or a GPU)
the same code runs without any exchange.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn


@dataclass(frozen=True)
class Team:
    """Which of how many processes this one is."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and the log."""
        return self.rank == 0

    def share(self, total: int) -> range:
        """The part of `range(total)` that this process takes; the parts cover all of it."""
        return range(self.rank * total // self.size, (self.rank + 1) * total // self.size)

    def agree(self, flag: bool) -> bool:
        """True in every process if it is true in any."""
        if self.size == 1:
            return flag
        votes = torch.tensor([float(flag)])
        dist.all_reduce(votes)
        return bool(votes.item() > 0)

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            dist.barrier()

    def mean_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace each gradient by the mean over the processes, exchanged in bfloat16.

        The means are copied into the existing gradients: these keep the memory layout of their
        parameters, which the fused optimiser relies on.
        """
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.reshape(-1).to(torch.bfloat16) for gradient in gradients])
        dist.all_reduce(flat)
        parts: Sequence[Tensor] = flat.float().div_(self.size).split([g.numel() for g in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))


def _member(rank: int, size: int, meeting: str, work: Callable[[Team], None]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    try:
        work(Team(rank, size))
    finally:
        dist.destroy_process_group()


def run_team(size: int, work: Callable[[Team], None]) -> None:
    """Run `work` in `size` processes that can meet; `work` must be picklable when size > 1."""
    if size == 1:
        work(Team())
        return
    with TemporaryDirectory() as folder:
        meeting = str(Path(folder) / "meeting")
        mp.start_processes(_member, (size, meeting, work), nprocs=size, start_method="spawn")
