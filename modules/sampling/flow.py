"""Models of straight paths between picture and noise, in the words of all other models.

Rectified flow (Liu et al. 2022, arXiv:2209.03003) goes through x = (1 - t) * picture + t * noise
and predicts noise - picture. Divided by 1 - t the path is picture + sigma * noise with
sigma = t / (1 - t), which is what samplers here are made for; an Euler step is the same in both.
So Stable Diffusion 3 and FLUX.1 can be drawn with every sampler and schedule.
"""

from typing import Any

from torch import Tensor

from modules.sampling.prediction import Network

TIMESTEPS = 1000
"""The networks' t runs from 0 to this."""


class Flow:
    """A network that predicts the velocity of a straight path, denoising at any sigma."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def __call__(self, x: Tensor, level: Tensor, context: Any) -> Tensor:
        """Denoised rows."""
        t = level / (1 + level)
        output = self.network(x * _rows(1 - t, x), t * TIMESTEPS, context)
        return self.from_output(x, level, output)

    def to_output(self, x: Tensor, level: Tensor, combined: Tensor) -> Tensor:
        """The velocity that denoises to `combined`: its noise less its picture."""
        return (x - combined) / _rows(level, x) - combined

    def from_output(self, x: Tensor, level: Tensor, output: Tensor) -> Tensor:
        """The picture at the end of the path."""
        return (x - output.float() * _rows(level, x)) / _rows(1 + level, x)


class FlowAtTimestep:
    """The same asked at timesteps, for samplers of latents of unit variance; gives the noise."""

    def __init__(self, network: Network, alphas_cumprod: Tensor) -> None:
        self.network = network
        self.sigmas = ((1 - alphas_cumprod) / alphas_cumprod).sqrt().float()  # (1000,)

    def __call__(self, x: Tensor, level: Tensor, context: Any) -> Tensor:
        """Predicted noise."""
        sigma = self._sigma(level)
        t = sigma / (1 + sigma)
        output = self.network(self._on_path(x, sigma), t * TIMESTEPS, context)
        return self.from_output(x, level, output)

    def to_output(self, x: Tensor, level: Tensor, combined: Tensor) -> Tensor:
        """The velocity that means the noise `combined`."""
        sigma = self._sigma(level)
        t = _rows(sigma / (1 + sigma), x)
        return (combined - self._on_path(x, sigma)) / (1 - t)

    def from_output(self, x: Tensor, level: Tensor, output: Tensor) -> Tensor:
        """The noise at the start of the path."""
        sigma = self._sigma(level)
        t = _rows(sigma / (1 + sigma), x)
        return self._on_path(x, sigma) + (1 - t) * output

    def _sigma(self, level: Tensor) -> Tensor:
        if self.sigmas.device != level.device:
            self.sigmas = self.sigmas.to(level.device)
        return self.sigmas[level.long()]

    def _on_path(self, x: Tensor, sigma: Tensor) -> Tensor:
        """A latent of unit variance as the point of the path with as much noise."""
        return x * _rows((1 + sigma**2).sqrt() / (1 + sigma), x)


def _rows(values: Tensor, like: Tensor) -> Tensor:
    """One value a row, shaped to multiply (rows, channels, h, w)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
