"""The midpoint rule in log sigma, plain and ancestral (DPM-Solver-2, Lu et al. 2022)."""

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


def dpm_2(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Second order: take the slope from the geometric middle of the step."""
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, raised = churned(x, sigma, sigma_next, len(sigmas) - 1, noise, options)
        x, denoised = _midpoint_step(denoise, x, raised, sigma_next)
        yield Step(index, sigma, x, denoised)


def dpm_2_ancestral(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """The same below the next level, then fresh noise up to it."""
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        down, up = ancestral_step(sigma, sigma_next, options.eta)
        x, denoised = _midpoint_step(denoise, x, sigma, down)
        if down > 0:
            x = x + noise(sigma, sigma_next) * options.s_noise * up
        yield Step(index, sigma, x, denoised)


def _midpoint_step(
    denoise: Denoiser, x: Tensor, sigma: Tensor, sigma_next: Tensor
) -> tuple[Tensor, Tensor]:
    denoised = denoise(x, sigma)
    here = slope(x, sigma, denoised)
    if sigma_next == 0:  # there is no middle between sigma and zero in log space
        return x + here * (sigma_next - sigma), denoised
    middle = sigma.log().lerp(sigma_next.log(), 0.5).exp()
    halfway = x + here * (middle - sigma)
    there = slope(halfway, middle, denoise(halfway, middle))
    return x + there * (sigma_next - sigma), denoised
