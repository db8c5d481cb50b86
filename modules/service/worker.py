"""From the queue to an engine and back: drives each job to exactly one ending."""

import logging
import threading

from modules.engine.engine import Engine
from modules.errors import EngineDown, Interrupted, WebUIError
from modules.schema.event import (
    Event,
    Failed,
    Finished,
    ImageReady,
    Notice,
    Started,
    Stopped,
)
from modules.service.gallery import Gallery
from modules.service.job import Job
from modules.service.journal import Journal

log = logging.getLogger(__name__)


def run_job(
    job: Job, engine: Engine, journal: Journal, gallery: Gallery, closing: threading.Event
) -> bool:
    """Drive `job` to an ending. Whatever the engine does, followers see exactly one.

    Returns False if there is none because the program is `closing`: the job goes on after the next
    start, at the first picture that is not finished.
    """
    ending: Event
    try:
        _draw_all(job, engine, journal, gallery, closing)
        _save_grid(job, journal, gallery)
        ending = Finished()
    except Interrupted:
        if closing.is_set():
            return False
        _save_grid(job, journal, gallery)
        ending = Stopped()
    except WebUIError as error:
        if closing.is_set() and isinstance(error, EngineDown):
            return False
        log.warning("Job %s failed: %s", job.id, error)
        ending = Failed(message=error.message, hint=error.hint)
    except Exception:
        log.exception("Job %s broke", job.id)
        ending = Failed(
            message="Something broke inside the web UI.", hint=f"Look for job {job.id} in the log."
        )
    journal.append(job.id, ending)
    return True


def _draw_all(
    job: Job, engine: Engine, journal: Journal, gallery: Gallery, closing: threading.Event
) -> None:
    """Draw every picture that is not finished; go on after the engine died, if that helps.

    A second death at the same picture means that the task itself is deadly: EngineDown.
    """
    total = job.task.batch.total
    deadly = -1
    interrupted = journal.begun(job.id)
    while (start := journal.next_image(job.id)) < total:
        if job.cancel.stopped:
            raise Interrupted("Stopped on request.")
        journal.append(job.id, Started(start_image=start, images=total))
        try:
            for event in engine.run(job.task, job.cancel, start):
                _record(job, event, journal, gallery, look_first=interrupted)
            return
        except EngineDown as error:
            at = journal.next_image(job.id)
            if at == deadly or closing.is_set():
                raise
            deadly = at
            going_on = f"Going on at picture {at + 1}." if at else "Trying again."
            journal.append(job.id, Notice(message=f"{error.message} {going_on}"))


def _record(
    job: Job, event: Event, journal: Journal, gallery: Gallery, *, look_first: bool
) -> None:
    """Write an event down; a picture is saved before.

    With `look_first` an earlier process may have died after saving this very picture and before
    writing that down; then the file is taken as it is, so that there is exactly one.
    """
    if not isinstance(event, ImageReady):
        journal.append(job.id, event)
        return
    kept = gallery.keep(event.image, job, look_first=look_first)
    journal.append(job.id, ImageReady(image=kept.image), also=kept.statements)
    if kept.problem is not None:
        raise kept.problem


def _save_grid(job: Job, journal: Journal, gallery: Gallery) -> None:
    """Lay the job's pictures out in one, if the settings ask for it."""
    try:
        kept = gallery.keep_grid(job)
    except WebUIError as error:
        journal.append(job.id, Notice(message=f"The grid could not be made: {error}"))
        return
    if kept is not None:
        journal.append(job.id, ImageReady(image=kept.image), also=kept.statements)
