"""A ControlNet for edges (Zhang et al. 2023, arXiv:2302.05543): lines say where, words say what."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from modules.model.networks.additions import Additions
from modules.model.networks.controlnet import ControlNet, ControlNetConfig
from modules.training.companions.teacher import Teacher, lesson, token_rows, told
from modules.training.loop import Plan, Report
from modules.training.team import Team
from modules.training.world.captions import write_caption
from modules.training.world.picture import draw_scene
from modules.training.world.scene import SIMPLE, scene_at

SCENES = 3000
LOW, HIGH = 100, 200
"""Canny's thresholds, as the preprocessor's own."""
HINT_WIDTHS = (16, 16, 32, 32, 64, 64, 96)


@dataclass(frozen=True, kw_only=True)
class EdgesTask:
    """What the stage needs to know."""

    plan: Plan
    batch: int = 16
    scenes: int = SCENES
    seed: int = 10


def edges_of(picture: Image.Image) -> NDArray[np.uint8]:
    """The edges of an RGB picture: (H, W), 255 on a line and 0 elsewhere (Canny 1986)."""
    found: NDArray[np.uint8] = cv2.Canny(np.asarray(picture), LOW, HIGH)
    return found


def beginning(teacher: Teacher) -> ControlNet:
    """A ControlNet as it begins: the U-Net's way down, joined by zeros."""
    network = ControlNet(ControlNetConfig(unet=teacher.unet.config, hint_widths=HINT_WIDTHS))
    own = dict(teacher.unet.named_parameters())
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in own:
                parameter.copy_(own[name])
    return network


class EdgesStage:
    """The loss of the ControlNet: noise in latents, told caption and edges."""

    def __init__(self, task: EdgesTask, teacher: Teacher) -> None:
        torch.manual_seed(task.seed)
        self.task, self.teacher = task, teacher
        self.network = beginning(teacher)
        self.scenes = [scene_at(SIMPLE, n, seed=task.seed) for n in range(task.scenes)]
        latents, edges = [], []
        for start in range(0, task.scenes, 64):
            part = self.scenes[start : start + 64]
            pictures = [draw_scene(scene, teacher.size, teacher.size) for scene in part]
            latents.append(teacher.encode(pictures))
            edges += [edges_of(picture) for picture in pictures]
        self.latents, self.edges = torch.cat(latents), np.stack(edges)

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """Batch number `step`: each process learns its share.

        Three captions in ten are empty, so that edges alone say something.
        """
        task, share = self.task, team.share(self.task.batch)
        part = slice(share.start, share.stop)
        every = [(step * task.batch + row) % task.scenes for row in range(task.batch)]
        given = lesson(self.teacher, self.latents[every], task.seed, step).part(part)
        visits, numbers = [step * task.batch + row for row in share], every[part]
        captions = []
        for number, visit in zip(numbers, visits, strict=True):
            rng = Random(f"edges/caption/{visit}")
            text = write_caption(self.scenes[number], rng).text
            captions.append(told(text if rng.random() < 0.7 else "", f"edges/{visit}"))
        hint = torch.from_numpy(self.edges[numbers]).float().div(255)[:, None]
        noisy, times = given.noisy, given.times.float()
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            context = self.teacher.read(self.teacher.vectors(token_rows(captions)))
            read = self.network.read_hint(hint.expand(-1, 3, -1, -1))
            *skips, middle = self.network(noisy, read, times, context)
            added = Additions(skips=dict(enumerate(skips)), middle=middle)
            guess = self.teacher.unet(noisy, times, context, added=added)
        loss = given.loss(guess)
        return loss, {"loss": loss.item()}


def write_edges(weights: dict[str, Tensor], file: Path, facts: dict[str, str]) -> None:
    """Write the network in half precision under the original names."""
    tensors = {f"control_model.{name}": t.half().contiguous() for name, t in weights.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata=facts)
