"""One pass from noise to latent: which grid, which prediction, which function."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, cast

import torch
from torch import Tensor

from modules.sampling.brownian import BrownianNoise
from modules.sampling.catalogue import AUTOMATIC, Resolved, Sampler, Schedule
from modules.sampling.guidance import Guidance
from modules.sampling.noise import SeededNoise
from modules.sampling.prediction import (
    Consistency,
    ConsistencyTable,
    Epsilon,
    EpsilonAtTimestep,
    Network,
    Prediction,
    SigmaTable,
    Velocity,
    VelocityAtTimestep,
    model_alphas,
)
from modules.sampling.schedules.schedule import Span
from modules.sampling.schedules.timesteps import consistency, uniform
from modules.sampling.step import NoiseSource, Options, Step, TimestepGrid

OLD_KARRAS_SPAN = (0.1, 10.0)


@dataclass(frozen=True, kw_only=True)
class PassOptions:
    """What shapes the grid and the model's side of a pass; zeros mean the model's or own value."""

    sampler: Options = field(default_factory=Options)
    sigma_min: float = 0.0
    sigma_max: float = 0.0
    rho: float = 0.0
    beta_alpha: float = 0.6
    beta_beta: float = 0.6
    discard_penultimate: bool = False
    old_karras: bool = False
    sgm_noise_multiplier: bool = False
    quantize: bool = False
    downcast_alphas: bool = False
    zero_terminal_snr: bool = False
    family: str = "sd1"
    prediction: str = "epsilon"


class SamplingPass:
    """A sampler with its grid, made for one model's table of alphas."""

    def __init__(
        self, resolved: Resolved, steps: int, alphas_cumprod: Tensor, options: PassOptions
    ) -> None:
        """`alphas_cumprod` is the model's own (1000,) float32, on any device."""
        self.sampler, self.steps, self.options = resolved.sampler, steps, options
        alphas = model_alphas(
            alphas_cumprod.cpu(),
            downcast=options.downcast_alphas,
            zero_terminal_snr=options.zero_terminal_snr,
        )
        self.table = _table(self.sampler, alphas, options)
        self.alphas = alphas
        if self.sampler.family == "timestep":
            self.grid: Tensor = ddim_timesteps(steps, len(alphas), options.discard_penultimate)
        else:
            self.grid = sigma_grid(resolved, steps, self.table, options)

    @property
    def evaluations(self) -> int:
        """Nominal evaluations: what prompt schedules and shares of the pass count in."""
        return self.steps * self.sampler.calls_per_step

    def prediction(self, network: Network) -> Prediction:
        """`network` wrapped for this family of samplers and the model's way to predict."""
        velocity = self.options.prediction == "v"
        if self.sampler.family == "timestep":
            return (
                VelocityAtTimestep(network, self.alphas) if velocity else EpsilonAtTimestep(network)
            )
        if self.sampler.consistency:
            return Consistency(network, self.table)
        return Velocity(network, self.table) if velocity else Epsilon(network, self.table)

    def start(self, noise: Tensor) -> Tensor:
        """The first latent of a picture drawn from noise alone."""
        if self.sampler.family == "timestep":
            return noise
        largest = self.grid[0].to(noise.device)
        if self.options.sgm_noise_multiplier:
            return noise * (1 + largest**2) ** 0.5
        return noise * largest

    def noise_source(self, noise: SeededNoise) -> NoiseSource:
        """Where this sampler's later noise comes from: the pictures' streams, or their paths."""
        if not self.sampler.brownian:
            return noise
        positive = self.grid[self.grid > 0]
        return BrownianNoise(
            noise.shape,
            noise.seeds,
            float(positive.min()),
            float(positive.max()),
            noise.options.source,
            noise.device,
        )

    def run(self, guidance: Guidance, x: Tensor, noise: NoiseSource) -> Iterator[Step]:
        """Sample from `x`, (batch, channels, h, w) as `start` gives it."""
        function = load_sampler(self.sampler)
        wish = self.options.sampler
        if self.sampler.family == "timestep":
            alphas = self.alphas.double().to(x.device)
            grid = TimestepGrid(timesteps=self.grid.to(x.device), alphas_cumprod=alphas)
            return function(guidance, x, grid, noise, wish)
        if self.sampler.own_grid:
            wish = replace(wish, span=(self.table.sigma_min, self.table.sigma_max))
        return function(guidance, x, self.grid.to(x.device), noise, wish)


def load_sampler(sampler: Sampler) -> Callable[..., Iterator[Step]]:
    """The function that a row of the catalogue names."""
    return cast(Callable[..., Iterator[Step]], _load("samplers", sampler.implementation))


def load_schedule(schedule: Schedule) -> Callable[[int, Span], Tensor]:
    """The function that a row of the catalogue names."""
    return cast(Callable[[int, Span], Tensor], _load("schedules", schedule.implementation))


def _load(folder: str, reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(import_module(f"modules.sampling.{folder}.{module}"), name)


def sigma_grid(resolved: Resolved, steps: int, table: SigmaTable, options: PassOptions) -> Tensor:
    """The noise levels of a pass, usually `steps` + 1 of them; float32 on the CPU."""
    discard = resolved.sampler.discard_penultimate or options.discard_penultimate
    count = steps + 1 if discard else steps
    sigmas = _schedule_of(resolved)(count, _span(table, options)).float()
    return torch.cat([sigmas[:-2], sigmas[-1:]]) if discard else sigmas


def ddim_timesteps(steps: int, count: int = 1000, discard: bool = False) -> Tensor:
    """Every (count // steps)-th timestep from 1 on, ascending; not always `steps` of them."""
    stride = max(count // (steps + 1 if discard else steps), 1)
    return (torch.arange(0, count, stride) + 1).clamp(0, count - 1)


def _schedule_of(resolved: Resolved) -> Callable[[int, Span], Tensor]:
    if resolved.schedule.name == AUTOMATIC:
        return consistency if resolved.sampler.consistency else uniform
    return load_schedule(resolved.schedule)


def _span(table: SigmaTable, options: PassOptions) -> Span:
    smallest, largest = table.sigma_min, table.sigma_max
    if options.old_karras:
        smallest, largest = OLD_KARRAS_SPAN
    return Span(
        table=table,
        smallest=options.sigma_min or smallest,
        largest=options.sigma_max or largest,
        rho=options.rho,
        beta_alpha=options.beta_alpha,
        beta_beta=options.beta_beta,
        family=options.family,
    )


def _table(sampler: Sampler, alphas: Tensor, options: PassOptions) -> SigmaTable:
    if sampler.consistency:
        return ConsistencyTable(alphas)
    return SigmaTable(alphas, quantize=options.quantize)
