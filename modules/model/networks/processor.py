"""What a processor does quickest in bfloat16, for layers that only draw and do not learn.

oneDNN adds a bias, a GELU or a gate while a product is still in its registers; torch's own layers
write the product out first and read it again. Sums are in float32 in either case.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

SMALL_MAP = 256
"""Places of a feature map (h * w) up to which a large convolution is better a matrix product: its
weights, tens of megabytes, are then read once, and not first brought into another order."""
LARGE_WEIGHTS = 2**24
"""Numbers of such a convolution; half of it suffices for maps of a quarter of those places."""


def quick(x: Tensor, weight: Tensor) -> bool:
    """Whether `x` and `weight` are what these functions are for."""
    return (
        x.dtype == weight.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and torch.backends.mkldnn.is_available()
    )


def product(x: Tensor, weight: Tensor, bias: Tensor | None, then: str = "none") -> Tensor:
    """`x` (..., n) times `weight` (m, n) and `bias` (m,), "none" or "gelu" of it; (..., m)."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, then, [], "none")
    return found


def gated_product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(x V + b) * gelu(x W + c) (Shazeer 2020); `weight` (2m, n) is V above W, `bias` is b, c."""
    (value, gate), (value_bias, gate_bias) = weight.chunk(2), bias.chunk(2)
    factor = product(x, gate, gate_bias, "gelu")
    found: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, factor, value, value_bias, "mul")
    return found


def small_map(x: Tensor, weight: Tensor) -> bool:
    """Whether a convolution of `x` (B, C, h, w) with 3 x 3 weights in channels-last order is better
    done by `conv_of_small_map`. Does not depend on B: pictures must not depend on their batch."""
    places = x[0, 0].numel()
    enough = LARGE_WEIGHTS // (1 if 4 * places > SMALL_MAP else 2)
    return (
        places <= SMALL_MAP
        and weight.numel() >= enough
        and weight.is_contiguous(memory_format=torch.channels_last)
    )


def conv_of_small_map(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """3 x 3 convolution with padding 1: every place's neighbourhood as a row of a matrix.

    `x` (B, C, h, w), `weight` (out, C, 3, 3); gives (B, out, h, w), channels last.
    """
    batch, channels, height, width = x.shape
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))  # (B, h + 2, w + 2, C)
    around = padded.unfold(1, 3, 1).unfold(2, 3, 1)  # (B, h, w, C, 3, 3)
    rows = around.permute(0, 1, 2, 4, 5, 3).reshape(batch * height * width, 9 * channels)
    columns = weight.permute(0, 2, 3, 1).reshape(len(weight), 9 * channels)
    return product(rows, columns, bias).view(batch, height, width, -1).permute(0, 3, 1, 2)
