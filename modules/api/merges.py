"""Routes of the checkpoint merger: ask for a merge, watch it, stop it."""

from typing import Any

from fastapi import APIRouter, Body

from modules.api.coercion import coerce
from modules.errors import InvalidRequest, closest_hint
from modules.param import params_of
from modules.schema.codec import to_plain
from modules.schema.tasks import Merge
from modules.service.app import App
from modules.service.merge_desk import MergeRun
from modules.service.visitor import VISITOR, require_admin


def merge_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/merges`; merging writes model files, so it is for administrators."""
    routes = APIRouter(prefix="/api/v1/merges", tags=["models"])

    @routes.get("")
    def overview() -> dict[str, Any]:
        """List the checkpoints and VAEs there are, and the merges that are remembered."""
        require_admin("merge models")
        catalogue = app.catalogue()
        return {
            "checkpoints": [one.title for one in catalogue.checkpoints],
            "vaes": ["None", *catalogue.vaes],
            "runs": [run_body(run) for run in app.merges.runs()],
        }

    @routes.post("")
    def begin(body: dict[str, Any] = Body()) -> dict[str, Any]:  # noqa: B008
        """Put a merge in line; the fields are those of the page."""
        require_admin("merge models")
        return run_body(app.merges.submit(wish_of(body), VISITOR.get().name))

    @routes.get("/{run_id}")
    def state(run_id: str) -> dict[str, Any]:
        """Describe a merge."""
        require_admin("merge models")
        return run_body(app.merges.find(run_id))

    @routes.post("/{run_id}/stop")
    def stop(run_id: str) -> dict[str, Any]:
        """End a merge; nothing of it stays."""
        require_admin("merge models")
        app.merges.stop(run_id)
        return run_body(app.merges.find(run_id))

    return routes


def wish_of(body: dict[str, Any]) -> Merge:
    """What a body asks for. Raises InvalidRequest for a mistyped name or value."""
    known = {item.name: item for item in params_of(Merge)}
    for name in body:
        if name not in known:
            raise InvalidRequest(f"There is no field {name!r:.80}.", closest_hint(name, known))
    return Merge(**{name: coerce(known[name], value) for name, value in body.items()})


def run_body(run: MergeRun) -> dict[str, Any]:
    """Describe a merge."""
    error = run.error
    return {
        "id": run.id,
        "status": run.status,
        "created": run.created,
        "name": run.task.name,
        "wish": to_plain(run.task),
        "done": run.done,
        "total": run.total,
        "fraction": round(run.fraction, 4),
        "notices": list(run.notices),
        "error": {"message": error.message, "hint": error.hint} if error else None,
    }
