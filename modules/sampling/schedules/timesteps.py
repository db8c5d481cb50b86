"""Schedules that are even in the model's timesteps."""

import torch
from torch import Tensor

from modules.sampling.schedules.schedule import Span, with_zero


def uniform(steps: int, span: Span) -> Tensor:
    """From the model's last timestep to its first, whatever the span."""
    last = len(span.table.sigmas) - 1
    return with_zero(span.table.t_to_sigma(torch.linspace(last, 0, steps)))


def normal(steps: int, span: Span) -> Tensor:
    """Even between the timesteps of the span's ends."""
    return with_zero(span.table.t_to_sigma(torch.linspace(*_ends(span), steps)))


def sgm_uniform(steps: int, span: Span) -> Tensor:
    """The same with one step more, so that the smallest sigma itself is left out."""
    return with_zero(span.table.t_to_sigma(torch.linspace(*_ends(span), steps + 1)[:-1]))


def simple(steps: int, span: Span) -> Tensor:
    """Pick from the model's levels at even distances, counted from the noisy end."""
    sigmas = span.table.sigmas.float()
    stride = len(sigmas) / steps
    return with_zero(sigmas[[-(1 + int(k * stride)) for k in range(steps)]])


def ddim(steps: int, span: Span) -> Tensor:
    """The levels of DDIM's timesteps: every so many from the second on; may be one step longer."""
    sigmas = span.table.sigmas.float()
    stride = max(len(sigmas) // steps, 1)
    return with_zero(sigmas[1::stride].flip(0))


def turbo(steps: int, span: Span) -> Tensor:
    """Whole timesteps at even distances from the noisy end, for distilled models."""
    sigmas = span.table.sigmas.float()
    count = len(sigmas)
    places = [round(k * count / steps - 1) for k in range(steps, 0, -1)]
    return with_zero(sigmas[[min(max(place, 0), count - 1) for place in places]])


def consistency(steps: int, span: Span) -> Tensor:
    """Even between the ends in the timesteps of a consistency model's own table."""
    table = span.table
    ends = table.sigma_to_t(torch.tensor([table.sigma_max, table.sigma_min]))
    return with_zero(table.t_to_sigma(torch.linspace(float(ends[0]), float(ends[1]), steps)))


def _ends(span: Span) -> tuple[float, float]:
    ends = span.table.sigma_to_t(torch.tensor([span.largest, span.smallest]), quantize=False)
    return float(ends[0]), float(ends[1])
