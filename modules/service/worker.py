"""From the queue to an engine and back: drives each job to exactly one ending."""

import logging
from dataclasses import replace

from modules.errors import EngineDown, Interrupted, WebUIError
from modules.schema.event import Event, Failed, Finished, ImageReady, Notice, Stopped
from modules.service.drawing import Workplace, draw_all, learned
from modules.service.job import Job
from modules.service.scripts.runner import forget_script, run_script
from modules.service.wording import with_words

log = logging.getLogger(__name__)


def run_job(job: Job, place: Workplace) -> bool:
    """Drive `job` to an ending. Whatever the engine does, followers see exactly one.

    Returns False if there is none because the program is closing or the job was parked: it goes on
    later at the first picture that is not finished.
    """
    closing = place.closing
    ending: Event
    try:
        _draw(job, place)
        ending = Finished()
    except Interrupted:
        if closing.is_set() or job.parked.is_set():
            learned(job, place, finished=False)
            return False
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
    _end(job, ending, place)
    return True


def _draw(job: Job, place: Workplace) -> None:
    """Draw what is asked for, with a script or without; a grid also of what a stop left."""
    if job.task.script is not None:
        run_script(job, place)
        return
    try:
        draw_all(job, place)
    except Interrupted:
        if not (place.closing.is_set() or job.parked.is_set()):
            _save_grid(job, place)
        raise
    _save_grid(job, place)


def _end(job: Job, ending: Event, place: Workplace) -> None:
    """Write the ending, in one transaction with the job that follows if this one goes on forever.

    One that failed has no sequel: it would only fail again.
    """
    sequel = _sequel(job, place) if isinstance(ending, Finished) else None
    also = learned(job, place, finished=isinstance(ending, Finished))
    if sequel:
        also += (*place.queue.statements(sequel), place.queue.as_endless(sequel, job))
    place.journal.append(job.id, ending, also=also)
    if job.task.script is not None:
        forget_script(job, place)
    if sequel:
        place.journal.announce(sequel.id)
        place.queue.announce()


def _sequel(job: Job, place: Workplace) -> Job | None:
    """The job that follows this one, with texts of its own; None if none does."""
    sequel = place.queue.sequel(job)
    if sequel is None or not job.task.wordings:
        return sequel
    try:
        return replace(sequel, task=with_words(sequel.task, place.paths))
    except WebUIError as error:
        place.journal.append(job.id, Notice(message=f"Nothing follows this job: {error}"))
        return None


def _save_grid(job: Job, place: Workplace) -> None:
    """Lay the job's pictures out in one, if the settings ask for it."""
    try:
        kept = place.gallery.keep_grid(job)
    except WebUIError as error:
        place.journal.append(job.id, Notice(message=f"The grid could not be made: {error}"))
        return
    if kept is not None:
        place.journal.append(job.id, ImageReady(image=kept.image), also=kept.statements)
        if place.preflight is not None:
            place.preflight.saved(job, kept.image.path)
