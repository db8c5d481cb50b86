"""The denoising U-Net of latent diffusion (Rombach et al. 2022, arXiv:2112.10752).

Parameters carry the names of the original checkpoints (below `model.diffusion_model.`), so weights
load without conversion. Covers Stable Diffusion 1, 2 and XL: they differ only in `UNetConfig`.
"""

import math
from collections.abc import Callable, Sequence
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.attention import Kernel, attend
from modules.model.networks.additions import Additions
from modules.model.networks.deep import Deep
from modules.model.networks.layers import Conv2d, Linear
from modules.model.networks.norms import GroupNorm, LayerNorm
from modules.model.networks.point_conv import PointConv
from modules.model.networks.processor import gated_product, quick
from modules.model.networks.sinusoids import scale_embedding
from modules.model.networks.unet_config import UNetConfig


def timestep_embedding(timesteps: Tensor, width: int) -> Tensor:
    """(B,) timesteps, fractions allowed, to (B, width) float32: cosines first, then sines.

    The sinusoids of Vaswani et al. (2017); frequencies are made on the CPU because the last bits of
    exp() differ between devices.
    """
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float32) / half
    frequencies = torch.exp(-math.log(10000) * exponents).to(timesteps.device)
    angles = timesteps.float()[:, None] * frequencies[None]
    embedding = torch.cat([angles.cos(), angles.sin()], dim=-1)
    return F.pad(embedding, (0, 1)) if width % 2 else embedding


class ResBlock(nn.Module):
    """Two normalised convolutions around a shortcut; the timestep shifts the middle."""

    def __init__(self, channels: int, out_channels: int, time_width: int, groups: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            GroupNorm(groups, channels),
            nn.SiLU(),
            Conv2d(channels, out_channels, 3, padding=1),
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), Linear(time_width, out_channels))
        self.out_layers = nn.Sequential(
            GroupNorm(groups, out_channels),
            nn.SiLU(),
            nn.Identity(),  # dropout in the original; keeps the convolution's number
            zeroed(Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        self.skip_connection = (
            nn.Identity() if channels == out_channels else PointConv(channels, out_channels)
        )

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """`x` (B, channels, h, w) and `emb` (B, time_width) to (B, out_channels, h, w)."""
        h = self.in_layers(x)
        h = h + self.emb_layers(emb)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(h)


class CrossAttention(nn.Module):
    """Attention over `context`, or over `x` itself when there is none."""

    def __init__(self, width: int, context_width: int, heads: int, kernel: Kernel) -> None:
        super().__init__()
        self.heads = heads
        self.kernel = kernel
        self.to_q = Linear(width, width, bias=False)
        self.to_k = Linear(context_width, width, bias=False)
        self.to_v = Linear(context_width, width, bias=False)
        self.to_out = nn.Sequential(Linear(width, width))
        self.beside: Callable[[Tensor], Tensor] | None = None
        """While something else is attended to as well: gives, for the queries (B, n, width), what
        is added to the result before it is projected."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """`x` (B, n, width), `context` (B, m, context_width); gives (B, n, width)."""
        context = x if context is None else context
        q, k, v = self.to_q(x), self.to_k(context), self.to_v(context)
        mixed = attend(q, k, v, self.heads, self.kernel)
        if self.beside is not None:
            mixed = mixed + self.beside(q)
        return self.to_out(mixed)


class GEGLU(nn.Module):
    """A linear layer gated by a GELU (Shazeer 2020)."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.proj = Linear(width, out_width * 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to (B, n, out_width)."""
        layer: nn.Module = self.proj  # of another kind where weights are packed
        if isinstance(layer, Linear) and layer.alone and quick(x, layer.weight):
            return gated_product(x, layer.weight, layer.bias)
        value, gate = layer(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    """The gated two-layer perceptron of a transformer block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # The middle entry is dropout in the original; it keeps the last layer's number.
        self.net = nn.Sequential(GEGLU(width, width * 4), nn.Identity(), Linear(width * 4, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        return self.net(x)


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention to the prompt, feed-forward; each added to its input."""

    def __init__(self, width: int, context_width: int, heads: int, kernel: Kernel) -> None:
        super().__init__()
        self.attn1 = CrossAttention(width, width, heads, kernel)
        self.ff = FeedForward(width)
        self.attn2 = CrossAttention(width, context_width, heads, kernel)
        self.norm1 = LayerNorm(width)
        self.norm2 = LayerNorm(width)
        self.norm3 = LayerNorm(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """`x` (B, n, width), `context` (B, m, context_width); gives (B, n, width)."""
        x = self.attn1(self.norm1(x)) + x
        x = self.attn2(self.norm2(x), context) + x
        return self.ff(self.norm3(x)) + x


class SpatialTransformer(nn.Module):
    """Transformer blocks over the positions of a feature map (B, C, h, w)."""

    def __init__(self, channels: int, depth: int, config: UNetConfig) -> None:
        super().__init__()
        heads = config.heads_for(channels)
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be shared by {heads} heads")
        self.linear = config.use_linear_in_transformer
        self.norm = GroupNorm(config.norm_groups, channels, eps=1e-6)
        self.proj_in = Linear(channels, channels) if self.linear else conv1x1(channels)
        self.transformer_blocks = nn.ModuleList(
            TransformerBlock(channels, config.context_dim, heads, config.attention)
            for _ in range(depth)
        )
        self.proj_out = zeroed(Linear(channels, channels) if self.linear else conv1x1(channels))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """`x` (B, C, h, w), `context` (B, m, context_dim); gives (B, C, h, w)."""
        h = self.norm(x)
        h = self.proj_in(to_sequence(h)) if self.linear else to_sequence(self.proj_in(h))
        for block in self.transformer_blocks:
            h = block(h, context)
        h = to_map(self.proj_out(h), x) if self.linear else self.proj_out(to_map(h, x))
        return h + x


class Downsample(nn.Module):
    """Halves a feature map with a strided convolution; odd sides round up."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, ceil(h/2), ceil(w/2))."""
        return self.op(x)


class Upsample(nn.Module):
    """Doubles a feature map (nearest neighbour), then smooths it with a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, 2h, 2w)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Stage(nn.Sequential):
    """Layers in a row, each given what it needs of timestep embedding and context."""

    def forward(self, x: Tensor, emb: Tensor, context: Tensor) -> Tensor:  # type: ignore[override]
        """`x` (B, C, h, w) through every layer, in order."""
        for layer in self:
            if isinstance(layer, ResBlock):
                x = layer(x, emb)
            elif isinstance(layer, SpatialTransformer):
                x = layer(x, context)
            else:
                x = layer(x)
        return x


class UNet(nn.Module):
    """Predicts the noise (or velocity) in a latent, given timestep and prompt vectors."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        base, groups = config.model_channels, config.norm_groups
        time_width = base * 4
        self.time_embed = two_layers(base, time_width)
        if config.scale_embedding is not None:
            own = Linear(config.scale_embedding, base, bias=False)
            self.time_embed.add_module("cond_proj", own)
        if config.adm_in_channels is not None:
            self.label_emb = nn.Sequential(two_layers(config.adm_in_channels, time_width))
        self.input_blocks, widths = down_stages(config, time_width)
        self.middle_block = middle_stage(config, widths[-1], time_width)
        self.output_blocks = up_stages(config, widths, time_width)
        self.out = nn.Sequential(
            GroupNorm(groups, base),
            nn.SiLU(),
            zeroed(Conv2d(base, config.out_channels, 3, padding=1)),
        )

    @property
    def dtype(self) -> torch.dtype:
        """The type the weights compute in, and of the output; small ones are always there."""
        return self.out[0].weight.dtype  # type: ignore[return-value]

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor | None = None,
        scale: float | None = None,
        added: Additions | None = None,
        deep: Deep | None = None,
    ) -> Tensor:
        """One evaluation.

        `x` (B, in_channels, h, w), any h and w; `timesteps` (B,), fractions allowed; `context`
        (B, n, context_dim); `vector` (B, adm_in_channels) for networks that take one; `scale` is
        the guidance scale for those that learnt to guide themselves; `added` comes from networks
        beside this one; `deep` is what is kept for another evaluation, or comes from one.
        Gives (B, out_channels, h, w) in the weights' type.
        """
        emb = self.time_vector(timesteps, scale)
        if vector is not None:
            emb = emb + self.label_emb(vector.to(self.dtype))
        context = context.to(self.dtype)
        added = added or Additions()
        context = added.with_tokens(context)

        kept = None if deep is None else deep.features
        stages = len(self.input_blocks)
        fine = stages if deep is None else min(deep.stages, stages)
        h = x.to(self.dtype)
        skips = []
        for place, stage in enumerate(islice(self.input_blocks, stages if kept is None else fine)):
            h = added.after_input(place, stage(h, emb, context))
            skips.append(added.with_skip(place, h))
        h = added.after_middle(self.middle_block(h, emb, context)) if kept is None else kept
        for stage in islice(self.output_blocks, stages - len(skips), None):
            if deep is not None and len(skips) == fine:
                deep.features = h
            skip = skips.pop()
            if h.shape[-2:] != skip.shape[-2:]:
                # A side that is not a multiple of the coarsest cell. Resizing here, after the
                # upsampling convolution and not before it, is what the original does.
                h = F.interpolate(h, size=skip.shape[-2:], mode="nearest")
            h = stage(torch.cat([h, skip], dim=1), emb, context)
        return self.head(h, x.dtype)

    def time_vector(self, timesteps: Tensor, scale: float | None) -> Tensor:
        """What every residual block is told: (B,) timesteps to (B, 4 * model_channels)."""
        embedding = timestep_embedding(timesteps, self.config.model_channels).to(self.dtype)
        if self.config.scale_embedding is not None:
            told = scale_embedding(scale or 1.0, self.config.scale_embedding)
            project = self.time_embed.get_submodule("cond_proj")
            embedding = embedding + project(told.to(embedding)).expand_as(embedding)
        first, activation, second = self.time_embed[0], self.time_embed[1], self.time_embed[2]
        vector: Tensor = second(activation(first(embedding)))
        return vector

    def head(self, h: Tensor, dtype: torch.dtype) -> Tensor:
        """The output layers. Norm and activation run in the latent's type: pixels depend on it."""
        norm, activation, conv = self.out
        return conv(activation(norm(h.to(dtype))).to(self.dtype))


def down_stages(config: UNetConfig, time_width: int) -> tuple[nn.ModuleList, list[int]]:
    """The way down, and the width of every skip connection."""
    channels, groups = config.model_channels, config.norm_groups
    stages = [Stage(Conv2d(config.in_channels, channels, 3, padding=1))]
    widths = [channels]
    depths = iter(config.depths_down())
    for level, mult in enumerate(config.channel_mult):
        for _ in range(config.res_blocks_at(level)):
            out_channels = mult * config.model_channels
            layers: list[nn.Module] = [ResBlock(channels, out_channels, time_width, groups)]
            channels = out_channels
            if depth := next(depths):
                layers.append(SpatialTransformer(channels, depth, config))
            stages.append(Stage(*layers))
            widths.append(channels)
        if level < len(config.channel_mult) - 1:
            stages.append(Stage(Downsample(channels)))
            widths.append(channels)
    return nn.ModuleList(stages), widths


def middle_stage(config: UNetConfig, channels: int, time_width: int) -> Stage:
    """Two residual blocks around attention, at the coarsest level; small networks have less."""
    layers: list[nn.Module] = []
    for block in range(config.middle_blocks):
        layers.append(ResBlock(channels, channels, time_width, config.norm_groups))
        if block == 0 and (depth := config.depth_in_middle()):
            layers.append(SpatialTransformer(channels, depth, config))
    return Stage(*layers)


def up_stages(config: UNetConfig, widths: Sequence[int], time_width: int) -> nn.ModuleList:
    """The way up: every stage takes one skip connection, last made first."""
    remaining, depths = list(widths), iter(config.depths_up())
    channels = remaining[-1]
    stages = []
    for level, mult in reversed(list(enumerate(config.channel_mult))):
        blocks = config.res_blocks_at(level) + 1
        for index in range(blocks):
            out_channels = mult * config.model_channels
            taken = channels + remaining.pop()
            layers: list[nn.Module] = [
                ResBlock(taken, out_channels, time_width, config.norm_groups)
            ]
            channels = out_channels
            if depth := next(depths):
                layers.append(SpatialTransformer(channels, depth, config))
            if level and index == blocks - 1:
                layers.append(Upsample(channels))
            stages.append(Stage(*layers))
    return nn.ModuleList(stages)


def two_layers(width: int, out_width: int) -> nn.Sequential:
    """Linear, SiLU, linear."""
    return nn.Sequential(Linear(width, out_width), nn.SiLU(), Linear(out_width, out_width))


def conv1x1(channels: int) -> PointConv:
    """A convolution that mixes channels only."""
    return PointConv(channels, channels)


def zeroed(module: nn.Module) -> nn.Module:
    """`module` with all parameters 0, so that an untrained block passes its input through."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def to_sequence(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B, h*w, C)."""
    return x.flatten(2).transpose(1, 2).contiguous()


def to_map(x: Tensor, like: Tensor) -> Tensor:
    """(B, h*w, C) back to (B, C, h, w) of `like`, lying in memory as it does."""
    if like.is_contiguous():
        return x.transpose(1, 2).reshape(like.shape).contiguous()
    return x.unflatten(1, like.shape[2:]).permute(0, 3, 1, 2)
