"""Where jobs are foretold and learned from: between the line, the engine and the database."""

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from modules.engine.engine import Engine
from modules.errors import WebUIError
from modules.paths import Paths
from modules.schema.catalogue import Catalogue, CheckpointInfo, EngineStatus
from modules.schema.request import GenerationRequest
from modules.service.database import Database, Statement
from modules.service.expect import keeping
from modules.service.grid import wants_grid
from modules.service.job import Job
from modules.service.preflight.knowledge import MEASURED, Accuracy, Foreseen, Knowledge
from modules.service.preflight.machine import PeakMemory, free_disk, free_memory, resident
from modules.service.preflight.measured import Foretold, Stopwatch, measured_from, size_of
from modules.service.preflight.work import Work, work_of
from modules.service.queue import JobQueue
from modules.service.resolve import find_checkpoint
from modules.service.saving import Kind, folder_for
from modules.service.scripts.catalogue import complete_script, make_call, script_of
from modules.service.speed import at_speed
from modules.settings.launch import Launch
from modules.settings.settings import Settings

log = logging.getLogger(__name__)

REMEMBERED = 2000
"""Jobs that are kept in the database."""
LOOK_AT = 40
"""Waiting jobs that are added up one by one; the rest count as their average."""
STARTING = ("cold", "starting", "down")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a job handed in now will cost. Seconds and bytes."""

    foreseen: Foreseen
    wait: float
    """Seconds until its turn."""
    images: int
    resident: int
    """What the process that draws has now."""
    memory_free: int
    device_memory_free: int
    disk_free: int
    accuracy: Accuracy
    paused: bool = False

    @property
    def memory_lacks(self) -> bool:
        """Whether memory will probably not do."""
        return self.foreseen.memory - self.resident > self.memory_free

    @property
    def device_memory_lacks(self) -> bool:
        """Whether the graphics card's memory will probably not do."""
        return 0 < self.device_memory_free < self.foreseen.device_memory

    @property
    def disk_lacks(self) -> bool:
        """Whether the pictures will probably not fit on the disk."""
        return self.foreseen.disk > self.disk_free


class PreflightDesk:
    """Foretells jobs, sees what comes of them, and learns. Thread-safe."""

    def __init__(
        self, database: Database, engine: Engine, queue: JobQueue, paths: Paths, setup: str = ""
    ) -> None:
        """`setup` names what makes the same device faster or slower (`setup_of`)."""
        self._database, self._engine, self._queue, self._paths = database, engine, queue, paths
        self._setup = setup
        self._lock = threading.Lock()
        self._knowledge: Knowledge | None = None
        self._device = ""
        self._ready: OrderedDict[str, None] = OrderedDict()
        """Checkpoints the engine has drawn with, newest last."""
        self._pid = 0
        self._watches: dict[str, Stopwatch] = {}

    def watch(self, job: Job) -> Stopwatch:
        """Begin to measure a job that is about to be drawn."""
        status = self._status()
        work = self._work(job.task, job.settings, self._engine.catalogue(), saved=job.save)
        foreseen = self._foresee(work, status, job.settings)
        told = Foretold(seconds=foreseen.seconds, memory=foreseen.memory, disk=foreseen.disk)
        watch = Stopwatch(
            work=work,
            cold=status.state in STARTING,
            foretold=told if foreseen.basis == MEASURED else None,
            peak=PeakMemory(status.pid).read,
        )
        with self._lock:
            self._watches[job.id] = watch
        return watch

    def saved(self, job: Job, path: str) -> None:
        """Take note of a file that was written besides a job's pictures."""
        with self._lock:
            watch = self._watches.get(job.id)
        if watch is not None:
            watch.more_bytes += size_of(path)

    def learn(self, job: Job, *, finished: bool) -> tuple[Statement, ...]:
        """Stop measuring; returns what to write down with the job's ending."""
        with self._lock:
            watch = self._watches.pop(job.id, None)
        if watch is None:
            return ()
        status = self._status()
        self._note_ready(watch.work.checkpoint, status.pid)
        measured = watch.measured(self._device, device_peak_of(status)) if finished else None
        if measured is None:
            return ()
        with self._lock:
            self._known().learn(measured)
        return (
            ("INSERT INTO measurements (body) VALUES (?)", (measured.text(),)),
            (
                "DELETE FROM measurements WHERE sequence <="
                " (SELECT max(sequence) FROM measurements) - ?",
                (REMEMBERED,),
            ),
        )

    def estimate(
        self,
        request: GenerationRequest,
        settings: Settings,
        *,
        saved: bool = True,
        units: int = 0,
        person: str = "",
    ) -> Estimate:
        """Say what `request` would cost if it were handed in now.

        `units` of control are drawn with besides those of the request. Raises InvalidRequest or
        NotFound for what cannot be drawn at all.
        """
        status, catalogue = self._status(), self._engine.catalogue()
        work = self._work(request, settings, catalogue, saved=saved, units=units)
        foreseen = self._foresee(work, status, settings)
        kind: Kind = "img2img" if request.img2img is not None else "txt2img"
        folder = folder_for(settings, self._paths, kind, grid=False, person=person)
        return Estimate(
            foreseen=foreseen,
            wait=self._wait(status, catalogue),
            images=work.images,
            resident=resident(status.pid),
            memory_free=free_memory(),
            device_memory_free=device_memory_of(status),
            disk_free=free_disk(folder),
            accuracy=self.accuracy(),
            paused=bool(self._queue.paused),
        )

    def accuracy(self) -> Accuracy:
        """Say how far off estimates have been."""
        with self._lock:
            return self._known().accuracy()

    def _known(self) -> Knowledge:
        """What was learned, read from the database when first needed."""
        if self._knowledge is None:
            self._knowledge = read_knowledge(self._database)
            newest = self._knowledge.newest
            self._device = self._device or (newest.device if newest is not None else "")
        return self._knowledge

    def _status(self) -> EngineStatus:
        status = self._engine.status()
        with self._lock:
            self._known()
            if status.device:
                self._device = ", ".join(filter(None, (status.device, self._setup)))
        return status

    def _foresee(self, work: Work, status: EngineStatus, settings: Settings) -> Foreseen:
        with self._lock:
            kept = keeping(settings.models).models
            loads = not self._is_ready(work.checkpoint, status, kept)
            cold = status.state in STARTING
            return self._known().foresee(work, self._device or "CPU", loads=loads, cold=cold)

    def _work(
        self,
        request: GenerationRequest,
        settings: Settings,
        catalogue: Catalogue,
        *,
        saved: bool,
        units: int = 0,
    ) -> Work:
        checkpoint = _checkpoint(request.models.checkpoint, catalogue)
        grid = settings.grids.save and wants_grid(request.batch.total, settings.grids)
        if checkpoint is not None:
            request = at_speed(request, checkpoint.family)
        work = work_of(
            request,
            checkpoint,
            format=settings.saving.format,
            saved=saved and settings.saving.save,
            grid=grid,
            units=units,
        )
        if request.script is None:
            return work
        batches = batches_of_script(request, catalogue, settings, self._paths)
        if not batches:
            return work
        return replace(work, batches=batches, images=batches * request.batch.batch_size)

    def _wait(self, status: EngineStatus, catalogue: Catalogue) -> float:
        """Seconds until everything that stands in the line is drawn."""
        ids = [*self._queue.running(), *self._queue.waiting()]
        total, looked_at = 0.0, 0
        for job_id in ids[:LOOK_AT]:
            try:
                total += self._remaining(self._queue.find(job_id), status, catalogue)
                looked_at += 1
            except WebUIError as error:
                log.debug("Job %s is not foretold: %s", job_id, error)
        return total * len(ids) / looked_at if looked_at else 0.0

    def _remaining(self, job: Job, status: EngineStatus, catalogue: Catalogue) -> float:
        work = self._work(job.task, job.settings, catalogue, saved=job.save)
        seconds = self._foresee(work, status, job.settings).seconds
        with self._lock:
            watch = self._watches.get(job.id)
        return watch.remaining(seconds) if watch is not None else seconds

    def _is_ready(self, checkpoint: str, status: EngineStatus, kept: int) -> bool:
        """Whether a checkpoint is in memory, as far as can be told from here."""
        name = plain(checkpoint)
        if not name or status.pid != self._pid:
            return name == plain(status.loaded) != ""
        return name == plain(status.loaded) or name in list(self._ready)[-kept:]

    def _note_ready(self, checkpoint: str, pid: int) -> None:
        with self._lock:
            if pid != self._pid:
                self._ready.clear()
                self._pid = pid
            self._ready.pop(plain(checkpoint), None)
            self._ready[plain(checkpoint)] = None


def setup_of(launch: Launch, settings: Settings) -> str:
    """Name the choices of an owner that decide how fast a device is; empty where all is usual."""
    words = {
        "full precision": launch.full_precision,
        f"memory policy {launch.memory}": launch.memory != "auto",
        "compiled": launch.compile or settings.models.compile,
    }
    return ", ".join(word for word, counts in words.items() if counts)


def read_knowledge(database: Database) -> Knowledge:
    """What earlier jobs have taught, oldest first."""
    knowledge = Knowledge()
    for row in database.rows("SELECT body FROM measurements ORDER BY sequence"):
        measured = measured_from(row["body"])
        if measured is not None:
            knowledge.learn(measured)
    return knowledge


def plain(title: str) -> str:
    """A checkpoint's title without its hash, which may not be known everywhere yet."""
    return title.rpartition(" [")[0] or title


def batches_of_script(
    request: GenerationRequest, catalogue: Catalogue, settings: Settings, paths: Paths
) -> int:
    """How many batches a request's script will draw; 0 if it does not say. Raises as it would."""
    script = script_of(request)
    if script is None or script.batches is None:
        return 0
    played = complete_script(request, catalogue, settings, paths)
    return script.batches(make_call(played, catalogue, settings, paths))


def _checkpoint(name: str, catalogue: Catalogue) -> CheckpointInfo | None:
    try:
        return find_checkpoint(name, catalogue.checkpoints)
    except WebUIError:  # it will be refused in words when it is handed in
        return None


def device_memory_of(status: EngineStatus) -> int:
    """Bytes of the graphics card that this program could have; 0 without one."""
    card = dict(status.memory).get("cuda")
    if not card:
        return 0
    return int(card["system"]["free"] + card["reserved"]["current"])


def device_peak_of(status: EngineStatus) -> int:
    """Most bytes of the graphics card that the last job needed; 0 without one."""
    card = dict(status.memory).get("cuda")
    return int(card["allocated"]["peak"]) if card else 0
