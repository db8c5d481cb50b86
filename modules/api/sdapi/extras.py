"""A1111's routes that make finished pictures larger."""

import base64
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from modules.api.errors import LegacyError
from modules.api.images import picture_file
from modules.api.sdapi.schemas import Body
from modules.param import params_of
from modules.service.app import App
from modules.service.enlarge import Enlarger
from modules.service.extras import Enlargement, enlarged
from modules.service.formats import encode
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
    if body.gfpgan_visibility or body.codeformer_visibility:
        raise LegacyError(404, "Model not found", "Nothing here restores faces yet.")
    content = picture_file(app, text)
    recipe, _ = app.read_picture(content)
    pictures = app.base_request().pictures
    enlarge = Enlarger(app.engine, pictures.tile, pictures.tile_overlap)
    made, told = enlarged(read_pixels(content), _wish(body), enlarge)
    seen = app.look(made)
    told += [f"{key}: {value}" for key, value in seen.facts]
    saving = app.settings.settings.saving
    encoded = encode(seen.image, recipe, saving.format, quality=saving.quality)
    return base64.b64encode(encoded.data).decode("ascii"), ", ".join(told)


def _wish(body: ExtrasRequest) -> Enlargement:
    named = [item for item in params_of(Enlargement) if item.param.api]
    given = {item.name: getattr(body, item.param.api) for item in named}
    if body.resize_mode != TO_SIZE:
        given |= {"width": None, "height": None}
    wanted = {name: value for name, value in given.items() if value is not None}
    return Enlargement(**wanted)
