"""Stage three: freeze the autoencoder and turn many pictures into latents once.

The latents' mean and deviation per channel are folded into the two 1x1 convolutions around them,
so that latents times 0.18215 (the factor every Stable Diffusion 1 program applies) have mean 0 and
deviation 1.
"""

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from modules.model.networks.autoencoder import Autoencoder, AutoencoderConfig
from modules.training.autoencoder_stage import SCALE
from modules.training.loop import Clock
from modules.training.pictures import scene_pixels
from modules.training.team import Team
from modules.training.world.scene import SIMPLE, Scene, World, scene_at

log = logging.getLogger(__name__)

BLOCK = 64
MEASURED = 768


@dataclass(frozen=True, kw_only=True)
class LatentsTask:
    """Which scenes are encoded: `count` of them, from the worlds in turn."""

    worlds: tuple[World, ...]
    count: int
    size: int = 128
    seed: int = 3

    @property
    def record(self) -> str:
        """The worlds as text."""
        worlds = ", ".join(world.record for world in self.worlds)
        return f"({worlds},)" if len(self.worlds) == 1 else f"({worlds})"

    @property
    def mark(self) -> str:
        """A short name for the worlds: those of another task do not overwrite this one's files."""
        return hashlib.sha256(self.record.encode()).hexdigest()[:8]

    def scene(self, number: int) -> Scene:
        """The scene of latent number `number`."""
        return scene_at(self.worlds[number % len(self.worlds)], number, seed=self.seed)


def fold(weights: dict[str, Tensor], mean: Tensor, deviation: Tensor) -> dict[str, Tensor]:
    """The same autoencoder with latents (z - mean) / deviation / 0.18215; both are (channels,)."""
    weights = dict(weights)
    unit = deviation * SCALE
    channels = len(mean)
    quant = weights["quant_conv.weight"].clone()
    quant_bias = weights["quant_conv.bias"].clone()
    quant[:channels] /= unit[:, None, None, None]
    quant_bias[:channels] = (quant_bias[:channels] - mean) / unit
    quant_bias[channels:] -= 2 * unit.log()
    post = weights["post_quant_conv.weight"]
    weights["post_quant_conv.bias"] = weights["post_quant_conv.bias"] + post[:, :, 0, 0] @ mean
    weights["post_quant_conv.weight"] = post * unit[None, :, None, None]
    weights["quant_conv.weight"], weights["quant_conv.bias"] = quant, quant_bias
    return weights


@torch.no_grad()
def _encode(network: Autoencoder, scenes: list[Scene], size: int, device: torch.device) -> Tensor:
    pixels = scene_pixels(scenes, size).to(device).contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16):
        return network.encode_moments(pixels).float().chunk(2, dim=1)[0].cpu()


def freeze(
    config: AutoencoderConfig, weights: dict[str, Tensor], task: LatentsTask, file: Path
) -> None:
    """Measure the latents of an autoencoder, fold their scale in and write it to `file`."""
    network = Autoencoder(config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.load_state_dict(weights)
    parts = []
    for start in range(0, min(MEASURED, task.count), BLOCK):
        scenes = [task.scene(n) for n in range(start, min(start + BLOCK, task.count))]
        parts.append(_encode(network, scenes, task.size, torch.device("cpu")))
    means = torch.cat(parts)
    mean, deviation = means.mean(dim=(0, 2, 3)), means.std(dim=(0, 2, 3))
    part = file.with_suffix(".part")
    torch.save(fold(weights, mean, deviation), part)
    os.replace(part, file)
    log.info("latents: mean %s deviation %s", mean.tolist(), deviation.tolist())


def preview_factors(
    config: AutoencoderConfig, frozen: dict[str, Tensor], task: LatentsTask
) -> list[list[float]]:
    """The linear map from a scaled latent cell to its mean colour in [-1, 1], by least squares.

    A row of red, green, blue for each channel, and one more row for the constant.
    """
    network = Autoencoder(config)
    network.load_state_dict(frozen)
    scenes = [task.scene(number) for number in range(min(256, task.count))]
    parts = [scenes[start : start + BLOCK] for start in range(0, len(scenes), BLOCK)]
    latents = torch.cat([_encode(network, p, task.size, torch.device("cpu")) for p in parts])
    colours = torch.cat(
        [F.avg_pool2d(scene_pixels(part, task.size), config.downsample) for part in parts]
    )
    cells = latents.permute(0, 2, 3, 1).reshape(-1, config.embed_dim) * SCALE
    cells = torch.cat([cells, torch.ones(len(cells), 1)], dim=1)
    wanted = colours.permute(0, 2, 3, 1).reshape(-1, 3)
    factors = torch.linalg.lstsq(cells.double(), wanted.double()).solution  # (channels + 1, 3)
    return [[round(value, 5) for value in row] for row in factors.tolist()]


class LatentStore:
    """Latents on disk: float16 (count, channels, h, w), with a flag for every finished block."""

    def __init__(self, folder: Path, task: LatentsTask, config: AutoencoderConfig) -> None:
        self.task, self.config = task, config
        side = task.size // config.downsample
        self.shape = (task.count, config.embed_dim, side, side)
        stem = "latents" if task.worlds == (SIMPLE,) else f"latents-{task.mark}"
        self.file = folder / f"{stem}.f16"
        self.flags = folder / f"{stem}.done"
        self.note = folder / f"{stem}.json"

    def prepare(self) -> None:
        """Make the files, or make them longer when more latents are wanted than before."""
        facts = {"seed": self.task.seed, "shape": self.shape[1:], "worlds": self.task.record}
        text = json.dumps(facts)
        if self.note.is_file() and self.note.read_text() != text:
            self.file.unlink(missing_ok=True)
            self.flags.unlink(missing_ok=True)
        self.note.write_text(text)
        for path, size in ((self.file, int(np.prod(self.shape)) * 2), (self.flags, self.blocks)):
            with path.open("ab") as stream:
                if stream.tell() < size:
                    stream.truncate(size)

    @property
    def blocks(self) -> int:
        """Blocks of 64 latents (the last may be shorter)."""
        return -(-self.task.count // BLOCK)

    def rows(self, mode: str = "r") -> NDArray[np.float16]:
        """The latents as an array over the file."""
        return np.memmap(self.file, np.float16, mode, shape=self.shape)  # type: ignore[call-overload]

    def done(self, mode: str = "r") -> NDArray[np.uint8]:
        """One byte a block: 1 when it is finished."""
        return np.memmap(self.flags, np.uint8, mode, shape=(self.blocks,))  # type: ignore[call-overload]

    def complete(self) -> bool:
        """Whether every latent is there."""
        return self.flags.is_file() and bool(self.done().all())

    def fill(self, frozen: Path, team: Team, clock: Clock, device: torch.device) -> bool:
        """Encode what is missing, this process's share of the blocks; True when all is done."""
        if team.leads:
            self.prepare()
        team.wait()
        network = Autoencoder(self.config)
        network.load_state_dict(torch.load(frozen, map_location="cpu", weights_only=True))
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        rows, done = self.rows("r+"), self.done("r+")
        for block in range(team.rank, self.blocks, team.size):
            if done[block]:
                continue
            if clock.over():
                break
            numbers = range(block * BLOCK, min((block + 1) * BLOCK, self.task.count))
            scenes = [self.task.scene(number) for number in numbers]
            latents = _encode(network, scenes, self.task.size, device) * SCALE
            rows[numbers.start : numbers.stop] = latents.half().numpy()
            done[block] = 1
            if team.leads and block % (32 * team.size) == 0:
                log.info("latents %d of %d", numbers.stop, self.task.count)
        rows.flush()  # type: ignore[attr-defined]
        done.flush()  # type: ignore[attr-defined]
        team.wait()
        return self.complete()
