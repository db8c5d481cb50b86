"""Fill a small disk at random moments while jobs are drawn on it, and look for what is lost.

    python -m benchmarks full_disk [--rounds 100] [--megabytes 8] [--seed 1]

The program's folder lies on a file system of its own in memory (`mount -t tmpfs`, in a namespace of
this process alone: Linux). In each round a job is handed in, a file takes all the room at a random
moment and gives it back a little later. In the end every job that was accepted must be finished,
each picture there once and whole, and nothing half-written under a final name. The engine paints
plain colours.
"""

import argparse
import contextlib
import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from modules.engine.fake import FakeEngine
from modules.errors import WebUIError
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from modules.service.app import App, build_app
from modules.settings.launch import Launch

IMAGES = 4
LONGEST_S = 0.4
"""Until the disk is full, and until it has room again."""
PATIENCE_S = 60.0
BLOCK = bytes(65_536)


@dataclass
class Report:
    """What was found."""

    rounds: int = 0
    fills: int = 0
    refused: int = 0
    """Jobs that were not accepted while the disk was full; whoever sent them was told."""
    troubles: Counter[str] = field(default_factory=Counter)
    """What the queue said while it stood still."""
    pictures: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.lost or self.doubled or self.damaged or self.unfinished)

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, the disk full {self.fills} times, {self.refused} jobs refused, "
            f"{self.pictures} pictures: {len(self.unfinished)} jobs unfinished, {len(self.lost)} "
            f"pictures lost, {len(self.doubled)} doubled, {len(self.damaged)} damaged files; the "
            f"queue stood still and said why {self.troubles.total()} times"
        )


def fill(file: Path) -> None:
    """Take all the room that is left."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as ballast:
        while ballast.write(BLOCK):
            pass


def rounds_on(folder: Path, rounds: int, seed: int) -> Report:
    """Draw with a disk that is full now and then."""
    report, dice = Report(rounds=rounds), random.Random(seed)
    launch = Launch(data_dir=str(folder))
    app = build_app(launch.paths(), launch, FakeEngine(step_s=0.02))
    ballast, jobs = folder / "ballast", list[str]()
    try:
        for number in range(rounds):
            submitted = submit(app, number, report)
            jobs += submitted
            time.sleep(dice.uniform(0, LONGEST_S))
            fill(ballast)
            report.fills += 1
            if dice.random() < 0.3:
                jobs += submit(app, rounds + number, report)
            time.sleep(dice.uniform(0, LONGEST_S))
            if app.control.state().trouble:
                report.troubles[app.control.state().trouble] += 1
            ballast.unlink(missing_ok=True)
        for job_id in jobs:
            look(app, job_id, report)
        look_for_damage(folder, report)
    finally:
        app.close()
    return report


def submit(app: App, number: int, report: Report) -> list[str]:
    """Hand in a job; returns its id if it was accepted."""
    request = GenerationRequest(
        prompt="a cat",
        size=Size(width=64, height=64),
        sampling=Sampling(steps=2),
        seeds=Seeds(seed=1000 * number),
        batch=Batch(n_iter=IMAGES),
    )
    try:
        return [app.submit(request).id]
    except WebUIError:
        report.refused += 1
        return []


def look(app: App, job_id: str, report: Report) -> None:
    """Wait for a job and see whether each of its pictures is there once."""
    limit = time.monotonic() + PATIENCE_S
    while app.snapshot(job_id).status in ("waiting", "running") and time.monotonic() < limit:
        time.sleep(0.02)
    found = app.snapshot(job_id)
    if found.status != "finished":
        report.unfinished.append(f"{job_id}: {found.status} {found.error or ''}")
    indices = Counter(image.index for image in found.images if image.kind == "image")
    report.pictures += indices.total()
    report.lost += [f"{job_id}/{index}" for index in range(IMAGES) if not indices[index]]
    report.doubled += [f"{job_id}/{index}" for index, count in indices.items() if count > 1]
    for image in found.images:
        if not app.gallery.find(image.id).path.is_file():
            report.lost.append(f"{job_id}/{image.index}: no file")


def look_for_damage(folder: Path, report: Report) -> None:
    """Open every picture under a final name."""
    for path in folder.rglob("*.png"):
        try:
            with Image.open(path) as opened:
                opened.load()
        except OSError as error:
            report.damaged.append(f"{path.name}: {error}")


def main() -> None:
    """Print what was found; ends with status 1 if anything was lost."""
    parser = argparse.ArgumentParser(description="Draw on a disk that is full now and then.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--megabytes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is None:
        sys.exit(run_in_namespace(options.megabytes))
    logging.disable()
    size = f"size={options.megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(options.inside)], check=True)
    report = rounds_on(options.inside, options.rounds, options.seed)
    print(report)
    for fault in (report.unfinished, report.lost, report.doubled, report.damaged):
        print(*fault, sep="\n", end="\n" if fault else "")
    sys.exit(not report.whole)


def run_in_namespace(megabytes: int) -> int:
    """Start this again where a mount is seen by nobody else; returns its exit code."""
    if shutil.which("unshare") is None:
        sys.exit("This needs Linux with the command unshare (util-linux).")
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    with tempfile.TemporaryDirectory() as folder:
        again = [sys.executable, "-m", "benchmarks", "full_disk", *sys.argv[1:]]
        command = ["unshare", "--mount", *user, *again, "--inside", folder]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    main()
