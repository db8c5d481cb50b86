"""Settings by A1111's names, and the command line."""

from typing import Any

from fastapi import APIRouter

from modules.api.errors import LegacyError
from modules.errors import NotFound
from modules.service.app import App
from modules.service.resolve import find_checkpoint
from modules.service.visitor import Forbidden
from modules.settings.sections.api import LOCKED, ONLY_IN_FILE


def option_routes(app: App) -> APIRouter:
    """Routes that read and change settings."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])

    @routes.get("/options")
    def options() -> dict[str, Any]:
        """Return every option with its value."""
        chosen = app.chosen_checkpoint()
        known = {one.title: one.sha256 for one in app.catalogue().checkpoints}
        return app.settings.options() | {
            "sd_model_checkpoint": chosen or None,
            "sd_checkpoint_hash": known.get(chosen, ""),
        }

    @routes.post("/options")
    def set_options(values: dict[str, Any]) -> None:
        """Change options; unknown ones are ignored, so posting a whole reply back is harmless."""
        wanted = values.get("sd_model_checkpoint")
        if wanted:
            try:
                find_checkpoint(str(wanted), app.catalogue().checkpoints)
            except NotFound as error:
                message = f"model {wanted!r} not found"
                raise LegacyError(500, message, error.hint, kind="RuntimeError") from error
        given = {name: value for name, value in values.items() if value is not None}
        app.set_options(without_locked(app, given))

    @routes.get("/cmd-flags")
    def flags() -> dict[str, Any]:
        """Return the values of the command line's flags."""
        return app.launch.flags()

    return routes


def without_locked(app: App, values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what no caller may change; asking for another value there raises Forbidden."""
    for name in ONLY_IN_FILE & values.keys():
        if values[name] != app.settings.get(name):
            raise Forbidden(f"{name} cannot be set from outside.", LOCKED)
    return {name: value for name, value in values.items() if name not in ONLY_IN_FILE}
