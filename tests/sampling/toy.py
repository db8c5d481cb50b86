"""Toy models with known answers, and the Stable Diffusion table of noise levels."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from modules.sampling.step import Step


@dataclass(frozen=True)
class Texts:
    """What a batch is conditioned on."""

    cond: Tensor
    weights: tuple[tuple[float, ...], ...]
    uncond: Tensor
    vectors: Tensor | None = None
    uncond_vectors: Tensor | None = None


UNITS = Path(__file__).parent.parent / "golden" / "parity" / "units"


@cache
def units(name: str) -> dict[str, Tensor]:
    """Tensors of single functions of the reference program."""
    return load_file(UNITS / f"{name}.safetensors")


def sd_alphas() -> Tensor:
    """(1000,) float32, as Stable Diffusion was trained with."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()


def half(sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """Noise that is always a half."""
    return torch.tensor([[[[0.5]]]])


class TanhDenoiser:
    """D(x, sigma) = tanh(x) / (1 + sigma), counting its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        self.calls += 1
        return torch.tanh(x) / (1 + sigma)


class TanhNoise:
    """eps(x, t) = 0.3 tanh(x) + 0.4 t / 1000, counting its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.last_uncond: Tensor | None = None

    def __call__(self, x: Tensor, timestep: Tensor) -> Tensor:
        self.calls += 1
        return 0.3 * torch.tanh(x) + 0.4 * timestep / 1000


def last(steps: Iterator[Step]) -> float:
    """Where a run of one element ends."""
    *_, step = steps
    return float(step.x)
