"""Emphasis modes: what the weights of a prompt do to the encoder's output."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Weigh = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Emphasis:
    """One mode. `parses` tells whether brackets are read at all."""

    name: str
    parses: bool
    weigh: Weigh
    """Takes an encoding z (versions, 77, dim) and weights (versions, 77); returns z weighted."""


def keep(z: Tensor, weights: Tensor) -> Tensor:
    """Leave the encoding as it is."""
    return z


def scale(z: Tensor, weights: Tensor) -> Tensor:
    """Multiply each token's vector by its weight."""
    return z * weights[..., None]


def scale_keeping_mean(z: Tensor, weights: Tensor) -> Tensor:
    """Multiply, then restore the mean, taken over all versions of a prompt together.

    A1111 encodes the versions of one prompt in one batch, so weights in one of them change the
    scale of the others; pixels depend on it.
    """
    weighted = scale(z, weights)
    return weighted * (z.mean() / weighted.mean())


EMPHASES: dict[str, Emphasis] = {
    emphasis.name: emphasis
    for emphasis in (
        Emphasis("None", parses=False, weigh=keep),
        Emphasis("Ignore", parses=True, weigh=keep),
        Emphasis("Original", parses=True, weigh=scale_keeping_mean),
        Emphasis("No norm", parses=True, weigh=scale),
    )
}
"""The modes by the names people know."""
