"""The noise that models were trained with."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SMALL_PATCHES, LARGE_PATCHES = 256, 4096
"""Of pictures of 256 x 256 and 1024 x 1024 pixels."""


@dataclass(frozen=True, kw_only=True)
class NoiseSchedule:
    """The variances of the forward process (Ho et al. 2020), linear in their square roots."""

    linear_start: float = 0.00085
    linear_end: float = 0.012
    timesteps: int = 1000
    zero_terminal_snr: bool = False
    """Shifted so that nothing is left at the end (Lin et al. 2023)."""

    def alphas_cumprod(self) -> Tensor:
        """The signal left at each timestep, (timesteps,) float32, computed in float64."""
        start, end = self.linear_start**0.5, self.linear_end**0.5
        betas = torch.linspace(start, end, self.timesteps, dtype=torch.float64) ** 2
        return torch.cumprod(1 - betas, dim=0).float()


@dataclass(frozen=True, kw_only=True)
class FlowSchedule:
    """Straight paths between picture and noise, x = (1 - t) * picture + t * noise, at 1000 levels.

    `shift` moves the levels towards noise, as larger pictures need (Esser et al. 2024,
    arXiv:2403.03206, equation 23): t becomes shift * t / (1 + (shift - 1) * t).
    """

    shift: float = 3.0
    small_shift: float | None = None
    """At 256 patches, if the shift follows a picture's size; at 4096 it is `shift`."""
    timesteps: int = 1000

    @property
    def zero_terminal_snr(self) -> bool:
        """Whether the levels were moved so that nothing is left at the end; these end so anyway."""
        return False

    def alphas_cumprod(self) -> Tensor:
        """What is left of the signal in latents of unit variance, (timesteps,) float64.

        With sigma = t / (1 - t) it is 1 / (1 + sigma^2). In place of the last t, 1, where nothing
        is left and sigma is infinite, stands one half a level before it.
        """
        t = torch.arange(1, self.timesteps + 1, dtype=torch.float64) / self.timesteps
        t[-1] -= 0.5 / self.timesteps
        sigmas = self.shift * t / (1 - t)
        return 1 / (1 + sigmas**2)

    def for_patches(self, patches: int) -> "FlowSchedule":
        """The schedule for a picture of so many patches: the shift's logarithm grows evenly."""
        if self.small_shift is None:
            return self
        low, high = math.log(self.small_shift), math.log(self.shift)
        place = (patches - SMALL_PATCHES) / (LARGE_PATCHES - SMALL_PATCHES)
        return FlowSchedule(shift=math.exp(low + (high - low) * place), timesteps=self.timesteps)
