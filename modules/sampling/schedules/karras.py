"""Even steps in sigma^(1/rho) (Karras et al. 2022, equation 5)."""

import torch
from torch import Tensor

from modules.sampling.schedules.schedule import Span, with_zero


def karras(steps: int, span: Span) -> Tensor:
    """`steps` + 1 sigmas, the last one zero; rho is 7 unless given."""
    return karras_ramp(steps, span.smallest, span.largest, span.rho or 7.0)


def karras_ramp(steps: int, smallest: float, largest: float, rho: float = 7.0) -> Tensor:
    """The same from bare numbers."""
    ramp = torch.linspace(0, 1, steps)
    low, high = smallest ** (1 / rho), largest ** (1 / rho)
    return with_zero((high + ramp * (low - high)) ** rho)
