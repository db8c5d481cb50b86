"""What a picture says about itself."""

from fastapi import APIRouter

from modules.api.errors import LegacyError
from modules.api.fetch import is_web_address
from modules.api.images import picture_file
from modules.api.sdapi.schemas import PNGInfoRequest, PNGInfoResponse
from modules.errors import InvalidRequest
from modules.schema.infotext_parse import fill_defaults, parse_infotext
from modules.service.app import App


def png_info_routes(app: App) -> APIRouter:
    """The route that reads recipes."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])

    @routes.post("/png-info", response_model=PNGInfoResponse)
    def png_info(body: PNGInfoRequest) -> PNGInfoResponse:
        """Read the recipe inside a picture given as base64, or by its address."""
        if not body.image:
            raise LegacyError(404, "Image not found")
        text, others = app.read_picture(_decoded(app, body.image))
        parameters = fill_defaults(parse_infotext(text)) if text else {}
        return PNGInfoResponse(info=text, items=others, parameters=parameters)

    return routes


def _decoded(app: App, text: str) -> bytes:
    if is_web_address(text):
        if not app.settings.settings.api.fetch:
            raise LegacyError(500, "Requests not allowed", "Send the picture itself as base64.")
        return picture_file(app, text)
    try:
        return picture_file(app, text)
    except InvalidRequest as error:
        raise LegacyError(500, "Invalid encoded image") from error
