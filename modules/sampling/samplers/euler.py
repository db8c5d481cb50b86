"""Euler's method, plain and ancestral (Karras et al. 2022, algorithm 2 without the correction)."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from modules.sampling.step import (
    Denoiser,
    NoiseSource,
    Options,
    Step,
    ancestral_step,
    churned,
    slope,
)


def euler(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """First order: follow the slope to the next noise level."""
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, raised = churned(x, sigma, sigma_next, len(sigmas) - 1, noise, options)
        denoised = denoise(x, raised)
        x = x + slope(x, raised, denoised) * (sigma_next - raised)
        yield Step(index, sigma, x, denoised)


def euler_ancestral(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Euler to below the next level, then fresh noise up to it. The noise is never scaled."""
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        down, up = ancestral_step(sigma, sigma_next, options.eta)
        x = x + slope(x, sigma, denoised) * (down - sigma)
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * up
        yield Step(index, sigma, x, denoised)
