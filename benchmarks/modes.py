"""What named modes do to pictures: `python -m benchmarks modes`.

    python -m benchmarks modes [--mode NAME ...] [--pictures 100] [--captions 0] [--state FOLDER]
                               [--sampler "DPM++ 2M"] [--steps 20] [--json FILE]

The same requests are drawn by the model in float32 with every step whole, and in each mode. Told:

  PSNR       peak signal to noise ratio of the pictures in decibels (10 * log10(255^2 / mean squared
             difference); 40 can hardly be seen, 30 can when looked for): median, tenth part, least.
             Prompts are the model's own examples, seeds go on
  adherence  how much of held-out captions the pictures show, judged by the probe of
             `webui.py eval-embedded`, whose folder is `--state`: the mean of all rows and the row
             "everything", in percent, beside the faithful pictures of the same captions and seeds
  time       processor time of the drawing process, by that of the faithful pictures
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modules.model.memory import MemoryPlan
from modules.paths import Paths
from modules.pipeline.generate import generate
from modules.pipeline.ready import Ready, make_ready
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.request import BALANCED, FAST, GenerationRequest, Sampling, Seeds, Size
from modules.service.speed import at_speed
from modules.training.evaluation.adherence import Score, answers_to
from modules.training.evaluation.evaluate import held_out_set
from modules.training.evaluation.probe import Probe, load_probe
from modules.training.world.scene import SIMPLE

EASEL_MINI = Paths().program / "models" / "Stable-diffusion" / "easel-mini.safetensors"
PROBE_WEIGHTS = "probe-weights.pt"
"""What an evaluation leaves in its folder."""
FAMILY = "sd1"
"""Whose table of speeds counts here."""

Pixels = np.ndarray


@dataclass(frozen=True)
class Mode:
    """A way to draw: what the networks compute in, and values of a request's options."""

    dtype: torch.dtype = torch.float32
    speed: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def of(self, request: GenerationRequest) -> GenerationRequest:
        """The request in this mode."""
        options = replace(request.options, **self.options)
        if self.speed:
            options = replace(options, speed=self.speed)
        return at_speed(replace(request, options=options), FAMILY)


FAITHFUL = Mode()
MODES = {
    "bfloat16": Mode(dtype=torch.bfloat16),
    "balanced": Mode(speed=BALANCED),
    "fast": Mode(speed=FAST),
    "int8": Mode(options={"int8": True}),
    "merging": Mode(options={"token_merging": 0.5}),
    "fast and merging": Mode(speed=FAST, options={"token_merging": 0.5}),
}


def main() -> None:
    """Draw everything in every mode and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--captions", type=int, default=0, help="for adherence; of each kind")
    parser.add_argument("--state", type=Path, help="folder of the probe")
    parser.add_argument("--sampler", default="DPM++ 2M")
    parser.add_argument("--schedule", default="Karras")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--checkpoint", type=Path, default=EASEL_MINI)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args()
    if chosen.captions and chosen.state is None:
        parser.error("adherence needs --state, the folder of a trained probe")
    found = measured(chosen, chosen.mode or list(MODES))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measured(chosen: argparse.Namespace, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The figures of modes by name, printed as they come."""
    studio = Studio(chosen.checkpoint)
    sampling = Sampling(sampler=chosen.sampler, schedule=chosen.schedule, steps=chosen.steps)
    examples = studio.requests(studio.examples, chosen.pictures, sampling)
    scenes = held_out_set(SIMPLE, chosen.captions) if chosen.captions else []
    told = studio.requests([text for _, text in scenes], len(scenes), sampling)
    looker = probe_in(chosen.state) if scenes else None
    plain = studio.drawn(FAITHFUL, examples)

    def adherence(mode: Mode) -> dict[str, float]:
        score = Score("")
        if looker is not None:
            pixels = torch.from_numpy(np.stack(studio.drawn(mode, told).pictures))
            seen = answers_to(looker, pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
            score.add([scene for scene, _ in scenes], seen)
        return {name: 100 * share.value for name, share in score.shares.items()}

    found = {"faithful": {"time": 1.0} | summary(adherence(FAITHFUL))}
    show("faithful", found["faithful"])
    for name in names:
        drawn = studio.drawn(MODES[name], examples)
        likeness = sorted(map(decibels, plain.pictures, drawn.pictures))
        found[name] = {
            "psnr median": statistics.median(likeness),
            "psnr tenth": likeness[len(likeness) // 10],
            "psnr least": likeness[0],
            "time": drawn.seconds / plain.seconds,
        } | summary(adherence(MODES[name]))
        show(name, found[name])
    return found


def summary(shares: dict[str, float]) -> dict[str, float]:
    """The two figures of adherence, in percent; nothing of nothing."""
    if not shares:
        return {}
    return {"adherence": statistics.mean(shares.values()), "everything": shares["everything"]}


def show(name: str, figures: dict[str, float]) -> None:
    """Print a row."""
    print(f"{name:18}", *(f"{key} {value:.2f}" for key, value in figures.items()), flush=True)


@dataclass(frozen=True)
class Drawn:
    """Pictures (height, width, 3) uint8 and the processor's seconds they took."""

    pictures: list[Pixels]
    seconds: float


class Studio:
    """A checkpoint, made ready once for each type that it computes in."""

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self._ready: dict[torch.dtype, Ready] = {}

    def ready(self, dtype: torch.dtype) -> Ready:
        """The model, computing in a type as a whole; large ones do so where it is faster."""
        if dtype not in self._ready:
            plan = MemoryPlan(torch.device("cpu"), dtype, hint="all")
            self._ready[dtype] = make_ready(
                self.checkpoint, plan, find_sha256=lambda: "", paths=Paths()
            )
        return self._ready[dtype]

    @property
    def examples(self) -> tuple[str, ...]:
        """Prompts that the model brings along."""
        return self.ready(torch.float32).model.examples

    def requests(
        self, prompts: Sequence[str], count: int, sampling: Sampling
    ) -> list[GenerationRequest]:
        """One request each for `count` prompts, from the first again after the last."""
        width, height = self.ready(torch.float32).model.native_size
        return [
            GenerationRequest(
                prompt=prompts[number % len(prompts)],
                seeds=Seeds(seed=number, subseed=0),
                size=Size(width=width, height=height),
                sampling=sampling,
            )
            for number in range(count)
        ]

    def drawn(self, mode: Mode, requests: Sequence[GenerationRequest]) -> Drawn:
        """The pictures of requests in a mode."""
        model, began = self.ready(mode.dtype), time.process_time()
        pictures = [picture(mode.of(request), model) for request in requests]
        return Drawn(pictures, time.process_time() - began)


def picture(request: GenerationRequest, model: Ready) -> Pixels:
    """The pixels of one picture."""
    events = generate(
        request, model.model, model.conditioner, Cancel(), patcher=model.patcher,
        preview_interval_s=None,
    )  # fmt: skip
    [image] = [event.image.image for event in events if isinstance(event, ImageReady)]
    assert image is not None
    return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, -1)


def probe_in(state: Path) -> Probe:
    """The probe that an evaluation left in its folder."""
    return load_probe(state / PROBE_WEIGHTS)


def decibels(one: Pixels, other: Pixels) -> float:
    """The peak signal to noise ratio; 100 for equal pictures."""
    error = float(np.mean((one.astype(float) - other.astype(float)) ** 2))
    return 100.0 if error == 0 else 10 * float(np.log10(255**2 / error))


def likenesses(mode: Mode, pictures: int, steps: int) -> list[float]:
    """PSNR in dB of pictures of the built-in model drawn in a mode."""
    studio = Studio(EASEL_MINI)
    sampling = Sampling(sampler="DPM++ 2M", schedule="Karras", steps=steps)
    requests = studio.requests(studio.examples, pictures, sampling)
    plain, quick = (studio.drawn(how, requests).pictures for how in (FAITHFUL, mode))
    return list(map(decibels, plain, quick))


if __name__ == "__main__":
    main()
