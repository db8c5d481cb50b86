"""A1111's route that says what a picture shows."""

from typing import Any

from fastapi import APIRouter

from modules.api.errors import LegacyError
from modules.api.images import picture_file
from modules.api.sdapi.schemas import InterrogateRequest
from modules.schema.picture_tasks import CLIP, DEEPBOORU, DESCRIBERS
from modules.service.app import App
from modules.service.picture_tools import PictureTools
from modules.service.read_pixels import read_pixels

ALIASES = {"deepbooru": DEEPBOORU}
"""Names that clients use besides."""


def interrogate_routes(app: App) -> APIRouter:
    """The route for descriptions."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])

    @routes.post("/interrogate")
    def interrogate(body: InterrogateRequest) -> dict[str, Any]:
        """Describe a picture: `clip` in a sentence, `deepdanbooru` by tags."""
        if not body.image:
            raise LegacyError(404, "Image not found")
        name = (body.model or CLIP).strip().lower()
        by = ALIASES.get(name, name)
        if by not in DESCRIBERS:
            raise LegacyError(404, "Model not found", f"There are: {', '.join(DESCRIBERS)}.")
        image = read_pixels(picture_file(app, body.image))
        describing = app.settings.settings.describing
        return {"caption": PictureTools(app.engine).describe(image, by, describing)}

    return routes
