"""Let several programs draw with several models at once while options change, and look for mix-ups.

    python -m benchmarks mix_up [--clients 8] [--jobs 200] [--checkpoint FILE] [--seed 1]

Three checkpoints (the given one, and two whose weights were changed a little) are drawn with first
in peace: every combination of model, seed and clip skip that will be asked for. Then each client
sends its jobs through `/sdapi/v1/txt2img`, one after the other, and changes the program's options
between them. Every picture that comes back must have the pixels and the recipe of what was asked.
"""

import argparse
import base64
import hashlib
import io
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from PIL import Image
from safetensors.torch import load_file, save_file

from modules.settings.launch import Launch
from tests.conftest import Served, serve

PATIENCE_S = 600.0
SEEDS = range(100, 106)
CLIP_SKIPS = (1, 2)
MODELS = ("first", "second", "third")
CHANGED = "model.diffusion_model.out.2.bias"
"""Tensor that makes the models differ: the network's last bias."""
OPTIONS: tuple[dict[str, Any], ...] = (
    *({"sd_model_checkpoint": name} for name in MODELS),
    *({"CLIP_stop_at_last_layers": layers} for layers in (1, 2, 3)),
    *({"eta_ancestral": eta} for eta in (0.0, 1.0)),
    *({"randn_source": source} for source in ("CPU", "NV")),
)


class Wish(NamedTuple):
    """What a client asks for."""

    model: str
    seed: int
    clip_skip: int

    def body(self) -> dict[str, Any]:
        """The JSON of the request; options that others change meanwhile are said."""
        return {
            "prompt": f"a red apple, {self.model}",
            "seed": self.seed,
            "steps": 2,
            "width": 64,
            "height": 64,
            "sampler_name": "Euler a",
            "override_settings": {
                "sd_model_checkpoint": self.model,
                "CLIP_stop_at_last_layers": self.clip_skip,
                "eta_ancestral": 1.0,
                "randn_source": "CPU",
            },
        }


@dataclass
class Report:
    """What came back."""

    jobs: int = 0
    switches: int = 0
    """Changes of options between the jobs."""
    mixed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def whole(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.mixed or self.failed)

    def __str__(self) -> str:
        return (
            f"{self.jobs} jobs, {self.switches} changes of options in {self.seconds:.0f} s: "
            f"{len(self.mixed)} mix-ups, {len(self.failed)} failures"
        )


def make_models(checkpoint: Path, folder: Path) -> None:
    """Write three checkpoints that differ; a YAML beside the first goes with each."""
    folder.mkdir()
    weights = load_file(checkpoint)
    for number, name in enumerate(MODELS):
        changed = {**weights, CHANGED: weights[CHANGED] + 0.2 * number}
        save_file(changed, folder / f"{name}.safetensors")
        described = checkpoint.with_suffix(".yaml")
        if described.exists():
            (folder / f"{name}.yaml").write_bytes(described.read_bytes())


def draw(client: httpx.Client, wish: Wish) -> tuple[str, str]:
    """Return a digest of the pixels, and the recipe inside the file."""
    answer = client.post("/sdapi/v1/txt2img", json=wish.body())
    answer.raise_for_status()
    [content] = answer.json()["images"]
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    return hashlib.sha256(picture.tobytes()).hexdigest(), str(picture.info.get("parameters", ""))


def recipe_fits(wish: Wish, recipe: str) -> bool:
    """Answer whether a recipe names what was asked for."""
    skip = f"Clip skip: {wish.clip_skip}," in recipe if wish.clip_skip > 1 else True
    return (
        all(
            part in recipe
            for part in (
                f"Seed: {wish.seed},",
                f"Model: {wish.model},",
                f"a red apple, {wish.model}",
            )
        )
        and skip
    )


def play(served: Served, jobs: int, seed: int, expected: dict[Wish, str], report: Report) -> None:
    """Be one client: change an option, draw, look, and again."""
    dice = random.Random(seed)
    with httpx.Client(base_url=served.url, timeout=PATIENCE_S) as client:
        for _ in range(jobs):
            wish = dice.choice(list(expected))
            try:
                client.post("/sdapi/v1/options", json=dice.choice(OPTIONS)).raise_for_status()
                pixels, recipe = draw(client, wish)
            except httpx.HTTPError as error:
                with report.lock:
                    report.failed.append(f"{wish}: {error}")
                continue
            with report.lock:
                report.jobs += 1
                report.switches += 1
                if pixels != expected[wish] or not recipe_fits(wish, recipe):
                    report.mixed.append(f"{wish}: {recipe}")


def mixed(served: Served, clients: int, jobs: int, seed: int = 1) -> Report:
    """Draw in peace, then all at once; returns what differed."""
    report = Report()
    wishes = [Wish(*one) for one in product(MODELS, SEEDS, CLIP_SKIPS)]
    with httpx.Client(base_url=served.url, timeout=PATIENCE_S) as client:
        expected = {wish: draw(client, wish)[0] for wish in wishes}
    assert len(set(expected.values())) == len(wishes), "the models draw the same"
    players = [
        threading.Thread(target=play, args=(served, jobs, seed + number, expected, report))
        for number in range(clients)
    ]
    began = time.perf_counter()
    for player in players:
        player.start()
    for player in players:
        player.join()
    report.seconds = time.perf_counter() - began
    return report


def serving(checkpoint: Path) -> Iterator[Served]:
    """Serve three models from a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        models = Path(folder) / "checkpoints"
        make_models(checkpoint, models)
        launch = Launch(data_dir=folder, ckpt_dir=str(models), device="cpu")
        yield from serve(Path(folder), launch=launch)


def main() -> None:
    """Print what was found; ends with status 1 if anything was mixed up."""
    own = "models/Stable-diffusion/easel-mini.safetensors"
    parser = argparse.ArgumentParser(description="Draw with several models at once.")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=200, help="of each client")
    parser.add_argument("--checkpoint", type=Path, default=Path(own))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    running = serving(options.checkpoint)
    try:
        report = mixed(next(running), options.clients, options.jobs, options.seed)
    finally:
        running.close()
    print(report)
    print(*report.mixed, *report.failed, sep="\n")
    sys.exit(not report.whole)


if __name__ == "__main__":
    main()
