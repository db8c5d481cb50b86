"""Routes of Extras: hand in pictures, have them worked on, watch and stop that."""

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from modules.api.coercion import coerce
from modules.api.describe import picture_body
from modules.api.events import HEARTBEAT_S, KEEP_ALIVE, STREAM_HEADERS
from modules.api.own import check_images, mine
from modules.errors import InvalidRequest, NotFound, closest_hint
from modules.param import params_of
from modules.schema.hires_size import upscaler_names
from modules.service.app import App
from modules.service.extras import Enlargement
from modules.service.extras_cuts import AutoCrop, Flips, Split
from modules.service.extras_focal import FocalCrop
from modules.service.extras_operations import Caption, ExtrasWish, ordered
from modules.service.extras_store import ExtrasRun
from modules.service.extras_work import Place, Source
from modules.service.job import ENDED
from modules.service.scripts.folder_batch import folder_at, pictures_in
from modules.service.visitor import VISITOR, require_admin

MOST_PICTURES = 10_000


class Strict(BaseModel):
    """A body in which a mistyped name is an error."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class PictureSource(Strict):
    """One picture: an uploaded one by its id, or one of the gallery."""

    upload: str = Field("", max_length=40)
    image: str = Field("", max_length=100)


class NewRun(Strict):
    """What to work on, and what to do with each picture; parts that are absent are not done.

    Files of a `batch` keep their names, if the settings say so. Results that are not `shown` are
    saved all the same.
    """

    pictures: list[PictureSource] = Field(default_factory=list, max_length=MOST_PICTURES)
    folder: str = Field("", max_length=4000)
    output: str = Field("", max_length=4000)
    batch: bool = False
    shown: bool = True
    upscale: dict[str, Any] | None = None
    gfpgan_visibility: float = 0.0
    codeformer_visibility: float = 0.0
    codeformer_weight: float = 0.0
    split: dict[str, Any] | None = None
    focal: dict[str, Any] | None = None
    autocrop: dict[str, Any] | None = None
    flips: dict[str, Any] | None = None
    caption: dict[str, Any] | None = None


def extras_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/extras`."""
    routes = APIRouter(prefix="/api/v1/extras", tags=["extras"])

    @routes.get("")
    def overview() -> dict[str, Any]:
        """List upscalers, networks for faces, operations, and remembered runs, newest first."""
        catalogue, settings = app.catalogue(), app.settings.settings.extras
        return {
            "upscalers": list(upscaler_names(catalogue)),
            "restorers": [name for name, _ in catalogue.restorers],
            "operations": [one.name for one in ordered(settings.order)],
            "hidden": list(settings.hidden),
            "runs": [run_body(run) for run in app.extras.runs(mine())],
        }

    @routes.post("/pictures")
    async def upload(request: Request) -> dict[str, str]:
        """Hand in one picture file, as a form with a file; it is kept for a day."""
        async with request.form(max_files=1, max_fields=4) as form:
            for value in form.values():
                if isinstance(value, UploadFile):
                    content = await value.read()
                    name = value.filename or ""
                    return {"upload": await run_in_threadpool(app.uploads.keep, name, content)}
        raise InvalidRequest("The form holds no file.", "Send one as multipart/form-data.")

    @routes.post("")
    def begin(body: NewRun) -> dict[str, Any]:
        """Put pictures in line: `pictures`, or every one of a `folder` on the server."""
        settings = app.settings.settings
        several = body.batch or len(body.pictures) > 1 or bool(body.folder.strip())
        place = Place(
            settings=settings,
            person=VISITOR.get().name,
            output=_output(body),
            keep_names=several and settings.upscaling.original_names,
        )
        pictures = app.base_request().pictures
        run = app.extras.submit(
            _sources(app, body),
            _wish(body),
            place,
            tiling=(pictures.tile, pictures.tile_overlap),
            shown=body.shown,
        )
        return run_body(run)

    _add_runs(routes, app)
    return routes


def _add_runs(routes: APIRouter, app: App) -> None:
    @routes.get("/{run_id}")
    def state(run_id: str) -> dict[str, Any]:
        """Describe a run."""
        return run_body(_own(app, run_id))

    @routes.post("/{run_id}/stop")
    def stop(run_id: str) -> dict[str, Any]:
        """End a run; what it made stays."""
        _own(app, run_id)
        app.extras.stop(run_id)
        return run_body(app.extras.find(run_id))

    @routes.post("/{run_id}/skip")
    def skip(run_id: str) -> dict[str, Any]:
        """Leave the picture at hand of a run, and go on with the next."""
        _own(app, run_id)
        app.extras.skip(run_id)
        return run_body(app.extras.find(run_id))

    @routes.get("/{run_id}/events", response_model=None)
    def follow(run_id: str) -> Response:
        """Stream a run's state whenever it changes, until its ending."""
        if _own(app, run_id).status in ENDED:
            return Response(status_code=204)  # tells EventSource not to come back
        lines = _events(app, run_id)
        return StreamingResponse(lines, media_type="text/event-stream", headers=STREAM_HEADERS)


async def _events(app: App, run_id: str) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    async for run in app.extras.follow(run_id, HEARTBEAT_S):
        if run is None:
            yield KEEP_ALIVE
        else:
            body = json.dumps(run_body(run), ensure_ascii=False)
            yield f"id: {run.change}\nevent: run\ndata: {body}\n\n"


def _own(app: App, run_id: str) -> ExtrasRun:
    """The run, if the one who asks may see it. Raises NotFound."""
    run = app.extras.find(run_id)
    if mine() not in (None, run.person):
        raise NotFound("run", run_id)
    return run


def _output(body: NewRun) -> str:
    if not body.output.strip():
        return ""
    require_admin("write into folders of the server")
    return body.output.strip().strip('"')


def _sources(app: App, body: NewRun) -> list[Source]:
    """The pictures that were named; those of a folder for administrators only."""
    if body.folder.strip():
        require_admin("work on folders of the server")
        folder = folder_at(body.folder, "input directory")
        return [Source(path.name, path) for path in pictures_in(folder)]
    sources = []
    for picture in body.pictures:
        if picture.image:
            check_images(app, [picture.image])
            path = app.image_file(picture.image)
            sources.append(Source(path.name, path))
        else:
            name, path = app.uploads.find(picture.upload)
            sources.append(Source(name, path))
    return sources


def _wish(body: NewRun) -> ExtrasWish:
    return ExtrasWish(
        upscale=_part(Enlargement, body.upscale),
        gfpgan_visibility=body.gfpgan_visibility,
        codeformer_visibility=body.codeformer_visibility,
        codeformer_weight=body.codeformer_weight,
        split=_part(Split, body.split),
        focal=_part(FocalCrop, body.focal),
        autocrop=_part(AutoCrop, body.autocrop),
        flips=_part(Flips, body.flips),
        caption=_part(Caption, body.caption),
    )


def _part(kind: type, values: dict[str, Any] | None) -> Any:
    """Make one of the wish's records, or None. Raises InvalidRequest."""
    if values is None:
        return None
    known = {item.name: item for item in params_of(kind)}
    for name in values:
        if name not in known:
            raise InvalidRequest(f"There is no field {name!r:.80}.", closest_hint(name, known))
    return kind(**{name: coerce(known[name], value) for name, value in values.items()})


def run_body(run: ExtrasRun) -> dict[str, Any]:
    """Describe a run; pictures by where to get them."""
    error = run.error
    return {
        "id": run.id,
        "status": run.status,
        "person": run.person,
        "created": run.created,
        "total": run.total,
        "done": run.done,
        "tile": run.tile,
        "tiles": run.tiles,
        "fraction": round(run.fraction, 4),
        "images": [picture_body(picture) for picture in run.pictures],
        "notices": list(run.notices),
        "error": {"message": error.message, "hint": error.hint} if error else None,
    }
