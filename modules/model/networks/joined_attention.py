"""Transformer layers with one matrix for queries, keys and values, under the names of OpenCLIP."""

import torch
from torch import Tensor, nn

from modules.model.attention import attend
from modules.model.networks.layers import Linear
from modules.model.networks.norms import LayerNorm


class JoinedAttention(nn.Module):
    """Self-attention with one matrix for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.zeros(width * 3, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(width * 3))
        self.out_proj = Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        q, k, v = nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        return self.out_proj(attend(q, k, v, self.heads))


class Mlp(nn.Module):
    """The two-layer perceptron of a layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = Linear(width, width * 4)
        self.c_proj = Linear(width * 4, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same; CLIP's quick form of GELU."""
        h = self.c_fc(x)
        return self.c_proj(h * torch.sigmoid(1.702 * h))


class JoinedLayer(nn.Module):
    """Attention and perceptron, each normalised before and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = JoinedAttention(width, heads)
        self.ln_1 = LayerNorm(width)
        self.mlp = Mlp(width)
        self.ln_2 = LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))
