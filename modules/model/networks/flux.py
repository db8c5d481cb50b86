"""The transformer of FLUX.1 (Black Forest Labs 2024): two-stream blocks, then blocks in which text
and picture are one stream and attention and perceptron run side by side.

Positions are rotary (Su et al. 2021, arXiv:2104.09864) in three axes, of which pictures use two.
Parameters carry the names of the original checkpoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.networks.layers import Linear
from modules.model.networks.mmdit import FREQUENCIES, FinalLayer, blocks_in
from modules.model.networks.modulated import (
    RMSNorm,
    TanhMlp,
    mix,
    modulate,
    normed,
    split_qkv,
)
from modules.model.networks.unet import timestep_embedding

ROTARY_BASE = 10_000
PATCH = 2
USUAL_GUIDANCE = 3.5
GUIDANCE_UNIT = 1000.0
"""Guidance is embedded like a timestep, in thousandths."""


@dataclass(frozen=True, kw_only=True)
class FluxConfig:
    """The shape of a transformer; the defaults are those of FLUX.1 dev."""

    channels: int = 16
    width: int = 3072
    heads: int = 24
    double_blocks: int = 19
    single_blocks: int = 38
    context_dim: int = 4096
    pooled_dim: int = 768
    mlp_width: int = 12288
    guidance: bool = True

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "FluxConfig":
        """Read everything from the shapes of a checkpoint's tensors. Raises KeyError."""
        width, patch = shapes["img_in.weight"]
        return cls(
            channels=patch // PATCH**2,
            width=width,
            heads=width // shapes["double_blocks.0.img_attn.norm.query_norm.scale"][0],
            double_blocks=blocks_in(shapes, "double_blocks"),
            single_blocks=blocks_in(shapes, "single_blocks"),
            context_dim=shapes["txt_in.weight"][1],
            pooled_dim=shapes["vector_in.in_layer.weight"][1],
            mlp_width=shapes["double_blocks.0.img_mlp.0.weight"][0],
            guidance="guidance_in.in_layer.weight" in shapes,
        )

    @property
    def in_channels(self) -> int:
        """Channels of the input: those of a latent."""
        return self.channels

    @property
    def adm_in_channels(self) -> int:
        """Width of the vector for the whole prompt."""
        return self.pooled_dim

    @property
    def scale_embedding(self) -> int | None:
        """Width in which the guidance is told; None where it is not."""
        return FREQUENCIES if self.guidance else None

    @property
    def axes(self) -> tuple[int, int, int]:
        """Channels of a head that turn with each axis: 16, 56 and 56 of 128."""
        head = self.width // self.heads
        return head - 2 * (side := head * 7 // 16), side, side


class Embedder(nn.Module):
    """Two layers that bring a vector to the width of the network."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.in_layer = Linear(width, out_width)
        self.out_layer = Linear(out_width, out_width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width) to (B, out_width)."""
        return self.out_layer(F.silu(self.in_layer(x)))


class QKNorm(nn.Module):
    """Norms of queries and keys."""

    def __init__(self, head: int) -> None:
        super().__init__()
        self.query_norm = RMSNorm(head, "scale")
        self.key_norm = RMSNorm(head, "scale")


class Attention(nn.Module):
    """The projections of one stream before and after attention."""

    def __init__(self, config: FluxConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = Linear(config.width, config.width * 3)
        self.norm = QKNorm(config.width // config.heads)
        self.proj = Linear(config.width, config.width)

    def before(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, n, width) to queries, keys and values (B, heads, n, d)."""
        q, k, v = split_qkv(self.qkv(x), self.heads)
        return self.norm.query_norm(q), self.norm.key_norm(k), v


class Modulation(nn.Module):
    """Shifts, scales and gates from timestep and pooled prompt."""

    def __init__(self, width: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.lin = Linear(width, width * parts)

    def forward(self, vector: Tensor) -> tuple[Tensor, ...]:
        """(B, width) to `parts` of (B, width)."""
        return self.lin(F.silu(vector)).chunk(self.parts, dim=1)


class DoubleBlock(nn.Module):
    """A block of two streams that meet in attention."""

    def __init__(self, config: FluxConfig) -> None:
        super().__init__()
        width = config.width
        self.img_mod, self.txt_mod = Modulation(width, 6), Modulation(width, 6)
        self.img_attn, self.txt_attn = Attention(config), Attention(config)
        self.img_mlp = TanhMlp(width, config.mlp_width)
        self.txt_mlp = TanhMlp(width, config.mlp_width)

    def forward(
        self, text: Tensor, x: Tensor, vector: Tensor, turns: Tensor
    ) -> tuple[Tensor, Tensor]:
        """`text` (B, m, width), `x` (B, n, width), `vector` (B, width); gives both streams."""
        parts = [self.txt_mod(vector), self.img_mod(vector)]
        streams = (self.txt_attn, text), (self.img_attn, x)
        ready = [
            attention.before(modulate(normed(rows), shift, scale))
            for (attention, rows), (shift, scale, *_) in zip(streams, parts, strict=True)
        ]
        q, k, v = (torch.cat(pair, dim=2) for pair in zip(*ready, strict=True))
        mixed = mix(turned(q, turns), turned(k, turns), v)
        length = text.shape[1]
        text = self.rest(text, self.txt_attn, self.txt_mlp, mixed[:, :length], parts[0])
        x = self.rest(x, self.img_attn, self.img_mlp, mixed[:, length:], parts[1])
        return text, x

    @staticmethod
    def rest(
        x: Tensor, attention: Attention, mlp: nn.Module, mixed: Tensor, parts: tuple[Tensor, ...]
    ) -> Tensor:
        """What one stream does with the result of the common attention."""
        _, _, gate, shift, scale, gate_mlp = parts
        x = x + gate[:, None] * attention.proj(mixed)
        return x + gate_mlp[:, None] * mlp(modulate(normed(x), shift, scale))


class SingleBlock(nn.Module):
    """A block of one stream: attention and perceptron from one projection, added by another."""

    def __init__(self, config: FluxConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.split = config.heads, (width * 3, config.mlp_width)
        self.linear1 = Linear(width, sum(self.split))
        self.linear2 = Linear(width + config.mlp_width, width)
        self.norm = QKNorm(width // config.heads)
        self.modulation = Modulation(width, 3)

    def forward(self, x: Tensor, vector: Tensor, turns: Tensor) -> Tensor:
        """`x` (B, m + n, width), `vector` (B, width); gives `x` changed."""
        shift, scale, gate = self.modulation(vector)
        qkv, inner = self.linear1(modulate(normed(x), shift, scale)).split(self.split, dim=-1)
        q, k, v = split_qkv(qkv, self.heads)
        q, k = self.norm.query_norm(q), self.norm.key_norm(k)
        mixed = mix(turned(q, turns), turned(k, turns), v)
        both = torch.cat([mixed, F.gelu(inner, approximate="tanh")], dim=-1)
        return x + gate[:, None] * self.linear2(both)


class Flux(nn.Module):
    """Predicts the velocity from picture to noise, given timestep, prompt and pooled prompt."""

    def __init__(self, config: FluxConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        if width % config.heads or any(axis < 2 or axis % 2 for axis in config.axes):
            raise ValueError(f"{width} channels cannot be shared by {config.heads} heads")
        self.img_in = Linear(config.channels * PATCH**2, width)
        self.txt_in = Linear(config.context_dim, width)
        self.time_in = Embedder(FREQUENCIES, width)
        self.vector_in = Embedder(config.pooled_dim, width)
        self.guidance_in = Embedder(FREQUENCIES, width) if config.guidance else None
        self.double_blocks = nn.ModuleList(DoubleBlock(config) for _ in range(config.double_blocks))
        self.single_blocks = nn.ModuleList(SingleBlock(config) for _ in range(config.single_blocks))
        self.final_layer = FinalLayer(width, config.channels * PATCH**2)

    @property
    def dtype(self) -> torch.dtype:
        """The type computed in, and of the output."""
        bias: Tensor = self.img_in.bias
        return bias.dtype

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor,
        scale: float | None = None,
    ) -> Tensor:
        """One evaluation.

        `x` (B, channels, h, w), any h and w; `timesteps` (B,) from 0 to 1000; `context`
        (B, m, context_dim); `vector` (B, pooled_dim); the `scale` of guidance (3.5 if None) is
        told to networks that were distilled with it. Gives (B, channels, h, w) in the weights'
        type.
        """
        height, width = x.shape[-2:]
        x = F.pad(x.to(self.dtype), (0, -width % PATCH, 0, -height % PATCH), mode="replicate")
        rows, columns = x.shape[-2] // PATCH, x.shape[-1] // PATCH
        steps = timestep_embedding(timesteps, FREQUENCIES).to(self.dtype)
        vector = self.time_in(steps) + self.vector_in(vector.to(self.dtype))
        if self.guidance_in is not None:
            told = USUAL_GUIDANCE if scale is None else scale
            strength = torch.full_like(timesteps, told * GUIDANCE_UNIT)
            strengths = timestep_embedding(strength, FREQUENCIES).to(self.dtype)
            vector = vector + self.guidance_in(strengths)
        text = self.txt_in(context.to(self.dtype))
        h = self.img_in(packed(x))
        turns = rotations(self.config.axes, text.shape[1], rows, columns).to(x.device)
        for block in self.double_blocks:
            text, h = block(text, h, vector, turns)
        h = torch.cat([text, h], dim=1)
        for block in self.single_blocks:
            h = block(h, vector, turns)
        h = self.final_layer(h[:, text.shape[1] :], vector)
        h = h.view(len(h), rows, columns, self.config.channels, PATCH, PATCH)
        return h.permute(0, 3, 1, 4, 2, 5).reshape(x.shape)[..., :height, :width]


def packed(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B, h/2 * w/2, C*4): each square of four cells is one vector."""
    batch, channels, height, width = x.shape
    x = x.view(batch, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * PATCH**2)


def rotations(axes: tuple[int, int, int], words: int, rows: int, columns: int) -> Tensor:
    """Cosines and sines of all positions, (2, words + rows * columns, d/2) float32.

    Words are all at the origin. Made on the CPU in float64, because angles are large.
    """
    places = torch.zeros(words + rows * columns, 3, dtype=torch.float64)
    places[words:, 1] = torch.arange(rows).repeat_interleave(columns)
    places[words:, 2] = torch.arange(columns).repeat(rows)
    angles = []
    for axis, width in enumerate(axes):
        exponents = torch.arange(0, width, 2, dtype=torch.float64) / width
        angles.append(places[:, axis, None] / ROTARY_BASE**exponents)
    joined = torch.cat(angles, dim=1)
    return torch.stack([joined.cos(), joined.sin()]).float()


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Turn neighbouring channels of (B, heads, n, d) as pairs; the result is in x's type."""
    cos, sin = turns
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2).to(x.dtype)
