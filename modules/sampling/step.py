"""What a sampler is given and what it yields, and the two formulas nearly all of them share."""

from dataclasses import dataclass
from math import inf
from typing import Protocol

import torch
from torch import Tensor


class Denoiser(Protocol):
    """The guided model: what the clean latent looks like from `x` at noise level `sigma`."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Map (batch, channels, h, w) and a 0-d sigma to the denoised latent of the same shape."""
        ...


class NoisePredictor(Protocol):
    """The guided model of the timestep family: predicts the noise in `x`, and remembers parts."""

    last_uncond: Tensor | None

    def __call__(self, x: Tensor, timestep: Tensor) -> Tensor:
        """Map (batch, channels, h, w) and a 0-d timestep to the predicted noise."""
        ...


class NoiseSource(Protocol):
    """Standard normal noise in the shape of the latent batch, for going from sigma to sigma_next.

    Most sources only count the calls; a Brownian path uses the two noise levels.
    """

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """Return (batch, channels, h, w) of unit variance."""
        ...


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything a sampler can be told beside the schedule; each reads what it knows.

    `span` is (smallest, largest) sigma for the two samplers that lay out their own grid.
    """

    eta: float = 1.0
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = inf
    s_noise: float = 1.0
    span: tuple[float, float] | None = None
    unipc_variant: str = "bh1"
    unipc_skip: str = "time_uniform"
    unipc_order: int = 3
    unipc_lower_order_final: bool = True


@dataclass(frozen=True)
class Step:
    """One finished step: its number from 0, the noise level it left, and where it arrived.

    `denoised` is the model's idea of the final latent during this step, for previews. For the
    timestep family `sigma` holds the timestep.
    """

    index: int
    sigma: Tensor
    x: Tensor
    denoised: Tensor


@dataclass(frozen=True, kw_only=True)
class TimestepGrid:
    """The discrete grid of the timestep family.

    `timesteps` are ascending, of shape (n,); `alphas_cumprod` is the whole table, (1000,). Both
    stay on the CPU: single values mix with tensors of any device. `partial` says that the pass
    starts from a noised image, not from pure noise.
    """

    timesteps: Tensor
    alphas_cumprod: Tensor
    partial: bool = False

    def alpha(self, index: int) -> Tensor:
        """The signal's share at `timesteps[index]`: 0-d, in float32, as pixels depend on it."""
        return self.alphas_cumprod[int(self.timesteps[index])].float()


def slope(x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
    """dx/dsigma of the probability-flow ODE: Karras et al. 2022, equation 3."""
    return (x - denoised) / sigma


def ancestral_step(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """Split a step into (sigma to go down to, standard deviation of the noise to add after).

    Both levels together give `sigma_next`; `eta` scales the random share (Song et al. 2020).
    """
    if not eta:
        return sigma_next, torch.zeros_like(sigma_next)
    squared = sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2
    up = torch.minimum(sigma_next, eta * squared**0.5)
    return (sigma_next**2 - up**2) ** 0.5, up


def churned(
    x: Tensor, sigma: Tensor, sigma_next: Tensor, steps: int, noise: NoiseSource, options: Options
) -> tuple[Tensor, Tensor]:
    """Karras et al. 2022, algorithm 2, lines 4 to 6: a little noise back in before a step.

    Returns x and the raised sigma. With any churn noise is drawn for every step, used or not: the
    k-th step has the k-th draw even if churn is limited to a range.
    """
    if options.s_churn <= 0:
        return x, sigma
    drawn = noise(sigma, sigma_next)
    gamma = 0.0
    if options.s_tmin <= float(sigma) <= options.s_tmax:
        gamma = min(options.s_churn / steps, 2**0.5 - 1)
    raised = sigma * (gamma + 1)
    if gamma > 0:
        x = x + drawn * options.s_noise * (raised**2 - sigma**2) ** 0.5
    return x, raised
