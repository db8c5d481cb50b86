"""The probe: a small network that looks at a picture and says what is in it.

It learns from true pictures only, blurred and disturbed a little so that it does not mind the
autoencoder's softness, and has never seen the model it judges.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.errors import NotFound
from modules.training.facts import FIRST_QUESTIONS, QUESTIONS, SIZES, Question, answers_of
from modules.training.growth import widened_answers
from modules.training.loop import Plan, Report
from modules.training.pictures import scene_pixels
from modules.training.team import Team
from modules.training.text_stage import answer_loss
from modules.training.world.scene import World, scene_at

ROWS = {
    (question.name, answer): row
    for row, (question, answer) in enumerate(
        (question, answer) for question in QUESTIONS for answer in question.answers
    )
}
"""Which logit stands for an answer to a question."""

PICTURE = 128
"""Side in pixels of the pictures it learns from."""


class Probe(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] to logits for all questions (B, sum(SIZES)).

    `width` is the number of its first features, `side` how many pixels it looks at a side,
    `thoughts` the width of the layer before the answers.
    """

    def __init__(self, width: int = 32, side: int = 64, thoughts: int = 256) -> None:
        super().__init__()
        self.side = side
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
        self.think = nn.Sequential(nn.Linear(before * (side // 16) ** 2, thoughts), nn.ReLU())
        self.answer = nn.Linear(thoughts, sum(SIZES))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits for pictures of any size."""
        small = F.interpolate(pixels, size=(self.side, self.side), mode="area")
        return self.answer(self.think(self.look(small).flatten(1)))


def save_probe(probe: Probe, file: Path, questions: tuple[Question, ...] = QUESTIONS) -> None:
    """Write a probe in half precision (safetensors), with the questions it can be asked."""
    asked = json.dumps([(question.name, question.answers) for question in questions])
    weights = {name: tensor.half().contiguous() for name, tensor in probe.state_dict().items()}
    rows = [ROWS[question.name, answer] for question in questions for answer in question.answers]
    for name in ("answer.weight", "answer.bias"):
        weights[name] = weights[name][torch.tensor(rows)].contiguous()
    save_file(weights, file, metadata={"questions": asked})


def load_probe(file: Path) -> Probe:
    """A probe from its file: safetensors, or (older) a bare `.pt` of the first questions.

    An answer that it never heard of is never given; a question that it was never asked gets the
    first answer. Raises NotFound if there is no such file.
    """
    if not file.is_file():
        raise NotFound("probe", str(file))
    if file.suffix == ".pt":
        older, weights = FIRST_QUESTIONS, torch.load(file, map_location="cpu", weights_only=True)
    else:
        with safe_open(file, "pt") as stored:
            asked = json.loads(stored.metadata()["questions"])
            weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
        older = tuple(Question(name, tuple(answers)) for name, answers in asked)
    weights["answer.weight"] = widened_answers(weights["answer.weight"], older)
    weights["answer.bias"] = widened_answers(weights["answer.bias"], older, unheard=-1e4)
    width = len(weights["look.0.weight"])
    cells = weights["think.0.weight"].shape[1] // (4 * width)
    probe = Probe(width, 16 * round(cells**0.5), len(weights["think.0.weight"]))
    probe.load_state_dict(weights)
    return probe.eval()


def probe_in(state: Path, world: str = "simple") -> Probe:
    """The probe for a world that an evaluation left in its state folder; NotFound if none did."""
    kept = state / weights_name(world)
    older = state / "probe-weights.pt"
    return load_probe(older if world == "simple" and not kept.is_file() else kept)


def weights_name(world: str) -> str:
    """The file that keeps the finished probe for a world."""
    return f"{probe_name(world)}-weights.safetensors"


def probe_name(world: str) -> str:
    """The name of the probe for a world: "probe" for the simple one."""
    return "probe" if world == "simple" else f"probe-{world}"


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
    width: int = 32
    side: int = 64
    thoughts: int = 256


class ProbeStage:
    """The loss of the probe."""

    def __init__(self, task: ProbeTask) -> None:
        torch.manual_seed(task.seed)
        self.task = task
        self.network = Probe(task.width, task.side, task.thoughts).to(
            memory_format=torch.channels_last
        )  # type: ignore[call-overload]

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """Batch number `step`: fresh pictures, and the questions about them."""
        task = self.task
        numbers = [step * task.batch + row for row in team.share(task.batch)]
        scenes = [scene_at(task.worlds[n % len(task.worlds)], n, seed=task.seed) for n in numbers]
        answers = torch.tensor([answers_of(scene) for scene in scenes])
        pixels = disturbed(scene_pixels(scenes, PICTURE), Random(f"probe/{step}/{team.rank}"))
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(pixels)
        loss = answer_loss(logits, answers)
        return loss, {"loss": loss.item()}
