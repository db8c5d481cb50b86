"""Autoencoders at work: whole or in tiles, in the type that gives a picture, exchanged by file."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.assemble import Names, build
from modules.model.families.diffusers_names import autoencoder_names, original_name
from modules.model.files import Weights, read_weights
from modules.model.memory import free_bytes, give_back, ran_out
from modules.model.networks.autoencoder import Autoencoder, AutoencoderConfig
from modules.model.quickening import quicken
from modules.model.residency import Policy
from modules.model.tiled import TILE, decode_in_tiles, encode_in_tiles

log = logging.getLogger(__name__)

PREFIX = "first_stage_model."
LEFT_OUT = ("loss", "model_ema.")
MAPS_AT_ONCE = 5
"""Feature maps of full size and float32 that the finest level holds at its worst."""
SMALLEST_TILE = 16


@dataclass(frozen=True)
class VaeFile:
    """A file with an autoencoder that replaces the checkpoint's; other content is another one."""

    path: Path
    stamp: tuple[int, int]
    """Size and modification time."""
    find_sha256: Callable[[], str] = field(default=lambda: "", compare=False)
    """Gives the hash when it is first asked for; may have to wait for it."""


@dataclass
class PictureCoding:
    """How a model's autoencoder is used, and what had to be given up on the way."""

    tiled: bool = False
    """Only in tiles, because whole pictures have failed."""
    half: bool = True
    """Whether it may compute in less than 32 bits from the beginning."""
    widen_to: torch.dtype | None = torch.float32
    """What to compute in after nothing but NaN came out; None keeps the NaN."""
    notices: list[str] = field(default_factory=list)
    """What a person should know; whoever tells them empties the list."""

    def settle(self, autoencoder: Autoencoder, policy: Policy) -> None:
        """Take in an autoencoder that was just loaded."""
        if not self.half:
            policy.compute_in(autoencoder, torch.float32)
        policy.settle(autoencoder)
        if self.half:
            quicken(autoencoder, policy)

    def widen(self, float32: bool, bfloat16: bool) -> None:
        """Say what to compute in after NaN; bfloat16 goes first."""
        self.widen_to = torch.bfloat16 if bfloat16 else torch.float32 if float32 else None

    def decode(self, autoencoder: Autoencoder, z: Tensor, policy: Policy, name: str) -> Tensor:
        """An unscaled latent (1, C, h, w) to (1, 3, h*f, w*f), about [-1, 1], float32, CPU.

        Raises ModelError when nothing but NaN comes out.
        """
        scale = autoencoder.config.downsample
        cells = z.shape[2] * z.shape[3]

        def once() -> Tensor:
            return self._whole_or_tiled(
                lambda: autoencoder.decode(z).float().cpu(),
                lambda tile: decode_in_tiles(autoencoder.decode, z, scale, tile),
                autoencoder.config,
                cells,
                z.device,
            )

        picture = once()
        wider = self.widen_to
        if picture.isnan().all() and wider is not None and autoencoder.dtype != wider:
            log.warning("The VAE of %s gave only NaN; it computes in %s now.", name, wider)
            policy.compute_in(autoencoder, wider)
            picture = once()
        if picture.isnan().all():
            raise ModelError(
                f"{name} gave nothing but NaN: the picture is empty.",
                "Try --no-half, another VAE, or fewer networks in the prompt.",
            )
        return picture

    def encode(self, autoencoder: Autoencoder, x: Tensor) -> Tensor:
        """A picture (1, 3, H, W) in [-1, 1] to moments (1, D, H/f, W/f)."""
        scale = autoencoder.config.downsample
        fits = not (x.shape[2] % scale or x.shape[3] % scale)
        if not fits:
            return autoencoder.encode_moments(x)
        return self._whole_or_tiled(
            lambda: autoencoder.encode_moments(x),
            lambda tile: encode_in_tiles(autoencoder.encode_moments, x, scale, tile),
            autoencoder.config,
            x.shape[2] * x.shape[3] // scale**2,
            x.device,
        )

    def _whole_or_tiled(
        self,
        whole: Callable[[], Tensor],
        in_tiles: Callable[[int], Tensor],
        config: AutoencoderConfig,
        cells: int,
        device: torch.device,
    ) -> Tensor:
        """The whole picture if there is memory for it, else ever smaller tiles."""
        if not self.tiled and working_bytes(config, cells) <= free_bytes(device):
            try:
                return whole()
            except Exception as error:
                if not ran_out(error):
                    raise
                log.warning("Memory ran out in the VAE; it works in tiles now.")
        if cells > TILE**2:
            self._tell("The picture went through the VAE in tiles, to save memory.")
        tile = TILE
        while True:
            give_back(device)
            try:
                return in_tiles(tile)
            except Exception as error:
                if not ran_out(error) or tile <= SMALLEST_TILE:
                    raise
                tile //= 2

    def _tell(self, message: str) -> None:
        if message not in self.notices:
            self.notices.append(message)


def working_bytes(config: AutoencoderConfig, cells: int) -> int:
    """About what encoding or decoding a picture of so many latent cells needs."""
    width = config.channels * config.channel_mult[min(1, len(config.channel_mult) - 1)]
    return MAPS_AT_ONCE * width * cells * config.downsample**2 * 4


def load_vae(path: Path, config: AutoencoderConfig) -> Autoencoder:
    """The autoencoder in the file at `path`, at home; its shape must be that of `config`.

    Knows files under the original names, inside or outside a checkpoint, and under diffusers'.
    Raises ModelError.
    """
    with read_weights(path) as weights:
        names = vae_names(weights.shapes, config)
        if not names:
            raise ModelError(f"{path.name} holds no VAE.", "Choose another one, or Automatic.")
        return build(lambda: Autoencoder(config), weights, names)


def vae_names(shapes: Mapping[str, tuple[int, ...]], config: AutoencoderConfig) -> Names:
    """An autoencoder's parameter names to those of a file; what belongs to none is left out."""
    wrapped = any(name.startswith(PREFIX) for name in shapes)
    names = {
        name.removeprefix(PREFIX): name
        for name in shapes
        if name.startswith(PREFIX) or not (wrapped or name.startswith(LEFT_OUT))
    }
    if any(name.startswith("decoder.up_blocks.") for name in names):
        table = autoencoder_names(len(config.channel_mult))
        pairs = ((original_name(name, table), source) for name, source in names.items())
        names = {name: source for name, source in pairs if name is not None}
    return names if any(name.startswith("decoder.") for name in names) else {}


def vae_prefixed(weights: Weights) -> dict[str, str]:
    """The names a checkpoint has for a VAE's tensors, to those of the file. Raises ModelError.

    Only for files under the original names.
    """
    wrapped = any(name.startswith(PREFIX) for name in weights)
    names = {
        PREFIX + name.removeprefix(PREFIX): name
        for name in weights
        if name.startswith(PREFIX) or not (wrapped or name.startswith(LEFT_OUT))
    }
    if f"{PREFIX}decoder.conv_in.weight" not in names or any(".up_blocks." in n for n in names):
        raise ModelError(f"{weights.name} holds no VAE under the original names.")
    return names
