"""PLMS: pseudo linear multistep on DDIM's update (Liu et al. 2022)."""

from collections.abc import Iterator

from torch import Tensor

from modules.sampling.step import NoisePredictor, NoiseSource, Options, Step, TimestepGrid


def plms(
    predict: NoisePredictor, x: Tensor, grid: TimestepGrid, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """Go down the grid. Its first entry is only arrived at."""
    return _multistep(predict, x, grid, 1)


def plms_compvis(
    predict: NoisePredictor, x: Tensor, grid: TimestepGrid, noise: NoiseSource, options: Options
) -> Iterator[Step]:
    """As in the first Stable Diffusion script: every timestep is evaluated."""
    return _multistep(predict, x, grid, 0)


def _multistep(predict: NoisePredictor, x: Tensor, grid: TimestepGrid, last: int) -> Iterator[Step]:
    past: list[Tensor] = []  # raw predictions, newest first
    for count, index in enumerate(range(len(grid.timesteps) - 1, last - 1, -1)):
        a = grid.alpha(index)
        a_prev = grid.alpha(index - 1) if index else grid.alphas_cumprod[0]
        eps = predict(x, grid.timesteps[index])
        if past:
            guided = _adams_bashforth(eps, past)
        else:  # no past yet: average with a look ahead
            landing, _ = _step(x, eps, a, a_prev)
            guided = (eps + predict(landing, grid.timesteps[max(index - 1, 0)])) / 2
        x, x_0 = _step(x, guided, a, a_prev)
        past = [eps, *past[:2]]
        yield Step(count, grid.timesteps[index], x, x_0)


def _adams_bashforth(eps: Tensor, past: list[Tensor]) -> Tensor:
    if len(past) == 1:
        return (3 * eps - past[0]) / 2
    if len(past) == 2:
        return (23 * eps - 16 * past[0] + 5 * past[1]) / 12
    return (55 * eps - 59 * past[0] + 37 * past[1] - 9 * past[2]) / 24


def _step(x: Tensor, eps: Tensor, a: Tensor, a_prev: Tensor) -> tuple[Tensor, Tensor]:
    x_0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
    return a_prev.sqrt() * x_0 + (1 - a_prev).sqrt() * eps, x_0
