"""A checkpoint on disk to a model that can draw."""

import logging
import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn

from modules.errors import ModelError
from modules.log import timed
from modules.model.architecture import (
    Architecture,
    Prediction,
    check,
    with_depths,
    with_facts,
)
from modules.model.assemble import Parts, build, parts_of, uncollected
from modules.model.companions import with_vae
from modules.model.compiling import Forms
from modules.model.diffusers_file import under_original_names
from modules.model.eight_bits import EightBits, why_not
from modules.model.facts import read_facts
from modules.model.families.record import Family, TextTower
from modules.model.files import Entry, Weights
from modules.model.memory import MemoryPlan, Sizes
from modules.model.network_kinds import (
    Denoiser,
    TextConfig,
    TextEncoder,
    denoiser,
    text_encoder,
)
from modules.model.networks.autoencoder import Autoencoder
from modules.model.networks.clip_text import ClipText
from modules.model.networks.unet import UNet
from modules.model.opening import beside, describe, family_of, open_model
from modules.model.pace import Pace
from modules.model.quickening import LARGE, quicken
from modules.model.residency import AllOnDevice, Policy
from modules.model.schedules import FlowSchedule
from modules.model.tiny_decoder import TinyDecoder
from modules.model.transformer_models import completed, without_missing
from modules.model.vae import PictureCoding, VaeFile, load_vae
from modules.paths import Paths

log = logging.getLogger(__name__)

Part = Literal["unet", "autoencoder", "text_encoders"]

PictureInput = Literal["", "mask", "picture", "depth"]
PICTURE_INPUTS: dict[int, PictureInput] = {0: "", 5: "mask", 4: "picture", 1: "depth"}
"""What a U-Net's further input channels are, by their number: where to repaint, and the latent of
the picture without it (inpainting); the latent of a picture (instruct-pix2pix); depth."""


@dataclass(kw_only=True)
class Model:
    """A loaded model: its networks and what one needs to know to use them."""

    name: str
    path: Path
    family: Family
    architecture: Architecture
    unet: Denoiser
    """The network that takes noise away, whatever it is."""
    autoencoder: Autoencoder
    text_encoders: nn.ModuleDict
    """By the names of the family's `TextTower`s, in their order."""
    tokenizers: Path = field(default_factory=lambda: Paths().tokenizers)
    """Where vocabularies lie that do not come with the program, in folders by encoder."""
    midas: Path = field(default_factory=lambda: Paths().midas)
    """Where estimators of depth lie, for a network that is told depth."""
    alphas_cumprod: Tensor
    """(1000,) float32 on the CPU."""
    native_size: tuple[int, int]
    """Width and height in pixels."""
    examples: tuple[str, ...] = ()
    preview_factors: tuple[tuple[float, float, float], ...]
    preview_decoder: TinyDecoder | None = None
    """Makes better previews than the factors, if there is one."""
    device: torch.device
    dtype: torch.dtype
    sha256: str = ""
    """Filled in by whoever knows it."""
    find_sha256: Callable[[], str] = lambda: ""
    """Gives the hash when it is first asked for; may have to wait for it."""
    policy: Policy = field(default_factory=AllOnDevice)
    coding: PictureCoding = field(default_factory=PictureCoding)
    own_autoencoder: Autoencoder | None = None
    """The checkpoint's, while one of another file is used."""
    vae: VaeFile | None = None
    """That other file."""
    forms: Forms | None = None
    """What compiles the denoising network, if that is wished for."""
    pace: Pace = field(default_factory=Pace)
    """Finds out how many threads are quickest, for small networks."""

    eight_bits: EightBits | None = None
    """What the U-Net's convolutions are computed by, while they are wanted in eight bits."""

    @property
    def hash(self) -> str:
        """First ten digits of the SHA-256; empty if it is not known."""
        if not self.sha256:
            self.sha256 = self.find_sha256()
        return self.sha256[:10]

    @property
    def text_encoder(self) -> ClipText:
        """The first text encoder."""
        return cast(ClipText, next(iter(self.text_encoders.values())))

    @property
    def text_widths(self) -> dict[str, int]:
        """Channels of each text encoder, by name."""
        return {
            tower.name: text.width
            for tower, text in zip(self.family.text, self.architecture.texts, strict=True)
        }

    def vocabularies(self, tower: TextTower) -> list[Path]:
        """Where the vocabulary of a text encoder may be: in the model's folder or among others."""
        return [self.path / tower.tokenizer_folder, self.tokenizers / tower.name]

    @property
    def picture_input(self) -> PictureInput:
        """What the network is told of a picture, in further input channels."""
        return PICTURE_INPUTS[self.unet.config.in_channels - self.latent_channels]

    def alphas_for(self, width: int, height: int) -> Tensor:
        """What is left of the signal at each timestep, for pictures of that size in pixels.

        Only models of straight paths have other levels for other sizes.
        """
        schedule = self.architecture.schedule
        if not isinstance(schedule, FlowSchedule) or schedule.small_shift is None:
            return self.alphas_cumprod
        cell = 2 * self.downsample
        return schedule.for_patches((width // cell) * (height // cell)).alphas_cumprod()

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

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """Everything with weights, each of which is moved as one."""
        return self.unet, self.autoencoder, self.text_encoders

    @property
    def vae_facts(self) -> tuple[tuple[str, str | None], ...]:
        """What recipes say about the VAE; nothing about the checkpoint's own."""
        if self.vae is None:
            return (("VAE", None),)
        return ("VAE hash", self.vae.find_sha256()[:10]), ("VAE", self.vae.path.name)

    @property
    def bytes_held(self) -> int:
        """Bytes of all weights, wherever they are."""
        return sum(
            parameter.numel() * parameter.element_size()
            for network in (*self.networks, self.own_autoencoder)
            if network is not None
            for parameter in network.parameters()
        )

    def rest(self) -> None:
        """Leave the device to other models until the next block."""
        self.policy.rest()

    def use_eight_bits(self, wanted: bool) -> str:
        """Convolve in eight bits from now on, or no longer; returns why that cannot be."""
        if not wanted:
            self.eight_bits = None
        elif self.eight_bits is None:
            reason = why_not(self.unet, self.policy)
            if reason:
                return reason
            self.eight_bits = EightBits(cast(UNet, self.unet))
        return ""

    def use_vae(self, file: VaeFile | None) -> None:
        """Draw with the autoencoder in `file`, or with the checkpoint's own. Raises ModelError."""
        if file == self.vae:
            return
        own = self.own_autoencoder or self.autoencoder
        if file is None:
            self.autoencoder, self.own_autoencoder = own, None
        else:
            other = load_vae(file.path, own.config)
            self.coding.settle(other, self.policy)
            self.autoencoder, self.own_autoencoder = other, own
        self.vae = file

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
            pictures = (one.to(self.device) for one in x.split(1))
            rows = [self.coding.encode(self.autoencoder, one) for one in pictures]
        drawn = self.autoencoder.draw(torch.cat(rows), noise.to(self.device))
        return self.scale_factor * (drawn - self.architecture.shift_factor)

    @torch.no_grad()
    def encode_mean(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] to the means of their latents, unscaled, float32."""
        nothing = torch.zeros((), device=self.device)
        return self.encode_image(x, nothing) / self.scale_factor + self.architecture.shift_factor

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
        unscaled = 1 / self.scale_factor * z + self.architecture.shift_factor
        return self.pace.run(
            ("decode", z.shape),
            lambda: self.coding.decode(self.autoencoder, unscaled, self.policy, self.name),
        )


def load_model(
    path: Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    config: Path | None = None,
    plan: MemoryPlan | None = None,
    paths: Paths | None = None,
) -> Model:
    """Load the checkpoint at `path`: a file in the original layout, or a diffusers folder.

    It goes to `device` as a whole, unless a `plan` (with a device of its own) says how to save
    memory.

    The architecture comes from `config` if given, else from `NAME.yaml` beside the file, or else
    from the folder of descriptions by family. Raises ModelError saying what is wrong with the file.

    `paths` tells where that folder is, and where text encoders and the VAE of files that lack them
    and vocabularies are; by default these are the program's own.
    """
    if not path.exists():
        raise ModelError(f"There is no model at {path}.", "Refresh the list of models.")
    plan = plan or MemoryPlan(torch.device(device), dtype, hint="all")
    places = paths or Paths()
    with timed(log, f"Loading {path.name}"), uncollected(), ExitStack() as stack:
        weights = stack.enter_context(open_model(path))
        family = family_of(path, weights)
        description = config or beside(path) or places.configs / family.config
        if family.flow is None and not path.is_dir():
            weights = under_original_names(weights, family, description)
            weights = with_vae(weights, path, family, description, places.vae)
            stack.callback(weights.close)
        if family.flow is not None:
            weights = completed(weights, family, places)
            stack.callback(weights.close)
            family = without_missing(family, weights)
            if plan.dtype == torch.float16:  # sums in these networks outgrow it
                plan = replace(plan, dtype=torch.bfloat16)
        facts = read_facts(weights.metadata, path.name)
        parts = parts_of(weights, family)
        described, known = describe(path, weights, family, parts, config, places.configs)
        stated = with_facts(described, facts, path.name)
        check(stated, path.name)
        architecture = with_depths(stated, weights.shapes, family.unet_prefix)
        check(architecture, path.name)
        policy = plan.policy(sizes_of(weights, family, parts))
        model = assemble(path, weights, family, parts, architecture, policy, half_vae=plan.half_vae)
        model.tokenizers, model.midas = places.tokenizers, places.midas
    settle(model, policy, half_vae=plan.half_vae)
    model.examples = facts.examples
    model.preview_factors = facts.preview_factors or family.preview_factors
    if family.may_predict_velocity and not known and facts.prediction is None:
        model.architecture = replace(architecture, prediction=found_prediction(model))
    if model.prediction == "v" and family.velocity_size is not None:
        model.native_size = family.velocity_size
    model.native_size = facts.native_size or model.native_size
    return model


def settle(model: Model, policy: Policy, *, half_vae: bool) -> None:
    """Put the networks where the policy wants them, and make them quick there."""
    model.coding.half = half_vae
    for network in (model.unet, model.text_encoders):
        policy.settle(network)
    model.coding.settle(model.autoencoder, policy)
    quicken(model.unet, policy)
    exact = policy.device.type == "cpu" and policy.dtype == torch.float32
    small = sum(one.numel() for one in model.unet.parameters()) < LARGE
    model.pace.searching = exact and small


def assemble(
    path: Path,
    weights: Weights,
    family: Family,
    parts: Parts,
    architecture: Architecture,
    policy: Policy,
    *,
    half_vae: bool = True,
) -> Model:
    """The networks of a file whose architecture is known, at home. Raises ModelError."""
    unet, autoencoder = architecture.unet, architecture.autoencoder
    packed, home = family.flow is not None, policy.home_dtype
    if unet.in_channels - autoencoder.embed_dim not in PICTURE_INPUTS:
        raise ModelError(
            f"{path.name} has a network with {unet.in_channels} input channels, "
            "of a kind that is not known here."
        )

    def encoder(own: Weights, text: TextConfig) -> TextEncoder:
        names = {name: name for name in own}
        return build(lambda: text_encoder(text), own, names, dtype=home, packed=packed)

    encoders = {
        tower.name: encoder(own, text)
        for tower, own, text in zip(family.text, parts.texts, architecture.texts, strict=True)
    }
    return Model(
        name=path.name,
        path=path,
        family=family,
        architecture=architecture,
        unet=build(lambda: denoiser(unet), weights, parts.unet, dtype=home, packed=packed),
        autoencoder=build(
            lambda: Autoencoder(autoencoder),
            weights,
            parts.autoencoder,
            dtype=home and (home if half_vae else torch.float32),
        ),
        text_encoders=nn.ModuleDict(encoders),
        alphas_cumprod=architecture.schedule.alphas_cumprod(),
        native_size=family.native_size,
        preview_factors=family.preview_factors,
        device=policy.device,
        dtype=policy.dtype,
        policy=policy,
    )


def sizes_of(weights: Weights, family: Family, parts: Parts) -> Sizes:
    """What a model will need; what stays packed, in numbers of two bytes."""

    def numbers(entries: Iterable[Entry]) -> int:
        return sum(numbers_of(entry) for entry in entries)

    def numbers_of(entry: Entry) -> int:
        stays_packed = family.flow is not None and entry.stored is not None
        return (entry.stored or 0) // 2 if stays_packed else math.prod(entry.shape)

    return Sizes(
        family.name,
        {
            "unet": numbers(weights.entries[name] for name in parts.unet.values()),
            "autoencoder": numbers(weights.entries[name] for name in parts.autoencoder.values()),
            "text_encoders": sum(numbers(own.entries.values()) for own in parts.texts),
        },
    )


@torch.no_grad()
def found_prediction(model: Model) -> Prediction:
    """What a network predicts, found by asking it about a grey latent as if all were noise.

    One that predicts noise answers with about what it was given; one that predicts velocity, with
    the negative of a picture.
    """
    x = torch.full((1, model.unet.config.in_channels, 8, 8), 0.5, device=model.device)
    context = torch.full((1, 2, model.unet.config.context_dim), 0.5, device=model.device)
    with model.resident("unet"):
        answer = model.unet(x, torch.tensor([999.0], device=model.device), context)
    shift = float((answer.float() - x).mean())
    return "v" if shift < -1 else "epsilon"
