"""Routes for the line as a whole: what runs, what waits, whether it moves."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from modules.api.own import own_jobs
from modules.service.app import App
from modules.service.control import PAUSED_BY_HAND
from modules.service.visitor import require_admin


class Pause(BaseModel):
    """Why the line stands still; shown to everybody."""

    reason: str = Field(default=PAUSED_BY_HAND, max_length=200)


def queue_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/queue`."""
    routes = APIRouter(prefix="/api/v1/queue", tags=["jobs"])

    @routes.get("")
    def look() -> dict[str, Any]:
        """Tell what runs, what waits in which order, and why nothing moves if so."""
        return queue_body(app)

    @routes.post("/pause")
    def pause(body: Pause | None = None) -> dict[str, Any]:
        """Begin no more jobs, also after a restart; the running one is finished."""
        require_admin("pause the queue")
        app.control.pause((body or Pause()).reason)
        return queue_body(app)

    @routes.post("/resume")
    def resume() -> dict[str, Any]:
        """Go on after a pause."""
        require_admin("resume the queue")
        app.control.resume()
        return queue_body(app)

    return routes


def queue_body(app: App) -> dict[str, Any]:
    """Describe the line as the one who asks may see it: of other people's jobs only how many."""
    state = app.control.state()
    running, waiting = own_jobs(app, state.running), own_jobs(app, state.waiting)
    return {
        "running": running,
        "waiting": waiting,
        "others": len(state.running) + len(state.waiting) - len(running) - len(waiting),
        "paused": state.paused,
        "trouble": state.trouble,
    }
