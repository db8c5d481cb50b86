"""The picture encoder of CLIP (Radford et al. 2021, arXiv:2103.00020): a vision transformer.

Parameters carry the names of transformers' files (below `vision_model.`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.attention import attend
from modules.model.networks.layers import Conv2d, Embedding, Linear
from modules.model.networks.norms import LayerNorm

HEAD_WIDTH = 64
HEADS = {1280: 16, 1664: 16}
"""Attention heads of OpenCLIP's encoders (ViT-H and ViT-bigG) by their width."""


@dataclass(frozen=True, kw_only=True)
class ClipVisionConfig:
    """The shape of an encoder; the defaults are CLIP ViT-L/14's."""

    width: int = 1024
    layers: int = 24
    heads: int = 16
    intermediate: int = 4096
    patch: int = 14
    side: int = 224  # pixels of a picture
    activation: Literal["quick_gelu", "gelu"] = "quick_gelu"

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "ClipVisionConfig":
        """Read the sizes from the shapes of a checkpoint's tensors. Raises KeyError.

        Heads and activation cannot be seen: CLIP always has one head for every 64 channels and its
        quick form of GELU; OpenCLIP's, known by their widths, have neither.
        """
        width, _, patch, _ = shapes["embeddings.patch_embedding.weight"]
        positions = shapes["embeddings.position_embedding.weight"][0]
        numbers = {name.split(".")[2] for name in shapes if name.startswith("encoder.layers.")}
        return cls(
            width=width,
            layers=len(numbers),
            heads=HEADS.get(width) or max(1, width // HEAD_WIDTH),
            intermediate=shapes["encoder.layers.0.mlp.fc1.weight"][0],
            patch=patch,
            side=round((positions - 1) ** 0.5) * patch,
            activation="gelu" if width in HEADS else "quick_gelu",
        )


class Attention(nn.Module):
    """Self-attention over all patches."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.q_proj = Linear(width, width)
        self.k_proj = Linear(width, width)
        self.v_proj = Linear(width, width)
        self.out_proj = Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        mixed = attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), self.heads)
        return self.out_proj(mixed)


class Mlp(nn.Module):
    """The two-layer perceptron of a layer."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.activation = config.activation
        self.fc1 = Linear(config.width, config.intermediate)
        self.fc2 = Linear(config.intermediate, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        h = self.fc1(x)
        h = h * torch.sigmoid(1.702 * h) if self.activation == "quick_gelu" else F.gelu(h)
        return self.fc2(h)


class Layer(nn.Module):
    """Attention and perceptron, each normalised before and added to its input."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.layer_norm1 = LayerNorm(config.width)
        self.mlp = Mlp(config)
        self.layer_norm2 = LayerNorm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Embeddings(nn.Module):
    """Patches as vectors, one more for the whole picture, and the table of positions."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width, patch = config.width, config.patch
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.patch_embedding = Conv2d(3, width, patch, stride=patch, bias=False)
        self.position_embedding = Embedding((config.side // patch) ** 2 + 1, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, side, side) to (B, patches + 1, width)."""
        patches = self.patch_embedding(x).flatten(2).transpose(1, 2)
        whole = self.class_embedding.expand(len(x), 1, -1)
        return torch.cat([whole, patches], dim=1) + self.position_embedding.weight


class Encoder(nn.Module):
    """The layers, under the name the checkpoints give them."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))


class ClipVision(nn.Module):
    """Pictures to one vector each."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.pre_layrnorm = LayerNorm(config.width)  # spelt so in the files
        self.encoder = Encoder(config)
        self.post_layernorm = LayerNorm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pictures (B, 3, side, side) to (B, width)."""
        return self.post_layernorm(self.states(x)[-1][:, 0])

    def states(self, x: Tensor) -> list[Tensor]:
        """Normalised pictures (B, 3, side, side) to every hidden state (B, patches + 1, width).

        The first is what the layers begin with, then the state after each.
        """
        states = [self.pre_layrnorm(self.embeddings(x))]
        for layer in self.encoder.layers:
            states.append(layer(states[-1]))
        return states
