"""Euler's method with every second slope extrapolated instead of computed.

On the probability-flow ODE dx/dsigma = (x - D(x)) / sigma (Karras et al. 2022, equation 3) the
slope changes slowly in the middle of the way. Every second step there takes the line through the
last two computed slopes (the idea of Adams-Bashforth) and asks the network nothing. The first four
steps and the last two, where pictures are decided and finished, are Euler's own.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from modules.sampling.step import Step

CAREFUL_FIRST, CAREFUL_LAST = 4, 2


def lazy_euler(
    denoise: Callable[[Any, Any], Any], x: Any, sigmas: Any, noise: Any, options: Any
) -> Iterator[Step]:
    """Sample from `x` (batch, channels, h, w) along `sigmas` (steps + 1,)."""
    steps = len(sigmas) - 1
    known: list[tuple[Any, Any]] = []
    lazy = False
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        middle = CAREFUL_FIRST <= index < steps - CAREFUL_LAST
        lazy = middle and not lazy and len(known) == 2
        if lazy:
            (before, older), (last, slope) = known
            slope = slope + (slope - older) * ((sigma - last) / (last - before))
            denoised = x - slope * sigma
        else:
            denoised = denoise(x, sigma)
            slope = (x - denoised) / sigma
            known = [*known[-1:], (sigma, slope)]
        x = x + slope * (sigma_next - sigma)
        yield Step(index, sigma, x, denoised)
