"""A checkpoint on disk to a model that can draw."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from modules.errors import ModelError
from modules.log import timed
from modules.model.architecture import Architecture, Prediction, check, with_facts
from modules.model.assemble import build, parts_of, text_config_of
from modules.model.config import read_config
from modules.model.diffusers_folder import folder_architecture, open_folder
from modules.model.facts import read_facts
from modules.model.families.record import Family
from modules.model.family import detect_family
from modules.model.files import Weights, read_weights
from modules.model.networks.autoencoder import Autoencoder
from modules.model.networks.clip_text import ClipText
from modules.model.networks.unet import UNet
from modules.model.residency import AllOnDevice
from modules.paths import Paths

log = logging.getLogger(__name__)

Part = Literal["unet", "autoencoder", "text_encoder"]


@dataclass(kw_only=True)
class Model:
    """A loaded model: three networks and what one needs to know to use them."""

    name: str
    path: Path
    family: Family
    architecture: Architecture
    unet: UNet
    autoencoder: Autoencoder
    text_encoder: ClipText
    alphas_cumprod: Tensor
    """(1000,) float32 on the CPU."""
    native_size: tuple[int, int]
    """Width and height in pixels."""
    examples: tuple[str, ...] = ()
    preview_factors: tuple[tuple[float, float, float], ...]
    device: torch.device
    dtype: torch.dtype
    sha256: str = ""
    """Filled in by whoever knows it."""
    policy: AllOnDevice = field(default_factory=AllOnDevice)

    @property
    def hash(self) -> str:
        """First ten digits of the SHA-256; empty while it is not known."""
        return self.sha256[:10]

    @property
    def prediction(self) -> Prediction:
        """What the U-Net predicts."""
        return self.architecture.prediction

    @property
    def scale_factor(self) -> float:
        """Latents are the autoencoder's times this."""
        return self.architecture.scale_factor

    @property
    def downsample(self) -> int:
        """Pixels per latent cell along one side."""
        return self.autoencoder.config.downsample

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return self.autoencoder.config.embed_dim

    def resident(self, part: Part) -> AbstractContextManager[nn.Module]:
        """A block in which one network is ready to compute; see `modules.model.residency`."""
        return self.policy.resident(getattr(self, part))

    @torch.no_grad()
    def encode_image(self, x: Tensor, noise: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] to scaled latents (B, C, H/f, W/f) float32.

        `noise` of the latents' shape draws from the posterior: mean + std * noise. Pictures are
        encoded one by one, so that a batch gives what single pictures give.
        """
        with self.resident("autoencoder"):
            rows = [self.autoencoder.encode_moments(one.to(self.device)) for one in x.split(1)]
        mean, log_variance = torch.cat(rows).float().chunk(2, dim=1)
        deviation = torch.exp(0.5 * log_variance.clamp(-30.0, 20.0))
        return self.scale_factor * (mean + deviation * noise.to(self.device))

    @torch.no_grad()
    def decode_latent(self, z: Tensor) -> Tensor:
        """Scaled latents (B, C, h, w) to pictures (B, 3, h*f, w*f), about [-1, 1], float32, CPU.

        One at a time. A half-precision autoencoder that gives nothing but NaN is switched to
        float32, for good, and asked again.
        """
        with self.resident("autoencoder"):
            return torch.cat([self.decode_one(one) for one in z.to(self.device).split(1)])

    def decode_one(self, z: Tensor) -> Tensor:
        """One scaled latent (1, C, h, w) to its picture."""
        unscaled = 1 / self.scale_factor * z
        picture = self.autoencoder.decode(unscaled).float().cpu()
        if picture.isnan().all() and self.autoencoder.dtype != torch.float32:
            log.warning("The VAE of %s gave only NaN; it runs in float32 from now on.", self.name)
            self.autoencoder.float()
            picture = self.autoencoder.decode(unscaled).float().cpu()
        return picture


def load_model(
    path: Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    config_dir: Path | None = None,
    config: Path | None = None,
) -> Model:
    """Load the checkpoint at `path`: a file in the original layout, or a diffusers folder.

    The architecture comes from `config` if given, else from `NAME.yaml` beside the file, or else
    from `config_dir` (by default the program's `configs/`) by family. Raises ModelError saying
    what is wrong with the file.
    """
    if not path.exists():
        raise ModelError(f"There is no model at {path}.", "Refresh the list of models.")
    target = torch.device(device)
    with timed(log, f"Loading {path.name}"), open_model(path) as weights:
        family = detect_family(weights.shapes, path.name)
        facts = read_facts(weights.metadata, path.name)
        parts = parts_of(weights, family)
        if path.is_dir():
            described = folder_architecture(path)
        else:
            described = read_config(config or config_path(path, family, config_dir))
            described = replace(described, text=text_config_of(weights, parts.text_encoder))
        architecture = with_facts(described, facts, path.name)
        check(architecture, path.name)
        unet, autoencoder, text = architecture.unet, architecture.autoencoder, architecture.text
        return Model(
            name=path.name,
            path=path,
            family=family,
            architecture=architecture,
            unet=build(lambda: UNet(unet), weights, parts.unet, target, dtype),
            autoencoder=build(
                lambda: Autoencoder(autoencoder), weights, parts.autoencoder, target, dtype
            ),
            text_encoder=build(lambda: ClipText(text), weights, parts.text_encoder, target, dtype),
            alphas_cumprod=architecture.schedule.alphas_cumprod(),
            native_size=facts.native_size or family.native_size,
            examples=facts.examples,
            preview_factors=facts.preview_factors or family.preview_factors,
            device=target,
            dtype=dtype,
        )


def open_model(path: Path) -> Weights:
    """The weights at `path` (a file or a diffusers folder) under the original names."""
    return open_folder(path) if path.is_dir() else read_weights(path)


def config_path(path: Path, family: Family, config_dir: Path | None) -> Path:
    """The description of the model at `path`: beside it, or the family's."""
    beside = path.with_suffix(".yaml")
    return beside if beside.is_file() else (config_dir or Paths().configs) / family.config
