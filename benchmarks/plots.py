"""Kill the program while it plots, and compare the table with one that was drawn in peace.

    python -m benchmarks plots [--kills 2] [--counts 5 5 4] [--checkpoint FILE] [--seed 1]

The plot has three axes. SIGKILL ends the server and its drawing process at random moments between
its first and its last cell; a new server goes on. In the end every cell must be there once, and
the table must be the same pixel for pixel.
"""

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import psutil

from benchmarks.kills import ROOT, make_app, pixels_of, request_of
from modules.schema.request import Batch, GenerationRequest
from modules.schema.script_call import ScriptCall
from modules.service.app import App
from modules.service.job import FINISHED

LONGEST_S = 600.0


@dataclass
class Report:
    """What was found in the end."""

    cells: int = 0
    kills: int = 0
    kept: list[int] = field(default_factory=list)
    """Pictures that were on disk at each kill."""
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        moments = ", ".join(f"after {count}" for count in self.kept)
        ending = "; ".join(self.faults) or "the table is the same, every cell is there once"
        return f"{self.cells} cells, {self.kills} kills ({moments}): {ending}"


def plot_of(counts: Sequence[int]) -> GenerationRequest:
    """A plot of seeds, steps and CFG scales in which no two cells share a seed."""
    x, y, z = counts
    args = {
        "x_type": "Seed",
        "x_values": f"1000-{1000 * x} (+1000)",
        "y_type": "Steps",
        "y_values": f"1-{y}",
        "z_type": "CFG Scale",
        "z_values": f"1-{z}",
        "vary_seeds_y": True,
        "vary_seeds_z": True,
        "include_sub_grids": True,
    }
    script = ScriptCall(name="X/Y/Z plot", args=args, random=1)
    return replace(request_of(1), batch=Batch(), script=script)


def serve(data: Path, checkpoint: str, counts: Sequence[int]) -> None:
    """Be the server: submit the plot if there is none, and draw until it is done."""
    app = make_app(data, checkpoint)
    if not app.jobs(1):
        app.submit(plot_of(counts))
    finish(app)
    app.close()


def finish(app: App) -> str:
    """Wait for the newest job; returns its id."""
    job_id = app.jobs(1)[0].id
    for _ in app.follow(job_id):
        pass
    return job_id


def kill_and_compare(
    kills: int, counts: Sequence[int], data: Path, checkpoint: str = "", seed: int = 1
) -> Report:
    """Draw the plot with `kills` interruptions, then in peace; returns what differs."""
    report, dice = Report(cells=prod(counts)), random.Random(seed)
    moments = sorted(dice.sample(range(1, report.cells), kills))
    interrupted = data / "interrupted"
    for moment in [*moments, None]:
        server = _start(interrupted, checkpoint, counts)
        if moment is None:
            server.wait(LONGEST_S)
        else:
            _wait_for(interrupted, moment, server)
            _kill(server)
            report.kills += 1
            report.kept.append(_count(interrupted))
    _compare(report, interrupted, data / "peaceful", checkpoint, counts)
    return report


def _start(data: Path, checkpoint: str, counts: Sequence[int]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.plots", "--serve", str(data)]
    more = ["--checkpoint", checkpoint, "--counts", *map(str, counts)]
    return subprocess.Popen([*command, *more], cwd=ROOT, stderr=subprocess.DEVNULL)


def _wait_for(data: Path, count: int, server: "subprocess.Popen[bytes]") -> None:
    limit = time.monotonic() + LONGEST_S
    while _count(data) < count and server.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)


def _kill(server: "subprocess.Popen[bytes]") -> None:
    """End a server and its drawing process with SIGKILL."""
    children = psutil.Process(server.pid).children() if server.poll() is None else []
    server.kill()
    server.wait()
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def _count(data: Path) -> int:
    return sum(1 for _ in (data / "outputs" / "txt2img-images").rglob("*.png"))


def _compare(
    report: Report, interrupted: Path, peaceful: Path, checkpoint: str, counts: Sequence[int]
) -> None:
    app = make_app(peaceful, checkpoint)
    app.submit(plot_of(counts))
    expected = _sheets(app, finish(app))
    app.close()
    app = make_app(interrupted, checkpoint)
    snapshot = app.jobs(1)[0]
    if snapshot.status != FINISHED:
        report.faults.append(f"the plot is {snapshot.status}: {snapshot.error}")
    if _sheets(app, snapshot.id) != expected:
        report.faults.append("the table differs")
    cells = app.jobs(report.cells + 10, parent=snapshot.id)
    ids = {image.id for cell in cells for image in cell.images}
    if len(cells) != report.cells or len(ids) != report.cells:
        report.faults.append(f"{len(cells)} cells with {len(ids)} pictures")
    shown = [image.id for image in snapshot.images if image.kind != "grid"]
    if sorted(shown) != sorted(ids):
        report.faults.append(f"{len(shown)} pictures were shown")
    if _count(interrupted) != report.cells:
        report.faults.append(f"{_count(interrupted)} files")
    app.close()


def _sheets(app: App, job_id: str) -> list[str]:
    """Digests of the pixels of a plot's tables."""
    images = app.snapshot(job_id).images
    return [pixels_of(Path(image.path)) for image in images if image.kind == "grid"]


def main() -> None:
    """Print what was found; ends with status 1 if anything differs."""
    parser = argparse.ArgumentParser(description="Kill the program while it plots.")
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--counts", type=int, nargs=3, default=(5, 5, 4))
    parser.add_argument("--checkpoint", default="", help="draw with this file")
    parser.add_argument("--seed", type=int, default=1, help="for the random moments")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve, options.checkpoint, options.counts)
        return
    with tempfile.TemporaryDirectory() as data:
        report = kill_and_compare(
            options.kills, options.counts, Path(data), options.checkpoint, options.seed
        )
    print(report)
    sys.exit(bool(report.faults))


if __name__ == "__main__":
    main()
