"""From the queue to an engine and back: drives each job to exactly one ending."""

import logging
import threading
from collections import Counter
from dataclasses import dataclass

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
from modules.service.gallery import Gallery, Moved
from modules.service.job import Job
from modules.service.journal import QUEUE, Journal
from modules.service.queue import JobQueue
from modules.service.saving import FolderRefuses

log = logging.getLogger(__name__)

DEADLY = 6
"""Deaths of the engine at one picture that are no accident; one while at work counts twice."""
LOOK_AGAIN_S = 2.0
"""Seconds until a disk that refused a picture is tried again."""


@dataclass(frozen=True)
class Workplace:
    """What a job is driven with."""

    engine: Engine
    journal: Journal
    gallery: Gallery
    queue: JobQueue
    closing: threading.Event
    """Set when the program ends."""


def run_job(job: Job, place: Workplace) -> bool:
    """Drive `job` to an ending. Whatever the engine does, followers see exactly one.

    Returns False if there is none because the program is closing or the job was parked: it goes on
    later at the first picture that is not finished.
    """
    journal, closing = place.journal, place.closing
    ending: Event
    try:
        _draw_all(job, place)
        _save_grid(job, journal, place.gallery)
        ending = Finished()
    except Interrupted:
        if closing.is_set() or job.parked.is_set():
            return False
        _save_grid(job, journal, place.gallery)
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


def _end(job: Job, ending: Event, place: Workplace) -> None:
    """Write the ending, in one transaction with the job that follows if this one goes on forever.

    One that failed has no sequel: it would only fail again.
    """
    sequel = place.queue.sequel(job) if isinstance(ending, Finished) else None
    also = place.queue.statements(sequel) if sequel else ()
    place.journal.append(job.id, ending, also=also)
    if sequel:
        place.journal.announce(sequel.id)
        place.queue.announce()


def _draw_all(job: Job, place: Workplace) -> None:
    """Draw every picture that is not finished; go on after the engine died, if that helps.

    Several deaths at the same picture mean that the task itself is deadly: EngineDown.
    """
    journal, closing = place.journal, place.closing
    total = job.task.batch.total
    deaths = Counter[int]()
    interrupted = journal.begun(job.id)
    while (start := journal.next_image(job.id)) < total:
        if job.cancel.stopped:
            raise Interrupted("Stopped on request.")
        refusal = place.gallery.trouble(job)
        if refusal is not None:
            _wait_for_room(job, refusal, place)
            continue
        journal.append(job.id, Started(start_image=start, images=total))
        weight = 1
        try:
            for event in place.engine.run(job.task, job.cancel, start):
                weight = 2
                _record(job, event, journal, place.gallery, look_first=interrupted)
            return
        except FolderRefuses as error:
            _wait_for_room(job, error, place)
        except EngineDown as error:
            at = journal.next_image(job.id)
            deaths[at] += weight
            if deaths[at] >= DEADLY or closing.is_set():
                raise
            going_on = f"Going on at picture {at + 1}." if at else "Trying again."
            journal.append(job.id, Notice(message=f"{error.message} {going_on}"))


def _wait_for_room(job: Job, refusal: WebUIError, place: Workplace) -> None:
    """Draw nothing until the disk takes pictures again, then bring home what was kept elsewhere.

    Raises Interrupted if the job is stopped or the program closes meanwhile.
    """
    log.warning("Job %s waits: %s", job.id, refusal)
    place.journal.append(job.id, Notice(message=f"{refusal} Drawing goes on when that is over."))
    place.queue.trouble = str(refusal)
    place.journal.announce(QUEUE)
    moved: list[Moved] = []
    try:
        while not _all_home(job, moved, place):
            place.closing.wait(LOOK_AGAIN_S)
            if job.cancel.stopped or place.closing.is_set():
                raise Interrupted("Stopped on request.")
    finally:
        place.queue.trouble = ""
        place.journal.announce(QUEUE)
        notice = Notice(message="The disk takes pictures again.")
        if moved:
            place.journal.append(job.id, notice, also=[one.statement for one in moved])
        for one in moved:
            one.tidy()


def _all_home(job: Job, moved: list[Moved], place: Workplace) -> bool:
    """Whether the disk takes pictures, and all that were kept elsewhere; adds those to `moved`."""
    if place.gallery.trouble(job) is not None:
        return False
    came, refusal = place.gallery.bring_home(place.queue.find)
    moved += came
    return refusal is None


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
