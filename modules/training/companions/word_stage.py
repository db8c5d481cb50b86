"""A word for a colour that captions never named, by textual inversion (Gal et al. 2022).

Only the vectors of the new word learn; text encoder and U-Net stay as they are.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from modules.prompt.tokenizer import ClipTokenizer
from modules.training.companions.teacher import Teacher, lesson, token_rows, told
from modules.training.loop import Plan, Report
from modules.training.team import Team
from modules.training.world.backdrops import Backdrop
from modules.training.world.captions import COMPLETE_HABITS, write_caption
from modules.training.world.picture import draw_scene
from modules.training.world.scene import SIMPLE, Item, Scene

COLOUR = "turquoise"
STAND_IN = "blue"
"""The word whose vector the new one begins as, and whose place it takes in captions."""
VECTORS = 2
SCENES = 96


@dataclass(frozen=True, kw_only=True)
class WordTask:
    """What the stage needs to know."""

    plan: Plan
    batch: int = 8
    scenes: int = SCENES
    seed: int = 9


class Word(nn.Module):
    """The vectors (VECTORS, width) of a new word."""

    def __init__(self, begin: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(begin.repeat(VECTORS, 1))


def a_scene(number: int, seed: int, colour: str) -> Scene:
    """Scene number `number`: one thing of the colour, never on a background of it."""
    rng = Random(f"word/{seed}/{number}")
    if rng.random() < 0.5:
        others = [name for name in SIMPLE.colours if name != STAND_IN]
        backdrop = Backdrop(plain=rng.choice(others))
    else:
        backdrop = Backdrop(sky=rng.choice(SIMPLE.skies), ground=rng.choice(SIMPLE.grounds))
    item = Item(rng.choice(SIMPLE.things), colour)
    return Scene((item,), backdrop, "row", rng.getrandbits(32))


class WordStage:
    """The loss of a word: noise in latents of pictures that it tells of."""

    def __init__(self, task: WordTask, teacher: Teacher) -> None:
        torch.manual_seed(task.seed)
        self.task, self.teacher = task, teacher
        tokenizer = ClipTokenizer.load()
        (self.stand_in,) = tokenizer.encode(STAND_IN)
        self.network = Word(teacher.vectors(torch.tensor([self.stand_in])))
        numbers = range(task.scenes)
        drawn = [
            draw_scene(a_scene(n, task.seed, COLOUR), teacher.size, teacher.size) for n in numbers
        ]
        self.latents = teacher.encode(drawn)
        self.texts = [a_scene(n, task.seed, STAND_IN) for n in numbers]

    def vectors(self, captions: list[str]) -> Tensor:
        """Token vectors (B, 77, width) of captions with the new word in the stand-in's place."""
        found = []
        for rows in token_rows(captions):
            own = self.teacher.vectors(rows)
            place = rows.eq(self.stand_in).nonzero()
            if len(place):
                at = int(place[0, 0])
                own = torch.cat([own[:at], self.network.vectors, own[at + 1 :]])[: len(rows)]
            found.append(own)
        return torch.stack(found)

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """Batch number `step`: each process learns its share of it."""
        task, share = self.task, team.share(self.task.batch)
        part = slice(share.start, share.stop)
        every = [(step * task.batch + row) % task.scenes for row in range(task.batch)]
        given = lesson(self.teacher, self.latents[every], task.seed, step).part(part)
        visits, numbers = [step * task.batch + row for row in share], every[part]
        captions = []
        for number, visit in zip(numbers, visits, strict=True):
            rng = Random(f"word/caption/{visit}")
            caption = write_caption(self.texts[number], rng, COMPLETE_HABITS)
            captions.append(told(caption.text, f"word/{visit}"))
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            context = self.teacher.read(self.vectors(captions))
            guess = self.teacher.unet(given.noisy, given.times.float(), context)
        loss = given.loss(guess)
        return loss, {"loss": loss.item()}


def write_word(weights: dict[str, Tensor], file: Path, facts: dict[str, str]) -> None:
    """Write the vectors as an embedding."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": weights["vectors"].contiguous()}, file, metadata=facts)
