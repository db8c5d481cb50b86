"""DDIM on discrete timesteps (Song et al. 2020, equation 12), with two relatives."""

from collections.abc import Iterator

from torch import Tensor

from modules.sampling.step import NoisePredictor, NoiseSource, Options, Step, TimestepGrid


def ddim(
    predict: NoisePredictor, x: Tensor, grid: TimestepGrid, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Go down the grid. Its first entry is only arrived at, never evaluated."""
    for count, index in enumerate(range(len(grid.timesteps) - 1, 0, -1)):
        eps = predict(x, grid.timesteps[index])
        a, a_prev = grid.alpha(index), grid.alpha(index - 1)
        x, x_0 = ddim_step(x, eps, eps, a, a_prev, noise, options.eta)
        yield Step(count, grid.timesteps[index], x, x_0)


def ddim_cfgpp(
    predict: NoisePredictor, x: Tensor, grid: TimestepGrid, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """CFG++ (Chung et al. 2024): noise is put back in the direction of the unguided prediction."""
    for count, index in enumerate(range(len(grid.timesteps) - 1, 0, -1)):
        eps = predict(x, grid.timesteps[index])
        direction = eps if predict.last_uncond is None else predict.last_uncond
        a, a_prev = grid.alpha(index), grid.alpha(index - 1)
        x, x_0 = ddim_step(x, eps, direction, a, a_prev, noise, options.eta)
        yield Step(count, grid.timesteps[index], x, x_0)


def ddim_compvis(
    predict: NoisePredictor, x: Tensor, grid: TimestepGrid, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """As in the first Stable Diffusion script: every timestep is evaluated.

    The last step arrives at the first entry of the whole table of alphas.
    """
    for count, index in enumerate(range(len(grid.timesteps) - 1, -1, -1)):
        eps = predict(x, grid.timesteps[index])
        a = grid.alpha(index)
        a_prev = grid.alpha(index - 1) if index else grid.alphas_cumprod[0]
        x, x_0 = ddim_step(x, eps, eps, a, a_prev, noise, options.eta)
        yield Step(count, grid.timesteps[index], x, x_0)


def ddim_step(
    x: Tensor,
    eps: Tensor,
    direction: Tensor,
    a: Tensor,
    a_prev: Tensor,
    noise: NoiseSource,
    eta: float,
) -> tuple[Tensor, Tensor]:
    """One step between two alphas; returns the new x and the estimated clean latent."""
    sigma = eta * ((1 - a_prev) / (1 - a) * (1 - a / a_prev)).sqrt()
    x_0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
    towards = (1 - a_prev - sigma**2).sqrt() * direction
    x = a_prev.sqrt() * x_0 + towards
    return x + sigma * noise(a, a_prev) if eta else x, x_0
