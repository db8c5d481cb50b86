"""The numbered events of every job: written once, followed by anyone at any time."""

import asyncio
import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from modules.errors import NotFound, WebUIError
from modules.schema.codec import event_from_json, event_to_json
from modules.schema.event import (
    Event,
    Failed,
    Finished,
    ImageReady,
    Loading,
    Preview,
    Progress,
    Queued,
    Started,
    Stopped,
)
from modules.service.database import Database, Statement
from modules.service.job import FAILED, FINISHED, RUNNING, STOPPED

log = logging.getLogger(__name__)

FLEETING = (Progress, Preview, Loading)
"""Kinds of which only the newest is worth anything; they never touch the disk."""
ENDINGS = (Finished, Stopped, Failed)
STATE_AFTER: dict[type, str] = {
    Started: RUNNING,
    Finished: FINISHED,
    Stopped: STOPPED,
    Failed: FAILED,
}
REMEMBERED = 64
"""Ended jobs whose events stay in memory."""
QUEUE = ""
"""Instead of a job's id: the line as a whole changed, such as by a pause."""
BLOCK = 1000
"""Event numbers set aside on disk at a time, so that none is given twice after a crash."""


class Entry(NamedTuple):
    """An event with its number in the job; numbers grow, but fleeting ones may be missing."""

    number: int
    event: Event


@dataclass
class _Stream:
    """What is known about one job's events."""

    lasting: list[Entry] = field(default_factory=list)
    fleeting: dict[type, Entry] = field(default_factory=dict)
    number: int = 0
    reserved: int = 0
    ended: bool = False
    writing: threading.Lock = field(default_factory=threading.Lock)


class Journal:
    """Appends events and lets any number of followers read them, from the first or from the middle.

    An event is on disk before anyone sees it (R-19). Thread-safe; readers never wait for the disk.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._watchers: dict[str, list[Callable[[], None]]] = {}
        self._change = time.time_ns() // 1_000_000
        self._changes: OrderedDict[str, int] = OrderedDict()
        self._unwritten: list[Statement] = []
        """What a full disk did not take; goes with the next event, of whatever job."""
        self.closed = False

    def append(self, job_id: str, event: Event, also: Sequence[Statement] = ()) -> int:
        """Number `event`, write it together with `also` in one transaction, wake the followers.

        If the disk refuses, followers get the event all the same, and it is written with the next.
        """
        stream = self._open(job_id)
        with stream.writing:
            number = stream.number + 1
            try:
                self._write(job_id, stream, Entry(number, event), also)
            except WebUIError as error:
                log.error("Job %s: %s is kept in memory. %s", job_id, type(event).__name__, error)
            with self._lock:
                self._publish(job_id, stream, Entry(number, event))
        self._wake(job_id)
        return number

    def _write(self, job_id: str, stream: _Stream, entry: Entry, also: Sequence[Statement]) -> None:
        statements = list(also)
        if entry.number > stream.reserved:
            stream.reserved = entry.number + BLOCK
            reserve = "UPDATE jobs SET reserved = ? WHERE id = ?"
            statements.append((reserve, (stream.reserved, job_id)))
        if not isinstance(entry.event, FLEETING):
            insert = "INSERT INTO events (job, number, body) VALUES (?, ?, ?)"
            statements.append((insert, (job_id, entry.number, event_to_json(entry.event))))
        state = STATE_AFTER.get(type(entry.event))
        if state is not None:
            column = "ended" if isinstance(entry.event, ENDINGS) else "started"
            change = f"UPDATE jobs SET state = ?, {column} = ? WHERE id = ?"
            statements.append((change, (state, time.time(), job_id)))
        with self._lock:
            statements, self._unwritten = [*self._unwritten, *statements], []
        if statements:
            try:
                self._database.write(*statements)
            except WebUIError:
                with self._lock:
                    self._unwritten = [*statements, *self._unwritten]
                raise

    def _publish(self, job_id: str, stream: _Stream, entry: Entry) -> None:
        stream.number = entry.number
        if isinstance(entry.event, FLEETING):
            stream.fleeting[type(entry.event)] = entry
            return
        stream.lasting.append(entry)
        if isinstance(entry.event, (ImageReady, Started, *ENDINGS)):
            stream.fleeting.pop(Preview, None)
            stream.fleeting.pop(Loading, None)
        stream.ended = isinstance(entry.event, ENDINGS)
        self._mark_changed(job_id)

    def announce(self, job_id: str) -> None:
        """Tell the followers of all jobs that this one is new or has moved."""
        with self._lock:
            self._mark_changed(job_id)
        self._wake(job_id)

    def _mark_changed(self, job_id: str) -> None:
        self._change += 1
        self._changes[job_id] = self._change
        self._changes.move_to_end(job_id)
        while len(self._changes) > 1000:
            self._changes.popitem(last=False)

    def _open(self, job_id: str) -> _Stream:
        """Return a job's stream, from the database if it is not in memory. Raises NotFound."""
        with self._lock:
            if job_id in self._streams:
                return self._streams[job_id]
        row = self._database.row("SELECT reserved FROM jobs WHERE id = ?", (job_id,))
        if row is None:
            raise NotFound("job", job_id)
        rows = self._database.rows(
            "SELECT number, body FROM events WHERE job = ? ORDER BY number", (job_id,)
        )
        lasting = [Entry(line["number"], event_from_json(line["body"])) for line in rows]
        stream = _Stream(lasting=lasting, number=row["reserved"], reserved=row["reserved"])
        newest = lasting[-1] if lasting else Entry(0, Queued())
        stream.ended = isinstance(newest.event, ENDINGS)
        stream.number = newest.number if stream.ended else max(row["reserved"], newest.number)
        with self._lock:
            stream = self._streams.setdefault(job_id, stream)
            self._drop_old()
        return stream

    def _drop_old(self) -> None:
        ended = [job_id for job_id, stream in self._streams.items() if stream.ended]
        for job_id in ended[: max(0, len(ended) - REMEMBERED)]:
            del self._streams[job_id]

    def since(self, job_id: str, after: int = 0) -> list[Entry]:
        """Return what is known with a number above `after`, in order. Raises NotFound."""
        stream = self._open(job_id)
        with self._lock:
            found = [entry for entry in stream.fleeting.values() if entry.number > after]
            for entry in reversed(stream.lasting):
                if entry.number <= after:
                    break
                found.append(entry)
        return sorted(found, key=lambda entry: entry.number)

    def last_number(self, job_id: str) -> int:
        """Return the number of the newest event of a job. Raises NotFound."""
        return self._open(job_id).number

    def ended(self, job_id: str) -> bool:
        """Whether a job has ended. Raises NotFound."""
        return self._open(job_id).ended

    def preview(self, job_id: str) -> tuple[int, Preview] | None:
        """Return the newest preview of a picture that is being drawn, with its event's number."""
        entry = self._open(job_id).fleeting.get(Preview)
        if entry is None or not isinstance(entry.event, Preview):
            return None
        return entry.number, entry.event

    def next_image(self, job_id: str) -> int:
        """Return the index of the first picture that is not finished."""
        done = [
            entry.event.image.index
            for entry in self._open(job_id).lasting
            if isinstance(entry.event, ImageReady) and entry.event.image.kind == "image"
        ]
        return max(done, default=-1) + 1

    def begun(self, job_id: str) -> bool:
        """Whether drawing has started before. Raises NotFound."""
        return any(isinstance(entry.event, Started) for entry in self._open(job_id).lasting)

    def follow(self, job_id: str, after: int = 0, timeout: float | None = None) -> Iterator[Entry]:
        """Yield events above `after`, missed ones first, until the ending.

        Also returns when nothing came for `timeout` seconds, or when the program closes.
        """
        bell = threading.Event()
        with self._watching(job_id, bell.set):
            while True:
                bell.clear()
                entries = self.since(job_id, after)
                for entry in entries:
                    yield entry
                    after = entry.number
                if self.over(job_id, after):
                    return
                if not entries and not bell.wait(timeout):
                    return

    async def follow_async(
        self, job_id: str, after: int = 0, timeout: float | None = None
    ) -> AsyncIterator[Entry]:
        """Do what `follow` does without ever holding up the event loop."""
        await asyncio.to_thread(self._open, job_id)
        bell = asyncio.Event()
        with self._watching(job_id, _threadsafe(bell)):
            while True:
                bell.clear()
                entries = self.since(job_id, after)
                for entry in entries:
                    yield entry
                    after = entry.number
                if self.over(job_id, after):
                    return
                if not entries and not await _rings(bell, timeout):
                    return

    def over(self, job_id: str, after: int) -> bool:
        """Whether a follower who has seen `after` need not wait: nothing more will come."""
        stream = self._open(job_id)
        return self.closed or (stream.ended and stream.number <= after)

    @property
    def newest_change(self) -> int:
        """Number of the last change to any job; where a new follower of all jobs begins."""
        return self._change

    def changes_since(self, after: int) -> list[tuple[int, str]]:
        """Return (number, job id) of jobs that changed after `after`, oldest change first."""
        with self._lock:
            return [(number, job_id) for job_id, number in self._changes.items() if number > after]

    async def follow_changes(
        self, after: int, timeout: float | None = None
    ) -> AsyncIterator[tuple[int, str]]:
        """Yield (number, job id) whenever a job began, gained a picture or ended.

        The id is `QUEUE` if the line itself was paused or goes on.
        """
        bell = asyncio.Event()
        with self._watching("", _threadsafe(bell)):
            while not self.closed:
                bell.clear()
                changes = self.changes_since(after)
                for number, job_id in changes:
                    yield number, job_id
                    after = number
                if not changes and not await _rings(bell, timeout):
                    return

    @contextlib.contextmanager
    def _watching(self, job_id: str, wake: Callable[[], None]) -> Iterator[None]:
        """Have `wake` called on every event of a job, or of all jobs if `job_id` is empty."""
        with self._lock:
            self._watchers.setdefault(job_id, []).append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._watchers[job_id].remove(wake)
                if not self._watchers[job_id]:
                    del self._watchers[job_id]

    def _wake(self, job_id: str) -> None:
        with self._lock:
            watchers = [*self._watchers.get(job_id, ()), *self._watchers.get("", ())]
        for wake in watchers:
            wake()

    def close(self) -> None:
        """Let every follower return."""
        with self._lock:
            self.closed = True
            watchers = [wake for group in self._watchers.values() for wake in group]
        for wake in watchers:
            wake()


def _threadsafe(bell: asyncio.Event) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and its followers with it
            loop.call_soon_threadsafe(bell.set)

    return wake


async def _rings(bell: asyncio.Event, timeout: float | None) -> bool:
    try:
        await asyncio.wait_for(bell.wait(), timeout)
    except TimeoutError:
        return False
    return True
