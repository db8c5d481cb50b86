"""DPM-Solver with its own grids: "fast" and "adaptive" (Lu et al. 2022).

Time here is t = -log sigma. Both run from the largest to the smallest sigma of `options.span`
(of the schedule, when there is none) and stop there, not at zero.
"""

from collections.abc import Iterator
from math import atan, isfinite, sqrt

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.sampling.step import Denoiser, NoiseSource, Options, Step, ancestral_step

ABSOLUTE_TOLERANCE = 0.0078
RELATIVE_TOLERANCE = 0.05
FIRST_STEP = 0.05
SAFETY = 0.81
MARGIN = 1e-5  # this close to the end counts as arrived


def dpm_fast(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """A fixed number of evaluations, spent on steps of order three and a rest of lower order."""
    start, end = _ends(sigmas, options)
    calls = len(sigmas) - 1
    count = calls // 3 + 1
    ts = torch.linspace(float(start), float(end), count + 1, device=x.device)
    orders = [3] * (count - 2) + [2, 1] if calls % 3 == 0 else [3] * (count - 1) + [calls % 3]
    for index, order in enumerate(orders):
        t, t_next = ts[index], ts[index + 1]
        t_down, up = _ancestral(t, t_next, end, options.eta)
        solver = _Solver(denoise, x, t)
        denoised = x - _sigma(t) * solver.eps
        x = (solver.first, solver.second, solver.third)[order - 1](t_down)
        x = x + up * options.s_noise * noise(_sigma(t), _sigma(t_next))
        yield Step(index, _sigma(t), x, denoised)


def dpm_adaptive(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Order three with an embedded order two; steps as wide as their difference allows.

    The error is measured over the whole batch, so here a picture depends on its neighbours.
    """
    t, end = _ends(sigmas, options)
    accuracy = 1.5 if options.eta else 3
    h = FIRST_STEP
    x_before = x
    index = 0
    while t < end - MARGIN:
        t_next = torch.minimum(end, t + h)
        t_down, up = _ancestral(t, t_next, end, options.eta)
        solver = _Solver(denoise, x, t)
        denoised = x - _sigma(t) * solver.eps
        low, high = solver.second(t_down, 1 / 3), solver.third(t_down)
        largest = torch.maximum(low.abs(), x_before.abs())
        delta = torch.clamp(RELATIVE_TOLERANCE * largest, min=ABSOLUTE_TOLERANCE)
        error = float(torch.linalg.norm((low - high) / delta)) / sqrt(x.numel())
        if not isfinite(error):
            raise ModelError(
                "DPM adaptive cannot go on: the network gave values that are no numbers."
            )
        factor = 1 + atan((1 / (error + 1e-8)) ** (1 / accuracy) - 1)
        h *= factor
        if factor >= SAFETY:
            x_before = low
            x = high + up * options.s_noise * noise(_sigma(t), _sigma(t_next))
            yield Step(index, _sigma(t), x, denoised)
            t = t_next
            index += 1


class _Solver:
    """The steps of order one to three from one point; they share their evaluations."""

    def __init__(self, denoise: Denoiser, x: Tensor, t: Tensor) -> None:
        self.denoise, self.x, self.t = denoise, x, t
        self.eps = self._eps(x, t)
        self._third_way: tuple[Tensor, Tensor] | None = None

    def _eps(self, x: Tensor, t: Tensor) -> Tensor:
        sigma = _sigma(t)
        return (x - self.denoise(x, sigma)) / sigma

    def first(self, t_next: Tensor) -> Tensor:
        """Order one: no further evaluation."""
        h = t_next - self.t
        return self.x - _sigma(t_next) * h.expm1() * self.eps

    def second(self, t_next: Tensor, r: float = 1 / 2) -> Tensor:
        """Order two: one more evaluation, at the fraction `r` of the step."""
        h = t_next - self.t
        _, eps_1 = self._look(t_next, r)
        difference = _sigma(t_next) / (2 * r) * h.expm1() * (eps_1 - self.eps)
        return self.x - _sigma(t_next) * h.expm1() * self.eps - difference

    def third(self, t_next: Tensor) -> Tensor:
        """Order three: two more evaluations, at a third and at two thirds of the step."""
        r1, r2 = 1 / 3, 2 / 3
        h = t_next - self.t
        s2 = self.t + r2 * h
        _, eps_1 = self._look(t_next, r1)
        curve = _sigma(s2) * (r2 / r1) * ((r2 * h).expm1() / (r2 * h) - 1) * (eps_1 - self.eps)
        u2 = self.x - _sigma(s2) * (r2 * h).expm1() * self.eps - curve
        eps_2 = self._eps(u2, s2)
        difference = _sigma(t_next) / r2 * (h.expm1() / h - 1) * (eps_2 - self.eps)
        return self.x - _sigma(t_next) * h.expm1() * self.eps - difference

    def _look(self, t_next: Tensor, r: float) -> tuple[Tensor, Tensor]:
        """Where and what the noise is at the fraction `r`; a third is remembered."""
        if r == 1 / 3 and self._third_way is not None:
            return self._third_way
        h = t_next - self.t
        s1 = self.t + r * h
        found = s1, self._eps(self.x - _sigma(s1) * (r * h).expm1() * self.eps, s1)
        if r == 1 / 3:
            self._third_way = found
        return found


def _sigma(t: Tensor) -> Tensor:
    return (-t).exp()


def _ends(sigmas: Tensor, options: Options) -> tuple[Tensor, Tensor]:
    smallest, largest = options.span or (float(sigmas[-2]), float(sigmas[0]))
    ends = torch.tensor([largest, smallest], dtype=sigmas.dtype, device=sigmas.device)
    start, end = -ends.log()
    return start, end


def _ancestral(t: Tensor, t_next: Tensor, end: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """(time to solve to, standard deviation of the noise to add) for a step to `t_next`."""
    if not eta:
        return t_next, torch.zeros_like(t_next)
    down, _ = ancestral_step(_sigma(t), _sigma(t_next), eta)
    t_down = torch.minimum(end, -down.log())
    return t_down, (_sigma(t_next) ** 2 - _sigma(t_down) ** 2) ** 0.5
