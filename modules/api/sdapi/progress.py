"""What is being drawn right now, and the two buttons."""

import base64
import time

from fastapi import APIRouter

from modules.api.own import current_of
from modules.api.sdapi.schemas import ProgressResponse, ProgressState
from modules.service.app import App
from modules.service.job import Snapshot
from modules.service.thumbnails import converted

HEAD_START = 0.01
"""A1111 shows this much as soon as a job runs; clients take 0 for "idle"."""


def progress_routes(app: App) -> APIRouter:
    """Routes about the running job."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])

    @routes.get("/progress", response_model=ProgressResponse)
    def progress(skip_current_image: bool = False) -> ProgressResponse:
        """Say how far the running job is; all zero when nothing of the visitor's runs."""
        snapshot = current_of(app)
        if snapshot is None:
            return ProgressResponse()
        return _describe(app, snapshot, with_image=not skip_current_image)

    @routes.post("/interrupt")
    def interrupt() -> dict[str, str]:
        """Stop the running job; finished pictures are returned."""
        snapshot = current_of(app)
        if snapshot is not None:
            app.stop(snapshot.id)
        return {}

    @routes.post("/skip")
    def skip() -> None:
        """Leave the batch being drawn."""
        snapshot = current_of(app)
        if snapshot is not None:
            app.skip(snapshot.id)

    return routes


def _describe(app: App, snapshot: Snapshot, *, with_image: bool) -> ProgressResponse:
    cancel = app.queue.find(snapshot.id).cancel
    batches = snapshot.task.batch.n_iter if snapshot.task.script is None else snapshot.batches
    count = max(1, batches)
    steps = snapshot.steps or snapshot.task.sampling.steps
    done = HEAD_START + snapshot.batch / count + snapshot.step / (count * steps)
    done = min(1.0, done)
    elapsed = time.time() - (snapshot.started or snapshot.created)
    state = ProgressState(
        skipped=cancel.skipping,
        interrupted=cancel.stopped,
        job="scripts_txt2img" if count == 1 else f"Batch {snapshot.batch + 1} out of {count}",
        job_count=count,
        job_timestamp=time.strftime("%Y%m%d%H%M%S", time.localtime(snapshot.started)),
        job_no=snapshot.batch,
        sampling_step=snapshot.step,
        sampling_steps=steps,
    )
    return ProgressResponse(
        progress=done,
        eta_relative=elapsed / done - elapsed,
        state=state,
        current_image=_preview(app, snapshot.id) if with_image else None,
        textinfo=f"Loading {snapshot.loading}" if snapshot.loading else None,
    )


def _preview(app: App, job_id: str) -> str | None:
    """Encode the newest preview in the format pictures are saved in, as clients expect."""
    newest = app.journal.preview(job_id)
    if newest is None:
        return None
    data = converted(newest[1].jpeg, app.settings.settings.saving)
    return base64.b64encode(data).decode("ascii")
