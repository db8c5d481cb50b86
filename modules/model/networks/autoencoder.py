"""The autoencoders of latent diffusion (Rombach et al. 2022, appendix G).

KL-regularised ones tell a latent as mean and variance; VQ-regularised ones round it, before it is
decoded, to the nearest vectors of a codebook. Parameters carry the names of the original
checkpoints (below `first_stage_model.`).
"""

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.attention import Kernel, attention_in_blocks, suits_plain
from modules.model.networks.layers import Conv2d, Embedding
from modules.model.networks.norms import GroupNorm
from modules.model.networks.point_conv import PointConv

PLAIN_SCORES = 2**24
"""Pairs of positions up to which a CPU writes attention out: pictures up to 512 x 512."""
CELLS_AT_ONCE = 4096
"""Cells of a latent compared with all codes at once; more would only cost memory."""


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """The shape of an autoencoder; the defaults are Stable Diffusion's (KL-f8)."""

    in_channels: int = 3
    out_channels: int = 3
    channels: int = 128
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)  # finest level first
    num_res_blocks: int = 2
    attention_levels: tuple[int, ...] = ()  # levels with attention besides the middle
    z_channels: int = 4
    embed_dim: int = 4  # channels of the latent
    norm_groups: int = 32
    codes: int | None = None  # vectors in the codebook; None: KL-regularised
    point_convs: bool = True  # between the latent and the rest; Stable Diffusion 3 has none

    @property
    def downsample(self) -> int:
        """Pixels per latent cell along one side."""
        return 2 ** (len(self.channel_mult) - 1)


class ResBlock(nn.Module):
    """Two normalised convolutions around a shortcut."""

    def __init__(self, channels: int, out_channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = GroupNorm(groups, channels, eps=1e-6)
        self.conv1 = Conv2d(channels, out_channels, 3, padding=1)
        self.norm2 = GroupNorm(groups, out_channels, eps=1e-6)
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1)
        if channels != out_channels:
            self.nin_shortcut = PointConv(channels, out_channels)
        self.widens = channels != out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, out_channels, h, w)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return (self.nin_shortcut(x) if self.widens else x) + h


class Attention(nn.Module):
    """Single-headed self-attention over the positions of a feature map."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = GroupNorm(groups, channels, eps=1e-6)
        self.q = PointConv(channels, channels)
        self.k = PointConv(channels, channels)
        self.v = PointConv(channels, channels)
        self.proj_out = PointConv(channels, channels)
        self.kernel: Kernel = "sdpa"

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        normed = self.norm(x)
        q, k, v = (layer(normed).flatten(2) for layer in (self.q, self.k, self.v))  # (B, C, h*w)
        rows = q.transpose(1, 2)
        if self.kernel == "blocks":
            h = attention_in_blocks(rows, k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2)
        elif suits_plain(rows, k.transpose(1, 2), PLAIN_SCORES):
            h = plain_mix(rows, k, v)
        else:
            q, k, v = (t.transpose(1, 2)[:, None].contiguous() for t in (q, k, v))
            h = F.scaled_dot_product_attention(q, k, v)[:, 0].transpose(1, 2)
        return x + self.proj_out(h.reshape(x.shape))


def plain_mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of `q` (B, n, C) over `k` and `v` (B, C, m), written out; gives (B, C, n).

    To the last bit what A1111 computes, so that decoded levels round as they do there.
    """
    scores = (q @ k) * q.shape[-1] ** -0.5
    return v @ torch.softmax(scores, dim=2).transpose(1, 2)


class Downsample(nn.Module):
    """Halves a feature map; padded on the right and bottom only, as the original is."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h/2, w/2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Doubles a feature map (nearest neighbour), then smooths it with a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, 2h, 2w)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """Residual blocks (with attention after each where the config asks) and a change of size."""

    def __init__(self, widths: list[int], attention: bool, groups: int) -> None:
        """`widths` are the channels before, between and after the blocks."""
        super().__init__()
        pairs = itertools.pairwise(widths)
        self.block = nn.ModuleList(ResBlock(before, after, groups) for before, after in pairs)
        attended = widths[1:] if attention else []
        self.attn = nn.ModuleList(Attention(channels, groups) for channels in attended)
        self.downsample: Downsample | None = None
        self.upsample: Upsample | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(B, first width, h, w) to (B, last width, h', w')."""
        for index, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[index](x)
        for resize in (self.downsample, self.upsample):
            if resize is not None:
                x = resize(x)
        return x


class Middle(nn.Module):
    """Two residual blocks around attention."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.block_1 = ResBlock(channels, channels, groups)
        self.attn_1 = Attention(channels, groups)
        self.block_2 = ResBlock(channels, channels, groups)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Encoder(nn.Module):
    """(B, in_channels, H, W) to (B, 2*z_channels, H/f, W/f), or z_channels with a codebook."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        groups, last = config.norm_groups, len(config.channel_mult) - 1
        channels = config.channels
        self.conv_in = Conv2d(config.in_channels, channels, 3, padding=1)
        self.down = nn.ModuleList()
        for index, mult in enumerate(config.channel_mult):
            widths = [channels] + [config.channels * mult] * config.num_res_blocks
            level = Level(widths, index in config.attention_levels, groups)
            channels = widths[-1]
            if index < last:
                level.downsample = Downsample(channels)
            self.down.append(level)
        self.mid = Middle(channels, groups)
        self.norm_out = GroupNorm(groups, channels, eps=1e-6)
        self.conv_out = Conv2d(channels, parts_of(config) * config.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures to moments, before the last 1x1 convolution."""
        h = self.conv_in(x)
        for level in self.down:
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(self.mid(h))))


class Decoder(nn.Module):
    """(B, z_channels, h, w) to (B, out_channels, h*f, w*f)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        groups, blocks = config.norm_groups, config.num_res_blocks + 1
        channels = config.channels * config.channel_mult[-1]
        self.conv_in = Conv2d(config.z_channels, channels, 3, padding=1)
        self.mid = Middle(channels, groups)
        levels = []
        for index, mult in reversed(list(enumerate(config.channel_mult))):
            widths = [channels] + [config.channels * mult] * blocks
            level = Level(widths, index in config.attention_levels, groups)
            channels = widths[-1]
            if index > 0:
                level.upsample = Upsample(channels)
            levels.append(level)
        self.up = nn.ModuleList(reversed(levels))  # numbered by level; run from the coarsest
        self.norm_out = GroupNorm(groups, channels, eps=1e-6)
        self.conv_out = Conv2d(channels, config.out_channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Latents, after the first 1x1 convolution, to pictures."""
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class Codebook(nn.Module):
    """The vectors that a VQ-regularised latent consists of (van den Oord et al. 2017)."""

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.embedding = Embedding(codes, width)

    def forward(self, z: Tensor) -> Tensor:
        """(B, width, h, w) to the same, every cell replaced by the nearest vector."""
        codes = self.embedding.weight.float()  # (codes, width)
        lengths = codes.pow(2).sum(dim=1)
        rows = []
        for picture in z.float().flatten(2):  # (width, h*w); cells' own lengths do not matter
            cells = picture.T.split(CELLS_AT_ONCE)
            nearest = [(lengths - 2 * part @ codes.T).argmin(dim=1) for part in cells]
            rows.append(self.embedding(torch.cat(nearest)).T)
        return torch.stack(rows).view(z.shape).to(z.dtype)


class Autoencoder(nn.Module):
    """Pictures to latents and back."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        parts = parts_of(config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv: nn.Module = nn.Identity()
        self.post_quant_conv: nn.Module = nn.Identity()
        if config.point_convs:
            self.quant_conv = PointConv(parts * config.z_channels, parts * config.embed_dim)
            self.post_quant_conv = PointConv(config.embed_dim, config.z_channels)
        elif config.z_channels != config.embed_dim:
            raise ValueError("a latent of other channels needs the convolutions before and after")
        self.quantize = Codebook(config.codes, config.embed_dim) if config.codes else nn.Identity()

    @property
    def dtype(self) -> torch.dtype:
        """The type the weights are in, and of the outputs."""
        return self.decoder.conv_in.weight.dtype

    def encode_moments(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] to what latents are drawn from.

        Mean and log variance, (B, 2*embed_dim, H/f, W/f); with a codebook the latent itself,
        (B, embed_dim, H/f, W/f), not yet rounded.
        """
        moments: Tensor = self.quant_conv(self.encoder(x.to(self.dtype)))
        return moments

    def draw(self, moments: Tensor, noise: Tensor) -> Tensor:
        """Latents (B, embed_dim, h, w) float32 from `encode_moments`' result: mean + std * noise.

        `noise` has the latents' shape; with a codebook there is nothing to draw.
        """
        if self.config.codes is not None:
            return moments.float()
        mean, log_variance = moments.float().chunk(2, dim=1)
        return mean + torch.exp(0.5 * log_variance.clamp(-30.0, 20.0)) * noise

    def decode(self, z: Tensor) -> Tensor:
        """Unscaled latents (B, embed_dim, h, w) to pictures (B, 3, h*f, w*f), about [-1, 1]."""
        picture: Tensor = self.decoder(self.post_quant_conv(self.quantize(z.to(self.dtype))))
        return picture


def parts_of(config: AutoencoderConfig) -> int:
    """What the encoder tells of each latent channel: mean and log variance, or only its value."""
    return 2 if config.codes is None else 1
