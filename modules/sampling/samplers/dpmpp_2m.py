"""DPM-Solver++(2M): second order, multistep, deterministic (Lu et al. 2022b, algorithm 2)."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from modules.sampling.step import Denoiser, NoiseSource, Options, Step


def dpmpp_2m(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Exponential integrator that extrapolates from the denoised latent of the step before."""
    old_denoised: Tensor | None = None
    h_last: Tensor | None = None
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        t, t_next = -sigma.log(), -sigma_next.log()
        h = t_next - t
        if old_denoised is None or h_last is None or sigma_next == 0:
            towards = denoised
        else:
            r = h_last / h
            towards = (1 + 1 / (2 * r)) * denoised - (1 / (2 * r)) * old_denoised
        x = ((-t_next).exp() / (-t).exp()) * x - (-h).expm1() * towards
        old_denoised, h_last = denoised, h
        yield Step(index, sigma, x, denoised)
