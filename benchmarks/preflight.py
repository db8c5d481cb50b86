"""How far off the estimates before Generate are: half of a random mix of jobs teaches, half tests.

    python -m benchmarks preflight --jobs 40

Jobs differ in size, steps, sampler, guidance, batch and hires pass, and are drawn with the model
that comes with the program, through the queue and to the disk. What is foretold of a job is asked
for right before it is handed in, without what was learned of it. The first half of the jobs is
learned from before the second begins; while this is drawn, learning goes on as it does in use.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from modules.errors import WebUIError
from modules.paths import Paths
from modules.schema.inputs import Hires
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from modules.service.app import App, build_app
from modules.service.preflight.fit import nine_tenths
from modules.service.preflight.machine import PeakMemory
from modules.settings.launch import Launch

PROMPTS = ("a red apple on a table", "a house by the sea", "two green trees and a blue ball")
SAMPLERS = ("Euler a", "DPM++ 2M", "DPM++ 2M SDE", "Heun", "UniPC", "DDIM")
SIDES = (96, 128, 160, 192)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One job: what was foretold, and what came."""

    about: str
    basis: str
    seconds: tuple[float, float]
    memory: tuple[float, float]
    disk: tuple[float, float]


def mixed(count: int, dice: random.Random) -> list[GenerationRequest]:
    """Draw `count` requests at random."""
    return [_one(dice) for _ in range(count)]


def _one(dice: random.Random) -> GenerationRequest:
    hires = None
    if dice.random() < 0.3:
        hires = Hires(scale=dice.choice((1.5, 2.0)), steps=dice.randint(3, 10))
    return GenerationRequest(
        prompt=dice.choice(PROMPTS),
        sampling=Sampling(
            sampler=dice.choice(SAMPLERS),
            steps=dice.randint(4, 24),
            cfg_scale=dice.choice((1.0, 5.0, 7.0)),
        ),
        size=Size(width=dice.choice(SIDES), height=dice.choice(SIDES)),
        batch=Batch(batch_size=dice.choice((1, 1, 2, 3)), n_iter=dice.choice((1, 1, 1, 2))),
        seeds=Seeds(seed=dice.randrange(2**31)),
        hires=hires,
    )


def described(request: GenerationRequest) -> str:
    """Name a request in a line."""
    size, batch = request.size, request.batch
    hires = f" hires x{request.hires.scale:g}" if request.hires else ""
    return (
        f"{size.width}x{size.height} {request.sampling.sampler} {request.sampling.steps} steps"
        f" cfg {request.sampling.cfg_scale:g} {batch.batch_size}x{batch.n_iter}{hires}"
    )


def measured(app: App, request: GenerationRequest, outputs: Path) -> Row:
    """Foretell one job, draw it, and say what came."""
    told = app.estimate(request)
    peak = PeakMemory(app.status().pid)
    before = bytes_below(outputs)
    began = time.perf_counter()
    job = app.submit(request, origin="benchmark")
    for _ in app.follow(job.id):
        pass
    took = time.perf_counter() - began
    if app.snapshot(job.id).status != "finished":
        raise WebUIError("A job of the benchmark failed.", "The log says why.")
    seen = told.foreseen
    return Row(
        about=described(request),
        basis=seen.basis,
        seconds=(seen.seconds + told.wait, took),
        memory=(seen.memory, peak.read()),
        disk=(seen.disk, bytes_below(outputs) - before),
    )


def bytes_below(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def errors(rows: Sequence[Row], name: str) -> list[float]:
    """How far off each row's estimate was, as a share of what came."""
    pairs = [getattr(row, name) for row in rows]
    return [abs(told - came) / came for told, came in pairs if came > 0]


def report(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Median and ninetieth hundredth of the errors, by what was foretold."""
    found = {name: errors(rows, name) for name in ("seconds", "memory", "disk")}
    return {
        name: {"median": median(off), "p90": nine_tenths(off) or 0.0}
        for name, off in found.items()
        if off
    }


def main() -> None:
    """Draw, foretell, compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks preflight", description=__doc__)
    parser.add_argument("--jobs", type=int, default=40, help="half teach, half test")
    parser.add_argument("--seed", type=int, default=1, help="of the mix")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    chosen = parser.parse_args()
    requests = mixed(max(2, chosen.jobs), random.Random(chosen.seed))
    with tempfile.TemporaryDirectory(prefix="easel-preflight-") as folder:
        rows = drawn(Path(folder), requests)
    found = report(rows[len(rows) // 2 :])
    for name, off in found.items():
        print(f"{name:<8} median error {off['median']:.1%}, nine of ten within {off['p90']:.1%}")
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=1), encoding="utf-8")


def drawn(data: Path, requests: Sequence[GenerationRequest]) -> list[Row]:
    """Draw all requests in turn, with an engine in a process of its own."""
    program = Paths(data=data).program
    launch = Launch(data_dir=str(data), ckpt_dir=str(program / "models" / "Stable-diffusion"))
    app = build_app(launch.paths(), launch)
    rows: list[Row] = []
    try:
        for request in requests:
            rows.append(measured(app, request, app.paths.outputs))
            told, came = rows[-1].seconds
            mark = "learns" if len(rows) <= len(requests) // 2 else "tests "
            line = f"{mark} {told:7.2f} s foretold, {came:7.2f} s, {rows[-1].basis:<8}"
            print(line, rows[-1].about, flush=True)
        return rows
    finally:
        app.close()


if __name__ == "__main__":
    main()
