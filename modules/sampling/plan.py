"""One pass from noise to latent: which grid, which prediction, which function."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, cast

import torch
from torch import Tensor

from modules.errors import InvalidRequest
from modules.sampling.brownian import BrownianNoise
from modules.sampling.catalogue import AUTOMATIC, Resolved, Sampler, Schedule, reads
from modules.sampling.flow import Flow, FlowAtTimestep
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
from modules.sampling.step import Denoiser, NoiseSource, Options, Step, TimestepGrid

OLD_KARRAS_SPAN = (0.1, 10.0)
STRONGEST = 0.999
"""A denoising strength of 1 counts as this."""
LONGEST_SCHEDULE = 100_000


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
    single_count: bool = False
    """Whether prompt schedules count the steps of second-order samplers once."""
    family: str = "sd1"
    prediction: str = "epsilon"


@dataclass(frozen=True, kw_only=True)
class FromPicture:
    """How much of a picture a pass changes; A1111's arithmetic.

    `exact` makes as many steps as asked for, on a longer schedule; otherwise a part of the
    schedule's steps is left out. `extra_noise` is added on top of the level's own.
    """

    strength: float
    exact: bool = False
    extra_noise: float = 0.0

    def steps_of(self, steps: int) -> tuple[int, int]:
        """(steps of the whole schedule, steps that are made but one). Raises InvalidRequest."""
        if not self.exact:
            return steps, int(min(self.strength, STRONGEST) * steps)
        whole = int(steps / min(self.strength, STRONGEST)) if self.strength > 0 else 0
        if whole > LONGEST_SCHEDULE:
            raise InvalidRequest(
                f"{steps} steps at a denoising strength of {self.strength:g} are too many.",
                "Take fewer steps, a greater strength, or a strength of 0.",
            )
        return whole, steps - 1


class SamplingPass:
    """A sampler with its grid, made for one model's table of alphas."""

    def __init__(
        self,
        resolved: Resolved,
        steps: int,
        alphas_cumprod: Tensor,
        options: PassOptions,
        picture: FromPicture | None = None,
    ) -> None:
        """`alphas_cumprod` is the model's own (1000,) float32, on any device.

        With `picture` the pass starts from a latent with noise over it instead of from noise.
        """
        self.sampler, self.options, self.picture = resolved.sampler, options, picture
        self.asked_steps = steps
        alphas = model_alphas(
            alphas_cumprod.cpu(),
            downcast=options.downcast_alphas,
            zero_terminal_snr=options.zero_terminal_snr,
        )
        self.table = _table(self.sampler, alphas, options)
        self.alphas = alphas
        whole, further = picture.steps_of(steps) if picture else (steps, steps - 1)
        self.full_grid = self._grid(resolved, whole)
        if picture is None:
            self.grid, self.steps = self.full_grid, steps
        elif self.sampler.family == "timestep":
            self.grid, self.steps = self.full_grid[:further], further
        else:
            self.grid, self.steps = self.full_grid[whole - further - 1 :], further + 1
        self.is_empty = whole == 0
        """Whether there is nothing to do: a strength of 0 with exact steps."""

    def _grid(self, resolved: Resolved, steps: int) -> Tensor:
        if steps == 0:
            return torch.zeros(1)
        if self.sampler.family == "timestep":
            return ddim_timesteps(steps, len(self.alphas), self.options.discard_penultimate)
        return sigma_grid(resolved, steps, self.table, self.options)

    @property
    def evaluations(self) -> int:
        """Nominal evaluations of the steps that are made: what shares of the pass count in."""
        return self.steps * self.sampler.calls_per_step

    @property
    def prompt_evaluations(self) -> int:
        """What prompt schedules count in: also the steps that a picture saves."""
        return self.asked_steps * (1 if self.options.single_count else self.sampler.calls_per_step)

    def prediction(self, network: Network) -> Prediction:
        """`network` wrapped for this family of samplers and the model's way to predict."""
        kind = self.options.prediction
        if self.sampler.family == "timestep":
            if kind == "flow":
                return FlowAtTimestep(network, self.alphas)
            if kind == "v":
                return VelocityAtTimestep(network, self.alphas)
            return EpsilonAtTimestep(network)
        if kind == "flow":
            return Flow(network)
        if self.sampler.consistency:
            return Consistency(network, self.table)
        return (Velocity if kind == "v" else Epsilon)(network, self.table)

    def start(self, noise: Tensor) -> Tensor:
        """The first latent of a picture drawn from noise alone."""
        if self.sampler.family == "timestep":
            return noise
        largest = self.grid[0].to(noise.device)
        if self.options.sgm_noise_multiplier:
            return noise * (1 + largest**2) ** 0.5
        return noise * largest

    def start_from(self, latent: Tensor, noise: Tensor) -> Tensor:
        """The first latent of a pass over a picture's (batch, channels, h, w)."""
        assert self.picture is not None, "this pass starts from noise"
        if self.is_empty:
            return latent
        extra = self.picture.extra_noise
        if self.sampler.family == "timestep":
            place = min(self.steps, len(self.full_grid) - 1)
            alpha = self.alphas[int(self.full_grid[place])].float()  # a number: any device
            x = latent * alpha.sqrt() + noise * (1 - alpha).sqrt()
            return x + noise * extra * alpha.sqrt() if extra > 0 else x
        x = latent + noise * self.grid[0].to(latent.device)
        return x + noise * extra if extra > 0 else x

    def noise_source(self, noise: SeededNoise) -> NoiseSource:
        """Where this sampler's later noise comes from: the pictures' streams, or their paths."""
        if not self.sampler.brownian:
            return noise
        positive = self.full_grid[self.full_grid > 0]
        return BrownianNoise(
            noise.shape,
            noise.seeds,
            float(positive.min()),
            float(positive.max()),
            noise.options.source,
            noise.device,
            foresee=lambda: self.spans(noise.device),
        )

    def spans(self, device: torch.device) -> Iterable[tuple[float, float]]:
        """The levels between which this pass will ask for noise, found by a rehearsal.

        On the pass's own device, because the last bit of a level is not the same on all.
        """
        spans: list[tuple[float, float]] = []

        def noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
            spans.append((float(sigma), float(sigma_next)))
            return nothing

        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            return nothing

        nothing = torch.zeros((1, 1, 1, 1), device=device)
        for _ in self.run(denoise, nothing, noise):
            pass
        return spans

    def run(self, guidance: Guidance | Denoiser, x: Tensor, noise: NoiseSource) -> Iterator[Step]:
        """Sample from `x`, (batch, channels, h, w) as `start` gives it."""
        if self.is_empty or (self.sampler.family == "timestep" and len(self.grid) == 0):
            return iter(())
        function = load_sampler(self.sampler)
        wish = self.options.sampler
        if self.sampler.family == "timestep":
            grid = TimestepGrid(
                timesteps=self.grid,
                alphas_cumprod=self.alphas.double(),
                partial=self.picture is not None,
            )
            return function(guidance, x, grid, noise, wish)
        if self.sampler.own_grid and self.picture is None:
            wish = replace(wish, span=(self.table.sigma_min, self.table.sigma_max))
        return function(guidance, x, self.grid.to(x.device), noise, wish)


def load_sampler(sampler: Sampler) -> Callable[..., Iterator[Step]]:
    """The function that a row of the catalogue names."""
    return cast(Callable[..., Iterator[Step]], _load("samplers", sampler.implementation))


def load_schedule(schedule: Schedule) -> Callable[[int, Span], Tensor]:
    """The function that a row of the catalogue names."""
    return cast(Callable[[int, Span], Tensor], _load("schedules", schedule.implementation))


def _load(folder: str, reference: str) -> Any:
    """What a reference names: a file of this room, or with dots in it a file of an extension."""
    module, _, name = reference.partition(":")
    full = module if "." in module else f"modules.sampling.{folder}.{module}"
    return getattr(import_module(full), name)


def sigma_grid(resolved: Resolved, steps: int, table: SigmaTable, options: PassOptions) -> Tensor:
    """The noise levels of a pass, usually `steps` + 1 of them; float32 on the CPU."""
    discard = resolved.sampler.discard_penultimate or options.discard_penultimate
    count = steps + 1 if discard else steps
    sigmas = _schedule_of(resolved, table)(count, _span(resolved, table, options)).float()
    return torch.cat([sigmas[:-2], sigmas[-1:]]) if discard else sigmas


def ddim_timesteps(steps: int, count: int = 1000, discard: bool = False) -> Tensor:
    """Every (count // steps)-th timestep from 1 on, ascending; not always `steps` of them."""
    stride = max(count // (steps + 1 if discard else steps), 1)
    return (torch.arange(0, count, stride) + 1).clamp(0, count - 1)


def _schedule_of(resolved: Resolved, table: SigmaTable) -> Callable[[int, Span], Tensor]:
    if resolved.schedule.name == AUTOMATIC:
        return consistency if isinstance(table, ConsistencyTable) else uniform
    return load_schedule(resolved.schedule)


def _span(resolved: Resolved, table: SigmaTable, options: PassOptions) -> Span:
    """The ends and knobs of the schedule, as far as they are read here."""

    def given(option: str) -> float:
        return float(getattr(options, option)) if reads(resolved, option) else 0.0

    smallest, largest = table.sigma_min, table.sigma_max
    if given("old_karras"):
        smallest, largest = OLD_KARRAS_SPAN
    return Span(
        table=table,
        smallest=given("sigma_min") or smallest,
        largest=given("sigma_max") or largest,
        rho=given("rho"),
        beta_alpha=options.beta_alpha,
        beta_beta=options.beta_beta,
        family=options.family,
    )


def _table(sampler: Sampler, alphas: Tensor, options: PassOptions) -> SigmaTable:
    if sampler.consistency and options.prediction != "flow":
        return ConsistencyTable(alphas)
    return SigmaTable(alphas, quantize=options.quantize)
