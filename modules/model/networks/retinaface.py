"""RetinaFace: faces and five points of each in one pass (Deng et al. 2019, arXiv:1905.00641).

A residual network (He et al. 2015) or the quarter-width MobileNet (Howard et al. 2017) gives
features at strides 8, 16 and 32. A pyramid (Lin et al. 2016) joins them, modules of growing reach
look around (SSH, Najibi et al. 2017), and heads judge two squares at every place.

Parameters carry the names of the files everybody has, `detection_Resnet50_Final.pth` and
`detection_mobilenet0.25_Final.pth`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.networks.layers import Conv2d

LEVELS = 3
SQUARES = 2
"""Squares judged at every place of a level."""
EXPANSION = 4
"""Channels of a residual block's output for each of its inner ones."""
LEAK = 0.1
"""Slope below zero of the narrow networks; wide ones have none."""
NARROW = 64
MOBILE_STAGES = (
    ((1, 2), (2, 4), (1, 4), (2, 8), (1, 8)),
    ((2, 16), *((1, 16),) * 5),
    ((2, 32), (1, 32)),
)
"""Stride and width, in units of the first layer's, of each separable layer of MobileNet."""


@dataclass(frozen=True, kw_only=True)
class RetinaFaceConfig:
    """The shape of a detector; the defaults are the large one's."""

    mobile: bool = False
    first: int = 64  # channels of the first layer
    blocks: tuple[int, ...] = (3, 4, 6, 3)  # residual blocks of each stage
    out: int = 256  # channels of the pyramid

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "RetinaFaceConfig":
        """Read the sizes from the shapes of a file's tensors. Raises KeyError."""
        out = shapes["fpn.output1.0.weight"][0]
        if "body.stage1.0.0.weight" in shapes:
            return cls(mobile=True, first=shapes["body.stage1.0.0.weight"][0], blocks=(), out=out)
        stages = [
            {name.split(".")[2] for name in shapes if name.startswith(f"body.layer{stage}.")}
            for stage in range(1, 5)
        ]
        blocks = tuple(map(len, stages))
        return cls(first=shapes["body.conv1.weight"][0], blocks=blocks, out=out)


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe & Szegedy 2015) with the statistics of training."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, channels, h, w)."""
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)


def layer(
    before: int,
    after: int,
    *,
    side: int = 3,
    stride: int = 1,
    slope: float | None = 0.0,
    groups: int = 1,
) -> nn.Sequential:
    """A convolution, its normalisation and, with a `slope`, what cuts off below zero."""
    parts: list[nn.Module] = [
        Conv2d(before, after, side, stride, side // 2, groups=groups, bias=False),
        BatchNorm(after),
    ]
    return nn.Sequential(*parts, *([] if slope is None else [nn.LeakyReLU(slope)]))


class Bottleneck(nn.Module):
    """A residual block; the stride is that of the middle layer."""

    def __init__(self, before: int, inner: int, stride: int) -> None:
        super().__init__()
        after = inner * EXPANSION
        self.conv1 = Conv2d(before, inner, 1, bias=False)
        self.bn1 = BatchNorm(inner)
        self.conv2 = Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = BatchNorm(inner)
        self.conv3 = Conv2d(inner, after, 1, bias=False)
        self.bn3 = BatchNorm(after)
        self.downsample = (
            layer(before, after, side=1, stride=stride, slope=None)
            if before != after or stride > 1
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, h, w) to (B, 4 * inner, h / stride, w / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        return F.relu(self.bn3(self.conv3(h)) + self.downsample(x))


class ResidualBody(nn.Module):
    """The residual network without its classifier."""

    def __init__(self, config: RetinaFaceConfig) -> None:
        super().__init__()
        self.conv1 = Conv2d(3, config.first, 7, 2, 3, bias=False)
        self.bn1 = BatchNorm(config.first)
        before, inner = config.first, config.first
        for stage, count in enumerate(config.blocks, 1):
            blocks = []
            for number in range(count):
                stride = 2 if stage > 1 and number == 0 else 1
                blocks.append(Bottleneck(before, inner, stride))
                before = inner * EXPANSION
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
            inner *= 2
        self.widths = tuple(config.first * EXPANSION * 2**level for level in (1, 2, 3))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, h, w) to features at strides 8, 16 and 32."""
        h = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        features = []
        for stage in range(1, 5):
            h = self.get_submodule(f"layer{stage}")(h)
            features.append(h)
        return features[1:]


def separable(before: int, after: int, stride: int) -> nn.Sequential:
    """A convolution of every channel by itself, then one over channels."""
    alone = layer(before, before, stride=stride, slope=LEAK, groups=before)
    return nn.Sequential(*alone, *layer(before, after, side=1, slope=LEAK))


class MobileBody(nn.Module):
    """The MobileNet without its classifier."""

    def __init__(self, config: RetinaFaceConfig) -> None:
        super().__init__()
        before = config.first
        self.widths: tuple[int, ...] = ()
        for stage, plan in enumerate(MOBILE_STAGES, 1):
            layers = [layer(3, before, stride=2, slope=LEAK)] if stage == 1 else []
            for stride, width in plan:
                layers.append(separable(before, width * config.first, stride))
                before = width * config.first
            self.add_module(f"stage{stage}", nn.Sequential(*layers))
            self.widths = (*self.widths, before)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, h, w) to features at strides 8, 16 and 32."""
        features = []
        for stage in range(1, LEVELS + 1):
            x = self.get_submodule(f"stage{stage}")(x)
            features.append(x)
        return features


class Pyramid(nn.Module):
    """Coarse features are handed down to finer ones."""

    def __init__(self, widths: tuple[int, ...], out: int, slope: float) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (
            layer(width, out, side=1, slope=slope) for width in widths
        )
        self.merge1 = layer(out, out, slope=slope)
        self.merge2 = layer(out, out, slope=slope)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Features of three levels, finest first, to as many with `out` channels each."""
        fine, middle, coarse = (
            output(feature)
            for output, feature in zip(
                (self.output1, self.output2, self.output3), features, strict=True
            )
        )
        middle = self.merge2(middle + F.interpolate(coarse, size=middle.shape[2:]))
        fine = self.merge1(fine + F.interpolate(middle, size=fine.shape[2:]))
        return [fine, middle, coarse]


class Surroundings(nn.Module):
    """Looks around a place with reaches of 3, 5 and 7."""

    def __init__(self, out: int, slope: float) -> None:
        super().__init__()
        quarter = out // 4
        self.conv3X3 = layer(out, out // 2, slope=None)
        self.conv5X5_1 = layer(out, quarter, slope=slope)
        self.conv5X5_2 = layer(quarter, quarter, slope=None)
        self.conv7X7_2 = layer(quarter, quarter, slope=slope)
        self.conv7x7_3 = layer(quarter, quarter, slope=None)  # spelt so in the files

    def forward(self, x: Tensor) -> Tensor:
        """(B, out, h, w) to the same."""
        wider = self.conv5X5_1(x)
        widest = self.conv7x7_3(self.conv7X7_2(wider))
        return F.relu(torch.cat([self.conv3X3(x), self.conv5X5_2(wider), widest], dim=1))


class Head(nn.Module):
    """Numbers for both squares of every place."""

    def __init__(self, out: int, numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.conv1x1 = Conv2d(out, SQUARES * numbers, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, out, h, w) to (B, h * w * 2, numbers)."""
        found = self.conv1x1(x).permute(0, 2, 3, 1)
        return found.reshape(len(x), -1, self.numbers)


class RetinaFace(nn.Module):
    """Pictures to judgements about squares; see `modules.model.faces` for what they mean."""

    def __init__(self, config: RetinaFaceConfig) -> None:
        super().__init__()
        slope = LEAK if config.out <= NARROW else 0.0
        self.body = MobileBody(config) if config.mobile else ResidualBody(config)
        self.fpn = Pyramid(self.body.widths, config.out, slope)
        self.ssh1, self.ssh2, self.ssh3 = (Surroundings(config.out, slope) for _ in range(LEVELS))
        self.ClassHead, self.BboxHead, self.LandmarkHead = (
            nn.ModuleList(Head(config.out, numbers) for _ in range(LEVELS))
            for numbers in (2, 4, 10)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, h, w), blue, green and red less their means, to what is known of n squares.

        Likelihood of a face (B, n), shift and size (B, n, 4), five points (B, n, 10): squares go by
        level, finest first, then by row, column and size.
        """
        pyramid = self.fpn(self.body(x))
        around = [
            look(level)
            for look, level in zip((self.ssh1, self.ssh2, self.ssh3), pyramid, strict=True)
        ]
        scores, boxes, points = (
            torch.cat([head(level) for head, level in zip(heads, around, strict=True)], dim=1)
            for heads in (self.ClassHead, self.BboxHead, self.LandmarkHead)
        )
        return scores.softmax(dim=-1)[..., 1], boxes, points
