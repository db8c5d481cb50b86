"""What networks beside a U-Net add inside one evaluation of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Additions:
    """Tensors (rows, channels, h, w) by the number of the stage on the way down.

    `skips` are added to skip connections where they are taken, `inputs` to the output of a stage,
    from which the network goes on; `middle` to the output of the middle. `tokens`, (rows, n,
    context_dim), follow those of the prompt.
    """

    skips: Mapping[int, Tensor] = field(default_factory=dict)
    inputs: Mapping[int, Tensor] = field(default_factory=dict)
    middle: Tensor | None = None
    tokens: Tensor | None = None

    def after_input(self, place: int, h: Tensor) -> Tensor:
        """The output of stage `place` on the way down."""
        return h + self.inputs[place].to(h) if place in self.inputs else h

    def with_skip(self, place: int, skip: Tensor) -> Tensor:
        """The skip connection from stage `place`."""
        return skip + self.skips[place].to(skip) if place in self.skips else skip

    def after_middle(self, h: Tensor) -> Tensor:
        """The output of the middle."""
        return h if self.middle is None else h + self.middle.to(h)

    def with_tokens(self, context: Tensor) -> Tensor:
        """The prompt's vectors (rows, n, context_dim), longer by `tokens`."""
        return context if self.tokens is None else torch.cat([context, self.tokens.to(context)], 1)


def summed(parts: Sequence[Additions]) -> Additions | None:
    """Everything that several networks add; None if there is nothing."""
    return reduce(_both, parts) if parts else None


def _both(one: Additions, other: Additions) -> Additions:
    return Additions(
        skips=_sums(one.skips, other.skips),
        inputs=_sums(one.inputs, other.inputs),
        middle=_sum(one.middle, other.middle),
        tokens=_joined(one.tokens, other.tokens),
    )


def _sums(one: Mapping[int, Tensor], other: Mapping[int, Tensor]) -> dict[int, Tensor]:
    found = dict(one)
    for place, tensor in other.items():
        found[place] = found[place] + tensor if place in found else tensor
    return found


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _joined(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return torch.cat([one, other.to(one)], dim=1)
