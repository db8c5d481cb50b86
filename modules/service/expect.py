"""Models kept, and looked ahead for: the next job's is read while this one draws."""

import logging

from modules.engine.engine import Engine
from modules.engine.shelf import Keeping
from modules.errors import WebUIError
from modules.service.job import Job
from modules.service.queue import JobQueue
from modules.service.resolve import find_checkpoint
from modules.settings.sections.models import ModelMemory

log = logging.getLogger(__name__)

LOOK_AT = 20
"""Waiting jobs that are looked at."""


def keeping(wish: ModelMemory) -> Keeping:
    """How many models the engine keeps, by the owner's settings."""
    return Keeping(wish.loaded + wish.older, wish.gigabytes)


def expect_next(job: Job, queue: JobQueue, engine: Engine) -> None:
    """Tell `engine` which checkpoint is wanted after `job`'s, if another one is."""
    try:
        waiting = sorted(queue.ahead().items(), key=lambda item: item[1])[:LOOK_AT]
        for job_id, _ in waiting:
            wanted = queue.find(job_id).task.models.checkpoint
            if wanted and wanted != job.task.models.checkpoint:
                engine.expect(find_checkpoint(wanted, engine.catalogue().checkpoints).path)
                return
    except WebUIError as error:
        log.debug("The next model is not read ahead: %s", error)
