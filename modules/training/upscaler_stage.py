"""A small upscaler learns to double pictures of the world.

The network is the compact one of Real-ESRGAN (SRVGGNetCompact, Wang et al. 2021): convolutions at
the small size, sub-pixel rearrangement at the end (Shi et al. 2016), and the enlarged input added,
so that only what is missing must be learnt. Weights carry the names under which that family of
upscalers is known, so whatever reads such files reads this one.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from modules.training.loop import Plan, Report
from modules.training.pictures import to_pictures
from modules.training.team import Team
from modules.training.world.picture import draw_scene
from modules.training.world.scene import SIMPLE, WIDE, Scene, scene_at

SCALE = 2
FEATURES = 32
LAYERS = 10
LARGE = 192
"""Side in pixels of the pictures that are learnt from."""
PATCH = 48
"""Side in pixels of the small patches that are enlarged."""
PATCHES = 2
"""Patches of one picture."""
SQUARED = 50.0
"""Weight of the squared distance, which is what PSNR measures."""
FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BOX)


class CompactUpscaler(nn.Module):
    """(B, 3, h, w) in [0, 1] to (B, 3, 2h, 2w), hardly outside [0, 1]."""

    def __init__(self, features: int = FEATURES, layers: int = LAYERS) -> None:
        super().__init__()
        body: list[nn.Module] = [nn.Conv2d(3, features, 3, padding=1), nn.PReLU(features)]
        for _ in range(layers):
            body += [nn.Conv2d(features, features, 3, padding=1), nn.PReLU(features)]
        body.append(nn.Conv2d(features, 3 * SCALE**2, 3, padding=1))
        self.body = nn.Sequential(*body)

    def forward(self, small: Tensor) -> Tensor:
        """Enlarge."""
        return F.pixel_shuffle(self.body(small), SCALE) + F.interpolate(small, scale_factor=SCALE)


@dataclass(frozen=True, kw_only=True)
class UpscalerTask:
    """What the stage needs to know."""

    plan: Plan
    batch: int = 16
    """Patches of a step; `PATCHES` of them come from one picture."""
    seed: int = 6


def upscaler_plan(steps: int) -> Plan:
    """How the upscaler learns."""
    return Plan(steps=steps, rate=6e-4, warm_up=100, flat_until=0.4, average=0.998)


def scene_of(number: int, seed: int, *, held_out: bool = False) -> Scene:
    """Scene number `number`, from both worlds in turn."""
    return scene_at(WIDE if number % 2 else SIMPLE, number, seed=seed, held_out=held_out)


def shrunk(large: Image.Image, rng: Random) -> Image.Image:
    """A picture of half the size, some a little soft, as decoders of latents leave them."""
    if rng.random() < 0.35:
        large = large.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.7)))
    return large.resize((large.width // SCALE, large.height // SCALE), rng.choice(FILTERS))


def unit(picture: Image.Image) -> Tensor:
    """A picture as (3, H, W) float32 in [0, 1]."""
    pixels = np.array(picture.convert("RGB"), dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)


class UpscalerStage:
    """The loss of the upscaler: squared and plain distance of pixels."""

    def __init__(self, task: UpscalerTask) -> None:
        torch.manual_seed(task.seed)
        self.task = task
        self.network = CompactUpscaler()
        last = self.network.body[-1]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()

    def pairs(self, number: int) -> list[tuple[Tensor, Tensor]]:
        """Patches of scene number `number`: small (3, p, p) and true (3, 2p, 2p)."""
        rng = Random(f"upscale/{self.task.seed}/{number}")
        large = draw_scene(scene_of(number, self.task.seed), LARGE, LARGE)
        small = unit(shrunk(large, rng))
        true = unit(large)
        found = []
        for _ in range(PATCHES):
            top, left = (rng.randrange(LARGE // SCALE - PATCH + 1) for _ in range(2))
            inner = small[:, top : top + PATCH, left : left + PATCH]
            top, left, side = SCALE * top, SCALE * left, SCALE * PATCH
            outer = true[:, top : top + side, left : left + side]
            if rng.random() < 0.5:
                inner, outer = inner.flip(2), outer.flip(2)
            if rng.random() < 0.5:  # some programs hand pictures over with red and blue exchanged
                inner, outer = inner.flip(0), outer.flip(0)
            if rng.random() < 0.5:
                inner, outer = inner.transpose(1, 2), outer.transpose(1, 2)
            found.append((inner, outer))
        return found

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """Batch number `step`: each process draws and learns its share of it."""
        count = self.task.batch // PATCHES
        numbers = [step * count + row for row in team.share(count)]
        pairs = [pair for number in numbers for pair in self.pairs(number)]
        small = torch.stack([pair[0] for pair in pairs])
        true = torch.stack([pair[1] for pair in pairs])
        with sdpa_kernel(SDPBackend.MATH):
            drawn = self.network(small)
        error = F.mse_loss(drawn, true)
        # most of a drawing is flat, where the distance of pixels alone would have nothing to say
        loss = SQUARED * error + F.l1_loss(drawn, true)
        return loss, {"loss": loss.item(), "mse": error.item()}


def psnr(drawn: Tensor, true: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures in [0, 1]."""
    error = (drawn.clamp(0, 1) - true).square().mean().clamp(min=1e-10)
    return (-10 * torch.log10(error)).item()


@torch.no_grad()
def gain_over_lanczos(network: nn.Module, count: int = 40) -> tuple[float, float]:
    """Mean PSNR in dB of the network and of Lanczos, over held-out pictures made half as large."""
    own, lanczos = [], []
    for number in range(count):
        large = draw_scene(scene_of(number, 900, held_out=True), LARGE, LARGE)
        small = large.resize((LARGE // SCALE, LARGE // SCALE), Image.Resampling.BICUBIC)
        true = unit(large)
        drawn = network(unit(small)[None])[0].clamp(0, 1)
        levels = unit(to_pictures(drawn[None] * 2 - 1)[0])
        own.append(psnr(levels, true))
        lanczos.append(psnr(unit(small.resize(large.size, Image.Resampling.LANCZOS)), true))
    return sum(own) / count, sum(lanczos) / count


def write_upscaler(weights: dict[str, Tensor], file: Path, facts: dict[str, str]) -> None:
    """Write the weights in half precision, with what is known about them."""
    halves = {name: tensor.detach().half().contiguous() for name, tensor in weights.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(halves, file, metadata=facts)
