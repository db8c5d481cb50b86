"""DPM-Solver++ for the diffusion SDE, single step (Lu et al. 2022b with Brownian noise)."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from modules.sampling.step import Denoiser, NoiseSource, Options, Step, ancestral_step, slope

R = 1 / 2  # where in the step, in t = -log sigma, the second look is taken


def dpmpp_sde(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Second order; the noise of the half step and of the step come from one Brownian path."""
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            x = x + slope(x, sigma, denoised) * (sigma_next - sigma)
        else:
            x = _step(denoise, x, sigma, sigma_next, denoised, noise, options)
        yield Step(index, sigma, x, denoised)


def _step(
    denoise: Denoiser,
    x: Tensor,
    sigma: Tensor,
    sigma_next: Tensor,
    denoised: Tensor,
    noise: NoiseSource,
    options: Options,
) -> Tensor:
    t, t_next = -sigma.log(), -sigma_next.log()
    s = t + (t_next - t) * R
    # Through exp(log(sigma)) on purpose: the last bit of a noise level shows in the picture.
    at_t, at_s, at_next = (-t).exp(), (-s).exp(), (-t_next).exp()
    weight = 1 / (2 * R)

    down, up = ancestral_step(at_t, at_s, options.eta)
    s_down = -down.log()
    x_2 = ((-s_down).exp() / at_t) * x - (t - s_down).expm1() * denoised
    x_2 = x_2 + noise(at_t, at_s) * options.s_noise * up
    denoised_2 = denoise(x_2, at_s)

    down, up = ancestral_step(at_t, at_next, options.eta)
    t_down = -down.log()
    blend = (1 - weight) * denoised + weight * denoised_2
    x = ((-t_down).exp() / at_t) * x - (t - t_down).expm1() * blend
    return x + noise(at_t, at_next) * options.s_noise * up
