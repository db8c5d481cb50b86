"""A linear layer whose weights stay packed and are unpacked for the moment of each use."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.packing import Packed


class PackedLinear(nn.Module):
    """Like `nn.Linear`, in the type of its input; takes the memory of the packed weights only."""

    def __init__(
        self, packed: Packed, bias: Tensor | None = None, scale: Tensor | None = None
    ) -> None:
        """`packed` is (out, in), `bias` (out,); `scale`, one number, multiplies all weights."""
        super().__init__()
        self.packing, self.shape = packed.packing, packed.shape
        self.raw = nn.Parameter(packed.raw, requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.scale = None if scale is None else nn.Parameter(scale, requires_grad=False)

    @property
    def out_features(self) -> int:
        """Width of the result."""
        return self.shape[0]

    @property
    def in_features(self) -> int:
        """Width of the input."""
        return self.shape[1]

    def unpacked(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The weights (out, in)."""
        weight = Packed(self.packing, self.shape, self.raw).unpacked()
        if self.scale is not None:
            weight = weight * self.scale.float()
        return weight.to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.unpacked(x.dtype), bias)
