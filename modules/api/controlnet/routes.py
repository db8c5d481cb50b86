"""The routes of A1111's ControlNet extension, and of the page for its pictures."""

import base64
import io
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from modules.api.errors import LegacyError
from modules.api.images import FOREVER, content_of
from modules.api.own import check_images
from modules.api.sdapi.pictures import picture_of
from modules.errors import InvalidRequest, ModelError, NotFound
from modules.pipeline.preprocessors.catalogue import (
    ALL,
    CONTROL_TYPES,
    ROWS,
    Preprocessor,
    Slider,
    find_preprocessor,
    models_of,
    modules_of,
)
from modules.schema.control import CONTROL_RESIZE_MODES, NO_MODEL, UNSET
from modules.schema.inputs import ImageData
from modules.service.app import App
from modules.service.formats import to_pillow
from modules.service.read_pixels import read_pixels

VERSION = 2
"""Of the extension's API, as clients count."""


class DetectBody(BaseModel):
    """What `/controlnet/detect` is asked."""

    model_config = ConfigDict(extra="ignore")

    controlnet_module: str = "none"
    controlnet_input_images: list[str] = Field(default_factory=list)
    controlnet_images: list[str] = Field(default_factory=list)
    """The name that some clients use instead."""
    controlnet_masks: list[str] = Field(default_factory=list)
    controlnet_processor_res: int = UNSET
    controlnet_threshold_a: float = UNSET
    controlnet_threshold_b: float = UNSET
    low_vram: bool = False


class PosePerson(BaseModel):
    """One person of a pose; hands and faces are not drawn."""

    model_config = ConfigDict(extra="ignore")

    pose_keypoints_2d: list[float]


class PoseCanvas(BaseModel):
    """What `/controlnet/render_openpose_json` is to draw."""

    model_config = ConfigDict(extra="ignore")

    people: list[PosePerson]
    canvas_width: int
    canvas_height: int


class MapBody(BaseModel):
    """How the page wants a map."""

    module: str = "none"
    resolution: int = UNSET
    threshold_a: float = UNSET
    threshold_b: float = UNSET
    mask: str = ""
    """A control picture's token."""
    fit: tuple[int, int] | None = None
    """Width and height of the drawing, to choose the resolution that fits it."""
    resize_mode: str = CONTROL_RESIZE_MODES[1]


def controlnet_routes(app: App) -> APIRouter:
    """Routes below `/controlnet` and `/api/v1/control`."""
    routes = APIRouter(prefix="/controlnet", tags=["controlnet"])

    @routes.get("/version")
    def version() -> dict[str, int]:
        """Say which version of the extension's API this is."""
        return {"version": VERSION}

    @routes.get("/model_list")
    def model_list(update: bool = True) -> dict[str, list[str]]:
        """List the models; `update` looks at the folders again."""
        return {"model_list": list(app.controlnet.models(update))}

    @routes.get("/module_list")
    def module_list(alias_names: bool = False) -> dict[str, Any]:
        """List the preprocessors with their sliders, by name or as menus show them."""
        named = {row.shown if alias_names else row.name: row for row in ROWS}
        detail = {name: detail_of(row) for name, row in named.items()}
        return {"module_list": list(named), "module_detail": detail}

    @routes.get("/control_types")
    def control_types() -> dict[str, dict[str, Any]]:
        """List the kinds of control with what belongs to each."""
        models = app.controlnet.models()
        return {"control_types": {kind: type_body(kind, models) for kind in CONTROL_TYPES}}

    @routes.get("/settings")
    def settings() -> dict[str, int]:
        """Say how many units there are."""
        return {"control_net_unit_count": app.settings.settings.control.units}

    @routes.post("/detect")
    def detect(body: DetectBody) -> dict[str, Any]:
        """Make maps of pictures in base64."""
        return {"images": detected(app, body), "info": "Success"}

    @routes.post("/render_openpose_json")
    def render(canvases: list[PoseCanvas]) -> dict[str, Any]:
        """Draw people from their joints."""
        if not canvases:
            raise LegacyError(422, "Empty pose list", "Send at least one canvas.")
        drawn = [
            app.controlnet.draw_pose(
                [person.pose_keypoints_2d for person in canvas.people],
                canvas.canvas_width,
                canvas.canvas_height,
            )
            for canvas in canvases
        ]
        return {"images": [in_base64(image) for image in drawn], "info": "Success"}

    own = APIRouter(prefix="/api/v1/control", tags=["controlnet"])
    _add_picture_routes(own, app)
    both = APIRouter()
    both.include_router(routes)
    both.include_router(own)
    return both


def _add_picture_routes(routes: APIRouter, app: App) -> None:
    """Control pictures of the page: they stay on the server, and units name them."""

    @routes.get("")
    def menus(refresh: bool = False) -> dict[str, Any]:
        """List preprocessors, models and kinds of control, for menus."""
        models = app.controlnet.models(refresh)
        return {
            "models": list(models),
            "modules": {row.name: menu_entry(app, row) for row in ROWS},
            "kinds": {kind: kind_body(kind, models) for kind in CONTROL_TYPES},
        }

    @routes.post("/pictures")
    async def keep(request: Request) -> dict[str, Any]:
        """Keep a control picture: an uploaded file, raw bytes or `{"image": base64}`."""
        content = await content_of(app, request)
        if isinstance(content, str):
            raise InvalidRequest("This is a text.", "Send a picture.")
        image = await run_in_threadpool(read_pixels, content, "The control picture")
        return await run_in_threadpool(_kept, app, image)

    @routes.post("/pictures/of-image/{image_id}")
    def keep_drawn(image_id: str) -> dict[str, Any]:
        """Keep a finished picture as a control picture."""
        check_images(app, [image_id])
        content = app.image_file(image_id).read_bytes()
        return _kept(app, read_pixels(content, "The control picture"))

    @routes.get("/pictures/{token}.png", response_class=FileResponse)
    def file(token: str) -> FileResponse:
        """Return a control picture."""
        path = app.controlnet.pictures.file(token)
        return FileResponse(path, media_type="image/png", headers={"Cache-Control": FOREVER})

    @routes.post("/pictures/{token}/map")
    def made(token: str, body: MapBody) -> dict[str, Any]:
        """Make the map of a control picture, and keep it as one."""
        pictures = app.controlnet.pictures
        image = app.controlnet.detect(
            pictures.find(token),
            body.module,
            resolution=body.resolution,
            threshold_a=body.threshold_a,
            threshold_b=body.threshold_b,
            mask=pictures.find(body.mask) if body.mask else None,
            fit=(*body.fit, body.resize_mode) if body.fit else None,
        )
        return _kept(app, image)


def _kept(app: App, image: ImageData) -> dict[str, Any]:
    token = app.controlnet.pictures.keep(image)
    return {"picture": token, "width": image.width, "height": image.height}


def detail_of(row: Preprocessor) -> dict[str, Any]:
    """A preprocessor's sliders, null where it has none."""
    last = max((place for place, one in enumerate(row.sliders) if one is not None), default=-1)
    sliders = [slider_body(one) for one in row.sliders[: last + 1]]
    return {"model_free": row.model_free, "sliders": sliders}


def slider_body(slider: Slider | None) -> dict[str, Any] | None:
    """One slider in the extension's words."""
    if slider is None:
        return None
    return {
        "name": slider.name,
        "value": slider.value,
        "min": slider.minimum,
        "max": slider.maximum,
        "step": slider.step,
    }


def type_body(kind: str, models: tuple[str, ...]) -> dict[str, Any]:
    """What belongs to a kind of control, and what it begins with."""
    own = models_of(kind, models)
    return {
        "module_list": [row.name for row in modules_of(kind)],
        "model_list": [NO_MODEL, *own],
        "default_option": CONTROL_TYPES[kind][0],
        "default_model": own[0] if own and kind != ALL else NO_MODEL,
    }


def kind_body(kind: str, models: tuple[str, ...]) -> dict[str, Any]:
    """What the page offers for a kind of control, and what it begins with."""
    body = type_body(kind, models)
    return {
        "modules": body["module_list"],
        "models": body["model_list"][1:],
        "first": body["default_option"],
        "model": body["default_model"],
    }


def menu_entry(app: App, row: Preprocessor) -> dict[str, Any]:
    """A preprocessor as the page shows it; `missing` names the file it lacks."""
    return {
        "title": row.shown,
        "needs_mask": row.needs_mask,
        "missing": app.controlnet.missing(row),
        **detail_of(row),
    }


def detected(app: App, body: DetectBody) -> list[str]:
    """The maps in base64. Raises LegacyError in the words that clients of the extension know."""
    try:
        row = find_preprocessor(body.controlnet_module)
    except NotFound as error:
        raise LegacyError(422, "Module not available", str(error)) from error
    if row.makes != "map":
        raise LegacyError(422, "Module not supported", f"{row.name} makes no picture.")
    images = body.controlnet_input_images or body.controlnet_images
    if not images:
        raise LegacyError(422, "No image selected", "Send controlnet_input_images.")
    masks = body.controlnet_masks
    if row.needs_mask and len(masks) != len(images):
        raise LegacyError(422, f"Module {row.name} requires a mask for every image.")
    made = []
    for place, text in enumerate(images):
        mask = picture_of(masks[place], "The mask") if row.needs_mask else None
        try:
            image = app.controlnet.detect(
                picture_of(text, "The picture"),
                row.name,
                resolution=body.controlnet_processor_res,
                threshold_a=body.controlnet_threshold_a,
                threshold_b=body.controlnet_threshold_b,
                mask=mask,
            )
        except ModelError as error:
            raise LegacyError(422, "Module not available", str(error)) from error
        made.append(in_base64(image))
    return made


def in_base64(image: ImageData) -> str:
    """A PNG file in base64, without a data address before it."""
    content = io.BytesIO()
    to_pillow(image).save(content, "PNG", compress_level=1)
    return base64.b64encode(content.getvalue()).decode("ascii")
