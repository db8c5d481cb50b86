"""The named moments of the sampling loop, and what may join there."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from torch import Tensor

from modules.model.loader import Model
from modules.model.networks.additions import Additions, summed
from modules.sampling.guidance import After, Before, Rows
from modules.sampling.step import Step

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the network of `model`, and the rows it is given."""

    model: Model
    x: Tensor
    """Latents as the network gets them, (rows, channels, h, w), without a picture's channels."""
    timesteps: Tensor
    """(rows,)"""
    text: Tensor
    """(rows, tokens, width)"""
    vectors: Tensor | None
    """(rows, width), for networks that take one."""
    negative: tuple[bool, ...]
    """Which rows stand for what is not wanted."""


Around = Callable[[Call], AbstractContextManager[Additions | None]]
"""A block in which the network computes; gives what is added inside of it, if anything."""


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """Functions for some of the moments.

    `before_network(x, level)` gives the latent that is evaluated, `around_network(call)` is a block
    in which the network is called (once or more an evaluation), `after_network(rows, level)` all
    rows that the network answered, `after_guidance(combined, x, level)` what the sampler gets,
    `after_step(step)` only looks, `before_decode(latent)` gives the latent (batch, channels, h, w)
    that becomes pictures.
    """

    before_network: Before | None = None
    around_network: Around | None = None
    after_network: Rows | None = None
    after_guidance: After | None = None
    after_step: Callable[[Step], None] | None = None
    before_decode: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Points:
    """Everything attached to one generation, in order."""

    attachments: tuple[Attachment, ...] = field(default=())

    @property
    def before_network(self) -> list[Before]:
        """For the guidance."""
        return _present(one.before_network for one in self.attachments)

    @property
    def around_network(self) -> list[Around]:
        """For the pass."""
        return _present(one.around_network for one in self.attachments)

    @contextmanager
    def calling(self, call: Call) -> Iterator[Additions | None]:
        """A block in which the network is called; gives all that is added inside of it."""
        with ExitStack() as stack:
            found = [stack.enter_context(around(call)) for around in self.around_network]
            yield summed([one for one in found if one is not None])

    @property
    def after_network(self) -> list[Rows]:
        """For the guidance."""
        return _present(one.after_network for one in self.attachments)

    @property
    def after_guidance(self) -> list[After]:
        """For the guidance."""
        return _present(one.after_guidance for one in self.attachments)

    def after_step(self, step: Step) -> None:
        """Show a finished step to all."""
        for look in _present(one.after_step for one in self.attachments):
            look(step)

    def before_decode(self, latent: Tensor) -> Tensor:
        """Let all change the final latent."""
        for change in _present(one.before_decode for one in self.attachments):
            latent = change(latent)
        return latent


def _present(functions: Iterable[T | None]) -> list[T]:
    return [function for function in functions if function is not None]
