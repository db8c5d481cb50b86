"""CodeFormer: faces out of a dictionary of parts (Zhou et al. 2022, arXiv:2206.11253).

An encoder looks at the spoilt face, a transformer guesses which words of a learnt dictionary the
clean one would be made of, and the decoder of that dictionary (a VQGAN, Esser et al. 2020) draws
them. Where a person wants to stay closer to the picture, features of the encoder are mixed into
the decoder (equation 6).

Parameters carry the names of the file everybody has, `codeformer-v0.1.0.pth`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.attention import attend
from modules.model.networks.layers import Conv2d, Embedding, Linear

HEADS = 8
"""Of the transformer; it cannot be seen from the weights."""
NORM_GROUPS = 32
EPSILON = 1e-6
STATISTICS_EPSILON = 1e-5
SLOPE = 0.2


@dataclass(frozen=True, kw_only=True)
class CodeFormerConfig:
    """The shape of a network; the defaults are the published one's."""

    base: int = 64  # channels at full size
    widths: tuple[int, ...] = (1, 2, 2, 4, 4, 8)  # of each level, in units of the base
    blocks: int = 2  # of each level
    words: int = 1024
    word_width: int = 256
    width: int = 512  # of the transformer
    layers: int = 9
    intermediate: int = 1024
    places: int = 256  # words of a face
    fused: tuple[int, ...] = (1, 2, 3, 4)  # levels that are mixed, 0 being full size

    @property
    def side(self) -> int:
        """Pixels of a face's side."""
        return round(self.places**0.5) * 2 ** (len(self.widths) - 1)

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "CodeFormerConfig":
        """Read the sizes from the shapes of a file's tensors. Raises KeyError, ValueError."""
        base = shapes["encoder.blocks.0.weight"][0]
        words, word_width = shapes["quantize.embedding.weight"]
        places, width = shapes["position_emb"]
        widths, blocks = read_levels(shapes, base)
        sides = {int(name.split(".")[1]) for name in shapes if name.startswith("fuse_convs_dict.")}
        side = round(places**0.5) * 2 ** (len(widths) - 1)
        return cls(
            base=base,
            widths=widths,
            blocks=blocks,
            words=words,
            word_width=word_width,
            width=width,
            layers=len({n.split(".")[1] for n in shapes if n.startswith("ft_layers.")}),
            intermediate=shapes["ft_layers.0.linear1.weight"][0],
            places=places,
            fused=tuple(sorted((side // one).bit_length() - 1 for one in sides)),
        )


def read_levels(shapes: Mapping[str, tuple[int, ...]], base: int) -> tuple[tuple[int, ...], int]:
    """The widths of an encoder's levels, and how many blocks each has.

    Levels end with a halving, which alone among its blocks is called `conv`.
    """
    widths: list[int] = []
    blocks = number = 0
    while f"encoder.blocks.{number + 1}.conv.weight" not in shapes or not widths:
        number += 1
        if f"encoder.blocks.{number}.conv1.weight" not in shapes:
            raise ValueError("its encoder has no levels")
        blocks = number
        if f"encoder.blocks.{number + 1}.conv.weight" in shapes:
            widths.append(shapes[f"encoder.blocks.{number}.conv2.weight"][0] // base)
    number += 1
    while f"encoder.blocks.{number}.conv.weight" in shapes:
        width = shapes[f"encoder.blocks.{number + 1}.conv2.weight"][0]
        widths.append(width // base)
        number += blocks + 1
    return tuple(widths), blocks


def norm(channels: int) -> nn.GroupNorm:
    """Group normalisation as everywhere here."""
    return nn.GroupNorm(min(NORM_GROUPS, channels), channels, eps=EPSILON)


class Residual(nn.Module):
    """Two convolutions added to what they begin with."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm1 = norm(before)
        self.conv1 = Conv2d(before, after, 3, padding=1)
        self.norm2 = norm(after)
        self.conv2 = Conv2d(after, after, 3, padding=1)
        self.conv_out = Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, h, w) to (B, after, h, w)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + self.conv_out(x)


class Attention(nn.Module):
    """Every place looks at every other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.q = Conv2d(channels, channels, 1)
        self.k = Conv2d(channels, channels, 1)
        self.v = Conv2d(channels, channels, 1)
        self.proj_out = Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to the same."""
        h = self.norm(x)
        q, k, v = (part(h).flatten(2).transpose(1, 2) for part in (self.q, self.k, self.v))
        mixed = attend(q, k, v, 1).transpose(1, 2).unflatten(2, x.shape[2:])
        return x + self.proj_out(mixed)


class Halving(nn.Module):
    """Half the size; the right and lower edges are padded."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, channels, h / 2, w / 2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Doubling(nn.Module):
    """Twice the size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, channels, 2 h, 2 w)."""
        return self.conv(F.interpolate(x, scale_factor=2.0))


class Level(nn.Module):
    """A chain of blocks; `marks` says after which of them features of a level are taken."""

    def __init__(self, blocks: list[nn.Module], marks: Mapping[int, int]) -> None:
        """`marks` gives a level by the number of a block."""
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.marks = dict(marks)


def encoder_of(config: CodeFormerConfig) -> Level:
    """A face (B, 3, side, side) to words (B, word_width, side / 2^n, side / 2^n)."""
    blocks: list[nn.Module] = [Conv2d(3, config.base, 3, padding=1)]
    marks, channels, last = {}, config.base, len(config.widths) - 1
    for level, width in enumerate(config.widths):
        for _ in range(config.blocks):
            blocks.append(Residual(channels, width * config.base))
            channels = width * config.base
            if level == last:
                blocks.append(Attention(channels))
        marks[len(blocks) - 1] = level
        if level != last:
            blocks.append(Halving(channels))
    blocks += [Residual(channels, channels), Attention(channels), Residual(channels, channels)]
    blocks += [norm(channels), Conv2d(channels, config.word_width, 3, padding=1)]
    return Level(blocks, marks)


def generator_of(config: CodeFormerConfig) -> Level:
    """The opposite of `encoder_of`; levels are taken after their first block."""
    channels = config.widths[-1] * config.base
    blocks: list[nn.Module] = [Conv2d(config.word_width, channels, 3, padding=1)]
    blocks += [Residual(channels, channels), Attention(channels), Residual(channels, channels)]
    marks, last = {}, len(config.widths) - 1
    for level in range(last, -1, -1):
        for number in range(config.blocks):
            blocks.append(Residual(channels, config.widths[level] * config.base))
            channels = config.widths[level] * config.base
            if number == 0:
                marks[len(blocks) - 1] = level
            if level == last:
                blocks.append(Attention(channels))
        if level:
            blocks.append(Doubling(channels))
    blocks += [norm(channels), Conv2d(channels, 3, 3, padding=1)]
    return Level(blocks, marks)


class SelfAttention(nn.Module):
    """Attention whose places are added to questions and keys, not to values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = Linear(width, width)

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(value, weight, bias)
            for value, weight, bias in zip(
                (x + places, x + places, x), weights, biases, strict=True
            )
        )
        return self.out_proj(attend(q, k, v, HEADS))


class TransformerLayer(nn.Module):
    """Attention and perceptron, each normalised before and added to its input."""

    def __init__(self, config: CodeFormerConfig) -> None:
        super().__init__()
        self.self_attn = SelfAttention(config.width)
        self.linear1 = Linear(config.width, config.intermediate)
        self.linear2 = Linear(config.intermediate, config.width)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        x = x + self.self_attn(self.norm1(x), places)
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))


class Fusion(nn.Module):
    """Mixes features of the encoder into those of the decoder: scaled and shifted."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encode_enc = Residual(2 * channels, channels)
        self.scale, self.shift = (
            nn.Sequential(
                Conv2d(channels, channels, 3, padding=1),
                nn.LeakyReLU(SLOPE),
                Conv2d(channels, channels, 3, padding=1),
            )
            for _ in range(2)
        )

    def forward(self, encoded: Tensor, decoded: Tensor, weight: float) -> Tensor:
        """Both (B, channels, h, w); `weight` 0 leaves what was decoded."""
        joined = self.encode_enc(torch.cat([encoded, decoded], dim=1))
        return decoded + weight * (decoded * self.scale(joined) + self.shift(joined))


class Dictionary(nn.Module):
    """The words, under the name the files give them."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embedding = Embedding(words, width)


class CodeFormer(nn.Module):
    """Spoilt faces to clean ones."""

    def __init__(self, config: CodeFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder_of(config)
        self.generator = generator_of(config)
        self.quantize = Dictionary(config.words, config.word_width)
        self.position_emb = nn.Parameter(torch.zeros(config.places, config.width))
        self.feat_emb = Linear(config.word_width, config.width)
        self.ft_layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.layers))
        self.idx_pred_layer = nn.Sequential(
            nn.LayerNorm(config.width), Linear(config.width, config.words, bias=False)
        )
        self.fuse_convs_dict = nn.ModuleDict(
            {
                str(config.side // 2**level): Fusion(config.widths[level] * config.base)
                for level in config.fused
            }
        )

    def words_of(self, features: Tensor) -> Tensor:
        """Which words (B, places) the clean face has, of features (B, word_width, h, w)."""
        x = self.feat_emb(features.flatten(2).transpose(1, 2))
        for layer in self.ft_layers:
            x = layer(x, self.position_emb)
        found: Tensor = self.idx_pred_layer(x).argmax(dim=-1)
        return found

    def forward(self, x: Tensor, weight: float) -> Tensor:
        """Faces (B, 3, side, side) from -1 to 1 to the same; `weight` 1 is closest to `x`."""
        seen: dict[int, Tensor] = {}
        for number, block in enumerate(self.encoder.blocks):
            x = block(x)
            if number in self.encoder.marks:
                seen[self.encoder.marks[number]] = x
        words = self.quantize.embedding(self.words_of(x)).transpose(1, 2).unflatten(2, x.shape[2:])
        x = with_statistics(words, x)
        marks = self.generator.marks
        for number, block in enumerate(self.generator.blocks):
            x = block(x)
            if weight > 0 and marks.get(number) in self.config.fused:
                level = marks[number]
                fuse = self.fuse_convs_dict[str(self.config.side // 2**level)]
                x = fuse(seen[level], x, weight)
        return x


def with_statistics(content: Tensor, style: Tensor) -> Tensor:
    """`content` with mean and deviation of each channel as in `style` (Huang & Belongie 2017)."""
    variances = (t.var(dim=(2, 3), keepdim=True) + STATISTICS_EPSILON for t in (content, style))
    narrow, wide = (variance.sqrt() for variance in variances)
    plain = (content - content.mean(dim=(2, 3), keepdim=True)) / narrow
    return plain * wide + style.mean(dim=(2, 3), keepdim=True)
