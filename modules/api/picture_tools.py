"""Routes that look into a picture: its recipe for other programs, Verify, the watermark."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from modules.api.images import content_of
from modules.api.own import check_images
from modules.errors import InvalidRequest
from modules.schema.picture_tasks import CLIP
from modules.service.app import App
from modules.service.contents import readable
from modules.service.export_recipe import FORMS, export_recipe
from modules.service.picture_tools import PictureTools
from modules.service.read_pixels import read_pixels
from modules.service.verify import verify_picture
from modules.service.watermark import check_watermark


def picture_tool_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/images` that take a picture: a file as for `read`, or `?id=...`."""
    routes = APIRouter(prefix="/api/v1/images", tags=["images"])

    @routes.post("/export")
    async def export(request: Request, form: str = "infotext", id: str = "") -> Response:
        """Write a recipe as A1111's `infotext`, as `json` or as a script for `diffusers`."""
        content = await _sent(app, request, id, pixels=False)
        text = await run_in_threadpool(_exported, app, content, form)
        return Response(text, media_type=f"{FORMS[form]}; charset=utf-8")

    @routes.post("/verify")
    async def verify(request: Request, id: str = "") -> dict[str, Any]:
        """Draw a picture again from its recipe, as a job, and say how the result differs and why.

        Answers when the job is done.
        """
        content = await _sent(app, request, id)
        return asdict(await run_in_threadpool(verify_picture, app, content))

    @routes.post("/watermark")
    async def watermark(request: Request, id: str = "") -> dict[str, Any]:
        """Look for the invisible watermark, and say how sure the answer is."""
        content = await _sent(app, request, id)
        return asdict(await run_in_threadpool(check_watermark, content))

    @routes.post("/describe")
    async def describe(request: Request, by: str = CLIP, id: str = "") -> dict[str, str]:
        """Say what a picture shows: `clip` in a sentence, `deepdanbooru` by tags."""
        content = await _sent(app, request, id)
        return {"text": await run_in_threadpool(_described, app, content, by)}

    @routes.post("/contents")
    async def contents(request: Request, id: str = "") -> dict[str, Any]:
        """List everything that can be read in a picture file besides its pixels."""
        content = await _sent(app, request, id)
        found = await run_in_threadpool(readable, content)
        return {"entries": [asdict(entry) for entry in found]}

    return routes


async def _sent(app: App, request: Request, image_id: str, *, pixels: bool = True) -> Any:
    """The picture that is meant, or where pixels are not needed perhaps a text."""
    if image_id:
        return await run_in_threadpool(_saved, app, image_id)
    content = await content_of(app, request)
    if pixels and isinstance(content, str):
        raise InvalidRequest("A picture is needed here, not a text.", "Send a picture's file.")
    return content


def _saved(app: App, image_id: str) -> bytes:
    check_images(app, [image_id])
    return app.image_file(image_id).read_bytes()


def _described(app: App, content: bytes, by: str) -> str:
    describing = app.settings.settings.describing
    return PictureTools(app.engine).describe(read_pixels(content), by, describing)


def _exported(app: App, content: bytes | str, form: str) -> str:
    return export_recipe(app.read_recipe(content), form, app.catalogue().checkpoints)
