"""Kill the program at random moments while it draws, and look for what is lost or doubled.

    python -m benchmarks kills [--kills 30] [--checkpoint FILE] [--seed 1]

A server draws jobs in its child process. Again and again SIGKILL ends the server, the drawing
process, or both; then the server is started again. At the end every job must be finished, with
each picture there once, on disk under its name, with the pixels it would have had. Without a
checkpoint the engine paints plain colours, which leaves more moments at which a kill can hurt.
"""

import argparse
import contextlib
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from PIL import Image

from modules.engine.fake import FAKE_CHECKPOINT
from modules.engine.messages import EngineSpec
from modules.engine.models import ModelList
from modules.engine.process import ProcessEngine
from modules.schema.catalogue import Catalogue
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from modules.service.app import App, build_app
from modules.service.database import Database
from modules.service.search import Search
from modules.settings.launch import Launch

ROOT = Path(__file__).resolve().parent.parent
IMAGES = 12
"""Pictures of a job."""
SEEDS_APART = 1000
VICTIMS = ("server", "worker", "both")
LONGEST_WAIT_S = 1.5
LONGEST_START_S = 30.0


@dataclass
class Report:
    """What was found in the end."""

    kills: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    images: int = 0
    unfinished: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    damage: str = ""
    """What the database's own check complains about."""

    @property
    def whole(self) -> bool:
        """Whether nothing went wrong."""
        faults = (self.unfinished, self.lost, self.doubled, self.wrong, self.strays)
        return not self.damage and not any(faults)

    def __str__(self) -> str:
        kills = ", ".join(f"{count} x {victim}" for victim, count in self.kills.items())
        return (
            f"{self.kills.total()} kills ({kills}); {self.jobs} jobs, {self.images} pictures: "
            f"{len(self.unfinished)} jobs unfinished, {len(self.lost)} pictures lost, "
            f"{len(self.doubled)} doubled, {len(self.wrong)} with other pixels, "
            f"{len(self.strays)} files nobody knows; database: {self.damage or 'ok'}"
        )


def request_of(number: int) -> GenerationRequest:
    """The request of job `number`; no two jobs share a seed."""
    return GenerationRequest(
        prompt="a red apple",
        seeds=Seeds(seed=number * SEEDS_APART),
        size=Size(width=64, height=64),
        sampling=Sampling(steps=3),
        batch=Batch(n_iter=IMAGES),
    )


def make_app(data: Path, checkpoint: str) -> App:
    """The program with its drawing process; plain colours without a checkpoint."""
    launch = Launch(data_dir=str(data), ckpt_dir=str(Path(checkpoint).parent) if checkpoint else "")
    paths = launch.paths()
    if checkpoint:
        engine = ProcessEngine(
            EngineSpec(options={"paths": paths, "device": "cpu"}), ModelList(paths)
        )
    else:
        spec = EngineSpec(factory="modules.engine.fake:FakeEngine", options={"step_s": 0.005})
        catalogue = Catalogue(checkpoints=(FAKE_CHECKPOINT,))
        engine = ProcessEngine(spec, lambda refresh=False: catalogue)
    return build_app(paths, launch, engine)


def serve(data: Path, checkpoint: str) -> None:
    """Be the server: submit a job for each number that comes in, say when it is on disk."""
    app = make_app(data, checkpoint)
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            while app.queue.count():
                time.sleep(0.05)
            break
        print(app.submit(request_of(int(line))).id, flush=True)
    app.close()


class Server:
    """A server in a process of its own."""

    def __init__(self, data: Path, checkpoint: str) -> None:
        command = [sys.executable, "-m", "benchmarks.kills", "--serve", str(data)]
        self._process = subprocess.Popen(
            [*command, "--checkpoint", checkpoint],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._answer() == "ready", "the server does not start"

    def submit(self, number: int) -> str:
        """Hand in job `number`; "" if the server died before it answered."""
        with contextlib.suppress(OSError):
            self._tell(str(number))
            return self._answer()
        return ""

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self, victim: str) -> bool:
        """Kill the server, its drawing process or both; whether there was what to kill."""
        workers = _drawing_processes(self._process.pid) if victim != "server" else []
        if victim == "worker" and not workers:
            return False
        if victim != "worker":
            self._process.send_signal(signal.SIGKILL)
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
        if victim != "worker":
            self._close()
        return True

    def end(self) -> None:
        """Let every job finish, then end the server properly."""
        self._tell("end")
        self._close()

    def _close(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _drawing_processes(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children()
    return [one for one in children if "multiprocessing.spawn" in " ".join(one.cmdline())]


def kill_and_look(kills: int, data: Path, checkpoint: str = "", seed: int = 1) -> Report:
    """Kill the program `kills` times while it draws; returns what was found in the end."""
    report, dice = Report(), random.Random(seed)
    server, acknowledged, number = Server(data, checkpoint), list[str](), 0
    while report.kills.total() < kills:
        if number < 2 or dice.random() < 0.5:
            number += 1
            acknowledged.append(server.submit(number))
        time.sleep(dice.uniform(0, LONGEST_WAIT_S))
        victim = dice.choice(VICTIMS)
        before = _count(data)
        if server.kill(victim):
            report.kills[victim] += 1
            if victim != "worker":
                server = Server(data, checkpoint)
            elif dice.random() < 0.5:
                _wait_for_another(data, before)  # whatever dies at once each time is given up
    server.end()
    examine(report, data, checkpoint, [job for job in acknowledged if job])
    return report


def _count(data: Path) -> int:
    return sum(1 for _ in (data / "outputs").rglob("*.png"))


def _wait_for_another(data: Path, before: int) -> None:
    limit = time.monotonic() + LONGEST_START_S
    while _count(data) <= before and time.monotonic() < limit:
        time.sleep(0.02)


def examine(report: Report, data: Path, checkpoint: str, acknowledged: list[str]) -> None:
    """Compare what is on disk with what should be."""
    database = Database(Launch(data_dir=str(data)).paths().database)
    check = database.rows("PRAGMA integrity_check")[0][0]
    report.damage = "" if check == "ok" else check
    known = {row["id"] for row in database.rows("SELECT id FROM jobs")}
    database.close()
    report.lost += [job for job in acknowledged if job not in known]
    app = make_app(data, checkpoint)
    jobs = app.jobs(10_000)
    files = {path for path in app.paths.outputs.rglob("*.png") if "grid" not in path.name}
    with tempfile.TemporaryDirectory() as folder:
        expected = dict(pixels_without_kills(Path(folder), checkpoint, [job.task for job in jobs]))
    for job in jobs:
        report.jobs += 1
        if job.status != "finished":
            report.unfinished.append(f"{job.id}: {job.status} {job.error or ''}")
        drawn = [image for image in job.images if image.kind == "image"]
        indices = Counter(image.index for image in drawn)
        first = job.task.seeds.seed
        report.lost += [f"{job.id}/{n}" for n in range(IMAGES) if not indices[n]]
        report.doubled += [f"{job.id}/{n}" for n, count in indices.items() if count > 1]
        for image in drawn:
            report.images += 1
            path = app.gallery.find(image.id).path
            if path not in files:
                report.lost.append(str(path))
            elif pixels_of(path) != expected[first + image.index]:
                report.wrong.append(str(path))
            files.discard(path)
    report.strays += map(str, files)
    app.indexer.look()
    rows = Counter(one.path for one in app.collection.search(Search(), limit=10**6))
    report.doubled += [str(path) for path, count in rows.items() if count > 1]
    app.close()


def pixels_without_kills(
    data: Path, checkpoint: str, requests: list[GenerationRequest]
) -> Iterator[tuple[int, str]]:
    """Draw the same in peace; yields (seed, pixels)."""
    app = make_app(data, checkpoint)
    jobs = [app.submit(request) for request in requests]
    for job in jobs:
        for _ in app.follow(job.id):
            pass
        for image in app.snapshot(job.id).images:
            if image.kind == "image":
                yield image.seed, pixels_of(Path(image.path))
    app.close()


def pixels_of(path: Path) -> str:
    """A digest of a picture's pixels; a file that is no picture has none."""
    try:
        with Image.open(path) as opened:
            return hashlib.sha256(opened.tobytes()).hexdigest()
    except OSError as error:
        return f"{path.name}: {error}"


def main() -> None:
    """Print what was found; ends with status 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(description="Kill the program while it draws.")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--checkpoint", default="", help="draw with this file")
    parser.add_argument("--seed", type=int, default=1, help="for the random moments")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve, options.checkpoint)
        return
    with tempfile.TemporaryDirectory() as data:
        report = kill_and_look(options.kills, Path(data), options.checkpoint, options.seed)
    print(report)
    for fault in (report.unfinished, report.lost, report.doubled, report.wrong, report.strays):
        print(*fault, sep="\n", end="\n" if fault else "")
    sys.exit(not report.whole)


if __name__ == "__main__":
    main()
