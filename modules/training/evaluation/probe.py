"""The probe: a small network that looks at a picture and says what is in it.

It learns from true pictures only, blurred and disturbed a little so that it does not mind the
autoencoder's softness, and has never seen the model it judges.
"""

from dataclasses import dataclass
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.training.facts import SIZES, answers_of
from modules.training.loop import Plan, Report
from modules.training.pictures import scene_pixels
from modules.training.team import Team
from modules.training.text_stage import answer_loss
from modules.training.world.scene import World, scene_at

SIDE = 64


class Probe(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] to logits for all questions (B, sum(SIZES))."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for after in (width, 2 * width, 4 * width, 4 * width):
            layers += [
                nn.Conv2d(before, after, 3, padding=1),
                nn.GroupNorm(1, after),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            before = after
        self.look = nn.Sequential(*layers)
        self.think = nn.Sequential(nn.Linear(before * (SIDE // 16) ** 2, 256), nn.ReLU())
        self.answer = nn.Linear(256, sum(SIZES))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits for pictures of any size; they are looked at in 64x64 pixels."""
        small = F.interpolate(pixels, size=(SIDE, SIDE), mode="area")
        return self.answer(self.think(self.look(small).flatten(1)))


def disturbed(pixels: Tensor, rng: Random) -> Tensor:
    """The pictures softer, noisier or a little off in brightness, as a decoder's might be."""
    if rng.random() < 0.6:
        factor = rng.choice((2, 3, 4))
        height, width = pixels.shape[-2:]
        small = F.interpolate(pixels, size=(height // factor, width // factor), mode="area")
        soft = F.interpolate(small, size=(height, width), mode="bilinear", align_corners=False)
        pixels = torch.lerp(pixels, soft, rng.uniform(0.3, 1))
    generator = torch.Generator().manual_seed(rng.getrandbits(40))
    noise = torch.randn(pixels.shape, generator=generator) * rng.uniform(0, 0.08)
    return pixels * rng.uniform(0.92, 1.05) + noise + rng.uniform(-0.04, 0.04)


@dataclass(frozen=True, kw_only=True)
class ProbeTask:
    """What the probe learns from: scenes of its worlds in turn, held-out ones left out."""

    plan: Plan
    worlds: tuple[World, ...]
    batch: int = 64
    seed: int = 7


class ProbeStage:
    """The loss of the probe."""

    def __init__(self, task: ProbeTask) -> None:
        torch.manual_seed(task.seed)
        self.task = task
        self.network = Probe().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """Batch number `step`: fresh pictures, and the questions about them."""
        task = self.task
        numbers = [step * task.batch + row for row in team.share(task.batch)]
        scenes = [scene_at(task.worlds[n % len(task.worlds)], n, seed=task.seed) for n in numbers]
        answers = torch.tensor([answers_of(scene) for scene in scenes])
        pixels = disturbed(scene_pixels(scenes, 2 * SIDE), Random(f"probe/{step}/{team.rank}"))
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(pixels)
        loss = answer_loss(logits, answers)
        return loss, {"loss": loss.item()}
