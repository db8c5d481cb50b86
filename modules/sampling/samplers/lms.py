"""Linear multistep of order four: Adams-Bashforth on an uneven grid (Liu et al. 2022)."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from modules.sampling.step import Denoiser, NoiseSource, Options, Step, slope

ORDER = 4
# Gauss-Legendre with two points integrates a cubic exactly, so this is no approximation.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(2)


def lms(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Integrate the polynomial through the last four slopes over the step."""
    grid = [float(sigma) for sigma in sigmas]
    slopes: list[Tensor] = []  # newest first
    for index in range(len(grid) - 1):
        denoised = denoise(x, sigmas[index])
        slopes = [slope(x, sigmas[index], denoised), *slopes[: ORDER - 1]]
        weights = _coefficients(grid[index + 1], grid[max(0, index - ORDER + 1) : index + 1][::-1])
        x = x + sum(w * d for w, d in zip(weights, slopes, strict=True))
        yield Step(index, sigmas[index], x, denoised)


def _coefficients(end: float, points: Sequence[float]) -> list[float]:
    """Integrals of the Lagrange basis over `points`, from points[0] to `end`."""
    start = points[0]
    at = (end - start) / 2 * NODES + (end + start) / 2
    weights = []
    for j, own in enumerate(points):
        others = [point for k, point in enumerate(points) if k != j]
        basis = np.prod([(at - point) / (own - point) for point in others], axis=0)
        weights.append(float(np.sum(WEIGHTS * basis) * (end - start) / 2))
    return weights
