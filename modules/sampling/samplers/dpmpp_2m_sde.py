"""DPM-Solver++(2M) for the diffusion SDE, with two second-order terms (Lu et al. 2022b)."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from torch import Tensor

from modules.sampling.step import Denoiser, NoiseSource, Options, Step


def dpmpp_2m_sde(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """The variant whose second-order term is the midpoint rule's."""
    return _multistep(denoise, x, sigmas, noise, options, lambda hh: 0.5 * (-hh).expm1().neg())


def dpmpp_2m_sde_heun(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """The variant whose second-order term is Heun's."""
    return _multistep(denoise, x, sigmas, noise, options, lambda hh: (-hh).expm1().neg() / -hh + 1)


def _multistep(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: NoiseSource,
    options: Options,
    second_order: Callable[[Tensor], Tensor],
) -> Iterator[Step]:
    old_denoised: Tensor | None = None
    h_last: Tensor | None = None
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            x = denoised
        else:
            t, s = -sigma.log(), -sigma_next.log()
            h = s - t
            eta_h = options.eta * h
            hh = h + eta_h
            x = sigma_next / sigma * (-eta_h).exp() * x + (-hh).expm1().neg() * denoised
            if old_denoised is not None and h_last is not None:
                r = h_last / h
                x = x + second_order(hh) * (1 / r) * (denoised - old_denoised)
            if options.eta:
                added = noise(sigma, sigma_next) * sigma_next * (-2 * eta_h).expm1().neg().sqrt()
                x = x + added * options.s_noise
            h_last = h
        old_denoised = denoised
        yield Step(index, sigma, x, denoised)
