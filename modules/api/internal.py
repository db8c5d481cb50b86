"""`/internal`: what A1111's own page asks, and some clients too."""

import base64
import time
from collections import deque
from datetime import datetime
from typing import Any

import psutil
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from modules.api.own import check_job, waiting_of
from modules.api.sdapi.schemas import Body
from modules.api.sdapi.tasks import TaskNames
from modules.errors import NotFound
from modules.service.app import App
from modules.service.job import RUNNING, WAITING, Snapshot
from modules.service.sysinfo import sysinfo
from modules.service.visitor import require_admin
from modules.settings.store import request_fields, settings_fields


class ProgressRequest(Body):
    """Which task, and the newest preview the client has."""

    id_task: str | None = None
    id_live_preview: int | None = -1
    live_preview: bool | None = True


def internal_routes(app: App, names: TaskNames) -> APIRouter:
    """Routes below `/internal`."""
    routes = APIRouter(prefix="/internal", tags=["internal"])
    started = time.time() - psutil.Process().create_time()

    @routes.get("/ping")
    def ping() -> dict[str, Any]:
        """Answer, to say that the program is up."""
        return {}

    @routes.get("/pending-tasks")
    def pending() -> dict[str, Any]:
        """Name the tasks that wait."""
        tasks = [names.name(job_id) for job_id in waiting_of(app)]
        return {"size": len(tasks), "tasks": tasks}

    @routes.post("/progress")
    def progress(body: ProgressRequest) -> dict[str, Any]:
        """Say how far a task is."""
        return _progress(app, names, body)

    @routes.get("/quicksettings-hint")
    def hints() -> list[dict[str, str]]:
        """Name every option with its label."""
        fields = {**settings_fields(), **request_fields()}
        return [{"name": name, "label": item.param.label} for name, item in sorted(fields.items())]

    @routes.get("/profile-startup")
    def startup() -> dict[str, Any]:
        """Say how many seconds starting took."""
        return {"total": round(started, 3), "records": {}}

    @routes.get("/sysinfo")
    def system() -> JSONResponse:
        """Describe this installation, without passwords."""
        require_admin("look at the system")
        return JSONResponse(sysinfo(app))

    @routes.get("/sysinfo-download")
    def system_file() -> Response:
        """Describe this installation, as a file."""
        answer = system()
        name = datetime.now().strftime("sysinfo-%Y-%m-%d-%H-%M.json")
        answer.headers["content-disposition"] = f'attachment; filename="{name}"'
        return answer

    return routes


RECENT = 16
"""How many of the newest jobs are told to be completed; older ones are forgotten, as in A1111."""


def _progress(app: App, names: TaskNames, body: ProgressRequest) -> dict[str, Any]:
    reply: dict[str, Any] = {
        "active": False,
        "queued": False,
        "completed": False,
        "progress": None,
        "eta": None,
        "live_preview": None,
        "id_live_preview": -1,
        "textinfo": "Waiting...",
    }
    try:
        job_id = names.job(body.id_task or "")
        check_job(app, job_id)
        snapshot = app.snapshot(job_id)
    except NotFound:
        return reply
    if snapshot.status == WAITING:
        waiting = app.queue.waiting()
        place = waiting.index(snapshot.id) + 1 if snapshot.id in waiting else 1
        return reply | {"queued": True, "textinfo": f"In queue: {place}/{max(place, len(waiting))}"}
    if snapshot.status != RUNNING:
        recent = deque((job.id for job in app.jobs(RECENT)), RECENT)
        return reply | {"completed": snapshot.id in recent}
    return reply | _running(app, snapshot, body)


def _running(app: App, snapshot: Snapshot, body: ProgressRequest) -> dict[str, Any]:
    known = body.id_live_preview if body.id_live_preview is not None else -1
    reply: dict[str, Any] = {
        "active": True,
        "progress": snapshot.fraction,
        "eta": snapshot.eta_s if snapshot.step else None,
        "id_live_preview": known,
        "textinfo": f"Loading {snapshot.loading}" if snapshot.loading else None,
    }
    newest = app.journal.preview(snapshot.id) if body.live_preview else None
    if newest is not None and newest[0] > known:
        picture = base64.b64encode(newest[1].jpeg).decode("ascii")
        reply |= {
            "live_preview": f"data:image/jpeg;base64,{picture}",
            "id_live_preview": newest[0],
        }
    return reply
