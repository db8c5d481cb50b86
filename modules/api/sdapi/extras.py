"""A1111's routes that make finished pictures larger."""

import base64
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from modules.api.errors import LegacyError
from modules.api.images import picture_file
from modules.api.sdapi.schemas import Body
from modules.param import check_limits, params_of
from modules.service.app import App
from modules.service.extras import Enlargement
from modules.service.extras_operations import ExtrasWish, treated
from modules.service.extras_tools import tools_of
from modules.service.extras_work import check_faces
from modules.service.formats import encode, from_pillow, to_pillow
from modules.service.read_pixels import read_pixels

TO_SIZE = 1
"""`resize_mode` of a wished size; otherwise by a factor."""
MOST_PICTURES = 256


class ExtrasRequest(Body):
    """What single pictures and lists have in common."""

    resize_mode: int | None = 0
    show_extras_results: bool | None = True
    gfpgan_visibility: float | None = 0
    codeformer_visibility: float | None = 0
    codeformer_weight: float | None = 0
    upscaling_resize: float | None = 2
    upscaling_resize_w: int | None = 512
    upscaling_resize_h: int | None = 512
    upscaling_crop: bool | None = True
    upscaler_1: str | None = "None"
    upscaler_2: str | None = "None"
    extras_upscaler_2_visibility: float | None = 0
    upscale_first: bool | None = False


class ExtrasSingleImageRequest(ExtrasRequest):
    """Body of `POST /sdapi/v1/extra-single-image`."""

    image: str | None = ""


class FileData(Body):
    """One picture of a list."""

    data: str
    name: str = ""


class ExtrasBatchImagesRequest(ExtrasRequest):
    """Body of `POST /sdapi/v1/extra-batch-images`."""

    imageList: list[FileData] = Field(default_factory=list, max_length=MOST_PICTURES)


def extras_routes(app: App) -> APIRouter:
    """Routes for finished pictures; nothing is saved."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])

    @routes.post("/extra-single-image")
    def single(body: ExtrasSingleImageRequest) -> dict[str, Any]:
        """Make one picture larger."""
        if not body.image:
            raise LegacyError(404, "Image not found")
        image, told = _done(app, body, body.image)
        return {"html_info": f"<p>{told}</p>" if told else "", "image": image}

    @routes.post("/extra-batch-images")
    def batch(body: ExtrasBatchImagesRequest) -> dict[str, Any]:
        """Make several pictures larger."""
        if not body.imageList:
            raise LegacyError(404, "Image not found")
        done = [_done(app, body, one.data) for one in body.imageList]
        told = "".join(f"<p>{words}</p>" for _, words in done if words)
        return {"html_info": told, "images": [image for image, _ in done]}

    return routes


def _done(app: App, body: ExtrasRequest, text: str) -> tuple[str, str]:
    """The picture as base64 with the recipe it came with, and what was done."""
    content = picture_file(app, text)
    recipe, _ = app.read_picture(content)
    wish, settings = _wish(body), app.settings.settings
    check_limits(wish)
    check_faces(wish, app.catalogue())
    pictures = app.base_request().pictures
    tools = tools_of(app.engine, settings, (pictures.tile, pictures.tile_overlap))
    picture = to_pillow(read_pixels(content))
    made = next(treated(picture, wish, tools, settings.extras.order))
    seen = app.look(from_pillow(made.picture))
    told = [*made.told, *(f"{key}: {value}" for key, value in seen.facts)]
    saving = settings.saving
    encoded = encode(seen.image, recipe, saving.format, quality=saving.quality)
    return base64.b64encode(encoded.data).decode("ascii"), ", ".join(told)


def _wish(body: ExtrasRequest) -> ExtrasWish:
    """What a body asks for; fields that are null keep A1111's defaults."""
    return ExtrasWish(
        upscale=_enlargement(body),
        gfpgan_visibility=body.gfpgan_visibility or 0,
        codeformer_visibility=body.codeformer_visibility or 0,
        codeformer_weight=body.codeformer_weight or 0,
    )


def _enlargement(body: ExtrasRequest) -> Enlargement:
    named = [item for item in params_of(Enlargement) if item.param.api]
    given = {item.name: getattr(body, item.param.api) for item in named}
    if body.resize_mode != TO_SIZE:
        given |= {"width": None, "height": None}
    wanted = {name: value for name, value in given.items() if value is not None}
    return Enlargement(**wanted)
