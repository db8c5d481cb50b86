"""Noise levels of a discrete model, and its output turned into what samplers work with."""

from typing import Any, Protocol

import torch
from torch import Tensor


class Network(Protocol):
    """The bare network: rows of latents, one timestep a row, and what they are conditioned on."""

    def __call__(self, x: Tensor, timesteps: Tensor, context: Any) -> Tensor:
        """(rows, channels, h, w), (rows,) float32 -> (rows, channels, h, w)."""
        ...


class Prediction(Protocol):
    """A network wrapped for one family of samplers.

    Called with rows of latents, the noise level of each row and the context, it gives what
    guidance combines: denoised latents, or predicted noise for the timestep family.
    """

    def __call__(self, x: Tensor, level: Tensor, context: Any) -> Tensor:
        """(rows, channels, h, w), (rows,) -> (rows, channels, h, w)."""
        ...

    def to_output(self, x: Tensor, level: Tensor, combined: Tensor) -> Tensor:
        """What the network would have said to give `combined`."""
        ...

    def from_output(self, x: Tensor, level: Tensor, output: Tensor) -> Tensor:
        """The inverse of `to_output`."""
        ...


def model_alphas(
    alphas_cumprod: Tensor, *, downcast: bool = False, zero_terminal_snr: bool = False
) -> Tensor:
    """The table of alphas as older programs or other training had it; (1000,) in and out.

    `downcast` rounds to float16, and everything derived stays float16. `zero_terminal_snr` shifts
    the last level to (nearly) no signal: Lin et al. 2023, algorithm 1.
    """
    if downcast:
        alphas_cumprod = alphas_cumprod.half()
    if zero_terminal_snr:
        root = alphas_cumprod.sqrt()
        root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
        alphas_cumprod = root**2
        alphas_cumprod[-1] = 4.8973451890853435e-08
    return alphas_cumprod


class SigmaTable:
    """The model's 1000 noise levels, and the way between timesteps and sigmas."""

    def __init__(self, alphas_cumprod: Tensor, *, quantize: bool = False) -> None:
        """`alphas_cumprod` is (1000,); `quantize` rounds timesteps given to the network."""
        self.alphas_cumprod = alphas_cumprod
        self.sigmas = ((1 - alphas_cumprod) / alphas_cumprod) ** 0.5
        self.quantize = quantize
        self._log_sigmas = {self.sigmas.device: self.sigmas.log()}

    def log_sigmas(self, device: torch.device) -> Tensor:
        """(1000,) on the device they are needed on; each is given its copy once."""
        if device not in self._log_sigmas:
            self._log_sigmas[device] = self.sigmas.log().to(device)
        return self._log_sigmas[device]

    @property
    def sigma_min(self) -> float:
        """The smallest level."""
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        """The largest level."""
        return float(self.sigmas[-1])

    def t_to_sigma(self, t: Tensor) -> Tensor:
        """Interpolate log sigma between whole timesteps; any shape, float32."""
        t = t.float()
        low, high, weight = t.floor().long(), t.ceil().long(), t.frac()
        logs = self.log_sigmas(t.device)
        return ((1 - weight) * logs[low] + weight * logs[high]).exp()

    def sigma_to_t(self, sigma: Tensor, quantize: bool | None = None) -> Tensor:
        """The (fractional) timestep of each sigma; any shape, float32."""
        log_sigma, logs = sigma.log(), self.log_sigmas(sigma.device)
        distances = log_sigma - logs.reshape(-1, *[1] * sigma.ndim)
        if self.quantize if quantize is None else quantize:
            return distances.abs().argmin(dim=0).float()
        low = ((distances >= 0).sum(dim=0) - 1).clamp(0, len(logs) - 2)
        below, above = logs[low], logs[low + 1]
        weight = ((below - log_sigma) / (below - above)).clamp(0, 1)
        return ((1 - weight) * low + weight * (low + 1)).float()


class Epsilon:
    """A network that predicts noise, denoising at any sigma (Karras et al. 2022, table 1, VP)."""

    def __init__(self, network: Network, table: SigmaTable) -> None:
        self.network, self.table = network, table

    def __call__(self, x: Tensor, level: Tensor, context: Any) -> Tensor:
        """Denoised rows."""
        c_in = 1 / (level**2 + 1) ** 0.5
        output = self.network(x * _rows(c_in, x), self.table.sigma_to_t(level), context)
        return self.from_output(x, level, output)

    def to_output(self, x: Tensor, level: Tensor, combined: Tensor) -> Tensor:
        """The noise in x."""
        return (x - combined) / _rows(level, x)

    def from_output(self, x: Tensor, level: Tensor, output: Tensor) -> Tensor:
        """x without its noise."""
        return x + output.float() * -_rows(level, x)


class Velocity:
    """A network that predicts v = alpha * noise - sigma * image (Salimans and Ho 2022)."""

    def __init__(self, network: Network, table: SigmaTable) -> None:
        self.network, self.table = network, table

    def __call__(self, x: Tensor, level: Tensor, context: Any) -> Tensor:
        """Denoised rows."""
        c_in = 1 / (level**2 + 1) ** 0.5
        output = self.network(x * _rows(c_in, x), self.table.sigma_to_t(level), context)
        return self.from_output(x, level, output)

    def to_output(self, x: Tensor, level: Tensor, combined: Tensor) -> Tensor:
        """The velocity that denoises to `combined`."""
        c_skip, c_out = self._scalings(x, level)
        return (combined - x * c_skip) / c_out

    def from_output(self, x: Tensor, level: Tensor, output: Tensor) -> Tensor:
        """The denoised latent."""
        c_skip, c_out = self._scalings(x, level)
        return output.float() * c_out + x * c_skip

    def _scalings(self, x: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        return _rows(1 / (level**2 + 1), x), _rows(-level / (level**2 + 1) ** 0.5, x)


class EpsilonAtTimestep:
    """A network that predicts noise, asked at timesteps; the latents have unit variance."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def __call__(self, x: Tensor, level: Tensor, context: Any) -> Tensor:
        """Predicted noise, in the network's own precision."""
        return self.network(x, level, context)

    def to_output(self, x: Tensor, level: Tensor, combined: Tensor) -> Tensor:
        """Noise is what the network says."""
        return combined

    def from_output(self, x: Tensor, level: Tensor, output: Tensor) -> Tensor:
        """Noise is what samplers of this family use."""
        return output


class VelocityAtTimestep:
    """A network that predicts v, asked at timesteps; gives samplers the noise."""

    def __init__(self, network: Network, alphas_cumprod: Tensor) -> None:
        self.network = network
        self.alphas_cumprod = alphas_cumprod

    def __call__(self, x: Tensor, level: Tensor, context: Any) -> Tensor:
        """Predicted noise."""
        return self.from_output(x, level, self.network(x, level, context))

    def to_output(self, x: Tensor, level: Tensor, combined: Tensor) -> Tensor:
        """The velocity that means `combined`."""
        signal, noise = self._roots(x, level)
        return (combined - noise * x) / signal

    def from_output(self, x: Tensor, level: Tensor, output: Tensor) -> Tensor:
        """The noise that a velocity means."""
        signal, noise = self._roots(x, level)
        return signal * output + noise * x

    def _roots(self, x: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        if self.alphas_cumprod.device != level.device:
            self.alphas_cumprod = self.alphas_cumprod.to(level.device)
        alpha = self.alphas_cumprod[level.long()].float()
        return _rows(alpha.sqrt(), x), _rows((1 - alpha).sqrt(), x)


class ConsistencyTable(SigmaTable):
    """The 50 noise levels a latent consistency model was distilled on: 19, 39 to 999.

    Timesteps are still those of the full table.
    """

    STRIDE = 20

    def __init__(self, alphas_cumprod: Tensor) -> None:
        super().__init__(alphas_cumprod[self.STRIDE - 1 :: self.STRIDE])

    def t_to_sigma(self, t: Tensor) -> Tensor:
        """Interpolate between the levels that exist, clamped to the ends."""
        place = (t.float() - (self.STRIDE - 1)) / self.STRIDE
        return super().t_to_sigma(place.clamp(0, len(self.sigmas) - 1))

    def sigma_to_t(self, sigma: Tensor, quantize: bool | None = None) -> Tensor:
        """The timestep of the nearest level."""
        return super().sigma_to_t(sigma, quantize=True) * self.STRIDE + (self.STRIDE - 1)


class Consistency:
    """A latent consistency model: its output jumps straight to the end (Luo et al. 2023)."""

    SIGMA_DATA = 0.5
    TIMESTEP_SCALING = 10.0

    def __init__(self, network: Network, table: SigmaTable) -> None:
        self.network, self.table = network, table

    def __call__(self, x: Tensor, level: Tensor, context: Any) -> Tensor:
        """Denoised rows with the boundary condition of the consistency function."""
        c_in = 1 / (level**2 + 1) ** 0.5
        output = self.network(x * _rows(c_in, x), self.table.sigma_to_t(level), context)
        return self.from_output(x, level, output)

    def to_output(self, x: Tensor, level: Tensor, combined: Tensor) -> Tensor:
        """The noise that leads to `combined`."""
        c_skip, c_out = self._scalings(x, level)
        return (x - (combined - c_skip * x) / c_out) / _rows(level, x)

    def from_output(self, x: Tensor, level: Tensor, output: Tensor) -> Tensor:
        """The consistency function's value."""
        c_skip, c_out = self._scalings(x, level)
        return c_out * (x - _rows(level, x) * output.float()) + c_skip * x

    def _scalings(self, x: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        scaled = self.table.sigma_to_t(level) * self.TIMESTEP_SCALING
        variance = scaled**2 + self.SIGMA_DATA**2
        return _rows(self.SIGMA_DATA**2 / variance, x), _rows(scaled / variance**0.5, x)


def _rows(values: Tensor, like: Tensor) -> Tensor:
    """One value a row, shaped to multiply (rows, channels, h, w)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
