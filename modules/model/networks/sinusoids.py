"""Numbers as waves, for networks that are told more than a timestep."""

import math

import torch
from torch import Tensor


def scale_embedding(scale: float, width: int) -> Tensor:
    """A guidance scale as (1, width) float32, sines first (Luo et al. 2023, section 4.2)."""
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float32) / (half - 1)
    angles = (scale - 1) * 1000 * torch.exp(-math.log(10000) * exponents)
    return torch.cat([angles.sin(), angles.cos()])[None]
