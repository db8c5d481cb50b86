"""UniPC: a predictor and a corrector that share their evaluations (Zhao et al. 2023).

Works in continuous time t in (0, 1], with timestep i of the model at t = (i + 1) / 1000, predicts
data and stops at t = 1/1000.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial

import torch
from torch import Tensor

from modules.errors import InvalidRequest
from modules.sampling.step import NoisePredictor, NoiseSource, Options, Step, TimestepGrid

VARIANTS = ("bh1", "bh2", "vary_coeff")
SKIPS = ("time_uniform", "time_quadratic", "logSNR")


def unipc(
    predict: NoisePredictor, x: Tensor, grid: TimestepGrid, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """As many evaluations as the grid has timesteps; the grid's spacing itself is not used."""
    if options.unipc_variant not in VARIANTS:
        raise InvalidRequest(
            f"UniPC has no variant {options.unipc_variant!r}.", ", ".join(VARIANTS)
        )
    curve = _Curve(grid.alphas_cumprod.to(x.device, torch.float32))
    steps = len(grid.timesteps)
    start = float(grid.timesteps[-1]) / 1000 + 1 / 1000 if grid.partial else 1.0
    times = _time_grid(curve, options.unipc_skip, start, steps)
    order = min(options.unipc_order, steps)

    def data(at: Tensor, t: Tensor) -> Tensor:
        point = curve.at(t)
        return (at - point.sigma * predict(at, (t - 1 / 1000) * 1000)) / point.alpha

    known = [(curve.at(times[0]), data(x, times[0]))]  # newest last
    for step in range(1, steps + 1):
        t = times[step]
        rank = min(order, step)
        if options.unipc_lower_order_final and step >= order:
            rank = min(rank, steps + 1 - step)
        update = _Update(curve.at(t), known[-rank:], options.unipc_variant)
        x_next = update.predicted(x)
        denoised = known[-1][1]
        if step < steps:  # the last step has no evaluation left to correct with
            found = data(x_next, t)
            x_next = update.corrected(x, found)
            known = [*known[-(order - 1) :], (update.point, found)] if order > 1 else []
            known = known or [(update.point, found)]
        x = x_next
        yield Step(step - 1, times[step - 1], x, denoised)


@dataclass(frozen=True)
class _Point:
    """alpha, sigma and lambda = log(alpha / sigma) at one time."""

    alpha: Tensor
    sigma: Tensor
    lam: Tensor


class _Curve:
    """log alpha over continuous time: linear between the model's timesteps, and beyond them."""

    def __init__(self, alphas_cumprod: Tensor) -> None:
        self.times = torch.arange(1, 1001, device=alphas_cumprod.device) / 1000
        self.log_alphas = 0.5 * alphas_cumprod.log()

    def at(self, t: Tensor) -> _Point:
        log_alpha = _interpolate(t, self.times, self.log_alphas)
        log_sigma = 0.5 * torch.log(1 - torch.exp(2 * log_alpha))
        return _Point(log_alpha.exp(), log_sigma.exp(), log_alpha - log_sigma)

    def time_of(self, lam: Tensor) -> Tensor:
        log_alpha = -0.5 * torch.logaddexp(torch.zeros_like(lam), -2 * lam)
        return _interpolate(log_alpha, self.log_alphas.flip(0), self.times.flip(0))


def _interpolate(x: Tensor, xs: Tensor, ys: Tensor) -> Tensor:
    """Piecewise linear through ascending `xs`, with the outermost pieces prolonged."""
    right = torch.searchsorted(xs, x.contiguous()).clamp(1, len(xs) - 1)
    left = right - 1
    return ys[left] + (x - xs[left]) * (ys[right] - ys[left]) / (xs[right] - xs[left])


def _time_grid(curve: _Curve, skip: str, start: float, steps: int) -> Tensor:
    """`steps` + 1 times from `start` down to 1/1000."""
    device = curve.times.device
    end = 1 / 1000
    if skip == "time_uniform":
        return torch.linspace(start, end, steps + 1, device=device)
    if skip == "time_quadratic":
        return torch.linspace(start**0.5, end**0.5, steps + 1, device=device) ** 2
    if skip == "logSNR":
        ends = torch.tensor([start, end], device=device)
        lams = curve.at(ends).lam
        return curve.time_of(torch.linspace(float(lams[0]), float(lams[1]), steps + 1).to(device))
    raise InvalidRequest(f"UniPC has no skip type {skip!r}.", ", ".join(SKIPS))


class _Update:
    """One step to `point` from the `known` pairs (where, data), newest last."""

    def __init__(self, point: _Point, known: list[tuple[_Point, Tensor]], variant: str) -> None:
        self.point, self.variant = point, variant
        self.base, self.newest = known[-1]
        self.rank = len(known)
        self.h = point.lam - self.base.lam
        ratios, self.differences = [], []
        for where, what in reversed(known[:-1]):
            ratio = (where.lam - self.base.lam) / self.h
            ratios.append(ratio)
            self.differences.append((what - self.newest) / ratio)
        self.ratios = torch.stack([*ratios, torch.ones_like(self.h)])
        # phi[k] is the k-th exponential integral of -h: phi_1 = expm1, phi_k+1 = phi_k/-h - 1/k!
        self.phi = [torch.expm1(-self.h)]
        for k in range(1, self.rank + 1):
            self.phi.append(self.phi[-1] / -self.h - 1 / factorial(k))

    def predicted(self, x: Tensor) -> Tensor:
        """Where the known data alone lead."""
        if self.variant == "vary_coeff":
            return self._vary(x, None)
        weights: list[Tensor] | Tensor = []
        if self.rank == 2:
            weights = [torch.full_like(self.h, 0.5)]
        elif self.rank > 2:
            matrix, right = self._system()
            weights = torch.linalg.solve(matrix[:-1, :-1], right[:-1])
        terms = zip(weights, self.differences, strict=True)
        return self._linear(x) - self.point.alpha * self._b() * self._sum(terms)

    def corrected(self, x: Tensor, found: Tensor) -> Tensor:
        """The same step again, now that the data at its end are known."""
        if self.variant == "vary_coeff":
            return self._vary(x, found)
        if self.rank == 1:
            weights = [torch.full_like(self.h, 0.5)]
        else:
            weights = list(torch.linalg.solve(*self._system()))
        rest = self._sum(zip(weights[:-1], self.differences, strict=True))
        change = rest + weights[-1] * (found - self.newest)
        return self._linear(x) - self.point.alpha * self._b() * change

    def _linear(self, x: Tensor) -> Tensor:
        ratio = self.point.sigma / self.base.sigma
        return ratio * x - self.point.alpha * self.phi[0] * self.newest

    def _b(self) -> Tensor:
        return -self.h if self.variant == "bh1" else torch.expm1(-self.h)

    def _system(self) -> tuple[Tensor, Tensor]:
        rows = [self.ratios**k for k in range(self.rank)]
        right = [self.phi[k] * factorial(k) / self._b() for k in range(1, self.rank + 1)]
        return torch.stack(rows), torch.stack(right)

    def _vary(self, x: Tensor, found: Tensor | None) -> Tensor:
        """Coefficients that vary with the grid: invert the matrix of r^(q-1) / q!."""
        columns = [self.ratios ** (q - 1) / factorial(q) for q in range(1, self.rank + 1)]
        matrix = torch.stack(columns, dim=1)
        result = self._linear(x)
        if found is None:
            inverse = torch.linalg.inv(matrix[:-1, :-1]) if self.rank > 1 else matrix
        else:
            inverse = torch.linalg.inv(matrix)
        for q in range(self.rank - 1):
            terms = zip(inverse[q][: self.rank - 1], self.differences, strict=True)
            result = result - self.point.alpha * self.phi[q + 1] * self._sum(terms)
        if found is None:
            return result
        # The row before the last, as the published program has it, not the last.
        weight = inverse[max(self.rank - 2, 0), self.rank - 1]
        change = self.phi[self.rank] * weight * (found - self.newest)
        return result - self.point.alpha * change

    def _sum(self, terms: "zip[tuple[Tensor, Tensor]]") -> Tensor:
        total = torch.zeros_like(self.newest)
        for weight, difference in terms:
            total = total + weight * difference
        return total
