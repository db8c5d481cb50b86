"""A very small decoder for previews: TAESD by Ollin Boer Bohan (github.com/madebyollin/taesd, MIT).

It turns scaled latents into pictures in a fraction of a step's time. Its files are no part of this
program; one that lies in `models/VAE-approx` or `models/VAE-taesd` is used.
"""

import logging
import re
from pathlib import Path

import torch
from torch import Tensor, nn

from modules.errors import ModelError
from modules.model.assemble import build
from modules.model.files import read_weights

log = logging.getLogger(__name__)

WIDTH = 64
STEMS = {
    "sd1": "taesd_decoder",
    "sd2": "taesd_decoder",
    "unclip": "taesd_decoder",
    "sdxl": "taesdxl_decoder",
    "sdxl-refiner": "taesdxl_decoder",
    "sd3": "taesd3_decoder",
    "flux": "taef1_decoder",
}
"""File names by family, without suffix."""
SUFFIXES = (".safetensors", ".pth", ".pt")
DIFFUSERS = re.compile(r"decoder\.layers\.(\d+)\.(.+)")


class Clamp(nn.Module):
    """Keeps latents within the range the decoder has learnt."""

    def forward(self, x: Tensor) -> Tensor:
        """To (-3, 3), smoothly."""
        return torch.tanh(x / 3) * 3


class Block(nn.Module):
    """Three convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to the same."""
        return torch.relu(self.conv(x) + x)


class TinyDecoder(nn.Sequential):
    """Scaled latents (B, C, h, w) to pictures (B, 3, 8h, 8w), about [0, 1]."""

    def __init__(self, channels: int) -> None:
        layers: list[nn.Module] = [Clamp(), nn.Conv2d(channels, WIDTH, 3, padding=1), nn.ReLU()]
        for _ in range(3):
            layers += [Block(WIDTH), Block(WIDTH), Block(WIDTH), nn.Upsample(scale_factor=2)]
            layers.append(nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False))
        layers += [Block(WIDTH), nn.Conv2d(WIDTH, 3, 3, padding=1)]
        super().__init__(*layers)


def find_tiny_decoder(folders: list[Path], family: str, channels: int) -> TinyDecoder | None:
    """The decoder for previews of a family, if its file is in one of `folders` and is in order."""
    stem = STEMS.get(family)
    places = [folder / f"{stem}{suffix}" for folder in folders for suffix in SUFFIXES]
    for path in (place for place in places if stem and place.is_file()):
        try:
            return load_tiny_decoder(path, channels)
        except ModelError as error:
            log.warning("Previews do without %s: %s", path.name, error)
    return None


def load_tiny_decoder(path: Path, channels: int) -> TinyDecoder:
    """The decoder in the file at `path`, in its own layout or diffusers'. Raises ModelError."""
    with read_weights(path) as weights:
        names = {original(name): name for name in weights}
        network = build(lambda: TinyDecoder(channels), weights, names)
    return network.float()


def original(name: str) -> str:
    """A tensor's name in the original layout; diffusers does not count the clamp."""
    match = DIFFUSERS.fullmatch(name)
    return f"{int(match[1]) + 1}.{match[2]}" if match else name


@torch.no_grad()
def tiny_rgb(decoder: TinyDecoder, latent: Tensor) -> Tensor:
    """One scaled latent (C, h, w) to a picture (8h, 8w, 3) uint8 on the CPU."""
    home = next(decoder.parameters())
    picture = decoder(latent[None].to(home.device, home.dtype))[0]
    return picture.clamp(0, 1).mul(255).to(torch.uint8).permute(1, 2, 0).cpu()
