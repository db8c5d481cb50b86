"""The picture encoder of CLIP (Radford et al. 2021, arXiv:2103.00020): a vision transformer.

Parameters carry the names of transformers' files (below `vision_model.`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from modules.model.attention import attend
from modules.model.networks.norms import LayerNorm

HEAD_WIDTH = 64


@dataclass(frozen=True, kw_only=True)
class ClipVisionConfig:
    """The shape of an encoder; the defaults are CLIP ViT-L/14's."""

    width: int = 1024
    layers: int = 24
    heads: int = 16
    intermediate: int = 4096
    patch: int = 14
    side: int = 224  # pixels of a picture

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "ClipVisionConfig":
        """Read the sizes from the shapes of a checkpoint's tensors. Raises KeyError.

        The number of heads cannot be seen; CLIP always has one for every 64 channels.
        """
        width, _, patch, _ = shapes["embeddings.patch_embedding.weight"]
        positions = shapes["embeddings.position_embedding.weight"][0]
        numbers = {name.split(".")[2] for name in shapes if name.startswith("encoder.layers.")}
        return cls(
            width=width,
            layers=len(numbers),
            heads=max(1, width // HEAD_WIDTH),
            intermediate=shapes["encoder.layers.0.mlp.fc1.weight"][0],
            patch=patch,
            side=round((positions - 1) ** 0.5) * patch,
        )


class Attention(nn.Module):
    """Self-attention over all patches."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        mixed = attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), self.heads)
        return self.out_proj(mixed)


class Mlp(nn.Module):
    """The two-layer perceptron of a layer."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.width, config.intermediate)
        self.fc2 = nn.Linear(config.intermediate, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same; CLIP's quick form of GELU."""
        h = self.fc1(x)
        return self.fc2(h * torch.sigmoid(1.702 * h))


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
        self.patch_embedding = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding((config.side // patch) ** 2 + 1, width)

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
        h = self.pre_layrnorm(self.embeddings(x))
        for layer in self.encoder.layers:
            h = layer(h)
        return self.post_layernorm(h[:, 0])
