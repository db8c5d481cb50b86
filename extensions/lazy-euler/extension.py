"""Offers the sampler "Lazy Euler"."""

from collections.abc import Callable

from modules.extension.hooks import hook


@hook
def register_samplers(register: Callable[..., None]) -> None:
    """Name the sampler; `solver.py` is imported when somebody draws with it."""
    register("Lazy Euler", "solver:lazy_euler", aliases=("k_lazy_euler",))
