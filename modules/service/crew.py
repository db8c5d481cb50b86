"""The threads that work off the line, and others that are waited for when the program ends."""

import logging
import threading
from collections.abc import Callable

from modules.errors import WebUIError
from modules.service.drawing import Workplace
from modules.service.worker import run_job

log = logging.getLogger(__name__)

PAUSE_S = 2.0
"""Seconds until a worker looks again after the disk refused it."""
CLOSING_S = 10.0
"""Seconds a running job gets to leave the engine when the program ends."""


class Crew:
    """Takes jobs out of the line at `place` and drives each to its ending."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._threads: list[threading.Thread] = []

    def work(self, hands: int) -> None:
        """Begin to take jobs, so many at a time."""
        for number in range(hands):
            self.begin(self._work, f"worker-{number}")

    def begin(self, work: Callable[[], None], name: str) -> None:
        """Start a thread that `join` waits for, so that none outlives the database."""
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        """Wait for all of them, each for `CLOSING_S` at most."""
        for thread in self._threads:
            thread.join(CLOSING_S)

    def _work(self) -> None:
        place = self._place
        while not place.closing.is_set():
            try:
                self._work_once()
            except WebUIError as error:  # the line cannot be read or written just now
                log.error("%s", error)
                place.queue.trouble = str(error)
                place.closing.wait(PAUSE_S)
                place.queue.trouble = ""

    def _work_once(self) -> None:
        place = self._place
        job = place.queue.take()
        if job is None:
            return
        if run_job(job, place):
            place.queue.forget(job.id)
        elif place.closing.is_set():
            place.queue.release(job.id)
        else:
            place.queue.park(job.id)
            place.journal.announce(job.id)
