"""T2I-Adapters: a picture to feature maps for a U-Net's way down (Mou et al. 2023,
arXiv:2302.08453).

Parameters carry the names of the original files.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.networks.layers import Conv2d

UNSHUFFLED = {192: (3, 8), 64: (1, 8), 768: (3, 16), 256: (1, 16)}
"""Channels of the first convolution to channels of the picture, and pixels per cell along a side:
cells of 16 pixels are SDXL's."""

FULL_BLOCKS = 2
"""Blocks of a level of a full adapter; which belong together cannot be seen."""


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """The shape of an adapter; `widths` are the channels of its feature maps, finest first.

    `halving` are the levels that begin with half the size of the one before.
    """

    channels: int = 3
    cell: int = 8
    widths: tuple[int, ...] = (320, 640, 1280, 1280)
    halving: tuple[int, ...] = (1, 2, 3)
    blocks: int = FULL_BLOCKS
    light: bool = False

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]], *, light: bool) -> "AdapterConfig":
        """Read the sizes from the shapes of a file's tensors. Raises KeyError."""
        first = "body.0.in_conv.weight" if light else "conv_in.weight"
        channels, cell = UNSHUFFLED[shapes[first][1]]
        if light:
            levels = {int(name.split(".")[1]) for name in shapes if name.startswith("body.")}
            widths = tuple(shapes[f"body.{n}.out_conv.weight"][0] for n in sorted(levels))
            inner = {name.split(".")[3] for name in shapes if name.startswith("body.0.body.")}
            blocks = len(inner)
        else:
            places = {int(name.split(".")[1]) for name in shapes if name.startswith("body.")}
            blocks = FULL_BLOCKS
            ends = range(blocks - 1, len(places), blocks)
            widths = tuple(shapes[f"body.{n}.block2.weight"][0] for n in ends)
        halving = (2,) if cell == 16 else tuple(range(1, len(widths)))
        return cls(
            channels=channels, cell=cell, widths=widths, halving=halving, blocks=blocks, light=light
        )


class Block(nn.Module):
    """Two convolutions around a shortcut, perhaps after halving and a change of channels."""

    def __init__(self, channels: int, out_channels: int, *, halves: bool = False, last: int = 1):
        super().__init__()
        self.halves = halves
        if channels != out_channels:
            self.in_conv = Conv2d(channels, out_channels, 1)
        self.block1 = Conv2d(out_channels, out_channels, 3, padding=1)
        self.block2 = Conv2d(out_channels, out_channels, last, padding=last // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, out_channels, h, w), or half the size, rounded up."""
        if self.halves:
            x = halved(x)
        if hasattr(self, "in_conv"):
            x = self.in_conv(x)
        changed: Tensor = self.block2(F.relu(self.block1(x)))
        return changed + x


class LightLevel(nn.Module):
    """A level of a light adapter: blocks of a quarter of its channels."""

    def __init__(self, channels: int, out_channels: int, blocks: int, *, halves: bool) -> None:
        super().__init__()
        width = out_channels // 4
        self.halves = halves
        self.in_conv = Conv2d(channels, width, 1)
        self.body = nn.Sequential(*(Block(width, width, last=3) for _ in range(blocks)))
        self.out_conv = Conv2d(width, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, out_channels, h, w), or half the size, rounded up."""
        x = halved(x) if self.halves else x
        features: Tensor = self.out_conv(self.body(self.in_conv(x)))
        return features


class T2IAdapter(nn.Module):
    """A picture to one feature map a level."""

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.config = config
        before = config.channels * config.cell**2
        layers: list[nn.Module] = []
        if not config.light:
            self.conv_in = Conv2d(before, config.widths[0], 3, padding=1)
            before = config.widths[0]
        for level, width in enumerate(config.widths):
            halves = level in config.halving
            if config.light:
                layers.append(LightLevel(before, width, config.blocks, halves=halves))
            else:
                layers.append(Block(before, width, halves=halves))
                layers += [Block(width, width) for _ in range(config.blocks - 1)]
            before = width
        self.body = nn.ModuleList(layers)

    @property
    def dtype(self) -> torch.dtype:
        """The type the weights compute in; small ones are always there."""
        biases = (name for name, _ in self.named_parameters() if name.endswith(".bias"))
        return self.get_parameter(next(biases)).dtype

    def forward(self, picture: Tensor) -> list[Tensor]:
        """A picture (B, channels, H, W) in [0, 1] to a feature map for each level.

        Sides that are no multiples of a cell are continued with the last row or column.
        """
        cell = self.config.cell
        bottom, right = -picture.shape[2] % cell, -picture.shape[3] % cell
        if bottom or right:
            picture = F.pad(picture, (0, right, 0, bottom), mode="replicate")
        h = F.pixel_unshuffle(picture.to(self.dtype), cell)
        if not self.config.light:
            h = self.conv_in(h)
        found = []
        step = 1 if self.config.light else self.config.blocks
        for number, layer in enumerate(self.body, start=1):
            h = layer(h)
            if number % step == 0:
                found.append(h)
        return found


def halved(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B, C, ceil(h/2), ceil(w/2)) by averaging."""
    return F.avg_pool2d(x, 2, stride=2, ceil_mode=True)
