"""A style as a LoRA (Hu et al. 2021, arXiv:2106.09685), for convolutions too (LyCORIS, 2023).

Beside every matrix and 3x3 convolution of the U-Net's blocks a product of two small ones learns
what the style changes; the network itself stays as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from modules.training.companions.print_style import draw_print
from modules.training.companions.teacher import (
    Teacher,
    lesson,
    token_rows,
    told,
)
from modules.training.loop import Plan, Report
from modules.training.team import Team
from modules.training.world.captions import write_caption
from modules.training.world.scene import SIMPLE, scene_at

RANK = 8
SCENES = 384
BLOCKS = ("input_blocks.", "middle_block.", "output_blocks.")


@dataclass(frozen=True, kw_only=True)
class StyleTask:
    """What the stage needs to know."""

    plan: Plan
    batch: int = 8
    rank: int = RANK
    scenes: int = SCENES
    seed: int = 8


class LowRank(nn.Module):
    """A layer and what is added to it: `up` after `down`, nothing at first."""

    def __init__(self, base: nn.Linear | nn.Conv2d, rank: int) -> None:
        super().__init__()
        self.base = base
        if isinstance(base, nn.Conv2d):
            self.lora_down: nn.Module = nn.Conv2d(
                base.in_channels,
                rank,
                base.kernel_size,  # type: ignore[arg-type]
                base.stride,  # type: ignore[arg-type]
                base.padding,  # type: ignore[arg-type]
                bias=False,
            )
            self.lora_up: nn.Module = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        else:
            self.lora_down = nn.Linear(base.in_features, rank, bias=False)
            self.lora_up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.lora_up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """As the layer itself, and the change."""
        changed: Tensor = self.base(x) + self.lora_up(self.lora_down(x))
        return changed


def places_for(network: nn.Module) -> Iterator[str]:
    """Names of the layers in a U-Net's blocks that are changed."""
    for name, module in network.named_modules():
        wide = isinstance(module, nn.Linear | nn.Conv2d) and min(module.weight.shape[:2]) > RANK
        if wide and name.startswith(BLOCKS) and "emb_layers" not in name:
            yield name


def with_low_rank(network: nn.Module, rank: int) -> dict[str, LowRank]:
    """Put low-rank changes beside the layers of `network`; returns them by the layers' names."""
    found = {}
    for name in list(places_for(network)):
        owner, _, last = name.rpartition(".")
        layer = network.get_submodule(name)
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        found[name] = LowRank(layer, rank)
        setattr(network.get_submodule(owner), last, found[name])
    return found


class StyleStage:
    """The loss of the changes: noise in latents of pictures in the style."""

    def __init__(self, task: StyleTask, teacher: Teacher) -> None:
        torch.manual_seed(task.seed)
        self.task, self.teacher = task, teacher
        self.changes = with_low_rank(teacher.unet, task.rank)
        self.network = nn.ModuleDict(
            {name.replace(".", "/"): change for name, change in self.changes.items()}
        )
        self.scenes = [scene_at(SIMPLE, n, seed=task.seed) for n in range(task.scenes)]
        self.latents = teacher.encode([draw_print(scene, teacher.size) for scene in self.scenes])

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """Batch number `step`, each process its share; captions never name the style."""
        task, share = self.task, team.share(self.task.batch)
        part = slice(share.start, share.stop)
        every = [(step * task.batch + row) % task.scenes for row in range(task.batch)]
        given = lesson(self.teacher, self.latents[every], task.seed, step).part(part)
        visits, numbers = [step * task.batch + row for row in share], every[part]
        captions = [
            told(
                write_caption(self.scenes[number], Random(f"style/caption/{visit}")).text,
                f"style/{visit}",
            )
            for number, visit in zip(numbers, visits, strict=True)
        ]
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            context = self.teacher.read(self.teacher.vectors(token_rows(captions)))
            guess = self.teacher.unet(given.noisy, given.times.float(), context)
        loss = given.loss(guess)
        return loss, {"loss": loss.item()}


def write_style(weights: dict[str, Tensor], file: Path, facts: dict[str, str]) -> None:
    """Write the changes in half precision under kohya's names, from the network's state."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        place, _, part = name.partition(".")
        if not part.startswith("lora_"):
            continue
        layer = "lora_unet_" + place.replace("/", "_")
        tensors[f"{layer}.{part}"] = tensor.half().contiguous()
        if part.startswith("lora_down"):
            tensors[f"{layer}.alpha"] = torch.tensor(float(tensor.shape[0]))
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata=facts)
