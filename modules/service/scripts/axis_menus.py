"""Menus of axes: what their values can be chosen from."""

from collections.abc import Callable, Sequence

from modules.pipeline.preprocessors.catalogue import PREPROCESSORS
from modules.sampling.catalogue import SCHEDULES, all_samplers
from modules.schema.catalogue import Catalogue
from modules.schema.hires_size import LATENT_UPSCALERS, upscaler_names

Choices = Callable[[Catalogue, Sequence[str]], Sequence[str]]
"""Entries of a menu, from the catalogue and the names of the styles."""


def sampler_names(catalogue: Catalogue, styles: Sequence[str]) -> Sequence[str]:
    """Samplers of the menu."""
    return [one.name for one in all_samplers() if one.in_menu]


def schedule_names(catalogue: Catalogue, styles: Sequence[str]) -> Sequence[str]:
    """Schedule types of the menu."""
    return [one.name for one in SCHEDULES if one.in_menu]


def checkpoint_names(catalogue: Catalogue, styles: Sequence[str]) -> Sequence[str]:
    """Titles of the checkpoints."""
    return [one.title for one in catalogue.checkpoints]


def refiner_names(catalogue: Catalogue, styles: Sequence[str]) -> Sequence[str]:
    """Titles of the checkpoints, and none."""
    return ["None", *checkpoint_names(catalogue, styles)]


def vae_names(catalogue: Catalogue, styles: Sequence[str]) -> Sequence[str]:
    """VAE files, and the two ways to do without."""
    return ["Automatic", "None", *catalogue.vaes]


def restorer_names(catalogue: Catalogue, styles: Sequence[str]) -> Sequence[str]:
    """Networks that restore faces, and none."""
    return ["None", *(name for name, _ in catalogue.restorers)]


def control_models(catalogue: Catalogue, styles: Sequence[str]) -> Sequence[str]:
    """Networks of control, and none."""
    return ["None", *catalogue.control_models]


def control_modules(catalogue: Catalogue, styles: Sequence[str]) -> Sequence[str]:
    """Preprocessors."""
    return PREPROCESSORS.names()


def style_names(catalogue: Catalogue, styles: Sequence[str]) -> Sequence[str]:
    """Styles."""
    return styles


def hires_upscalers(catalogue: Catalogue, styles: Sequence[str]) -> Sequence[str]:
    """Upscalers of the second pass."""
    return [*LATENT_UPSCALERS, *upscaler_names(catalogue)]


def fixed(*names: str) -> Choices:
    """Always the same entries."""
    return lambda catalogue, styles: names
