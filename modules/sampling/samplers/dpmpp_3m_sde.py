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
            x = _corrected(x, h, hh, [denoised, *past], widths)
            if options.eta:
                share = (-2 * h * options.eta).expm1().neg().sqrt()
                x = x + noise(sigma, sigma_next) * sigma_next * share * options.s_noise
            widths = [h, *widths[:1]]
        past = [denoised, *past[:1]]
        yield Step(index, sigma, x, denoised)


def _corrected(
    x: Tensor, h: Tensor, hh: Tensor, known: list[Tensor], widths: list[Tensor]
) -> Tensor:
    """`x` with the terms of second and third order, as far as there is a past to take them from."""
    if len(known) == 1:
        return x
    phi_2 = hh.neg().expm1() / hh + 1
    if len(known) == 2:
        return x + phi_2 * ((known[0] - known[1]) / (widths[0] / h))
    r0, r1 = widths[0] / h, widths[1] / h
    d1_0 = (known[0] - known[1]) / r0
    d1_1 = (known[1] - known[2]) / r1
    d1 = d1_0 + (d1_0 - d1_1) * r0 / (r0 + r1)
    d2 = (d1_0 - d1_1) / (r0 + r1)
    phi_3 = phi_2 / hh - 0.5
    return x + phi_2 * d1 - phi_3 * d2
