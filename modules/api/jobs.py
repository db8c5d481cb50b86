"""Routes for jobs: submit, look, change, stop, skip."""

import asyncio
from typing import Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from modules.api.describe import job_body
from modules.api.overrides import permitted
from modules.api.own import check_job, mine
from modules.api.queue import queue_routes
from modules.api.request_json import gives_size, read_request
from modules.errors import InvalidRequest, NotFound
from modules.service.app import App


class NewJob(BaseModel):
    """What to draw: any fields of `GET /api/v1/request`, nested as there; the rest is default."""

    request: dict[str, Any] = Field(default_factory=dict)
    save: bool = True
    settings: dict[str, Any] = Field(default_factory=dict)
    """A1111 option names that differ for this job alone."""
    origin: str = Field("api", max_length=40)
    priority: int = 0
    parent: str = Field("", max_length=40)
    forever: bool = False


class JobChange(BaseModel):
    """What is to be different; what is absent stays. `request` only before drawing began."""

    request: dict[str, Any] | None = None
    save: bool | None = None
    priority: int | None = None
    forever: bool | None = None
    held: bool | None = None


class Copy(BaseModel):
    """How a copy differs from its job."""

    request: dict[str, Any] = Field(default_factory=dict)
    new_seed: bool = False


class Place(BaseModel):
    """Where in the line: before another waiting job, or at its "front" or "back"."""

    before: str = Field("", max_length=40)
    to: str = Field("back", pattern="^(front|back)$")


def job_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/jobs` and `/api/v1/queue`."""
    routes = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])
    _add_submitting(routes, app)
    _add_changing(routes, app)

    @routes.get("")
    def newest(
        limit: int = Query(20, ge=1, le=500), parent: str | None = None
    ) -> list[dict[str, Any]]:
        """List the newest jobs, newest first; with `parent` those that belong to it."""
        return [job_body(snapshot) for snapshot in app.jobs(limit, person=mine(), parent=parent)]

    @routes.get("/{job_id}")
    def look(job_id: str) -> dict[str, Any]:
        """Describe a job with its request."""
        check_job(app, job_id)
        return job_body(app.snapshot(job_id), request=True)

    @routes.get("/{job_id}/preview.jpg", response_class=Response)
    async def preview(job_id: str) -> Response:
        """Return the newest preview of the picture being drawn."""
        await asyncio.to_thread(check_job, app, job_id)
        newest = await asyncio.to_thread(app.journal.preview, job_id)
        if newest is None:
            raise NotFound("preview of job", job_id)
        headers = {"Cache-Control": "no-store"}
        return Response(newest[1].jpeg, media_type="image/jpeg", headers=headers)

    both = APIRouter()
    both.include_router(routes)
    both.include_router(queue_routes(app))
    return both


def _add_submitting(routes: APIRouter, app: App) -> None:
    @routes.post("", status_code=201)
    def submit(body: NewJob) -> dict[str, Any]:
        """Put a job in line; it is on disk when the answer comes."""
        if body.parent:
            check_job(app, body.parent)
        settings, base = app.settings.with_overrides(permitted(body.settings))
        request = read_request(body.request, base)
        job = app.submit(
            request,
            save=body.save,
            origin=body.origin,
            size_given=gives_size(body.request),
            settings=settings,
            priority=body.priority,
            parent=body.parent,
            forever=body.forever,
        )
        return {"id": job.id}

    @routes.post("/{job_id}/duplicate", status_code=201)
    def duplicate(job_id: str, body: Copy | None = None) -> dict[str, Any]:
        """Put a copy of a job in line, with the fields of `request` and maybe a new seed."""
        check_job(app, job_id)
        body = body or Copy()
        old = app.queue.find(job_id)
        values = dict(body.request)
        if body.new_seed:
            values["seeds"] = {**values.get("seeds", {}), "seed": -1}
        job = app.submit(
            read_request(values, old.task),
            save=old.save,
            origin=old.origin,
            settings=old.settings,
            priority=old.priority,
            parent=old.parent,
        )
        return {"id": job.id}


def _add_changing(routes: APIRouter, app: App) -> None:
    control = app.control

    @routes.post("/stop")
    def stop_all() -> dict[str, int]:
        """End every running and waiting job that the caller may see."""
        return {"stopped": control.stop_all(mine())}

    @routes.patch("/{job_id}")
    def change(job_id: str, body: JobChange) -> dict[str, Any]:
        """Change a waiting job: its request, priority, whether it is held or goes on for ever."""
        check_job(app, job_id)
        if body.request is not None or body.save is not None:
            task = app.queue.find(job_id).task
            if body.request is not None:
                task = app.completed(read_request(body.request, task))
            control.change(job_id, task, save=body.save)
        if body.priority is not None:
            control.set_priority(job_id, body.priority)
        if body.forever is not None:
            control.set_forever(job_id, body.forever)
        if body.held is not None:
            (control.hold if body.held else control.let_go)(job_id)
        return job_body(app.snapshot(job_id), request=True)

    @routes.post("/{job_id}/move")
    def move(job_id: str, body: Place) -> dict[str, Any]:
        """Put a waiting job somewhere else in the line."""
        check_job(app, job_id)
        before = body.before
        if not before and body.to == "front":
            others = [one for one in app.queue.waiting() if one != job_id]
            before = others[0] if others else ""
        if before == job_id:
            raise InvalidRequest("A job cannot go before itself.")
        control.move(job_id, before)
        return {"waiting": app.queue.waiting()}

    @routes.post("/{job_id}/stop")
    def stop(job_id: str) -> dict[str, Any]:
        """End a job and those that belong to it; finished pictures stay."""
        check_job(app, job_id)
        app.stop(job_id)
        return job_body(app.snapshot(job_id))

    @routes.post("/{job_id}/skip")
    def skip(job_id: str) -> dict[str, Any]:
        """Leave the batch being drawn and go on with the next."""
        check_job(app, job_id)
        app.skip(job_id)
        return job_body(app.snapshot(job_id))
