"""What people do to jobs once they are in line: stop, hold, move, change, repeat."""

from collections.abc import Iterable
from dataclasses import dataclass

from modules.errors import InvalidRequest
from modules.schema.event import Stopped
from modules.schema.tasks import Task
from modules.service.journal import QUEUE, Journal
from modules.service.queue import JobQueue

PAUSED_BY_HAND = "Paused by hand."
PRIORITIES = (-100, 100)


@dataclass(frozen=True)
class QueueState:
    """The line at a glance."""

    running: tuple[str, ...]
    waiting: tuple[str, ...]
    """As they will run, as far as can be foretold; those that are held come last."""
    paused: str
    """Why nothing new is begun on somebody's wish; "" if the line moves."""
    trouble: str
    """Why nothing is drawn though nobody said so, such as a full disk; "" if all is well."""


class Control:
    """Changes jobs and the line, and tells everybody who follows. Thread-safe."""

    def __init__(self, queue: JobQueue, journal: Journal) -> None:
        self._queue = queue
        self._journal = journal

    def state(self) -> QueueState:
        """Describe the line."""
        queue = self._queue
        running, waiting = tuple(queue.running()), tuple(queue.waiting())
        return QueueState(running, waiting, queue.paused, queue.trouble)

    def pause(self, reason: str = PAUSED_BY_HAND) -> None:
        """Begin no more jobs, also after a restart; the running one is finished."""
        self._queue.pause(reason or PAUSED_BY_HAND)
        self._journal.announce(QUEUE)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._queue.resume()
        self._journal.announce(QUEUE)

    def stop(self, job_id: str) -> None:
        """Take a waiting job out of the line, or end a running one, and all that belong to it.

        Harmless if it has ended. Raises NotFound.
        """
        job = self._queue.find(job_id)
        for child in self._queue.family(job_id):
            self.stop(child)
        if self._queue.withdraw(job_id):
            self._journal.append(job_id, Stopped())
            self._end_cells(job_id)
            self._queue.forget(job_id)
        else:
            job.parked.clear()
            job.cancel.stop()

    def _end_cells(self, job_id: str) -> None:
        """End the part that a held script was drawing; nobody will go on with it."""
        for row in self._queue.cells(job_id).values():
            if not row.ended:
                self._journal.append(row.id, Stopped())
                self._queue.forget(row.id)

    def stop_all(self, person: str | None = None) -> int:
        """Stop every job, or one person's; returns how many that were."""
        queue = self._queue
        jobs = [*reversed(queue.waiting()), *queue.running()]
        own = [one for one in jobs if person is None or queue.find(one).person == person]
        for job_id in own:
            self.stop(job_id)
        return len(own)

    def hold(self, job_id: str) -> None:
        """Keep a job until `let_go`; a running one goes on then at its next picture."""
        self._queue.hold(job_id)
        self._journal.announce(job_id)

    def let_go(self, job_id: str) -> None:
        """End what `hold` began."""
        self._queue.let_go(job_id)
        self._journal.announce(job_id)

    def move(self, job_id: str, before: str = "") -> None:
        """Put a waiting job right before another, or at the end. Raises NotFound."""
        self._queue.move(job_id, before)
        self.announce(self._queue.waiting())

    def set_priority(self, job_id: str, priority: int) -> None:
        """Higher goes first. Raises InvalidRequest or NotFound."""
        check_priority(priority)
        self._queue.set_priority(job_id, priority)
        self.announce(self._queue.waiting())

    def set_forever(self, job_id: str, forever: bool) -> None:
        """Say whether another one with a new seed follows when this one is finished."""
        self._queue.set_forever(job_id, forever)
        self._journal.announce(job_id)

    def change(self, job_id: str, task: Task, *, save: bool | None = None) -> None:
        """Have a waiting job draw `task`. Raises InvalidRequest once it has begun."""
        self._queue.edit(job_id, task, save=save)
        self._journal.announce(job_id)

    def announce(self, jobs: Iterable[str]) -> None:
        """Tell that jobs have another place in the line."""
        for job_id in jobs:
            self._journal.announce(job_id)


def check_priority(priority: int) -> None:
    """Raise InvalidRequest for a priority out of bounds."""
    low, high = PRIORITIES
    if not low <= priority <= high:
        raise InvalidRequest(f"The priority is {priority}, but must be from {low} to {high}.")
