"""Even steps in log sigma, and the same bent by a power."""

import math

import torch
from torch import Tensor

from modules.sampling.schedules.schedule import Span, with_zero


def exponential(steps: int, span: Span) -> Tensor:
    """Even steps in log sigma."""
    return with_zero(torch.linspace(math.log(span.largest), math.log(span.smallest), steps).exp())


def polyexponential(steps: int, span: Span) -> Tensor:
    """Steps in log sigma along a ramp raised to rho, 1 unless given."""
    low, high = math.log(span.smallest), math.log(span.largest)
    ramp = torch.linspace(1, 0, steps) ** (span.rho or 1.0)
    return with_zero(torch.exp(ramp * (high - low) + low))
