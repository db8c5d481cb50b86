"""txt2img and img2img: one request that stays open until the pictures are done."""

import asyncio
import base64
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from modules.api.sdapi.pictures import with_pictures
from modules.api.sdapi.schemas import (
    StableDiffusionProcessing,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
    TextToImageResponse,
)
from modules.api.sdapi.tasks import TaskNames, new_name
from modules.api.sdapi.translate import Translated, info_of, parameters_of, to_request
from modules.errors import WebUIError
from modules.schema.result import GeneratedImage
from modules.service.app import App
from modules.service.job import FAILED, Job, Snapshot


def generation_routes(app: App, names: TaskNames) -> APIRouter:
    """Routes that draw; each job gets a name under which `/internal/progress` knows it."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])

    @routes.post("/txt2img", response_model=TextToImageResponse)
    async def txt2img(body: StableDiffusionProcessingTxt2Img) -> JSONResponse:
        """Draw pictures from text."""
        return await _drawn(app, body, names, "txt2img")

    @routes.post("/img2img", response_model=TextToImageResponse)
    async def img2img(body: StableDiffusionProcessingImg2Img) -> JSONResponse:
        """Draw from pictures."""
        return await _drawn(app, body, names, "img2img")

    return routes


async def _drawn(
    app: App, body: StableDiffusionProcessing, names: TaskNames, kind: str
) -> JSONResponse:
    translated, job = await asyncio.to_thread(_submit, app, body)
    names.add(body.force_task_id or new_name(kind), job.id)
    async for _ in app.follow_async(job.id):
        pass
    return JSONResponse(await asyncio.to_thread(_reply, app, body, translated, job))


def _submit(app: App, body: StableDiffusionProcessing) -> tuple[Translated, Job]:
    translated = to_request(with_pictures(app, body), app)
    job = app.submit(
        translated.request,
        save=bool(body.save_images),
        origin="sdapi",
        size_given=translated.size_given,
        settings=translated.settings,
    )
    return translated, job


def _reply(
    app: App, body: StableDiffusionProcessing, translated: Translated, job: Job
) -> dict[str, Any]:
    snapshot = app.snapshot(job.id)
    if snapshot.status == FAILED and snapshot.error is not None:
        raise WebUIError(snapshot.error.message, snapshot.error.hint)
    images = ordered(snapshot, show_grid=job.settings.interface.show_grid)
    request = job.task
    encoded = [_encoded(app, image) for image in images] if body.send_images is not False else []
    model_hash = request.models.checkpoint.rpartition("[")[2].rstrip("]")
    return {
        "images": encoded,
        "parameters": parameters_of(body, request),
        "info": info_of(snapshot, images, translated.styles, model_hash),
    }


def ordered(snapshot: Snapshot, *, show_grid: bool) -> list[GeneratedImage]:
    """Put a job's pictures in the order of a reply: grids first, if they are shown, maps last.

    Parts of a script's sheets that are only seen while it runs are left out.
    """
    grids = [image for image in snapshot.images if image.kind == "grid"]
    drawn = [image for image in snapshot.images if image.kind == "image"]
    maps = [image for image in snapshot.images if image.kind == "map"]
    return [*(grids if show_grid else ()), *drawn, *maps]


def _encoded(app: App, image: GeneratedImage) -> str:
    return base64.b64encode(app.image_file(image.id).read_bytes()).decode("ascii")
