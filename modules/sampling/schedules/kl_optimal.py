"""Even steps in the arc tangent of sigma (Sabour et al. 2024, the KL-optimal schedule)."""

import math

import torch
from torch import Tensor

from modules.sampling.schedules.schedule import Span


def kl_optimal(steps: int, span: Span) -> Tensor:
    """`steps` + 1 sigmas that end at the smallest; no zero is appended."""
    ramp = torch.arange(steps + 1, dtype=torch.float32) / steps
    return torch.tan(ramp * math.atan(span.smallest) + (1 - ramp) * math.atan(span.largest))
