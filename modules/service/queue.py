"""The line of waiting jobs, kept on disk so that a restart forgets none."""

import os
import threading
import time
import uuid

import psutil

from modules.errors import NotFound
from modules.schema.codec import event_to_json, from_json, to_json
from modules.schema.event import Queued
from modules.schema.tasks import Task
from modules.service.database import Database
from modules.service.job import ENDED, RUNNING, WAITING, Job
from modules.settings.settings import Settings


class JobQueue:
    """First come, first served within a priority. Thread-safe.

    Several processes may share one database (the server and a command line); each runs only the
    jobs it owns. `adopt` takes over what a process that no longer lives left behind.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owner = own_token()
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._closed = False

    def add(self, job: Job) -> None:
        """Write `job` and its Queued event; both are on disk when this returns."""
        sql = (
            "INSERT INTO jobs (id, state, priority, owner, origin, save, task, settings, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        values = (job.id, WAITING, job.priority, self._owner, job.origin, job.save)
        texts = (to_json(job.task), to_json(job.settings))
        with self._changed:
            queued = event_to_json(Queued(position=self.count()))
            self._database.write(
                (sql, (*values, *texts, job.created or time.time())),
                ("INSERT INTO events (job, number, body) VALUES (?, 1, ?)", (job.id, queued)),
            )
            self._jobs[job.id] = job

    def announce(self) -> None:
        """Wake the workers: there may be something to take."""
        with self._changed:
            self._changed.notify_all()

    def take(self) -> Job | None:
        """Wait for the next job and mark it running; None once the queue is closed."""
        with self._changed:
            while not self._closed:
                row = self._database.row(
                    "SELECT id FROM jobs WHERE state = ? AND owner = ?"
                    " ORDER BY priority DESC, sequence LIMIT 1",
                    (WAITING, self._owner),
                )
                if row is not None:
                    update = ("UPDATE jobs SET state = ? WHERE id = ?", (RUNNING, row["id"]))
                    self._database.write(update)
                    return self.find(row["id"])
                self._changed.wait()
        return None

    def count(self) -> int:
        """Return how many jobs of this process have not ended."""
        sql = "SELECT count(*) FROM jobs WHERE state IN (?, ?) AND owner = ?"
        row = self._database.row(sql, (WAITING, RUNNING, self._owner))
        return int(row[0]) if row else 0

    def withdraw(self, job_id: str) -> bool:
        """Take a job that still waits out of the line; False if it no longer waits."""
        with self._changed, self._database.transaction() as connection:
            sql = "UPDATE jobs SET state = 'stopped' WHERE id = ? AND state = ?"
            return connection.execute(sql, (job_id, WAITING)).rowcount == 1

    def release(self, job_id: str) -> None:
        """Put a job that was begun back into the line, for whoever opens the database next."""
        sql = "UPDATE jobs SET state = ?, owner = '' WHERE id = ?"
        self._database.write((sql, (WAITING, job_id)))

    def adopt(self) -> list[str]:
        """Take over unfinished jobs whose process is gone; return their ids in order."""
        rows = self._database.rows(
            "SELECT id, owner FROM jobs WHERE state IN (?, ?) ORDER BY priority DESC, sequence",
            (WAITING, RUNNING),
        )
        orphans = [row["id"] for row in rows if not _alive(row["owner"])]
        sql = "UPDATE jobs SET state = ?, owner = ? WHERE id = ?"
        self._database.write(*((sql, (WAITING, self._owner, job_id)) for job_id in orphans))
        return orphans

    def find(self, job_id: str) -> Job:
        """Return a job, finished or not. Raises NotFound."""
        with self._changed:
            known = self._jobs.get(job_id)
            if known is not None:
                return known
            row = self._database.row("SELECT * FROM jobs WHERE id = ?", (job_id,))
            if row is None:
                raise NotFound("job", job_id)
            job = Job(
                id=row["id"],
                task=from_json(Task, row["task"]),
                settings=from_json(Settings, row["settings"]),
                save=bool(row["save"]),
                origin=row["origin"],
                priority=row["priority"],
                created=row["created"],
            )
            if row["state"] not in ENDED:
                self._jobs[job_id] = job
            return job

    def forget(self, job_id: str) -> None:
        """Drop an ended job from memory; its row stays."""
        with self._changed:
            self._jobs.pop(job_id, None)

    def running(self) -> list[str]:
        """Ids of the jobs this process is drawing, oldest first."""
        rows = self._database.rows(
            "SELECT id FROM jobs WHERE state = ? AND owner = ? ORDER BY sequence",
            (RUNNING, self._owner),
        )
        return [row["id"] for row in rows]

    def waiting(self) -> list[str]:
        """Ids of this process's waiting jobs in the order they will run."""
        rows = self._database.rows(
            "SELECT id FROM jobs WHERE state = ? AND owner = ? ORDER BY priority DESC, sequence",
            (WAITING, self._owner),
        )
        return [row["id"] for row in rows]

    def close(self) -> None:
        """Let every `take` return None. Waiting jobs stay on disk, free to be adopted."""
        with self._changed:
            self._closed = True
            sql = "UPDATE jobs SET owner = '' WHERE state = ? AND owner = ?"
            self._database.write((sql, (WAITING, self._owner)))
            self._changed.notify_all()


def own_token() -> str:
    """Name this process so that a later one can tell whether it still lives."""
    started = psutil.Process().create_time()
    return f"{os.getpid()}:{started:.2f}:{uuid.uuid4().hex[:8]}"


def _alive(token: str) -> bool:
    pid, _, rest = token.partition(":")
    if not pid:
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == rest.partition(":")[0]
    except psutil.NoSuchProcess:
        return False
