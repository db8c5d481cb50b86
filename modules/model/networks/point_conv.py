"""Convolutions over single pixels, whose result does not depend on the number of threads."""

import torch
from torch import Tensor

from modules.model.networks.layers import Conv2d


class PointConv(Conv2d):
    """A 1 x 1 convolution: mixes channels only.

    On a CPU in full precision it is a matrix product. The library's convolution adds up in an order
    that follows the number of threads, so that the same request would give other pictures on a
    machine with more cores; the product gives what a single thread gives.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, out_channels, h, w)."""
        if x.device.type != "cpu" or x.dtype != torch.float32 or self.bias is None:
            return super().forward(x)
        weight, bias = self.weight.flatten(1), self.bias[:, None].expand(-1, x[0, 0].numel())
        if torch.is_grad_enabled():
            rows = [torch.addmm(bias, weight, one) for one in x.flatten(2)]  # (channels, h*w) each
            return torch.stack(rows).unflatten(2, x.shape[2:])
        mixed = x.new_empty(len(x), *bias.shape)
        for one, own in zip(x.flatten(2), mixed, strict=True):  # in place: a copy less
            torch.addmm(bias, weight, one, out=own)
        return mixed.unflatten(2, x.shape[2:])
