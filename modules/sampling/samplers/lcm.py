"""Latent consistency sampling: jump to the end, put noise back (Luo et al. 2023, algorithm 2)."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from modules.sampling.step import Denoiser, NoiseSource, Options, Step


def lcm(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Each step is the denoised latent with fresh noise of the next level."""
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        x = denoised
        if sigma_next > 0:
            x = x + sigma_next * noise(sigma, sigma_next)
        yield Step(index, sigma, x, denoised)
