"""What the diffusion transformers of Stable Diffusion 3 and FLUX.1 are both made of.

Their blocks have no weights in the norms; instead the timestep and the pooled prompt shift, scale
and gate what happens in them (adaptive layer norm, Peebles and Xie 2022, arXiv:2212.09748).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.networks.layers import Linear

NORM_EPS = 1e-6


def normed(x: Tensor) -> Tensor:
    """Layer normalisation of (B, n, width) without weights, computed in float32."""
    return F.layer_norm(x.float(), x.shape[-1:], eps=NORM_EPS).to(x.dtype)


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Scale and shift (B, n, width) by vectors (B, width), one for each picture."""
    return x * (1 + scale[:, None]) + shift[:, None]


class RMSNorm(nn.Module):
    """Root mean square normalisation (Zhang and Sennrich 2019) of the last dimension, in float32.

    The two families of files call its only parameter differently, hence `parameter`.
    """

    def __init__(self, width: int, parameter: str = "weight", eps: float = NORM_EPS) -> None:
        super().__init__()
        self.parameter, self.eps = parameter, eps
        self.register_parameter(parameter, nn.Parameter(torch.ones(width)))

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to the same, in the type of `x`."""
        exact = x.float()
        rooted = torch.rsqrt(exact.pow(2).mean(dim=-1, keepdim=True) + self.eps)
        return (exact * rooted * getattr(self, self.parameter).float()).to(x.dtype)


class TanhMlp(nn.Sequential):
    """The two-layer perceptron of a block, with the tanh form of GELU between its layers."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__(Linear(width, inner), nn.GELU(approximate="tanh"), Linear(inner, width))


def split_qkv(projected: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """One projection (B, n, 3*heads*d) to queries, keys and values, each (B, heads, n, d)."""
    batch, length, _ = projected.shape
    parts = projected.view(batch, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
    return parts[0], parts[1], parts[2]


def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention over (B, heads, n, d), heads joined again: (B, n, heads*d)."""
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
