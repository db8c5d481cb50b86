"""Drawing one job's pictures: each is on disk before the next begins, whatever happens between."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from modules.engine.engine import Engine
from modules.errors import EngineDown, Interrupted, WebUIError
from modules.extension.loader import Extensions
from modules.paths import Paths
from modules.schema.event import Event, ImageReady, Notice, Started
from modules.schema.inputs import ImageData
from modules.service.database import Statement
from modules.service.expect import expect_next
from modules.service.gallery import Gallery, Moved
from modules.service.job import Job
from modules.service.journal import QUEUE, Journal
from modules.service.preflight.desk import PreflightDesk
from modules.service.queue import JobQueue
from modules.service.saving import FolderRefuses

log = logging.getLogger(__name__)

DEADLY = 6
"""Deaths of the engine at one picture that are no accident; one while at work counts twice."""
LOOK_AGAIN_S = 2.0
"""Seconds until a disk that refused a picture is tried again."""

Heard = Callable[[Event, ImageData | None], None]
"""Told of an event as it is written down; with a picture's pixels, which are not."""


def unheard(event: Event, pixels: ImageData | None) -> None:
    """Take no notice of an event."""


@dataclass(frozen=True)
class Workplace:
    """What a job is driven with."""

    engine: Engine
    journal: Journal
    gallery: Gallery
    queue: JobQueue
    paths: Paths
    closing: threading.Event
    """Set when the program ends."""
    extensions: Extensions = field(default_factory=Extensions)
    preflight: PreflightDesk | None = None
    """Learns from what is drawn what to foretell of jobs like it."""


def draw_all(job: Job, place: Workplace, heard: Heard = unheard) -> None:
    """Draw every picture that is not finished; go on after the engine died, if that helps.

    `heard` is told of every event once it is written down. Several deaths at the same picture mean
    that the task itself is deadly: EngineDown.
    """
    journal, closing = place.journal, place.closing
    total = job.task.batch.total
    deaths = Counter[int]()
    interrupted = journal.begun(job.id)
    heard = measuring(job, place, heard)
    if job.settings.models.read_ahead:
        expect_next(job, place.queue, place.engine)
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
                _record(job, event, place, heard, look_first=interrupted)
            return
        except FolderRefuses as error:
            _wait_for_room(job, error, place)
        except EngineDown as error:
            at = journal.next_image(job.id)
            deaths[at] += weight
            if deaths[at] >= DEADLY or closing.is_set():
                raise
            going_on = f"Going on at picture {at + 1}." if at else "Trying again."
            notice = Notice(message=f"{error.message} {going_on}")
            journal.append(job.id, notice)
            heard(notice, None)


def measuring(job: Job, place: Workplace, heard: Heard) -> Heard:
    """`heard`, and a stopwatch beside it where jobs are learned from.

    What goes wrong in measuring is logged; the job goes on without it.
    """
    if place.preflight is None:
        return heard
    try:
        watch = place.preflight.watch(job)
    except Exception:
        log.exception("Job %s is not measured", job.id)
        return heard

    def both(event: Event, pixels: ImageData | None) -> None:
        watch.heard(event)
        heard(event, pixels)

    return both


def learned(job: Job, place: Workplace, *, finished: bool) -> tuple[Statement, ...]:
    """What to write down with a job's ending, of what it has taught."""
    if place.preflight is None:
        return ()
    try:
        return place.preflight.learn(job, finished=finished)
    except Exception:
        log.exception("Nothing is learned from job %s", job.id)
        return ()


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


def _record(job: Job, event: Event, place: Workplace, heard: Heard, *, look_first: bool) -> None:
    """Write an event down; a picture is saved before.

    With `look_first` an earlier process may have died after saving this very picture and before
    writing that down; then the file is taken as it is, so that there is exactly one.
    """
    if not isinstance(event, ImageReady):
        place.journal.append(job.id, event)
        heard(event, None)
        return
    image = place.extensions.change("before_save", "image", event.image, request=job.task)
    kept = place.gallery.keep(image, job, look_first=look_first)
    recorded = ImageReady(image=kept.image)
    place.journal.append(job.id, recorded, also=kept.statements)
    place.extensions.change("picture_saved", "image", kept.image, request=job.task)
    heard(recorded, image.image)
    if kept.problem is not None:
        raise kept.problem
