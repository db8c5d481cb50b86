"""Where the networks are while they work: a policy, so that the pipeline need not know."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


class AllOnDevice:
    """Every network stays on the device all the time: the fastest way, if they fit."""

    @contextmanager
    def resident(self, network: nn.Module) -> Iterator[nn.Module]:
        """`network`, ready to compute on the device, for the duration of the block."""
        yield network
