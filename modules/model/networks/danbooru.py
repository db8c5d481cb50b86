"""DeepDanbooru's network: a deep residual network that scores thousands of tags.

It is the original ResNet (He et al. 2015) with six stages; each begins with a block that widens.
Files for torch hold nothing but numbered convolutions, `n_Conv_0` and so on, normalisation folded
in, so the blocks are read off the shapes. The arithmetic at the edges is TensorFlow's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.networks.layers import Conv2d

PREFIX = "n_Conv_"

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Row:
    """The numbers of a block's convolutions."""

    narrow: int
    middle: int
    wide: int
    shortcut: int | None
    stride: int


@dataclass(frozen=True)
class DanbooruConfig:
    """Shapes of the convolutions in order, and the blocks they form."""

    shapes: tuple[tuple[int, ...], ...]
    biases: tuple[bool, ...]
    rows: tuple[Row, ...]

    @classmethod
    def from_shapes(cls, shapes: Shapes) -> "DanbooruConfig":
        """Read the blocks off the shapes of a file's tensors. Raises KeyError, ValueError."""
        count = sum(name.startswith(PREFIX) and name.endswith(".weight") for name in shapes)
        weights = tuple(shapes[f"{PREFIX}{number}.weight"] for number in range(count))
        biases = tuple(f"{PREFIX}{number}.bias" in shapes for number in range(count))
        if count < 5:
            raise ValueError(f"it has {count} convolutions")
        return cls(weights, biases, tuple(_rows(weights)))


def _rows(shapes: Sequence[tuple[int, ...]]) -> Iterator[Row]:
    """The blocks; widening ones have their shortcuts all before or all after the other three."""
    leading, first, at = not _is_square(shapes, 2), True, 1
    while at < len(shapes) - 1:
        shortcut: int | None = None
        if leading and not _is_square(shapes, at + 1):
            shortcut, at = at, at + 1
        if not _is_square(shapes, at + 1) or at + 2 >= len(shapes):
            raise ValueError(f"convolution {at} belongs to no block")
        narrow, middle, wide = at, at + 1, at + 2
        at += 3
        if not leading and _is_shortcut(shapes, at, shapes[narrow][1], shapes[wide][0]):
            shortcut, at = at, at + 1
        yield Row(narrow, middle, wide, shortcut, 1 if shortcut is None or first else 2)
        first = False


def _is_square(shapes: Sequence[tuple[int, ...]], at: int) -> bool:
    """Whether a convolution is larger than a pixel, as only those in the middle of blocks are."""
    return at < len(shapes) and shapes[at][2] > 1


def _is_shortcut(shapes: Sequence[tuple[int, ...]], at: int, before: int, after: int) -> bool:
    """Whether what follows a block is its shortcut and not the next block, nor the last layer."""
    last = at >= len(shapes) - 1
    return not last and shapes[at][:2] == (after, before) and not _is_square(shapes, at + 1)


class Danbooru(nn.Module):
    """Pictures to scores of tags."""

    def __init__(self, config: DanbooruConfig) -> None:
        super().__init__()
        self.config = config
        for number, (shape, bias) in enumerate(zip(config.shapes, config.biases, strict=True)):
            after, before, side, _ = shape
            self.add_module(f"{PREFIX}{number}", Conv2d(before, after, side, bias=bias))

    def _layer(self, number: int, x: Tensor, stride: int = 1) -> Tensor:
        layer = self.get_submodule(f"{PREFIX}{number}")
        assert isinstance(layer, nn.Conv2d)
        side = layer.kernel_size[0]
        padded = same_padding(x, side, stride)
        return F.conv2d(padded, layer.weight, layer.bias, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, h, w) from 0 to 1, RGB, to likelihoods (B, tags)."""
        x = F.relu(self._layer(0, x, 2))
        x = F.max_pool2d(same_padding(x, 3, 2, -torch.inf), 3, 2)
        for row in self.config.rows:
            h = F.relu(self._layer(row.narrow, x))
            h = F.relu(self._layer(row.middle, h, row.stride))
            h = self._layer(row.wide, h)
            if row.shortcut is not None:
                x = self._layer(row.shortcut, x, row.stride)
            x = F.relu(h + x)
        x = self._layer(len(self.config.shapes) - 1, x)
        return x.mean(dim=(2, 3)).sigmoid()


def same_padding(x: Tensor, side: int, stride: int, value: float = 0.0) -> Tensor:
    """`x` (B, C, h, w) padded as TensorFlow's "SAME" does: an odd pixel goes right and below."""
    pads = []
    for length in (x.shape[3], x.shape[2]):
        missing = max((-(-length // stride) - 1) * stride + side - length, 0)
        pads += [missing // 2, missing - missing // 2]
    return F.pad(x, pads, value=value) if any(pads) else x
