"""What a job would cost in seconds, memory and disk, before it is handed in."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modules.api.overrides import permitted
from modules.api.request_json import gives_size, read_request
from modules.api.sdapi.schemas import (
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
)
from modules.api.sdapi.translate import to_request
from modules.errors import InvalidRequest
from modules.service.app import App
from modules.service.preflight.desk import Estimate
from modules.service.preflight.knowledge import Accuracy

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
"""A picture of one pixel: what pictures show makes no difference to what a job costs."""


class Preflight(BaseModel):
    """A job as for `/api/v1/jobs`, or the body of `/sdapi/v1/txt2img` or `img2img` instead."""

    model_config = ConfigDict(extra="allow")

    request: dict[str, Any] | None = None
    """Any fields of `GET /api/v1/request`, nested as there; pictures may be left out."""
    save: bool = True
    settings: dict[str, Any] = Field(default_factory=dict)
    units: int = Field(0, ge=0, le=100)
    """ControlNet units that are drawn with besides those of the request."""


def preflight_routes(app: App) -> APIRouter:
    """The route `/api/v1/preflight`."""
    routes = APIRouter(prefix="/api/v1", tags=["jobs"])

    @routes.post("/preflight")
    def preflight(body: Preflight) -> dict[str, Any]:
        """Foretell what a job would cost if it were handed in now; nothing is drawn."""
        more = body.model_extra or {}
        if more and body.request is None:
            return estimate_body(_of_legacy(app, more, body))
        if more:
            raise InvalidRequest(
                f"A preflight has no field {next(iter(more))!r:.80}.",
                'Give "request", or the fields of /sdapi/v1/txt2img without it.',
            )
        values = body.request or {}
        settings, base = app.settings.with_overrides(permitted(body.settings))
        return estimate_body(
            app.estimate(
                read_request(values, base),
                settings=settings,
                size_given=gives_size(values),
                save=body.save,
                units=body.units,
            )
        )

    return routes


def _of_legacy(app: App, values: Mapping[str, Any], body: Preflight) -> Estimate:
    """What a body in A1111's manner would cost; with `init_images` it is one of img2img."""
    from_picture = bool(values.get("init_images"))
    kind = StableDiffusionProcessingImg2Img if from_picture else StableDiffusionProcessingTxt2Img
    dots = {name: DOT for name in ("mask", "latent_mask") if values.get(name)}
    pictures = {**dots, "init_images": [DOT]} if from_picture else {}
    try:
        legacy = kind.model_validate({**values, **pictures})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{name}: {first['msg']}.", "See /docs for what belongs there.") from (
            error
        )
    translated = to_request(legacy, app)
    return app.estimate(
        translated.request,
        settings=translated.settings,
        size_given=translated.size_given,
        save=bool(legacy.save_images),
        units=body.units,
    )


def estimate_body(estimate: Estimate) -> dict[str, Any]:
    """Describe an estimate: seconds, and bytes."""
    seen = estimate.foreseen
    return {
        "seconds": round(seen.seconds, 3),
        "low": round(seen.low, 3),
        "high": round(seen.high, 3),
        "basis": seen.basis,
        "wait_s": round(estimate.wait, 3),
        "load_s": round(seen.load, 3),
        "paused": estimate.paused,
        "images": estimate.images,
        "memory": _room(seen.memory, estimate.memory_free, estimate.memory_lacks),
        "device_memory": _room(
            seen.device_memory, estimate.device_memory_free, estimate.device_memory_lacks
        )
        if estimate.device_memory_free
        else None,
        "disk": _room(seen.disk, estimate.disk_free, estimate.disk_lacks),
        "accuracy": accuracy_body(estimate.accuracy),
    }


def _room(needed: float, free: int, lacks: bool) -> dict[str, Any]:
    return {"bytes": round(needed), "free": free, "lacks": lacks}


def accuracy_body(accuracy: Accuracy) -> dict[str, Any]:
    """Describe how far off estimates were: medians (and the ninetieth hundredth) of shares."""
    shares = {
        "seconds": accuracy.seconds,
        "seconds_p90": accuracy.seconds_p90,
        "memory": accuracy.memory,
        "disk": accuracy.disk,
    }
    rounded = {name: None if one is None else round(one, 4) for name, one in shares.items()}
    return {"jobs": accuracy.jobs, **rounded}
