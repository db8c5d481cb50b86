"""DPM-Solver++(2S), ancestral: second order, single step (Lu et al. 2022b, algorithm 1)."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from modules.sampling.step import Denoiser, NoiseSource, Options, Step, ancestral_step, slope


def dpmpp_2s_ancestral(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Exponential integrator with a look at the middle of the step, in t = -log sigma."""
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        down, up = ancestral_step(sigma, sigma_next, options.eta)
        if down == 0:
            x = x + slope(x, sigma, denoised) * (down - sigma)
        else:
            t, t_next = -sigma.log(), -down.log()
            h = t_next - t
            s = t + 0.5 * h
            x_2 = ((-s).exp() / (-t).exp()) * x - (-h * 0.5).expm1() * denoised
            denoised_2 = denoise(x_2, (-s).exp())
            x = ((-t_next).exp() / (-t).exp()) * x - (-h).expm1() * denoised_2
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * options.s_noise * up
        yield Step(index, sigma, x, denoised)
