"""Restart: Heun steps that go back up in noise once or twice (Xu et al. 2023)."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from modules.sampling.samplers.heun import heun_step
from modules.sampling.schedules.karras import karras_ramp
from modules.sampling.step import Denoiser, NoiseSource, Options, Step

LOW, HIGH = 0.1, 2.0  # from near the first sigma back up to near the second


def restart(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Wherever the plan jumps up, add the noise that is missing."""
    last: Tensor | None = None
    for index, (sigma, sigma_next) in enumerate(restart_plan(sigmas)):
        if last is not None and last < sigma:
            x = x + noise(last, sigma) * (sigma**2 - last**2) ** 0.5
        x, denoised = heun_step(denoise, x, sigma, sigma_next)
        last = sigma_next
        yield Step(index, sigma, x, denoised)


def restart_plan(sigmas: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Steps (from, to). Under 20 steps there is nothing to restart; from 36 on it is done twice."""
    steps = len(sigmas) - 1
    if steps < 20:
        return list(pairwise(sigmas))
    again, times = (steps // 4, 2) if steps >= 36 else (9, 1)
    main = karras_ramp(steps - again * times, float(sigmas[-2]), float(sigmas[0])).to(sigmas)
    low, high = int((main - LOW).abs().argmin()), int((main - HIGH).abs().argmin())
    plan: list[tuple[Tensor, Tensor]] = []
    for index, pair in enumerate(pairwise(main)):
        plan.append(pair)
        if index + 1 == low and high < low:
            ramp = karras_ramp(again + 1, float(main[low]), float(main[high]))[:-1].to(sigmas)
            plan += list(pairwise(ramp)) * times
    return plan


def restart_steps(steps: int) -> int:
    """How many Heun steps a run of `steps` makes on a usual schedule."""
    return len(restart_plan(torch.linspace(14.6, 0.03, steps + 1)))
