"""The line of waiting jobs, kept on disk so that a restart forgets none."""

import os
import secrets
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import psutil

from modules.errors import InvalidRequest, NotFound
from modules.schema.codec import event_to_json, from_json, to_json
from modules.schema.event import Queued
from modules.schema.request import GenerationRequest
from modules.schema.tasks import Task
from modules.service.complete import RANDOM_SEEDS
from modules.service.database import Database, Statement
from modules.service.job import ENDED, RUNNING, WAITING, Job, new_id
from modules.service.order import Turns, Waiting
from modules.settings.settings import Settings

PAUSED = "paused"
"""Name of the note that says why nothing is taken out of the line."""


class CellRow(NamedTuple):
    """A part of a script's job, as the database has it."""

    id: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to draw."""
        return self.state in ENDED


class JobQueue:
    """Who waits, in which order, and whether anything is taken at all. Thread-safe.

    Several processes may share one database (the server and a command line); each runs only the
    jobs it owns. `adopt` takes over what a process that no longer lives left behind.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owner = own_token()
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._turns = Turns()
        self._closed = False
        self._paused = ""
        self.trouble = ""
        """Why nothing is drawn at this moment though nobody said so; such as a full disk."""

    def add(self, job: Job) -> None:
        """Write `job` and its Queued event; both are on disk when this returns."""
        with self._changed:
            self._database.write(*self.statements(job))
            self._jobs[job.id] = job

    def add_cell(self, job: Job, cell: int) -> None:
        """Write a job that its parent, a script, drives itself; it never stands in the line."""
        with self._changed:
            self._database.write(*self.statements(job, cell))
            self._jobs[job.id] = job

    def cells(self, job_id: str) -> dict[int, CellRow]:
        """The jobs that a script has begun, by their number."""
        rows = self._database.rows(
            "SELECT id, cell, state FROM jobs WHERE parent = ? AND cell IS NOT NULL", (job_id,)
        )
        return {row["cell"]: CellRow(row["id"], row["state"]) for row in rows}

    def lightened(self, job: Job) -> Statement:
        """What drops the pixels a cell started from, once it has ended: its parent has them."""
        task = to_json(without_pixels(job.task))
        return ("UPDATE jobs SET task = ? WHERE id = ?", (task, job.id))

    def statements(self, job: Job, cell: int | None = None) -> tuple[Statement, ...]:
        """What writes a job and its Queued event into the database, at the end of the line.

        With `cell`, the job is the part of that number of its parent, and runs already.
        """
        sql = (
            "INSERT INTO jobs (id, state, priority, owner, origin, save, task, settings, created,"
            " person, parent, model, forever, cell, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
            " ?, ?, ?, (SELECT ifnull(max(place), 0) + 1 FROM jobs))"
        )
        state = WAITING if cell is None else RUNNING
        values = (job.id, state, job.priority, self._owner, job.origin, job.save)
        texts = (to_json(job.task), to_json(job.settings), job.created or time.time())
        about = (job.person, job.parent, job.task.models.checkpoint, job.forever, cell)
        queued = event_to_json(Queued(position=self.count()))
        return (
            (sql, (*values, *texts, *about)),
            ("INSERT INTO events (job, number, body) VALUES (?, 1, ?)", (job.id, queued)),
        )

    def sequel(self, job: Job) -> Job | None:
        """The job that follows when `job` is finished, with another seed; None unless `forever`."""
        row = self._database.row("SELECT forever FROM jobs WHERE id = ?", (job.id,))
        if row is None or not row["forever"]:
            return None
        return replace(
            job,
            id=new_id(),
            task=_with_other_seed(job.task),
            parent=job.parent or job.id,
            forever=True,
            created=time.time(),
            cancel=type(job.cancel)(),
            parked=threading.Event(),
        )

    def as_endless(self, sequel: Job, job: Job) -> Statement:
        """What lets `sequel` be the last if `job` was told to end while it was being made."""
        sql = "UPDATE jobs SET forever = (SELECT forever FROM jobs WHERE id = ?) WHERE id = ?"
        return (sql, (job.id, sequel.id))

    def announce(self) -> None:
        """Wake the workers: there may be something to take."""
        with self._changed:
            self._changed.notify_all()

    def take(self) -> Job | None:
        """Wait for the next job and mark it running; None once the queue is closed."""
        with self._changed:
            while not self._closed:
                chosen = None if self._paused else self._turns.take(self._line())
                if chosen is not None:
                    update = ("UPDATE jobs SET state = ? WHERE id = ?", (RUNNING, chosen.id))
                    self._database.write(update)
                    return self.find(chosen.id)
                self._changed.wait()
        return None

    def _line(self) -> list[Waiting]:
        rows = self._database.rows(
            "SELECT id, priority, place, person, model, moved FROM jobs"
            " WHERE state = ? AND owner = ? AND NOT held AND cell IS NULL",
            (WAITING, self._owner),
        )
        return [Waiting(**{**dict(row), "moved": bool(row["moved"])}) for row in rows]

    def count(self) -> int:
        """Return how many jobs of this process have not ended."""
        sql = "SELECT count(*) FROM jobs WHERE state IN (?, ?) AND owner = ? AND cell IS NULL"
        row = self._database.row(sql, (WAITING, RUNNING, self._owner))
        return int(row[0]) if row else 0

    def pause(self, reason: str) -> None:
        """Take nothing more out of the line, also after a restart, until `resume`."""
        assert reason, "a pause has a reason"
        sql = "INSERT OR REPLACE INTO notes (name, value) VALUES (?, ?)"
        self._database.write((sql, (PAUSED, reason)))
        self._paused = reason

    def resume(self) -> None:
        """Go on after `pause`."""
        self._database.write(("DELETE FROM notes WHERE name = ?", (PAUSED,)))
        self._paused = ""
        self.announce()

    def stay_paused(self) -> None:
        """Remain paused if an earlier process was."""
        row = self._database.row("SELECT value FROM notes WHERE name = ?", (PAUSED,))
        self._paused = row["value"] if row else ""

    @property
    def paused(self) -> str:
        """Why nothing is taken out of the line on somebody's wish; "" if it moves."""
        return self._paused

    def withdraw(self, job_id: str) -> bool:
        """Take a job that still waits out of the line; False if it no longer waits."""
        with self._changed, self._database.transaction() as connection:
            sql = "UPDATE jobs SET state = 'stopped' WHERE id = ? AND state = ?"
            return connection.execute(sql, (job_id, WAITING)).rowcount == 1

    def edit(self, job_id: str, task: Task | None = None, *, save: bool | None = None) -> Job:
        """Change what a waiting job will draw. Raises InvalidRequest if it no longer waits."""
        with self._changed:
            job = self.find(job_id)
            changed = replace(job, task=task or job.task, save=job.save if save is None else save)
            sql = "UPDATE jobs SET task = ?, save = ?, model = ? WHERE id = ? AND state = ?"
            model = changed.task.models.checkpoint
            values = (to_json(changed.task), changed.save, model, job_id, WAITING)
            with self._database.transaction() as connection:
                if connection.execute(sql, values).rowcount != 1:
                    raise InvalidRequest(
                        "The job has begun and cannot be changed any more.",
                        "Stop it, or duplicate it and change the copy.",
                    )
            self._jobs[job_id] = changed
            return changed

    def set_priority(self, job_id: str, priority: int) -> None:
        """Let a job go before those of lower priority. Raises NotFound."""
        with self._changed:
            job = self.find(job_id)
            self._database.write(("UPDATE jobs SET priority = ? WHERE id = ?", (priority, job_id)))
            if job_id in self._jobs:
                self._jobs[job_id] = replace(job, priority=priority)

    def set_forever(self, job_id: str, forever: bool) -> None:
        """Say whether another one follows when this job is finished. Raises NotFound.

        What is to end ends whichever job of the row is named: the next may have begun by then.
        """
        job = self.find(job_id)
        if forever:
            self._database.write(("UPDATE jobs SET forever = 1 WHERE id = ?", (job_id,)))
        else:
            row = (job_id, job.parent or job_id, job.parent or job_id)
            sql = "UPDATE jobs SET forever = 0 WHERE forever AND (id IN (?, ?) OR parent = ?)"
            self._database.write((sql, row))

    def hold(self, job_id: str) -> None:
        """Keep a job from being taken until `let_go`; a running one leaves at once.

        Its finished pictures stay, and it goes on at the next one. Raises NotFound.
        """
        with self._changed:
            job = self.find(job_id)
            self._database.write(("UPDATE jobs SET held = 1 WHERE id = ?", (job_id,)))
            if job_id in self.running():
                job.parked.set()
                job.cancel.stop()

    def let_go(self, job_id: str) -> None:
        """End what `hold` began. Raises NotFound."""
        self.find(job_id)
        self._database.write(("UPDATE jobs SET held = 0 WHERE id = ?", (job_id,)))
        self.announce()

    def park(self, job_id: str) -> None:
        """Put a job that was begun back into the line of this process."""
        with self._changed:
            self._database.write(("UPDATE jobs SET state = ? WHERE id = ?", (WAITING, job_id)))
            self._jobs.pop(job_id, None)
            self._changed.notify_all()

    def move(self, job_id: str, before: str = "") -> None:
        """Put a waiting job right before another one, or at the end; nothing passes it then.

        It takes the other one's priority. Raises NotFound if either does not wait.
        """
        with self._changed:
            rows = self._database.rows(
                "SELECT id, place, priority FROM jobs WHERE state = ? AND owner = ?"
                " ORDER BY priority DESC, place",
                (WAITING, self._owner),
            )
            line = [row["id"] for row in rows if row["id"] != job_id]
            for wanted in (job_id, *((before,) if before else ())):
                if wanted not in {row["id"] for row in rows}:
                    raise NotFound("waiting job", wanted)
            at = line.index(before) if before and before != job_id else len(line)
            line.insert(at, job_id)
            neighbour = line[at + 1] if before and at + 1 < len(line) else line[at - 1]
            priority = next(row["priority"] for row in rows if row["id"] == neighbour)
            places = sorted(row["place"] for row in rows)
            place = "UPDATE jobs SET place = ? WHERE id = ?"
            self._database.write(
                *((place, (spot, one)) for spot, one in zip(places, line, strict=True)),
                ("UPDATE jobs SET moved = 1, priority = ? WHERE id = ?", (priority, job_id)),
            )
            self._jobs.pop(job_id, None)

    def release(self, job_id: str) -> None:
        """Put a job that was begun back into the line, for whoever opens the database next."""
        sql = "UPDATE jobs SET state = ?, owner = '' WHERE id = ?"
        self._database.write((sql, (WAITING, job_id)))

    def adopt(self) -> list[str]:
        """Take over unfinished jobs whose process is gone; return their ids in order."""
        rows = self._database.rows(
            "SELECT id, owner FROM jobs WHERE state IN (?, ?) AND cell IS NULL"
            " ORDER BY priority DESC, place",
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
                person=row["person"],
                parent=row["parent"],
                forever=bool(row["forever"]),
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
        return self._ids("state = ? AND owner = ?", (RUNNING, self._owner))

    def waiting(self) -> list[str]:
        """Ids of this process's waiting jobs as they will run, then of those that are held."""
        with self._changed:
            held = self._ids("state = ? AND owner = ? AND held", (WAITING, self._owner))
            return [*self._turns.order(self._line()), *held]

    def ahead(self) -> dict[str, int]:
        """How many jobs go before each one that waits."""
        running = len(self.running())
        return {job_id: running + place for place, job_id in enumerate(self.waiting())}

    def family(self, job_id: str) -> list[str]:
        """Ids of unfinished jobs that belong to `job_id`."""
        return self._ids("parent = ? AND state IN (?, ?)", (job_id, WAITING, RUNNING))

    def _ids(self, condition: str, values: Sequence[str]) -> list[str]:
        only = f"({condition}) AND cell IS NULL"  # a script drives its cells itself
        sql = f"SELECT id FROM jobs WHERE {only} ORDER BY priority DESC, place"
        return [row["id"] for row in self._database.rows(sql, values)]

    def close(self) -> None:
        """Let every `take` return None. Waiting jobs stay on disk, free to be adopted."""
        with self._changed:
            self._closed = True
            sql = "UPDATE jobs SET owner = '' WHERE state = ? AND owner = ?"
            self._database.write((sql, (WAITING, self._owner)))
            self._changed.notify_all()


def _with_other_seed(task: Task) -> Task:
    """The same with other random numbers."""
    if task.script is not None:
        script = replace(task.script, random=secrets.randbelow(RANDOM_SEEDS))
        task = replace(task, script=script)
        if task.seeds.seed < 0:
            return task
    return replace(task, seeds=replace(task.seeds, seed=secrets.randbelow(RANDOM_SEEDS)))


def without_pixels(request: GenerationRequest) -> GenerationRequest:
    """A request that still says what was wanted, without the pictures it started from."""
    wish = request.img2img
    if wish is not None:
        inpaint = wish.inpaint and replace(wish.inpaint, mask=None, latent_mask=None)
        request = replace(
            request, img2img=replace(wish, images=(), colour_reference=None, inpaint=inpaint)
        )
    if request.hires is not None and request.hires.image is not None:
        request = replace(request, hires=replace(request.hires, image=None))
    return request


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
