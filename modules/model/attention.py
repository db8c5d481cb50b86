"""Scaled dot-product attention (Vaswani et al. 2017, equation 1), with a choice of kernel."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Kernel = Literal["sdpa", "matmul", "blocks"]


PLAIN_SCORES = 2**16
"""Scores (n * m) of a head up to which a CPU writes the product out even for "sdpa": pictures up to
128 x 128. Above, the fused kernel is several times as fast."""
SCORES_AT_ONCE = 2**20
"""How many "blocks" holds at a time: two megabytes, which stay in a processor's cache."""
ROWS_AT_ONCE = 256
"""Queries of a head at a time, at most."""


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int, kernel: Kernel = "sdpa") -> Tensor:
    """Attention of `q` (B, n, heads*d) over `k` and `v` (B, m, heads*d); gives (B, n, heads*d).

    "sdpa" is torch's fused kernel, except for small pictures in full precision on a CPU. "matmul"
    writes the product out: made of plain operations whose rounding is the same on every build of
    torch, and to the last bit what A1111 computes on a CPU. "blocks" computes a part of the scores
    at a time, with the processor's own products of bfloat16 and exact sums of exponentials in
    float32: about twice as fast there as the fused kernel, which does not use them.
    """
    if kernel == "blocks":
        rows = (split_heads(t, heads).flatten(0, 1) for t in (q, k, v))
        return join_heads(attention_in_blocks(*rows).unflatten(0, (q.shape[0], heads)))
    if kernel == "matmul" or suits_plain(q, k, PLAIN_SCORES):
        rows = (split_heads(t, heads).flatten(0, 1) for t in (q, k, v))
        mixed = plain_attention(*rows).unflatten(0, (q.shape[0], heads))
        return join_heads(mixed)
    q, k, v = (split_heads(t, heads) for t in (q, k, v))  # (B, heads, n or m, d)
    return join_heads(F.scaled_dot_product_attention(q, k, v))


def suits_plain(q: Tensor, k: Tensor, most_scores: int) -> bool:
    """Whether `q` (B, n, c) and `k` (B, m, c) are in full precision on a CPU and small enough."""
    small = q.shape[1] * k.shape[1] <= most_scores
    return small and q.device.type == "cpu" and q.dtype == torch.float32


def plain_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """`q` (rows, n, d) over `k` and `v` (rows, m, d); gives (rows, n, d)."""
    scores = q @ (k * k.shape[-1] ** -0.5).transpose(1, 2)
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(v.dtype) @ v


def attention_in_blocks(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """`q` (rows, n, d) over `k` and `v` (rows, m, d); gives (rows, n, d)."""
    keys = (k * k.shape[-1] ** -0.5).transpose(1, 2)
    mixed = torch.empty_like(q)
    rows_at_once = max(64, min(ROWS_AT_ONCE, SCORES_AT_ONCE // k.shape[1]))
    rows_at_once = min(q.shape[1], rows_at_once)
    heads_at_once = max(1, SCORES_AT_ONCE // (rows_at_once * k.shape[1]))
    for head in range(0, len(q), heads_at_once):
        heads = slice(head, head + heads_at_once)
        for row in range(0, q.shape[1], rows_at_once):
            part = slice(row, row + rows_at_once)
            scores = torch.bmm(q[heads, part], keys[heads])  # (heads, rows_at_once, m)
            mixed[heads, part] = torch.bmm(torch.softmax(scores, dim=-1), v[heads])
    return mixed


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, n, heads*d) to (B, heads, n, d)."""
    batch, length, _ = x.shape
    return x.view(batch, length, heads, -1).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """(B, heads, n, d) to (B, n, heads*d)."""
    return x.transpose(1, 2).flatten(2)
