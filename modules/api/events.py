"""Server-sent events: streams a browser reconnects to by itself, asking for what it missed."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse

from modules.api.describe import event_body, job_body
from modules.api.own import check_job
from modules.api.queue import queue_body
from modules.errors import NotFound
from modules.service.app import App
from modules.service.journal import ENDINGS, QUEUE

HEARTBEAT_S = 15.0
"""Seconds of silence after which a comment is sent, so that dead connections are noticed."""
LONGEST_WAIT_S = 60.0
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
KEEP_ALIVE = ": still here\n\n"


def event_routes(app: App) -> APIRouter:
    """Routes that follow one job or all of them."""
    routes = APIRouter(prefix="/api/v1", tags=["events"])

    @routes.get("/jobs/{job_id}/events", response_model=None)
    async def follow_job(
        job_id: str,
        after: int = Query(0, ge=0, lt=2**63),
        last_event_id: int = Header(0, ge=0, lt=2**63),
        format: str = Query("sse", pattern="^(sse|json)$"),
        wait: float = Query(0.0, ge=0, le=LONGEST_WAIT_S),
    ) -> Response:
        """Stream a job's events; with `format=json` wait at most `wait` seconds for a list."""
        after = max(after, last_event_id)
        await asyncio.to_thread(check_job, app, job_id)
        last = await asyncio.to_thread(app.journal.last_number, job_id)
        if format == "json":
            return JSONResponse(await _collect(app, job_id, after, wait))
        if app.journal.ended(job_id) and after >= last:
            return Response(status_code=204)  # tells EventSource not to come back
        return _stream(_job_events(app, job_id, after))

    @routes.get("/events", response_model=None)
    async def follow_all(after: int | None = None, last_event_id: int = Header(0)) -> Response:
        """Stream the state of every job that begins, gains a picture, moves or ends."""
        start = app.journal.newest_change if after is None and not last_event_id else 0
        return _stream(_changes(app, max(start, after or 0, last_event_id)))

    return routes


def _stream(lines: AsyncIterator[str]) -> StreamingResponse:
    return StreamingResponse(lines, media_type="text/event-stream", headers=STREAM_HEADERS)


def _line(number: int, kind: str, body: dict[str, Any]) -> str:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"


async def _job_events(app: App, job_id: str, after: int) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    while True:
        async for number, event in app.follow_async(job_id, after, HEARTBEAT_S):
            yield _line(number, type(event).__name__, event_body(job_id, number, event))
            after = number
        if app.journal.over(job_id, after):
            return
        yield KEEP_ALIVE


async def _changes(app: App, after: int) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    while not app.journal.closed:
        async for number, job_id in app.journal.follow_changes(after, HEARTBEAT_S):
            after = number
            if job_id == QUEUE:
                body = await asyncio.to_thread(queue_body, app)
                yield _line(number, "queue", body)
            elif await asyncio.to_thread(_visible, app, job_id):
                snapshot = await asyncio.to_thread(app.snapshot, job_id)
                yield _line(number, "job", job_body(snapshot))
        yield KEEP_ALIVE


def _visible(app: App, job_id: str) -> bool:
    """Whether the follower may see a job, which a full disk may not have taken yet."""
    try:
        check_job(app, job_id)
        app.journal.last_number(job_id)
    except NotFound:
        return False
    return True


async def _collect(app: App, job_id: str, after: int, wait: float) -> dict[str, Any]:
    """Return what is new now, or the first new thing within `wait` seconds."""
    entries = app.journal.since(job_id, after)
    if not entries and wait and not app.journal.ended(job_id):
        async for _ in app.follow_async(job_id, after, wait):
            break
        entries = app.journal.since(job_id, after)
    return {
        "events": [event_body(job_id, number, event) for number, event in entries],
        "ended": bool(entries) and isinstance(entries[-1].event, ENDINGS),
        "last_event": entries[-1].number if entries else after,
    }
