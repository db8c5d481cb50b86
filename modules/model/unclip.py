"""What unCLIP checkpoints are told of a picture: its CLIP embedding, noised to some degree, and the
degree (Ramesh et al. 2022, arXiv:2204.06125; the noising is of Stable Diffusion 2.1 unCLIP).

The encoder lies in the checkpoint, below `embedder.model.visual.` under OpenCLIP's names, the
embeddings' mean and spread below `noise_augmentor.`.
"""

import math

import numpy as np
import torch
from torch import Tensor

from modules.model.assemble import build
from modules.model.families.open_clip_names import OURS, THEIRS, split_names, transformers_name
from modules.model.files import Entry, Weights
from modules.model.networks.clip_vision import ClipVisionConfig
from modules.model.networks.unet import timestep_embedding
from modules.model.picture_encoder import PictureEncoder, seen_by
from modules.model.text_layouts import thirds, transposed

EMBEDDER, AUGMENTOR = "embedder.model.visual.", "noise_augmentor."
OUR_PREFIX = "vision_model."
WHOLE = {
    "class_embedding": "embeddings.class_embedding",
    "conv1.weight": "embeddings.patch_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_pre.weight": "pre_layrnorm.weight",
    "ln_pre.bias": "pre_layrnorm.bias",
    "ln_post.weight": "post_layernorm.weight",
    "ln_post.bias": "post_layernorm.bias",
}
"""Parameters outside the layers: OpenCLIP's name, ours below `vision_model.`."""
COSINE_OFFSET = 0.008
LEVELS = 1000


def own_encoder(weights: Weights) -> PictureEncoder | None:
    """The encoder of pictures inside a checkpoint, in float32; None without. Raises ModelError."""
    if f"{EMBEDDER}proj" not in weights:
        return None
    own = Weights(weights.name, in_our_names(weights))
    vision = {name.removeprefix(OUR_PREFIX): entry.shape for name, entry in own.entries.items()}
    config = ClipVisionConfig.from_shapes(vision)
    projection = own.entries["visual_projection.weight"].shape[0]
    names = {name: name for name in own}
    return build(lambda: PictureEncoder(config, projection), own, names, dtype=torch.float32)


def in_our_names(weights: Weights) -> dict[str, Entry]:
    """The encoder's tensors under the names of `PictureEncoder`."""
    layers = OURS.removeprefix("text_model.")
    found: dict[str, Entry] = {}
    for name, entry in weights.entries.items():
        if not name.startswith(EMBEDDER):
            continue
        rest = name.removeprefix(EMBEDDER)
        parts, same = split_names(rest), transformers_name(rest)
        if rest == "proj":
            found["visual_projection.weight"] = transposed(entry)
        elif rest in WHOLE:
            found[OUR_PREFIX + WHOLE[rest]] = entry
        elif parts is not None:
            for part, third in zip(parts, thirds(entry, name), strict=True):
                found[OUR_PREFIX + part.replace(OURS, layers, 1)] = third
        elif same is not None and rest.startswith(THEIRS):
            found[OUR_PREFIX + same.replace(OURS, layers, 1)] = entry
    return found


@torch.no_grad()
def embedding_of(encoder: PictureEncoder, pixels: np.ndarray) -> Tensor:
    """A picture (height, width, 3) uint8 to its embedding (width,) float32."""
    side = encoder.vision_model.config.side
    return encoder.whole(seen_by(pixels, side))[0].float()


def told_of(
    embedding: Tensor, weights: Weights, width: int, generator: torch.Generator, level: int = 0
) -> Tensor:
    """The vector (width,) the network is told: the noised embedding and its level, 0 to 999.

    Noise is mixed in where embeddings have mean 0 and variance 1, with a cosine schedule (Nichol
    and Dhariwal 2021, arXiv:2102.09672, equation 17); even level 0 has a little.
    """
    usual = {"data_mean": torch.zeros_like(embedding), "data_std": torch.ones_like(embedding)}
    mean, spread = (
        weights[AUGMENTOR + name].float().reshape(-1) if AUGMENTOR + name in weights else value
        for name, value in usual.items()
    )
    signal = signal_left(level)
    noise = torch.randn(embedding.shape, generator=generator)
    plain = (embedding - mean) / spread
    noised = (math.sqrt(signal) * plain + math.sqrt(1 - signal) * noise) * spread + mean
    degree = timestep_embedding(torch.tensor([float(level)]), width - len(embedding))[0]
    return torch.cat([noised, degree])


def signal_left(level: int) -> float:
    """The share of the variance that is signal after so many of 1000 levels, and one more."""

    def curve(t: float) -> float:
        return math.cos((t + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2) ** 2

    left = 1.0
    for step in range(level + 1):
        left *= max(0.001, curve((step + 1) / LEVELS) / curve(step / LEVELS))
    return left
