"""The encoder of T5 version 1.1 (Raffel et al. 2019, arXiv:1910.10683), as text encoder.

Parameters carry the names of the original checkpoints.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.networks.layers import Embedding, Linear
from modules.model.networks.modulated import RMSNorm

FARTHEST = 128
"""Distance in tokens from which on all distances are the same."""


@dataclass(frozen=True, kw_only=True)
class T5Config:
    """The shape of an encoder; the defaults are those of T5 XXL."""

    vocab_size: int = 32128
    width: int = 4096
    layers: int = 24
    heads: int = 64
    head_width: int = 64
    intermediate: int = 10240
    buckets: int = 32

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "T5Config":
        """Read everything from the shapes of a checkpoint's tensors. Raises KeyError."""
        first = "encoder.block.0.layer"
        buckets, heads = shapes[f"{first}.0.SelfAttention.relative_attention_bias.weight"]
        vocab_size, width = shapes["shared.weight"]
        numbers = {name.split(".")[2] for name in shapes if name.startswith("encoder.block.")}
        return cls(
            vocab_size=vocab_size,
            width=width,
            layers=len(numbers),
            heads=heads,
            head_width=shapes[f"{first}.0.SelfAttention.q.weight"][0] // heads,
            intermediate=shapes[f"{first}.1.DenseReluDense.wi_0.weight"][0],
            buckets=buckets,
        )


class Attention(nn.Module):
    """Self-attention whose scores are not scaled but depend on the distance of tokens."""

    def __init__(self, config: T5Config, first: bool) -> None:
        super().__init__()
        inner = config.heads * config.head_width
        self.heads = config.heads
        self.q = Linear(config.width, inner, bias=False)
        self.k = Linear(config.width, inner, bias=False)
        self.v = Linear(config.width, inner, bias=False)
        self.o = Linear(inner, config.width, bias=False)
        if first:  # all layers share the first one's table
            self.relative_attention_bias = Embedding(config.buckets, config.heads)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """`x` (B, n, width), `bias` (1, heads, n, n); gives (B, n, width)."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        scores = q @ k.transpose(2, 3) + bias  # (B, heads, n, n)
        weights = torch.softmax(scores.float(), dim=-1).to(v.dtype)
        return self.o((weights @ v).transpose(1, 2).flatten(2))


class Perceptron(nn.Module):
    """A gated linear unit (Shazeer 2020)."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.wi_0 = Linear(config.width, config.intermediate, bias=False)
        self.wi_1 = Linear(config.width, config.intermediate, bias=False)
        self.wo = Linear(config.intermediate, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        return self.wo(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))


class AttentionLayer(nn.Module):
    """Attention with its norm, under the names the checkpoints give them."""

    def __init__(self, config: T5Config, first: bool) -> None:
        super().__init__()
        self.SelfAttention = Attention(config, first)
        self.layer_norm = RMSNorm(config.width)


class PerceptronLayer(nn.Module):
    """The perceptron with its norm, under the names the checkpoints give them."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.DenseReluDense = Perceptron(config)
        self.layer_norm = RMSNorm(config.width)


class Block(nn.Module):
    """Attention and perceptron, each normalised before and added to its input."""

    def __init__(self, config: T5Config, first: bool) -> None:
        super().__init__()
        self.layer = nn.ModuleList([AttentionLayer(config, first), PerceptronLayer(config)])

    @property
    def attention(self) -> AttentionLayer:
        """The first layer."""
        return cast("AttentionLayer", self.layer[0])

    def forward(self, x: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        """`x` (B, n, width) float32, because sums outgrow half precision; layers use `dtype`."""
        attention, perceptron = self.attention, cast("PerceptronLayer", self.layer[1])
        x = x + attention.SelfAttention(attention.layer_norm(x).to(dtype), bias).float()
        return x + perceptron.DenseReluDense(perceptron.layer_norm(x).to(dtype)).float()


class Encoder(nn.Module):
    """The blocks, under the name the checkpoints give them."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.block = nn.ModuleList(Block(config, index == 0) for index in range(config.layers))
        self.final_layer_norm = RMSNorm(config.width)


class T5(nn.Module):
    """Token ids to vectors."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.config = config
        self.shared = Embedding(config.vocab_size, config.width)
        self.encoder = Encoder(config)

    @property
    def dtype(self) -> torch.dtype:
        """The type computed in."""
        scale: Tensor = self.encoder.final_layer_norm.get_parameter("weight")
        return scale.dtype

    def forward(self, ids: Tensor) -> Tensor:
        """(B, n) to (B, n, width) float32. Padding is read like any word, as in training."""
        x = self.shared(ids).float()
        first = cast("Block", self.encoder.block[0]).attention.SelfAttention
        table = first.relative_attention_bias.weight  # (buckets, heads)
        buckets = distance_buckets(ids.shape[1], self.config.buckets).to(ids.device)
        bias = table[buckets].permute(2, 0, 1)[None].to(self.dtype)  # (1, heads, n, n)
        for block in self.encoder.block:
            x = block(x, bias, self.dtype)
        return self.encoder.final_layer_norm(x)


def distance_buckets(length: int, buckets: int) -> Tensor:
    """The row of the table for each query and key, (length, length) int64.

    Half of the rows are for keys before the query, half for those after; in each half the first
    distances have a row of their own and the farther ones share rows by their logarithm.
    """
    places = torch.arange(length)
    distance = places[None, :] - places[:, None]
    half = buckets // 2
    exact = half // 2
    far = distance.abs().clamp(min=1).float()
    ratio = torch.log(far / exact) / math.log(FARTHEST / exact)
    shared = (exact + (ratio * (half - exact)).long()).clamp(max=half - 1)
    near = torch.where(distance.abs() < exact, distance.abs(), shared)
    return near + half * (distance > 0)
