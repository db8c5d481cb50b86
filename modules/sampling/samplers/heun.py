"""Heun's method: the trapezoid rule on the probability-flow ODE (Karras et al. 2022)."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from modules.sampling.step import Denoiser, NoiseSource, Options, Step, churned, slope


def heun(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Second order: average the slope here with the slope where an Euler step would land."""
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, raised = churned(x, sigma, sigma_next, len(sigmas) - 1, noise, options)
        x, denoised = heun_step(denoise, x, raised, sigma_next)
        yield Step(index, sigma, x, denoised)


def heun_step(
    denoise: Denoiser, x: Tensor, sigma: Tensor, sigma_next: Tensor
) -> tuple[Tensor, Tensor]:
    """One step; returns the new x and what was denoised at its beginning."""
    denoised = denoise(x, sigma)
    here = slope(x, sigma, denoised)
    landing = x + here * (sigma_next - sigma)
    if sigma_next == 0:  # the slope is undefined at sigma = 0, so the last step is Euler's
        return landing, denoised
    there = slope(landing, sigma_next, denoise(landing, sigma_next))
    return x + (here + there) / 2 * (sigma_next - sigma), denoised
