"""Kill a training again and again: does it come to the very same end?

    python -m benchmarks training_kills [--kills 10] [--steps 300] [--seed 1]

A tiny model is trained twice from nothing to its file: once in peace, once with `kill -9` at random
moments, each time started anew. The loss of every step and every weight must be the same, bit for
bit; the largest differences are printed. One thread, a few minutes.
"""

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("autoencoder", "text", "unet", "decoder")
SAVE_EVERY = 0.5
PATIENCE = 0.4
"""Seconds at most between the step that was drawn by lot and the kill."""


@dataclass(frozen=True)
class Verdict:
    """What came of it."""

    steps: int
    kills: tuple[str, ...]
    """After which step of which stage the process was killed."""
    repeated: int
    """Steps that had to be made twice."""
    loss_gap: float
    """The largest difference between losses of the same step; nan if a step is missing."""
    weight_gap: float
    same_file: bool

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return self.loss_gap == 0 and self.weight_gap == 0 and self.same_file


def train_here(folder: Path, steps: int, only: str = "") -> None:
    """Train the tiny model in `folder`, as far as it is not yet, or one stage of it."""
    import torch

    from modules.training.embedded import STAGES as EVERY
    from modules.training.embedded import Run, train_embedded
    from modules.training.recipe import Recipe

    torch.set_num_threads(1)
    recipe = Recipe(
        size=32,
        channel_mult=(1, 1),
        model_channels=16,
        unet_mult=(1, 2),
        text_width=64,
        text_layers=2,
        latents=256,
        autoencoder_steps=steps,
        autoencoder_batch=2,
        text_steps=steps,
        text_batch=4,
        unet_steps=steps,
        unet_batch=4,
        decoder_steps=steps,
    )
    train_embedded(
        Run(
            out=folder / "model.safetensors",
            state=folder / "state",
            recipe=recipe,
            processes=1,
            save_every=SAVE_EVERY,
            print_every=1,
            sheets=False,
            stages=(only,) if only else EVERY,
        )
    )


def _start(folder: Path, steps: int, only: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks", "training_kills"]
    command += ["--folder", str(folder), "--steps", str(steps), "--only", only]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end; leaves with the last lines of what it said if it failed."""
    _, said = process.communicate()
    if process.returncode:
        sys.exit(said.decode(errors="replace")[-2000:])


def losses(folder: Path) -> dict[tuple[str, int], float]:
    """The loss of every step of every stage, as far as the training got."""
    from modules.training.history import History

    found = {}
    for stage in STAGES:
        for line in History.beside(folder / "state" / f"{stage}.pt").lines():
            found[stage, line.step] = line.figures["loss"]
    return found


def _last(folder: Path) -> tuple[int, str]:
    """Steps known so far, and the name of the last."""
    known = losses(folder)
    if not known:
        return 0, "nothing"
    stage, step = max(known, key=lambda each: (STAGES.index(each[0]), each[1]))
    return len(known), f"{stage} {step}"


def kill_at(folder: Path, steps: int, target: int, delay: float, only: str = "") -> tuple[str, int]:
    """Start the training, kill it some time after `target` steps; where, and steps lost by it."""
    from modules.training.history import History

    process = _start(folder, steps, only)
    while process.poll() is None and _last(folder)[0] < target:
        time.sleep(0.02)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stderr is not None
    process.stderr.close()
    _, where = _last(folder)
    stage, _, step = where.partition(" ")
    saved = _saved_step(folder / "state" / f"{stage}.pt")
    lost = sum(
        line.step > saved for line in History.beside(folder / "state" / f"{stage}.pt").lines()
    )
    return where if step else "nothing", lost


def _saved_step(file: Path) -> int:
    import torch

    if not file.is_file():
        return 0
    return int(torch.load(file, map_location="cpu", weights_only=True)["step"])


def weight_gap(one: Path, other: Path) -> float:
    """The largest difference between weights or averages of any stage."""
    import torch

    gaps = [0.0]
    for stage in (name for name in STAGES if (one / "state" / f"{name}.pt").is_file()):
        states = [
            torch.load(folder / "state" / f"{stage}.pt", map_location="cpu", weights_only=True)
            for folder in (one, other)
        ]
        for kind in ("network", "average"):
            first, second = (state[kind] for state in states)
            gaps += [(first[name] - second[name]).abs().max().item() for name in first]
    return max(gaps)


def compare(folder: Path, steps: int, kills: int, seed: int, only: str = "") -> Verdict:
    """Train in peace and with kills at moments drawn by lot from `seed`; what differs.

    `only` names one stage instead of all.
    """
    calm, rough = folder / "calm", folder / "rough"
    _finish(_start(calm, steps, only))
    rng = random.Random(seed)
    targets = sorted(rng.sample(range(1, steps * (1 if only else len(STAGES))), kills))
    found = [kill_at(rough, steps, target, rng.uniform(0, PATIENCE), only) for target in targets]
    _finish(_start(rough, steps, only))
    first, second = losses(calm), losses(rough)
    gaps = [abs(first[key] - second.get(key, math.nan)) for key in first]
    return Verdict(
        steps=len(first),
        kills=tuple(where for where, _ in found),
        repeated=sum(lost for _, lost in found),
        loss_gap=math.nan if any(map(math.isnan, gaps)) else max(gaps),
        weight_gap=weight_gap(calm, rough),
        same_file=_bytes(calm) == _bytes(rough),
    )


def _bytes(folder: Path) -> bytes:
    """The written checkpoint; nothing where the stages end before it."""
    file = folder / "model.safetensors"
    return file.read_bytes() if file.is_file() else b""


def main() -> None:
    """Compare, print; leaves with 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--steps", type=int, default=300, help="of each stage")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", choices=("", *STAGES), default="", help="one stage instead of all"
    )
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.folder:
        chosen.folder.mkdir(parents=True, exist_ok=True)
        train_here(chosen.folder, chosen.steps, chosen.only)
        return
    with tempfile.TemporaryDirectory() as folder:
        verdict = compare(Path(folder), chosen.steps, chosen.kills, chosen.seed, chosen.only)
    print(f"{len(verdict.kills)} kills, after: {', '.join(verdict.kills)}")
    print(f"{verdict.steps} steps in all, {verdict.repeated} of them made twice")
    print(f"largest difference between losses of a step: {verdict.loss_gap:g}")
    print(f"largest difference between weights: {verdict.weight_gap:g}")
    print(f"the written files are {'equal' if verdict.same_file else 'DIFFERENT'}, byte for byte")
    sys.exit(0 if verdict.passed else 1)


if __name__ == "__main__":
    main()
