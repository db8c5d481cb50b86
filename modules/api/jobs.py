"""Routes for jobs: submit, look, stop, skip."""

import asyncio
from typing import Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from modules.api.describe import job_body
from modules.api.request_json import gives_size, read_request
from modules.errors import NotFound
from modules.service.app import App


class NewJob(BaseModel):
    """What to draw: any fields of `GET /api/v1/request`, nested as there; the rest is default."""

    request: dict[str, Any] = Field(default_factory=dict)
    save: bool = True
    settings: dict[str, Any] = Field(default_factory=dict)
    """A1111 option names that differ for this job alone."""
    origin: str = Field("api", max_length=40)


def job_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/jobs`."""
    routes = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

    @routes.post("", status_code=201)
    def submit(body: NewJob) -> dict[str, Any]:
        """Put a job in line; it is on disk when the answer comes."""
        settings, base = app.settings.with_overrides(body.settings)
        request = read_request(body.request, base)
        job = app.submit(
            request,
            save=body.save,
            origin=body.origin,
            size_given=gives_size(body.request),
            settings=settings,
        )
        return {"id": job.id}

    @routes.get("")
    def newest(limit: int = Query(20, ge=1, le=500)) -> list[dict[str, Any]]:
        """List the newest jobs, newest first."""
        return [job_body(snapshot) for snapshot in app.jobs(limit)]

    @routes.get("/{job_id}")
    def look(job_id: str) -> dict[str, Any]:
        """Describe a job with its request."""
        return job_body(app.snapshot(job_id), request=True)

    @routes.post("/{job_id}/stop")
    def stop(job_id: str) -> dict[str, Any]:
        """End a job; finished pictures stay."""
        app.stop(job_id)
        return job_body(app.snapshot(job_id))

    @routes.post("/{job_id}/skip")
    def skip(job_id: str) -> dict[str, Any]:
        """Leave the batch being drawn and go on with the next."""
        app.skip(job_id)
        return job_body(app.snapshot(job_id))

    @routes.get("/{job_id}/preview.jpg", response_class=Response)
    async def preview(job_id: str) -> Response:
        """Return the newest preview of the picture being drawn."""
        newest = await asyncio.to_thread(app.journal.preview, job_id)
        if newest is None:
            raise NotFound("preview of job", job_id)
        headers = {"Cache-Control": "no-store"}
        return Response(newest[1].jpeg, media_type="image/jpeg", headers=headers)

    return routes
