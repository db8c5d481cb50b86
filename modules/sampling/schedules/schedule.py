"""What a schedule is given."""

from dataclasses import dataclass

import torch
from torch import Tensor

from modules.sampling.prediction import SigmaTable


@dataclass(frozen=True, kw_only=True)
class Span:
    """From which sigma to which, and the knobs that some schedules have.

    `table` is the model's own list of noise levels. `rho` 0 means the schedule's own.
    """

    table: SigmaTable
    smallest: float
    largest: float
    rho: float = 0.0
    beta_alpha: float = 0.6
    beta_beta: float = 0.6
    family: str = "sd1"


def with_zero(sigmas: Tensor) -> Tensor:
    """Append the zero most schedules end with."""
    return torch.cat([sigmas, sigmas.new_zeros(1)])
