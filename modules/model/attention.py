"""Scaled dot-product attention (Vaswani et al. 2017, equation 1), with a choice of kernel."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Kernel = Literal["sdpa", "matmul"]


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int, kernel: Kernel = "sdpa") -> Tensor:
    """Attention of `q` (B, n, heads*d) over `k` and `v` (B, m, heads*d); gives (B, n, heads*d).

    "sdpa" is torch's fused kernel. "matmul" writes the product out: slower, but made of plain
    operations whose rounding is the same on every build of torch.
    """
    q, k, v = (split_heads(t, heads) for t in (q, k, v))  # (B, heads, n or m, d)
    if kernel == "sdpa":
        return join_heads(F.scaled_dot_product_attention(q, k, v))
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # (B, heads, n, m)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(v.dtype)
    return join_heads(weights @ v)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, n, heads*d) to (B, heads, n, d)."""
    batch, length, _ = x.shape
    return x.view(batch, length, heads, -1).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """(B, heads, n, d) to (B, n, heads*d)."""
    return x.transpose(1, 2).flatten(2)
