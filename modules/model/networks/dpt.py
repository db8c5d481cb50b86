"""How near everything in a picture is: the dense prediction transformer, in its hybrid form.

A residual network (Kolesnikov et al. 2019, "Big Transfer", arXiv:1912.11370) sees the picture, a
vision transformer goes on from its last stage, and a pyramid of convolutions puts four of their
states together (Ranftl et al. 2021, arXiv:2103.13413, section 3). Parameters carry the names of
MiDaS' files, which are also those below `depth_model.model.` of depth2img checkpoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.attention import attend
from modules.model.networks.layers import Conv2d, Linear

HEAD_WIDTH = 64
GROUPS = 32
STAGES = 3
"""Of the residual network."""
CONV_EPS, NORM_EPS, LAYER_EPS = 1e-8, 1e-5, 1e-6
BLOCKS_TOLD = (8, 11)
"""Blocks of the transformer whose states are used, of twelve."""


@dataclass(frozen=True, kw_only=True)
class DptConfig:
    """The shape of a network; the defaults are those of DPT hybrid."""

    stem: int = 64
    widths: tuple[int, ...] = (256, 512, 1024)
    depths: tuple[int, ...] = (3, 4, 9)
    width: int = 768
    layers: int = 12
    intermediate: int = 3072
    positions: int = 24  # cells along a side of the table of positions
    features: int = 256
    head: int = 32

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "DptConfig":
        """Read everything from the shapes of a file's tensors. Raises KeyError."""
        backbone = "pretrained.model.patch_embed.backbone"
        stages = [f"{backbone}.stages.{stage}.blocks." for stage in range(STAGES)]
        places = len(backbone.split(".")) + 3
        model = "pretrained.model"
        return cls(
            stem=shapes[f"{backbone}.stem.conv.weight"][0],
            widths=tuple(shapes[f"{stage}0.conv3.weight"][0] for stage in stages),
            depths=tuple(
                len({name.split(".")[places] for name in shapes if name.startswith(stage)})
                for stage in stages
            ),
            width=shapes[f"{model}.cls_token"][2],
            layers=len(
                {name.split(".")[3] for name in shapes if name.startswith(f"{model}.blocks.")}
            ),
            intermediate=shapes[f"{model}.blocks.0.mlp.fc1.weight"][0],
            positions=round((shapes[f"{model}.pos_embed"][1] - 1) ** 0.5),
            features=shapes["scratch.layer1_rn.weight"][0],
            head=shapes["scratch.output_conv.2.weight"][0],
        )


def pad_same(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """Pad so that sides are divided by `stride`, rounded up; an odd cell goes to the end."""
    pads: list[int] = []
    for side in (x.shape[-1], x.shape[-2]):
        needed = max(0, (-(-side // stride) - 1) * stride + kernel - side)
        pads += [needed // 2, needed - needed // 2]
    return F.pad(x, pads, value=value)


class StandardConv(Conv2d):
    """A convolution whose weights are brought to mean 0 and variance 1 for each output channel
    (Qiao et al. 2019, arXiv:1903.10520), and whose sides are padded as needed."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(channels, out, kernel, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, ceil(H / stride), ceil(W / stride))."""
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, correction=0)
        weight = (self.weight - mean) * torch.rsqrt(variance + CONV_EPS)
        stride = self.stride[0]
        return F.conv2d(pad_same(x, self.kernel_size[0], stride), weight, stride=stride)


def group_norm(channels: int) -> nn.GroupNorm:
    """The norm after each convolution."""
    return nn.GroupNorm(GROUPS, channels, eps=NORM_EPS)


class Shortcut(nn.Module):
    """What brings a block's input to its output's shape."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv = StandardConv(channels, out, 1, stride)
        self.norm = group_norm(out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the output's shape."""
        return self.norm(self.conv(x))


class Bottleneck(nn.Module):
    """A residual block: narrow, look around, widen."""

    def __init__(self, channels: int, out: int, stride: int, *, first: bool) -> None:
        super().__init__()
        inner = out // 4
        self.downsample = Shortcut(channels, out, stride) if first else None
        self.conv1 = StandardConv(channels, inner, 1)
        self.norm1 = group_norm(inner)
        self.conv2 = StandardConv(inner, inner, 3, stride)
        self.norm2 = group_norm(inner)
        self.conv3 = StandardConv(inner, out, 1)
        self.norm3 = group_norm(out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H / stride, W / stride)."""
        h = F.relu(self.norm1(self.conv1(x)))
        h = F.relu(self.norm2(self.conv2(h)))
        h = self.norm3(self.conv3(h))
        return F.relu(h + (x if self.downsample is None else self.downsample(x)))


class Stem(nn.Module):
    """The first layers: a quarter of the sides is left."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.conv = StandardConv(3, out, 7, 2)
        self.norm = group_norm(out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, out, H / 4, W / 4)."""
        h = pad_same(F.relu(self.norm(self.conv(x))), 3, 2, -torch.inf)
        return F.max_pool2d(h, 3, 2)


class Stage(nn.Module):
    """Residual blocks of one width."""

    def __init__(self, channels: int, out: int, depth: int, stride: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Bottleneck(out if n else channels, out, 1 if n else stride, first=n == 0)
            for n in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H / stride, W / stride)."""
        for block in self.blocks:
            x = block(x)
        return x


class Backbone(nn.Module):
    """The residual network."""

    def __init__(self, config: DptConfig) -> None:
        super().__init__()
        self.stem = Stem(config.stem)
        widths = (config.stem, *config.widths)
        self.stages = nn.ModuleList(
            Stage(channels, out, depth, 2 if n else 1)
            for n, ((channels, out), depth) in enumerate(
                zip(pairwise(widths), config.depths, strict=True)
            )
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to what each stage makes of it, (B, C, H / 4, W / 4) first."""
        states = [self.stem(x)]
        for stage in self.stages:
            states.append(stage(states[-1]))
        return states[1:]


class PatchEmbed(nn.Module):
    """The residual network, and its last state at the transformer's width."""

    def __init__(self, config: DptConfig) -> None:
        super().__init__()
        self.backbone = Backbone(config)
        self.proj = Conv2d(config.widths[-1], config.width, 1)


class Attention(nn.Module):
    """Self-attention over all cells."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD_WIDTH)
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.proj(attend(q, k, v, self.heads))


class Mlp(nn.Module):
    """The perceptron of a block."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, inner)
        self.fc2 = Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention and perceptron, each normalised before and added to its input."""

    def __init__(self, config: DptConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=LAYER_EPS)
        self.attn = Attention(config.width)
        self.norm2 = nn.LayerNorm(config.width, eps=LAYER_EPS)
        self.mlp = Mlp(config.width, config.intermediate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Seer(nn.Module):
    """Residual network and transformer: the states the pyramid is built on."""

    def __init__(self, config: DptConfig) -> None:
        super().__init__()
        self.positions = config.positions
        self.patch_embed = PatchEmbed(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, config.positions**2 + 1, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Tensor], tuple[int, int]]:
        """(B, 3, H, W) to two states of the residual network, (B, C, h, w), two of the transformer,
        (B, cells + 1, width), and the sides of the latter."""
        stages = self.patch_embed.backbone(x)
        cells = self.patch_embed.proj(stages[-1])
        rows, columns = cells.shape[-2:]
        whole = self.cls_token.expand(len(x), 1, -1)
        h = torch.cat([whole, cells.flatten(2).transpose(1, 2)], dim=1)
        h = h + self.placed(rows, columns)
        told: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            h = block(h)
            if number in BLOCKS_TOLD:
                told.append(h)
        return stages[:2], told, (rows, columns)

    def placed(self, rows: int, columns: int) -> Tensor:
        """The table of positions, stretched to so many cells."""
        whole, cells = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        grid = cells.unflatten(1, (self.positions, self.positions)).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(rows, columns), mode="bilinear")
        return torch.cat([whole, grid.flatten(2).transpose(1, 2)], dim=1)


class Readout(nn.Module):
    """What the state for the whole picture says, told to every cell."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Sequential(Linear(2 * width, width), nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        """(B, cells + 1, width) to (B, cells, width)."""
        whole = x[:, :1].expand(-1, x.shape[1] - 1, -1)
        return self.project(torch.cat([x[:, 1:], whole], dim=-1))


class Pretrained(nn.Module):
    """The transformer, and what brings its states into the form of pictures."""

    def __init__(self, config: DptConfig) -> None:
        super().__init__()
        width = config.width
        self.model = Seer(config)
        nothing = [nn.Identity(), nn.Identity()]  # so that layers have the numbers of the files
        self.act_postprocess3 = nn.Sequential(Readout(width), *nothing, Conv2d(width, width, 1))
        self.act_postprocess4 = nn.Sequential(
            Readout(width),
            *nothing,
            Conv2d(width, width, 1),
            Conv2d(width, width, 3, stride=2, padding=1),
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to four states (B, C, h, w), each half as large as the one before."""
        stages, told, sides = self.model(x)
        for state, layers in zip(told, (self.act_postprocess3, self.act_postprocess4), strict=True):
            cells = layers[0](state).transpose(1, 2).unflatten(2, sides)
            for layer in list(layers)[1:]:
                cells = layer(cells)
            stages.append(cells)
        return stages


class ResidualConv(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = Conv2d(width, width, 3, padding=1)
        self.conv2 = Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) to the same."""
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class Fusion(nn.Module):
    """What the coarser levels say, with one finer state, at twice the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.resConfUnit1 = ResidualConv(width)
        self.resConfUnit2 = ResidualConv(width)
        self.out_conv = Conv2d(width, width, 1)

    def forward(self, x: Tensor, finer: Tensor | None) -> Tensor:
        """(B, width, h, w) to (B, width, 2h, 2w)."""
        if finer is not None:
            if x.shape != finer.shape:
                x = F.interpolate(x, size=finer.shape[-2:], mode="bilinear", align_corners=False)
            x = x + self.resConfUnit1(finer)
        x = self.resConfUnit2(x)
        return self.out_conv(doubled(x))


def doubled(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B, C, 2h, 2w)."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class Doubled(nn.Module):
    """`doubled` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, 2h, 2w)."""
        return doubled(x)


class Scratch(nn.Module):
    """The pyramid, coarsest first, and the head."""

    def __init__(self, config: DptConfig) -> None:
        super().__init__()
        channels = (*config.widths[:2], config.width, config.width)
        for number, width in enumerate(channels, start=1):
            layer = Conv2d(width, config.features, 3, padding=1, bias=False)
            self.add_module(f"layer{number}_rn", layer)
            self.add_module(f"refinenet{number}", Fusion(config.features))
        half = config.features // 2
        self.output_conv = nn.Sequential(
            Conv2d(config.features, half, 3, padding=1),
            Doubled(),
            Conv2d(half, config.head, 3, padding=1),
            nn.ReLU(),
            Conv2d(config.head, 1, 1),
            nn.ReLU(),
        )

    def forward(self, states: list[Tensor]) -> Tensor:
        """Four states (B, C, h, w) to (B, 1, H, W)."""
        x: Tensor | None = None
        for number in range(len(states), 0, -1):
            own = cast(Tensor, getattr(self, f"layer{number}_rn")(states[number - 1]))
            fuse = getattr(self, f"refinenet{number}")
            x = fuse(own, None) if x is None else fuse(x, own)
        assert x is not None
        return self.output_conv(x)


class Dpt(nn.Module):
    """Pictures to inverse depth."""

    def __init__(self, config: DptConfig) -> None:
        super().__init__()
        self.config = config
        self.pretrained = Pretrained(config)
        self.scratch = Scratch(config)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1], sides multiples of 32, to (B, 1, H, W); near is large."""
        return self.scratch(self.pretrained(x))
