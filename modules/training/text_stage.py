"""Stage two: the text encoder learns to understand captions, before it sees any picture.

It must answer questions about the scene from its end-of-text state and from a random later state
(the padding, which cross-attention also sees). Now and then the last layer is skipped, so that
"clip skip 2" gives something sensible.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from modules.model.networks.clip_text import ClipText, ClipTextConfig
from modules.training.facts import QUESTIONS, SIZES, SKIP, answers_of, row_of
from modules.training.loop import Plan, Report
from modules.training.team import Team
from modules.training.vocabulary import LENGTH, Vocabulary
from modules.training.world.captions import COMPLETE_HABITS, TRAINING_HABITS, Habits, write_caption
from modules.training.world.scene import Scene, World, scene_at

JUNK_SHARE = 0.08
SKIP_SHARE = 0.15


@dataclass(frozen=True, kw_only=True)
class TextTask:
    """What the stage needs to know. `worlds` take turns."""

    config: ClipTextConfig
    plan: Plan
    worlds: tuple[World, ...]
    batch: int = 96
    seed: int = 2
    habits: Habits = TRAINING_HABITS


class Reader(nn.Module):
    """A text encoder and, for each question, a linear answer."""

    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.text = ClipText(config)
        self.answers = nn.Linear(config.width, sum(SIZES))

    def forward(self, rows: Tensor, *, skip: bool = False) -> Tensor:
        """Token rows (B, 77) to hidden states (B, 77, width) after the final norm."""
        states = self.text(self.text.embed_tokens(rows))
        return self.text.final_layer_norm(states[-2 if skip else -1])


def caption_rows(
    scenes: Sequence[Scene],
    vocabulary: Vocabulary,
    seeds: Sequence[str],
    habits: Habits = TRAINING_HABITS,
) -> tuple[Tensor, Tensor]:
    """Fresh captions: token rows (B, 77) and the answers they tell (B, questions)."""
    rows, answers = [], []
    for scene, seed in zip(scenes, seeds, strict=True):
        rng = Random(seed)
        caption = write_caption(scene, rng, habits)
        junk = rng if rng.random() < JUNK_SHARE else None
        rows.append(vocabulary.rows(caption.text, junk))
        answers.append(answers_of(scene, caption))
    return torch.tensor(rows), torch.tensor(answers)


def by_question(logits: Tensor) -> Tensor:
    """Logits (B, sum(SIZES)) to (B, questions, most answers), -inf where there is no answer."""
    return F.pad(logits.float(), (0, 1), value=float("-inf"))[:, _places(logits.device)]


@lru_cache(maxsize=4)
def _places(device: torch.device) -> Tensor:
    """The column of each question's each answer (questions, most answers); past the end: none."""
    table = torch.full((len(SIZES), max(SIZES)), sum(SIZES))
    start = 0
    for question, size in enumerate(SIZES):
        table[question, :size] = torch.arange(start, start + size)
        start += size
    return table.to(device)


def answer_loss(logits: Tensor, answers: Tensor) -> Tensor:
    """The mean cross-entropy over questions that arise (0 if none); logits (B, sum(SIZES))."""
    every = by_question(logits).flatten(0, 1)
    total = F.cross_entropy(every, answers.flatten(), ignore_index=SKIP, reduction="sum")
    return total / answers.ne(SKIP).sum().clamp(min=1)


def ends_and_later(states: Tensor, rows: Tensor, share: float) -> Tensor:
    """What questions are answered from: states (B, 77, width) at the end of text and later on.

    `share` (0-1) says how far between the end of text and the last place; (2 B, width).
    """
    end = rows.eq(rows[:, -1:]).int().argmax(dim=1)  # the first end-of-text
    later = end + ((LENGTH - end) * share).long()
    picked = torch.arange(len(rows), device=rows.device)
    return torch.cat([states[picked, end], states[picked, later]])


class TextStage:
    """The loss of the reader."""

    def __init__(self, task: TextTask, vocabulary: Vocabulary, device: torch.device) -> None:
        torch.manual_seed(task.seed)
        self.task, self.vocabulary, self.device = task, vocabulary, device
        self.network = Reader(task.config).to(device)

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """Batch number `step`: scenes from the worlds in turn, captions written anew."""
        task = self.task
        numbers = [step * task.batch + row for row in team.share(task.batch)]
        scenes = [scene_at(task.worlds[n % len(task.worlds)], n, seed=task.seed) for n in numbers]
        seeds = [f"text/{n}" for n in numbers]
        rows, answers = caption_rows(scenes, self.vocabulary, seeds, task.habits)
        rows, answers = rows.to(self.device), answers.to(self.device)
        rng = Random(f"text/{step}")
        skip = rng.random() < SKIP_SHARE
        with torch.autocast(self.device.type, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            states = self.network(rows, skip=skip)
            logits = self.network.answers(ends_and_later(states, rows, rng.random()))
        loss = answer_loss(logits, answers.repeat(2, 1))
        if skip:  # every process must have every gradient
            unused = self.network.text.text_model.encoder.layers[-1].parameters()
            loss = loss + 0 * sum((p.sum() for p in unused), torch.zeros((), device=self.device))
        return loss, {"loss": loss.item()}


@torch.no_grad()
def reading_scores(
    network: Reader,
    vocabulary: Vocabulary,
    world: World,
    count: int,
    habits: Habits = COMPLETE_HABITS,
) -> dict[str, float]:
    """Share of right answers on captions (complete ones) of held-out scenes, row by row.

    Only what a caption tells is counted: "pattern" is asked where there is one.
    """
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for start in range(0, count, 100):
        numbers = range(start, min(start + 100, count))
        scenes = [scene_at(world, n, seed=901, held_out=True) for n in numbers]
        told = [
            write_caption(s, Random(f"read/{n}"), habits)
            for n, s in zip(numbers, scenes, strict=True)
        ]
        rows = torch.tensor([vocabulary.rows(caption.text) for caption in told])
        answers = torch.tensor([answers_of(s, c) for s, c in zip(scenes, told, strict=True)])
        hits = by_question(network.answers(network(rows)[:, -1])).argmax(2).eq(answers)
        for caption, question in answers.ne(SKIP).nonzero().tolist():
            row = row_of(QUESTIONS[question], int(answers[caption, question]))
            if row:
                asked[row] += 1
                right[row] += bool(hits[caption, question])
    return {row: right[row] / asked[row] for row in sorted(asked)}
