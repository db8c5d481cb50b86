"""Convolutions in eight bits, on processors that multiply bytes faster than anything else.

Weights are rounded to bytes with a scale for every output, what they meet with a scale for every
picture (Jacob et al. 2018, arXiv:1712.05877, section 2.1, but symmetric and found anew in every
call); oneDNN adds up in 32 bits. No row of a batch depends on its neighbours. The network's own
weights stay what they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from modules.model.networks.layers import Conv2d
from modules.model.networks.unet import ResBlock, UNet, Upsample
from modules.model.residency import AllOnDevice, Policy

LEVELS = 126
"""The largest number of a rounded picture; room is left for the rounding of the scale."""
MIDDLE = 128
"""The byte that stands for 0 in pictures; the library wants them unsigned."""
TINY = 1e-12
CHANNELS = 32
"""From so many on, in and out, a convolution is worth it."""


class ByteConv:
    """The twin in eight bits of a 3 x 3 convolution that keeps the size and sees zeros outside."""

    def __init__(self, layer: nn.Conv2d) -> None:
        weight = layer.weight.detach().float()
        self._stamp = stamp(layer)
        self.scale = weight.flatten(1).abs().amax(1).clamp(min=TINY) / 127
        rounded = (weight / self.scale[:, None, None, None]).round_().to(torch.int8)
        self.weight = torch.ops.onednn.qconv_prepack(
            rounded, self.scale, 1.0, MIDDLE, [1, 1], [1, 1], [1, 1], 1, None
        )
        self.bias = None if layer.bias is None else layer.bias.detach().float()

    def is_of(self, layer: nn.Conv2d) -> bool:
        """Whether it was made of the weights that the layer has now."""
        return self._stamp == stamp(layer)

    def __call__(self, x: Tensor) -> Tensor:
        """(B, in, h, w) to (B, out, h, w), channels last."""
        x = x.contiguous(memory_format=torch.channels_last)
        rows = [self._one(*as_bytes(row), x.dtype) for row in x.split(1)]
        return rows[0] if len(rows) == 1 else torch.cat(rows)

    def _one(self, rounded: Tensor, scale: float, dtype: torch.dtype) -> Tensor:
        found: Tensor = torch.ops.onednn.qconv2d_pointwise(
            rounded, scale, MIDDLE, self.weight, self.scale, None, self.bias, [1, 1], [1, 1],
            [1, 1], 1, 1.0, 0, dtype, "none", [], "",
        )  # fmt: skip
        return found


def stamp(layer: nn.Conv2d) -> tuple[int, int]:
    """Something else whenever the weights are: networks for the prompt change them in place."""
    return layer.weight.data_ptr(), layer.weight._version


def as_bytes(x: Tensor) -> tuple[Tensor, float]:
    """One picture (1, C, h, w), channels last, in bytes around `MIDDLE`, and what one is worth."""
    low, high = x.permute(0, 2, 3, 1).aminmax()  # in the order of memory
    scale = max(float(high), -float(low), TINY) / LEVELS
    rounded = (x * (1 / scale)).round_().to(torch.int8)
    return rounded.view(torch.uint8).bitwise_xor_(MIDDLE), scale


def quick_bytes() -> bool:
    """Whether this processor has instructions for products of bytes (VNNI).

    With them they are twice as fast as those of bfloat16; without, thousands of times slower.
    """
    return torch.backends.mkldnn.is_available() and torch.cpu._is_vnni_supported()


class EightBits:
    """The twins of one U-Net's convolutions, made when they are first needed and kept."""

    def __init__(self, network: UNet) -> None:
        self._layers = list(convolutions(network))
        self._twins: dict[Conv2d, ByteConv] = {}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """A block in which the network convolves in eight bits."""
        for layer in self._layers:
            twin = self._twins.get(layer)
            if twin is None or not twin.is_of(layer):
                twin = self._twins[layer] = ByteConv(layer)
            layer.instead = twin
        try:
            yield
        finally:
            for layer in self._layers:
                layer.instead = None


def convolutions(network: UNet) -> Iterator[Conv2d]:
    """Those of residual blocks and of enlarging, where most of the work is."""
    for part in network.modules():
        found: list[nn.Module] = [part.conv] if isinstance(part, Upsample) else []
        if isinstance(part, ResBlock):
            found = [part.in_layers[2], part.out_layers[3]]
        for one in found:
            if isinstance(one, Conv2d) and min(one.weight.shape[:2]) >= CHANNELS:
                yield one


def why_not(network: nn.Module, policy: Policy) -> str:
    """Why a network cannot convolve in eight bits here; empty if it can."""
    if not isinstance(network, UNet):
        return "the network is no U-Net"
    if policy.device.type != "cpu":
        return "only processors do them"
    if not isinstance(policy, AllOnDevice):
        return "there is too little memory to keep the whole network"
    if next(convolutions(network), None) is None:
        return "the network has none that are wide enough"
    return "" if quick_bytes() else "this processor has no fast products of bytes"
