"""Normalisations that compute in float32 whatever the weights' type.

Half-precision networks lose pictures to half-precision statistics. The result is rounded back to
the input's type at once, which is where pictures made in half precision have always been rounded.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu & He 2018) of (B, C, ...) in float32, rounded to the input's type."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, ...)."""
        weight, bias = self.weight.float(), self.bias.float()
        if input.dtype == torch.bfloat16 and input.device.type == "cpu":
            # The processor's kernel does just this by itself, without two copies of the input.
            return F.group_norm(input, self.num_groups, weight, bias, self.eps)
        return F.group_norm(input.float(), self.num_groups, weight, bias, self.eps).to(input.dtype)


class LayerNorm(nn.LayerNorm):
    """Layer normalisation (Ba et al. 2016) in float32, rounded to the input's type."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise the last dimension."""
        return self.in_float32(input).to(input.dtype)

    def in_float32(self, input: Tensor) -> Tensor:
        """The same without the rounding."""
        weight, bias = self.weight.float(), self.bias.float()
        return F.layer_norm(input.float(), self.normalized_shape, weight, bias, self.eps)
