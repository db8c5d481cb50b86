"""Names of catalogues ("samplers", "checkpoints", ...) to the entries people choose from."""

from collections.abc import Collection

from modules.sampling.catalogue import sampler_names, schedule_names
from modules.schema.hires_size import LATENT_UPSCALERS, upscaler_names
from modules.service.app import App
from modules.ui.form import Menus
from modules.ui.translation import AUTOMATIC, NONE, languages


def menus_of(app: App) -> Menus:
    """Return a function that answers the entries of a catalogue as they are now."""
    tables = {
        "samplers": lambda: shown_samplers(app.settings.settings.interface.hidden_samplers),
        "schedules": schedule_names,
        "upscalers": lambda: list(upscaler_names(app.catalogue())),
        "hires_upscalers": lambda: [*LATENT_UPSCALERS, *upscaler_names(app.catalogue())],
        "checkpoints": lambda: [item.title for item in app.catalogue().checkpoints],
        "restorers": lambda: [name for name, _ in app.catalogue().restorers],
        "languages": lambda: [AUTOMATIC, NONE, *languages(app.paths)],
        "vaes": lambda: ["Automatic", "None", *app.catalogue().vaes],
    }
    return lambda name: tables[name]() if name in tables else []


def shown_samplers(hidden: Collection[str]) -> list[str]:
    """Return the samplers for menus: all but the hidden ones, or all if that leaves none."""
    left = [name for name in sampler_names() if name not in hidden]
    return left or sampler_names()
