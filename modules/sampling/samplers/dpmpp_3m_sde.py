"""DPM-Solver++(3M) for the diffusion SDE: third order, multistep (Lu et al. 2022b)."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from modules.sampling.step import Denoiser, NoiseSource, Options, Step


def dpmpp_3m_sde(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Exponential integrator through the last three denoised latents."""
    past: list[Tensor] = []  # denoised latents, newest first
    widths: list[Tensor] = []  # their step widths in -log sigma
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            x = denoised
        else:
            h = -sigma_next.log() + sigma.log()
            hh = h * (options.eta + 1)
            x = (-hh).exp() * x + (-hh).expm1().neg() * denoised
            x = x + _correction(h, hh, denoised, past, widths)
            if options.eta:
                spread = sigma_next * (-2 * h * options.eta).expm1().neg().sqrt()
                x = x + noise(sigma, sigma_next) * spread * options.s_noise
            widths = [h, *widths[:1]]
        past = [denoised, *past[:1]]
        yield Step(index, sigma, x, denoised)


def _correction(
    h: Tensor, hh: Tensor, denoised: Tensor, past: list[Tensor], widths: list[Tensor]
) -> Tensor:
    """The terms of second and third order, as far as there is a past to take them from."""
    if not past:
        return denoised.new_zeros(())
    phi_2 = hh.neg().expm1() / hh + 1
    if len(past) == 1:
        return phi_2 * ((denoised - past[0]) / (widths[0] / h))
    r0, r1 = widths[0] / h, widths[1] / h
    d1_0 = (denoised - past[0]) / r0
    d1_1 = (past[0] - past[1]) / r1
    d1 = d1_0 + (d1_0 - d1_1) * r0 / (r0 + r1)
    d2 = (d1_0 - d1_1) / (r0 + r1)
    phi_3 = phi_2 / hh - 0.5
    return phi_2 * d1 - phi_3 * d2
