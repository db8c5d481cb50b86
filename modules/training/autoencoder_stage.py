"""Stage one: the autoencoder learns to pack pictures of the world into latents and back."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from modules.model.networks.autoencoder import Autoencoder, AutoencoderConfig
from modules.training.identity import start_near_identity
from modules.training.loop import Plan, Report
from modules.training.pictures import save_sheet, scene_pixels, to_pictures
from modules.training.team import Team
from modules.training.world.scene import SIMPLE, WIDE, Scene, World, scene_at

WIDE_EVERY = 4
"""One picture in this many comes from the wide world, so that the world can grow later."""

KL_WEIGHT = 1e-4

SCALE = 0.18215
"""Stable Diffusion 1 multiplies latents by this; frozen latents then have deviation 1."""

LATENT_NOISE = 0.05
"""Deviation of the noise that the decoder learns to overlook, in scaled latents."""


@dataclass(frozen=True, kw_only=True)
class AutoencoderTask:
    """What the stage needs to know."""

    config: AutoencoderConfig
    plan: Plan
    batch: int = 8
    size: int = 128
    seed: int = 1
    wide_every: int = WIDE_EVERY

    def scene(self, index: int) -> Scene:
        """Scene number `index`: from the simple world, one in `wide_every` from the wide one."""
        world = WIDE if index % self.wide_every == 0 else SIMPLE
        return scene_at(world, index, seed=self.seed)


def held_out_scenes(count: int, seed: int = 900, world: World = SIMPLE) -> list[Scene]:
    """Scenes that no stage trains on."""
    return [scene_at(world, index, seed=seed, held_out=True) for index in range(count)]


def _edges(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


def picture_loss(drawn: Tensor, true: Tensor) -> Tensor:
    """L1 of pixels, of their differences to neighbours, and of 4x4 means (both in [-1, 1])."""
    loss = F.l1_loss(drawn, true)
    for a, b in zip(_edges(drawn), _edges(true), strict=True):
        loss = loss + 0.25 * F.l1_loss(a, b)
    return loss + 0.5 * F.l1_loss(F.avg_pool2d(drawn, 4), F.avg_pool2d(true, 4))


class AutoencoderStage:
    """The loss of the autoencoder: reconstruction and a little pull towards a unit Gaussian."""

    def __init__(self, task: AutoencoderTask, device: torch.device) -> None:
        torch.manual_seed(task.seed)
        self.task, self.device = task, device
        self.network = Autoencoder(task.config)
        start_near_identity(self.network)
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """Batch number `step`: each process draws and learns its share of it."""
        numbers = [step * self.task.batch + row for row in team.share(self.task.batch)]
        scenes = [self.task.scene(number) for number in numbers]
        pixels = scene_pixels(scenes, self.task.size).to(self.device)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        generator = torch.Generator().manual_seed(step * 64 + team.rank)
        with torch.autocast(self.device.type, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            moments = self.network.encode_moments(pixels).float()
            mean, log_variance = moments.chunk(2, dim=1)
            log_variance = log_variance.clamp(-20, 10)
            noise = torch.randn(mean.shape, generator=generator).to(self.device)
            latents = mean + noise * (0.5 * log_variance).exp()
            drawn = self.network.decode(latents).float()
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        loss = picture_loss(drawn, pixels)
        error = F.mse_loss(drawn.detach().clamp(-1, 1), pixels).item()
        return loss + KL_WEIGHT * kl, {"loss": loss.item(), "kl": kl.item(), "mse": error}


class DecoderStage:
    """The decoder alone learns on, from slightly noisy latents, while the encoder stays frozen.

    What latents mean does not change, so this may run at any time after the latents were made.
    """

    def __init__(
        self, task: AutoencoderTask, frozen: dict[str, Tensor], device: torch.device
    ) -> None:
        self.task, self.device = task, device
        self.network = Autoencoder(task.config)
        self.network.load_state_dict(frozen)
        for part in (self.network.encoder, self.network.quant_conv):
            part.requires_grad_(False)
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(self, step: int, team: Team) -> tuple[Tensor, Report]:
        """Batch number `step`: new scenes, encoded by the frozen encoder."""
        numbers = [step * self.task.batch + row for row in team.share(self.task.batch)]
        scenes = [self.task.scene(number) for number in numbers]
        pixels = scene_pixels(scenes, self.task.size).to(self.device)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        generator = torch.Generator().manual_seed(step * 64 + team.rank)
        with torch.autocast(self.device.type, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            with torch.no_grad():
                mean = self.network.encode_moments(pixels).float().chunk(2, dim=1)[0]
            noise = torch.randn(mean.shape, generator=generator).to(self.device)
            drawn = self.network.decode(mean + LATENT_NOISE / SCALE * noise).float()
        loss = picture_loss(drawn, pixels)
        error = F.mse_loss(drawn.detach().clamp(-1, 1), pixels).item()
        return loss, {"loss": loss.item(), "mse": error}


@torch.no_grad()
def round_trip(network: Autoencoder, pixels: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) through the latents' mean and back."""
    mean = network.encode_moments(pixels).chunk(2, dim=1)[0]
    return network.decode(mean).float().clamp(-1, 1)


def psnr(drawn: Tensor, true: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, the mean over pictures in [-1, 1]."""
    error = (drawn - true).square().flatten(1).mean(1)
    return (10 * torch.log10(4 / error.clamp(min=1e-10))).mean().item()


def show_round_trip(
    config: AutoencoderConfig, weights: dict[str, Tensor], scenes: list[Scene], file: Path
) -> float:
    """Draw originals above their round trips into a file; returns the PSNR over all scenes."""
    network = Autoencoder(config)
    network.load_state_dict(weights)
    true = scene_pixels(scenes)
    drawn = torch.cat([round_trip(network, part) for part in true.split(8)])
    shown = to_pictures(true[:8]) + to_pictures(drawn[:8])
    shown += to_pictures(true[8:16]) + to_pictures(drawn[8:16])
    save_sheet(shown, 8, file)
    return psnr(drawn, true)
