"""Many pictures drawn and looked at by several processes: only the probe's answers come back."""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor

from modules.model.loader import load_model
from modules.training.draw import Beginning, Studio, studio_of
from modules.training.evaluation.adherence import answers_to
from modules.training.evaluation.probe import Probe, load_probe
from modules.training.pictures import scene_pixels
from modules.training.world.scene import Scene

log = logging.getLogger(__name__)

CHUNK = 100


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """Prompts to draw with one checkpoint and to show to one probe; prompt i has seed first + i."""

    checkpoint: Path
    probe: Path
    prompts: tuple[str, ...]
    first_seed: int = 0
    cfg_scale: float = 7.0
    negative: str = ""
    steps: int = 20
    batch: int = 25
    scenes: tuple[Scene, ...] = ()
    """Scenes whose true pictures are drawn over, one for each prompt; none: begin with noise."""
    strength: float = 1.0
    left_half: bool = False
    """Whether only the left half is drawn over."""

    def beginning(self, start: int, size: int) -> Beginning | None:
        """What the part of the sitting that starts here draws over, `size` pixels a side."""
        if not self.scenes:
            return None
        pixels = scene_pixels(list(self.scenes[start : start + self.batch]), size)
        mask = torch.zeros(pixels.shape[-2:])
        mask[:, : mask.shape[1] // 2] = 1
        return Beginning(
            pixels=pixels, strength=self.strength, mask=mask if self.left_half else None
        )


@dataclass(frozen=True, kw_only=True)
class Over:
    """Scenes whose pictures are drawn over, how strongly, and whether only their left half."""

    scenes: tuple[Scene, ...] = ()
    strength: float = 1.0
    left_half: bool = False


@lru_cache(maxsize=1)
def _tools(checkpoint: Path, probe: Path) -> tuple[Studio, Probe]:
    return studio_of(load_model(checkpoint)), load_probe(probe)


def sit(sitting: Sitting) -> Tensor:
    """Draw all pictures of a sitting; answer numbers (prompts, questions)."""
    studio, probe = _tools(sitting.checkpoint, sitting.probe)
    seen = []
    for start in range(0, len(sitting.prompts), sitting.batch):
        part = sitting.prompts[start : start + sitting.batch]
        first = sitting.first_seed + start
        pixels = studio.draw(
            part,
            range(first, first + len(part)),
            negatives=[sitting.negative],
            cfg_scale=sitting.cfg_scale,
            steps=sitting.steps,
            begin=sitting.beginning(start, studio.size),
        )
        seen.append(answers_to(probe, pixels))
    return torch.cat(seen)


def _start_worker() -> None:
    torch.set_num_threads(1)


class Atelier:
    """Some processes that take sittings in turn; one process means this one."""

    def __init__(self, checkpoint: Path, probe: Path, *, steps: int, processes: int) -> None:
        self.checkpoint, self.probe, self.steps = checkpoint, probe, steps
        self._pool = (
            ProcessPoolExecutor(processes, get_context("spawn"), initializer=_start_worker)
            if processes > 1
            else None
        )

    def answers(
        self, prompts: Sequence[str], cfg_scale: float, negative: str = "", over: Over | None = None
    ) -> Tensor:
        """The probe's answers to a picture of each prompt; picture i has seed i.

        `over` names what is drawn over; without it pictures begin with noise.
        """
        over = over or Over()
        sittings = [
            Sitting(
                checkpoint=self.checkpoint,
                probe=self.probe,
                prompts=tuple(prompts[start : start + CHUNK]),
                first_seed=start,
                cfg_scale=cfg_scale,
                negative=negative,
                steps=self.steps,
                scenes=over.scenes[start : start + CHUNK],
                strength=over.strength,
                left_half=over.left_half,
            )
            for start in range(0, len(prompts), CHUNK)
        ]
        done: Iterable[Tensor] = (
            map(sit, sittings) if self._pool is None else self._pool.map(sit, sittings)
        )
        parts = []
        for part in done:
            parts.append(part)
            log.info("CFG %g: %d of %d", cfg_scale, sum(map(len, parts)), len(prompts))
        return torch.cat(parts)

    def close(self) -> None:
        """Send the processes home."""
        if self._pool is not None:
            self._pool.shutdown()
