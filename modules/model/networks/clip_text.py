"""The text encoder of CLIP (Radford et al. 2021, arXiv:2103.00020).

Parameters carry the names of the original checkpoints (below `cond_stage_model.transformer.`).
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.attention import join_heads, split_heads
from modules.model.networks.layers import Embedding, Linear
from modules.model.networks.norms import LayerNorm

Activation = Literal["quick_gelu", "gelu"]


@dataclass(frozen=True, kw_only=True)
class ClipTextConfig:
    """The shape of a text encoder; the defaults are CLIP ViT-L/14's, as in Stable Diffusion 1."""

    vocab_size: int = 49408
    width: int = 768
    layers: int = 12
    heads: int | None = None  # None: one for every 64 channels
    intermediate: int = 3072
    positions: int = 77
    activation: Activation = "quick_gelu"
    projection: int | None = None  # width of the vector for the whole text, if there is one

    @property
    def head_count(self) -> int:
        """Attention heads; at least one."""
        return self.heads or max(1, self.width // 64)


class Attention(nn.Module):
    """Self-attention in which no token sees a later one."""

    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.head_count
        if width % self.heads:
            raise ValueError(f"{width} channels cannot be shared by {self.heads} heads")
        self.q_proj = Linear(width, width)
        self.k_proj = Linear(width, width)
        self.v_proj = Linear(width, width)
        self.out_proj = Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        scale = (self.q_proj.out_features // self.heads) ** -0.5
        parts = self.q_proj(x) * scale, self.k_proj(x), self.v_proj(x)
        q, k, v = (split_heads(part, self.heads).flatten(0, 1) for part in parts)
        scores = q @ k.transpose(1, 2)  # (B * heads, n, n)
        later = torch.full(scores.shape[1:], torch.finfo(scores.dtype).min, device=x.device)
        weights = torch.softmax(scores + later.to(scores.dtype).triu(1), dim=-1)
        mixed = (weights @ v).unflatten(0, (x.shape[0], self.heads))
        return self.out_proj(join_heads(mixed))


class Mlp(nn.Module):
    """The two-layer perceptron of a transformer layer."""

    def __init__(self, config: ClipTextConfig) -> None:
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

    def __init__(self, config: ClipTextConfig) -> None:
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
    """The tables of token and position vectors."""

    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.token_embedding = Embedding(config.vocab_size, config.width)
        self.position_embedding = Embedding(config.positions, config.width)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.position_embedding.weight, std=0.01)


class Encoder(nn.Module):
    """The layers, under the name the checkpoints give them."""

    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))


class TextModel(nn.Module):
    """Everything in the encoder, under the name the checkpoints give it."""

    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.final_layer_norm = LayerNorm(config.width)


class ClipText(nn.Module):
    """Token vectors to the hidden states a diffusion model is conditioned on."""

    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.config = config
        self.text_model = TextModel(config)
        if config.projection is not None:
            self.text_projection = Linear(config.width, config.projection, bias=False)

    @property
    def dtype(self) -> torch.dtype:
        """The type the weights are in."""
        return self.text_model.embeddings.token_embedding.weight.dtype

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Token ids (B, n) to their vectors (B, n, width), without positions."""
        return self.text_model.embeddings.token_embedding(ids)

    def forward(self, vectors: Tensor) -> list[Tensor]:
        """Token vectors (B, n, width), n at most `positions`, to every hidden state.

        The list holds the embeddings with positions, then the state after each layer, all
        (B, n, width); none has gone through the final norm.
        """
        positions = self.text_model.embeddings.position_embedding.weight[: vectors.shape[1]]
        x = vectors.to(self.dtype) + positions
        states = [x]
        for layer in self.text_model.encoder.layers:
            x = layer(x)
            states.append(x)
        return states

    def final_layer_norm(self, x: Tensor) -> Tensor:
        """The last normalisation of a hidden state (B, n, width), in float32 and left there."""
        return self.text_model.final_layer_norm.in_float32(x)

    def pooled(self, state: Tensor, ends: Tensor) -> Tensor:
        """One vector (B, projection or width) float32 for each text, from the last hidden state.

        `ends` (B,) is the place of each text's end token, whose state has seen all others.
        """
        rows = torch.arange(len(state), device=state.device)
        last = self.final_layer_norm(state)[rows, ends]
        if self.config.projection is None:
            return last.float()
        projected: Tensor = self.text_projection(last.to(self.dtype))
        return projected.float()
