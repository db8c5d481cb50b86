"""Sigmas at the quantiles of a beta distribution (Lee et al. 2024)."""

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor

from modules.sampling.schedules.schedule import Span, with_zero


def beta(steps: int, span: Span) -> Tensor:
    """More steps near both ends than in the middle, by alpha and beta below 1."""
    quantiles = 1 - np.linspace(0, 1, steps)
    shares = betaincinv(span.beta_alpha, span.beta_beta, quantiles)
    sigmas = span.smallest + (span.largest - span.smallest) * shares
    return with_zero(torch.tensor(sigmas, dtype=torch.float32))
