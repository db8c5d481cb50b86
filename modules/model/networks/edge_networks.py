"""Small networks that find edges and draw lines, for preprocessors; keys are those of their files.

Soft edges: holistically nested edge detection (Xie & Tu 2015) in the variant that ControlNet's
authors trained anew. Drawn lines: the generator of Chan, Isola & Durand, "Learning to generate line
drawings that convey geometry and semantics" (2022).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

HED_WIDTHS = (3, 64, 128, 256, 512, 512)
HED_DEPTHS = (2, 2, 3, 3, 3)
DRAWER_WIDTH = 64
DRAWER_RESIDUALS = 3


class HedBlock(nn.Module):
    """Convolutions at one size, and what they say about edges there."""

    def __init__(self, width_in: int, width: int, depth: int) -> None:
        super().__init__()
        widths = [width_in, *[width] * depth]
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths)
        )
        self.projection = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(b, width_in, h, w) to (b, width, h, w) and (b, 1, h, w)."""
        for conv in self.convs:
            x = relu(conv(x))
        return x, self.projection(x)


class Hed(nn.Module):
    """How sure it is that a pixel lies on an edge, judged at five sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.Parameter(torch.zeros(1, 3, 1, 1))
        for place, (before, after) in enumerate(pairwise(HED_WIDTHS)):
            block = HedBlock(before, after, HED_DEPTHS[place])
            setattr(self, f"block{place + 1}", block)

    def forward(self, x: Tensor) -> Tensor:
        """RGB (b, 3, h, w) from 0 to 255 to (b, 1, h, w) from 0 to 1."""
        size, told = x.shape[2:], []
        x = x - self.norm
        for place in range(len(HED_DEPTHS)):
            if place:
                x = max_pool2d(x, 2, ceil_mode=False)
            x, edges = getattr(self, f"block{place + 1}")(x)
            told.append(interpolate(edges, size=size, mode="bilinear", align_corners=False))
        return torch.stack(told).mean(dim=0).sigmoid()


class Residual(nn.Module):
    """Two convolutions beside the way through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        result: Tensor = x + self.conv_block(x)
        return result


def _convolved(*layers: nn.Module) -> nn.Sequential:
    """Each convolution with a norm over its own picture and a ReLU behind it."""
    parts: list[nn.Module] = []
    for layer in layers:
        assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        parts += [layer, nn.InstanceNorm2d(layer.out_channels), nn.ReLU()]
    return nn.Sequential(*parts)


class LineDrawer(nn.Module):
    """Draws a photograph as dark lines on white paper."""

    def __init__(self) -> None:
        super().__init__()
        one, two, four = DRAWER_WIDTH, 2 * DRAWER_WIDTH, 4 * DRAWER_WIDTH
        self.model0 = nn.Sequential(nn.ReflectionPad2d(3), *_convolved(nn.Conv2d(3, one, 7)))
        self.model1 = _convolved(
            nn.Conv2d(one, two, 3, stride=2, padding=1),
            nn.Conv2d(two, four, 3, stride=2, padding=1),
        )
        self.model2 = nn.Sequential(*(Residual(four) for _ in range(DRAWER_RESIDUALS)))
        self.model3 = _convolved(
            nn.ConvTranspose2d(four, two, 3, stride=2, padding=1, output_padding=1),
            nn.ConvTranspose2d(two, one, 3, stride=2, padding=1, output_padding=1),
        )
        self.model4 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(one, 1, 7), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """RGB (b, 3, h, w) from 0 to 1, sides multiples of 4, to (b, 1, h, w), white is 1."""
        result: Tensor = self.model4(self.model3(self.model2(self.model1(self.model0(x)))))
        return result
